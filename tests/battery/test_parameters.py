"""A parameter that is out of its range is named, and nothing is fitted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

ok = np.zeros((2, 3))

# Values that each parameter refuses, in whatever estimator has it.
REFUSED = {
    "activation": ["gelu", None],
    "attention": ["dot", True],
    "augment": [3, "noise", [1]],
    "batch_size": [0, -32, "all"],
    "beam_size": [0, 2.5, "5", None],
    "bidirectional": ["yes", 2],
    "bptt": [1, 2.5, None],
    "calendar": ["yes", None],
    "calibration_fraction": [0.0, 1.0, "auto"],
    "callbacks": ["log", 3, [3], [object], [("log", print)]],
    "cell": ["LSTM", "transformer", None],
    "char_encoder": ["gru", True],
    "checkpoint": [3, True, [".ckpt"]],
    "class_weight": ["auto", 3],
    "context": [-1, 1.5],
    "crf": ["yes", None],
    "decoder": ["lstm", None],
    "device": [3, None, "abacus"],
    "dropout": [-0.1, 1.0, "high"],
    "dropout_mask": ["batch", None, True],
    "early_stopping": ["yes", 1.5],
    "embedding_dim": [0, -5],
    "embeddings": [3, "glove"],
    "freeze_embeddings": [None, "yes"],
    "freq": ["often", 3.5],
    "hidden_layer_sizes": [(0,), (4, -1), (2.5,), 0, "a", None],
    "hidden_size": [0, -1, 2.5],
    "horizon": [0, 1.5, None],
    "input_type": ["text", None],
    "instance_norm": ["first", True],
    "invalid_tags": ["ignore", None],
    "keep_optimizer": ["yes", 3],
    "known_future": ["price", 3, ["price"]],
    "label_smoothing": [1.0, -0.1],
    "length_penalty": [-1, 10.5, None],
    "loss": ["mse", None],
    "lowercase": ["yes"],
    "lr": [0, -0.1, "high", None],
    "lr_schedule": ["cosin", None],
    "max_epochs": [0, -1, 2.5, "many"],
    "max_grad_norm": [0.0, -1.0],
    "max_length": [0, None],
    "missing": ["drop", None],
    "max_vocabulary": [0, -1],
    "min_count": [0, 1.5],
    "n_iter_no_change": [0],
    "no_repeat_ngram_size": [-1, 2.5, None],
    "num_layers": [0, -1],
    "n_estimators": [0, 1.5],
    "n_jobs": ["all", 0.5, 0],
    "on_interrupt": ["stop", None, True],
    "optimizer": ["adm", None, int],
    "patch_size": [0, 2.5, 3],
    "precision": ["float16", None],
    "pooling": ["sum", None],
    "quantiles": [0.5, None],
    "random_state": ["a", -1],
    "replace_unknown": ["yes", None],
    "scale": ["minmax", 3],
    "scheme": ["BIO", True],
    "scoring": [3, "acuracy"],
    "static_features": ["name", 3, ["name"]],
    "target": ["price"],
    "step_encoder": ["rnn", 3, "cnn"],
    "target_feature": [-1, 0.5],
    "target_max_vocabulary": [0, -1],
    "target_min_count": [0, 1.5],
    "target_tokenizer": ["sentence", 3],
    "target_type": ["text", None],
    "tie_weights": ["yes", None],
    "time": ["day", 3],
    "tokenizer": ["sentence", 3],
    "validation_fraction": [0.0, 1.0, 5],
    "validation_strategy": ["first", None],
    "verbose": [-1, "loud"],
    "warm_start": ["yes", 3],
    "weight_averaging": ["mean", 0.9, True],
    "weight_decay": [-1.0],
    "weight_dropout": [-0.1, 1.0, "high", None],
    "window": [0, -1, 1.5],
    "word_dropout": [-0.1, 1.0, "high", None],
}


def check_refused(case, name, value, X):
    """Assert that fit names the parameter and leaves the estimator as it was."""
    model = case(**{name: value})
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=f"\\b{name}\\b"):
        model.fit(X, case.targets(X))
    assert vars(model) == before


def test_every_parameter_refuses_some_value(make_any, monthly):
    names = set(make_any().get_params())
    assert names - set(REFUSED) == set()
    X = monthly if make_any.answer == "horizon" else [["a"], ["b"]]
    for name in sorted(names):
        for value in REFUSED[name]:
            if name == "callbacks" and isinstance(value, list) and value:
                with pytest.raises(TypeError, match=r"callbacks\[0\] must be a skorch"):
                    make_any.fit(X, callbacks=value)  # the one at fault has a place
            else:
                check_refused(make_any, name, value, X)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Fraction(1, 3), "must be an int or a float, got Fraction"),
        (10**20, "is an integer outside int64"),
        (-(10**400), "is an integer outside int64"),
    ],
)
def test_a_number_that_numpy_cannot_hold_is_named(make_any, value, message):
    with pytest.raises(ValueError, match=f"The 'lr' parameter of .* {message}"):
        make_any.fit([ok, ok], lr=value)


def test_a_parameter_that_partial_fit_refuses_is_named_too(make_estimator):
    model = make_estimator(lr=-1)
    with pytest.raises(ValueError, match=r"The 'lr' parameter of \w+ must be"):
        model.partial_fit([ok, ok], make_estimator.targets([ok, ok]))
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.predict([ok])


def test_the_message_names_estimator_parameter_and_allowed_values(make_estimator):
    name = make_estimator.cls.__name__
    message = (
        rf"The 'lr_schedule' parameter of {name} must be .*'one_cycle'.* Got 'cosin'"
    )
    with pytest.raises(ValueError, match=message):
        make_estimator.fit([ok, ok], lr_schedule="cosin")


@pytest.mark.parametrize(
    "quantiles",
    [[0.0, 0.5], [0.5, 1.0], [1.5], [-0.1], [], [np.nan], ["a"], 0.5, [[0.5]]],
)
def test_quantiles_outside_0_and_1_are_refused(make_regressor, quantiles):
    model = make_regressor(loss="quantile", quantiles=quantiles)
    with pytest.raises((ValueError, TypeError), match="quantiles"):
        model.fit([ok, ok], [0, 1])


def test_quantiles_need_the_quantile_loss(make_regressor):
    model = make_regressor().fit([ok, ok], [0, 1])
    with pytest.raises(ValueError, match='needs a fit with loss="quantile"'):
        model.predict_quantiles([ok])


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_instance_norm_is_refused_for_tokens(make_regressor, norm):
    with pytest.raises(ValueError, match=f"instance_norm='{norm}' needs a numeric X"):
        make_regressor(instance_norm=norm).fit([["a"], ["b"]], [0, 1])


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_target_feature_that_X_lacks_is_refused(make_regressor, norm):
    model = make_regressor(instance_norm=norm, target_feature=3)
    with pytest.raises(ValueError, match="target_feature=3, but X has 3 features"):
        model.fit([ok, ok], [0, 1])


# --- weights of classes --------------------------------------------------------------


def two_labels(case):
    """Return targets of two sequences that have one label each, "a" and "b"."""
    return [["a"], ["b"]] if case.answer == "step labels" else ["a", "b"]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"a": -1.0}, r"class_weight\['a'\] must be a number of at least 0"),
        ({"a": np.nan}, r"class_weight\['a'\] must be a number of at least 0"),
        ({"a": np.inf}, r"class_weight\['a'\] must be a number of at least 0"),
        ({"a": "high"}, r"class_weight\['a'\] must be a number of at least 0"),
        ({"a": None}, r"class_weight\['a'\] must be a number of at least 0"),
        ({"a": 2, "c": 3}, r"class_weight names \['c'\].*\['a', 'b'\]"),
        ({"a": 0, "b": 0}, "every training sequence has weight 0"),
        ([{"a": 1}], "class_weight may be a list for several labels only"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(
    make_labeller, class_weight, message
):
    model = make_labeller(class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        model.fit([["x"], ["y"]], two_labels(make_labeller))


def test_weights_that_cancel_out_are_refused(make_classifier):
    model = make_classifier(class_weight={"a": 0.0})
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        model.fit([["x"], ["y"]], ["a", "b"], sample_weight=[1.0, 0.0])


def test_a_weight_for_a_class_that_training_lacks_is_no_error_where_all_have_one(
    make_labeller,
):
    model = make_labeller(class_weight={"a": 1.0, "b": 2.0, "c": 3.0})
    assert len(model.fit([["x"], ["y"]], two_labels(make_labeller)).classes_) == 2


# --- vectors and tokenizers ----------------------------------------------------------


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ({}, "embeddings has no vectors"),
        ({"zebra": np.ones(3)}, "a vector for no token of X"),
        (
            {"a": np.ones(3), "b": np.ones(4)},
            r"embeddings\['b'\] has 4 values, expected 3",
        ),
        ({"a": np.ones((3, 2))}, r"embeddings\[.*\] has shape .*, expected"),
        ({"a": np.full(3, np.nan)}, r"embeddings\['a'\] is not finite"),
    ],
)
def test_unusable_embeddings_are_refused(make_reader, embeddings, message):
    model = make_reader(embeddings=embeddings)
    with pytest.raises(ValueError, match=message):
        model.fit([["a"], ["b"]], make_reader.targets([["a"], ["b"]]))


@pytest.mark.parametrize("result", [None, 3])
def test_a_tokenizer_that_gives_no_list_is_named(make_estimator, result):
    model = make_estimator(tokenizer=lambda text: result)
    with pytest.raises(
        TypeError, match=r"tokenizer gave (None|3) for 'a', expected a list"
    ):
        model.fit(["a", "b"], make_estimator.targets([["a"], ["b"]]))
