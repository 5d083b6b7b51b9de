"""
Does a network remember which brackets are open?
=================================================

A text in which every bracket closes, and closes the right one, cannot be written by
looking at the last few characters: what must come next was opened long ago. A recurrent
language model keeps it in its state. The baseline, an n-gram network, sees a window.
"""

# %%
# The texts
# ---------
# Three kinds of brackets, nested at random. Each text is complete: all brackets close.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from skrnn import FeedForwardGenerator, SequenceGenerator

PAIRS = {")": "(", "]": "[", "}": "{"}
random = np.random.RandomState(0)


def make_text(longest=24):
    """Return a text of matching brackets, of up to ``longest`` characters."""
    text, still_open = "", []
    while True:
        may_open = len(text) + len(still_open) < longest - 1
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
# Learning to write them
# ----------------------
# One character in, a text out. Training sees texts and nothing about brackets.

models = {
    "recurrent": SequenceGenerator(
        hidden_size=64, embedding_dim=8, dropout=0, max_epochs=25, lr=0.01, random_state=0
    ),
    "window of 4": FeedForwardGenerator(
        window=4, embedding_dim=8, dropout=0, max_epochs=25, lr=0.01, random_state=0
    ),
}
samples = {}
for name, model in models.items():
    model.fit(texts)
    samples[name] = model.sample(1000, max_length=40, random_state=1)
    print(f"{name}: perplexity {model.perplexity(texts):.3f}, for example")
    print(f"  {samples[name][0]}")

# %%
# Where they go wrong
# -------------------
# A closing bracket is wrong if another one, or none, is open. How far back the bracket
# was opened that it should close, tells what had to be remembered.


def closings(text):
    """Yield for each closing bracket its distance to what it closes, and if it is right."""
    still_open = []
    for place, mark in enumerate(text):
        if mark not in PAIRS:
            still_open.append((place, mark))
        elif still_open:
            opened, partner = still_open.pop()
            yield place - opened, partner == PAIRS[mark]


edges = np.array([1, 3, 5, 9, 13, 24])
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, written in samples.items():
    found = np.array([pair for text in written for pair in closings(text)])
    bins = np.digitize(found[:, 0], edges) - 1
    shares = [found[bins == i, 1].mean() for i in range(len(edges) - 1)]
    axes.plot(shares, marker="o", label=name)
    print(f"{name}: {found[:, 1].mean():.1%} of closing brackets are right")
labels = [f"{a}–{b - 1}" if b - a > 1 else f"{a}" for a, b in pairwise(edges)]
axes.set_xticks(range(len(labels)), labels)
axes.axhline(1 / 3, color="grey", linestyle=":", label="by chance")
axes.set(
    xlabel="characters since the bracket was opened",
    ylabel="share of closing brackets that are right",
    ylim=(0, 1.03),
    title="What lies beyond the window is guessed",
)
axes.legend(loc="lower left")
plt.show()
