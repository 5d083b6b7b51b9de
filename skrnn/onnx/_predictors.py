"""Fitted estimators that predict by a graph, one class a kind of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skrnn.data.codecs import EncodedSequences
from skrnn.data.containers import CheckedSequences
from skrnn.data.probabilities import log_softmax, softmax
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import shown
from skrnn.data.targets import (
    ClassTargets,
    MultilabelTargets,
    NumberTargets,
    SeriesTargets,
    StepNumberTargets,
    StepTargets,
    TokenTargets,
    check_weights,
)
from skrnn.onnx._batches import (
    Batch,
    check_finite_outputs,
    flat_steps,
    make_batches,
    raise_not_finite,
)
from skrnn.onnx._format import DECODER, MAIN
from skrnn.onnx._paths import (
    Transitions,
    best_path,
    best_path_log_likelihood,
    marginals,
)
from skrnn.onnx._search import Found, State, beam_search, join_found

#: ``decode(outputs, lengths)`` of a batch.
Decode = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray]
#: Log-probabilities of one step of a search; more sources at once are split into parts.
MAX_SCORES = 1 << 23


class Predictor(BaseEstimator):
    """Abstract base: a fitted estimator that a model file holds.

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
        self, encoded: EncodedSequences, decode: Decode | None = None
    ) -> NDArray:
        """Return ``decode(outputs, lengths)`` of each batch, ``(n_sequences, ...)``."""
        result: NDArray | None = None
        for batch, decoded in self._decoded(encoded, decode):
            if result is None:
                result = np.empty((len(encoded), *decoded.shape[1:]), decoded.dtype)
            result[batch.indices] = decoded
        assert result is not None  # input validation refuses empty X
        return result

    def _by_step(
        self, encoded: EncodedSequences, decode: Decode | None = None
    ) -> RaggedArray:
        """Return ``decode(outputs (B, T, n_outputs), lengths)`` at each real step."""
        steps = encoded.steps
        values: NDArray | None = None
        for batch, decoded in self._decoded(encoded, decode):
            if values is None:
                shape = (len(steps.values), *decoded.shape[2:])
                values = np.empty(shape, decoded.dtype)
            rows, real = flat_steps(steps, batch.indices, batch.lengths, decoded.shape[1])
            values[rows] = decoded[real]
        assert values is not None  # input validation refuses empty X
        return steps.with_values(values)

    def _decoded(
        self, encoded: EncodedSequences, decode: Decode | None
    ) -> Iterator[tuple[Batch, NDArray]]:
        """Yield each batch, and its outputs or what ``decode`` makes of them."""
        for batch in make_batches(encoded, self._names):
            (outputs,) = self._session.run(None, batch.inputs)
            check_finite_outputs(outputs, batch)
            yield batch, outputs if decode is None else decode(outputs, batch.lengths)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Predictor:
        return self  # there is nothing to fit again

    def __reduce__(self) -> Any:
        return _load_again, (self.path, self.n_threads)


