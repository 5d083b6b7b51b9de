"""The file as a whole: save_model and load_model."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._versions import check_version, current_version
from skrnn.data.documents import CLASSES, read_document, write_document
from skrnn.data.steps import shown
from skrnn.data.tokenizers import FunctionTokenizer
from skrnn.estimators._calibration import Calibration
from skrnn.estimators._classifier import SequenceClassifier
from skrnn.estimators._feedforward import (
    FeedForwardClassifier,
    FeedForwardRegressor,
    FeedForwardTagger,
)
from skrnn.estimators._forecaster import FeedForwardForecaster, SequenceForecaster
from skrnn.estimators._generator import FeedForwardGenerator, SequenceGenerator
from skrnn.estimators._pickling import Removed, without_removed
from skrnn.estimators._regressor import SequenceRegressor
from skrnn.estimators._rows import architecture_of, check_parameters
from skrnn.estimators._seq2seq import Seq2SeqTransformer
from skrnn.estimators._tagger import SequenceTagger
from skrnn.persistence._checks import (
    ATTRIBUTES,
    check_attributes,
    check_loss,
    check_parts,
)
from skrnn.persistence._nets import nets_as_data, nets_from_data
from skrnn.persistence._values import as_data, expect, from_data
from skrnn.training.files import ModelFileError, read_file, write_file

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
#: What a document may hold instances of.
HELD = CLASSES | {
    "Calibration": Calibration,
    "FunctionTokenizer": FunctionTokenizer,
    "Removed": Removed,
}
#: Parameters of the architecture that files may lack, since they came later.
ADDED = {"dropout_mask", "n_estimators", "precision", "weight_dropout", "word_dropout"}
#: Parameters that say how and where the author trained; a loaded estimator has the defaults.
LEFT_OUT = {"checkpoint", "n_jobs", "on_interrupt", "verbose"}
PARTS = ("estimator", "versions", "parameters", "attributes", "net")
#: Members of an ensemble in a file, at most.
MAX_MEMBERS = 9999


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
        name: as_data(name, value)
        for name, value in attributes["_fitted_parameters"].items()
    }
    net, weights = nets_as_data(learned["net_"])
    document = {
        "estimator": name,
        "versions": _versions(),
        "parameters": {name: as_data(name, value) for name, value in parameters.items()},
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
    expect(sorted(document) == sorted(PARTS), "it has other parts")
    expect(document["estimator"] in ESTIMATORS, "it names no estimator")
    check_version(document["estimator"], document["versions"].get("skrnn"))
    parameters, attributes = document["parameters"], document["attributes"]
    parameters = {
        name: from_data(value)
        for name, value in parameters.items()
        if name not in LEFT_OUT
    }
    expect(not parameters.get("callbacks"), "it has callbacks")
    estimator = ESTIMATORS[document["estimator"]](**parameters)
    check_parameters(estimator)
    check_attributes(attributes)
    fitted = {
        name: from_data(value) for name, value in attributes["_fitted_parameters"].items()
    }
    expect(
        architecture_of(estimator).keys() - fitted.keys() <= ADDED,
        "it lacks parameters of fit",
    )
    fitted_with = type(estimator)(**parameters | fitted)
    check_parameters(fitted_with)
    attributes["_fitted_parameters"] = fitted
    net = document["net"]
    members = net.get("members", [net])
    expect(isinstance(members, list) and len(members) > 0, "it has no members")
    expect(
        ("members" in net) == (fitted_with.n_estimators > 1)
        and len(members) <= min(fitted_with.n_estimators, MAX_MEMBERS),
        "it has other members than n_estimators",
    )
    vars(fitted_with).update(attributes)
    check_parts(fitted_with, members[0]["kind"], members[0]["config"])
    for member in members:
        check_loss(fitted_with, member["criterion"], member["settings"])
    vars(estimator).update(attributes | fitted_with._learned())
    estimator.net_ = nets_from_data(net, weights, fitted_with.n_estimators)
    return estimator


def _versions() -> dict[str, str]:
    return {
        "skrnn": current_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),
    }
