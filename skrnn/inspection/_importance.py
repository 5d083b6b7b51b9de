"""Importance of steps: how much each word or reading contributed to a prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from skrnn.data.containers import CheckedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.data.steps import shown
from skrnn.estimators._classifier import ClassificationTask
from skrnn.estimators._regressor import RegressionTask
from skrnn.inspection import _html
from skrnn.inspection._checks import check_index, check_indices, fitted_step
from skrnn.inspection._step_drawing import Scale, draw_steps
from skrnn.inspection._steps import UNKNOWN, shown_steps
from skrnn.training.attribution import METHODS, attribute, chosen_output, log_odds
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs

#: Sequences that the HTML shows.
MAX_SHOWN = 10


class Explained(NamedTuple):
    """The numbers of an estimator that are explained.

    Attributes
    ----------
    columns : int64 ndarray of shape (n_sequences,)
        The output of the network of each sequence.
    targets : ndarray of shape (n_sequences,)
        Its label, or its place among the outputs.
    score : callable
        As in ``attribute``.
    units : float64 ndarray of shape (n_sequences,)
        How much of y one unit of the score is.
    scores : float64 ndarray of shape (n_sequences,), optional
        The predicted numbers, of a regressor.
    """

    columns: NDArray[np.int64]
    targets: NDArray
    score: Any
    units: NDArray[np.float64]
    scores: NDArray[np.float64] | None = None


class StepImportance:
    """The importance of each step of each sequence, as from ``step_importance``.

    A sequence of float64 arrays ``(n_steps_i,)``: ``importance[i]`` is that of the
    ``i``-th sequence; a slice, a list of integers or a mask gives a ``StepImportance`` of
    these sequences. A notebook shows the first sequences as coloured words, as signals over
    a coloured strip, or as frames over coloured bars.

    Parameters
    ----------
    values : RaggedArray
        The importance of all steps.
    X : CheckedSequences
        The sequences.
    method : str
        How it was computed.
    targets : ndarray of shape (n_sequences,)
        The label, or the number of the output, that is explained.
    scores : float64 ndarray of shape (n_sequences,)
        Its log-odds, or the predicted number.
    baseline_scores : float64 ndarray of shape (n_sequences,)
        The same where every step is the baseline.
    of_labels : bool
        Whether labels are explained.

    See Also
    --------
    step_importance : Computes it.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import step_importance
    >>> X = [["not", "bad"], ["bad"], ["good"], ["not", "good", "at", "all"]] * 4
    >>> y = ["+", "-", "+", "-"] * 4
    >>> model = SequenceClassifier(hidden_size=8, max_epochs=30, random_state=0).fit(X, y)
    >>> importance = step_importance(model, X)
    >>> importance
    <StepImportance of 16 sequences by integrated_gradients>
    >>> importance[0].shape, str(importance.targets[0])
    ((2,), '+')
    >>> list(importance.to_frame().columns)
    ['sequence', 'step', 'token', 'target', 'importance']
    """

    def __init__(
        self,
        values: RaggedArray,
        X: CheckedSequences,
        *,
        method: str,
        targets: NDArray,
        scores: NDArray[np.float64],
        baseline_scores: NDArray[np.float64],
        of_labels: bool,
    ):
        self.values = values
        self.X = X
        self.method = method
        self.targets = targets
        self.scores = scores
        self.baseline_scores = baseline_scores
        self.of_labels = of_labels

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float64]: ...

    @overload
    def __getitem__(self, index: slice | Sequence | NDArray) -> StepImportance: ...

    def __getitem__(
        self, index: int | slice | Sequence | NDArray
    ) -> NDArray[np.float64] | StepImportance:
        chosen = check_indices(index, len(self))
        if chosen.ndim == 0:
            return self.values[int(chosen)]
        return StepImportance(
            self.values.take(chosen),
            self.X.take(chosen),
            method=self.method,
            targets=self.targets[chosen],
            scores=self.scores[chosen],
            baseline_scores=self.baseline_scores[chosen],
            of_labels=self.of_labels,
        )

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        return iter(self.values)

    def __repr__(self) -> str:
        n = len(self)
        return f"<StepImportance of {n} sequence{'s' * (n != 1)} by {self.method}>"

    def _repr_html_(self) -> str:
        first = range(min(MAX_SHOWN, len(self)))
        rows = [
            _html.sequence(self._title(i), shown_steps(self.X, i), self.values[i])
            for i in first
        ]
        what = "the log-odds" if self.of_labels else "the prediction"
        note = _html.legend(f"raises {what}", f"lowers {what}")
        note += f" by {self.method.replace('_', ' ')}"
        if len(self) > len(first):
            note += f"; {len(self) - len(first):,} more sequences"
        return _html.page(rows, note)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence."""
        return self.values.lengths

    def to_frame(self) -> pd.DataFrame:
        """Return one row a step.

        Returns
        -------
        frame : DataFrame
            Columns ``sequence`` and ``step``, counted from 0 so that they are indices
            (pictures count steps from 1), ``token`` where sequences have tokens, ``target``
            (what is explained) and ``importance``.
        """
        lengths = self.lengths
        starts = np.repeat(self.values.offsets[:-1], lengths)
        columns: dict[str, Any] = {
            "sequence": np.repeat(np.arange(len(self)), lengths),
            "step": np.arange(len(starts)) - starts,
        }
        first = self.X.steps
        if first.values.dtype == object:
            columns["token"] = first.values
        columns["target"] = np.repeat(self.targets, lengths)
        return pd.DataFrame(columns | {"importance": self.values.values})

    def plot(self, index: int = 0, *, ax: Any = None) -> Any:
        """Draw one sequence: words, a signal or frames, and the importance of each.

        A bar for each word, a coloured strip under a signal, or a coloured bar under each
        frame of a video. Steps without tokens are counted from 1.

        Parameters
        ----------
        index : int, default=0
            Which one; negative numbers count from the last.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        ax : matplotlib Axes

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        IndexError
            If there is no such sequence.
        """
        index = check_index(index, len(self))
        label = "importance (log-odds)" if self.of_labels else "importance"
        scale = Scale("StepImportance.plot", label, signed=True)
        steps = shown_steps(self.X, index)
        ax = draw_steps(steps, self.values[index], scale, ax)
        ax.set_title(self._title(index))
        return ax

    def _title(self, index: int) -> str:
        score = self.scores[index]
        if self.of_labels:
            label = np.asarray(self.targets[index]).item()
            return f"{label} (log-odds {_with_minus(f'{score:+.1f}')})"
        return f"prediction {_with_minus(f'{score:.4g}')}"


