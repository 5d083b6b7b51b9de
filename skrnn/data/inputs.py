"""Inputs: X from the user's container to ids and features.

The one part of an estimator that knows the form of X, its tokenizer and vocabulary, and
how its features are normalised. Containers are parsed in ``containers``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._sklearn import check_feature_names
from skrnn.data.codecs import EncodedSequences, FeatureCodec, TokenCodec
from skrnn.data.containers import CheckedSequences, Form, check_same_form, check_sequences
from skrnn.data.embeddings import check_embeddings
from skrnn.data.ragged import RaggedArray
from skrnn.data.tokenizers import check_tokenizer
from skrnn.data.vocabulary import Vocabulary

#: What ``char_encoder="auto"`` means for words.
AUTO_CHAR_ENCODER = "cnn"
#: Stands for a sequence without tokens: an unknown token without characters.
NO_TOKEN = ""


class Inputs:
    """X of an estimator.

    Parameters
    ----------
    input_type, tokenizer, lowercase, min_count, max_vocabulary, char_encoder :
        As the estimators' parameters.
    instance_norm, target_feature :
        As in ``FeatureCodec``.
    empty : {"unknown", "keep"}
        What a sequence without tokens is: one unknown token, or nothing. With "unknown"
        a numeric sequence without steps is an error.
    fixed_text_form : bool
        Whether texts and token lists may not stand for each other after ``fit``.

    Attributes
    ----------
    form : Form
        The kind, container and width of X in ``fit``.
    """

    form: Form
    codec: FeatureCodec | TokenCodec

    def __init__(
        self,
        *,
        input_type: str = "auto",
        tokenizer: Any = "word",
        lowercase: bool | str = "auto",
        min_count: int = 1,
        max_vocabulary: int | None = None,
        char_encoder: str | None = "auto",
        instance_norm: str | None = None,
        target_feature: int = 0,
        empty: str = "unknown",
        fixed_text_form: bool = False,
    ):
        self.input_type = input_type
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_vocabulary = max_vocabulary
        self.char_encoder = char_encoder
        self.instance_norm = instance_norm
        self.target_feature = target_feature
        self.keeps_empty = empty == "keep"
        self.fixed_text_form = fixed_text_form
        self.holds_texts = False

    # --- validation ------------------------------------------------------------------

    def check(
        self,
        X: Any,
        *,
        estimator: object,
        name: str = "X",
        feature_names: Sequence[str] | None = None,
    ) -> CheckedSequences:
        """Validate the user's X and return it as flat steps.

        ``feature_names`` are those of ``fit``, whose order a frame of fields is brought
        into.
        """
        checked = check_sequences(
            X,
            input_type=self.input_type,
            split=check_tokenizer(self.tokenizer).split,
            empty="keep" if self.keeps_empty else "tokens",
            feature_names=feature_names,
            estimator=estimator,
            name=name,
        )
        return replace(checked, name=name)

    def check_like_fit(
        self, X: CheckedSequences, *, estimator: object, name: str = "X"
    ) -> CheckedSequences:
        """Return X; an error if it is not of the form, or lacks the names, of ``fit``."""
        form = X.form
        if not len(X.steps.values) and form.kind == "numeric" and form.width == 1:
            return self._like_fitted_kind(X)  # empty lists could be of any kind
        if form.container == "columns" or (
            X.named is not None and self.form.container == form.container
        ):
            check_feature_names(estimator, X.named, reset=False)
        self.check_form(X, estimator=estimator, name=name)
        return X

    def check_form(
        self, X: CheckedSequences, *, estimator: object, name: str = "X"
    ) -> None:
        """Raise a ValueError unless X is of the kind, width and text form of ``fit``."""
        check_same_form(X, self.form, estimator=estimator, name=name)
        if not self.fixed_text_form or self.form.kind == "numeric":
            return
        if X.texts is not None and not self.holds_texts:
            raise ValueError(
                f"{name} holds strings, but {type(estimator).__name__} was fitted on token "
                "lists"
            )
        if X.texts is None and self.holds_texts:
            self._check_tokens_are_whole(X.steps, name)

    def _check_tokens_are_whole(self, steps: RaggedArray, name: str) -> None:
        """Raise a ValueError for a new token that the tokenizer would split."""
        split = check_tokenizer(self.tokenizer).split
        assert self.vocabulary is not None
        strange = {
            token
            for token in set(steps.values) - self.vocabulary.ids.keys()
            if isinstance(token, str) and len(split(token)) > 1
        }
        for position, token in enumerate(steps.values if strange else ()):
            if token in strange:
                sequence, step = steps.step_of(position)
                raise ValueError(
                    f"{name}[{sequence}], step {step} is {token!r}, which the tokenizer "
                    "would split; a text is a string, or a list of its tokens"
                )

    def _like_fitted_kind(self, X: CheckedSequences) -> CheckedSequences:
        """Return sequences without any steps as such of the fitted kind."""
        if self.form.kind == "tokens":
            values: NDArray = np.empty(0, dtype=object)
        else:
            values = np.zeros((0, self.n_features or 1), np.float32)
        return X.with_steps(X.steps.with_values(values))

    # --- fit and encode --------------------------------------------------------------

    def fit(self, X: CheckedSequences, embeddings: Any = None) -> Inputs:
        """Learn the form, and the vocabulary or the normalisation.

        Raises
        ------
        ValueError
            If no sequence has tokens, if ``instance_norm`` meets tokens, or if
            ``embeddings`` has no vector for any token of X.
        TypeError
            If ``embeddings`` is not a mapping.
        """
        self.form = X.form
        self.holds_texts = X.texts is not None
        if X.form.kind == "numeric":
            if check_embeddings(embeddings) is not None:
                raise ValueError("embeddings needs tokens, but X is numeric")
            self.codec = FeatureCodec(self.instance_norm, self.target_feature)
        else:
            if self.instance_norm is not None:
                raise ValueError(
                    f"instance_norm={self.instance_norm!r} needs a numeric X"
                )
            if not len(X.steps.values):
                raise ValueError("X has no tokens: all its sequences are empty")
            self.codec = self._make_token_codec(X.steps)
        self.codec.fit(X.steps, embeddings)
        return self

    def _make_token_codec(self, steps: RaggedArray) -> TokenCodec:
        tokens = set(steps.values)
        of_strings = set(map(type, tokens)) <= {str}
        single = of_strings and max(map(len, tokens)) == 1
        char_encoder = self.char_encoder
        if char_encoder == "auto":  # a character has no others inside
            char_encoder = AUTO_CHAR_ENCODER if of_strings and not single else None
        return TokenCodec(
            lowercase=not single if self.lowercase == "auto" else bool(self.lowercase),
            min_count=self.min_count,
            max_size=self.max_vocabulary,
            char_encoder=char_encoder,
        )

    def encode(self, X: CheckedSequences, embeddings: Any = None) -> EncodedSequences:
        """Return ids or features; unseen tokens have the vectors of ``embeddings``."""
        steps = X.steps
        if not self.keeps_empty and self.form.kind == "tokens":
            steps = _fill_empty(steps)
        return self.codec.encode(steps, embeddings)

    def level_and_scale(self, steps: RaggedArray) -> tuple[NDArray, NDArray] | None:
        """Return each sequence's level and scale ``(n_sequences, 1)`` for y, if any."""
        return self.codec.level_and_scale(steps)

    # --- what was learned ------------------------------------------------------------

    @property
    def n_features(self) -> int | None:
        """Features of a step, None for tokens."""
        return self.form.n_features

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary, None for features."""
        return self.codec.vocabulary

    @property
    def token_ids(self) -> dict[Hashable, int] | None:
        """Token → id, None for features."""
        return None if self.codec.vocabulary is None else self.codec.vocabulary.ids


def _fill_empty(steps: RaggedArray) -> RaggedArray:
    """Return sequences of which those without tokens have one, ``NO_TOKEN``."""
    lengths = steps.lengths
    empty = lengths == 0
    if not empty.any():
        return steps
    values = np.insert(steps.values, steps.offsets[:-1][empty], NO_TOKEN)
    return RaggedArray.from_lengths(values, np.maximum(lengths, 1))