class OnnxClassifier(ClassifierMixin, Predictor):
    """Predicts a class, or several labels, a sequence."""

    classes_: NDArray

    def predict(self, X: Any) -> NDArray:
        """Return the most probable label of each sequence.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_labels)
            Labels, or 0/1 indicators.
        """
        checked = self._check_X(X)
        return self._targets.decode(self._logits(checked), checked)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        probabilities : float32 ndarray of shape (n_sequences, n_classes)
            In the order of ``classes_``.
        """
        logits = self._logits(self._check_X(X))
        if self._targets.independent:
            with np.errstate(over="ignore"):  # exp becomes inf, and the result 0
                return np.reciprocal(1 + np.exp(-logits))
        return softmax(logits)

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the logarithm of ``predict_proba``, exact where it is tiny.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        log_probabilities : float32 ndarray of shape (n_sequences, n_classes)
            In nats.
        """
        logits = self._logits(self._check_X(X))
        if self._targets.independent:
            return -np.logaddexp(np.float32(0), -logits)
        return log_softmax(logits)

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return the logits; for two classes the second's minus the first's.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        scores : float32 ndarray of shape (n_sequences,) or (n_sequences, n_classes)
            Positive means the second class, or the label.
        """
        logits = self._logits(self._check_X(X))
        if not self._targets.independent and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def _logits(self, X: CheckedSequences) -> NDArray[np.float32]:
        return self._by_sequence(self._inputs.encode(X))


class OnnxRegressor(RegressorMixin, Predictor):
    """Predicts numbers for a sequence, or for each of its steps."""

    def predict(self, X: Any) -> NDArray:
        """Return the prediction for each sequence, or for each step, in y's units.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            With ``loss="quantile"`` the median. With numbers for each step an object
            array ``(n_sequences,)`` of float64 arrays ``(n_steps_i,)`` or (n_steps_i,
            n_outputs).
        """
        checked = self._check_X(X)
        outputs = self._outputs(checked)
        if self._options["levels"]:
            median = self._options["sorted_levels"].index(0.5)
            outputs = self._uncrossed(outputs)[:, median]
        return self._targets.decode(outputs, checked)

    def predict_quantiles(self, X: Any) -> NDArray:
        """Return the quantiles of a fit with ``loss="quantile"``, in y's units.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        quantiles : ndarray
            Of shape (n_sequences, n_quantiles), or (n_sequences, n_quantiles, n_outputs)
            for several outputs; with numbers for each step an object array of such arrays.

        Raises
        ------
        ValueError
            If the fit was with another loss.
        """
        learned = self._options["sorted_levels"]
        if not self._options["levels"]:
            raise ValueError('predict_quantiles needs a fit with loss="quantile"')
        checked = self._check_X(X)
        columns = [learned.index(level) for level in self._options["levels"]]
        quantiles = self._uncrossed(self._outputs(checked))[:, columns]
        return self._targets.decode(quantiles, checked)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, R².

        Parameters
        ----------
        X, y :
            As for the estimator's ``fit``. With numbers for each step it is that of all
            steps together.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence, or of each of its steps.

        Returns
        -------
        r2 : float
            1 for perfect predictions, 0 for the mean of y.
        """
        if not self._targets.by_step:
            return super().score(X, y, sample_weight)
        from sklearn.metrics import r2_score

        checked = self._check_X(X)
        true = self._targets.check(y, checked).values
        weight = check_weights(sample_weight, len(true))
        if weight is not None:
            weight = np.repeat(weight, true.lengths)
        pred = np.concatenate(list(self.predict(X)))
        return float(r2_score(true.values, pred, sample_weight=weight))

    def _uncrossed(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return all quantiles ``(n, n_quantiles, K)``, none above a higher one."""
        n, width = outputs.shape  # n may be 0
        n_levels = len(self._options["sorted_levels"])
        return np.sort(outputs.reshape(n, n_levels, width // n_levels), axis=1)

    def _outputs(self, X: CheckedSequences) -> NDArray[np.float32]:
        """Return the outputs ``(n, n_outputs)`` of all sequences, or of all steps."""
        if not self._targets.by_step:
            return self._by_sequence(self._inputs.encode(X))
        real = with_steps(X)[1]
        if not len(real.steps):
            return np.empty((0, self._options["n_outputs"]), np.float32)
        return self._by_step(self._inputs.encode(real)).values


class OnnxTagger(Predictor):
    """Predicts a label for each step."""

    classes_: NDArray

    def predict(self, X: Any) -> NDArray:
        """Return a label for each step of each sequence.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``. A sequence without steps gets no labels.

        Returns
        -------
        y_pred : ndarray of object of shape (n_sequences,)
            Lists of labels, or strings where y was; for an array X
            ``(n_sequences, n_steps)`` labels.
        """
        checked = self._check_X(X)
        ids = self._best_ids(checked)
        of_tokens = isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] > 1
        if of_tokens or checked.form.container in ("columns", "array"):
            return self.classes_[ids.values].reshape(len(checked.steps), -1)
        return object_array(self._targets.decode(ids, checked))

    def predict_proba(self, X: Any) -> NDArray[np.object_]:
        """Return the probability of each class at each step; with a CRF, marginals.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        probabilities : ndarray of object of shape (n_sequences,)
            float32 arrays of shape (n_steps_i, n_classes), in the order of ``classes_``.
        """
        transitions = self._transitions
        steps = self._steps(
            self._check_X(X),
            lambda logits, lengths: (
                softmax(logits)
                if transitions is None
                else marginals(logits, lengths, transitions)
            ),
            np.empty((0, len(self.classes_)), np.float32),
        )
        return object_array(list(steps))

    def predict_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """Return the log-probability of the labels that ``predict`` chooses.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        log_likelihood : float64 ndarray of shape (n_sequences,)
            In nats, at most 0; of a sequence without steps 0.
        """
        checked = self._check_X(X)
        transitions = self._transitions
        result = np.zeros(len(checked.steps))
        filled, real = with_steps(checked)
        if len(filled):
            result[filled] = self._by_sequence(
                self._inputs.encode(real),
                lambda logits, lengths: (
                    _highest_log_likelihood(logits, lengths)
                    if transitions is None
                    else best_path_log_likelihood(logits, lengths, transitions)
                ),
            )
        return result

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of steps that get their label.

        Parameters
        ----------
        X, y :
            As for the estimator's ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence's steps.

        Returns
        -------
        accuracy : float
            Between 0 and 1.
        """
        from skrnn.metrics import step_accuracy_score

        checked = self._check_X(X)
        true = self._targets.check_true(y, checked)
        pred = self._targets.decode_lists(self._best_ids(checked))
        return step_accuracy_score(list(true), pred, sample_weight=sample_weight)

    def _best_ids(self, X: CheckedSequences) -> RaggedArray:
        """Return the predicted class of each step."""
        transitions = self._transitions
        return self._steps(
            X,
            lambda logits, lengths: (
                logits.argmax(2)
                if transitions is None
                else best_path(logits, lengths, transitions)
            ),
            np.empty(0, np.int64),
        )

    @property
    def _transitions(self) -> Transitions | None:
        scores = self._options["transitions"]
        return None if scores is None else Transitions(*scores)

    def _steps(
        self, X: CheckedSequences, decode: Callable[..., NDArray], nothing: NDArray
    ) -> RaggedArray:
        """Return ``decode``'s result for each step; ``nothing`` if X has no steps."""
        filled, real = with_steps(X)
        if not len(filled):
            return X.steps.with_values(nothing)
        steps = self._by_step(self._inputs.encode(real), decode)
        return X.steps.with_values(steps.values)


def _highest_log_likelihood(
    logits: NDArray[np.float32], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return ``(B,)`` the summed log-probabilities of each step's highest label."""
    highest = log_softmax(logits.astype(np.float64)).max(2)  # (B, T)
    return np.where(np.arange(highest.shape[1]) < lengths[:, None], highest, 0.0).sum(1)


class OnnxTransformer(Predictor):
    """Generates a target for each source."""

    def predict(self, X: Any) -> NDArray:
        """Return the target that the beam finds most probable, for each source.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        y_pred : ndarray of object of shape (n_sequences,)
            Strings, or token lists where y was such.
        """
        checked = self._check_X(X)
        found = self._search(checked, 1)
        return object_array(self._targets.decode(_ids_of(found), checked))

    def transform(self, X: Any) -> NDArray:
        """Return the same as ``predict``.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.

        Returns
        -------
        y_pred : ndarray
            As from ``predict``.
        """
        return self.predict(X)

    def predict_n_best(
        self, X: Any, n: int
    ) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
        """Return the best targets that the beam finds, and how probable they are.

        Parameters
        ----------
        X :
            As for the estimator's ``fit``.
        n : int
            Targets for each source, at most the estimator's ``beam_size``.

        Returns
        -------
        targets : ndarray of object of shape (n_sequences,)
            Lists of up to n strings or token lists, the best first.
        log_probabilities : float64 ndarray of shape (n_sequences, n)
            In nats, the end counted; -inf where fewer were found. With a
            ``length_penalty`` the order may be another than theirs.

        Raises
        ------
        ValueError
            If n is larger than the beam.
        TypeError
            If n is no integer.
        """
        width = self._options["beam_size"]
        if not isinstance(n, Integral) or isinstance(n, bool):
            raise TypeError(f"n must be an integer, got {shown(n)}")
        if not 1 <= n <= width:
            raise ValueError(f"n={n} must lie between 1 and beam_size={width}")
        checked = self._check_X(X)
        found = self._search(checked, int(n))
        targets = self._targets.decode(_ids_of(found), checked)
        real = np.isfinite(found.log_probabilities)
        rows = [
            [targets[i * n + k] for k in range(n) if real[i, k]] for i in range(len(real))
        ]
        return object_array(rows), found.log_probabilities

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return 1 − token error rate.

        Tokens are those of the estimator's ``score``: of subwords, the words of the texts.

        Parameters
        ----------
        X, y :
            As for the estimator's ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence.

        Returns
        -------
        score : float
            At most 1; below 0 where more tokens are wrong than there are.
        """
        from skrnn.metrics import token_error_rate

        checked = self._check_X(X)
        true = self._targets.check(y, checked)
        pred = self._targets.decode_tokens(_ids_of(self._search(checked, 1)))
        pairs = self._targets.compared(true, pred)
        return 1.0 - token_error_rate(*pairs, sample_weight=sample_weight)

    def _search(self, X: CheckedSequences, n_best: int) -> Found:
        width, end = self._options["beam_size"], self._targets.end
        limits = self._max_lengths(X)
        size = max(1, MAX_SCORES // (width * (end + 1)))
        order, parts = [], []
        for batch in make_batches(self._inputs.encode(X), self._names):
            state = self._read_sources(batch.inputs)
            for start in range(0, len(batch.indices), size):
                rows = np.arange(start, min(start + size, len(batch.indices)))
                found = beam_search(
                    self._step,
                    state.take(rows, rows),
                    limits[batch.indices[rows]],
                    end,
                    beam_size=width,
                    n_best=n_best,
                    length_penalty=self._options["length_penalty"],
                    no_repeat_ngram_size=self._options.get("no_repeat_ngram_size", 0),
                    may_be_empty=self._targets.may_be_empty,
                )
                lost = ~np.isfinite(found.log_probabilities[:, 0])  # no path has ended
                raise_not_finite(batch, rows[lost])
                order.append(batch.indices[rows])
                parts.append(found)
        return join_found(parts).take(np.argsort(np.concatenate(order)))

    def _read_sources(self, inputs: dict[str, NDArray]) -> State:
        """Return the state before the first token."""
        names = [value.name for value in self._session.get_outputs()]
        values = dict(zip(names, self._session.run(names, inputs), strict=True))
        hidden = {name: v for name, v in values.items() if name.startswith("state.")}
        memory = {name: v for name, v in values.items() if name not in hidden}
        return State(hidden, memory | {"lengths": inputs["lengths"]})

    def _step(
        self, tokens: NDArray[np.int64], state: State
    ) -> tuple[NDArray[np.float32], State]:
        """Return log-probabilities ``(S, K, n_tokens)`` of what follows ``(S, K)``."""
        decoder = self._sessions[DECODER]
        given = {"tokens": tokens, **state.hidden, **state.memory}
        names = [value.name for value in decoder.get_inputs()]
        scores, *after = decoder.run(None, {name: given[name] for name in names})
        return scores, State(dict(zip(state.hidden, after, strict=True)), state.memory)

    def _max_lengths(self, X: CheckedSequences) -> NDArray[np.int64]:
        """Return the most tokens that each source's target may have."""
        lengths, most = X.steps.lengths, self._options["max_length"]
        if most == "auto":
            return self._targets.max_lengths(lengths)
        return np.full(len(lengths), most, np.int64)


def _ids_of(found: Found) -> RaggedArray:
    """Return the ids of all sequences, source by source."""
    lengths = found.lengths.reshape(-1)
    tokens = found.tokens.reshape(len(lengths), found.tokens.shape[2])
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    return RaggedArray.from_lengths(tokens[real], lengths)


class OnnxForecaster(Predictor):
    """Predicts the steps that follow series."""

    def predict(self, X: Any) -> Any:
        """Return the steps that follow each series.

        Parameters
        ----------
        X :
            As for the estimator's ``predict``.

        Returns
        -------
        forecast : Series, DataFrame, ndarray or list
            In the form of X, as from the estimator.
        """
        windows: Any = self._check_X(X)
        relative = self._relative(windows)
        if self._options["levels"]:
            median = self._options["every_level"].index(0.5)
            forecast = self._every_quantile(windows, relative)[..., median]
        else:
            forecast = self._targets.decode(relative[..., 0], windows)
        return windows.panel.as_user(forecast)

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Return quantiles of the steps that follow each series.

        Parameters
        ----------
        X :
            As for the estimator's ``predict``.

        Returns
        -------
        quantiles : float64 ndarray of shape (n_series, horizon, n_quantiles)
            In the order of the estimator's ``quantiles``, never crossing.

        Raises
        ------
        ValueError
            If the estimator has no quantiles.
        """
        if self._options["offsets"] is None and not self._options["levels"]:
            raise ValueError(
                "predict_quantiles needs an estimator that has quantiles: errors that were "
                'measured in fit, or loss="quantile"'
            )
        windows: Any = self._check_X(X)
        every = self._every_quantile(windows, self._relative(windows))
        return every[..., : self._options["n_levels"]]

    def _relative(self, X: Any) -> NDArray[np.float64]:
        """Return forecasts in units of outputs: the point, then the learned levels.

        float64 ``(n_windows, horizon, 1 + n_learned)``, the network's correction of the
        autoregression reduced by calibration.
        """
        outputs = self._by_sequence(self._inputs.encode(X))
        levels, learned = self._options["levels"], self._options["sorted_levels"]
        relative = outputs[..., None].astype(np.float64)
        if levels:
            quantiles = np.sort(outputs.reshape(len(outputs), -1, len(learned)), axis=2)
            columns = [learned.index(level) for level in (0.5, *levels)]
            relative = quantiles[..., columns].astype(np.float64)
        return relative - (1 - self._options["trust"]) * relative[..., :1]

    def _every_quantile(self, X: Any, relative: NDArray) -> NDArray[np.float64]:
        every, offsets = self._options["every_level"], self._options["offsets"]
        learned = relative[..., 1:]
        n_others = len(every) - learned.shape[-1]  # they start from the point forecast
        others = np.repeat(relative[..., :1], n_others, axis=-1)
        levels = np.concatenate([learned, others], axis=-1)
        if offsets is not None:
            levels = levels + offsets / self._targets.scale[0]
        order = np.argsort(every, kind="stable")
        levels[..., order] = np.sort(levels, axis=-1)
        return self._targets.decode(levels, X)


def _load_again(path: str, n_threads: int | None) -> Predictor:
    from skrnn.onnx._runtime import load

    return load(path, n_threads=n_threads)


def with_steps(X: CheckedSequences) -> tuple[NDArray[np.int64], CheckedSequences]:
    """Return the indices of the sequences that have steps, and these sequences."""
    filled = np.flatnonzero(X.steps.lengths)
    return filled, X if len(filled) == len(X.steps) else X.take(filled)


#: By the kind of targets.
PREDICTORS: dict[type, type[Predictor]] = {
    ClassTargets: OnnxClassifier,
    MultilabelTargets: OnnxClassifier,
    NumberTargets: OnnxRegressor,
    StepNumberTargets: OnnxRegressor,
    StepTargets: OnnxTagger,
    TokenTargets: OnnxTransformer,
    SeriesTargets: OnnxForecaster,
}
