"""The interface of all kinds of targets, and checks of y and of weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Number, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from skrnn._sklearn import safe_indexing
from skrnn.data.containers import CheckedSequences
from skrnn.data.layouts import parse_column
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.steps import shown
from skrnn.data.values import read_numbers

#: Weights from its inverse to this one, and 0, are accepted.
MAX_WEIGHT = 1e100
#: Characters of a list in a message.
MAX_LISTED = 160


class CheckedTargets(NamedTuple):
    """y after validation.

    Attributes
    ----------
    values : ndarray of shape (n_sequences, ...) or RaggedArray
        Labels or numbers, one entry a sequence or one a step.
    texts : list of str or None
        The user's own strings, where y held strings of several labels or tokens.
    """

    values: Any
    texts: list[str] | None = None

    def take(self, indices: NDArray) -> CheckedTargets:
        """Return some of the sequences."""
        values = self.values
        values = (
            values.take(indices) if isinstance(values, RaggedArray) else values[indices]
        )
        texts = None if self.texts is None else [self.texts[i] for i in indices.tolist()]
        return CheckedTargets(values, texts)


@dataclass(frozen=True)
class CheckedData:
    """X, y and weights after validation.

    Attributes
    ----------
    X : CheckedSequences
    y : CheckedTargets
    weight : float64 ndarray of shape (n_sequences,) or None
    raw : tuple
        The user's own X and y, which scorers need.
    name : str
        Name of y in messages.
    origin : int64 ndarray of shape (n_sequences,) or None
        The sequences' indices in the user's X; None where they are equal.
    split_off : bool
        Whether they were drawn from the training data to be held out.
    """

    X: CheckedSequences
    y: CheckedTargets
    weight: NDArray[np.float64] | None = None
    raw: tuple[Any, Any] = (None, None)
    name: str = "y"
    origin: NDArray[np.int64] | None = None
    split_off: bool = False

    def __len__(self) -> int:
        return len(self.X.steps)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence of X."""
        return self.X.steps.lengths

    def index_of(self, i: int) -> int:
        """Return the index of sequence ``i`` in the user's X."""
        return i if self.origin is None else int(self.origin[i])

    def take(self, indices: NDArray, *, with_raw: bool = True) -> CheckedData:
        """Return some of the sequences; ``with_raw`` copies the user's own ones, too."""
        raw: Any = (None, None)
        if with_raw:
            raw = tuple(
                None if part is None else safe_indexing(part, indices)
                for part in self.raw
            )
        return replace(
            self,
            X=self.X.take(indices),
            y=self.y.take(indices),
            weight=None if self.weight is None else self.weight[indices],
            raw=raw,
            origin=indices if self.origin is None else self.origin[indices],
        )

    def without_weight(self) -> CheckedData:
        """Return the same data without sample weights."""
        return replace(self, weight=None)

    def without_empty(self) -> CheckedData:
        """Return the sequences that have steps; a ValueError if none has."""
        if self.lengths.min() > 0:
            return self
        if self.lengths.max() == 0:
            raise ValueError(f"{self.X.name} has no steps: all its sequences are empty")
        return self.take(np.flatnonzero(self.lengths))


