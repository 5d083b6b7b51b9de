"""
Can it read sequences longer than those it was trained on?
==========================================================

A recurrent network applies the same weights at each step, so it accepts any length. A
feed-forward network reads a window of fixed length and truncates longer sequences.

Both learn to classify noisy waves of three frequencies from sequences of 10 to 20 steps, and are
then tested on shorter and longer ones.
"""

# %%
from skrnn.datasets import make_waves

X, y = make_waves(900, noise=1.0, min_steps=10, max_steps=20, random_state=0)
print(X[0].shape, X[1].shape, X[2].shape, "...")

# %%
from skrnn import FeedForwardClassifier, SequenceClassifier

models = {
    "recurrent": SequenceClassifier(
        hidden_size=32, pooling="mean", max_epochs=30, random_state=0
    ),
    "feed-forward": FeedForwardClassifier(max_epochs=30, random_state=0),
}
for name, model in models.items():
    model.fit(X, y)
    print(f"{name:>12}: {model.n_parameters_:,} parameters")

# %%
# A longer sequence has more information: over more cycles the noise averages out. The recurrent
# network uses it, far beyond the lengths in training. The feed-forward network reads the last 20
# steps only.
lengths = [5, 10, 20, 40, 80, 160]
accuracy = {name: [] for name in models}
for n_steps in lengths:
    X_test, y_test = make_waves(
        600, noise=1.0, min_steps=n_steps, max_steps=n_steps, random_state=1
    )
    for name, model in models.items():
        accuracy[name].append(model.score(X_test, y_test))
for name, values in accuracy.items():
    print(f"{name:>12}:", " ".join(f"{value:.2f}" for value in values))

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
axis.axvspan(10, 20, color="gray", alpha=0.2, label="lengths in training")
for name, values in accuracy.items():
    axis.plot(lengths, values, marker="o", label=name)
axis.set(xscale="log", xlabel="steps of the test sequences", ylabel="test accuracy")
axis.set_xticks(lengths, lengths)
axis.minorticks_off()
axis.legend()
plt.show()
