"""Many to many, aligned: the task of taggers, and SequenceTagger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._warnings import warn
from skrnn.data.containers import CheckedSequences
from skrnn.data.probabilities import softmax
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.schemes import allowed_moves, has_valid_path
from skrnn.data.targets import CheckedData, StepTargets, Targets
from skrnn.estimators._base import BaseSequenceEstimator, Validation
from skrnn.estimators._loop import Budget
from skrnn.estimators._parameters import (
    CellParameters,
    ClassWeightParameters,
    CommonParameters,
    CRFParameters,
    DirectionParameters,
    FieldParameters,
    LabelSmoothingParameters,
    NumberParameters,
    RecurrentDropoutParameters,
    SchemeParameters,
    StepEncoderParameters,
    TokenParameters,
    WordParameters,
)
from skrnn.estimators._rows import config_of, estimator
from skrnn.metrics import step_accuracy_score
from skrnn.modules.crf import best_path, best_path_log_likelihood, marginals
from skrnn.modules.masking import length_mask
from skrnn.modules.outputs import StepScores
from skrnn.training.dataset import EncodedDataset
from skrnn.training.inference import predict_outputs, predict_steps
from skrnn.training.losses import PathLikelihood, StepCrossEntropy

#: Labels from which a conditional random field is slow.
MANY_LABELS = 1000


class TaggingTask(BaseSequenceEstimator):
    """Abstract base: step targets, tagging schemes, best paths, probabilities."""

    _budget = Budget(updates=4000)
    #: Most of what is known of an unknown word is its characters.
    _char_dim = 100
    _input_options = {"empty": "keep", "labels_words": True}
    crf: bool
    scheme: str | None
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
    ) -> TaggingTask:
        """Train on sequences and a label for each of their steps.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Token lists, strings, arrays ``(n_steps_i, n_features)`` or 1-D arrays, a 3-D
            array, a 2-D array or frame whose rows are univariate series, or a frame of
            step fields and static columns. Sequences without steps are left out.
        y : list, ndarray or Series of n_sequences label lists
            As many labels as X has steps, strings or whole numbers; an array
            ``(n_sequences, n_steps)`` where all lengths are equal; strings of labels
            with spaces between, or with ``tokenizer="char"`` of one character each.
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
            If X or y is empty, not finite, or of unequal length, if labels violate
            the ``scheme``, if a parameter is out of its range, or if training diverges.
        TypeError
            If X is no container of sequences, or mixes kinds of them.
        """
        self._fit(X, y, sample_weight, Validation(X_val, y_val, sample_weight_val))
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> TaggingTask:
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
        """Return a label for each step of each sequence.

        Parameters
        ----------
        X :
            As for ``fit``. A sequence without steps gets no labels.

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
        """Return the probability of each class at each step.

        With a CRF these are marginals, over all paths of the whole sequence: the most
        probable label of a step need not lie on the most probable path.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        probabilities : ndarray of object of shape (n_sequences,)
            float32 arrays of shape (n_steps_i, n_classes), in the order of ``classes_``.
        """
        checked = self._check_X(X)
        nothing = np.empty((0, len(self.classes_)), np.float32)
        with_crf = self._fitted_parameters["crf"]
        steps = self._steps(checked, marginals if with_crf else _logits, nothing)
        if not with_crf and len(steps.values):
            steps = steps.with_values(softmax(steps.values))
        return object_array(list(steps))

    def predict_log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """Return the log-probability of the labels that ``predict`` chooses.

        With a CRF it is that of the whole path of labels: its score, less the logarithm of
        the summed weights of all paths. Without one, the sum over the steps of the
        log-probability of the label chosen.

        Parameters
        ----------
        X :
            As for ``fit``.

        Returns
        -------
        log_likelihood : float64 ndarray of shape (n_sequences,)
            In nats, at most 0; of a sequence without steps 0. With a CRF and a ``scheme``
            the paths that violate the scheme have no probability: it is -inf where the
            scheme leaves a sequence no path.
        """
        checked = self._check_X(X)
        with_crf = self._fitted_parameters["crf"]
        decode = best_path_log_likelihood if with_crf else _highest_log_likelihood
        result = np.zeros(len(checked.steps))
        filled, real = checked.filled()
        if len(filled):
            dataset = EncodedDataset(self._encode(real, filled), origin=filled)
            result[filled] = predict_outputs(self.net_, dataset, decode)
        return result

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of steps that get their label.

        Parameters
        ----------
        X, y :
            As for ``fit``; with ``invalid_tags="repair"`` y is repaired here, too.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence's steps.

        Returns
        -------
        accuracy : float
            Between 0 and 1. For entities, see ``skrnn.metrics.entity_f1_score``.
        """
        checked = self._check_X(X)
        self._renew_targets()
        true = self._targets.check_true(y, checked)
        pred = self._targets.decode_lists(self._best_ids(checked))
        return step_accuracy_score(list(true), pred, sample_weight=sample_weight)

    @property
    def transitions_(self) -> pd.DataFrame:
        """Scores of going from a label (row) to the next (column), -inf if forbidden."""
        check_is_fitted(self)
        crf = self.net_.module_.crf
        if crf is None:
            raise AttributeError("transitions_ needs a fit with crf=True")
        scores = crf.transitions.detach().masked_fill(~crf.may_follow, -torch.inf)
        names = pd.Index(self.classes_)
        return pd.DataFrame(
            scores.cpu().numpy(),
            index=names.rename("from"),
            columns=names.rename("to"),
        )

    def _best_ids(self, X: CheckedSequences) -> RaggedArray:
        """Return the predicted class of each step."""
        decode = best_path if self._fitted_parameters["crf"] else _most_probable
        return self._steps(X, decode, np.empty(0, np.int64))

    def _steps(
        self, X: CheckedSequences, decode: Callable[[Any], torch.Tensor], nothing: NDArray
    ) -> RaggedArray:
        """Return ``decode``'s result for each step; ``nothing`` if X has no steps."""
        filled, real = X.filled()
        if not len(filled):
            return X.steps.with_values(nothing)
        dataset = EncodedDataset(self._encode(real, filled), origin=filled)
        return X.steps.with_values(predict_steps(self.net_, dataset, decode).values)

    def _build_tagger(
        self, kind: str, config: Mapping[str, Any], generator: torch.Generator
    ) -> torch.nn.Module:
        """Return a network whose conditional random field keeps to the scheme."""
        n_labels = len(self.classes_)
        if self.crf and n_labels >= MANY_LABELS:
            warn(
                f"crf=True with {n_labels:,} labels scores {n_labels**2:,} pairs of labels "
                "at each step, which takes long and much memory. crf=False scores each "
                "step's labels alone"
            )
        network: Any = self._build_network(kind, config, generator)
        if not self.crf or self.scheme is None:
            return network
        moves = allowed_moves(self.scheme, self.classes_.tolist())
        if not has_valid_path(moves):
            warn(
                f'scheme="{self.scheme}" leaves short sequences no labels: y has '
                'neither "O" nor a tag for an entity of one step',
            )
        network.crf.forbid(*map(torch.from_numpy, moves))
        return network

    # --- hooks -----------------------------------------------------------------------

    def _make_targets(self, X: CheckedSequences, y: Any) -> Targets:
        return StepTargets(
            self.tokenizer,
            scheme=self.scheme,
            invalid_tags=self.invalid_tags,
            whole_paths=self.crf,
        )

    def _make_loss(
        self, train: CheckedData
    ) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        if not self.crf:
            return StepCrossEntropy, {"label_smoothing": float(self.label_smoothing)}
        weights = self._targets.class_weights(train, self.class_weight)
        return PathLikelihood, {"class_weights": weights}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.two_d_labels = True
        tags.input_tags.two_d_array = False
        return tags