class Targets(ABC):
    """Abstract base of the kinds of y: each validates, fits, encodes and decodes.

    A new kind is one class; an estimator's ``_make_targets`` chooses it. ``fit`` is
    called once, by the first training; ``observe`` by every training, for what may grow.

    Attributes
    ----------
    teacher_forcing : bool
        Whether the network reads the targets one step late in training.
    reads_late : bool
        Whether the network reads a begin before the steps of X.
    by_step : bool
        Whether y has one entry for each step of X: sequences without steps, which have
        none, are left out of training.
    changeable : tuple of str
        Attributes that are parameters of the estimator, and follow them after a fit.
    classes : ndarray of shape (n_classes,) or None
        The labels, as in ``classes_``.
    vocabulary : dict or None
        Token → id, of targets that are tokens.
    """

    teacher_forcing: ClassVar[bool] = False
    reads_late: ClassVar[bool] = False
    by_step: ClassVar[bool] = False
    changeable: ClassVar[tuple[str, ...]] = ()
    classes: Any = None
    vocabulary: dict[Hashable, int] | None = None

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Number of network outputs for a sequence, or for a step."""

    @property
    def users_objects(self) -> dict[str, Any]:
        """Parameter → the object of the user, or the copy of it, that is kept."""
        return {}

    @abstractmethod
    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Validate the user's y; after ``fit`` it must be of the same kind as there.

        Raises
        ------
        ValueError, TypeError
            That name the place.
        """

    @abstractmethod
    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the encoding from training data.

        Parameters
        ----------
        train : CheckedData
            The training data of the network.
        every : CheckedData
            The same with the held-out part: classes are known from all of y.
        classes : array-like, optional
            All classes that will ever come.
        """

    @abstractmethod
    def encode(self, data: CheckedData) -> NDArray | RaggedArray:
        """Return the targets as the loss takes them."""

    @abstractmethod
    def decode(self, outputs: Any, X: CheckedSequences) -> Any:
        """Return predictions for X in the form of y."""

    def observe(self, train: CheckedData) -> None:
        """Widen what may grow when training continues on other data."""
        return

    def counts(self, data: CheckedData) -> NDArray[np.int64] | None:
        """Return over how many targets each sequence's loss is a sum; None is one."""
        return None

    def path_ends(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Return which classes may come first and last; None where all may."""
        return None

    def loss_weights(
        self, data: CheckedData, train: CheckedData, class_weight: Any
    ) -> NDArray | RaggedArray | None:
        """Return the weight of each sequence or step in the loss, None for equal ones.

        ``train`` tells how common each class is.
        """
        return data.weight

    def varied(self, data: CheckedData) -> NDArray[np.int64] | None:
        """Return some sequences with several answers each, if answers can be of one kind.

        ``complaint`` reads what a trained network says of them.
        """
        return None

    def complaint(self, predicted: Any, data: CheckedData) -> str | None:
        """Return why the predictions for ``varied`` sequences are worthless, if they are."""
        return None

    def strata(self, y: CheckedTargets) -> NDArray | None:
        """Return labels whose shares a random split keeps, if there are any."""
        return None

    def groups(self, y: CheckedTargets) -> list[NDArray[np.int64]]:
        """Return sequences by label: of each group one must stay in training."""
        return []


# --- labels --------------------------------------------------------------------------


def encode_labels(
    labels: Sequence[Hashable], classes: NDArray
) -> tuple[NDArray[np.int64], int | None]:
    """Return each label's position in ``classes``, and the first place of a new one."""
    ids_of = {label: i for i, label in enumerate(classes.tolist())}
    ids = np.fromiter((ids_of.get(label, -1) for label in labels), np.int64, len(labels))
    unknown = np.flatnonzero(ids < 0)
    return ids, int(unknown[0]) if len(unknown) else None


def listed(values: Any, limit: int = 20) -> str:
    """Return a list as text, cut where it is long."""
    values = list(values)
    texts = list(map(shown, values[:limit]))
    n_characters = np.cumsum([len(text) + 2 for text in texts])
    texts = texts[: max(1, int((n_characters <= MAX_LISTED).sum()))]
    if len(texts) < len(values):
        texts.append(f"... {len(values):,} in all")
    return f"[{', '.join(texts)}]"


def rows_as_lists(values: Sequence[Any], offsets: NDArray[np.int64]) -> list[list[Any]]:
    """Return flat values as one list a sequence."""
    return [list(values[start:end]) for start, end in pairwise(offsets.tolist())]


def decode_labels(ids: RaggedArray, names: Sequence[Hashable]) -> list[list[Hashable]]:
    """Return the names at ``ids``, Python's own objects, as one list a sequence."""
    return rows_as_lists(object_array(names)[ids.values].tolist(), ids.offsets)


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
                f"class_weight names {listed(sorted(unknown, key=str))}, not in classes "
                f"{listed(classes.tolist())}"
            )
        given = [class_weight.get(label, 1.0) for label in classes.tolist()]
        for label, weight in zip(classes.tolist(), given, strict=True):
            if not isinstance(weight, Real) or not _is_size(weight):
                raise ValueError(
                    f"class_weight[{shown(label)}] must be a number of at least 0, got "
                    f"{shown(weight)}"
                )
        labels = classes.tolist()
        largest = float(np.finfo(np.float64).max)  # an integer may be larger
        given = [weight if weight < largest else largest for weight in given]
        by_class = np.array([float(weight) for weight in given])
        check_sizes(by_class, lambda i: f"class_weight[{shown(labels[i])}]")
    else:
        classes = np.unique(train_y)
        by_class = compute_class_weight("balanced", classes=classes, y=train_y)
    index = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    return np.where(classes[index] == y, by_class[index], 1.0)


