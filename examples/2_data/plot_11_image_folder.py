"""
How is a folder of image frames classified?
===========================================

Cameras and microscopes save a recording as a folder of images, one a frame. This page goes from such
folders to a decision: in which of eight directions does a digit start to move? A single frame does not
show it.
"""

# %%
# First the files: a folder a class, in it a folder a video, in it the frames. They stand for a
# recording of your own, so they are larger than what the network reads, and the folders hold what
# file managers leave behind. The test videos show other digits than the training videos.
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from skrnn.datasets import make_moving_digits

folder = tempfile.TemporaryDirectory()
for subset, n_videos in {"train": 1000, "test": 200}.items():
    videos, directions = make_moving_digits(
        n_videos,
        target="direction",
        subset=subset,
        min_steps=5,
        max_steps=8,
        random_state=0,
    )
    for number, (frames, direction) in enumerate(zip(videos, directions, strict=True)):
        video = Path(folder.name, subset, direction, f"video {number}")
        video.mkdir(parents=True)
        for step, frame in enumerate(np.clip(255 * frames, 0, 255).astype(np.uint8)):
            image = Image.fromarray(frame).resize((32, 32))
            image.save(video / f"frame{step}.png")
        (video / "Thumbs.db").touch()

files = sorted(Path(folder.name, "train").rglob("*.png"))
print(len(files), "images, the first:")
print(*(path.relative_to(folder.name) for path in files[:3]), sep="\n")

# %%
# `read_image_folder` gives one array ``(n_steps, height, width)`` a video, and the names of the
# folders as labels. Frames are in the order of the numbers in their names, so that "frame10" comes after
# "frame9", and `size` makes them small. What systems add to folders, such as "Thumbs.db", is
# ignored; another file that is not an image is an error that names it.
from skrnn.datasets import read_image_folder

X_train, y_train = read_image_folder(Path(folder.name, "train"), size=(16, 16))
X_test, y_test = read_image_folder(Path(folder.name, "test"), size=(16, 16))
print(len(X_train), "videos, the first three:", [frames.shape for frames in X_train[:3]])

notes = Path(folder.name, "test", "N", "notes.txt")
notes.write_text("camera 2, Tuesday")
try:
    read_image_folder(Path(folder.name, "test"))
except ValueError as error:
    print(str(error).replace(folder.name, "..."))
folder.cleanup()

# %%
# The same network reads the frames as pixels, and by a small convolutional network that is trained
# with it.
from skrnn import FeedForwardClassifier, SequenceClassifier

recurrent = {"hidden_size": 48, "pooling": "last", "dropout": 0.1}
models = {
    "feed-forward, pixels": FeedForwardClassifier(hidden_layer_sizes=(64,)),
    "recurrent, pixels": SequenceClassifier(**recurrent),
    "recurrent, convolution": SequenceClassifier(step_encoder="cnn", **recurrent),
}
for name, model in models.items():
    model.set_params(lr=0.005, max_epochs=12, random_state=0).fit(X_train, y_train)
    print(
        f"{name}: {model.score(X_test, y_test):.3f} of the test videos right, "
        f"{model.n_parameters_:,} parameters"
    )

# %%
# Two test videos of each direction, each in one picture: its frames lie on top of each other, from
# blue, the first, to orange, the last. The arrow is the prediction, red where it is wrong. At an edge
# digits bounce.
import matplotlib.pyplot as plt

ARROWS = dict(zip(["N", "NE", "E", "SE", "S", "SW", "W", "NW"], "↑↗→↘↓↙←↖", strict=True))
START, END = np.array([0.0, 0.45, 0.70]), np.array([0.84, 0.37, 0.0])


def trace(frames):
    """Return the frames as one image (height, width, 3), coloured by time."""
    image = np.ones((*frames[0].shape, 3))
    for time, frame in zip(np.linspace(0, 1, len(frames)), frames, strict=True):
        color = (1 - time) * START + time * END
        ink = np.clip((frame - 0.3) / 0.5, 0, 1)[..., None]
        image = (1 - ink) * image + ink * color
    return image


predicted = models["recurrent, convolution"].predict(X_test)
figure, grid = plt.subplots(2, 8, figsize=(9, 3), layout="constrained")
for axes, direction in zip(grid.T, ARROWS, strict=True):
    for axis, i in zip(axes, np.flatnonzero(y_test == direction)[:2], strict=True):
        axis.imshow(trace(X_test[i]))
        axis.set(xticks=[], yticks=[])
        color = "black" if predicted[i] == direction else "red"
        axis.set_title(ARROWS[predicted[i]], size=16, color=color, pad=3)
    axes[1].set_xlabel(direction)
plt.show()

# %%
# With films instead of images, cut them first, for example by
# ``ffmpeg -i film.mp4 -vf fps=5,scale=32:32 film/%04d.png``: :doc:`../../user_guide/video`.
