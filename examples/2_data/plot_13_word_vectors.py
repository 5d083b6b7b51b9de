"""
Few labels, much text: vectors of your own
==========================================

Labels cost work, text costs nothing. word2vec reads text without labels and gives each word a
vector, such that words which occur in similar contexts have similar vectors. A classifier that
starts from these vectors knows something about words that none of its labelled sentences has.
"""

# %%
# Text and labels
# ---------------
# The docstrings of four libraries are at hand wherever skrnn is installed. The first sentence of
# each is to be classified by library; the whole docstrings are the text without labels.

# sphinx_gallery_thumbnail_number = 1
import inspect
import re
import warnings

import numpy as np
import pandas as pd
import sklearn.datasets
import sklearn.metrics
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils import all_estimators


def paragraphs(owner, name):
    """Return the paragraphs of a docstring."""
    text = inspect.cleandoc(str(getattr(getattr(owner, name), "__doc__", None)))
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]


def words(text):
    """Return the words of a text in lower case."""
    return re.findall(r"[a-z]+", text.lower())


with warnings.catch_warnings():  # deprecated names
    warnings.simplefilter("ignore")
    estimators = type("Estimators", (), dict(all_estimators()))
    owners = {
        "numpy": [np, np.linalg, np.fft, np.random, np.ndarray],
        "pandas": [pd, pd.DataFrame, pd.Series, pd.Index, pd.DatetimeIndex],
        "scikit-learn": [estimators, sklearn.metrics, sklearn.datasets],
        "torch": [torch, torch.Tensor, torch.nn, torch.nn.functional, torch.optim],
    }
    found = [
        (library, paragraphs(owner, name))
        for library, several in owners.items()
        for owner in several
        for name in dir(owner)
        if not name.startswith("_")
    ]
text = sorted({part for _, parts in found for part in parts if len(words(part)) >= 4})
is_sentence = re.compile(r"[A-Z][a-z]* [^(>]*\.( |$)").match
firsts = {
    (next((part.split(". ")[0] for part in parts if is_sentence(part)), ""), library)
    for library, parts in found
}
sentences = pd.DataFrame(
    [pair for pair in firsts if 4 <= len(words(pair[0])) <= 30],
    columns=["sentence", "library"],
)
sentences = sentences.drop_duplicates("sentence", keep=False).sort_values("sentence")
print(f"{len(text):,} paragraphs, {sum(len(words(part)) for part in text):,} words")
print(sentences["library"].value_counts().to_string())

# %%
# Vectors
# -------
# gensim's word2vec, 100 numbers a word. ``min_count=3`` leaves out words that are too rare to
# learn anything about.
from gensim.models import Word2Vec

vectors = Word2Vec(
    [words(part) for part in text],
    vector_size=100,
    sg=1,
    min_count=3,
    epochs=3,
    seed=0,
    workers=1,
).wv
for word in ("array", "classifier", "index", "gradient"):
    near = ", ".join(other for other, _ in vectors.most_similar(word, topn=5))
    print(f"{word:>10}: {near}")

# %%
# What they bring
# ---------------
# ``embeddings`` takes gensim's vectors as they are. ``freeze_embeddings=True`` keeps them: a vector
# that training does not change stays comparable with those of words that training has not seen.
import matplotlib.pyplot as plt

from skrnn import SequenceClassifier

X = sentences["sentence"].map(words)
X_pool, X_test, y_pool, y_test = train_test_split(
    X, sentences["library"], test_size=400, stratify=sentences["library"], random_state=0
)
variants = {
    "no vectors": {},
    "vectors to start from": {"embeddings": vectors},
    "vectors kept": {"embeddings": vectors, "freeze_embeddings": True},
}
n_labels = [25, 50, 100, 200]
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, parameters), marker in zip(variants.items(), "osD", strict=True):
    scores = []
    for n in n_labels:
        X_few, _, y_few, _ = train_test_split(
            X_pool, y_pool, train_size=n, stratify=y_pool, random_state=0
        )
        model = SequenceClassifier(
            hidden_size=32,
            lr=0.006,
            max_epochs=10,
            early_stopping=False,
            random_state=0,
            **parameters,
        )
        scores.append(model.fit(X_few, y_few).score(X_test, y_test))
    axis.plot(n_labels, scores, marker=marker, label=name)
    print(f"{name:>21}:", *(f"{score:.3f}" for score in scores))
axis.set(
    xscale="log",
    xticks=n_labels,
    xticklabels=n_labels,
    xlabel="labelled sentences",
    ylabel="test accuracy",
    title="Text without labels helps where labels are few",
)
axis.minorticks_off()
axis.legend()
plt.show()

# %%
# The vectors are worth about three times as many labelled sentences. The more labels there are, the
# less they bring: ``python -m benchmarks.word_vectors`` measures it on intents, slots and parts of
# speech, and :doc:`/benchmarks` has the table.
