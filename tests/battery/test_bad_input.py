"""A mistake of the user is named, and a fit that fails leaves the earlier one."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback
from torch.nn.utils.rnn import pack_sequence

ok = np.zeros((2, 3))
CODES = arrow.array(["a", None]).dictionary_encode()
late_nan = np.array([[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]])
BAD_X = {
    "no sequences": ([], ValueError, "X has 0 sequences"),
    "no rows": (np.zeros((0, 3)), ValueError, r"0 sample\(s\)"),
    "no 3-D rows": (np.zeros((0, 3, 2)), ValueError, r"shape \(0, 3, 2\)"),
    "no features": ([np.zeros((2, 0))] * 2, ValueError, "0 features"),
    "NaN": ([ok, late_nan], ValueError, r"NaN: X\[1\], step 1"),
    "NaN in 3-D": (np.stack([ok, late_nan]), ValueError, r"NaN: X\[1\], step 1"),
    "NaN in 2-D": (late_nan, ValueError, r"NaN: X\[1\], step 1"),
    "NaN in a frame": (pd.DataFrame(late_nan), ValueError, r"NaN: X\[1\], step 1"),
    "inf": ([ok, np.full((1, 3), np.inf)], ValueError, r"infinity.*X\[1\], step 0"),
    "-inf": ([ok, -np.full((1, 3), np.inf)], ValueError, r"infinity.*X\[1\], step 0"),
    "inf in 2-D": (np.array([[1, 2], [1, np.inf]]), ValueError, r"inf.*X\[1\], step 1"),
    "a missing sequence": ([ok, None], ValueError, r"X\[1\] is missing"),
    "a missing string": (pd.Series(["a", None]), ValueError, r"X\[1\] is missing"),
    "unequal features": (
        [ok, np.zeros((2, 4))],
        ValueError,
        r"X\[1\] has 4 features, expected 3 \(as X\[0\] has\)",
    ),
    "ragged steps": (
        [ok, [[1.0], [1.0, 2.0]]],
        ValueError,
        r"X\[1\] is not a numeric array",
    ),
    "numbers, then strings": ([[1.0], ["a"]], TypeError, r"X\[1\].*strings"),
    "numbers, then a string": ([ok, "a"], TypeError, r"X\[1\] is str, but X\[0\]"),
    "tokens, then numbers": ([["a"], [1.0]], TypeError, r"X\[1\], step 0 is 1.0"),
    "strings, then tokens": (["a", ["a"]], TypeError, r"X\[1\] is list, but X\[0\]"),
    "tokens, then strings": ([["a"], "a"], TypeError, r"X\[1\] is str, but X\[0\]"),
    "a number among tokens": ([["a", 1], ["a"]], TypeError, r"X\[0\], step 1 is 1"),
    "a missing token": ([["a"], ["b", None]], TypeError, r"X\[1\], step 1 is None"),
    "dicts as steps": ([[{"a": 1}]] * 2, TypeError, "StepwiseTransformer"),
    "one string": ("a b", TypeError, "X is one string"),
    "one series": (np.zeros(2), ValueError, "Expected 2D array, got 1D array"),
    "a list of numbers": ([1.0, 2.0], ValueError, r"X\[0\] is float"),
    "a number": (3, TypeError, "X must be a list of sequences"),
    "a dict": ({"a": [1, 2]}, TypeError, "X must be a list of sequences"),
    "a generator": ((x for x in [ok, ok]), TypeError, "X must be a list of sequences"),
    "a sparse matrix": (csr_array(np.eye(2)), TypeError, "(?i)sparse"),
    "dates": ([np.array(["2020-01-01"], "M8[D]")] * 2, TypeError, r"X\[0\].*dates"),
    "a frame of dates": (
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01", "2020-01-02"])}),
        TypeError,
        "X holds dates or times",
    ),
    "a frame of numbers and dates": (
        pd.DataFrame({"a": [1, 2], "day": pd.to_datetime(["2020-01-01", "2020-01-02"])}),
        TypeError,
        "X holds dates or times in column 'day'.*sequences_from_frame",
    ),
    "a groupby": (
        pd.DataFrame({"id": [1, 2], "x": [1, 2]}).groupby("id"),
        TypeError,
        "DataFrameGroupBy.*sequences_from_frame",
    ),
    "masked in 2-D": (
        np.ma.array(np.ones((2, 3)), mask=np.isnan(late_nan[:2])),
        ValueError,
        r"NaN: X\[1\], step 1",
    ),
    "packed": (pack_sequence([torch.ones(2)]), TypeError, "unpack_sequence"),
    "a number first": ([[1, "a"], ["a"]], TypeError, r"X\[0\], step 0 is 1 \(int\)"),
    "tagged words": ([[("a", "DT")]] * 2, TypeError, r"X\[0\], step 0 is \('a', 'DT'\)"),
    "bytes": ([[b"a"]] * 2, TypeError, r"X\[0\], step 0 is b'a'; decode"),
    "fields of unequal length": (
        pd.DataFrame({"a": [[1, 2], [3]], "b": [[1, 2], [3, 4]]}),
        ValueError,
        "row 1 of X: column 'a' has 1 steps, but column 'b' has 2",
    ),
    "complex numbers": ([ok, ok * 1j], ValueError, r"X\[1\].*Complex data"),
}


@pytest.mark.parametrize("bad", BAD_X)
def test_a_bad_X_is_named_at_fit_and_leaves_nothing_behind(make_estimator, bad):
    X, error, message = BAD_X[bad]
    model = make_estimator()
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X, make_estimator.targets([[0], [0]]))
    assert vars(model) == before


@pytest.mark.parametrize("bad", [name for name in BAD_X if name != "a generator"])
def test_a_bad_X_is_named_at_predict(make_estimator, bad):
    X, error, message = BAD_X[bad]
    good = [["a"], ["b"]] if _holds_tokens(X) else [ok, ok]
    if bad.endswith(("2-D", "frame", "one series", "a sparse matrix")):
        good = np.zeros((2, np.shape(X)[-1]))
    model = make_estimator.fit(good)
    with pytest.raises(error, match=message):
        model.predict(X)


def test_a_numeric_sequence_without_steps_is_named(make_unaligned):
    X, y = [ok, np.zeros((0, 3))], make_unaligned.targets([ok, ok])
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        make_unaligned().fit(X, y)
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        make_unaligned().fit([ok, ok], y).predict(X)


def _holds_tokens(X):
    first = X[0] if isinstance(X, list | pd.Series) and len(X) else X
    if isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, str)


@pytest.mark.parametrize("n", [1, 3])
def test_a_y_of_another_length_is_named(make_supervised, n):
    y = make_supervised.targets([ok] * n)
    with pytest.raises(ValueError, match=f"y has {n} entries, but X has 2 sequences"):
        make_supervised().fit([ok, ok], y)


def test_a_y_that_is_missing_is_named(make_supervised):
    for fit in (make_supervised().fit, make_supervised().partial_fit):
        with pytest.raises(ValueError, match="requires y to be passed"):
            fit([ok, ok], None)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", 1], dtype=object), "labels of y must be of one kind"),
        ([b"a", b"b"], r"y\[0\] is b'a'; labels must be strings, as label.decode\(\)"),
        (csr_array(np.eye(2, dtype=int)), r"y is sparse.* pass y.toarray\(\)"),
    ],
)
def test_labels_of_a_kind_that_is_not_supported_are_named(make_classifier, y, message):
    with pytest.raises(TypeError, match=message):
        make_classifier().fit([ok, ok], y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", None], r"missing value: y\[1\]"),
        ([0.0, np.nan], "Input y contains NaN"),
        ([0.1, 0.7], "continuous"),
        ([["a"], ["a", "b"]], "y must have one entry a sequence"),
        (np.ma.masked_array([0, 1], [0, 1]), r"missing value: y\[1\]"),
        (np.ma.masked_array(["a", "b"], [0, 1]), r"missing value: y\[1\]"),
        (arrow.chunked_array([CODES, CODES[:0]]), r"missing value: y\[1\]"),
        (np.ma.masked_array(np.eye(2, dtype=int), [[0, 0], [1, 0]]), r"y\[1, 0\]"),
    ],
)
def test_what_is_no_class_is_named(make_classifier, y, message):
    with pytest.raises(ValueError, match=message):
        make_classifier().fit([ok, ok], y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.0, np.nan], "Input y contains NaN"),
        ([0.0, np.inf], "Input y contains infinity"),
        (np.zeros((2, 1, 1)), "y has 3 dimensions"),
        (np.ma.masked_array([0.0, 1.0], [0, 1]), r"missing value: y\[1\]"),
    ],
)
def test_what_is_no_number_is_named(make_regressor, y, message):
    with pytest.raises(ValueError, match=message):
        make_regressor().fit([ok, ok], y)


def test_a_masked_weight_is_missing(make_supervised):
    y = make_supervised.targets([ok, ok])
    weight = np.ma.masked_array([1.0, 2.0], [0, 1])
    with pytest.raises(ValueError, match=r"missing value: sample_weight\[1\]"):
        make_supervised().fit([ok, ok], y, sample_weight=weight)


def test_a_packed_y_is_named(make_supervised):
    y = pack_sequence([torch.ones(2), torch.ones(1)])
    with pytest.raises(TypeError, match=r"y must be .*PackedSequence.*unpack_sequence"):
        make_supervised().fit([ok, ok], y)


# --- another X at predict ------------------------------------------------------------


@pytest.mark.parametrize(
    ("fitted_on", "X", "message"),
    [
        (np.zeros((4, 3)), np.zeros((2, 4)), "X has 4 features, but .* expecting 3"),
        (np.zeros((4, 3)), np.zeros((2, 2)), "X has 2 features, but .* expecting 3"),
        (np.zeros((4, 3)), np.zeros((2, 5, 2)), "X has 2 features, but .* expecting 1"),
        (np.zeros((4, 5, 3)), np.zeros((2, 5, 4)), "X has 4 features, .* expecting 3"),
        (np.zeros((4, 5, 3)), np.zeros((2, 3)), "X has 1 features, .* expecting 3"),
        ([ok] * 4, [np.zeros((2, 4))], "X has 4 features, but .* expecting 3"),
        ([ok] * 4, [["a"]], "X holds token sequences, but .* fitted on numeric"),
        ([["a"]] * 4, [ok], "X holds numeric sequences, but .* fitted on token"),
    ],
)
def test_an_X_of_another_form_is_named_at_predict(make_estimator, fitted_on, X, message):
    model = make_estimator.fit(fitted_on)
    with pytest.raises(ValueError, match=message):
        model.predict(X)


METHODS = {
    *("predict", "predict_proba", "predict_log_proba", "decision_function"),
    *("predict_quantiles", "transform", "predict_attention", "score_samples"),
    *("perplexity", "generate"),
}


def test_use_before_fit_is_refused(make_estimator):
    model = make_estimator()
    calls = [getattr(model, name) for name in sorted(METHODS) if hasattr(model, name)]
    assert len(calls) >= 1
    for call in calls:
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            call([ok, ok])
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.score([ok, ok], make_estimator.targets([ok, ok]))


# --- validation data -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("X_val", "message"),
    [
        ([], "X_val has 0 sequences"),
        ([ok, late_nan], r"NaN: X_val\[1\], step 1"),
        ([ok[:, :2]] * 2, "X_val has 2 features, .* expecting 3"),
        ([["a", "b"], ["b", "c"]], "X_val holds token sequences"),
    ],
)
def test_bad_validation_data_are_named(make_estimator, X_val, message):
    model = make_estimator()
    before = dict(vars(model))
    given = {**make_estimator.validation([ok, ok]), "X_val": X_val}
    with pytest.raises(ValueError, match=message):
        model.fit([ok, ok], make_estimator.targets([ok, ok]), **given)
    assert vars(model) == before


def test_validation_data_are_passed_together(make_supervised):
    y = make_supervised.targets([ok, ok])
    for name, value in make_supervised.validation([ok, ok]).items():
        with pytest.raises(ValueError, match="X_val and y_val must be passed together"):
            make_supervised().fit([ok, ok], y, **{name: value})
    with pytest.raises(ValueError, match="y_val has 2 entries, but X_val has 1"):
        make_supervised().fit([ok, ok], y, X_val=[ok], y_val=y)


def test_validation_numbers_that_are_missing_are_named(make_regressor):
    with pytest.raises(ValueError, match="Input y_val contains NaN"):
        make_regressor().fit([ok, ok], [0, 1], X_val=[ok], y_val=[np.nan])


def test_validation_columns_in_another_order_are_refused(make_estimator):
    frame = pd.DataFrame(np.zeros((4, 2)), columns=["a", "b"])
    y = make_estimator.targets(frame.to_numpy())
    given = {**make_estimator.validation(frame.to_numpy()), "X_val": frame[["b", "a"]]}
    with pytest.raises(ValueError, match="feature names should match"):
        make_estimator().fit(frame, y, **given)


def test_a_validation_label_outside_the_classes_is_named(make_classifier):
    with pytest.raises(ValueError, match=r"y_val\[1\] is .*'c'.* not in classes"):
        make_classifier().fit([ok, ok], ["a", "b"], X_val=[ok, ok], y_val=["a", "c"])


# --- resumed training ------------------------------------------------------------------------


def test_warm_start_refuses_other_classes(make_classifier):
    model = make_classifier(warm_start=True).fit([ok, ok], ["a", "b"])
    with pytest.raises(ValueError, match=r"y\[0\] is .*'c'.* not in classes"):
        model.fit([ok, ok], ["c", "b"])


@pytest.mark.filterwarnings("ignore:1 class has one sequence, which stays in the train")
@pytest.mark.parametrize("stopping", [{}, {"early_stopping": True}])
def test_a_new_label_is_named_by_its_place_in_y(make_classifier, stopping):
    model = make_classifier(warm_start=True, random_state=0, **stopping)
    model.fit([ok] * 20, ["a", "b"] * 10)
    with pytest.raises(ValueError, match=r"y\[15\] is .*'c'.* not in classes"):
        model.fit([ok] * 20, ["a", "b"] * 7 + ["a", "c"] + ["a", "b"] * 2)


def test_a_new_label_is_named_by_its_place_among_empty_sequences(make_tagger):
    model = make_tagger().partial_fit([["a"], ["b"]], [["U"], ["V"]])
    with pytest.raises(ValueError, match=r"y\[1\], step 0 is 'Z', which is not in"):
        model.partial_fit([[], ["a"]], [[], ["Z"]])


def test_a_number_too_large_for_float32_is_named_by_its_place_in_X(make_many_to_one):
    X = [np.ones(3) for _ in range(20)]
    X[15][1] = 1e39
    y = make_many_to_one.targets(X)
    model = make_many_to_one(scale=None, early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match=r"too large for float32: X\[15\], step 1"):
        model.fit(X, y)


def test_a_number_too_large_for_float32_is_named_by_its_place_among_empty_sequences(
    make_tagger,
):
    model = make_tagger.fit([ok, ok], scale=None)
    with pytest.raises(ValueError, match=r"too large for float32: X\[2\], step 0"):
        model.predict([ok[:0], ok, np.full((1, 3), 1e39)])


def test_resumed_training_refuses_indicators_after_labels_and_back(make_classifier):
    model = make_classifier().fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match="y has 2 columns, expected one label"):
        model.partial_fit([ok, ok], [[1, 1], [1, 0]])
    model.fit([ok, ok], [[1, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"y has shape \(2,\), expected an indicator"):
        model.partial_fit([ok, ok], [0, 1])


def test_resumed_training_refuses_another_number_of_outputs(make_regressor):
    model = make_regressor(warm_start=True).fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match=r"y has shape \(n_sequences, 2\)"):
        model.fit([ok, ok], [[1, 1], [1, 0]])


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_resumed_training_refuses_an_X_of_another_form(make_estimator, how):
    model = make_estimator.fit([ok, ok], warm_start=True)
    for X, message in [
        ([np.zeros((2, 4))] * 2, r"X has 4 features, but .* expecting 3"),
        ([["a", "b"], ["b", "c"]], "X holds token sequences"),
    ]:
        with pytest.raises(ValueError, match=message):
            getattr(model, how)(X, make_estimator.targets(X))


# --- a fit that fails -------------------------------------------------------------


class Interrupt(Callback):
    """Interrupts at a given batch, as a user does by Ctrl-C."""

    def __init__(self, at=2, error=KeyboardInterrupt):
        self.at = at
        self.error = error

    def on_train_begin(self, net, **kwargs):
        self.n_batches_ = 0

    def on_batch_end(self, net, training, **kwargs):
        self.n_batches_ += training
        if self.n_batches_ == self.at:
            raise self.error


class InterruptAtEpochEnd(Callback):
    """Interrupts between two epochs."""

    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def start(model, how, X, y):
    model.set_params(warm_start=how == "warm fit")
    return model.partial_fit(X, y) if how == "partial_fit" else model.fit(X, y)


def state_of(case, model, X):
    return (
        {k: v.numpy().copy() for k, v in model.net_.module_.state_dict().items()},
        model.history_.copy(),
        case.answers(model, X),
        set(vars(model)),
        model.n_iter_,
    )


def assert_same_state(got, expected):
    for name, weights in expected[0].items():
        assert_array_equal(got[0][name], weights)
    pd.testing.assert_frame_equal(got[1], expected[1])
    assert got[2:] == expected[2:]


HOW = pytest.mark.parametrize("how", ["fit", "warm fit", "partial_fit"])


@HOW
@pytest.mark.parametrize("callback", [Interrupt(), InterruptAtEpochEnd()])
def test_an_interrupted_first_fit_leaves_nothing(make_estimator, X, y, how, callback):
    model = make_estimator(callbacks=[callback])
    with pytest.raises(KeyboardInterrupt):
        start(model, how, X, y)
    assert not [name for name in vars(model) if name.endswith("_")]
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.predict(X)


@HOW
@pytest.mark.parametrize("callback", [Interrupt(), InterruptAtEpochEnd()])
def test_an_interrupted_refit_leaves_the_earlier_fit(make_estimator, X, y, how, callback):
    model = make_estimator().fit(X, y)
    before = state_of(make_estimator, model, X)
    y = make_estimator.targets(X[::-1])
    with pytest.raises(KeyboardInterrupt):
        start(model.set_params(callbacks=[callback]), how, X[::-1], y)
    assert_same_state(state_of(make_estimator, model, X), before)


@HOW
def test_a_refit_on_bad_data_leaves_the_earlier_fit(make_estimator, X, y, how):
    model = make_estimator().fit(X, y)
    before = state_of(make_estimator, model, X)
    with pytest.raises(ValueError, match=r"X\[1\] is missing"):
        start(model, how, [X[0], None], make_estimator.targets(X[:2]))
    assert_same_state(state_of(make_estimator, model, X), before)


def test_a_refit_that_fails_late_leaves_the_earlier_fit(make_estimator, numbers, y):
    model = make_estimator().fit(numbers, y)
    before = state_of(make_estimator, model, numbers)
    model.set_params(callbacks=[Interrupt(error=RuntimeError("late"))])
    other = [["a"], ["b"]] * 12  # another kind of X
    with pytest.raises(RuntimeError, match="late"):
        model.fit(other, make_estimator.targets(other))
    assert_same_state(state_of(make_estimator, model, numbers), before)


@pytest.mark.parametrize("how", ["warm fit", "partial_fit"])
def test_training_resumed_after_an_interrupt_is_as_if_nothing_had_happened(
    make_estimator, X, y, how, outputs
):
    expected = start(make_estimator().fit(X, y), how, X, y)
    model = make_estimator().fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        start(model.set_params(callbacks=[Interrupt()]), how, X, y)
    start(model.set_params(callbacks=None), how, X, y)
    assert_array_equal(outputs(model, X), outputs(expected, X))


@HOW
@pytest.mark.parametrize("interrupted", [False, True])
def test_fitting_leaves_data_and_global_random_numbers_alone(
    make_estimator, X, y, how, interrupted
):
    model = make_estimator()
    weight = np.linspace(0.5, 1.5, len(X))
    data = (X, [] if y is None else y, weight)
    copies = copy.deepcopy(data)
    numpys, torchs = np.random.get_state(), torch.get_rng_state()
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            start(model.set_params(callbacks=[Interrupt()]), how, X, y)
    else:
        start(model, how, X, y)
        model.fit(X, y, sample_weight=weight)
        model.predict(X)
    assert all(
        np.array_equal(a, b) for a, b in zip(numpys, np.random.get_state(), strict=True)
    )
    assert torch.equal(torch.get_rng_state(), torchs)
    for now, then in zip(data, copies, strict=True):
        for a, b in zip(now, then, strict=True):
            assert_array_equal(a, b)


# --- divergence ----------------------------------------------------------------------


DIVERGENT = {"lr": 1e20, "max_grad_norm": None, "optimizer": "sgd"}


@pytest.mark.filterwarnings("ignore:Gradients explode")
@pytest.mark.parametrize("batch_size", [8, 24])
@pytest.mark.parametrize("epochs", [1, 50])
def test_diverging_training_is_an_error_with_advice(
    make_supervised, numbers, y, epochs, batch_size, outputs
):
    model = make_supervised().fit(numbers, y)
    expected = outputs(model, numbers)
    model.set_params(**DIVERGENT, max_epochs=epochs, batch_size=batch_size, scale=None)
    if "cell" in model.get_params():
        model.set_params(cell="rnn_relu")
    with pytest.raises(ValueError, match=r"loss became (nan|inf).* Try a smaller lr"):
        model.fit([100 * sequence for sequence in numbers], y)
    assert_array_equal(outputs(model, numbers), expected)


@pytest.mark.filterwarnings("ignore:.* were skipped")
def test_an_exploding_relu_cell_is_named_as_such(make_recurrent, numbers, y):
    model = make_recurrent(
        cell="rnn_relu", lr=1e20, max_grad_norm=None, optimizer="sgd", max_epochs=50
    )
    with pytest.raises(ValueError, match=r'diverged: .* or cell="lstm"'):
        model.fit(numbers, y)


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 2), (1, 2)])
def test_an_indicator_matrix_holds_zeros_and_ones(make_classifier, numbers, low, high):
    Y = np.where(np.arange(3 * len(numbers)).reshape(-1, 3) % 2, high, low)
    with pytest.raises(
        ValueError, match=r"y\[0, \d\] is -?\d; an indicator matrix holds"
    ):
        make_classifier().fit(numbers, Y)
    model = make_classifier().fit(numbers, (high == Y).astype(int))
    with pytest.raises(ValueError, match="an indicator matrix holds 0 and 1"):
        model.partial_fit(numbers, Y)


def test_a_y_that_overflows_beside_the_levels_of_X_is_refused(make_regressor, numbers, y):
    model = make_regressor(instance_norm="last")
    with pytest.raises(ValueError, match="y is too large: relative to X's levels"):
        model.fit([x * 1e-30 for x in numbers], y * 1e300)
    assert np.isfinite(make_regressor().fit(numbers, y * 1e300).predict(numbers)).all()
