"""Many to one, a label a sequence: what all classifiers do, and SequenceClassifier."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight

from skrnn.data.containers import CheckedSequences
from skrnn.data.target_codecs import IndicatorCodec, LabelCodec
from skrnn.data.targets import check_class_targets
from skrnn.estimators._base import BaseNetworkEstimator, CheckedData
from skrnn.estimators._parameters import (
    ClassifierParameters,
    CommonParameters,
    LoopParameters,
    RecurrentParameters,
    TokenParameters,
    config_of,
    documented,
    parameters,
)
from skrnn.training.losses import BinaryCrossEntropy, CrossEntropy


class BaseSequenceClassifier(ClassifierMixin, BaseNetworkEstimator):
    """Abstract base: class targets, cross-entropy, probabilities."""

    _auto_updates = 3000
    label_smoothing: float
    class_weight: Any
    classes_: NDArray

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> BaseSequenceClassifier:
        """Train one pass over X at the constant rate ``lr``.

        The vocabulary and the classes are those of the first call.

        Parameters
        ----------
        X, y :
            As for ``fit``.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call where its y lacks
            some.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.

        Returns
        -------
        self : object
            The estimator.
        """
        self._check_same_classes(classes)
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> NDArray:
        """Return the most probable label of each sequence.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        y_pred : ndarray of shape (n_sequences,) or (n_sequences, n_labels)
            Labels, or 0/1 indicators.
        """
        logits, _ = self._outputs(X)
        if self._is_multilabel:
            return self._target_codec.decode(logits > 0)
        return self._target_codec.decode(logits.argmax(1))

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        probabilities : float32 ndarray of shape (n_sequences, n_classes)
            In the order of ``classes_``.
        """
        logits, _ = self._outputs(X)
        return expit(logits) if self._is_multilabel else softmax(logits, axis=1)

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the logarithm of ``predict_proba``, exact where it is tiny.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        log_probabilities : float32 ndarray of shape (n_sequences, n_classes)
            In nats.
        """
        logits, _ = self._outputs(X)
        return log_expit(logits) if self._is_multilabel else log_softmax(logits, axis=1)

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return the logits; for two classes the second's minus the first's.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        scores : float32 ndarray of shape (n_sequences,) or (n_sequences, n_classes)
            Positive means the second class, or the label.
        """
        logits, _ = self._outputs(X)
        if not self._is_multilabel and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    # --- hooks -----------------------------------------------------------------------

    @property
    def _is_multilabel(self) -> bool:
        return isinstance(self._target_codec, IndicatorCodec)

    def _check_y(self, y: Any, X: CheckedSequences, name: str = "y") -> NDArray:
        return check_class_targets(y, len(X.steps), name)

    def _fit_targets(self, data: CheckedData, classes: Any = None) -> None:
        codec = IndicatorCodec() if data.y.ndim == 2 else LabelCodec()
        self._target_codec = codec.fit(data.y, classes)
        self.classes_ = self._target_codec.classes

    def _encode_targets(self, data: CheckedData, name: str = "y") -> NDArray:
        if (data.y.ndim == 2) != self._is_multilabel:
            raise ValueError(f"{name} must be of the same form as y was in fit")
        return self._target_codec.encode(data.y, name)

    def _criterion(self) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        loss = BinaryCrossEntropy if self._is_multilabel else CrossEntropy
        return loss, {"label_smoothing": float(self.label_smoothing)}

    def _class_weights(self, y: NDArray, train_y: NDArray) -> NDArray | None:
        if self.class_weight is None:
            return None
        if y.ndim == 1:
            return weight_by_class(self.class_weight, self.classes_, y, train_y)
        n_labels = y.shape[1]
        by_label = self.class_weight
        if isinstance(by_label, str):
            by_label = [by_label] * n_labels
        if not isinstance(by_label, list) or len(by_label) != n_labels:
            raise ValueError(
                f'class_weight for {n_labels} labels must be "balanced" or a list of '
                f"{n_labels} dicts, got {self.class_weight!r}"
            )
        weights = [
            weight_by_class(by_label[i], np.arange(2), y[:, i], train_y[:, i])
            for i in range(n_labels)
        ]
        return np.prod(weights, axis=0)

    def _class_weight_is_balanced(self) -> bool:
        return isinstance(self.class_weight, str)

    def _strata(self, y: NDArray, n_held_out: int) -> NDArray | None:
        if y.ndim == 2:
            return None
        counts = np.unique(y, return_counts=True)[1]
        enough = counts.min() >= 2 and len(counts) <= min(n_held_out, len(y) - n_held_out)
        return y if enough else None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def weight_by_class(
    class_weight: Any, classes: NDArray, y: NDArray, train_y: NDArray
) -> NDArray[np.float64]:
    """Return the weight of each entry of y; 1 for classes that ``train_y`` lacks."""
    if isinstance(class_weight, list):
        raise ValueError("class_weight may be a list for several labels only")
    if isinstance(class_weight, dict):
        unknown = set(class_weight) - set(classes.tolist())
        if unknown and not set(classes.tolist()) <= set(class_weight):
            raise ValueError(
                f"class_weight names {sorted(unknown, key=str)}, which are not in classes "
                f"{classes.tolist()}"
            )
        given = [class_weight.get(label, 1.0) for label in classes.tolist()]
        for label, weight in zip(classes.tolist(), given, strict=True):
            if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
                raise ValueError(
                    f"class_weight[{label!r}] must be a number of at least 0, got "
                    f"{weight!r}"
                )
        by_class = np.array(given, dtype=np.float64)
    else:
        classes = np.unique(train_y)
        by_class = compute_class_weight("balanced", classes=classes, y=train_y)
    index = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    return np.where(classes[index] == y, by_class[index], 1.0)


@documented
@parameters
class SequenceClassifier(
    BaseSequenceClassifier,
    CommonParameters,
    ClassifierParameters,
    LoopParameters,
    TokenParameters,
    RecurrentParameters,
):
    """Recurrent network that classifies whole sequences: many to one.

    Sequences may have unequal lengths; they are never padded, packed or cut by the user.

    Parameters
    ----------
    {recurrent}
    {tokens}
    {loop}
    {label_smoothing}
    {class_weight}
    {stopping}
    {rest}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    {attributes}

    See Also
    --------
    FeedForwardClassifier : The baseline without recurrence, on the same input.

    References
    ----------
    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8).
    Schuster, Paliwal (1997). Bidirectional recurrent neural networks. IEEE TSP 45(11).

    Examples
    --------
    >>> from skrnn import SequenceClassifier
    >>> X = [["not", "bad"], ["bad"], ["good"], ["not", "good", "at", "all"]] * 4
    >>> y = ["+", "-", "+", "-"] * 4
    >>> model = SequenceClassifier(hidden_size=32, max_epochs=60, random_state=0).fit(
    ...     X, y
    ... )
    >>> model.predict([["good"], ["not", "bad"], ["bad"]]).tolist()
    ['+', '+', '-']
    """

    _network_kind = "recurrent"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        return config_of(self, RecurrentParameters)
