"""Model files: fitted estimators as data, without code.

A pickle runs whatever code it names, and depends on the versions of all libraries. A model
file holds arrays and JSON: reading one makes estimators of skrnn and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skrnn._versions import check_version, current_version
from skrnn.data.documents import CLASSES, read_document, write_document
from skrnn.data.forecasting import SeriesInputs
from skrnn.data.inputs import Inputs
from skrnn.data.steps import shown
from skrnn.data.subwords import TrainedTokenizer, is_of_library
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
from skrnn.data.tokenizers import FunctionTokenizer, prepare_tokenizer
from skrnn.data.vocabulary import N_RESERVED, Vocabulary
from skrnn.estimators._calibration import Calibration
from skrnn.estimators._classifier import SequenceClassifier
from skrnn.estimators._feedforward import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    FeedForwardTagger,
)
from skrnn.estimators._forecaster import (
    FeedForwardForecaster,
    ForecastingTask,
    SequenceForecaster,
)
from skrnn.estimators._generator import (
    FeedForwardGenerator,
    GenerationTask,
    SequenceGenerator,
)
from skrnn.estimators._pickling import Removed, without_removed
from skrnn.estimators._regressor import RegressionTask, SequenceRegressor
from skrnn.estimators._rows import architecture_of, check_parameters
from skrnn.estimators._seq2seq import Seq2SeqTransformer
from skrnn.estimators._tagger import SequenceTagger
from skrnn.modules.networks import NETWORKS, empty_network
from skrnn.training import losses as training_losses
from skrnn.training.ensemble import EnsembleNet
from skrnn.training.files import ModelFileError, read_file, write_file
from skrnn.training.net import SequenceNet
from skrnn.training.optimizers import OPTIMIZERS, RemovedOptimizer
from skrnn.training.seeding import make_generator

__all__ = ["ModelFileError", "load_model", "save_model"]

#: The estimators that a file may hold, by name.
ESTIMATORS: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        FeedForwardClassifier,
        FeedForwardForecaster,
        FeedForwardGenerator,
        FeedForwardRegressor,
        FeedForwardTagger,
        Seq2SeqTransformer,
        SequenceClassifier,
        SequenceForecaster,
        SequenceGenerator,
        SequenceRegressor,
        SequenceTagger,
    )
}
#: The losses that a file may name.
LOSSES: dict[str, type[nn.Module]] = {
    name: value
    for name, value in vars(training_losses).items()
    if isinstance(value, type) and issubclass(value, nn.Module)
}
#: What a document may hold instances of.
HELD = CLASSES | {
    "Calibration": Calibration,
    "FunctionTokenizer": FunctionTokenizer,
    "Removed": Removed,
}
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
#: Parameters of the architecture that files may lack, since they came later.
ADDED = {"dropout_mask", "n_estimators", "precision", "weight_dropout", "word_dropout"}
OF_VERSIONS = {"char_dim", "word_dropout"}
#: Parameters that say how and where the author trained; a loaded estimator has the defaults.
LEFT_OUT = {"checkpoint", "n_jobs", "on_interrupt", "verbose"}
WEIGHTS, MOMENTS = "weights.", "optimizer."
#: How the names of the settings begin that are arguments of the loss.
CRITERION = "criterion__"
#: Stands for a class of the user's that was not written.
NO_OPTIMIZER = ("RemovedOptimizer", None)
#: What each optimizer keeps of a weight.
KEPT_BY = {
    "adam": {"step", "exp_avg", "exp_avg_sq"},
    "adamw": {"step", "exp_avg", "exp_avg_sq"},
    "sgd": {"momentum_buffer"},
    "rmsprop": {"step", "square_avg"},
}
PARTS = ("estimator", "versions", "parameters", "attributes", "net")
#: What the members of an ensemble have in common.
ALIKE = ("kind", "config", "criterion")
#: Numbers in the configuration of a network that no array of its own bounds.
MAX_LAYERS = 1000
#: Members of an ensemble in a file, at most.
MAX_MEMBERS = 9999
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


def save_model(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a file that holds data and no code.

    Parameters
    ----------
    estimator : estimator of skrnn
        A fitted one, of any task.
    path : str or path
        The file to write. One that is there stays until the new one is complete.

    Raises
    ------
    TypeError
        If the estimator is none of skrnn's, or if a parameter cannot be written: a function
        as tokenizer, callbacks, an optimizer's class. Nothing is written. After
        ``set_params`` with another value it is, without the function or the class of ``fit``.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    load_model : The way back.
    skrnn.onnx.to_onnx : A file to predict from without PyTorch.

    Notes
    -----
    The file is one of safetensors: the weights as arrays, and all else, the parameters
    included, as JSON. It holds no training data, and the state of the optimizer only with
    ``keep_optimizer=True``. The loaded estimator has the same predictions, bit for bit.

    Left out are ``checkpoint``, ``n_jobs``, ``on_interrupt`` and ``verbose``, which have
    their defaults after loading, and attributes that you set yourself.

    Examples
    --------
    >>> import os, tempfile
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.persistence import load_model, save_model
    >>> X, y = [["a", "b"], ["b"], ["a"], ["b", "b"]], [1, 0, 1, 0]
    >>> model = SequenceClassifier(hidden_size=4, max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skrnn")
    ...     save_model(model, path)
    ...     loaded = load_model(path)
    >>> bool((loaded.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    name = type(estimator).__name__
    if ESTIMATORS.get(name) is not type(estimator):
        raise TypeError(
            f"save_model takes an estimator of skrnn, got {name}; write a Pipeline or a "
            "search by skops or joblib"
        )
    check_is_fitted(estimator)
    parameters = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if name not in LEFT_OUT
    }
    learned = without_removed(
        {k: v for k, v in vars(estimator).items() if k in ATTRIBUTES or k == "net_"},
        estimator.get_params(deep=False),
        estimator._fitted_parameters,
    )
    attributes = {k: v for k, v in learned.items() if k != "net_"}
    attributes["_fitted_parameters"] = {
        name: _as_data(name, value)
        for name, value in attributes["_fitted_parameters"].items()
    }
    net, weights = _nets_as_data(learned["net_"])
    document = {
        "estimator": name,
        "versions": _versions(),
        "parameters": {name: _as_data(name, value) for name, value in parameters.items()},
        "attributes": attributes,
        "net": net,
    }
    write_file(path, write_document(document, HELD), weights)


def load_model(path: str | os.PathLike[str]) -> Any:
    """Return the estimator of a file that ``save_model`` wrote.

    No code of the file runs, and the memory that is needed is bounded by its size.

    Parameters
    ----------
    path : str or path
        A file that ``save_model`` wrote.

    Returns
    -------
    estimator : estimator of skrnn
        Fitted; on the CPU if its device is not there.

    Raises
    ------
    ModelFileError
        If the file is not a model file of skrnn, is damaged, or holds something else than
        the parameters and weights of one of its estimators.
    OSError
        If the file cannot be opened.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If another version of skrnn wrote the file.

    See Also
    --------
    save_model : The way there.

    Examples
    --------
    >>> import os, tempfile
    >>> from skrnn import SequenceRegressor
    >>> from skrnn.persistence import load_model, save_model
    >>> model = SequenceRegressor(hidden_size=4, max_epochs=2, random_state=0)
    >>> model = model.fit([[0.1, 0.2], [0.3]] * 4, [1.0, 2.0] * 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, os.path.join(folder, "model.skrnn"))
    ...     load_model(os.path.join(folder, "model.skrnn"))
    SequenceRegressor(hidden_size=4, max_epochs=2, random_state=0)
    """
    text, weights = read_file(path)
    try:
        return _build(read_document(text, HELD), weights)
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{os.fspath(path)!r} does not hold an estimator of skrnn: {shown(error)}"
        ) from error


def _build(document: dict[str, Any], weights: dict[str, NDArray]) -> Any:
    """Return the estimator of a document."""
    _expect(sorted(document) == sorted(PARTS), "it has other parts")
    _expect(document["estimator"] in ESTIMATORS, "it names no estimator")
    check_version(document["estimator"], document["versions"].get("skrnn"))
    parameters, attributes = document["parameters"], document["attributes"]
    parameters = {
        name: _from_data(value)
        for name, value in parameters.items()
        if name not in LEFT_OUT
    }
    _expect(not parameters.get("callbacks"), "it has callbacks")
    estimator = ESTIMATORS[document["estimator"]](**parameters)
    check_parameters(estimator)
    _check_attributes(attributes)
    fitted = {
        name: _from_data(value)
        for name, value in attributes["_fitted_parameters"].items()
    }
    _expect(
        architecture_of(estimator).keys() - fitted.keys() <= ADDED,
        "it lacks parameters of fit",
    )
    fitted_with = type(estimator)(**parameters | fitted)
    check_parameters(fitted_with)
    attributes["_fitted_parameters"] = fitted
    net = document["net"]
    members = net.get("members", [net])
    _expect(isinstance(members, list) and len(members) > 0, "it has no members")
    _expect(
        ("members" in net) == (fitted_with.n_estimators > 1)
        and len(members) <= min(fitted_with.n_estimators, MAX_MEMBERS),
        "it has other members than n_estimators",
    )
    vars(fitted_with).update(attributes)
    _check_parts(fitted_with, members[0]["kind"], members[0]["config"])
    for member in members:
        _check_loss(fitted_with, member["criterion"], member["settings"])
    vars(estimator).update(attributes | fitted_with._learned())
    estimator.net_ = _nets_from_data(net, weights, fitted_with.n_estimators)
    return estimator


def _check_attributes(attributes: Any) -> None:
    """Refuse attributes that no fit sets, or of other types than it gives them."""
    _expect(isinstance(attributes, dict), "it lacks fitted attributes")
    _expect(attributes.keys() >= ALWAYS, "it lacks fitted attributes")
    _expect(attributes.keys() <= ATTRIBUTES.keys(), "it has other attributes")
    for name, value in attributes.items():
        right = isinstance(value, ATTRIBUTES[name]) and not isinstance(value, bool)
        _expect(right, f"its {name} is a {type(value).__name__}")


def _check_parts(estimator: Any, kind: Any, config: Any) -> None:
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
    _expect(
        type(inputs) is estimator._inputs_class
        and type(targets) in kinds
        and getattr(targets, "inputs", inputs) is inputs,
        "it reads other data",
    )
    _expect(kind in kinds[type(targets)], "it has another network")
    tokenizer = getattr(targets, "tokenizer", None)
    _expect(
        not isinstance(tokenizer, FunctionTokenizer)
        or isinstance(tokenizer.function, Removed),
        "its tokenizer is no function",
    )
    for one in (tokenizer, getattr(inputs, "tokenizer", None)):
        if isinstance(one, TrainedTokenizer):
            _expect(one.is_readable(), "its tokenizer is none of the library tokenizers")
    for codec in (*getattr(inputs, "codecs", ()), getattr(targets, "codec", None)):
        if getattr(codec, "vocabulary", None) is not None:
            _check_vocabulary(codec.vocabulary)
    classes = targets.classes
    _expect(
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
    _expect(
        all(
            _comparable(config.get(name)) == _comparable(value)
            for name, value in ({"static": None} | expected).items()
            if name not in OF_VERSIONS
        ),
        "its network is one for other data",
    )
    learned = estimator._learned()
    _expect(
        {name for name in LEARNED if name in vars(estimator)} == learned.keys(),
        "its attributes are not those of its data",
    )
    _expect(
        vars(estimator).get("window_", config.get("window")) == config.get("window"),
        "its network has another window",
    )


def _check_loss(estimator: Any, name: Any, settings: Any) -> None:
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
    _expect(
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
    _expect(
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


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ModelFileError(f"the file does not hold an estimator of skrnn: {otherwise}")


# --- parameters ---------------------------------------------------------------------------


def _as_data(name: str, value: Any) -> Any:
    """Return a parameter as plain data; a TypeError that names it if it is code."""
    if isinstance(value, np.random.RandomState):
        return ("RandomState", value.get_state())
    if isinstance(value, torch.device | os.PathLike):
        return str(value)
    if isinstance(value, Mapping) and not isinstance(value, dict):
        return dict(value)
    if value is RemovedOptimizer:
        return NO_OPTIMIZER
    if isinstance(value, Removed):
        return value
    if is_of_library(value):
        value = prepare_tokenizer(value)
    if callable(value) or (name == "callbacks" and value):
        raise TypeError(
            f"{name}={shown(value)} cannot be stored in a model file, which holds plain "
            f"values and no code; {_remedy(name)}"
        )
    return value


def _remedy(name: str) -> str:
    if name.endswith("tokenizer"):
        return "split texts before fit and before predict, and pass token lists"
    if name == "optimizer":
        return f"pass one of {', '.join(map(repr, OPTIMIZERS))}"
    return f"set_params({name}=None) before, or use joblib"


def _from_data(value: Any) -> Any:
    """Return a parameter from plain data."""
    if isinstance(value, tuple) and value == NO_OPTIMIZER:
        return RemovedOptimizer
    if isinstance(value, tuple) and value[:1] == ("RandomState",):
        random = np.random.RandomState()
        random.set_state(value[1])
        return random
    return value


# --- the net ------------------------------------------------------------------------------


def _nets_as_data(net: Any) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return a net, or the nets of an ensemble, as plain values and arrays."""
    if not isinstance(net, EnsembleNet):
        return _net_as_data(net)
    members = []
    arrays: dict[str, NDArray] = {}
    for i, one in enumerate(net.nets):
        data, own = _net_as_data(one)
        members.append(data)
        arrays |= {f"{i}.{name}": array for name, array in own.items()}
    document: dict[str, Any] = {"members": members}
    if net.numbers[-1] > len(members):
        document["numbers"] = net.numbers  # some were left out
    return document, arrays


