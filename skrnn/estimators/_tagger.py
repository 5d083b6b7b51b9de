"""Many to many, aligned: a label for every step; what taggers do, and SequenceTagger."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from skrnn.data.containers import CheckedSequences
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.schemes import (
    allowed_moves,
    check_tags,
    first_violation,
    has_valid_path,
    repair,
)
from skrnn.data.target_codecs import StepLabelCodec
from skrnn.data.targets import check_step_targets
from skrnn.estimators._base import BaseNetworkEstimator, CheckedData, scale_to_mean_1
from skrnn.estimators._classifier import weight_by_class
from skrnn.estimators._parameters import (
    CommonParameters,
    LoopParameters,
    TaggerParameters,
    TaggingRecurrentParameters,
    TokenParameters,
    config_of,
    documented,
    parameters,
)
from skrnn.metrics import step_accuracy_score
from skrnn.modules.crf import (
    ConditionalRandomField,
    StepScores,
    best_path,
    marginals,
)
from skrnn.training.batching import EncodedDataset
from skrnn.training.losses import PathLikelihood, StepCrossEntropy


class BaseSequenceTagger(BaseNetworkEstimator):
    """Abstract base: step targets, tagging schemes, best paths, probabilities."""

    _auto_updates = 4000
    _allow_empty = True
    #: The spelling of an unknown word is most of what is known of it.
    _char_dim = 100
    crf: bool
    scheme: str | None
    invalid_tags: str
    label_smoothing: float
    class_weight: Any
    classes_: NDArray

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> BaseSequenceTagger:
        """Train on sequences and a label for each of their steps.

        Parameters
        ----------
        X : list, ndarray, Series or DataFrame of n_sequences sequences
            Token lists, strings, arrays ``(n_steps_i, n_features)`` or 1-D arrays, a 3-D
            array, or a 2-D array or frame whose rows are univariate series. Sequences
            without steps are left out.
        y : list, ndarray or Series of n_sequences label lists
            As many labels as X has steps, strings or whole numbers; an array
            ``(n_sequences, n_steps)`` where all lengths are equal; strings of labels
            with spaces between, or with ``tokenizer="char"`` of one character each.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weight of each sequence in the loss.
        X_val, y_val : like X and y, default=None
            Held-out data for early stopping.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty, not finite, or of unequal length, if labels break the
            ``scheme``, if a parameter is out of its range, or if training diverges.
        TypeError
            If X is no container of sequences, or mixes kinds of them.
        """
        super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> BaseSequenceTagger:
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
        ids, checked = self._best_ids(X)
        if _is_square(X, checked):
            return self.classes_[ids.values].reshape(len(checked.steps), -1)
        labels = self._target_codec.decode(ids)
        if self._y_strings:
            glue = "" if self._built_with["tokenizer"] == "char" else " "
            return object_array([glue.join(map(str, row)) for row in labels])
        return object_array(labels)

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
        with_crf = self._fitted_crf()
        nothing = np.empty((0, len(self.classes_)), np.float32)
        steps, _ = self._steps(X, marginals if with_crf else _logits, nothing)
        if not with_crf and len(steps.values):
            steps = steps.with_values(softmax(steps.values, axis=1))
        return object_array(list(steps))

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
        ids, checked = self._best_ids(X)
        lengths = checked.steps.lengths
        labels, _ = check_step_targets(y, lengths, self._split_labels(fitted=True))
        if self.scheme is not None and self.invalid_tags == "repair":
            labels = self._in_scheme(self.scheme, labels, "y")
        return step_accuracy_score(
            list(labels), self._target_codec.decode(ids), sample_weight=sample_weight
        )

    @property
    def transitions_(self) -> pd.DataFrame:
        """Scores of going from a label (row) to the next (column), -inf if forbidden."""
        check_is_fitted(self, "net_")
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

    def _best_ids(self, X: Any) -> tuple[RaggedArray, CheckedSequences]:
        """Return the predicted class of each step."""
        decode = best_path if self._fitted_crf() else _most_probable
        return self._steps(X, decode, np.empty(0, np.int64))

    def _split_labels(self, *, fitted: bool = False) -> Callable[[str], list[str]]:
        """Return how a y of strings is cut into labels."""
        tokenizer = self._built_with["tokenizer"] if fitted else self.tokenizer
        return list if tokenizer == "char" else str.split

    def _fitted_crf(self) -> bool:
        check_is_fitted(self, "net_")
        return bool(self._built_with["crf"])

    def _steps(
        self, X: Any, decode: Callable[[Any], torch.Tensor], nothing: NDArray
    ) -> tuple[RaggedArray, CheckedSequences]:
        """Return what ``decode`` gives for each step; ``nothing`` if X has no steps."""
        checked = self._check_X(X, fitted=True)
        self._check_like_fit(X, checked)
        steps = checked.steps
        filled = np.flatnonzero(steps.lengths)
        if not len(filled):
            return steps.with_values(nothing), checked
        if len(filled) < len(steps):
            steps = steps.take(filled)
        examples = EncodedDataset(self._encode_inputs(steps))
        values = self.net_.predict_steps(examples, decode).values
        return checked.steps.with_values(values), checked

    # --- hooks -----------------------------------------------------------------------

    def _check_y(self, y: Any, X: CheckedSequences, name: str = "y") -> RaggedArray:
        labels, strings = check_step_targets(
            y, X.steps.lengths, self._split_labels(), name
        )
        if name == "y" and not hasattr(self, "net_"):
            self._y_strings = strings
        if self.scheme is None or not len(labels.values):
            return labels
        check_tags(self.scheme, sorted(set(labels.values), key=str), name)
        return self._in_scheme(self.scheme, labels, name)

    def _in_scheme(self, scheme: str, labels: RaggedArray, name: str) -> RaggedArray:
        """Return labels that keep to the scheme, or raise an error for the first violation."""
        repaired: list[Any] = []
        for i, row in enumerate(labels):
            violation = first_violation(scheme, row.tolist())
            if violation is None:
                repaired += row.tolist()
            elif self.invalid_tags == "repair":
                repaired += repair(scheme, row.tolist())
            else:
                before = "the start" if violation == 0 else repr(row[violation - 1])
                tag = "the end" if violation == len(row) else repr(row[violation])
                raise ValueError(
                    f"{name}[{i}], step {violation}: {tag} behind {before} breaks "
                    f'scheme="{scheme}"; invalid_tags="repair" mends it'
                )
        return labels.with_values(object_array(repaired))

    def _fit_targets(self, data: CheckedData, classes: Any = None) -> None:
        if classes is not None and self.scheme is not None:
            check_tags(self.scheme, np.asarray(classes).tolist(), "classes")
        self._target_codec = StepLabelCodec().fit(data.y, classes)
        self.classes_ = self._target_codec.classes

    def _encode_targets(self, data: CheckedData, name: str = "y") -> RaggedArray:
        return self._target_codec.encode(data.y, name)

    def _criterion(self) -> tuple[type[torch.nn.Module], dict[str, Any]]:
        if self.crf:
            return PathLikelihood, {}
        return StepCrossEntropy, {"label_smoothing": float(self.label_smoothing)}

    def _prepare_network(
        self, network: torch.nn.Module, vectors: NDArray[np.float32] | None
    ) -> None:
        super()._prepare_network(network, vectors)
        if self.crf and self.scheme is not None:
            moves = allowed_moves(self.scheme, self.classes_.tolist())
            if not has_valid_path(moves):
                warnings.warn(
                    f'scheme="{self.scheme}" leaves short sequences no labels: y has '
                    'neither "O" nor a tag for an entity of one step',
                    stacklevel=5,
                )
            assert isinstance(network.crf, ConditionalRandomField)
            network.crf.forbid(*map(torch.from_numpy, moves))

    def _weights(
        self, data: CheckedData, train: CheckedData, scale: float | None = None
    ) -> tuple[Any, float]:
        """Return weights of mean 1 over the training steps, and their scale.

        One a step; with a CRF one a sequence, and the classes' go into the criterion.
        """
        lengths = data.X.steps.lengths
        if data.weight is None and (self.crf or self.class_weight is None):
            return None, 1.0
        by_step = np.ones(len(data.y.values))
        if data.weight is not None:
            by_step *= np.repeat(data.weight, lengths)
        if self.class_weight is not None and not self.crf:
            values = np.array(data.y.values.tolist())
            of_train = np.array(train.y.values.tolist())
            by_step *= weight_by_class(self.class_weight, self.classes_, values, of_train)
        if scale is None:
            scale = scale_to_mean_1(by_step)
        by_step = (by_step * scale).astype(np.float32)
        if not self.crf:
            return data.X.steps.with_values(by_step), scale
        by_sequence = np.add.reduceat(by_step, data.X.steps.offsets[:-1]) / lengths
        return by_sequence.astype(np.float32), scale

    def _prepare_criterion(self, criterion: torch.nn.Module, train: CheckedData) -> None:
        if not isinstance(criterion, PathLikelihood):
            return
        if self.class_weight is None:
            criterion.weigh(None)
            return
        labels = np.array(train.y.values.tolist())
        classes = self.classes_
        by_class = weight_by_class(self.class_weight, classes, classes, labels)
        scale_to_mean_1(by_class[np.isin(classes, labels)])  # raises where all are 0
        weights = torch.from_numpy(by_class.astype(np.float32))
        criterion.weigh(weights.to(self.net_.device))

    def _class_weight_is_balanced(self) -> bool:
        return isinstance(self.class_weight, str)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.two_d_labels = True
        tags.input_tags.two_d_array = False
        return tags


def _most_probable(scores: StepScores) -> torch.Tensor:
    """Return each step's highest label ``(B, T)``."""
    return scores.logits.argmax(2)