def _with_minus(number: str) -> str:
    """Return a formatted number with a minus sign in place of the hyphen."""
    return number.replace("-", "−")


def step_importance(
    estimator: Any,
    X: Any,
    method: str = "integrated_gradients",
    *,
    target: Any = None,
    n_points: int | str = "auto",
) -> StepImportance:
    """Return how much each step contributed to the prediction of its sequence.

    A positive number raised the log-odds of the predicted class against all others (nats),
    or the predicted number (in y's units); a negative one lowered it.

    Parameters
    ----------
    estimator : classifier or regressor of skrnn, or Pipeline
        Fitted; one prediction a sequence. The importance is that of the steps which reach
        the last step of a Pipeline.
    X : list, ndarray, Series or DataFrame of n_sequences sequences
        As for ``fit``.
    method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
        "integrated_gradients" follows the prediction from the baseline to the sequence:
        the importance of all steps adds up to the difference of the two. "occlusion"
        replaces one step at a time by the baseline, and measures how much the prediction
        falls; where two steps say the same, neither is important. It predicts each
        sequence as often as it has steps.
    target : label or int, default=None
        The class, or the output, to explain. None takes the predicted class of each
        sequence; estimators of several outputs or labels need one.
    n_points : int or "auto", default="auto"
        Points of the integral of "integrated_gradients", at least 1; more are slower and
        more exact. "auto" takes 9, and up to 243 for the sequences whose sum misses more
        than 1 % of the sum of the absolute values: where the prediction changes fastest.

    Returns
    -------
    importance : StepImportance
        A sequence of float64 arrays ``(n_steps_i,)``. Padding has none, nor do static
        columns, which stay as they are. A step's fields count together. Steps before the
        window of a feed-forward network have 0. An empty text is read as one unknown
        token, with 0.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is neither a classifier nor a regressor of skrnn.
    ValueError
        If ``method`` is unknown, if ``target`` is needed or is none of the estimator's, if
        the fit was with numbers for each step, or if X has static columns alone.

    See Also
    --------
    attention_weights : Which steps attention reads.

    Notes
    -----
    The baseline of a token is the unknown token, without characters; of a feature its mean
    in training, without a gap, and with ``instance_norm`` the sequence's own level. With
    ``patch_size`` each step of a patch has its own importance. Of texts and recurrent
    layers the importance is that of the vectors that the input layer makes.

    The sum over a sequence equals ``scores - baseline_scores`` for integrated gradients: to
    1 % with "auto", to rounding errors with 32 points where the network is smooth.
    A maximum over the steps, as in most poolings, and ReLU have kinks, for which more
    points are more exact.

    References
    ----------
    Sundararajan, Taly, Yan (2017). Axiomatic attribution for deep networks. ICML.
    Zeiler, Fergus (2014). Visualizing and understanding convolutional networks. ECCV,
    section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import FeedForwardRegressor
    >>> from skrnn.inspection import step_importance
    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> X -= X.mean()
    >>> model = FeedForwardRegressor(hidden_layer_sizes=(), lr=0.02, random_state=0)
    >>> model = model.fit(X, X @ [2.0, 0.0, -1.0])
    >>> step_importance(model, [[1.0, 1.0, 3.0]])[0].round(1).tolist()
    [2.0, 0.0, -3.0]
    """
    estimator, X = fitted_step(
        estimator,
        X,
        "step_importance",
        (ClassificationTask, RegressionTask),
        "classifiers and regressors of skrnn",
    )
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
    if n_points != "auto" and (
        not isinstance(n_points, Integral) or isinstance(n_points, bool) or n_points < 1
    ):
        raise ValueError(
            f'n_points must be "auto" or an integer of at least 1, got {n_points!r}'
        )
    checked = estimator._check_X(X)
    explain = _of_classes if is_classifier(estimator) else _of_numbers
    encoded = EncodedDataset(estimator._encode(checked))
    if encoded.sequences.steps.values.shape[1:] == (0,):
        raise ValueError(
            f"{checked.name} has static columns alone, and no steps that could be important"
        )
    explained = explain(estimator, checked, encoded, target)
    read = estimator._inputs.filled(checked, UNKNOWN)
    found = attribute(
        estimator.net_,
        encoded,
        estimator._inputs.encode_baseline(checked),
        explained.columns,
        explained.score,
        lengths=read.steps.lengths,
        method=method,
        n_points=None if n_points == "auto" else int(n_points),
        patch_size=estimator._inputs.patch_size,
    )
    units = explained.units
    steps = found.steps
    scores = found.scores if explained.scores is None else explained.scores
    return StepImportance(
        steps.with_values(steps.values * np.repeat(units, steps.lengths)),
        read,
        method=method,
        targets=explained.targets,
        scores=scores,
        baseline_scores=scores - units * (found.scores - found.baseline_scores),
        of_labels=explained.scores is None,
    )


