"""
Does the order of words matter?
===============================

"The film was not dull but funny" and "the film was not funny but dull" have the same words.
A model that counts words cannot distinguish them. A recurrent network reads them in order.

The sentences here are generated so that only the order matters: each has a counterpart of the
other class with the same words.
"""

# %%
from sklearn.model_selection import train_test_split

from skrnn.datasets import make_sentences

X, y = make_sentences(1200, random_state=0)
for sentence, label in zip(X[:6], y[:6], strict=True):
    print(f"{label:>8}: {sentence}")

# %%
# Four models: counts of words, counts of words and of pairs of neighbours, a feed-forward network
# and a recurrent network. The two networks accept strings.
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skrnn import FeedForwardClassifier, SequenceClassifier

models = {
    "bag of words": make_pipeline(CountVectorizer(), LogisticRegression(max_iter=1000)),
    "bag of words\nand pairs": make_pipeline(
        CountVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000)
    ),
    "feed-forward\nnetwork": FeedForwardClassifier(
        dropout=0.1, lr=0.02, max_epochs=10, random_state=0
    ),
    "recurrent\nnetwork": SequenceClassifier(
        hidden_size=32, dropout=0.1, lr=0.02, max_epochs=10, random_state=0
    ),
}

# %%
# How many sentences does each model need? All are trained on the first 100, 200, ... and tested
# on the same 400.
import numpy as np

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=400, random_state=0)
sizes = [100, 200, 400, 800]
accuracy = {
    name: [
        model.fit(X_train[:size], y_train[:size]).score(X_test, y_test) for size in sizes
    ]
    for name, model in models.items()
}
for name, values in accuracy.items():
    print(f"{name.replace(chr(10), ' '):>22}: {np.round(values, 3)}")

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, values in accuracy.items():
    axis.plot(sizes, values, marker="o", label=name)
axis.axhline(0.5, color="gray", linestyle=":")
axis.set(xscale="log", xlabel="training sentences", ylabel="test accuracy")
axis.set_xticks(sizes, sizes)
axis.minorticks_off()
figure.legend(loc="outside right center")
plt.show()

# %%
# Counts of words gain nothing from more sentences. Pairs of neighbours help where an adjective
# follows a decisive word directly, as in "but funny", and not in "but really funny". The recurrent
# network learns how "not", "but" and "seemed" affect the words that follow.
