"""
Which cell still knows what came first?
=======================================

Somewhere in the first fifth of a sequence stands a cue, X or Y, and another one in the middle.
All else is noise. The class is the order of the cues: XX, XY, YX or YY. This is the temporal
order problem with which the LSTM was introduced [1]_: the first cue must be kept over 80 of 100
steps, and combined with the second.
"""

# %%
from skrnn.datasets import make_temporal_order

X, y = make_temporal_order(2, min_steps=20, max_steps=20, random_state=0)
for tokens, label in zip(X, y, strict=True):
    print(" ".join(tokens), "->", label)

# %%
# Four cells, 32 units, the same 1,200 sequences and six passes each. They read in one direction
# and answer from the last state.
from skrnn import SequenceClassifier

LENGTHS = [20, 50, 100]
CELLS = {"LSTM": "lstm", "GRU": "gru", "tanh": "rnn_tanh", "ReLU": "rnn_relu"}


def fitted(cell, n_steps):
    """Return a network, and its accuracy on other sequences of that length."""
    size = {"min_steps": n_steps, "max_steps": n_steps}
    model = SequenceClassifier(
        cell=cell,
        hidden_size=32,
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        lr=0.005,
        max_epochs=6,
        early_stopping=False,
        random_state=0,
    ).fit(*make_temporal_order(1200, random_state=0, **size))
    return model, model.score(*make_temporal_order(500, random_state=1, **size))


models, accuracy = {}, {}
for name, cell in CELLS.items():
    pairs = [fitted(cell, n_steps) for n_steps in LENGTHS]
    models[name] = [model for model, _ in pairs]
    accuracy[name] = [score for _, score in pairs]
    print(f"{name:>5}:", "  ".join(f"{score:.2f}" for score in accuracy[name]))

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
styles = zip(accuracy.items(), "os^D", strict=True)
for i, ((name, values), marker) in enumerate(styles):
    shifted = [n_steps * 1.02 ** (i - 1.5) for n_steps in LENGTHS]
    axis.plot(shifted, values, marker=marker, label=name)
axis.axhline(0.25, color="gray", linestyle=":")
axis.annotate("chance", (LENGTHS[0], 0.27), color="gray")
axis.set(xscale="log", xlabel="steps", ylabel="test accuracy", ylim=(0, 1.05))
axis.set_xticks(LENGTHS, LENGTHS)
axis.minorticks_off()
axis.legend(frameon=False)

# %%
# States, cell values and gates of the LSTM over one sequence of 20 steps, one row a unit. The
# gates react to the two cues and hardly to the noise between them; after the second cue the
# answer builds up.
from skrnn.inspection import HiddenStateDisplay

X, y = make_temporal_order(1, min_steps=20, max_steps=20, random_state=3)
display = HiddenStateDisplay.from_estimator(models["LSTM"][0], X)
plt.show()

# %%
# The network with tanh fails at 100 steps; the one with ReLU does not, because it starts with the
# identity as recurrent weights. `python -m benchmarks.long_range` repeats this with three seeds, and
# adds the adding problem and longer sequences. There a feed-forward network, too, solves this task, at
# one fixed length: its weights know at which steps either cue may stand.
#
# .. rubric:: References
#
# .. [1] Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8),
#    section 5.6.
