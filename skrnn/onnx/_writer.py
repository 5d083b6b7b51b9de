"""Writing ONNX files: the graphs of a fitted estimator, and its state beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._files import replace_files
from skrnn._optional import import_optional
from skrnn.data.documents import CLASSES, write_document
from skrnn.data.steps import shown
from skrnn.data.targets import (
    ClassTargets,
    MultilabelTargets,
    NumberTargets,
    SeriesTargets,
    StepNumberTargets,
    StepTargets,
    TokenTargets,
)
from skrnn.data.tokenizers import check_tokenizer, gives_subwords
from skrnn.onnx._cells import CELLS
from skrnn.onnx._format import FORMAT, KEY, MAIN
from skrnn.onnx._graph import Weights
from skrnn.onnx._networks import graphs_of, has_graphs
from skrnn.onnx._paths import FORBIDDEN
from skrnn.onnx._runtime import digest_of, path_of_part

#: Arrays of a network that only training reads.
FOR_TRAINING = ("singletons",)
#: Parts of a network that are read outside its graph, by a predictor.
OUTSIDE = "crf"
#: Fitted attributes that a predictor has, too, where the estimator has them.
ATTRIBUTES = ("n_features_in_", "feature_names_in_", "field_roles_")


def to_onnx(
    estimator: Any, path: str | os.PathLike[str], *, quantize: str | None = None
) -> None:
    """Write a fitted estimator to a file in the ONNX format.

    The file holds the network as a graph of ONNX operators, and beside it, as JSON, what
    turns X into numbers and the network's outputs into predictions: vocabulary, scales,
    classes. It holds no code. :func:`load` makes a predictor of it.

    Parameters
    ----------
    estimator : estimator
        A fitted SequenceClassifier, SequenceRegressor, SequenceTagger, Seq2SeqTransformer
        or SequenceForecaster.
    path : str or path
        The file to write. One that is there stays until the new one is complete. Beside
        ``model.onnx`` of a Seq2SeqTransformer is ``model.decoder.onnx``, one step of its
        decoder. The two are replaced one after the other, and :func:`load` refuses an old
        one with a new one.
    quantize : {"int8", None}, default=None
        "int8" stores the weights of LSTM layers as integers of one byte, but not of those
        that read numbers: the file is smaller, and predictions differ a little.

    Raises
    ------
    ImportError
        If onnx is not installed: ``pip install "skrnn[onnx]"``.
    TypeError
        If ``estimator`` is not one of these.
    ValueError
        If the network has a part that ONNX has no operator for, such as a cell that was
        added to skrnn, or if predictions need code or vectors from outside the network:
        a tokenizer that is neither a built-in nor a trained one, ``embeddings``,
        ``replace_unknown=True``, or hooks. If ``quantize`` is "int8" and the network has no
        LSTM, or if each of its LSTM layers reads numbers.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    load : The way back.

    Notes
    -----
    Probabilities and numbers equal those of the estimator to about six digits, with
    ``quantize=None``.

    The inputs of the graph are batches of encoded sequences, padded with zeros at their
    ends: int64 ``tokens`` of shape (n_sequences, n_steps) or float32 ``features``
    (n_sequences, n_steps, n_features), int64 ``lengths`` (n_sequences,), and what else the
    network reads. The output is the network's: logits, or standardized numbers. The labels
    of a conditional random field and the targets of a beam are searched outside the graph.

    Examples
    --------
    >>> import os, tempfile
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.onnx import load, to_onnx
    >>> X, y = ["not bad", "bad", "good", "not good"] * 4, ["+", "-", "+", "-"] * 4
    >>> model = SequenceClassifier(hidden_size=8, max_epochs=60, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.onnx")
    ...     to_onnx(model, path)
    ...     load(path).predict(["not bad", "bad"]).tolist()
    ['+', '-']
    """
    import_optional("onnx", "skrnn.onnx", "onnx")
    check_is_fitted(estimator)
    targets = type(vars(estimator).get("_targets"))
    network = estimator.net_.module_ if targets in OPTIONS else None
    if network is None or not has_graphs(network.kind, network.config):
        raise TypeError(
            "to_onnx takes a fitted SequenceClassifier, SequenceRegressor, SequenceTagger, "
            f"Seq2SeqTransformer or SequenceForecaster, got {type(estimator).__name__}"
        )
    _check_portable(estimator)
    estimator._renew_targets()
    _check_quantize(quantize, network.config)
    _check_unchanged(network)
    weights = Weights(_arrays_of(network))
    weights.unread -= {name for name in weights.unread if OUTSIDE in name.split(".")}
    inputs = estimator._inputs
    reads_subwords = inputs.splits_words and inputs.n_tokens is not None
    config = {**network.config, "reads_subwords": reads_subwords}
    graphs = graphs_of(network.kind, config, weights, quantize)
    if quantize and not any(graph.uses_microsoft for graph in graphs.values()):
        raise ValueError(
            f"quantize={quantize!r} rounds the numbers that a layer reads by one scale for all, "
            "so that a large one would spoil the others; every LSTM layer of the network reads "
            "numbers. Set quantize=None"
        )
    if weights.unread:
        raise ValueError(
            f"the network has weights that no node of the graph reads: "
            f"{', '.join(sorted(weights.unread))}"
        )
    version = import_module("skrnn").__version__
    path, main = os.fspath(path), graphs.pop(MAIN)
    parts = {
        part: graph.model({}, version).SerializeToString()
        for part, graph in graphs.items()
    }
    document = write_document(
        {
            "format": FORMAT,
            "version": version,
            "parts": {part: digest_of(content) for part, content in parts.items()},
            "inputs": estimator._inputs,
            "targets": estimator._targets,
            "options": OPTIONS[targets](estimator),
            "attributes": {name: vars(estimator).get(name) for name in ATTRIBUTES},
        }
    )
    contents = {path_of_part(path, part): content for part, content in parts.items()}
    contents[path] = main.model({KEY: document}, version).SerializeToString()
    replace_files(contents)


def _arrays_of(network: Any) -> dict[str, NDArray]:
    """Return the weights of a torch module by name."""
    return {
        name: value.detach().cpu().numpy()
        for name, value in network.state_dict().items()
        if name.rpartition(".")[2] not in FOR_TRAINING
    }


def _check_portable(estimator: Any) -> None:
    """Raise a ValueError if predictions need more than the network and plain values."""
    parameters = estimator.get_params(deep=False)
    tokenizers = estimator._inputs.users_objects | estimator._targets.users_objects
    for name, tokenizer in tokenizers.items():
        if gives_subwords(tokenizer):
            continue
        if type(check_tokenizer(tokenizer)).__name__ not in CLASSES:
            raise ValueError(
                f"{name}={shown(tokenizer)} cannot be stored in an ONNX file, which holds "
                f'no code; "word", "char" and "bpe" can, and trained tokenizers. Or split texts '
                "before fit and before predict, and pass token lists"
            )
    if parameters.get("replace_unknown"):
        raise ValueError(
            "replace_unknown=True cannot be stored in an ONNX file, whose decoder gives no "
            "attention; set it to False"
        )
    if parameters.get("embeddings") is not None:
        raise ValueError(
            "embeddings has vectors of words outside the vocabulary, and an ONNX file does "
            "not hold these; after set_params(embeddings=None) such words are unknown, in "
            "the estimator and in the file"
        )


def _check_unchanged(network: Any) -> None:
    """Raise a ValueError if a user's hooks change what the network computes."""
    for name, part in network.named_modules():
        if part._forward_hooks or part._forward_pre_hooks:
            raise ValueError(
                f"{'.'.join(filter(None, ('net_.module_', name)))} has hooks, whose code an "
                "ONNX file cannot hold; remove them"
            )


def _check_quantize(quantize: str | None, config: Mapping[str, Any]) -> None:
    if quantize not in (None, "int8"):
        raise ValueError(f'quantize must be "int8" or None, got {quantize!r}')
    cell = config["cell"]
    if quantize is not None and cell in CELLS and not CELLS[cell].quantized:
        able = [name for name, node in CELLS.items() if node.quantized]
        raise ValueError(
            f"quantize={quantize!r} is for cell={' or '.join(map(repr, able))}, but the "
            f"network has cell={cell!r}"
        )


# --- what a predictor needs beside inputs and targets ------------------------------------


def _of_classes(estimator: Any) -> dict[str, Any]:
    return {}


def _of_numbers(estimator: Any) -> dict[str, Any]:
    levels = list(estimator.net_.criterion_.levels)
    return {
        "levels": levels,
        "sorted_levels": sorted({0.5, *levels}),
        "n_outputs": estimator.net_.module_.config["n_outputs"],
    }


def _of_step_labels(estimator: Any) -> dict[str, Any]:
    crf = estimator.net_.module_.crf
    if crf is None:
        return {"transitions": None}
    names = (("transitions", "may_follow"), ("start", "may_start"), ("end", "may_end"))
    arrays = _arrays_of(crf)
    return {
        "transitions": [
            np.where(arrays[allowed], arrays[scores], np.float32(FORBIDDEN))
            for scores, allowed in names
        ]
    }


def _of_translations(estimator: Any) -> dict[str, Any]:
    estimator._check_search()
    names = ("beam_size", "max_length", "length_penalty", "no_repeat_ngram_size")
    return {name: getattr(estimator, name) for name in names}


def _of_series(estimator: Any) -> dict[str, Any]:
    calibration = estimator._calibration
    return {
        **_of_numbers(estimator),
        "every_level": estimator._fitted_levels,
        "n_levels": len(estimator._fitted_parameters["quantiles"]),
        "trust": 1.0 if calibration is None else calibration.trust,
        "offsets": None if calibration is None else calibration.offsets,
        "n_errors": None if calibration is None else calibration.n_errors,
    }


#: By the kind of targets.
OPTIONS: dict[type, Callable[[Any], dict[str, Any]]] = {
    ClassTargets: _of_classes,
    MultilabelTargets: _of_classes,
    NumberTargets: _of_numbers,
    StepNumberTargets: _of_numbers,
    StepTargets: _of_step_labels,
    TokenTargets: _of_translations,
    SeriesTargets: _of_series,
}
