"""Checks that the attributes of a file are those that a fit sets, and fit each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import numpy as np

from skrnn.data.forecasting import SeriesInputs
from skrnn.data.inputs import Inputs
from skrnn.data.subwords import TrainedTokenizer
from skrnn.data.targets import (
    ClassTargets,
    FeatureContinuations,
    MultilabelTargets,
    NumberTargets,
    SeriesTargets,
    StepNumberTargets,
    StepTargets,
    Targets,
    TokenContinuations,
    TokenTargets,
)
from skrnn.data.tokenizers import FunctionTokenizer
from skrnn.data.vocabulary import N_RESERVED, Vocabulary
from skrnn.estimators._calibration import Calibration
from skrnn.estimators._forecaster import ForecastingTask
from skrnn.estimators._generator import GenerationTask
from skrnn.estimators._pickling import Removed
from skrnn.estimators._regressor import RegressionTask
from skrnn.persistence._nets import LOSSES
from skrnn.persistence._values import expect

#: The fitted attributes that a file may hold, and their types.
ATTRIBUTES: dict[str, tuple[type, ...]] = {
    "_inputs": (Inputs, SeriesInputs),
    "_targets": (Targets,),
    "_fitted_parameters": (dict,),
    "_calibration": (Calibration, type(None)),
    "batch_size_": (int,),
    "classes_": (np.ndarray,),
    "feature_names_in_": (np.ndarray,),
    "field_roles_": (dict,),
    "lr_": (float, int),
    "n_features_in_": (int,),
    "n_iter_": (int,),
    "n_parameters_": (int,),
    "target_vocabulary_": (dict,),
    "vocabulary_": (dict,),
    "window_": (int,),
}
#: Those of every estimator.
ALWAYS = {
    *("_inputs", "_targets", "_fitted_parameters"),
    *("batch_size_", "lr_", "n_iter_", "n_parameters_"),
}
#: Those that say what the inputs and targets learned.
LEARNED = {
    *("n_features_in_", "field_roles_", "vocabulary_", "target_vocabulary_", "classes_"),
}
OF_VERSIONS = {"char_dim", "word_dropout"}
#: How the names of the settings begin that are arguments of the loss.
CRITERION = "criterion__"
#: The targets that each estimator may have, and its network for them.
TARGETS: dict[str, dict[type, tuple[str, ...]]] = {
    "FeedForwardClassifier": dict.fromkeys(
        (ClassTargets, MultilabelTargets), ("feed_forward",)
    ),
    "FeedForwardForecaster": {SeriesTargets: ("window_horizon",)},
    "FeedForwardGenerator": dict.fromkeys(
        (TokenContinuations, FeatureContinuations), ("window_language",)
    ),
    "FeedForwardRegressor": {
        NumberTargets: ("feed_forward",),
        StepNumberTargets: ("window_tagging",),
    },
    "FeedForwardTagger": {StepTargets: ("window_tagging",)},
    "Seq2SeqTransformer": {TokenTargets: ("translation",)},
    "SequenceClassifier": dict.fromkeys(
        (ClassTargets, MultilabelTargets), ("recurrent",)
    ),
    "SequenceForecaster": {SeriesTargets: ("horizon", "direct")},
    "SequenceGenerator": dict.fromkeys(
        (TokenContinuations, FeatureContinuations), ("language",)
    ),
    "SequenceRegressor": {NumberTargets: ("recurrent",), StepNumberTargets: ("tagging",)},
    "SequenceTagger": {StepTargets: ("tagging",)},
}
#: The part of a network's configuration that depends on X and y, by task; of others
#: ``_complete`` gives it.
SIZES: dict[type, Callable[[Any], dict[str, Any]]] = {
    ForecastingTask: lambda estimator: estimator._horizon_config(),
    GenerationTask: lambda estimator: estimator._language_config(),
    RegressionTask: lambda estimator: estimator._complete(
        {"n_outputs": estimator._n_outputs()}
    ),
}


def check_attributes(attributes: Any) -> None:
    """Refuse attributes that no fit sets, or of other types than it gives them."""
    expect(isinstance(attributes, dict), "it lacks fitted attributes")
    expect(attributes.keys() >= ALWAYS, "it lacks fitted attributes")
    expect(attributes.keys() <= ATTRIBUTES.keys(), "it has other attributes")
    for name, value in attributes.items():
        right = isinstance(value, ATTRIBUTES[name]) and not isinstance(value, bool)
        expect(right, f"its {name} is a {type(value).__name__}")


def check_parts(estimator: Any, kind: Any, config: Any) -> None:
    """Refuse what was learned of X and y if the estimator, or its network, does not use it.

    Parameters
    ----------
    estimator : estimator
        With its attributes and the parameters of ``fit``.
    kind, config :
        Of its network.
    """
    inputs, targets = estimator._inputs, estimator._targets
    kinds = TARGETS[type(estimator).__name__]
    expect(
        type(inputs) is estimator._inputs_class
        and type(targets) in kinds
        and getattr(targets, "inputs", inputs) is inputs,
        "it reads other data",
    )
    expect(kind in kinds[type(targets)], "it has another network")
    tokenizer = getattr(targets, "tokenizer", None)
    expect(
        not isinstance(tokenizer, FunctionTokenizer)
        or isinstance(tokenizer.function, Removed),
        "its tokenizer is not a function",
    )
    for one in (tokenizer, getattr(inputs, "tokenizer", None)):
        if isinstance(one, TrainedTokenizer):
            expect(one.is_readable(), "its tokenizer is none of the library tokenizers")
    for codec in (*getattr(inputs, "codecs", ()), getattr(targets, "codec", None)):
        if getattr(codec, "vocabulary", None) is not None:
            _check_vocabulary(codec.vocabulary)
    classes = targets.classes
    expect(
        classes is None
        or (
            isinstance(classes, np.ndarray)
            and classes.shape == (targets.n_outputs,)
            and len(set(classes.tolist())) == len(classes)
        ),
        "its classes are not those of its network",
    )
    sizes = [size for task, size in SIZES.items() if isinstance(estimator, task)]
    expected = sizes[0](estimator) if sizes else estimator._complete({})
    expect(
        all(
            _comparable(config.get(name)) == _comparable(value)
            for name, value in ({"static": None} | expected).items()
            if name not in OF_VERSIONS
        ),
        "its network is one for other data",
    )
    learned = estimator._learned()
    expect(
        {name for name in LEARNED if name in vars(estimator)} == learned.keys(),
        "its attributes are not those of its data",
    )
    expect(
        vars(estimator).get("window_", config.get("window")) == config.get("window"),
        "its network has another window",
    )


def check_loss(estimator: Any, name: Any, settings: Any) -> None:
    """Refuse a loss, or arguments of one, that the estimator's parameters do not give.

    Parameters
    ----------
    estimator : estimator
        With its attributes and the parameters of ``fit``.
    name, settings :
        Of the net's loss, and of the net.
    """
    unweighted = copy(estimator)
    unweighted.class_weight = None  # needs the training data
    kind, expected = unweighted._make_loss(None)
    found = {
        key.removeprefix(CRITERION): value
        for key, value in settings.items()
        if key.startswith(CRITERION)
    }
    compared = expected.keys() - {"class_weights"}
    expect(
        LOSSES.get(name) is kind
        and found.keys() == expected.keys()
        and all(_as_list(found[key]) == _as_list(expected[key]) for key in compared),
        "its loss is not that of its parameters",
    )


def _as_list(value: Any) -> Any:
    """Return an argument of a loss such that equal ones compare equal."""
    return value if isinstance(value, str | float) else np.asarray(value).tolist()


def _check_vocabulary(vocabulary: Vocabulary) -> None:
    ids = range(N_RESERVED, len(vocabulary))
    expect(
        sorted(vocabulary.ids.values()) == list(ids)
        and vocabulary.counts.shape == (len(vocabulary),),
        "its vocabulary has other ids",
    )


def _comparable(config: Any) -> Any:
    """Return a part of a network's configuration without what differs among versions."""
    if isinstance(config, Mapping):
        parts = {name: _comparable(value) for name, value in config.items()}
        return {name: part for name, part in parts.items() if name not in OF_VERSIONS}
    if isinstance(config, list | tuple):
        return [_comparable(value) for value in config]
    return config
