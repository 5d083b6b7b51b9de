"""Many to one, a class a sequence: the task of classifiers, and SequenceClassifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, log_expit
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from skrnn.data.containers import CheckedSequences
from skrnn.data.probabilities import log_softmax, softmax
from skrnn.data.targets import CheckedData, Targets, check_weights, make_class_targets
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._loop import Budget
from skrnn.estimators._parameters import (
    AutoPatchParameters,
    ClassWeightParameters,
    CommonParameters,
    FieldParameters,
    LabelSmoothingParameters,
    NumberParameters,
    RecurrentParameters,
    StepEncoderParameters,
    TokenParameters,
    WordParameters,
)
from skrnn.estimators._pooling import PoolingTransformer, pooled_config
from skrnn.estimators._rows import estimator
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs
from skrnn.training.losses import BinaryCrossEntropy, CrossEntropy


class ClassificationTask(ClassifierMixin, BaseSequenceEstimator):
    """Abstract base: class targets, cross-entropy, probabilities."""

    _budget = Budget(updates=3000)
    label_smoothing: float
    classes_: NDArray

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> ClassificationTask:
        """Train on sequences and their classes.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Arrays ``(n_steps_i, n_features)`` or 1-D arrays, token lists, strings, a
            3-D array, a 2-D array or frame whose rows are univariate series, or a frame
            of step fields and static columns. A sequence without tokens is read as one
            unknown token.
        y : array-like of shape (n_sequences,) or (n_sequences, n_labels)
            Labels, or a 0/1 indicator matrix.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val, y_val : like X and y, default=None
            Held-out data, scored after each epoch, and watched by early stopping.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weight of each held-out sequence.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty, not finite, or of unequal length, if a parameter is out
            of its range, or if training diverges.
        TypeError
            If X is no container of sequences, or mixes kinds of them.
        """
        self._fit(X, y, sample_weight, Validation(X_val, y_val, sample_weight_val))
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> ClassificationTask:
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
        self._partial_fit(X, y, sample_weight, classes)
        return self

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
        checked = self._check_X(X)
        return self._targets.decode(self._logits(checked), checked)

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
        logits = self._logits(self._check_X(X))
        return expit(logits) if self._targets.independent else softmax(logits)

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
        logits = self._logits(self._check_X(X))
        if self._targets.independent:
            return log_expit(logits)
        return log_softmax(logits)

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
        logits = self._logits(self._check_X(X))
        if not self._targets.independent and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of sequences that get their label.

        Parameters
        ----------
        X, y :
            As for ``fit``.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence.

        Returns
        -------
        accuracy : float
            Between 0 and 1; of several labels a sequence, the share of those that have all
            of theirs.
        """
        checked = self._check_X(X)
        true = self._targets.check(y, checked).values
        weight = check_weights(sample_weight, len(true))
        pred = self._targets.decode(self._logits(checked), checked)
        return float(accuracy_score(true, pred, sample_weight=weight))

    def _logits(self, X: CheckedSequences) -> NDArray[np.float32]:
        """Return the network's outputs ``(n_sequences, n_outputs)``."""
        return predict_outputs(self.net_, EncodedDataset(self._encode(X)))

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        return make_class_targets(y)

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        loss = BinaryCrossEntropy if self._targets.independent else CrossEntropy
        return loss, {"label_smoothing": float(self.label_smoothing)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@estimator
class SequenceClassifier(
    ClassificationTask,
    PoolingTransformer,
    CommonParameters,
    ClassWeightParameters,
    LabelSmoothingParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    StepEncoderParameters,
    AutoPatchParameters,
    RecurrentParameters,
):
    """Recurrent network that classifies whole sequences: many to one.

    Sequences may have unequal lengths; users never pad, pack or cut them.

    Parameters
    ----------
    Network: cell, hidden_size, num_layers, bidirectional, dropout, dropout_mask,
        weight_dropout, pooling, patch_size, step_encoder.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        lowercase, embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time.
    Training: label_smoothing, class_weight, max_epochs, batch_size, lr, optimizer,
        weight_decay, lr_schedule, max_grad_norm, weight_averaging, augment.
    Stopping: early_stopping, validation_fraction, validation_strategy, n_iter_no_change,
        scoring.
    Other: n_estimators, n_jobs, callbacks, warm_start, checkpoint, on_interrupt,
        keep_optimizer, verbose, device, precision,
        random_state.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    patch_size_ : int
        Steps that are read as one.
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

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

    #: Wrong labels are learned by heart in the passes after these.
    _budget = Budget(
        updates=120,
        of_a_class=600,
        min_epochs=(4, 9),
        batches=((512, 16), (4096, 32), (65536, 64)),
        lr=0.006,
        of_features=Budget(  # few and hard series need all of these
            updates=3000, batches=((128, 8), (16384, 32), (65536, 64))
        ),
        of_few_tokens=Budget(
            updates=120,
            of_a_class=600,
            min_epochs=(12, 12),
            batches=((512, 16), (4096, 32), (8192, 64)),
            lr=0.006,
        ),
    )

    lr: float | str = "auto"

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        return self._build_network("recurrent", pooled_config(self), generator)
