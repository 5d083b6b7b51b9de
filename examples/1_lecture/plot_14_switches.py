"""
What if a label depends on something long past?
===============================================

A sensor observes a device that is switched by pulses: one turns it on, the next one off again.
Between pulses the signal is noise. Is the device on? Far from a pulse only memory helps: the
label depends on the number of pulses since the beginning.
"""

# %%
# Each step has a label, "on" or "off". Training sequences are short and have more pulses; test
# sequences are three times as long.
from skrnn.datasets import make_switches

X_train, y_train = make_switches(
    600, min_steps=10, max_steps=50, rate=0.1, noise=0.15, random_state=0
)
X_test, y_test = make_switches(
    200, min_steps=50, max_steps=150, rate=0.05, noise=0.15, random_state=1
)
print(X_train[0].shape, X_train[1].shape, "...", X_test[0].shape, X_test[1].shape, "...")

# %%
# The recurrent tagger reads forwards only, as in real-time use. The baseline reads ten steps on
# each side.
from skrnn import FeedForwardTagger, SequenceTagger

settings = {"crf": False, "dropout": 0.0, "lr": 0.01, "max_epochs": 40, "random_state": 0}
models = {
    "recurrent": SequenceTagger(hidden_size=32, bidirectional=False, **settings),
    "window": FeedForwardTagger(context=10, **settings),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name:>10}: {model.score(X_test, y_test):.3f} of the test steps are right")

# %%
# One of the test sequences. ``predict_proba`` gives an array ``(n_steps, n_classes)`` for each.
import matplotlib.pyplot as plt
import numpy as np

example = next(i for i, labels in enumerate(y_test) if len(labels) > 120)
signal, truth = X_test[example][:, 0], y_test[example] == "on"
figure, axes = plt.subplots(
    len(models) + 1, 1, figsize=(7, 4.4), sharex=True, layout="constrained"
)
axes[0].plot(signal, color="0.25", linewidth=1)
axes[0].set(ylabel="signal", title="Shaded: the device is on")
for i, (axis, (name, model)) in enumerate(zip(axes[1:], models.items(), strict=True)):
    on = model.predict_proba([X_test[example]])[0][:, list(model.classes_).index("on")]
    axis.plot(on, color=f"C{i}")
    axis.set(ylabel=f"{name}:\nP(on)", ylim=(-0.05, 1.05))
for axis in axes:
    axis.bar(
        np.flatnonzero(truth),
        1,
        width=1,
        transform=axis.get_xaxis_transform(),
        color="0.88",
        zorder=0,
    )
    axis.set_xlim(-0.5, len(truth) - 0.5)
axes[-1].set_xlabel("step")
plt.show()

# %%
# Accuracy by the distance from the last pulse (before the first pulse: from the beginning).
LIMITS = [0, 1, 3, 6, 11, 21, 41, np.inf]
LABELS = ["0", "1–2", "3–5", "6–10", "11–20", "21–40", "over 40"]


def steps_since_switch(labels):
    """Return, for each step, the number of steps since the label last changed."""
    steps = np.arange(len(labels))
    changed = np.append(False, labels[1:] != labels[:-1])
    return steps - np.maximum.accumulate(np.where(changed, steps, 0))


distance = np.concatenate([steps_since_switch(labels) for labels in y_test])
groups = np.digitize(distance, LIMITS) - 1
accuracy = {}
for name, model in models.items():
    right = np.concatenate(model.predict(X_test)) == np.concatenate(y_test)
    accuracy[name] = [right[groups == group].mean() for group in range(len(LABELS))]
    print(f"{name:>10}:", " ".join(f"{value:.2f}" for value in accuracy[name]))

# %%
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
for name, values in accuracy.items():
    axis.plot(LABELS, values, marker="o", label=name)
off = [
    (np.concatenate(y_test)[groups == group] == "off").mean()
    for group in range(len(LABELS))
]
axis.plot(LABELS, off, color="gray", linestyle=":", label='always "off"')
axis.set(xlabel="steps since the last pulse", ylabel="test accuracy", ylim=(0.4, 1.02))
axis.legend(loc="center right")
plt.show()

# %%
# The recurrent tagger is as accurate far from a pulse as near it, on sequences longer than all in
# training. The baseline is little better than always "off": the pulses lie outside its window.
