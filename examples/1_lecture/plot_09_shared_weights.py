"""
What does it bring to share weights between steps?
==================================================

A feed-forward network has weights of its own for each step of its window. A recurrent
network uses the same weights at each step. Two things follow, and this page measures both:
the number of parameters does not depend on the length, and what was learned at one position
is known at every other.
"""

# %%
# Parameters
# ----------
#
# Both networks are built for windows of 10, 100 and 1,000 steps of 8 features. One pass over a
# few sequences is enough to count. By default several steps of long sequences are read as one;
# ``patch_size=1`` reads each by itself, with the same weights.
import numpy as np

from skrnn import FeedForwardClassifier, SequenceClassifier

rng = np.random.default_rng(0)
windows = [10, 30, 100, 300, 1000]
counts = {"recurrent": [], "feed-forward": []}
for window in windows:
    X = rng.normal(size=(8, window, 8)).astype("float32")
    y = np.arange(8) % 2
    for name, cls in zip(
        counts, (SequenceClassifier, FeedForwardClassifier), strict=True
    ):
        model = cls(patch_size=1, max_epochs=1, random_state=0).fit(X, y)
        counts[name].append(model.n_parameters_)
for name, numbers in counts.items():
    print(f"{name:>12}:", "  ".join(f"{n:>9,}" for n in numbers))


# %%
# Positions
# ---------
#
# Signals of 48 noisy steps. In one of two classes the noise hides a pulse that first rises and
# then falls, in the other one that first falls and then rises. In training the pulse comes in
# the first half. In the test it comes anywhere.
def make_signals(n_signals, positions, rng):
    """Return signals ``(n_signals, 48, 1)``, their classes and the pulses' positions."""
    X = 0.3 * rng.normal(size=(n_signals, 48, 1))
    y = rng.integers(0, 2, size=n_signals)
    at = rng.choice(positions, size=n_signals)
    pulse = np.array([1.0, 2.0, 1.0, -1.0, -2.0, -1.0])
    for i in range(n_signals):
        X[i, at[i] : at[i] + len(pulse), 0] += pulse if y[i] else -pulse
    return X.astype("float32"), y, at


X_train, y_train, _ = make_signals(600, np.arange(0, 19), rng)
X_test, y_test, at = make_signals(4300, np.arange(0, 43), rng)

models = {
    "recurrent": SequenceClassifier(hidden_size=16, max_epochs=25, random_state=0),
    "feed-forward": FeedForwardClassifier(max_epochs=25, random_state=0),
}
right = {}
for name, model in models.items():
    right[name] = model.fit(X_train, y_train).predict(X_test) == y_test
    seen, unseen = right[name][at < 19].mean(), right[name][at >= 24].mean()
    print(
        f"{name:>12}: {model.n_parameters_:,} parameters; accuracy where pulses were in "
        f"training {seen:.3f}, elsewhere {unseen:.3f}"
    )

# %%
# The feed-forward network recognises the pulse only where it has seen it. Its weights for
# the second half have seen noise alone, and it guesses there. The recurrent network has one set of
# weights, which has learned the pulse, wherever it comes.
import matplotlib.pyplot as plt

colors = {"recurrent": "C0", "feed-forward": "C1"}
figure, (left, middle) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name, numbers in counts.items():
    left.loglog(windows, numbers, "o-", color=colors[name], label=name)
    left.annotate(
        f"{numbers[-1]:,}",
        (windows[-1], numbers[-1]),
        textcoords="offset points",
        xytext=(0, -14),
        ha="right",
    )
left.set(xlabel="steps of the window", ylabel="parameters", title="Parameters by length")
left.legend(frameon=False)
positions = np.unique(at)
middle.axvspan(-0.5, 18.5, color="0.92", zorder=0)
middle.text(9, 0.06, "positions in training", ha="center")
middle.axhline(0.5, color="0.6", linestyle=":")
for name in models:
    accuracy = [right[name][at == position].mean() for position in positions]
    middle.plot(positions, accuracy, color=colors[name], label=name)
middle.set(
    xlabel="position of the pulse",
    ylabel="test accuracy",
    ylim=(0, 1.04),
    title="Accuracy by position",
)
middle.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.2))
