"""
Can a column change what a text means?
======================================

Reviews lie in a table. Beside each stand the site that it comes from and the price of what it is
about. One of the two sites is satirical: its reviews mean the opposite of what they say. So a text
can only be judged together with its columns.

The reviews are generated, so that it is known what the label depends on.
"""

# %%
# The sentences of :func:`~skrnn.datasets.make_sentences` say in many ways that something is good or
# bad. What costs less than 20 is bought anyhow, what costs more than 80 never; between the two the
# review decides.
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skrnn.datasets import make_sentences

reviews, sentiments = make_sentences(3000, random_state=0)
rng = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "review": reviews,
        "site": pd.Categorical(rng.choice(["daily", "satire"], size=len(reviews))),
        "price": rng.uniform(0, 100, size=len(reviews)).round(2),
    }
)
is_praise = (sentiments == "positive") == (X["site"] == "daily")
y = np.where((X["price"] < 20) | is_praise & (X["price"] < 80), "bought", "left")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=600, random_state=0)
X_train.head(3)

# %%
# That table is X. Strings are texts; numbers and categories are columns with one value a sequence,
# scaled and embedded inside. :doc:`/user_guide/tables` has the rules.
#
# Without the text a feed-forward network reads the columns. With scikit-learn alone a
# :class:`~sklearn.compose.ColumnTransformer` puts TF-IDF of words and pairs of words beside the
# columns, and a logistic regression follows.
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skrnn import FeedForwardClassifier, SequenceClassifier

text_and_columns = make_column_transformer(
    (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), "review"),
    (OneHotEncoder(), ["site"]),
    (StandardScaler(), ["price"]),
)
network = SequenceClassifier(hidden_size=32, max_epochs=10, lr=0.01, random_state=0)
columns = ["site", "price"]
models = {
    "text alone": (network, ["review"]),
    "columns alone": (FeedForwardClassifier(max_epochs=15, random_state=0), columns),
    "TF-IDF + columns,\nlogistic regression": (
        make_pipeline(text_and_columns, LogisticRegression(max_iter=1000)),
        ["review", *columns],
    ),
    "text + columns": (network, ["review", *columns]),
}
accuracy = {}
for name, (model, used) in models.items():
    model.fit(X_train[used], y_train)
    accuracy[name] = model.score(X_test[used], y_test)
    print(f"{name.replace(chr(10), ' '):>40}: {accuracy[name]:.3f}")

# %%
# The logistic regression adds up what words and columns say, each on its own. So no word can mean
# one thing on one site and another on the other, and the text adds nothing to the columns. In the
# network a hidden layer follows the join of text and columns.
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
colours = ["#bbbbbb"] * 3 + ["#1764ab"]
bars = axis.barh(list(accuracy), list(accuracy.values()), color=colours)
axis.bar_label(bars, fmt="%.2f", padding=4)
axis.set(xlabel="test accuracy", xlim=(0, 1.08))
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The same praise, on either site and at every price:
sentence = "overall the film was not dull but very funny and i say so today"
prices = np.linspace(0, 100, 101)
bought = list(network.classes_).index("bought")
figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
for site, colour in (("daily", "#1764ab"), ("satire", "#d1495b")):
    rows = pd.DataFrame({"review": sentence, "site": site, "price": prices})
    probabilities = network.predict_proba(rows)[:, bought]
    axis.plot(prices, probabilities, color=colour, lw=2.5, label=site)
for price in (20, 80):
    axis.axvline(price, color="gray", linestyle=":")
for price, what in (
    (10, "always bought"),
    (50, "the review decides"),
    (90, "always left"),
):
    axis.text(price, 1.08, what, color="gray", ha="center")
axis.set(xlabel="price", ylabel='probability of "bought"', ylim=(0, 1.05), xlim=(0, 100))
axis.spines[["top", "right"]].set_visible(False)
axis.legend(title="site", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
figure.suptitle(f'"{sentence}"', style="italic")
plt.show()
