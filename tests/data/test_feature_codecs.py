"""Codecs of features and of static columns."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from skrnn.data.feature_codecs import FeatureCodec, StaticCodec, blocks_of
from skrnn.data.field_values import StaticColumns
from skrnn.data.ragged import RaggedArray


def ragged(sequences):
    return RaggedArray.from_sequences(
        [np.asarray(s, dtype=np.float32) for s in sequences]
    )


@pytest.fixture
def series(rng):
    """Return random walks of two features and very different levels."""
    return ragged(
        [
            1000 * i + rng.normal(size=(n, 2)).cumsum(0)
            for i, n in enumerate(rng.integers(2, 9, size=12))
        ]
    )


# --- gaps ----------------------------------------------------------------------------


def with_gaps(series, rng, share=0.4):
    """Return the series with gaps in feature 1, and with one in every first step."""
    values = series.values.astype(np.float64)
    values[rng.random(len(values)) < share, 1] = np.nan
    values[series.offsets[:-1], 1] = np.nan
    return series.with_values(values)


@pytest.mark.parametrize("scale", ["standard", None])
def test_a_gap_has_the_last_value_which_decays_to_the_mean(series, rng, scale):
    gappy = with_gaps(series, rng)
    codec = FeatureCodec(scale, "indicator").fit(gappy)
    mean = np.nanmean(gappy.values[:, 1])
    deviation = np.nanstd(gappy.values[:, 1]) if scale else 1.0
    for got, x in zip(codec.encode(gappy).steps, gappy, strict=True):
        assert got.dtype == np.float32
        filled, last, since = [], mean, 0
        for value in x[:, 1]:
            last, since = (last, since + 1) if np.isnan(value) else (value, 0)
            filled.append(mean + (last - mean) * codec.DECAY**since)
        expected = (np.array(filled) - (mean if scale else 0.0)) / deviation
        np.testing.assert_allclose(got[:, 1], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(got[:, 2], np.isnan(x[:, 1]))


def test_gaps_that_training_has_not_seen_have_the_mean_alone(series, rng):
    codec = FeatureCodec("standard", "indicator").fit(series)
    gappy = with_gaps(series, rng)
    encoded = codec.encode(gappy).steps.values
    assert encoded.shape[1] == 2
    np.testing.assert_array_equal(encoded[np.isnan(gappy.values[:, 1]), 1], 0.0)


@pytest.mark.parametrize(("n_features", "size"), [(1, 1.0), (4, 1.0), (16, 0.5)])
def test_many_indicators_weigh_no_more_than_a_few_features(n_features, size, rng):
    gappy = ragged([np.full((2, n_features), np.nan), rng.normal(size=(3, n_features))])
    encoded = FeatureCodec(missing="indicator").fit(gappy).encode(gappy).steps.values
    np.testing.assert_array_equal(encoded[:2, n_features:], size)
    np.testing.assert_array_equal(encoded[2:, n_features:], 0.0)


def test_a_gap_knows_how_old_its_last_value_is():
    gappy = ragged([[[np.nan], [7.0], [np.nan], [np.nan]], [[np.nan], [5.0]]])
    seconds = np.array([0.0, 10.0, 40.0, 100.0, 0.0, 3.0])
    codec = FeatureCodec(missing="indicator").fit(gappy, seconds=seconds)
    encoded = codec.encode(gappy, seconds=seconds).steps.values  # value, step, age, gap
    np.testing.assert_array_equal(encoded[:, 1], [0, 10, 30, 60, 0, 3])
    np.testing.assert_array_equal(encoded[:, 2], [0, 0, 30, 90, 0, 0])
    np.testing.assert_array_equal(encoded[:, 3], [1, 0, 1, 1, 1, 0])


# --- numbers in ----------------------------------------------------------------------


def test_features_pass_through_without_a_norm(series):
    codec = FeatureCodec().fit(series)
    encoded = codec.encode(series).steps.values
    np.testing.assert_array_equal(encoded, series.values.astype(np.float32))
    assert codec.level_and_scale(series) is None


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("target_feature", [0, 1])
def test_normalisation_subtracts_each_sequences_own_level(norm, target_feature, series):
    codec = FeatureCodec(instance_norm=norm, target_feature=target_feature).fit(series)
    encoded = codec.encode(series).steps
    assert encoded.values.dtype == np.float32
    for got, x in zip(encoded, series, strict=True):
        x = x[:, target_feature]
        level = x[-1] if norm == "last" else x.mean()
        distance = np.sqrt(np.mean((x.astype(np.float64) - level) ** 2))
        if len(x) < codec.FEW:  # too few steps to have a deviation of their own
            distance = codec.overall
        expected = got[:, target_feature] * distance
        np.testing.assert_allclose(expected, x - level, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("target_feature", [0, 1])
def test_normalisation_changes_the_target_feature_alone(norm, target_feature, series):
    series.values[:, 1 - target_feature] = np.repeat(
        np.arange(len(series)), series.lengths
    )  # constant within a sequence: its level is all that it says
    encoded = (
        FeatureCodec(instance_norm=norm, target_feature=target_feature)
        .fit(series)
        .encode(series)
        .steps
    )
    other = 1 - target_feature
    np.testing.assert_array_equal(encoded.values[:, other], series.values[:, other])
    changed = encoded.values[:, target_feature] != series.values[:, target_feature]
    assert changed.mean() > 0.9


def test_a_nearly_constant_sequence_is_not_blown_up(series):
    codec = FeatureCodec(instance_norm="last").fit(series)
    flat = ragged([np.full((5, 2), 3.0)])
    flat.values[0] += 1e-4
    scale = codec.level_and_scale(flat)[1]
    np.testing.assert_allclose(scale, codec.FLOOR * codec.overall)


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("target_feature", [0, 1])
def test_normalisation_is_undone_by_the_level_and_scale_of_the_target(
    norm, target_feature, series
):
    codec = FeatureCodec(instance_norm=norm, target_feature=target_feature).fit(series)
    shift, scale = codec.level_and_scale(series)
    assert shift.dtype == scale.dtype == np.float64
    assert shift.shape == scale.shape == (len(series), 1)
    for got, x, a, b in zip(
        codec.encode(series).steps, series, shift, scale, strict=True
    ):
        np.testing.assert_allclose(
            got[:, target_feature] * b + a, x[:, target_feature], rtol=1e-6, atol=1e-5
        )


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_sequence_encodes_the_same_beside_any_other(norm, series):
    codec = FeatureCodec(instance_norm=norm).fit(series)
    together = codec.encode(series).steps
    for i, expected in enumerate(together):
        alone = codec.encode(series.take([i])).steps
        np.testing.assert_array_equal(alone[0], expected)


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_constant_sequences_become_zeros(norm, series):
    codec = FeatureCodec(instance_norm=norm).fit(series)
    constant = ragged([np.full((4, 2), 7.3), np.full((1, 2), -1e6)])
    assert not codec.encode(constant).steps.values[:, 0].any()
    shift, scale = codec.level_and_scale(constant)
    np.testing.assert_allclose(shift[:, 0], [7.3, -1e6], rtol=1e-6)
    assert (scale > 0).all()


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_norm_learned_from_constant_sequences_stays_finite(norm):
    constant = ragged([np.full((4, 1), 7.0), np.full((2, 1), 3.0)])
    codec = FeatureCodec(instance_norm=norm).fit(constant)
    assert not codec.encode(constant).steps.values.any()
    assert np.isfinite(codec.encode(ragged([[[1.0], [2.0]]])).steps.values).all()


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_normalisation_does_not_depend_on_the_level(norm, series):
    codec = FeatureCodec(instance_norm=norm).fit(series)
    shifted = series.with_values(series.values + np.float32(4096))
    got, expected = codec.encode(shifted).steps, codec.encode(series).steps
    np.testing.assert_allclose(got.values[:, 0], expected.values[:, 0], atol=2e-2)


def test_normalisation_leaves_the_users_values_alone(series):
    before = series.values.copy()
    FeatureCodec(instance_norm="standard").fit(series).encode(series)
    np.testing.assert_array_equal(series.values, before)


def test_a_target_feature_that_is_not_there_is_an_error(series):
    with pytest.raises(ValueError, match="target_feature=2, but X has 2 features"):
        FeatureCodec(instance_norm="last", target_feature=2).fit(series)


@pytest.mark.parametrize("n_features", [1, 3])
def test_the_input_layer_of_features_knows_their_number(n_features):
    codec = FeatureCodec().fit(ragged([np.zeros((2, n_features))]))
    assert codec.layer_config(
        embedding_dim=8, frozen=True, char_dim=4, word_dropout=0.0
    ) == {"n_features": n_features}
    assert codec.layer_state() == {}
    assert codec.vocabulary is None


# --- gaps, times and static columns --------------------------------------------------


GAPS = [
    np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 30.0], [np.nan, 40.0]]),
    np.array([[np.nan, 50.0], [5.0, 60.0]]),
]
SECONDS = np.array([0.0, 10.0, 30.0, 60.0, 0.0, 5.0])


def test_a_gap_is_filled_and_has_an_indicator_beside_it():
    codec = FeatureCodec(missing="indicator").fit(ragged(GAPS))
    values = codec.encode(ragged(GAPS)).steps.values
    expected = [  # the mean of the real values is 3
        [1, 10, 0], [1.4, 20, 1], [3, 30, 0], [3, 40, 1], [3, 50, 1], [5, 60, 0],
    ]  # fmt: skip
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert codec.layer_config() == {"n_features": 3}


def test_a_feature_without_gaps_in_training_has_no_indicator():
    codec = FeatureCodec(missing="indicator").fit(ragged([GAPS[0][::2]]))
    values = codec.encode(ragged(GAPS)).steps.values
    assert values.tolist() == [[1, 10], [2, 20], [3, 30], [2, 40], [2, 50], [5, 60]]


def test_times_become_those_since_the_step_and_the_value_before():
    codec = FeatureCodec(missing="indicator").fit(ragged(GAPS), None, SECONDS)
    values = codec.encode(ragged(GAPS), None, SECONDS).steps.values
    assert values[:, 2].tolist() == [0, 10, 20, 30, 0, 5]  # since the step before
    assert values[:, 3].tolist() == [0, 10, 0, 30, 0, 0]  # since the last real value
    assert values[:, 4].tolist() == [0, 1, 0, 1, 1, 0]
    scaled = FeatureCodec("standard", "indicator").fit(ragged(GAPS), None, SECONDS)
    values = scaled.encode(ragged(GAPS), None, SECONDS).steps.values
    np.testing.assert_allclose(values[:, 1:4].mean(axis=0), 0, atol=1e-6)
    assert scaled.layer_config() == {"n_features": 5}


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_level_is_that_of_real_values(norm):
    filled = [x[~np.isnan(x[:, 0])] for x in GAPS]
    codec = FeatureCodec(missing="indicator", instance_norm=norm).fit(ragged(GAPS))
    expected = FeatureCodec(instance_norm=norm).fit(ragged(filled))
    for got, want in zip(
        codec.level_and_scale(ragged(GAPS)),
        expected.level_and_scale(ragged(filled)),
        strict=True,
    ):
        np.testing.assert_allclose(got, want)
    values = codec.encode(ragged(GAPS)).steps.values
    expected = [codec.DECAY * values[0, 0], codec.DECAY * values[2, 0], 0]
    np.testing.assert_allclose(values[[1, 3, 4], 0], expected, rtol=1e-6)  # to the level
    lost = ragged([np.full((3, 2), np.nan)])
    level, scale = codec.level_and_scale(lost)
    assert level.tolist() == [[3.0]]  # the training data's mean
    assert np.isfinite(scale).all()


def static(numbers, categories):
    return StaticColumns(
        np.array(numbers, float), np.array(categories, dtype=object).reshape(-1, 1)
    )


def test_static_columns_are_scaled_and_looked_up():
    train = static([[1.0], [3.0], [5.0]], ["a", "b", "a"])
    codec = StaticCodec("standard").fit(train)
    encoded = codec.encode(static([[3.0], [9.0]], ["b", "new"]))
    assert encoded.numbers[0, 0] == 0
    assert encoded.categories.tolist() == [[2], [0]]
    assert codec.layer_config() == {"n_numbers": 1, "n_categories": (2,)}


def test_gaps_in_static_columns_are_marked():
    train = static([[1.0], [np.nan], [5.0]], ["a", None, "a"])
    codec = StaticCodec(None, "indicator").fit(train)
    encoded = codec.encode(train)
    assert encoded.numbers.tolist() == [[1, 0], [3, 1], [5, 0]]
    assert encoded.categories.tolist() == [[1], [2], [1]]  # a category of its own
    again = encoded.take(np.array([2, 1]))
    assert again.numbers.tolist() == [[5, 0], [3, 1]]


# --- memory ------------------------------------------------------------------------------


def test_blocks_are_views_of_whole_sequences(monkeypatch, series):
    monkeypatch.setattr("skrnn.data.feature_codecs.BLOCK", 9)
    blocks = list(blocks_of(series))
    assert len(blocks) > 3
    assert [i for rows, _ in blocks for i in range(rows.start, rows.stop)] == list(
        range(12)
    )
    for rows, block in blocks:
        assert len(block) == 1 or len(block.values) <= 9
        assert np.shares_memory(block.values, series.values)
        for i, sequence in zip(range(rows.start, rows.stop), block, strict=True):
            np.testing.assert_array_equal(sequence, series[i])


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_blocks_do_not_change_the_normalisation(norm, monkeypatch, series, rng):
    gappy = with_gaps(series, rng)
    options = {"instance_norm": norm, "target_feature": 1, "missing": "indicator"}
    expected = FeatureCodec("standard", **options).fit(gappy).encode(gappy)
    monkeypatch.setattr("skrnn.data.feature_codecs.BLOCK", 5)
    found = FeatureCodec("standard", **options).fit(gappy).encode(gappy)
    np.testing.assert_array_equal(found.steps.values, expected.steps.values)


def test_blocks_do_not_change_gaps_and_times(monkeypatch, series, rng):
    gappy = with_gaps(series, rng)
    seconds = rng.random(len(gappy.values)).cumsum()
    codec = FeatureCodec("standard", "indicator").fit(gappy, seconds=seconds)
    expected = codec.encode(gappy, seconds=seconds)
    monkeypatch.setattr("skrnn.data.feature_codecs.BLOCK", 5)
    found = codec.encode(gappy, seconds=seconds)
    np.testing.assert_array_equal(found.steps.values, expected.steps.values)


def joined_by_a_loop(steps, size):
    """Return the patches of each sequence, with the share of padding where there is any."""
    rows = []
    for x in steps:
        n_missing = -len(x) % size
        patches = np.pad(x, ((0, n_missing), (0, 0))).reshape(-1, size * x.shape[1])
        share = np.zeros((len(patches), 1))
        share[-1:] = n_missing / size
        rows.append(np.hstack([patches, share]))
    return np.concatenate(rows)


@pytest.mark.parametrize("block", [5, 1 << 20])
def test_blocks_do_not_change_patches(block, monkeypatch, rng):
    monkeypatch.setattr("skrnn.data.feature_codecs.BLOCK", block)
    lengths = [4, 1, 7, 12, 3]
    values = rng.normal(size=(sum(lengths), 2)).astype(np.float32)
    steps = RaggedArray.from_lengths(values, lengths)
    codec = FeatureCodec(None, patch_size=3).fit(steps)
    found = codec.join_patches(codec.encode(steps)).steps
    assert found.lengths.tolist() == [2, 1, 3, 4, 1]
    np.testing.assert_allclose(found.values, joined_by_a_loop(steps, 3), rtol=1e-6)


def test_patches_take_little_more_memory_than_the_result(rng):
    values = rng.normal(size=(4_000_000, 1)).astype(np.float32)
    steps = RaggedArray.from_lengths(values, [999] * 4004 + [4])
    codec = FeatureCodec(None, patch_size=20).fit(steps)
    encoded = codec.encode(steps)
    tracemalloc.start()
    try:
        result = codec.join_patches(encoded).steps.values.nbytes
        assert tracemalloc.get_traced_memory()[1] < 1.6 * result
    finally:
        tracemalloc.stop()


def test_gaps_take_little_more_memory_than_the_result(rng):
    values = rng.normal(size=(1_000_000, 4)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    steps = RaggedArray.from_lengths(values, [1000] * 1000)
    codec = FeatureCodec("standard", "indicator").fit(steps)
    tracemalloc.start()
    try:
        result = codec.encode(steps).steps.values.nbytes
        assert tracemalloc.get_traced_memory()[1] < 2.5 * result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_normalisation_takes_little_more_memory_than_the_result(norm, rng):
    steps = RaggedArray.from_lengths(rng.normal(size=(4_000_000, 1)), [1000] * 4000)
    tracemalloc.start()
    try:
        codec = FeatureCodec("standard", instance_norm=norm).fit(steps)
        assert tracemalloc.get_traced_memory()[1] < 0.6 * steps.values.nbytes
        tracemalloc.reset_peak()
        encoded = codec.encode(steps)
        result = encoded.steps.values.nbytes
        assert tracemalloc.get_traced_memory()[1] - result < 0.6 * steps.values.nbytes
    finally:
        tracemalloc.stop()
