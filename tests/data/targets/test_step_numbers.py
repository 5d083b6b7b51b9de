"""Numbers for each step: which y has them, checks, scales and levels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from skrnn.data.containers import check_sequences
from skrnn.data.inputs import Inputs
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.targets import StepNumberTargets, has_step_numbers

ROWS = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0])]
SQUARE = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
#: Containers of arrays, by what makes them of a list of arrays.
OF_STEPS = {
    "list": list,
    "tuple": tuple,
    "object array": object_array,
    "object array of lists": lambda rows: object_array([row.tolist() for row in rows]),
    "column of an array": lambda rows: object_array(rows)[:, None],
    "series": lambda rows: pd.Series(rows, index=range(7, 7 + len(rows))),
    "series of lists": lambda rows: pd.Series([row.tolist() for row in rows]),
    "column of a frame": lambda rows: pd.DataFrame({"level": rows}),
    "list of series": lambda rows: [pd.Series(row, index=row) for row in rows],
    "list of tensors": lambda rows: list(map(torch.tensor, rows)),
    "ragged array": RaggedArray.from_sequences,
}


def make(X=None, **options):
    """Return targets of inputs that are fitted on X, or on tokens."""
    X = check_sequences([["a"]]) if X is None else X
    return StepNumberTargets(Inputs(**options).fit(X))


def make_series(rng, n):
    """Return n random walks of different lengths and levels, validated."""
    walks = [100 + 10 * i + rng.normal(size=4 + i % 3).cumsum() for i in range(n)]
    return check_sequences(walks)


# --- which y has numbers for each step -----------------------------------------------


@pytest.mark.parametrize("rows", [ROWS, SQUARE], ids=["unequal", "equal"])
@pytest.mark.parametrize("container", OF_STEPS)
def test_arrays_in_a_list_or_column_are_numbers_for_each_step(
    rows, container, check_data
):
    y = OF_STEPS[container](rows)
    assert has_step_numbers(y)
    numbers = check_data(make(), y, lengths=list(map(len, rows))).y.values
    assert numbers.values.dtype == np.float64
    assert [row.tolist() for row in numbers] == [row.tolist() for row in rows]


@pytest.mark.parametrize(
    "y",
    [
        [1.0, 2.0],
        np.array([1.0, 2.0]),
        np.array([1.0, 2.0], dtype=object),
        pd.Series([1, 2]),
        torch.ones(2),
        np.ones((2, 3)),
        np.ones((2, 1)),
        np.ones((2, 3)).astype(object),
        [[1.0, 2.0], [3.0, 4.0]],
        ((1.0, 2.0), (3.0, 4.0)),
        [[1.0, 2.0, 3.0], [4.0, 5.0]],
        pd.DataFrame(np.ones((2, 3))),
        pd.DataFrame({"a": [1.0, 2.0]}),
        np.ones((2, 3, 2)),
        torch.ones(2, 3),
        ["a", "b"],
        [None, None],
        [],
        None,
        {0: 1.0},
        "text",
        3.0,
        pd.Series(pd.date_range("2020", periods=2)),
        scipy.sparse.eye(3),
    ],
    ids=str,
)
def test_a_table_or_one_number_a_sequence_are_not_numbers_for_each_step(y):
    assert not has_step_numbers(y)


# --- validation ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (
            [ROWS[0], ROWS[1][:1]],
            ValueError,
            r"y\[1\] has 1 numbers, but X\[1\] has 2 steps$",
        ),
        (
            SQUARE,
            ValueError,
            r"y\[0\] has 2 numbers, but X\[0\] has 3 steps.*for 2 outputs a sequence "
            r"pass a 2-D array, as np.stack\(y\)",
        ),
        (ROWS[:1], ValueError, "y has 1 entries, but X has 2 sequences"),
        (
            [ROWS[0], np.array([np.nan, 1])],
            ValueError,
            r"Input y contains NaN: y\[1\], step 0\. Replace",
        ),
        (
            [np.array([1, 2, np.inf]), ROWS[1]],
            ValueError,
            r"Input y contains infinity: y\[0\], step 2\.",
        ),
        (
            [np.ones((3, 2)), np.array([[1, 2], [1, np.nan]])],
            ValueError,
            r"NaN: y\[1\], step 1\.",
        ),
        (object_array([[1, 2, None], [1, 2]]), ValueError, r"NaN .*: y\[0\]\[2\]"),
        (
            [np.ma.masked_array(ROWS[0], [0, 1, 0]), ROWS[1]],
            ValueError,
            r"NaN .*: y\[0\]\[1\]",
        ),
        (
            [ROWS[0], 1.0],
            TypeError,
            r"y\[1\] is float, expected an array of numbers, one for each step of X\[1\]",
        ),
        ([ROWS[0], None], TypeError, r"y\[1\] is NoneType, expected an array of numbers"),
        ([ROWS[0], "ab"], TypeError, r"y\[1\] is str, expected an array"),
        (
            [ROWS[0], np.array(["a", "b"])],
            TypeError,
            r"y\[1\]\[0\] is 'a', a string",
        ),
        (
            [ROWS[0], np.array([1j, 2])],
            ValueError,
            r"Complex data not supported: y\[1\]\[0\]",
        ),
        (
            [np.ones((3, 2)), np.ones((2, 3))],
            ValueError,
            r"y\[1\] has shape \(2, 3\), expected \(n_steps, 2\)$",
        ),
        (
            [np.ones(3), np.ones((2, 1))],
            ValueError,
            r"y\[1\] has shape \(2, 1\), expected \(n_steps,\)$",
        ),
        (
            [np.ones((3, 2, 2)), np.ones((2, 2, 2))],
            ValueError,
            r"y\[0\] has shape \(3, 2, 2\), expected \(n_steps,\) or \(n_steps, n_out",
        ),
        ([np.ones((3, 0)), np.ones((2, 0))], ValueError, r"y\[0\] has shape \(3, 0\)"),
        (
            pd.DataFrame({"a": ROWS, "b": ROWS}),
            TypeError,
            "y has 2 columns of sequences, expected one",
        ),
        (None, ValueError, "y is None"),
    ],
)
@pytest.mark.filterwarnings("error:.*masked element")
def test_numbers_of_the_wrong_form_are_named(y, error, message, check_data):
    with pytest.raises(error, match=message):
        check_data(make(), y, lengths=[3, 2])


def test_a_message_shows_the_tokens_that_a_text_was_split_into(check_data):
    X = check_sequences(
        ["a b", "c, d"], split=lambda text: text.replace(",", " ,").split()
    )
    with pytest.raises(
        ValueError, match=r"y\[1\] has 2 numbers.* 3 steps: 'c', ',', 'd'"
    ):
        check_data(make(), [np.ones(2), np.ones(2)], X)


@pytest.mark.parametrize(
    ("in_fit", "later", "message"),
    [
        ((), (2,), r"y\[0\] has shape \(3, 2\), expected \(n_steps,\) as in fit"),
        ((2,), (), r"y\[0\] has shape \(3,\), expected \(n_steps, 2\) as in fit"),
    ],
)
def test_another_number_of_outputs_than_in_fit_is_an_error(
    in_fit, later, message, fitted, check_data
):
    targets = fitted(make(), [np.ones((3, *in_fit))], lengths=[3])
    with pytest.raises(ValueError, match=message):
        check_data(targets, [np.ones((3, *later))], lengths=[3])


def test_a_table_is_read_as_steps_once_the_fit_was_of_steps(fitted, check_data):
    targets = fitted(make(), ROWS, lengths=[3, 2])
    numbers = check_data(targets, np.eye(2), lengths=[2, 2]).y.values
    assert numbers.values.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("empty", "trailing"),
    [
        ([], ()),
        ([], (2,)),
        (np.empty(0), ()),
        (np.empty(0), (2,)),
        (np.empty((0, 2)), (2,)),
    ],
)
def test_a_sequence_without_steps_has_no_numbers(empty, trailing, check_data):
    y = object_array([np.ones((2, *trailing)), empty])
    numbers = check_data(make(), y, lengths=[2, 0]).y.values
    assert numbers.values.shape == (2, *trailing)
    assert numbers.lengths.tolist() == [2, 0]


def test_sequences_without_any_steps_have_no_numbers(check_data):
    numbers = check_data(make(), object_array([[], []]), lengths=[0, 0]).y.values
    assert numbers.values.shape == (0,)


# --- standardised and back -----------------------------------------------------------


@pytest.mark.parametrize("trailing", [(), (1,), (3,)])
def test_numbers_come_back_as_they_were(trailing, fitted, check_data, rng):
    lengths = [4, 1, 7, 3]
    y = [1000 + 5 * rng.normal(size=(n, *trailing)) for n in lengths]
    targets = fitted(make(), y, lengths=lengths)
    data = check_data(targets, y, lengths=lengths)
    encoded = targets.encode(data)
    assert encoded.values.dtype == np.float32
    assert encoded.values.shape == (15, targets.n_outputs)
    assert encoded.lengths.tolist() == lengths
    np.testing.assert_allclose(encoded.values.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.mean(encoded.values**2, axis=0), 1, rtol=1e-4)
    decoded = targets.decode(encoded.values, data.X)
    assert decoded.dtype == object
    assert decoded.shape == (4,)
    for got, expected in zip(decoded, y, strict=True):
        assert got.dtype == np.float64
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_equally_long_predictions_stay_an_array_of_arrays(fitted, check_data):
    targets = fitted(make(), SQUARE, lengths=[2, 2])
    data = check_data(targets, SQUARE, lengths=[2, 2])
    assert targets.decode(targets.encode(data).values, data.X).shape == (2,)


def test_quantiles_come_before_the_outputs(fitted, check_data, rng):
    y = [rng.normal(size=(n, 2)) for n in (3, 2)]
    targets = fitted(make(), y, lengths=[3, 2])
    X = check_data(targets, y, lengths=[3, 2]).X
    decoded = targets.decode(np.zeros((5, 4, 2), np.float32), X)
    assert [row.shape for row in decoded] == [(3, 4, 2), (2, 4, 2)]
    np.testing.assert_allclose(decoded[0][1, 3], np.concatenate(y).mean(0))


def test_each_step_counts_as_often_as_its_sequences_weight(fitted):
    y, weight = [np.array([1.0, 2.0, 3.0]), np.array([10.0])], [1.0, 3.0]
    weighted = fitted(make(), y, lengths=[3, 1], weight=weight)
    repeated = fitted(make(), [*y, y[1], y[1]], lengths=[3, 1, 1, 1])
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)
    assert weighted.mean == pytest.approx(6.0)


def test_the_weight_of_a_sequence_is_that_of_each_of_its_steps(fitted, check_data):
    targets = fitted(make(), ROWS, lengths=[3, 2])
    data = check_data(targets, ROWS, lengths=[3, 2], weight=[2.0, 5.0])
    weights = targets.loss_weights(data, data, None)
    assert [row.tolist() for row in weights] == [[2, 2, 2], [5, 5]]
    assert targets.loss_weights(data.without_weight(), data, None) is None


@pytest.mark.parametrize("unit", [1e-30, 1e-13, 1e-11, 1e9, 1e30])
def test_the_unit_does_not_change_what_the_network_learns(unit, fitted, check_data, rng):
    y = [rng.normal(size=n) for n in (3, 2)]
    codes = []
    for rows in (y, [unit * row for row in y]):
        targets = fitted(make(), rows, lengths=[3, 2])
        codes.append(targets.encode(check_data(targets, rows, lengths=[3, 2])).values)
    np.testing.assert_allclose(codes[1], codes[0], rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e-30, -7.0, 1e30])
def test_constant_numbers_come_back(value, fitted, check_data):
    y = [np.full(3, value), np.full(2, value)]
    targets = fitted(make(), y, lengths=[3, 2])
    data = check_data(targets, y, lengths=[3, 2])
    encoded = targets.encode(data).values
    assert not encoded.any()
    assert np.concatenate(list(targets.decode(encoded, data.X))) == pytest.approx(value)


# --- relative to each sequence's level -----------------------------------------------


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_numbers_relative_to_a_sequences_level_come_back(
    norm, n_outputs, check_data, fitted, rng
):
    X = make_series(rng, 12)
    y = [x[:, 0] + rng.normal(size=len(x)) for x in X.steps]
    y = y if n_outputs is None else [np.stack([row, row + 1], axis=1) for row in y]
    targets = fitted(make(X=X, instance_norm=norm), y, X)
    encoded = targets.encode(check_data(targets, y, X)).values
    np.testing.assert_allclose(np.mean(encoded**2, axis=0), 1, rtol=1e-4)
    for got, expected in zip(targets.decode(encoded, X), y, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    # an untrained network, whose outputs are 0, predicts the level at each step
    for got, x in zip(targets.decode(np.zeros_like(encoded), X), X.steps, strict=True):
        level = x[-1, 0] if norm == "last" else x[:, 0].mean()
        np.testing.assert_allclose(got, np.full(got.shape, level), rtol=1e-6)


def test_a_y_that_overflows_beside_the_levels_of_X_is_refused(fitted, rng):
    X = make_series(rng, 3)
    y = [np.full(len(x), 1.7e308) for x in X.steps]
    X = X.with_steps(X.steps.with_values(X.steps.values * np.float32(1e-6)))
    with pytest.raises(ValueError, match="relative to X's levels it overflows float64"):
        fitted(make(X=X, instance_norm="last"), y, X)
