"""One label a step, and the tagging schemes that labels keep to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.containers import CheckedSequences, is_sequence, parse_rows
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.schemes import allowed_moves, check_tags, first_violation, repair
from skrnn.data.steps import shown
from skrnn.data.targets._base import (
    CheckedData,
    CheckedTargets,
    Targets,
    decode_labels,
    encode_labels,
    listed,
    parse_targets,
    weight_by_class,
)
from skrnn.data.tokenizers import CharTokenizer, check_tokenizer, gives_subwords
from skrnn.data.values import check_labels, label_array

#: Sequences, and steps of them, that a trained network is tried on, and the least share of
#: them whose label is not the most common one.
N_TRIED, MAX_STEPS_TRIED, MIN_RARER = 64, 4096, 0.05


class StepTargets(Targets):
    """One label a step: ragged labels ↔ ragged int64 ids.

    Parameters
    ----------
    tokenizer : str, callable or tokenizer
        The ``tokenizer`` of X: if it makes characters, each character of a string of y is
        a label; otherwise white space separates labels.
    scheme : str or None
        The tagging scheme that labels keep to.
    invalid_tags : {"raise", "repair"}
        Whether labels that violate the scheme are an error, or repaired.
    whole_paths : bool
        Whether the loss is one value a sequence (a conditional random field's).
    """

    by_step = True
    changeable = ("invalid_tags",)

    def __init__(
        self,
        tokenizer: Any = "word",
        *,
        scheme: str | None = None,
        invalid_tags: str = "raise",
        whole_paths: bool = False,
    ):
        self.of_characters = not gives_subwords(tokenizer) and isinstance(
            check_tokenizer(tokenizer), CharTokenizer
        )
        self.scheme = scheme
        self.invalid_tags = invalid_tags
        self.whole_paths = whole_paths
        self.are_texts = False

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return len(self.classes)

    def _split(self, text: str) -> list[str]:
        """Return the labels of a string."""
        return CharTokenizer().split(text) if self.of_characters else text.split()

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return a label for each step that keeps to the scheme."""
        checked = self.check_labels(y, X, name)
        steps = checked.values
        if self.scheme is None or not len(steps.values):
            return checked
        check_tags(self.scheme, sorted(set(steps.values), key=str), name)
        return checked._replace(values=self._in_scheme(self.scheme, steps, name))

    def check_true(self, y: Any, X: CheckedSequences) -> RaggedArray:
        """Return the labels that a score compares with: repaired as in training, if at all."""
        labels = self.check_labels(y, X).values
        if self.scheme is not None and self.invalid_tags == "repair":
            return self._in_scheme(self.scheme, labels, "y")
        return labels

    def check_labels(
        self, y: Any, X: CheckedSequences, name: str = "y"
    ) -> CheckedTargets:
        """Return a label for each step, RaggedArray of Python's own strings or numbers.

        Parameters
        ----------
        y : list, ndarray, Series or DataFrame
            Label lists, one as long as each sequence, strings of labels, or an array
            ``(n_sequences, n_steps)``.
        X : CheckedSequences
        name : str
            Name of y in messages.
        """
        lengths = X.steps.lengths
        rows = parse_targets(y, X, name, parse_rows)
        are_texts = isinstance(rows[0], str)
        labels: list[Any] = []
        for i, row in enumerate(rows):
            if isinstance(row, str) != are_texts or not is_sequence(row):
                kind = f"a string, as {name}[0] is" if are_texts else "a list of labels"
                raise TypeError(
                    f"{name}[{i}] is {type(row).__name__}, expected {kind}: one label for "
                    f"each step of {X.name}[{i}]"
                )
            of_row = self._split(row) if are_texts else _as_list(row)
            if len(of_row) != lengths[i]:
                raise ValueError(
                    f"{name}[{i}] has {len(of_row)} labels, but {X.name}[{i}] has "
                    f"{lengths[i]} steps{shown_tokens(X, i)}"
                )
            labels += of_row
        steps = RaggedArray.from_lengths(object_array(labels), lengths)
        check_labels(labels, name, lambda i: _place_of(steps, name, i))
        return CheckedTargets(steps, rows if are_texts else None)

    def _in_scheme(self, scheme: str, labels: RaggedArray, name: str) -> RaggedArray:
        """Return labels that keep to the scheme; the first violation is an error."""
        repaired: list[Any] = []
        for i, row in enumerate(labels):
            violation = first_violation(scheme, row.tolist())
            if violation is None:
                repaired += row.tolist()
            elif self.invalid_tags == "repair":
                repaired += repair(scheme, row.tolist())
            else:
                before = "the start" if violation == 0 else shown(row[violation - 1])
                tag = "the end" if violation == len(row) else shown(row[violation])
                raise ValueError(
                    f"{name}[{i}], step {violation}: {tag} after {before} violates "
                    f'scheme="{scheme}"; invalid_tags="repair" repairs it'
                )
        return labels.with_values(object_array(repaired))

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the sorted classes of all of y, or take the given ones."""
        if classes is not None and self.scheme is not None:
            check_tags(self.scheme, np.asarray(classes).tolist(), "classes")
        seen = sorted(set(every.y.values.values)) if classes is None else classes
        self.classes = np.unique(label_array(seen))
        self.are_texts = every.y.texts is not None

    def encode(self, data: CheckedData) -> RaggedArray:
        """Return each label's position in ``classes``; a new label is a ValueError."""
        y = data.y.values
        ids, new = encode_labels(y.values, self.classes)
        if new is not None:
            i, step = y.step_of(new)
            raise ValueError(
                f"{data.name}[{data.index_of(i)}], step {step} is {shown(y.values[new])}, "
                f"which is not in classes {listed(self.classes.tolist())}"
            )
        return y.with_values(ids)

    def decode(self, outputs: RaggedArray, X: CheckedSequences) -> list[Any]:
        """Return a list of labels a sequence of ids, or a string where y was strings."""
        labels = self.decode_lists(outputs)
        if not self.are_texts:
            return labels
        glue = "" if self.of_characters else " "
        return [glue.join(map(str, row)) for row in labels]

    def decode_lists(self, ids: RaggedArray) -> list[list[Any]]:
        """Return a list of labels, Python's own, for each sequence."""
        return decode_labels(ids, self.classes.tolist())

    def counts(self, data: CheckedData) -> NDArray[np.int64] | None:
        """Return each sequence's steps where it has one weight."""
        return data.lengths if self.whole_paths else None

    def path_ends(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Return which labels the scheme allows first and last, where paths keep to it."""
        if self.scheme is None or not self.whole_paths:
            return None
        return allowed_moves(self.scheme, self.classes.tolist())[1:]

    def loss_weights(
        self, data: CheckedData, train: CheckedData, class_weight: Any
    ) -> NDArray | RaggedArray | None:
        """Return a weight for each step, or for each sequence with ``whole_paths``.

        A path has no weight for each of its steps: the loss takes those of its classes.
        """
        if self.whole_paths:
            return data.weight
        if data.weight is None and class_weight is None:
            return None
        y = data.y.values
        by_step = np.ones(len(y.values))
        if data.weight is not None:
            by_step *= np.repeat(data.weight, y.lengths)
        if class_weight is not None:
            values, of_train = _as_labels(y), _as_labels(train.y.values)
            by_step *= weight_by_class(class_weight, self.classes, values, of_train)
        return y.with_values(by_step)

    def class_weights(self, train: CheckedData, class_weight: Any) -> NDArray | None:
        """Return the weight of each class ``(n_classes,)``, None for equal ones."""
        if class_weight is None:
            return None
        labels = _as_labels(train.y.values)
        weights = weight_by_class(class_weight, self.classes, self.classes, labels)
        if not weights[np.isin(self.classes, labels)].any():
            raise ValueError("every training sequence has weight 0, by class_weight")
        return weights.astype(np.float32)

    def varied(self, data: CheckedData) -> NDArray[np.int64] | None:
        """Return a few sequences of several labels, if the rarer ones are not too rare."""
        labels, lengths = data.y.values, data.lengths
        found, n_steps, counts = [], 0, Counter[Any]()
        for i in np.linspace(0, len(labels) - 1, min(len(labels), N_TRIED)).astype(int):
            row = labels[i].tolist()
            if n_steps + lengths[i] <= MAX_STEPS_TRIED and len(set(row)) > 1:
                found.append(i)
                n_steps += lengths[i]
                counts.update(row)
        if not found or max(counts.values()) > (1 - MIN_RARER) * n_steps:
            return None
        return np.unique(found)

    def complaint(self, predicted: Any, data: CheckedData) -> str | None:
        """Return the message about predictions of one label only."""
        labels = set(self.check_labels(predicted, data.X).values.values)
        if len(labels) > 1:
            return None
        return (
            f"Only one label is predicted, {labels.pop()!r}, also for {len(data)} training "
            'sequences that have several. Try class_weight="balanced", a higher lr or more '
            "max_epochs, and see that X says something about y"
        )

    def groups(self, y: CheckedTargets) -> list[NDArray[np.int64]]:
        """Return the sequences in which each label occurs."""
        labels = y.values
        sequence = np.repeat(np.arange(len(labels)), labels.lengths)
        _, codes = np.unique(_as_labels(labels), return_inverse=True)
        label, place = np.divmod(np.unique(codes * len(labels) + sequence), len(labels))
        return np.split(place, np.flatnonzero(np.diff(label)) + 1)


def _as_list(row: Any) -> list[Any]:
    """Return a sequence's labels as a list of Python's own objects."""
    steps = row.tolist() if hasattr(row, "tolist") else list(row)
    return [step.item() if isinstance(step, np.generic) else step for step in steps]


def _as_labels(labels: RaggedArray) -> NDArray:
    """Return flat labels as an array of their own dtype, which can be sorted."""
    return np.array(labels.values.tolist())


def shown_tokens(X: CheckedSequences, i: int, limit: int = 12) -> str:
    """Return the tokens of a text, which its tokenizer has made."""
    return "" if X.texts is None else f": {listed(X.steps[i].tolist(), limit)[1:-1]}"


def _place_of(steps: RaggedArray, name: str, position: int) -> str:
    sequence, step = steps.step_of(position)
    return f"{name}[{sequence}], step {step}"
