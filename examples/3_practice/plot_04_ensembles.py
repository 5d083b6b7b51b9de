"""
More heads are better than one
==============================

The same network, started from other random weights, makes other errors. What does it bring to ask
several and to take the mean of their probabilities, and what does it cost?
"""

# %%
# The data
# --------
# Written digits, read row by row: eight steps of eight pixels. Few of them are used for training,
# so that there is something to gain.

import time

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skrnn import FeedForwardClassifier, SequenceClassifier

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, train_size=200, stratify=digits.target, random_state=0
)
print(f"{len(X)} images for training, {len(X_test):,} for testing")

# %%
# Members
# -------
# `n_estimators` says how many networks are trained. The members of a smaller ensemble are the first
# ones of a larger one, so each line below asks the same networks and some more. Three values of
# `random_state` show how much is left to chance.

rows = []
for kind, parameters in (
    (
        SequenceClassifier,
        {"cell": "gru", "hidden_size": 32, "lr": 0.02, "max_epochs": 15},
    ),
    (FeedForwardClassifier, {"hidden_layer_sizes": (64,), "lr": 0.02, "max_epochs": 15}),
):
    for seed in range(3):
        for n_estimators in (1, 2, 4):
            model = kind(n_estimators=n_estimators, random_state=seed, **parameters)
            start = time.perf_counter()
            model.fit(X, y)
            seconds = time.perf_counter() - start
            errors = 1 - model.score(X_test, y_test)
            rows.append((kind.__name__, n_estimators, seed, 100 * errors, seconds))
columns = ["network", "members", "seed", "errors (%)", "fit (s)"]
results = pd.DataFrame(rows, columns=columns)
print(results.groupby(["network", "members"])[columns[3:]].mean().round(2))

# %%
# The mean of several makes fewer errors than one network does on average, and the seeds differ
# less: an ensemble is also an insurance against an unlucky start. The time grows in proportion.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for (network, group), color in zip(results.groupby("network"), ["C1", "C0"], strict=True):
    for ax, column in zip(axes, columns[3:], strict=True):
        ax.plot(group["members"], group[column], ".", color=color, alpha=0.5)
        ax.plot(group.groupby("members")[column].mean(), "-o", color=color, label=network)
for ax, column in zip(axes, ("test errors (%)", "seconds of training"), strict=True):
    ax.set_xscale("log", base=2)
    ax.set_xticks([1, 2, 4], ["1", "2", "4"])
    ax.set_xlabel("members")
    ax.set_ylabel(column)
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
axes[0].legend(fontsize="small")
figure.suptitle("Lines are means of three seeds, dots the seeds")
plt.show()

one, four = (
    results.query("network == 'SequenceClassifier' and members == @n")[
        "errors (%)"
    ].mean()
    for n in (1, 4)
)
print(f"four networks make {100 * (1 - four / one):.0f} % fewer errors than one")

# %%
# **Where it ends.** Errors that all members share stay: an image that all of them take for another
# digit is not found by a vote. More data help there.
