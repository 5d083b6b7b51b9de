"""Reading ONNX files: checks of the file, and a predictor of it."""

from __future__ import annotations

import hashlib
import os
from numbers import Integral
from pathlib import Path
from typing import Any

from skrnn._optional import import_optional
from skrnn.data.documents import read_document
from skrnn.data.targets import (
    ClassTargets,
    MultilabelTargets,
    NumberTargets,
    SeriesTargets,
    StepNumberTargets,
    StepTargets,
    TokenTargets,
)
from skrnn.onnx._classifier import OnnxClassifier
from skrnn.onnx._forecaster import OnnxForecaster
from skrnn.onnx._format import FORMAT, KEY, MAIN
from skrnn.onnx._predictor import Predictor
from skrnn.onnx._regressor import OnnxRegressor
from skrnn.onnx._tagger import OnnxTagger
from skrnn.onnx._transformer import OnnxTransformer

#: Predictors by the kind of targets.
PREDICTORS: dict[type, type[Predictor]] = {
    ClassTargets: OnnxClassifier,
    MultilabelTargets: OnnxClassifier,
    NumberTargets: OnnxRegressor,
    StepNumberTargets: OnnxRegressor,
    StepTargets: OnnxTagger,
    TokenTargets: OnnxTransformer,
    SeriesTargets: OnnxForecaster,
}
#: What a document of ``FORMAT`` has beside its version.
PARTS = {"parts", "inputs", "targets", "options", "attributes"}


def load(path: str | os.PathLike[str], *, n_threads: int | None = None) -> Predictor:
    """Return a predictor from a file that :func:`to_onnx` wrote.

    It takes the X of the estimator, text or numbers, in any container, and predicts by
    onnxruntime. Neither PyTorch nor skorch is imported, and no code is read from the file.

    Parameters
    ----------
    path : str or path
        The file.
    n_threads : int, default=None
        Threads of onnxruntime, at least 1. None takes all cores; 1 is best for short
        sequences that come one at a time.

    Returns
    -------
    predictor : object
        With the estimator's methods that predict: ``predict`` and ``score``, and where the
        estimator has them ``predict_proba``, ``predict_log_proba``,
        ``decision_function``, ``predict_quantiles``, ``predict_log_likelihood``,
        ``predict_n_best`` and, of a translator, ``transform``. It has the estimator's attributes
        ``classes_``, ``vocabulary_``, ``target_vocabulary_``, ``n_features_in_`` and
        ``feature_names_in_``. ``fit`` leaves it as it is. A pickle of it holds the absolute
        path alone: reading it opens the file that is there then. So does ``set_params``.

    Raises
    ------
    ImportError
        If onnxruntime is not installed: ``pip install "skrnn[onnx]"``.
    FileNotFoundError
        If there is no such file.
    TypeError
        If ``n_threads`` is neither an integer nor None.
    ValueError
        If the file is not an ONNX model, is incomplete, or was not written by
        :func:`to_onnx`; if ``n_threads`` is less than 1.

    See Also
    --------
    to_onnx : Write the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from skrnn import SequenceRegressor
    >>> from skrnn.onnx import load, to_onnx
    >>> X = [[0.0, 1.0], [2.0, 3.0, 4.0], [5.0]] * 4
    >>> model = SequenceRegressor(hidden_size=4, max_epochs=2, random_state=0)
    >>> model = model.fit(X, [1.0, 3.0, 5.0] * 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.onnx")
    ...     to_onnx(model, path)
    ...     predictor = load(path, n_threads=1)
    >>> bool(abs(predictor.predict(X) - model.predict(X)).max() < 1e-5)
    True
    """
    path, n_threads = os.fspath(path), _check_n_threads(n_threads)
    sessions = {MAIN: open_session(path, n_threads)}
    document = read_metadata(sessions[MAIN], path)
    for part, digest in document["parts"].items():
        beside = path_of_part(path, part)
        sessions[part] = open_session(beside, n_threads)
        if digest_of(Path(beside).read_bytes()) != digest:
            raise ValueError(f"{beside!r} was not written together with {path!r}")
    kind = PREDICTORS[type(document["targets"])]
    predictor = kind(os.path.abspath(path), n_threads)
    predictor._start(document, sessions)
    return predictor


def _check_n_threads(n_threads: Any) -> int | None:
    if n_threads is None:
        return None
    wanted = f"n_threads must be an integer of at least 1, or None, got {n_threads!r}"
    if isinstance(n_threads, bool) or not isinstance(n_threads, Integral):
        raise TypeError(wanted)
    if n_threads < 1:
        raise ValueError(wanted)
    return int(n_threads)


def path_of_part(path: str, part: str) -> str:
    """Return the file of a further part of a network: ``model.decoder.onnx``."""
    stem, suffix = os.path.splitext(path)
    return f"{stem}.{part}{suffix}"


def digest_of(content: bytes) -> str:
    """Return a short text that two files have in common if they are equal."""
    return hashlib.sha256(content).hexdigest()


def open_session(path: str, n_threads: int | None) -> Any:
    """Return onnxruntime's session of a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no model.
    """
    runtime = import_optional("onnxruntime", "skrnn.onnx", "onnx")
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path!r}")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = n_threads or 0
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own types derive from Exception alone
        raise ValueError(
            f"{path!r} is not an ONNX model, or not all of one: {error}"
        ) from error


def read_metadata(session: Any, path: str) -> dict[str, Any]:
    """Return the document of a file; a ValueError if skrnn did not write it."""
    strings = session.get_modelmeta().custom_metadata_map
    if KEY not in strings:
        raise ValueError(
            f"{path!r} is an ONNX model, but not one that skrnn.onnx.to_onnx wrote"
        )
    document = read_document(strings[KEY])
    if document["format"] != FORMAT:
        raise ValueError(
            f"{path!r} has format {document['format']}, written by skrnn "
            f"{document['version']}; this skrnn reads format {FORMAT}"
        )
    missing = PARTS - document.keys()
    if missing:
        raise ValueError(f"the document of {path!r} lacks {', '.join(sorted(missing))}")
    return document
