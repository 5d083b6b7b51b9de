"""Every mistake of a user is named, and leaves nothing half done behind."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback
from torch.nn.utils.rnn import pack_sequence

ok = np.zeros((2, 3))
late_nan = np.array([[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]])
BAD_X = {
    "no sequences": ([], ValueError, "X has 0 sequences"),
    "no rows": (np.zeros((0, 3)), ValueError, r"0 sample\(s\)"),
    "no 3-D rows": (np.zeros((0, 3, 2)), ValueError, r"shape \(0, 3, 2\)"),
    "an empty sequence": ([ok, np.zeros((0, 3))], ValueError, r"X\[1\] has no steps"),
    "an empty token list": ([["a"], []], ValueError, r"X\[1\] has no steps"),
    "a blank string": (["a b", " "], ValueError, r"X\[1\] has no steps"),
    "no features": ([np.zeros((2, 0))] * 2, ValueError, "0 features"),
    "NaN": ([ok, late_nan], ValueError, r"NaN: X\[1\], step 1"),
    "NaN in 3-D": (np.stack([ok, late_nan]), ValueError, r"NaN: X\[1\], step 1"),
    "NaN in 2-D": (late_nan, ValueError, r"NaN: X\[1\], step 1"),
    "NaN in a frame": (pd.DataFrame(late_nan), ValueError, r"NaN: X\[1\], step 1"),
    "inf": ([ok, np.full((1, 3), np.inf)], ValueError, r"infinity.*X\[1\], step 0"),
    "-inf": ([ok, -np.full((1, 3), np.inf)], ValueError, r"infinity.*X\[1\], step 0"),
    "inf in 2-D": (np.array([[1, 2], [1, np.inf]]), ValueError, r"inf.*X\[1\], step 1"),
    "too large": ([ok, np.full((1, 3), 1e300)], ValueError, r"too large.*X\[1\], step 0"),
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
    "a frame of numbers and texts": (
        pd.DataFrame({"a": [1, 2], "word": ["b", "c"]}),
        TypeError,
        "X holds strings in column 'word', such as 'b'.*sequences_from_frame",
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


@pytest.mark.parametrize("case", BAD_X)
def test_a_bad_X_is_named_at_fit_and_leaves_nothing_behind(make_estimator, case):
    X, error, message = BAD_X[case]
    model = make_estimator()
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X, [0, 1])
    assert vars(model) == before


@pytest.mark.parametrize("case", [c for c in BAD_X if c != "a generator"])
def test_a_bad_X_is_named_at_predict(make_estimator, case):
    X, error, message = BAD_X[case]
    good = [["a"], ["b"]] if _holds_tokens(X) else [ok, ok]
    if case.endswith(("2-D", "frame", "one series", "a sparse matrix")):
        good = np.zeros((2, np.shape(X)[-1]))
    model = make_estimator().fit(good, [0, 1])
    with pytest.raises(error, match=message):
        model.predict(X)


def _holds_tokens(X):
    first = X[0] if isinstance(X, list | pd.Series) and len(X) else X
    if isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, str)


BAD_Y = {
    "too short": (["a"], "y has 1 entries, but X has 2 sequences"),
    "too long": (["a"] * 3, "y has 3 entries, but X has 2 sequences"),
    "None": (None, "requires y to be passed"),
}


@pytest.mark.parametrize("case", BAD_Y)
def test_a_y_of_another_length_is_named(make_estimator, case):
    y, message = BAD_Y[case]
    with pytest.raises(ValueError, match=message):
        make_estimator().fit([ok, ok], y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", 1], dtype=object), "labels of y must be of one kind"),
        ([b"a", b"b"], "labels of y must be of one kind"),
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
        ([["a"], ["a", "b"]], "y must have one label a sequence"),
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
        (["a", "b"], "could not convert string to float"),
        (np.zeros((2, 1, 1)), "y has 3 dimensions"),
    ],
)
def test_what_is_no_number_is_named(make_regressor, y, message):
    with pytest.raises(ValueError, match=message):
        make_regressor().fit([ok, ok], y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], r"sample_weight.shape == \(1,\), expected \(2,\)"),
        ([1.0, -1.0], "Negative values in data passed to `sample_weight`"),
        ([1.0, np.nan], "Input sample_weight contains NaN"),
        ([0.0, 0.0], "at least one non-zero"),
    ],
)
def test_bad_weights_are_named(make_estimator, weight, message):
    with pytest.raises(ValueError, match=message):
        make_estimator().fit([ok, ok], [0, 1], sample_weight=weight)


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
    model = make_estimator().fit(fitted_on, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=message):
        model.predict(X)


def test_other_column_names_are_refused(make_estimator):
    frame = pd.DataFrame(np.zeros((4, 3)), columns=["mon", "tue", "wed"])
    model = make_estimator().fit(frame, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"mon": "sun"}))


def test_use_before_fit_is_refused(make_estimator):
    model = make_estimator()
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.predict([ok])
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.score([ok, ok], [0, 1])


def test_regressors_refuse_use_before_fit(make_regressor):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        make_regressor(loss="quantile").predict_quantiles([ok])


@pytest.mark.parametrize(
    "method", ["predict_proba", "predict_log_proba", "decision_function"]
)
def test_classifiers_refuse_use_before_fit(make_classifier, method):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(make_classifier(), method)([ok])


# --- parameters ----------------------------------------------------------------------

BAD_PARAMETERS = {
    "dropout": [-0.1, 1.0, "high"],
    "input_type": ["text"],
    "tokenizer": ["sentence", 3],
    "lowercase": ["yes"],
    "min_count": [0, 1.5],
    "max_vocabulary": [0, -1],
    "embedding_dim": [0, -5],
    "char_encoder": ["lstm", True],
    "max_epochs": [0, -1, 2.5, "many"],
    "batch_size": [0, -32, "all"],
    "lr": [0, -0.1, "high", None],
    "optimizer": ["adm", None],
    "weight_decay": [-1.0],
    "lr_schedule": ["cosin", None],
    "max_grad_norm": [0.0, -1.0],
    "callbacks": ["log", 3],
    "early_stopping": ["yes", 1.5],
    "validation_fraction": [0.0, 1.0, 5],
    "validation_strategy": ["first"],
    "n_iter_no_change": [0],
    "scoring": [3],
    "warm_start": ["yes", 3],
    "verbose": [-1, "loud"],
    "device": [3, None],
    "random_state": ["a", -1],
}
BAD_RECURRENT = {
    "cell": ["LSTM", "transformer", None],
    "pooling": ["sum", None],
    "hidden_size": [0, -1, 2.5],
    "num_layers": [0, -1],
    "bidirectional": ["yes", 2],
}
BAD_FEED_FORWARD = {
    "hidden_layer_sizes": [(0,), (4, -1), (2.5,), 0, "a", None],
    "activation": ["gelu", None],
    "window": [0, -1, 1.5],
}


def check_refused(model, name, value, X=(ok, ok)):
    model.set_params(**{name: value})
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=f"\\b{name}\\b"):
        model.fit(list(X), [0, 1])
    assert vars(model) == before


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in BAD_PARAMETERS.items() for v in values]
)
def test_a_parameter_out_of_its_range_is_named(make_estimator, name, value):
    check_refused(make_estimator(), name, value)


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in BAD_RECURRENT.items() for v in values]
)
def test_a_recurrent_parameter_out_of_its_range_is_named(make_recurrent, name, value):
    check_refused(make_recurrent(), name, value)


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in BAD_FEED_FORWARD.items() for v in values]
)
def test_a_feed_forward_parameter_out_of_its_range_is_named(make_estimator, name, value):
    if "hidden_layer_sizes" not in make_estimator().get_params():
        with pytest.raises(ValueError, match=f"Invalid parameter '{name}'"):
            make_estimator().set_params(**{name: value})
    else:
        check_refused(make_estimator(), name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", "mse"),
        ("instance_norm", "first"),
        ("target_feature", -1),
        ("target_feature", 0.5),
    ],
)
def test_a_regressors_parameter_out_of_its_range_is_named(make_regressor, name, value):
    check_refused(make_regressor(), name, value)


@pytest.mark.parametrize(
    "quantiles",
    [[0.0, 0.5], [0.5, 1.0], [1.5], [-0.1], [], [np.nan], ["a"], 0.5, [[0.5]]],
)
def test_quantiles_outside_0_and_1_are_refused(make_regressor, quantiles):
    check_refused(make_regressor(loss="quantile"), "quantiles", quantiles)


def test_quantiles_need_the_quantile_loss(make_regressor):
    model = make_regressor().fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match='needs a fit with loss="quantile"'):
        model.predict_quantiles([ok])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_weight", "auto"),
        ("class_weight", 3),
        ("class_weight", {7: 1.0}),
        ("class_weight", [{0: 1}]),
        ("label_smoothing", 1.0),
        ("label_smoothing", -0.1),
    ],
)
def test_a_classifiers_parameter_out_of_its_range_is_named(make_classifier, name, value):
    check_refused(make_classifier(), name, value)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "high", None])
def test_a_class_weight_that_is_no_weight_is_named(make_classifier, weight):
    with pytest.raises(ValueError, match=r"class_weight\['a'\] must be a number"):
        make_classifier(class_weight={"a": weight}).fit([ok, ok], ["a", "b"])


def test_weights_that_cancel_out_are_refused(make_classifier):
    model = make_classifier(class_weight={0: 0.0})
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        model.fit([ok, ok], [0, 1], sample_weight=[1.0, 0.0])


def test_a_class_weight_for_an_unknown_label_names_it(make_classifier):
    with pytest.raises(ValueError, match=r"class_weight names \['c'\].*\['a', 'b'\]"):
        make_classifier(class_weight={"a": 2, "c": 3}).fit([ok, ok], ["a", "b"])


@pytest.mark.parametrize(
    "typo", ["hiden_size", "hidden", "Cell", "epochs", "learning_rate", "n_jobs"]
)
def test_a_misspelt_parameter_is_refused(make_estimator, typo):
    with pytest.raises(ValueError, match=f"Invalid parameter '{typo}'"):
        make_estimator().set_params(**{typo: 1})


@pytest.mark.parametrize(
    ("embeddings", "error", "message"),
    [
        ({}, ValueError, "a vector for no token of X"),
        ({"zebra": np.ones(3)}, ValueError, "a vector for no token of X"),
        (
            {"a": np.ones(3), "b": np.ones(4)},
            ValueError,
            r"embeddings\[.*\] has shape .*, expected",
        ),
        ({"a": np.ones((3, 2))}, ValueError, r"embeddings\[.*\] has shape .*, expected"),
        ({"a": np.full(3, np.nan)}, ValueError, r"embeddings\['a'\] is not finite"),
        ("glove", TypeError, "embeddings must map tokens to vectors"),
        (3, TypeError, "'embeddings' parameter .* must be None or an object"),
    ],
)
def test_embeddings_of_no_use_are_refused(make_estimator, embeddings, error, message):
    model = make_estimator(embeddings=embeddings)
    with pytest.raises(error, match=message):
        model.fit([["a"], ["b"]], [0, 1])


@pytest.mark.parametrize("result", [None, 3])
def test_a_tokenizer_that_gives_no_list_is_named(make_estimator, result):
    model = make_estimator(tokenizer=lambda text: result)
    with pytest.raises(TypeError, match=r"tokenizer gave .* for X\[0\]"):
        model.fit(["a", "b"], [0, 1])


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_instance_norm_is_refused_for_tokens(make_regressor, norm):
    with pytest.raises(ValueError, match=f"instance_norm='{norm}' needs a numeric X"):
        make_regressor(instance_norm=norm).fit([["a"], ["b"]], [0, 1])


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_target_feature_that_X_lacks_is_refused(make_regressor, norm):
    model = make_regressor(instance_norm=norm, target_feature=3)
    with pytest.raises(ValueError, match="target_feature=3, but X has 3 features"):
        model.fit([ok, ok], [0, 1])


def test_a_device_that_is_not_there_is_named(make_estimator):
    with pytest.raises(ValueError, match="device='abacus' cannot be used"):
        make_estimator(device="abacus").fit([ok, ok], [0, 1])


def test_an_optimizer_that_is_none_is_named(make_estimator):
    with pytest.raises(TypeError, match=r"optimizer must be a class of torch.optim"):
        make_estimator(optimizer=int).fit([ok, ok], [0, 1])


@pytest.mark.parametrize("callback", ["log", 3, object, ("log", print)])
def test_a_callback_that_is_none_is_named(make_estimator, callback):
    with pytest.raises(TypeError, match=r"callbacks\[0\] must be a skorch callback"):
        make_estimator(callbacks=[callback]).fit([ok, ok], [0, 1])


# --- validation data -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": [ok]}, "X_val and y_val must be passed together"),
        ({"y_val": [0]}, "X_val and y_val must be passed together"),
        ({"X_val": [ok], "y_val": [0, 1]}, "y_val has 2 entries, but X_val has 1"),
        ({"X_val": [], "y_val": []}, "X_val has 0 sequences"),
        ({"X_val": [ok, late_nan], "y_val": [0, 1]}, r"NaN: X_val\[1\], step 1"),
        ({"X_val": [ok[:, :2]], "y_val": [0]}, "X_val has 2 features, .* expecting 3"),
        ({"X_val": [["a"]], "y_val": [0]}, "X_val holds token sequences"),
        ({"X_val": [ok], "y_val": [np.nan]}, "Input y_val contains NaN"),
    ],
)
def test_bad_validation_data_is_named(make_estimator, given, message):
    model = make_estimator()
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit([ok, ok], [0, 1], **given)
    assert vars(model) == before


def test_validation_columns_in_another_order_are_refused(make_estimator):
    frame = pd.DataFrame(np.zeros((4, 2)), columns=["a", "b"])
    y = [0, 1, 0, 1]
    with pytest.raises(ValueError, match="feature names should match"):
        make_estimator().fit(frame, y, X_val=frame[["b", "a"]], y_val=y)


def test_validation_data_without_early_stopping_is_refused(make_estimator):
    model = make_estimator(early_stopping=False)
    with pytest.raises(ValueError, match="X_val is of no use with early_stopping=False"):
        model.fit([ok, ok], [0, 1], X_val=[ok], y_val=[0])


def test_a_validation_label_outside_the_classes_is_named(make_classifier):
    with pytest.raises(ValueError, match=r"y_val\[1\] is .*'c'.* not in classes"):
        make_classifier().fit([ok, ok], ["a", "b"], X_val=[ok, ok], y_val=["a", "c"])


@pytest.mark.parametrize("split", ["random", "last"])
def test_a_validation_part_of_everything_is_refused(make_estimator, split):
    model = make_estimator(
        early_stopping=True, validation_fraction=0.99, validation_strategy=split
    )
    with pytest.raises(ValueError, match=r"validation_fraction=0.99 holds out all of 12"):
        model.fit([ok] * 12, [0, 1] * 6)


# --- going on ------------------------------------------------------------------------


def test_partial_fit_refuses_a_label_outside_classes(make_classifier):
    model = make_classifier()
    with pytest.raises(
        ValueError, match=r"y\[1\] is .*'c'.* not in classes \['a', 'b'\]"
    ):
        model.partial_fit([ok, ok], ["a", "c"], classes=["a", "b"])
    model.partial_fit([ok, ok], ["a", "b"])
    with pytest.raises(
        ValueError, match=r"y\[1\] is .*'c'.* not in classes \['a', 'b'\]"
    ):
        model.partial_fit([ok, ok], ["a", "c"])


def test_partial_fit_refuses_other_classes_than_before(make_classifier):
    model = make_classifier().partial_fit([ok, ok], ["a", "b"], classes=["b", "a"])
    model.partial_fit([ok], ["a"], classes=["a", "b"])
    with pytest.raises(ValueError, match="not the same as on the last call"):
        model.partial_fit([ok], ["a"], classes=["a", "b", "c"])


def test_partial_fit_refuses_what_needs_all_the_data(make_estimator):
    model = make_estimator(early_stopping=True)
    with pytest.raises(ValueError, match="early_stopping=True is of no use"):
        model.partial_fit([ok, ok], [0, 1])


def test_partial_fit_refuses_balanced_class_weights(make_classifier):
    model = make_classifier(class_weight="balanced")
    with pytest.raises(ValueError, match=r'class_weight="balanced" cannot be used'):
        model.partial_fit([ok, ok], [0, 1])


def test_warm_start_refuses_other_classes(make_classifier):
    model = make_classifier(warm_start=True).fit([ok, ok], ["a", "b"])
    with pytest.raises(ValueError, match=r"y\[0\] is .*'c'.* not in classes"):
        model.fit([ok, ok], ["c", "b"])


def test_going_on_refuses_indicators_after_labels_and_back(make_classifier):
    model = make_classifier().fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match="y must be of the same form"):
        model.partial_fit([ok, ok], [[0, 1], [1, 0]])
    model.fit([ok, ok], [[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="y must be of the same form"):
        model.partial_fit([ok, ok], [0, 1])


def test_going_on_refuses_another_number_of_outputs(make_regressor):
    model = make_regressor(warm_start=True).fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match="y has 2 outputs, expected 1"):
        model.fit([ok, ok], [[0, 1], [1, 0]])


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_going_on_refuses_an_X_of_another_form(make_estimator, how):
    model = make_estimator(warm_start=True).fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match=r"X has 4 features, but .* expecting 3"):
        getattr(model, how)([np.zeros((2, 4))] * 2, [0, 1])
    with pytest.raises(ValueError, match="X holds token sequences"):
        getattr(model, how)([["a"], ["b"]], [0, 1])


# --- nothing half fitted -------------------------------------------------------------


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


def state_of(model, X):
    return (
        {k: v.numpy().copy() for k, v in model.net_.module_.state_dict().items()},
        model.history_.copy(),
        model.predict(X),
        set(vars(model)),
        model.n_iter_,
    )


def assert_same_state(got, expected):
    for name, weights in expected[0].items():
        assert_array_equal(got[0][name], weights)
    pd.testing.assert_frame_equal(got[1], expected[1])
    assert_array_equal(got[2], expected[2])
    assert got[3:] == expected[3:]


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
    before = state_of(model, X)
    with pytest.raises(KeyboardInterrupt):
        start(model.set_params(callbacks=[callback]), how, X[::-1], y)
    assert_same_state(state_of(model, X), before)


@HOW
def test_a_refit_on_bad_data_leaves_the_earlier_fit(make_estimator, X, y, how):
    model = make_estimator().fit(X, y)
    before = state_of(model, X)
    with pytest.raises(ValueError, match=r"X\[1\] has no steps"):
        start(model, how, [X[0], X[0][:0]], y[:2])
    assert_same_state(state_of(model, X), before)


def test_a_refit_that_fails_late_leaves_the_earlier_fit(make_estimator, numbers, y):
    model = make_estimator().fit(numbers, y)
    before = state_of(model, numbers)
    model.set_params(callbacks=[Interrupt(error=RuntimeError("late"))])
    with pytest.raises(RuntimeError, match="late"):
        model.fit([["a"], ["b"]] * 12, y)  # another kind of X
    assert_same_state(state_of(model, numbers), before)


@pytest.mark.parametrize("how", ["warm fit", "partial_fit"])
def test_going_on_after_an_interrupt_is_as_if_nothing_had_been(
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
    data = (X, y, weight)
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


@pytest.mark.parametrize("batch_size", [8, 24])
@pytest.mark.parametrize("epochs", [1, 50])
def test_diverging_training_is_an_error_with_advice(
    make_estimator, numbers, y, epochs, batch_size, outputs
):
    model = make_estimator().fit(numbers, y)
    expected = outputs(model, numbers)
    model.set_params(**DIVERGENT, max_epochs=epochs, batch_size=batch_size)
    if "cell" in model.get_params():
        model.set_params(cell="rnn_relu")
    with pytest.raises(ValueError, match=r"loss became (nan|inf).* Try a smaller lr"):
        model.fit([100 * sequence for sequence in numbers], y)
    assert_array_equal(outputs(model, numbers), expected)


def test_an_exploding_relu_cell_is_named_as_such(make_recurrent, numbers, y):
    model = make_recurrent(
        cell="rnn_relu", lr=1e6, max_grad_norm=None, optimizer="sgd", max_epochs=50
    )
    with pytest.raises(ValueError, match='cell="lstm" in place of a ReLU cell'):
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


def test_frames_of_steps_keep_the_order_of_their_columns(make_estimator, numbers, y):
    frames = [pd.DataFrame(x, columns=list("abc")) for x in numbers]
    model = make_estimator().fit(frames, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert_array_equal(model.predict(frames), model.predict(numbers))
    with pytest.raises(ValueError, match="same order"):
        model.predict([frame[list("cba")] for frame in frames])
    with pytest.raises(ValueError, match="same order"):
        make_estimator(early_stopping=True).fit(
            frames, y, X_val=[frame[list("cba")] for frame in frames], y_val=y
        )


def as_fields(sequences, names="abc"):
    """Return sequences as a frame, one column a feature."""
    return pd.DataFrame(
        {
            name: pd.Series([np.array(x[:, j]) for x in sequences])
            for j, name in enumerate(names)
        }
    )


def test_a_frame_of_fields_is_read_by_the_names_of_its_columns(
    make_estimator, numbers, y, outputs
):
    fields = as_fields(numbers)
    model = make_estimator().fit(fields, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    expected = outputs(model, numbers)
    assert_array_equal(outputs(make_estimator().fit(numbers, y), numbers), expected)
    for X in (fields, fields[list("cab")], list(numbers), pd.Series(list(numbers))):
        assert_array_equal(outputs(model, X), expected)
    with pytest.raises(ValueError, match=r"X lacks the columns \['b'\]"):
        model.predict(fields[["a", "c"]])
    with pytest.raises(ValueError, match=r"X has the columns \['d'\] besides"):
        model.predict(fields.assign(d=fields["a"]))


def test_fields_to_validate_on_come_in_any_order(make_estimator, numbers, y):
    fields = as_fields(numbers)
    given = [
        make_estimator(early_stopping=True)
        .fit(fields, y, X_val=X_val, y_val=y)
        .history_["valid_loss"]
        .tolist()
        for X_val in (fields, fields[list("bca")])
    ]
    assert given[0] == given[1]
    with pytest.raises(ValueError, match=r"X_val lacks the columns \['b'\]"):
        make_estimator(early_stopping=True).fit(
            fields, y, X_val=fields[["a", "c"]], y_val=y
        )


def test_texts_in_a_table_of_one_column_give_the_predictions_of_a_list(
    make_estimator, outputs
):
    texts = ["a good film", "a bad plot", "good", "bad bad film"]
    frame = pd.DataFrame({"text": texts})
    model = make_estimator().fit(frame, [0, 1, 0, 1])
    assert set(model.vocabulary_) >= {"good", "bad", "film", "plot"}
    for X in (texts, np.array(texts)[:, None], np.array(texts, object)[:, None], frame):
        assert_array_equal(outputs(model, X), outputs(model, texts))
    again = make_estimator().fit(np.array(texts)[:, None], [0, 1, 0, 1])
    assert_array_equal(outputs(again, texts), outputs(model, texts))


def test_a_frame_of_several_columns_of_sequences_and_others_is_refused(make_estimator):
    texts = pd.DataFrame({"title": ["a", "c"], "text": ["d", "e f"]})
    arrays = pd.DataFrame({"title": [1, 2], "text": [np.ones(3), np.ones(2)]})
    with pytest.raises(TypeError, match=r"2 columns, and X\['text'\] holds whole texts"):
        make_estimator().fit(texts, [0, 1])
    with pytest.raises(TypeError, match="X holds whole sequences in column 'text'"):
        make_estimator().fit(arrays, [0, 1])


def test_a_y_that_overflows_is_refused(make_regressor, numbers, amounts):
    with pytest.raises(ValueError, match="y is too large"):
        make_regressor().fit(numbers, amounts * 1e300)
