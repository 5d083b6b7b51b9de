"""
Which digit is it, and where does it go?
========================================

A video is a sequence of images. Here a handwritten digit of 8 × 8 pixels drifts over a larger
canvas and bounces at its edges, for 6 to 10 frames. One frame is enough to read the digit,
wherever it is; no single frame has a direction.
"""

# %%
# Each video is one array ``(n_steps, height, width)``. The test videos show other images of digits
# than the training videos.
from skrnn.datasets import make_moving_digits

videos = {"size": 14, "min_steps": 6, "max_steps": 10}
training = {"random_state": 0, **videos}
test = {"subset": "test", "random_state": 1, **videos}
X_train, digit_train = make_moving_digits(1000, **training)
X_test, digit_test = make_moving_digits(500, **test)
print([frames.shape for frames in X_train[:3]])

# %%
import matplotlib.pyplot as plt
import numpy as np


def draw_strip(axes, frames):
    """Draw the frames of a video side by side."""
    for axis, frame in zip(axes, frames, strict=True):
        axis.imshow(frame, cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])


longest = [i for i, frames in enumerate(X_test) if len(frames) == 10]
figure, grid = plt.subplots(4, 10, figsize=(8, 3.7), layout="constrained")
for axes, i in zip(grid, longest, strict=False):
    draw_strip(axes, X_test[i])
    axes[0].set_ylabel(digit_test[i], rotation=0, size=14, labelpad=12, va="center")
for step, axis in enumerate(grid[0]):
    axis.set_title(f"frame {step}" if step == 0 else step, size=9)
plt.show()

# %%
# Three models have about as many parameters. The first two read a frame as 196 numbers: the
# feed-forward network those of the last 10 frames at once, the recurrent one frame after frame. The
# third reads each frame by a small convolutional network, ``step_encoder="cnn"``, which is trained
# with the recurrent network. The direction is the one from the first frame to the second.
import pandas as pd

from skrnn import FeedForwardClassifier, SequenceClassifier

recurrent = {"hidden_size": 64, "pooling": "last", "dropout": 0.1}
models = {
    "feed-forward, pixels": FeedForwardClassifier(hidden_layer_sizes=(64,)),
    "recurrent, pixels": SequenceClassifier(**recurrent),
    "recurrent, convolution": SequenceClassifier(step_encoder="cnn", **recurrent),
}
_, direction_train = make_moving_digits(1000, target="direction", **training)
_, direction_test = make_moving_digits(500, target="direction", **test)
table = pd.DataFrame(index=models, columns=["parameters", "digit", "direction"])
for name, model in models.items():
    model.set_params(lr=0.008, max_epochs=7, random_state=0)
    model.fit(X_train, direction_train)
    table.loc[name, "direction"] = model.score(X_test, direction_test)
    model.fit(X_train, digit_train)
    table.loc[name, "digit"] = model.score(X_test, digit_test)
    table.loc[name, "parameters"] = model.n_parameters_
print(table.to_string(float_format="{:.3f}".format))

# %%
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
place = np.arange(len(models))
for shift, (target, chance) in enumerate({"digit": 1 / 10, "direction": 1 / 8}.items()):
    bars = axis.barh(
        place + 0.36 * shift - 0.18,
        table[target].astype(float),
        height=0.34,
        color=f"C{shift}",
        label=target,
    )
    axis.bar_label(bars, fmt="%.2f", padding=3)
    axis.axvline(chance, color=f"C{shift}", linestyle=":", label=f"{target}, by chance")
axis.set(xlim=(0, 1.1), xlabel="accuracy on videos of new images")
axis.set_yticks(place, models)
axis.invert_yaxis()
axis.spines[["top", "right"]].set_visible(False)
figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=9)
plt.show()

# %%
# A dense layer over pixels learns a digit anew at each place. The convolution applies the same
# filters everywhere, and its last layer keeps where they responded, which the direction needs.
#
# A tagger labels each frame: here with the direction in which the digit leaves it. The arrows are
# its predictions for a test video, red where they are wrong.
from skrnn import SequenceTagger

_, steps_train = make_moving_digits(1000, target="step_direction", **training)
_, steps_test = make_moving_digits(500, target="step_direction", **test)
tagger = SequenceTagger(
    step_encoder="cnn",
    hidden_size=64,
    crf=False,
    dropout=0.1,
    lr=0.008,
    max_epochs=4,
    random_state=0,
)
tagger.fit(X_train, steps_train)
print(f"direction of each frame: {tagger.score(X_test, steps_test):.3f} right")

# %%
ARROWS = dict(zip(["N", "NE", "E", "SE", "S", "SW", "W", "NW"], "↑↗→↘↓↙←↖", strict=True))
figure, grid = plt.subplots(6, 10, figsize=(8, 6.2), layout="constrained")
for axes, i in zip(grid, longest[4:10], strict=True):
    predicted = tagger.predict([X_test[i]])[0]
    draw_strip(axes, X_test[i])
    for axis, name, truth in zip(axes, predicted, steps_test[i], strict=True):
        color = "black" if name == truth else "red"
        axis.set_title(ARROWS[name], size=13, color=color, pad=2)
figure.suptitle("Six videos of ten frames", size=10)
plt.show()
