"""Numbers: one or several a sequence, or a horizon of future steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from skrnn.data.containers import check_sequences
from skrnn.data.inputs import Inputs
from skrnn.data.targets import HorizonTargets, NumberTargets

SCALES = [1e-30, 1e-13, 1e-11, 1e-3, 1.0, 1e9, 1e30]
EXTREMES = [1e-290, 1e-160, 1e160, 1e290]


def make(cls=NumberTargets, X=None, **options):
    """Return targets of inputs that are fitted on X, or on tokens."""
    X = check_sequences([["a"]]) if X is None else X
    return cls(Inputs(**options).fit(X))


def make_series(rng, n, scale=1.0):
    """Return n random walks of two features and of different levels, validated."""
    walks = [
        (scale * (100 + 10 * i + rng.normal(size=(4 + i % 3, 2)).cumsum(0)))
        for i in range(n)
    ]
    return check_sequences(walks)


# --- validation ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        np.array([1.0, 2.0]),
        pd.Series([1, 2], index=[3, 1]),
        (1, 2),
        torch.ones(2),
    ],
    ids=lambda y: type(y).__name__,
)
def test_numbers_may_come_in_any_container(y, check_data):
    numbers = check_data(make(), y).y.values
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, np.asarray(y, dtype=np.float64))


@pytest.mark.parametrize("convert", [list, np.array, pd.DataFrame])
def test_numbers_may_have_columns(convert, check_data):
    y = convert([[1, 2], [3, 4]])
    assert check_data(make(), y).y.values.tolist() == [[1, 2], [3, 4]]


def test_a_column_of_numbers_becomes_a_vector_with_a_warning(check_data):
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        assert check_data(make(), np.array([[1], [2]])).y.values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan], "Input y contains NaN"),
        ([1.0, None], "Input y contains NaN"),
        ([1.0, np.inf], "Input y contains infinity"),
        (np.ones((2, 1, 1)), "y has 3 dimensions, expected"),
        (np.ones((2, 0)), r"y has no numbers: its shape is \(2, 0\)"),
        ([[1, 2], [3]], r"y\[1\] has 1 numbers, but y\[0\] has 2: .* pass arrays"),
        ([1.0], "y has 1 entries, but X has 2 sequences"),
        (None, "y is None"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), r"contains NaN .*: y\[1\]$"),
        (np.ma.masked_array([1, 2], [0, 1]), r"contains NaN .*: y\[1\]$"),
        ([1.0, np.ma.masked], r"contains NaN .*: y\[1\]$"),
        (np.ma.masked_array([[1], [2]], [[0], [1]]), r"contains NaN .*: y\[1\]$"),
        (np.ma.masked_array(np.eye(2), np.eye(2)), r"contains NaN .*: y\[0, 0\]$"),
        ([[1, 2], [3, np.ma.masked]], r"contains NaN .*: y\[1, 1\]$"),
        ([np.ones(2), np.ma.masked_array([1, 2], [0, 1])], r"NaN .*: y\[1, 1\]$"),
    ],
)
@pytest.mark.filterwarnings("error:.*masked element")
def test_numbers_of_the_wrong_form_are_refused(y, message, check_data):
    with pytest.raises(ValueError, match=message):
        check_data(make(), y, lengths=[1, 1])


@pytest.mark.parametrize(
    ("in_fit", "later", "message"),
    [
        (
            (4, 2),
            (4, 3),
            r"y_val has shape \(n_sequences, 3\), expected \(n_sequences, 2\) as in fit",
        ),
        (
            (4, 2),
            (4,),
            r"y_val has shape \(n_sequences,\), expected \(n_sequences, 2\) as in fit",
        ),
        (
            (4,),
            (4, 2),
            r"y_val has shape \(n_sequences, 2\), expected \(n_sequences,\) as in fit",
        ),
    ],
)
def test_another_number_of_outputs_than_in_fit_is_an_error(
    in_fit, later, message, fitted, check_data, rng
):
    targets = fitted(make(), rng.normal(size=in_fit))
    with pytest.raises(ValueError, match=message):
        check_data(targets, rng.normal(size=later), name="y_val")


# --- standardised and back -----------------------------------------------------------


@pytest.mark.parametrize("shape", [(20,), (20, 3)])
def test_numbers_come_back_as_they_were(shape, fitted, check_data, rng):
    y = 1000 + 5 * rng.normal(size=shape)
    targets = fitted(make(), y)
    data = check_data(targets, y)
    encoded = targets.encode(data)
    assert encoded.dtype == np.float32
    assert encoded.shape == (20, targets.n_outputs)
    np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.mean(encoded**2, axis=0), 1, rtol=1e-4)
    decoded = targets.decode(encoded, data.X)
    assert decoded.dtype == np.float64
    assert decoded.shape == y.shape
    np.testing.assert_allclose(decoded, y, rtol=1e-6)


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_numbers_relative_to_a_sequences_level_come_back(
    norm, n_outputs, check_data, fitted, rng
):
    X = make_series(rng, 12)
    levels = np.array([x[-1, 1] for x in X.steps])
    y = levels + rng.normal(size=12)
    y = y if n_outputs is None else np.stack([y, y + 1], axis=1)
    targets = fitted(make(X=X, instance_norm=norm, target_feature=1), y, X)
    data = check_data(targets, y, X)
    encoded = targets.encode(data)
    np.testing.assert_allclose(np.mean(encoded**2, axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(targets.decode(encoded, X), y, rtol=1e-6)
    # an untrained network, whose outputs are 0, predicts the level
    untrained = targets.decode(np.zeros_like(encoded), X)
    if norm == "last":
        np.testing.assert_allclose(untrained.reshape(12, -1)[:, 0], levels, rtol=1e-6)


@pytest.mark.parametrize("norm", [None, "last", "standard"])
def test_a_unit_of_an_output_changes_the_prediction_by_its_units(norm, fitted, rng):
    X = make_series(rng, 12)
    y = rng.normal(size=(12, 2)) * [1.0, 50.0]
    targets = fitted(make(X=X, instance_norm=norm, target_feature=1), y, X)
    change = targets.decode(np.ones((12, 2)), X) - targets.decode(np.zeros((12, 2)), X)
    np.testing.assert_allclose(targets.units(X), change, rtol=1e-9)


@pytest.mark.parametrize("cls", [NumberTargets, HorizonTargets])
@pytest.mark.parametrize("shape", [(20,), (20, 3)])
@pytest.mark.parametrize("centre", [0.0, 3.0])
@pytest.mark.parametrize("scale", SCALES + EXTREMES)
def test_targets_are_the_same_at_every_scale(
    cls, shape, centre, scale, fitted, check_data, rng
):
    if cls is HorizonTargets and len(shape) == 1:
        shape = (20, 3, 2)
    y = centre + rng.normal(size=shape)
    expected, got = (
        targets.encode(check_data(targets, values))
        for values in (y, y * scale)
        for targets in [fitted(make(cls), values)]
    )
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    targets = fitted(make(cls), y * scale)
    back = targets.decode(got, check_sequences([["a"]] * 20))
    np.testing.assert_allclose(back / scale, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("scale", [1e-30, 1e-11, 1e-3, 1e9, 1e30])
def test_normalised_targets_are_the_same_at_every_scale(norm, scale, fitted, check_data):
    def encode(scale):
        rng = np.random.default_rng(3)
        X = make_series(rng, 10, scale)
        y = np.array([float(x[-1, 0]) for x in X.steps]) + scale * rng.normal(size=10)
        targets = fitted(make(X=X, instance_norm=norm), y, X)
        return targets.encode(check_data(targets, y, X))

    np.testing.assert_allclose(encode(scale), encode(1.0), atol=1e-3)


def test_outputs_of_very_different_scales_each_have_their_own(fitted, check_data, rng):
    y = rng.normal(size=(30, 3)) * [1e-20, 1.0, 1e20]
    targets = fitted(make(), y)
    encoded = targets.encode(check_data(targets, y))
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-5)


def test_weights_count_in_the_mean_and_the_deviation(fitted, rng):
    y, weight = rng.normal(size=30), rng.integers(0, 4, size=30)
    weighted = fitted(make(), y, weight=weight)
    repeated = fitted(make(), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


@pytest.mark.parametrize("outlier", [1e3, 1e20])
def test_a_sequence_of_weight_0_does_not_change_the_scale(outlier, fitted, rng):
    y = rng.normal(size=20)
    targets = fitted(make(), np.r_[y - y.mean(), outlier], weight=[1.0] * 20 + [0.0])
    np.testing.assert_allclose(targets.scale, y.std())


def test_weights_that_are_all_0_in_training_are_an_error(check_data):
    targets = make()
    every = check_data(targets, [1.0, 2.0, 3.0], weight=[0, 0, 1])
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        targets.fit(every.take(np.array([0, 1]), with_raw=False), every)


@pytest.mark.parametrize("cls", [NumberTargets, HorizonTargets])
@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e9, 1e-30, 1e300])
def test_a_constant_y_becomes_zeros_and_comes_back(cls, value, fitted, check_data):
    y = np.full(7 if cls is NumberTargets else (7, 2), value)
    targets = fitted(make(cls), y)
    data = check_data(targets, y)
    np.testing.assert_allclose(targets.encode(data), 0, atol=1e-6)
    zeros = np.zeros((7, targets.n_outputs))
    np.testing.assert_allclose(targets.decode(zeros, data.X), y)
    ones = targets.decode(np.ones_like(zeros), data.X)
    assert (ones != y).all()  # a scale of 0 would lose what a network says
    np.testing.assert_allclose(ones, y, rtol=0.01, atol=0.01)


def test_a_single_number_is_constant(fitted, check_data):
    targets = fitted(make(), [3.0])
    data = check_data(targets, [3.0])
    assert targets.decode(targets.encode(data), data.X).tolist() == [3.0]


def test_numbers_beyond_float64_relative_to_their_levels_are_an_error(fitted):
    assert np.isfinite(fitted(make(), [-1.7e308, 1.7e308]).scale).all()
    X = check_sequences([np.arange(4.0) * 1e-30] * 2)
    with pytest.raises(
        ValueError, match="y is too large: relative to X's levels it over"
    ):
        fitted(make(X=X, instance_norm="last"), [1e300, 2e300], X)


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_quantiles_keep_their_axis(n_outputs, fitted, check_data, rng):
    X = make_series(rng, 6)
    y = rng.normal(size=6 if n_outputs is None else (6, 2))
    targets = fitted(make(X=X, instance_norm="standard"), y, X)
    encoded = targets.encode(check_data(targets, y, X))
    stacked = np.stack([encoded] * 4, axis=1)  # (n_sequences, n_quantiles, n_outputs)
    decoded = targets.decode(stacked, X)
    assert decoded.shape == ((6, 4) if n_outputs is None else (6, 4, 2))
    for quantile in range(4):
        np.testing.assert_allclose(decoded[:, quantile], y, rtol=1e-4, atol=1e-4)


def test_numbers_have_sample_weights_and_nothing_to_stratify(check_data):
    targets = make()
    data = check_data(targets, [1.0, 2.0], weight=[1, 2])
    assert targets.loss_weights(data, data, None).tolist() == [1, 2]
    assert targets.strata(data.y) is None
    assert targets.groups(data.y) == []


# --- horizons ------------------------------------------------------------------------

HORIZON = np.array([[1.5, 2.0, 3.0], [4.0, 5.0, 1e-12]])
TWO_OUTPUTS = np.arange(12.0).reshape(2, 3, 2)


@pytest.mark.parametrize(
    "y",
    [
        HORIZON,
        HORIZON.tolist(),
        list(HORIZON),
        tuple(map(tuple, HORIZON)),
        pd.DataFrame(HORIZON),
        np.asfortranarray(HORIZON),
        torch.tensor(HORIZON),
    ],
    ids=lambda y: type(y).__name__,
)
def test_a_horizon_may_come_in_any_container(y, check_data):
    values = check_data(make(HorizonTargets), y).y.values
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, HORIZON)  # in double precision


@pytest.mark.parametrize("make_y", [np.array, np.ndarray.tolist, list])
def test_a_horizon_may_have_several_outputs(make_y, check_data):
    y = make_y(TWO_OUTPUTS)
    np.testing.assert_array_equal(check_data(make(HorizonTargets), y).y.values, y)


def test_a_horizon_of_one_step_keeps_its_axis(fitted, check_data):
    targets = fitted(make(HorizonTargets), [[1.0], [2.0]])
    data = check_data(targets, [[1.0], [2.0]])
    assert data.y.values.shape == (2, 1)
    assert targets.decode(targets.encode(data), data.X).shape == (2, 1)
    assert (targets.horizon, targets.n_outputs) == (1, 1)


@pytest.mark.parametrize("shape", [(9, 4), (9, 4, 1), (9, 4, 3)])
@pytest.mark.parametrize("norm", [None, "last"])
def test_a_horizon_comes_back_as_it_was(shape, norm, fitted, check_data, rng):
    X = make_series(rng, 9)
    y = 100 + rng.normal(size=shape)
    targets = fitted(make(HorizonTargets, X, instance_norm=norm), y, X)
    encoded = targets.encode(check_data(targets, y, X))
    assert (encoded.shape, encoded.dtype) == ((9, int(np.prod(shape[1:]))), np.float32)
    assert (targets.horizon, targets.n_outputs) == (4, encoded.shape[1])
    decoded = targets.decode(encoded, X)
    assert decoded.shape == shape
    np.testing.assert_allclose(decoded, y, rtol=1e-5)
    quantiles = targets.decode(np.stack([encoded, encoded], axis=1), X)
    assert quantiles.shape == (9, 2, *shape[1:])
    np.testing.assert_allclose(quantiles[:, 1], y, rtol=1e-5)


def test_the_steps_of_a_horizon_share_the_scale_of_their_output(fitted, rng):
    deviation = np.array([[1.0, 10.0], [2.0, 30.0], [5.0, 20.0]])  # (steps, outputs)
    y = deviation * rng.choice([-1.0, 1.0], size=(4, 1, 1)) * np.ones((4, 3, 2))
    y = np.concatenate([y, -y])
    targets = fitted(make(HorizonTargets), y)
    expected = np.sqrt(np.mean(deviation**2, axis=0))
    np.testing.assert_allclose(targets.scale.reshape(3, 2), [expected] * 3)


@pytest.mark.parametrize("constant", [0.0, 1.0, 1e6])
def test_a_constant_step_does_not_hide_the_others(constant, fitted, check_data, rng):
    y = 1e-6 * rng.normal(size=(20, 3))
    y[:, 0] = constant
    targets = fitted(make(HorizonTargets), y)
    encoded = targets.encode(check_data(targets, y))
    assert not encoded[:, 0].any()
    assert (encoded[:, 1:].std(axis=0) > 0.5).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(2), r"y has shape \(2,\), expected \(n_sequences, horizon\)"),
        (np.ones((2, 1, 1, 1)), r"y has shape \(2, 1, 1, 1\), expected"),
        (np.ones((2, 0)), r"y has shape \(2, 0\)|0 feature"),
        (np.ones((2, 3, 0)), r"y has shape \(2, 3, 0\)"),
        (np.ones((3, 2)), "y has 3 entries, but X has 2 sequences"),
        ([[1.0, 2.0], [3.0]], "inhomogeneous"),
        ([[1.0, np.nan], [2.0, 3.0]], "Input y contains NaN"),
        ([[1.0, 2.0], [2.0, np.inf]], "Input y contains infinity"),
        (None, "y is None"),
    ],
)
def test_horizons_of_the_wrong_form_are_refused(y, message, check_data):
    with pytest.raises(ValueError, match=message):
        check_data(make(HorizonTargets), y, lengths=[1, 1])


@pytest.mark.parametrize("scale", EXTREMES)
def test_a_horizon_has_the_same_scale_in_every_unit(scale, fitted, check_data, rng):
    y = rng.normal(size=(20, 3, 2))
    targets, in_units = fitted(make(HorizonTargets), y), make(HorizonTargets)
    fitted(in_units, scale * y)
    np.testing.assert_allclose(in_units.scale / scale, targets.scale, rtol=1e-9)


def test_a_masked_step_of_a_horizon_is_missing(check_data):
    y = np.ma.masked_array(HORIZON, HORIZON == 4)
    with pytest.raises(ValueError, match=r"Input y contains NaN .*: y\[1, 0\]$"):
        check_data(make(HorizonTargets), y)


@pytest.mark.parametrize("shape", [(2, 4), (2, 3, 1), (2, 1)])
def test_another_horizon_than_in_fit_is_an_error(shape, fitted, check_data):
    targets = fitted(make(HorizonTargets), HORIZON)
    with pytest.raises(ValueError, match=r"expected \(n_sequences, 3\) as in fit"):
        check_data(targets, np.ones(shape))
