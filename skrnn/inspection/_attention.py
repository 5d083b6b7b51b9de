"""Attention: which steps a network reads, as numbers and as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._sklearn import safe_indexing
from skrnn.data.containers import CheckedSequences
from skrnn.data.ragged import object_array
from skrnn.estimators._pooling import PoolingTransformer
from skrnn.estimators._seq2seq import TranslationTask
from skrnn.inspection._checks import check_index, fitted_step
from skrnn.inspection._matplotlib import get_axes, label_steps
from skrnn.inspection._step_drawing import Scale, draw_steps
from skrnn.inspection._steps import UNKNOWN, ShownSteps, shown_steps, spread
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_pooling_weights

#: Classes that may have attention, and their name in messages.
KINDS = (TranslationTask, PoolingTransformer)
OF = 'Seq2SeqTransformer, and SequenceClassifier or SequenceRegressor with pooling="attention"'


def attention_weights(estimator: Any, X: Any) -> NDArray[np.object_]:
    """Return how much attention a network pays to each step.

    Weights say which steps are read, not whether they raise or lower the prediction; see
    ``step_importance`` for that. A bidirectional encoder's output at a step knows the steps
    around it, so that a neighbour may hold what a word says.

    Parameters
    ----------
    estimator : Seq2SeqTransformer, SequenceClassifier, SequenceRegressor, or Pipeline
        Fitted with ``attention``, or with ``pooling="attention"``.
    X : list, ndarray, Series or DataFrame of n_sequences sequences
        As for ``fit``.

    Returns
    -------
    weights : ndarray of object of shape (n_sequences,)
        float32 arrays. With pooling ``(n_steps_i,)``, with a sum of 1. Of a
        ``Seq2SeqTransformer`` ``(n_tokens_i, n_steps_i)``, one row a generated token, each
        with a sum of 1: the weights of the decoder's first layer, whose context all others
        read. With ``patch_size`` the steps of a patch share its weight evenly. An
        empty text is read as one unknown token, and has one weight.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another kind.
    ValueError
        If the fit was without attention.

    See Also
    --------
    AttentionDisplay : The weights of one sequence, drawn.
    step_importance : How much each step raises or lowers the prediction.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import attention_weights
    >>> X = [["not", "bad"], ["bad"], ["good"], ["not", "good", "at", "all"]] * 4
    >>> y = ["+", "-", "+", "-"] * 4
    >>> model = SequenceClassifier(pooling="attention", max_epochs=5).fit(X, y)
    >>> weights = attention_weights(model, X)
    >>> weights[3].shape, round(float(weights[3].sum()), 3)
    ((4,), 1.0)
    """
    estimator, X = fitted_step(estimator, X, "attention_weights", KINDS, OF)
    checked = estimator._check_X(X)
    if isinstance(estimator, TranslationTask):
        weights = list(estimator.predict_attention(X))
    else:
        weights = list(_pooling_weights(estimator, checked))
    patch_size = estimator._inputs.patch_size
    lengths = estimator._inputs.filled(checked).steps.lengths.tolist()
    return object_array(
        [
            spread(rows, patch_size, n_steps, rows.shape[-1])
            for rows, n_steps in zip(weights, lengths, strict=True)
        ]
    )


def _pooling_weights(estimator: Any, X: CheckedSequences) -> Any:
    pooling = estimator._fitted_parameters["pooling"]
    if estimator._targets.by_step:
        raise ValueError(
            f"this {type(estimator).__name__} was fitted on numbers for each step, which "
            "are not pooled"
        )
    if pooling != "attention":
        raise ValueError(
            f'attention_weights needs a fit with pooling="attention", not {pooling!r}'
        )
    return predict_pooling_weights(estimator.net_, EncodedDataset(estimator._encode(X)))


class AttentionDisplay:
    """Picture of the attention that a network pays to the steps of one sequence.

    Parameters
    ----------
    weights : float32 ndarray of shape (n_steps,) or (n_tokens, n_steps)
        As from ``attention_weights``.
    steps : list of str, or ndarray of shape (n_steps, n_features)
        The tokens of the sequence, or its features; its frames ``(n_steps, height, width)``
        or ``(n_steps, height, width, n_channels)`` where these are images.
    targets : list of str, default=None
        The generated tokens of a ``Seq2SeqTransformer``.
    feature_names : list of str, default=None
        Names of the features, if they have any.

    Attributes
    ----------
    ax_ : matplotlib Axes
        After ``plot``.
    figure_ : matplotlib Figure
        After ``plot``.

    See Also
    --------
    attention_weights : The weights of many sequences.

    References
    ----------
    Bahdanau, Cho, Bengio (2015). Neural machine translation by jointly learning to align
    and translate. ICLR, section 5.2.2.

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> from skrnn.inspection import AttentionDisplay, attention_weights
    >>> X = [["not", "bad"], ["bad"], ["good"], ["not", "good", "at", "all"]] * 4
    >>> y = ["+", "-", "+", "-"] * 4
    >>> model = SequenceClassifier(pooling="attention", max_epochs=5).fit(X, y)
    >>> display = AttentionDisplay(attention_weights(model, X)[3], X[3])
    >>> display.steps, display.weights.shape
    (['not', 'good', 'at', 'all'], (4,))
    """

    def __init__(
        self,
        weights: NDArray[np.float32],
        steps: Any,
        targets: list[str] | None = None,
        *,
        feature_names: list[str] | None = None,
    ):
        self.weights = weights
        self.steps = steps
        self.targets = targets
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, index: int = 0, ax: Any = None
    ) -> AttentionDisplay:
        """Compute the weights of one sequence and draw them.

        Parameters
        ----------
        estimator, X :
            As for ``attention_weights``.
        index : int, default=0
            Which sequence of X; negative ones count from the end.
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is of another kind.
        IndexError
            If X has no such sequence.
        ValueError
            If the fit was without attention.
        """
        estimator, X = fitted_step(estimator, X, cls.__name__, KINDS, OF)
        checked = estimator._check_X(X)
        index = check_index(index, len(checked.steps))
        one = safe_indexing(X, [index])
        weights = attention_weights(estimator, one)[0]
        targets = None
        if isinstance(estimator, TranslationTask):
            source = checked.take(np.array([index]))
            targets = list(map(str, estimator._predict_tokens(source)[0]))
        shown = shown_steps(estimator._inputs.filled(checked, UNKNOWN), index)
        steps: Any = shown.tokens
        if steps is None:
            steps = shown.signal if shown.images is None else shown.images
        return cls(weights, steps, targets, feature_names=shown.names).plot(ax=ax)

    def plot(self, ax: Any = None) -> AttentionDisplay:
        """Draw the weights: a heat map of target and source steps, or one bar a step.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a new figure.

        Returns
        -------
        display : AttentionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is absent; ``pip install "skrnn[plot]"`` brings it.
        """
        if self.targets is None:
            if isinstance(self.steps, list):
                shown = ShownSteps(self.steps, None, None, [])
            elif self.steps.ndim > 2:
                shown = ShownSteps(None, None, None, [], self.steps)
            else:
                shown = ShownSteps(None, None, self.steps, self.feature_names or [])
            scale = Scale("AttentionDisplay.plot", "attention", signed=False)
            ax = draw_steps(shown, self.weights, scale, ax)
        else:
            ax = self._draw_pairs(self.targets, ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_pairs(self, targets: list[str], ax: Any) -> Any:
        n_targets, n_steps = self.weights.shape
        width = min(max(4.0, 2.0 + 0.38 * n_steps), 12.0)
        height = min(max(3.0, 1.4 + 0.34 * n_targets), 12.0)
        ax = get_axes(ax, "AttentionDisplay.plot", (width, height))
        image = ax.imshow(
            self.weights if n_targets else np.zeros((1, n_steps)),
            cmap="Blues",
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="nearest",
        )
        ax.set_yticks(range(n_targets), targets)
        if isinstance(self.steps, list):
            turned = max(map(len, self.steps), default=0) > 2
            ax.set_xticks(
                range(n_steps),
                self.steps,
                rotation=60 if turned else 0,
                ha="left" if turned else "center",
                rotation_mode="anchor" if turned else None,
            )
            ax.xaxis.tick_top()
            ax.xaxis.set_label_position("top")
        else:
            label_steps(ax, list(map(str, range(1, n_steps + 1))))
        ax.set(xlabel="source", ylabel="generated")
        ax.figure.colorbar(image, ax=ax).set_label("attention")
        return ax
