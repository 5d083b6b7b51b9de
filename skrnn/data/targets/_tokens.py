"""Sequences of tokens that a network generates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.data.containers import Advice, CheckedSequences, check_sequences
from skrnn.data.ragged import RaggedArray, window_size
from skrnn.data.steps import shown
from skrnn.data.subwords import (
    BPE,
    TrainedTokenizer,
    train_bpe,
    untrained,
    vocabulary_limits,
    warn_if_untrained,
    why_unknown,
)
from skrnn.data.targets._base import (
    CheckedData,
    CheckedTargets,
    Targets,
    check_given,
    check_length,
    decode_labels,
)
from skrnn.data.tokenizers import (
    CharTokenizer,
    WordTokenizer,
    check_tokenizer,
    gives_subwords,
    prepare_tokenizer,
    splitter_of,
    users_object,
)
from skrnn.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary, distinct_tokens

TARGET_ADVICE = Advice(
    "y",
    "Replace it, or leave that sequence out: no step of a Pipeline changes targets",
    "make them tokens before: no step of a Pipeline changes targets",
    "leave out the steps that pad shorter sequences",
)


class TargetTokenCodec:
    """Tokens ↔ ragged int64 ids that end with ``end``.

    Beside the reserved ids and the tokens there is one more id, ``end``, the last. The
    padding id stands before the first token where a network reads what it generates.
    """

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary

    @property
    def end(self) -> int:
        """The id that ends a sequence."""
        return len(self.vocabulary)

    def encode(self, steps: RaggedArray) -> RaggedArray:
        """Return ids, ``end`` after each sequence's last."""
        codes, tokens = distinct_tokens(steps.values)
        ids = self.vocabulary.encode(tokens)[codes]
        return RaggedArray.from_lengths(
            np.insert(ids, steps.offsets[1:], self.end), steps.lengths + 1
        )

    def decode(self, ids: RaggedArray) -> list[list[Hashable]]:
        """Return a list of tokens for each sequence of ids without an end."""
        return decode_labels(ids, [None] * N_RESERVED + list(self.vocabulary.ids))


