"""
Does a network remember which brackets are open?
=================================================

In a text of matching brackets the next closing bracket depends on one that was opened many
characters ago. A recurrent language model keeps the open brackets in its state. The baseline, an
n-gram network, reads a window of the last four characters.
"""

# %%
# The texts
# ---------
# Three types of brackets, nested at random. In each text all brackets are closed.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from skrnn import FeedForwardGenerator, SequenceGenerator

PAIRS = {")": "(", "]": "[", "}": "{"}
random = np.random.RandomState(0)


def make_text(max_length=24):
    """Return a text of matching brackets, of up to ``max_length`` characters."""
    text, still_open = "", []
    while True:
        may_open = len(text) + len(still_open) < max_length - 1
        if still_open and (random.rand() < 0.45 or not may_open):
            opened = still_open.pop()
            text += {"(": ")", "[": "]", "{": "}"}[opened]
        elif may_open and (not text or still_open or random.rand() < 0.7):
            still_open.append("([{"[random.randint(3)])
            text += still_open[-1]
        else:
            return text


texts = [make_text() for _ in range(2000)]
for text in texts[:3]:
    print(text)

# %%
# Training
# --------
# The models learn from the texts alone, without any rule about brackets.

models = {
    "recurrent": SequenceGenerator(
        hidden_size=64,
        embedding_dim=8,
        dropout=0,
        max_epochs=15,
        lr=0.015,
        random_state=0,
    ),
    "window of 4": FeedForwardGenerator(
        window=4, embedding_dim=8, dropout=0, max_epochs=15, lr=0.015, random_state=0
    ),
}
samples = {}
for name, model in models.items():
    model.fit(texts)
    samples[name] = model.sample(1000, max_length=40, random_state=1)
    print(f"{name}: perplexity {model.perplexity(texts):.3f}, for example")
    print(f"  {samples[name][0]}")

# %%
# Errors by distance
# ------------------
# A closing bracket is wrong if the last open bracket is of another type. The distance between the
# two is the number of characters over which the type must be remembered.


def closings(text):
    """Yield each closing bracket's distance to its partner, and whether it matches."""
    still_open = []
    for place, mark in enumerate(text):
        if mark not in PAIRS:
            still_open.append((place, mark))
        elif still_open:
            opened, partner = still_open.pop()
            yield place - opened, partner == PAIRS[mark]


edges = np.array([1, 3, 5, 9, 13, 24])
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, sampled in samples.items():
    found = np.array([pair for text in sampled for pair in closings(text)])
    bins = np.digitize(found[:, 0], edges) - 1
    shares = [found[bins == i, 1].mean() for i in range(len(edges) - 1)]
    axes.plot(shares, marker="o", label=name)
    print(f"{name}: {found[:, 1].mean():.1%} of closing brackets match")
labels = [f"{a}–{b - 1}" if b - a > 1 else f"{a}" for a, b in pairwise(edges)]
axes.set_xticks(range(len(labels)), labels)
axes.axhline(1 / 3, color="grey", linestyle=":", label="by chance")
axes.set(
    xlabel="characters since the bracket was opened",
    ylabel="share of closing brackets that match",
    ylim=(0, 1.03),
    title="Beyond its window the n-gram network guesses",
)
axes.legend(loc="lower left")
plt.show()
