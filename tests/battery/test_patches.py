"""Several steps read as one, over the estimators whose answer is not one a step."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skrnn import FeedForwardClassifier, SequenceClassifier, SequenceRegressor
from skrnn.inspection import attention_weights
from skrnn.persistence import load_model, save_model

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


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


# --- patch_size="auto" ----------------------------------------------------------------


def of_lengths(rng, lengths):
    return [rng.normal(size=(n, 2)) for n in lengths]


@pytest.mark.parametrize("cls", [SequenceClassifier, SequenceRegressor])
@pytest.mark.parametrize(
    ("lengths", "size"),
    [
        ([9, 74, 300] * 8, 1),  # 1.48 times 50
        ([9, 75, 300] * 8, 2),
        ([150] * 24, 3),
        ([20] * 4 + [20_000], 1),  # one long sequence decides nothing
        ([20] * 39 + [20_000], 1),
    ],
)
def test_patches_are_as_long_as_most_sequences_ask(cls, lengths, size, rng):
    X, y = of_lengths(rng, lengths), np.arange(len(lengths)) % 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Training reads a random window")
        chosen = cls(**SMALL).fit(X, y)
        given = cls(patch_size=size, **SMALL).fit(X, y)
    assert chosen.patch_size_ == given.patch_size_ == size
    output = "predict_proba" if cls is SequenceClassifier else "predict"
    assert_array_equal(getattr(chosen, output)(X), getattr(given, output)(X))


def test_tokens_and_numbers_for_each_step_are_read_one_by_one(rng):
    texts = [["a", "b"] * 80] * 8
    assert SequenceClassifier(**SMALL).fit(texts, [0, 1] * 4).patch_size_ == 1
    X = of_lengths(rng, [160] * 8)
    by_step = SequenceRegressor(**SMALL).fit(X, [x[:, 0] for x in X])
    assert by_step.patch_size_ == 1
    assert len(by_step.predict(X)[0]) == 160
    frame = pd.DataFrame({"x": [x[:, 0] for x in X], "word": texts})
    model = SequenceClassifier(**SMALL)
    assert model.fit(frame, [0, 1] * 4).patch_size_ == 1


def test_a_patch_has_at_most_128_numbers(rng):
    for n_features, size in ((1, 8), (20, 6), (70, 1), (200, 1)):
        X = [rng.normal(size=(400, n_features)) for _ in range(4)]
        assert SequenceClassifier(**SMALL).fit(X, [0, 1] * 2).patch_size_ == size


def test_weights_count_in_the_choice_as_copies_would(rng):
    short, long = of_lengths(rng, [20] * 6), of_lengths(rng, [400] * 4)
    X, y = [*short, *long], [0, 1] * 5

    def chosen(X, y, weight=None):
        return SequenceClassifier(**SMALL).fit(X, y, sample_weight=weight).patch_size_

    assert chosen(X, y) == chosen(X, y, [1] * 6 + [0] * 4) == 1
    tied = [*short, *short[:1], *long, *long[:3]]
    for size in (0.1, 1.0, 1e100):
        assert chosen(tied, [0, 1] * 7, [size] * 14) == 1
    assert chosen(X, y, [1] * 6 + [2] * 4) == chosen([*X, *long], [*y, *y[6:]]) == 8


def test_windows_of_outliers_are_told_in_patches(rng):
    X = of_lengths(rng, [100] * 39 + [20_000])
    with pytest.warns(
        UserWarning, match=r"of 1,000 patches of 2 steps .* 10,000 patches"
    ):
        SequenceClassifier(**SMALL).fit(X, [0, 1] * 20)


def test_images_are_read_one_by_one(rng):
    videos = [rng.normal(size=(110, 4, 4)) for _ in range(6)]
    model = SequenceClassifier(step_encoder="cnn", embedding_dim=4, **SMALL)
    assert model.fit(videos, [0, 1] * 3).patch_size_ == 1


def test_the_first_data_choose(rng):
    long, short = of_lengths(rng, [150] * 8), of_lengths(rng, [4] * 8)
    y = [0, 1] * 4
    model = SequenceClassifier(**SMALL).partial_fit(long, y, classes=[0, 1])
    assert model.partial_fit(short, y).patch_size_ == 3
    assert model.set_params(warm_start=True).fit(short, y).patch_size_ == 3
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.patch_size_ == 3
    assert_array_equal(loaded.predict_proba(long), model.predict_proba(long))
    assert model.set_params(warm_start=False).fit(short, y).patch_size_ == 1
    assert model.partial_fit(long, y).patch_size_ == 1
    with pytest.raises(ValueError, match="patch_size was 'auto' when the network was"):
        model.set_params(patch_size=3).partial_fit(long, y)


def test_members_and_files_have_the_choice(rng, tmp_path):
    X, y = of_lengths(rng, [150] * 8), [0, 1] * 4
    model = SequenceClassifier(n_estimators=2, **SMALL).fit(X, y)
    assert [member.patch_size_ for member in model.estimators_] == [3, 3]
    save_model(model, tmp_path / "model.skrnn")
    loaded = load_model(tmp_path / "model.skrnn")
    assert loaded.patch_size_ == 3
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_attention_is_that_of_steps(rng):
    X, y = of_lengths(rng, [150, 101] * 4), [0, 1] * 4
    model = SequenceClassifier(pooling="attention", **SMALL).fit(X, y)
    assert model.patch_size_ == 2
    assert [len(weights) for weights in attention_weights(model, X)] == [150, 101] * 4


def test_before_fit_nothing_is_chosen():
    with pytest.raises(NotFittedError):
        _ = SequenceClassifier(patch_size=3).patch_size_