def _of_classes(
    estimator: Any, X: CheckedSequences, encoded: EncodedDataset, target: Any
) -> Explained:
    """Return the predicted classes, or the same label for each sequence."""
    classes, n_sequences = estimator.classes_, len(encoded)
    independent = estimator._targets.independent
    if not independent and len(classes) == 1:
        raise ValueError(
            f"this {type(estimator).__name__} knows one class, {shown(classes.tolist()[0])}, "
            "and decides nothing"
        )
    if target is not None:
        found = np.flatnonzero(np.asarray(classes == target))
        if not len(found):
            raise ValueError(
                f"target={target!r} is not in classes_ {shown(classes.tolist())}"
            )
        columns = np.full(n_sequences, found[0], np.int64)
    elif independent:
        raise ValueError(
            f"this {type(estimator).__name__} predicts several labels; pass target=, one of "
            f"{shown(classes.tolist())}"
        )
    else:
        columns = predict_outputs(estimator.net_, encoded).argmax(1)
    score = chosen_output if independent else log_odds
    return Explained(columns, classes[columns], score, np.ones(n_sequences))


def _of_numbers(
    estimator: Any, X: CheckedSequences, encoded: EncodedDataset, target: Any
) -> Explained:
    """Return one of the predicted numbers of each sequence."""
    targets, n_sequences = estimator._targets, len(encoded)
    if targets.by_step:
        raise ValueError(
            f"this {type(estimator).__name__} was fitted on numbers for each step; "
            "step_importance explains one prediction a sequence"
        )
    n_outputs = targets.n_outputs
    if target is None and n_outputs > 1:
        raise ValueError(
            f"this {type(estimator).__name__} predicts {n_outputs} numbers; pass target=, "
            f"from 0 to {n_outputs - 1}"
        )
    target = 0 if target is None else target
    if not isinstance(target, Integral) or isinstance(target, bool):
        raise ValueError(f"target must be the number of an output, got {target!r}")
    if not 0 <= int(target) < n_outputs:
        raise ValueError(
            f"target={target} is out of range: the outputs are 0 to {n_outputs - 1}"
        )
    columns = np.full(n_sequences, target, np.int64)
    predicted = estimator._predict(X).reshape(n_sequences, -1)
    return Explained(
        columns,
        columns,
        estimator.net_.criterion_.select,
        targets.units(X)[:, target],
        predicted[:, target],
    )