class TokenTargets(Targets):
    """Tokens of any number: token lists or texts ↔ ragged int64 ids.

    Parameters
    ----------
    target_tokenizer, target_min_count, target_max_vocabulary :
        As the estimators' parameters.

    Attributes
    ----------
    longest_source, longest_target : int
        The most steps of X, and tokens of y, that training reads.
    may_be_empty : bool
        Whether training has a target without tokens.
    """

    teacher_forcing = True
    trains_tokenizer = False

    def __init__(
        self,
        *,
        target_tokenizer: Any = "word",
        target_min_count: int = 1,
        target_max_vocabulary: int | None = None,
    ):
        self.tokenizer = prepare_tokenizer(target_tokenizer, "target_tokenizer")
        if not gives_subwords(self.tokenizer):
            self.tokenizer = check_tokenizer(self.tokenizer, "target_tokenizer")
        self.min_count = target_min_count
        self.max_size = target_max_vocabulary
        self.trains_tokenizer = (
            isinstance(target_tokenizer, str) and target_tokenizer == BPE
        )
        self.longest_source, self.longest_target = 0, 1
        self.may_be_empty = False

    @property
    def users_objects(self) -> dict[str, Any]:
        """Parameter → the object of the user, or the copy of it, that is kept."""
        return {"target_tokenizer": users_object(self.tokenizer)}

    @property
    def n_outputs(self) -> int:
        """Columns of the logits."""
        return self.codec.end + 1

    def check(self, y: Any, X: CheckedSequences, name: str = "y") -> CheckedTargets:
        """Return the tokens of each target as a RaggedArray."""
        check_given(y, name)
        checked = check_sequences(
            y,
            input_type="tokens",
            split=splitter_of(self.tokenizer, self._train_tokenizer),
            empty="keep",
            name=name,
            advice=TARGET_ADVICE,
        )
        check_length(len(checked.steps), X, name)
        kinds = set(map(type, checked.steps.values))
        if float in kinds:
            position = next(
                i for i, t in enumerate(checked.steps.values) if isinstance(t, float)
            )
            sequence, step = checked.steps.step_of(position)
            raise TypeError(
                f"{name}[{sequence}], step {step} is {shown(checked.steps.values[position])}; "
                "targets are tokens: strings or whole numbers. SequenceRegressor predicts "
                "numbers, several a sequence where y is 2-D"
            )
        return CheckedTargets(checked.steps, checked.texts)

    @property
    def has_new_tokenizer(self) -> bool:
        """Whether the tokenizer was trained on what ``check`` has read."""
        return self.trains_tokenizer and isinstance(self.tokenizer, TrainedTokenizer)

    def _train_tokenizer(self, texts: Sequence[str]) -> TrainedTokenizer:
        """Return the tokenizer that "bpe" stands for, which is kept."""
        if not self.trains_tokenizer:
            raise ValueError(untrained("target_tokenizer", "y"))
        self.tokenizer = train_bpe(
            texts, self.max_size, min_count=self.min_count, name="target_max_vocabulary"
        )
        return self.tokenizer

    def fit(self, train: CheckedData, every: CheckedData, classes: Any = None) -> None:
        """Learn the vocabulary and the spacing of the training part's texts.

        Targets, unlike classes, are not known beforehand: held-out tokens are unseen.
        """
        steps = train.y.values
        codes, tokens = distinct_tokens(steps.values)
        limits = vocabulary_limits(
            self.tokenizer if train.y.texts is not None else None,
            self.min_count,
            self.max_size,
            learned=self.trains_tokenizer,
        )
        counts = np.bincount(codes, minlength=len(tokens))
        vocabulary = Vocabulary.learn(tokens, counts, **limits)
        if not vocabulary.ids:
            reason = why_unknown(self.min_count, "target_min_count")
            raise ValueError(f"no token of y {reason}: there is nothing to generate")
        self.codec = TargetTokenCodec(vocabulary)
        self.vocabulary = vocabulary.ids
        texts = train.y.texts
        self.spacing = None if texts is None else self.tokenizer.learn_spacing(texts)
        self.are_texts = texts is not None
        self.trains_tokenizer = False
        warn_if_untrained(self.tokenizer, "target_tokenizer", "y")

    @property
    def are_subwords(self) -> bool:
        """Whether strings of y are generated in subwords."""
        return self.are_texts and gives_subwords(self.tokenizer)

    @property
    def are_characters(self) -> bool:
        """Whether strings of y are generated in characters."""
        return self.are_texts and isinstance(self.tokenizer, CharTokenizer)

    @property
    def end(self) -> int:
        """The id that ends a target."""
        return self.codec.end

    def encode_steps(self, steps: RaggedArray) -> RaggedArray:
        """Return ids with an end, whether or not they are known."""
        return self.codec.encode(steps)

    def decode_tokens(self, ids: RaggedArray) -> list[list[Hashable]]:
        """Return a token list a sequence, whatever y was."""
        return self.codec.decode(ids)

    def compared(
        self, y: CheckedTargets, generated: list[list[Hashable]]
    ) -> tuple[list[Any], list[Any]]:
        """Return true and generated targets in the tokens that a score counts.

        Those of the tokenizer; of subwords the words of the texts that they make, so that
        scores of different tokenizers are of the same unit.
        """
        if y.texts is None or not gives_subwords(self.tokenizer):
            return list(y.values), generated
        split = WordTokenizer().split
        texts = map(self.tokenizer.join, generated)
        return list(map(split, y.texts)), list(map(split, texts))

    def observe(self, train: CheckedData) -> None:
        """Widen the lengths that targets may have, to those that training reads."""
        sources, targets = train.lengths, train.y.values.lengths
        longest = min(int(sources.max()), window_size(np.maximum(sources, 1)))
        self.longest_source = max(self.longest_source, longest)
        longest = min(int(targets.max()), window_size(targets + 1))  # with their ends
        self.longest_target = max(self.longest_target, longest)
        self.may_be_empty |= bool(targets.min() == 0)

    def encode(self, data: CheckedData) -> RaggedArray:
        """Return ids with an end; a ValueError if every token that was passed is unknown."""
        ids = self.codec.encode(data.y.values)
        if data.split_off:  # drawn by chance: no fault of the user's
            return ids
        tokens = ids.values[ids.values != self.codec.end]
        if len(tokens) and (tokens == UNKNOWN).all():
            raise ValueError(
                f"{data.name} holds unknown tokens only: none of them is "
                "in target_vocabulary_"
            )
        return ids

    def decode(self, outputs: RaggedArray, X: CheckedSequences) -> list[Any]:
        """Return a token list a sequence of ids, or a text where y was texts."""
        return self.in_form(self.codec.decode(outputs))

    def in_form(self, sequences: list[list[Hashable]]) -> list[Any]:
        """Return token lists, or texts of them where y was texts."""
        if not self.are_texts:
            return sequences
        return [self.tokenizer.join(tokens, self.spacing) for tokens in sequences]

    def counts(self, data: CheckedData) -> NDArray[np.int64]:
        """Return each target's tokens, the end counted."""
        return data.y.values.lengths + 1

    def max_lengths(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many tokens sources of these lengths may get.

        As many as the longest target that training reads; for a source longer than any
        there, more in proportion.
        """
        beyond = np.maximum(1.0, lengths / self.longest_source)
        return np.ceil(beyond * self.longest_target).astype(np.int64)
