"""
Do gradients vanish and explode?
================================

Training asks how the loss changes with the state of each step, :math:`\\partial L / \\partial
h_t`. Back-propagation through time multiplies this gradient, at each step that it goes back,
by the derivative of one state by the one before. A product of many factors below one
*vanishes*: the first steps have no influence on the weights, and nothing that depends on them
is learned [1]_. A product of factors above one *explodes*.

`GradientFlowDisplay` measures the norm of that gradient by the distance from the last step.
"""

# %%
# Before training
# ---------------
#
# Sequences of 60 steps, 12 features drawn from a normal distribution, networks of 64 units that
# answer from the last state. Nothing has been learned yet: `trained=False` takes new weights.
import matplotlib.pyplot as plt
import numpy as np

from skrnn import SequenceClassifier
from skrnn.inspection import GradientFlowDisplay

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 60, 12)).astype("float32")
y = rng.integers(0, 2, size=64)


def network(cell, **options):
    return SequenceClassifier(
        cell=cell,
        hidden_size=64,
        bidirectional=False,
        pooling="last",
        random_state=0,
        **options,
    )


cells = {
    name: network(cell)
    for name, cell in {
        "LSTM": "lstm",
        "GRU": "gru",
        "tanh": "rnn_tanh",
        "ReLU": "rnn_relu",
    }.items()
}
display = GradientFlowDisplay.from_estimator(cells, X, y, trained=False)
display.ax_.set_title("Before training")
for name, ratio in display.ratio.items():
    print(f"{name:>5}: the first step's gradient is {ratio:.1e} of the last step's")

# %%
# The tanh network loses most of it in 50 steps. The LSTM keeps much more, as its cell state is changed by
# addition and its forget gate is open at first [2]_. The GRU's units start with update gates from
# nearly closed to nearly open: some forget soon, some keep for long. The ReLU network starts with the
# identity as recurrent weights, which keeps the gradient as it is [3]_.
#
# Exploding
# ---------
#
# Weights grow in training. Here a fitted network's recurrent weights are multiplied, and the
# gradient is measured again. A factor a little above one is enough for a ReLU network: over 60 steps
# its powers count. The tanh needs more, because it is flat where its units are saturated.
import copy

import torch


def scaled(cell, factor):
    model = copy.deepcopy(network(cell, max_epochs=1).fit(X, y))
    with torch.no_grad():
        for name, weight in model.net_.module_.named_parameters():
            if "weight_hh" in name:
                weight *= factor
    return model


exploding = GradientFlowDisplay.from_estimator(
    {
        "ReLU × 1": scaled("rnn_relu", 1.0),
        "ReLU × 1.2": scaled("rnn_relu", 1.2),
        "tanh × 3": scaled("rnn_tanh", 3.0),
    },
    X,
    y,
)
for name, ratio in exploding.ratio.items():
    print(f"{name:>10}: {ratio:.1e}")

# %%
# One update with such a gradient destroys what was learned. So training clips it: if its
# norm is above `max_grad_norm`, it is scaled down to that, and keeps its direction.
#
# After training
# --------------
#
# Does it matter? The first token of 80 determines the class, noise follows. Each network is trained
# for six passes; dashed lines are before, full lines after.
from skrnn.datasets import make_delayed_recall

task = {"n_classes": 4, "n_distractors": 8, "min_steps": 80, "max_steps": 80}
X_recall, y_recall = make_delayed_recall(500, random_state=0, **task)
X_test, y_test = make_delayed_recall(300, random_state=1, **task)

figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
recall = {
    name: model.set_params(lr=0.01, max_epochs=6).fit(X_recall, y_recall)
    for name, model in cells.items()
}
GradientFlowDisplay.from_estimator(recall, X_recall, y_recall, trained=False, ax=axis)
trained = GradientFlowDisplay.from_estimator(recall, X_recall, y_recall, ax=axis)
axis.set_title("Delayed recall, before (dashed) and after training")
for name, model in recall.items():
    print(
        f"{name:>5}: test accuracy {model.score(X_test, y_test):.2f}, "
        f"gradient at the first step {trained.ratio[name]:.1e} of the last"
    )
plt.show()

# %%
# The LSTM and the GRU learn the task: their gradients reach the first step. The tanh network
# learns it in part. The ReLU network does not: its gradient started near one and vanished in
# training, as noise pushed its units below zero, where they are off. How far back each cell
# remembers: :ref:`sphx_glr_gallery_1_lecture_plot_10_memory.py`.
#
# The numbers depend on the inputs and on the initial weights. With inputs ten times smaller the
# tanh network is nearly linear, and keeps more than the LSTM; with PyTorch's own initial weights, uniform and
# smaller, all four cells lose nearly everything over 50 steps:
# ``python -m benchmarks.gradient_flow`` prints the tables.
#
# .. rubric:: References
#
# .. [1] Bengio, Simard, Frasconi (1994). Learning long-term dependencies with gradient descent
#    is difficult. IEEE Transactions on Neural Networks 5(2).
# .. [2] Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8).
# .. [3] Le, Jaitly, Hinton (2015). A simple way to initialize recurrent networks of rectified
#    linear units. arXiv:1504.00941.