def _logits(scores: StepScores) -> torch.Tensor:
    """Return the scores ``(B, T, C)``."""
    return scores.logits


def _is_square(X: Any, checked: CheckedSequences) -> bool:
    """Tell an array of sequences of one length from lists of sequences."""
    return checked.form.container in ("columns", "array") or (
        isinstance(X, np.ndarray) and X.ndim > 1
    )


@documented
@parameters
class SequenceTagger(
    BaseSequenceTagger,
    CommonParameters,
    TaggerParameters,
    LoopParameters,
    TokenParameters,
    TaggingRecurrentParameters,
):
    """Recurrent network that labels every step of sequences: many to many, aligned.

    Named entities, slots, parts of speech, the activity at each moment of a sensor. No
    features are needed: words are read with their spelling, their case and their
    neighbours on both sides.

    Parameters
    ----------
    {tagging_recurrent}
    {tokens}
    {loop}
    {tagger}
    {stopping}
    {rest}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    transitions_ : DataFrame of shape (n_classes, n_classes)
        With ``crf=True``: the score of going from one label (row) to another (column),
        -inf where the scheme forbids it.
    {attributes}

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

    _network_kind = "tagging"

    def _network_config(self, lengths: NDArray[np.int64]) -> dict[str, Any]:
        return {"crf": self.crf, **config_of(self, TaggingRecurrentParameters)}
