"""Moving digits move as their labels say, and subsets share no image."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skrnn.datasets import make_moving_digits

#: Rows and columns that each direction moves by.
MOVES = {
    name: (row, column)
    for row, column, name in [
        *((-1, -1, "NW"), (-1, 0, "N"), (-1, 1, "NE"), (0, 1, "E")),
        *((1, 1, "SE"), (1, 0, "S"), (1, -1, "SW"), (0, -1, "W")),
    ]
}


def clean(**options):
    return make_moving_digits(80, noise=0, random_state=0, **options)


def test_frames_are_arrays_of_the_documented_shape_and_range():
    X, y = make_moving_digits(200, size=12, noise=0, min_steps=3, max_steps=5)
    assert {x.shape for x in X} == {(n, 12, 12) for n in (3, 4, 5)}
    assert {x.dtype for x in X} == {np.dtype(np.float32)}
    assert min(x.min() for x in X) == 0
    assert max(x.max() for x in X) == 1
    assert y.dtype == np.int64
    assert set(y) == set(range(10))


def test_each_frame_holds_an_image_of_the_digit_at_its_place():
    X, y = clean()
    _, places = clean(target="position")
    digits = load_digits()
    for frames, label, place in zip(X, y, places, strict=True):
        rows, columns = place.astype(int).T
        cut = np.array(
            [
                f[r : r + 8, c : c + 8]
                for f, r, c in zip(frames, rows, columns, strict=True)
            ]
        )
        assert (cut == cut[0]).all()  # one image, whole in every frame
        assert_allclose(frames.sum((1, 2)), cut.sum((1, 2)), rtol=1e-6)
        same = (digits.images[:1000] / 16 == cut[0]).all((1, 2))
        assert set(digits.target[:1000][same]) == {label}


def test_directions_lead_from_each_frame_to_the_next():
    _, places = clean(target="position", size=11)
    _, directions = clean(target="step_direction", size=11)
    _, first = clean(target="direction", size=11)
    assert_array_equal([d[0] for d in directions], first)
    for place, names in zip(places, directions, strict=True):
        moves = np.array([MOVES[name] for name in names])
        assert_array_equal(np.diff(place, axis=0), moves[:-1])
        assert (np.ptp(moves, axis=0) > 0).any()  # it bounces on a small canvas


def test_all_directions_and_places_are_as_likely():
    _, y = make_moving_digits(4000, target="direction", size=10, max_steps=10)
    names, counts = np.unique(y, return_counts=True)
    assert set(names) == set(MOVES)
    assert np.abs(counts - 500).max() < 100


def test_subsets_share_no_image():
    images = {}
    for subset in ("train", "validation", "test"):
        X, _ = make_moving_digits(
            3000, subset=subset, noise=0, min_steps=1, max_steps=1, random_state=0
        )
        images[subset] = {x[x.any(2)].tobytes() for x in X}
    assert not images["train"] & images["test"]
    assert not images["train"] & images["validation"]
    assert not images["validation"] & images["test"]


def test_noise_and_binary_frames_are_of_the_same_videos():
    X, y = clean()
    noisy, y_noisy = make_moving_digits(80, noise=0.1, random_state=0)
    binary, _ = clean(binary=True)
    assert_array_equal(y, y_noisy)
    difference = np.concatenate([a - b for a, b in zip(X, noisy, strict=True)])
    assert abs(difference.std() - 0.1) < 0.01
    assert_array_equal(binary[0], X[0] >= 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "speed"}, r"target must be one of \['digit', .*got 'speed'"),
        ({"subset": "all"}, r"subset must be one of \['train', .*got 'all'"),
        ({"size": 8}, "size == 8, must be >= 9"),
        ({"noise": -1}, "noise == -1, must be >= 0"),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make_moving_digits(**options)