# --- containers of y -----------------------------------------------------------------


def parse_targets(
    y: Any, X: CheckedSequences, name: str, read: Callable[[Any, str], Any]
) -> Any:
    """Return ``read(y, name)``, which has one entry for each sequence of X.

    Raises
    ------
    ValueError, TypeError
        If y is None or sparse, if ``read`` refuses it, or if X has another number of
        sequences.
    """
    check_given(y, name)
    entries = read(y, name)
    check_length(len(entries), X, name)
    return entries


def check_given(y: Any, name: str = "y") -> None:
    """Raise an error if y is None or sparse."""
    if y is None:
        raise ValueError(
            f"{name} is None: this estimator requires {name} to be passed, but the "
            f"target {name} is None"
        )
    if hasattr(y, "tocsr"):
        raise TypeError(
            f"{name} is sparse, which is not supported; pass {name}.toarray()"
        )


def check_length(n_entries: int, X: CheckedSequences, name: str = "y") -> None:
    """Raise a ValueError unless there is one entry of y for each sequence of X."""
    n_sequences = len(X.steps)
    if n_entries == n_sequences:
        return
    message = f"{name} has {n_entries} entries, but {X.name} has {n_sequences} sequences"
    if X.named is not None and X.form.container == "columns" and n_entries < n_sequences:
        message += (
            f". Each row of {X.name} is read as one sequence; if its rows are steps, pass "
            "skrnn.preprocessing.sequences_from_frame(frame, by=...)"
        )
    raise ValueError(message)


def check_weights(
    sample_weight: Any, n_sequences: int, name: str = "sample_weight"
) -> NDArray[np.float64] | None:
    """Return non-negative float64 weights ``(n_sequences,)``, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number):
        sample_weight = [sample_weight] * n_sequences
    column = parse_column(sample_weight, name)
    weight = read_numbers(column, name)
    if weight.shape != (n_sequences,):
        raise ValueError(
            f"{name} has shape {weight.shape}, expected ({n_sequences},): Sample weights "
            "must be 1D array or scalar, one for each sequence"
        )
    check_sizes(weight, lambda i: f"{name}[{i}]")
    if n_sequences and not weight.any():
        raise ValueError(
            f"{name}: Sample weights must contain at least one non-zero number."
        )
    return weight


def _is_size(weight: Any) -> bool:
    """Return whether a number, of any size, is at least 0 and finite."""
    return bool(0 <= weight < np.inf)


def check_sizes(weights: NDArray[np.float64], place: Callable[[int], str]) -> None:
    """Raise a ValueError that names the first weight that is negative or out of range.

    Sums and products of the others stay within float64.
    """
    wrong = (weights < 0) | (weights > MAX_WEIGHT)
    wrong |= (weights < 1 / MAX_WEIGHT) & (weights != 0)
    if not wrong.any():
        return
    first = int(np.flatnonzero(wrong)[0])
    value = f"{place(first)} is {weights[first]}"
    if weights[first] < 0:
        raise ValueError(f"{value}. Negative values are no weights")
    raise ValueError(
        f"{value}, expected 0 or a weight from {1 / MAX_WEIGHT:.0e} to {MAX_WEIGHT:.0e}; "
        "only the ratios of weights count"
    )


def scale_to_mean_1(weight: NDArray, counts: NDArray | None = None) -> float:
    """Return the factor that makes the mean weight 1.

    ``counts`` says how often each weight counts.
    """
    mean = float(np.average(weight, weights=counts))
    if not mean > 0:
        raise ValueError(
            "every training sequence has weight 0, by sample_weight, class_weight or both "
            "together"
        )
    return 1.0 / mean
