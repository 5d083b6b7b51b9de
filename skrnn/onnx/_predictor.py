"""The base of all predictors: fitted estimators that an ONNX file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skrnn.data.containers import CheckedSequences
from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.onnx._batches import Batch, check_finite_outputs, make_batches
from skrnn.onnx._format import MAIN

#: ``decode(outputs, lengths)`` of a batch.
Decode = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray]


class Predictor(BaseEstimator):
    """Abstract base: a fitted estimator that an ONNX file holds.

    Parameters
    ----------
    path : str
        The file.
    n_threads : int or None
        Threads of onnxruntime.
    """

    def __init__(self, path: str, n_threads: int | None = None):
        self.path = path
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> Predictor:
        """Return the predictor as it is: a file is already fitted.

        scikit-learn's Pipeline and ``FrozenEstimator`` call it.

        Parameters
        ----------
        X, y :
            Not read.

        Returns
        -------
        predictor : Predictor
            The same object.
        """
        return self

    def set_params(self, **params: Any) -> Predictor:
        """Change ``path`` or ``n_threads``, and open the file again.

        Parameters
        ----------
        **params : dict
            The parameters.

        Returns
        -------
        predictor : Predictor
            The same object.

        Raises
        ------
        ValueError
            If there is no such parameter, or if the file holds an estimator of another kind.
        """
        before = self.path, self.n_threads
        try:
            super().set_params(**params)
            again = _load_again(self.path, self.n_threads) if params else self
            if type(again) is not type(self):
                raise ValueError(
                    f"{self.path!r} holds {type(again).__name__}, not {type(self).__name__}"
                )
        except BaseException:
            self.path, self.n_threads = before
            raise
        self.__dict__ = again.__dict__
        return self

    def _start(self, document: dict[str, Any], sessions: dict[str, Any]) -> None:
        """Take over what the files hold; ``sessions`` are of the parts of the network."""
        self._sessions = sessions
        self._session = sessions[MAIN]
        self._names = [value.name for value in self._session.get_inputs()]
        self._inputs, self._targets = document["inputs"], document["targets"]
        self._options = document["options"]
        learned = {
            **document["attributes"],
            "vocabulary_": self._inputs.token_ids,
            "target_vocabulary_": self._targets.vocabulary,
            "classes_": self._targets.classes,
        }
        for name, value in learned.items():
            if value is not None:
                setattr(self, name, value)

    def _check_X(self, X: Any) -> CheckedSequences:
        """Validate X against the fit."""
        return self._inputs.check_new(X, estimator=self)

    def _by_sequence(
        self,
        encoded: EncodedSequences,
        decode: Decode | None = None,
        places: NDArray[np.int64] | None = None,
    ) -> NDArray:
        """Return ``decode(outputs, lengths)`` of each batch, ``(n_sequences, ...)``.

        ``places`` are those of the sequences in the user's X, if some were left out.
        """
        result: NDArray | None = None
        for batch, decoded in self._decoded(encoded, decode, places):
            if result is None:
                result = np.empty((len(encoded), *decoded.shape[1:]), decoded.dtype)
            result[batch.indices] = decoded
        assert result is not None  # input validation refuses empty X
        return result

    def _by_step(
        self,
        encoded: EncodedSequences,
        decode: Decode | None = None,
        places: NDArray[np.int64] | None = None,
    ) -> RaggedArray:
        """Return ``decode(outputs (B, T, n_outputs), lengths)`` at each real step."""
        steps = encoded.steps
        values: NDArray | None = None
        for batch, decoded in self._decoded(encoded, decode, places):
            if values is None:
                shape = (len(steps.values), *decoded.shape[2:])
                values = np.empty(shape, decoded.dtype)
            rows, real = steps.rows_of(batch.indices, decoded.shape[1])
            values[rows] = decoded[real]
        assert values is not None  # input validation refuses empty X
        return steps.with_values(values)

    def _decoded(
        self,
        encoded: EncodedSequences,
        decode: Decode | None,
        places: NDArray[np.int64] | None,
    ) -> Iterator[tuple[Batch, NDArray]]:
        """Yield each batch, and its outputs or what ``decode`` makes of them."""
        for batch in make_batches(encoded, self._names):
            (outputs,) = self._session.run(None, batch.inputs)
            check_finite_outputs(outputs, batch, places)
            yield batch, outputs if decode is None else decode(outputs, batch.lengths)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Predictor:
        return self  # there is nothing to fit again

    def __reduce__(self) -> Any:
        return _load_again, (self.path, self.n_threads)


def _load_again(path: str, n_threads: int | None) -> Predictor:
    from skrnn.onnx._runtime import load

    return load(path, n_threads=n_threads)
