"""
What does a recurrent network compute?
======================================

A recurrent network reads a sequence step by step. At each step it mixes the new input with
what it remembers, its *state* ``h``, by the same three arrays of weights:

.. math::

   h_t = \\tanh(W x_t + U h_{t-1} + b), \\qquad
   p = \\operatorname{softmax}(V h_T + c)

This page unrolls a fitted network by hand in numpy and compares the result with
`predict_proba`.
"""

# %%
# A small network on spoken vowels: nine speakers, 12 features a step, 7 to 29 steps.
# Scaling is off, so that the formula is all there is.
import numpy as np

from skrnn import SequenceClassifier
from skrnn.datasets import load_japanese_vowels

X, y = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
model = SequenceClassifier(
    cell="rnn_tanh",
    bidirectional=False,
    hidden_size=24,
    pooling="last",
    scale=None,
    max_epochs=60,
    random_state=0,
).fit(X, y)
print(f"test accuracy: {model.score(X_test, y_test):.3f}")

# %%
# The network's weights are torch tensors with torch's names. torch keeps two biases, which
# are added.
weights = {name: value.numpy() for name, value in model.net_.module_.state_dict().items()}
for name, value in weights.items():
    print(f"{name:45} {value.shape}")

layer = "encoder.forward_layers.0.rnn"
W, U = weights[f"{layer}.weight_ih_l0"], weights[f"{layer}.weight_hh_l0"]
b = weights[f"{layer}.bias_ih_l0"] + weights[f"{layer}.bias_hh_l0"]
V, c = weights["head.weight"], weights["head.bias"]


# %%
# Unrolled, the whole network is a loop over steps. However long the sequence, the loop uses
# the same ``W``, ``U`` and ``b``: they are *shared*.
def states_of(sequence):
    h = np.zeros(len(b))
    states = []
    for x in sequence:
        h = np.tanh(W @ x + U @ h + b)
        states.append(h)
    return np.array(states)  # (n_steps, n_units)


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


by_hand = np.array([softmax(V @ states_of(sequence)[-1] + c) for sequence in X_test])
difference = np.abs(by_hand - model.predict_proba(X_test)).max()
print(f"largest difference in {len(X_test)} utterances: {difference:.1e}")
assert difference < 1e-5

# %%
# The states can be looked at. Below: the 24 units over the steps of one utterance, and what
# the network would answer if the utterance ended at each step. The evidence adds up: that is
# the memory at work.
import matplotlib.pyplot as plt

chosen = max(range(len(X_test)), key=lambda i: len(X_test[i]) * (by_hand[i].max() > 0.9))
states = states_of(X_test[chosen])
answers = softmax(states @ V.T + c)  # (n_steps, n_classes)
steps = np.arange(1, len(states) + 1)

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(8, 5.6), sharex=True, layout="constrained", height_ratios=(3, 2)
)
image = top.pcolormesh(
    np.append(steps, steps[-1] + 1) - 0.5,
    np.arange(states.shape[1] + 1),
    states.T,
    cmap="RdBu_r",
    vmin=-1,
    vmax=1,
)
figure.colorbar(image, ax=[top, bottom], label="state", shrink=0.6, location="right")
top.set(ylabel="unit", title="The state of 24 units, step by step")
for k, label in enumerate(model.classes_):
    right = label == y_test[chosen]
    bottom.plot(
        steps,
        answers[:, k],
        color="C3" if right else "0.7",
        linewidth=2.5 if right else 1,
        zorder=3 if right else 2,
        label=f"the right speaker, {label}" if right else None,
    )
bottom.plot([], [], color="0.7", label="the eight others")
bottom.set(
    xlabel="step",
    ylabel="probability",
    ylim=(0, 1.02),
    title="The answer if the utterance ended here",
)
bottom.legend(loc="center right", frameon=False)

# %%
# One to one
# ----------
#
# With sequences of a single step nothing is remembered, and the same formula is an ordinary
# feed-forward network with one hidden layer: ``U`` multiplies zeros. So a recurrent network
# contains the ordinary one, as its shortest case.
one_step = [sequence[:1] for sequence in X_test]
ordinary = softmax(np.tanh(np.array([x[0] for x in one_step]) @ W.T + b) @ V.T + c)
difference = np.abs(ordinary - model.predict_proba(one_step)).max()
print(f"difference from a feed-forward network on one step: {difference:.1e}")
assert difference < 1e-5
