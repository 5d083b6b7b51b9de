"""
When is a recurrent network better, and when is it not?
=======================================================

A difference of two accuracies may be noise. `compare_estimators` cross-validates several
estimators on the same folds, and tests their differences by a t-test that takes into
account that training sets of folds overlap [1]_. Here for three kinds of data: sentences
whose words stand in a telling order, spoken vowels, and flowers.
"""

# %%
# Sentences: "not dull but funny" against "not funny but dull". A recurrent network reads the order.
# TF-IDF counts words and pairs of neighbours, and the feed-forward network has
# weights of its own for each place.
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.datasets import make_sentences
from skrnn.model_selection import compare_estimators

X, y = make_sentences(400, random_state=0)
sentences = compare_estimators(
    {
        "recurrent": SequenceClassifier(
            hidden_size=32, dropout=0.1, lr=0.02, max_epochs=10, random_state=0
        ),
        "feed-forward": FeedForwardClassifier(
            hidden_layer_sizes=(32,), dropout=0.1, lr=0.02, max_epochs=10, random_state=0
        ),
        "TF-IDF": make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()
        ),
    },
    X,
    y,
    scoring="accuracy",
)
print(sentences)

# %%
# Spoken vowels of nine speakers. The utterances are short and aligned: each begins with its
# first sound. A window of them is as good, and faster.
from skrnn.datasets import load_japanese_vowels

X, y = load_japanese_vowels(subset="train", return_X_y=True)
vowels = compare_estimators(
    {
        "recurrent": SequenceClassifier(
            hidden_size=32, lr=0.02, max_epochs=10, random_state=0
        ),
        "feed-forward": FeedForwardClassifier(
            hidden_layer_sizes=(32,), lr=0.02, max_epochs=10, random_state=0
        ),
    },
    X,
    y,
    scoring="accuracy",
)
print(vowels)

# %%
# Flowers: one vector of four lengths each, no steps at all. Here a recurrent network reads four
# numbers, one after the other, as if they were a series. Nothing is gained by that: a linear
# model is at least as good.
from sklearn.datasets import load_iris

X, y = load_iris(return_X_y=True)
flowers = compare_estimators(
    {
        "recurrent": SequenceClassifier(
            hidden_size=32, lr=0.01, max_epochs=20, random_state=0
        ),
        "feed-forward": FeedForwardClassifier(lr=0.01, max_epochs=20, random_state=0),
        "linear": LogisticRegression(max_iter=1000),
    },
    X,
    y,
    scoring="accuracy",
)
print(flowers)

# %%
# Each dot is a fold, and a line joins the same fold; the marks are means with their corrected
# standard errors. The p-values are those of the difference to the recurrent network.
import matplotlib.pyplot as plt

from skrnn.model_selection import ComparisonDisplay

comparisons = {"order of words": sentences, "vowels": vowels, "flowers": flowers}
figure, axes = plt.subplots(
    3, figsize=(9, 6), layout="constrained", sharex=True, height_ratios=[3, 2, 3]
)
for axis, (name, comparison) in zip(axes, comparisons.items(), strict=True):
    ComparisonDisplay.from_comparison(comparison, ax=axis)
    axis.set_title(name, loc="right", weight="bold", size=11)
for axis in axes[:-1]:
    axis.set_xlabel("")
for axis in axes[1:]:
    axis.get_legend().remove()
plt.show()

# %%
# So a recurrent network pays where order counts and is not at fixed places. For your own
# file of texts, ``python -m skrnn compare data.csv --text review --target label`` gives the
# answer in one line: :doc:`../../user_guide/comparing`.
#
# .. rubric:: References
#
# .. [1] Nadeau, Bengio (2003). Inference for the generalization error. Machine Learning 52.