def _nets_from_data(
    data: dict[str, Any], arrays: dict[str, NDArray], n_estimators: int
) -> Any:
    """Return a net, or an ensemble of nets with networks of one kind."""
    if "members" not in data:
        return _net_from_data(data, arrays)
    members = data["members"]
    parts = [_with_prefix(arrays, f"{i}.") for i in range(len(members))]
    _expect(sum(map(len, parts)) == len(arrays), "it has other arrays")
    _expect(
        all(one[part] == members[0][part] for one in members for part in ALIKE),
        "its members differ",
    )
    nets = [_net_from_data(*one) for one in zip(members, parts, strict=True)]
    numbers = data.get("numbers", list(range(1, len(nets) + 1)))
    _expect(
        isinstance(numbers, list)
        and len(numbers) == len(nets)
        and all(type(number) is int for number in numbers)
        and all(a < b for a, b in pairwise([0, *numbers, n_estimators + 1])),
        "its members have other numbers",
    )
    return EnsembleNet(nets, numbers)


def _net_as_data(net: SequenceNet) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Return a net as plain values, and its weights."""
    state = net.__getstate__()
    settings = dict(state["settings"])
    criterion, optimizer = settings.pop("criterion"), settings.pop("optimizer")
    losses = {kind: name for name, kind in LOSSES.items()}
    if optimizer is RemovedOptimizer:
        optimizer = NO_OPTIMIZER[0]
    elif optimizer not in OPTIMIZERS:
        raise TypeError(
            f"optimizer={shown(optimizer)} cannot be stored in a model file, which holds "
            f"plain values and no code; {_remedy('optimizer')}"
        )
    if criterion not in losses:
        raise TypeError(f"loss={shown(criterion)} cannot be stored in a model file")
    kind, config = state["network"]
    data = {
        "kind": kind,
        "config": dict(config),
        "settings": settings,
        "criterion": losses[criterion],
        "optimizer": optimizer,
        "order": state["order"],
        "dropout_seed": state["dropout_seed"],
        "history": state["history"],
    }
    arrays = {WEIGHTS + name: value for name, value in state["weights"].items()}
    if "optimizer_state" in state and optimizer in OPTIMIZERS:
        kept = state["optimizer_state"]
        data["optimizer_groups"] = kept["param_groups"]
        data["dropout"] = state["dropout"]
        for i, moments in kept["state"].items():
            arrays |= {f"{MOMENTS}{i}.{name}": value for name, value in moments.items()}
    return data, arrays


def _net_from_data(data: dict[str, Any], weights: dict[str, NDArray]) -> SequenceNet:
    """Return a net; its network must have the weights of the file and no others."""
    kind, config = data["kind"], data["config"]
    _expect(kind in NETWORKS, "it names no network")
    given = _with_prefix(weights, WEIGHTS)
    _check_sizes(config, sum(array.size for array in given.values()))
    network = empty_network(kind, config).state_dict()
    _expect(
        {name: (tuple(w.shape), w.dtype) for name, w in network.items()}
        == {name: (a.shape, torch.from_numpy(a).dtype) for name, a in given.items()},
        "its weights are not those of its network",
    )
    state = make_generator(0).get_state().numpy()
    order = data["order"]
    _expect(
        isinstance(order, np.ndarray)
        and (order.dtype, order.shape) == (state.dtype, state.shape),
        "its random state is none of PyTorch",
    )
    optimizer = data["optimizer"]
    if optimizer == NO_OPTIMIZER[0]:
        optimizer = RemovedOptimizer
    else:
        _expect(optimizer in OPTIMIZERS, "it names no optimizer")
    settings = data["settings"] | {
        "criterion": LOSSES[data["criterion"]],
        "optimizer": optimizer,
        "verbose": 0,
    }
    net = SequenceNet.__new__(SequenceNet)
    net.__setstate__(
        {
            "network": (kind, config),
            "weights": given,
            "settings": settings,
            "order": data["order"],
            "dropout_seed": data["dropout_seed"],
            "history": data["history"],
        }
    )
    moments = _with_prefix(weights, MOMENTS)
    _expect(len(given) + len(moments) == len(weights), "it has other arrays")
    if "optimizer_groups" in data:
        groups = data["optimizer_groups"]
        _expect(optimizer in KEPT_BY, "its optimizer keeps nothing")
        kept = _optimizer_state(net, optimizer, groups, moments)
        stream = data["dropout"]
        _expect(
            isinstance(stream, np.ndarray)
            and (stream.dtype, stream.ndim) == (np.uint8, 1)
            and len(stream) <= len(order),
            "its random state is none of PyTorch",
        )
        net.load_kept_state({"optimizer_state": kept, "dropout": stream})
    return net


def _with_prefix(arrays: dict[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _optimizer_state(
    net: SequenceNet, optimizer: str, groups: Any, moments: dict[str, NDArray]
) -> dict[str, Any]:
    """Return the optimizer's state, which must be one of the net's weights."""
    fresh = net.optimizer_.state_dict()["param_groups"]
    _expect(
        isinstance(groups, list)
        and len(groups) == len(fresh)
        and all(_same_kinds(a, b) for a, b in zip(groups, fresh, strict=True)),
        "its optimizer has other options",
    )
    weights = [w for group in net.optimizer_.param_groups for w in group["params"]]
    state: dict[int, dict[str, NDArray]] = {}
    for name, array in moments.items():
        place, _, kind = name.partition(".")
        _expect(
            place.isdecimal()
            and int(place) < len(weights)
            and kind in KEPT_BY[optimizer],
            "its optimizer keeps other arrays",
        )
        shape = () if kind == "step" else tuple(weights[int(place)].shape)
        _expect(
            array.shape == shape
            and array.dtype == np.float32
            and np.isfinite(array).all(),
            "the state of its optimizer is not that of its network",
        )
        state.setdefault(int(place), {})[kind] = array
    _expect(
        all(one.keys() == KEPT_BY[optimizer] for one in state.values()),
        "its optimizer keeps other arrays",
    )
    return {"state": state, "param_groups": groups}


def _same_kinds(given: Any, fresh: dict[str, Any]) -> bool:
    """Return whether a group of an optimizer has the options of another."""
    if not isinstance(given, dict) or not fresh.keys() <= given.keys():
        return False
    more = given.keys() - fresh.keys()
    numbers = [v for name, v in given.items() if name != "params"]
    return (
        more <= {"initial_lr"}
        and given["params"] == fresh["params"]
        and all(_is_option(value) for value in numbers)
        and all(
            isinstance(given[name], float | int) == isinstance(value, float | int)
            for name, value in fresh.items()
        )
    )


def _is_option(value: Any) -> bool:
    """Return whether a value may be an option: a number, None, or a pair of numbers."""
    if isinstance(value, tuple):
        return len(value) == 2 and all(isinstance(part, float) for part in value)
    return value is None or (isinstance(value, bool | int | float) and value >= 0)


def _check_sizes(config: Any, n_values: int) -> None:
    """Refuse sizes that the weights of the file cannot have, before anything is built."""
    if isinstance(config, Mapping):
        layers = config.get("num_layers", 1)
        _expect(
            isinstance(layers, int) and layers <= MAX_LAYERS, "it has too many layers"
        )
        config = list(config.values())
    if isinstance(config, list | tuple):
        _expect(len(config) <= MAX_LAYERS, "its network has too many parts")
        for part in config:
            _check_sizes(part, n_values)
    elif isinstance(config, int):
        _expect(
            config <= max(n_values, MAX_LAYERS), "its network is larger than its weights"
        )


# --- versions -----------------------------------------------------------------------------


def _versions() -> dict[str, str]:
    return {
        "skrnn": current_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),
    }
