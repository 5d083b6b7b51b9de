"""Frames of videos are drawn as the images that they are."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest

from skrnn import SequenceClassifier, SequenceRegressor
from skrnn.inspection import AttentionDisplay, step_importance
from skrnn.inspection._frames import as_pixels, png

SMALL = {"hidden_size": 3, "max_epochs": 1, "random_state": 0}


@pytest.fixture
def videos(rng):
    return [rng.normal(size=(n, 5, 4)) for n in (3, 12, 60, 1) * 3]


def decoded(page):
    """Return the images of a page."""
    Image = pytest.importorskip("PIL.Image")
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
        for source in re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    ]


@pytest.mark.parametrize("step_encoder", ["cnn", None])
def test_each_frame_stands_over_the_colour_of_its_importance(videos, step_encoder):
    model = SequenceRegressor(step_encoder=step_encoder, **SMALL)
    model.fit(videos, np.arange(12.0))
    importance = step_importance(model, videos, n_points=2)
    ax = importance.plot(1)
    assert len(ax.images) == len(ax.patches) == 12
    low, high = videos[1].min(), videos[1].max()
    for image, frame in zip(ax.images, videos[1], strict=True):
        expected = 255 * (frame - low) / (high - low)
        np.testing.assert_allclose(image.get_array(), expected, atol=0.51)
        left, right, bottom, top = image.get_extent()
        assert (top - bottom) / (right - left) == pytest.approx(5 / 4)
    blue = [bar.get_facecolor()[2] - bar.get_facecolor()[0] for bar in ax.patches]
    assert (np.sign(np.round(blue, 2)) * np.sign(importance[1]) <= 0).all()
    assert [text.get_text() for text in ax.texts] == [str(t) for t in range(1, 13)]


def test_of_a_long_video_the_strongest_frame_of_each_part_is_drawn(videos):
    model = SequenceClassifier(step_encoder="cnn", **SMALL).fit(videos, [0, 1] * 6)
    importance = step_importance(model, videos, n_points=2)
    ax = importance.plot(2)
    assert len(ax.images) == 40
    assert ax.get_xlabel() == "step (of 60, the strongest of each part)"
    shown = [int(text.get_text()) - 1 for text in ax.texts]
    assert shown == sorted(set(shown))
    assert int(np.abs(importance[2]).argmax()) in shown


def test_attention_is_drawn_under_frames_too(videos):
    model = SequenceClassifier(step_encoder="cnn", pooling="attention", **SMALL)
    frame = pd.DataFrame({"film": videos, "age": np.arange(12.0)})
    model.fit(frame, [0, 1] * 6)
    display = AttentionDisplay.from_estimator(model, frame, index=4)
    np.testing.assert_array_equal(display.steps, videos[4])
    assert len(display.ax_.images) == 3
    assert len(display.plot().ax_.images) == 3


@pytest.mark.parametrize("n_channels", [None, 1, 2, 3, 4])
def test_the_html_holds_the_frames(n_channels, rng):
    shape = (4, 3, 4) if n_channels is None else (4, 3, 4, n_channels)
    videos = [rng.integers(0, 256, size=shape).astype(float) for _ in range(12)]
    model = SequenceClassifier(**SMALL).fit(videos, [0, 1] * 6)
    page = step_importance(model, videos[:1], n_points=2)._repr_html_()
    images = decoded(page)
    assert len(images) == 4
    if n_channels in (3, 4):
        np.testing.assert_array_equal(images[2], videos[0][2])
    else:
        assert images[2].shape == (3, 4)


def test_large_frames_are_thinned_out_in_html(rng):
    videos = [rng.normal(size=(2, 200, 100)) for _ in range(4)]
    model = SequenceClassifier(step_encoder="cnn", **SMALL).fit(videos, [0, 1] * 2)
    page = step_importance(model, videos[:1], n_points=1)._repr_html_()
    assert decoded(page)[0].shape == (50, 25)


def test_pixels_keep_the_range_of_colours_and_use_that_of_grey():
    grey = np.array([[[2.0, 4.0], [np.nan, 3.0]]])
    assert as_pixels(grey)[0, ..., 0].tolist() == [[0, 255], [0, 128]]
    assert as_pixels(np.full((1, 1, 2, 3), 0.2)).tolist() == [[[[51] * 3] * 2]]
    assert as_pixels(np.full((1, 1, 2, 3), 51.0)).tolist() == [[[[51] * 3] * 2]]
    assert as_pixels(np.zeros((2, 3, 4))).max() == 0


@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_a_png_file_is_what_pillow_reads(n_channels, rng):
    Image = pytest.importorskip("PIL.Image")
    image = rng.integers(0, 256, size=(5, 7, n_channels)).astype(np.uint8)
    read = np.asarray(Image.open(io.BytesIO(png(image)))).reshape(image.shape)
    np.testing.assert_array_equal(read, image)
