"""Several steps read as one, over the estimators whose answer is not one a step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrnn import FeedForwardClassifier, SequenceRegressor


@pytest.fixture
def even(rng):
    """Return 24 sequences of two features and 3, 6 or 9 steps."""
    return [rng.normal(size=(n, 2)) for n in [3, 6, 9] * 8]


def test_whole_patches_are_the_steps_side_by_side(make_unaligned, even, outputs):
    y = make_unaligned.targets(even)
    model = make_unaligned(patch_size=3, scale=None).fit(even, y)
    joined = [x.reshape(-1, 6) for x in even]
    expected = make_unaligned(scale=None).fit(joined, y)
    assert_array_equal(outputs(model, even), outputs(expected, joined))


def test_a_patch_that_is_not_full_is_filled_and_marked(
    make_unaligned, numbers, y, outputs
):
    model = make_unaligned(patch_size=4, scale=None).fit(numbers, y)

    def join(x):  # the last feature is the share of padding
        n = -(-len(x) // 4)
        filled = np.r_[x, np.zeros((4 * n - len(x), 3))].reshape(n, 12)
        return np.c_[filled, np.r_[np.zeros(n - 1), n - len(x) / 4]]

    joined = [join(x) for x in numbers]
    expected = make_unaligned(scale=None).fit(joined, y)
    assert_array_equal(outputs(model, numbers), outputs(expected, joined))


def test_static_columns_alone_have_no_patches():
    frame = pd.DataFrame({"age": np.arange(8.0), "city": pd.Categorical(["a", "b"] * 4)})
    model = FeedForwardClassifier(patch_size=3, max_epochs=1).fit(frame, [0, 1] * 4)
    assert model.predict(frame).shape == (8,)


def test_alone_and_in_any_order_the_outputs_are_the_same(
    make_unaligned, numbers, y, outputs
):
    model = make_unaligned(patch_size=4).fit(numbers, y)
    expected = outputs(model, numbers)
    assert_array_equal(outputs(model, numbers[::-1]), expected[::-1])
    alone = outputs(model, numbers[2:3])
    assert_allclose(alone, expected[2:3, : alone.shape[1]], rtol=1e-4, atol=1e-5)


def test_gaps_times_and_static_columns_are_in_patches_too(make_unaligned, numbers, y):
    frame = pd.DataFrame(
        {
            "x": [np.where(x[:, 0] > 1, np.nan, x[:, 0]) for x in numbers],
            "at": [np.arange(len(x)) * 60.0 for x in numbers],
            "age": np.arange(len(numbers)),
        }
    )
    model = make_unaligned(patch_size=4, time="at", missing="indicator").fit(frame, y)
    assert np.isfinite(make_unaligned.outputs(model, frame)).all()


def test_tokens_have_no_patches(make_unaligned, words, y):
    with pytest.raises(ValueError, match="patch_size=2 needs numeric steps, but X holds"):
        make_unaligned(patch_size=2).fit(words, y)


def test_a_level_is_that_of_the_steps(rng):
    X = [x.cumsum() for x in rng.normal(size=(40, 10))]
    y = [x[-1] + 1.0 for x in X]
    model = SequenceRegressor(
        hidden_size=4, patch_size=5, instance_norm="last", max_epochs=2, random_state=0
    ).fit(X, y)
    moved = [x + 1e4 for x in X]
    assert_allclose(model.predict(moved), model.predict(X) + 1e4, rtol=1e-5)


def test_numbers_for_each_step_have_no_patches(even):
    with pytest.raises(
        ValueError, match="patch_size=2 reads several steps as one, but y"
    ):
        SequenceRegressor(patch_size=2).fit(even, [x[:, 0] for x in even])