def _highest_log_likelihood(scores: StepScores) -> torch.Tensor:
    """Return ``(B,)`` the summed log-probabilities of each step's highest label."""
    log_probabilities = scores.logits.double().log_softmax(2).amax(2)  # (B, T)
    real = length_mask(scores.lengths, log_probabilities.shape[1])
    return log_probabilities.masked_fill(~real, 0.0).sum(1)


def _most_probable(scores: StepScores) -> torch.Tensor:
    """Return each step's highest label ``(B, T)``."""
    return scores.logits.argmax(2)


def _logits(scores: StepScores) -> torch.Tensor:
    """Return the scores ``(B, T, C)``."""
    return scores.logits


@estimator
class SequenceTagger(
    TaggingTask,
    CommonParameters,
    ClassWeightParameters,
    LabelSmoothingParameters,
    SchemeParameters,
    NumberParameters,
    FieldParameters,
    WordParameters,
    TokenParameters,
    StepEncoderParameters,
    CRFParameters,
    RecurrentDropoutParameters,
    DirectionParameters,
    CellParameters,
):
    """Recurrent network that labels every step of sequences: many to many, aligned.

    Named entities, slots, parts of speech, the activity at each moment of a sensor. No
    features are needed: words are read with their characters, their case and their
    neighbours on both sides.

    Parameters
    ----------
    Network: cell, hidden_size, num_layers, bidirectional, dropout, dropout_mask,
        weight_dropout, crf, step_encoder.
    Inputs: input_type, tokenizer, min_count, max_vocabulary, embedding_dim, word_dropout,
        lowercase, embeddings, freeze_embeddings, char_encoder, static_features, scale, missing,
        time, scheme, invalid_tags.
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
    transitions_ : DataFrame of shape (n_classes, n_classes)
        With ``crf=True``: the score of going from one label (row) to another (column),
        -inf where the scheme forbids it.
    Common: net_, estimators_, n_features_in_, feature_names_in_, vocabulary_, n_parameters_, n_iter_,
        history_.

    See Also
    --------
    FeedForwardTagger : The baseline without recurrence, on the same input.
    skrnn.metrics.entity_f1_score : The usual measure of named entities.

    References
    ----------
    Lafferty, McCallum, Pereira (2001). Conditional random fields: probabilistic models
    for segmenting and labeling sequence data. ICML.
    Ma, Hovy (2016). End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF. ACL.

    Examples
    --------
    >>> from skrnn import SequenceTagger
    >>> X = [["Ada", "met", "Bob"], ["we", "met", "Ada"], ["Bob", "and", "we", "met"]] * 4
    >>> y = [["B-PER", "O", "B-PER"], ["O", "O", "B-PER"], ["B-PER", "O", "O", "O"]] * 4
    >>> model = SequenceTagger(hidden_size=16, max_epochs=30, random_state=0).fit(X, y)
    >>> model.predict([["we", "and", "Ada"], ["Bob", "met", "Bob"]]).tolist()
    [['O', 'O', 'B-PER'], ['B-PER', 'O', 'B-PER']]
    """

    _budget = Budget(
        updates=800,
        min_epochs=(8, 8),
        batches=((4096, 32), (65536, 64)),
        lr=0.006,
        of_features=Budget(updates=4000),
    )

    dropout: float = 0.5
    label_smoothing: float = 0.0
    lr: float | str = "auto"

    def _make_network(
        self, lengths: NDArray[np.int64], generator: torch.Generator
    ) -> torch.nn.Module:
        config = {
            **config_of(self, CellParameters),
            **config_of(self, RecurrentDropoutParameters),
            "bidirectional": self.bidirectional,
            "crf": self.crf,
        }
        return self._build_tagger("tagging", config, generator)
