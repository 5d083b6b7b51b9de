"""Inputs: X from the user's container to ids and features.

The one part of an estimator that knows the form of X, its fields and static columns, its
tokenizer and vocabularies, and how its numbers are scaled. Containers are parsed in
``containers``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skrnn._sklearn import check_feature_names
from skrnn._warnings import warn
from skrnn.data.containers import (
    OF_X,
    CheckedSequences,
    FieldOptions,
    Form,
    check_same_form,
    check_sequences,
)
from skrnn.data.embeddings import check_embeddings
from skrnn.data.encoded import NO_TOKEN, EncodedSequences, EncodedStatic
from skrnn.data.feature_codecs import FeatureCodec, StaticCodec
from skrnn.data.fields import Field
from skrnn.data.ragged import RaggedArray
from skrnn.data.steps import Split, SplitAll, StepShape, check_finite, shown
from skrnn.data.subwords import (
    BPE,
    TrainedTokenizer,
    train_bpe,
    untrained,
    vocabulary_limits,
    warn_if_untrained,
    why_unknown,
)
from skrnn.data.token_codecs import SubwordCodec, TokenCodec
from skrnn.data.tokenizers import (
    CharTokenizer,
    WordTokenizer,
    check_tokenizer,
    gives_subwords,
    prepare_tokenizer,
    splitter_of,
    warn_of_numbers,
)
from skrnn.data.vocabulary import Vocabulary

#: Channels of usual images: one of grey ones, three of colours, and transparency.
N_CHANNELS = {1, 3, 4}
#: What ``char_encoder="auto"`` means for words.
AUTO_CHAR_ENCODER = "cnn"
#: How many patches a usual sequence has under ``patch_size="auto"``, and how many values of
#: features a patch has at most.
AUTO_PATCHES, AUTO_PATCH_WIDTH = 50, 128
#: The remedy for gaps in the steps of an estimator that does not learn from them.
WITHOUT_GAPS = "Impute it before, for example with StepwiseTransformer(SimpleImputer())"


class Inputs:
    """X of an estimator.

    Parameters
    ----------
    input_type, tokenizer, lowercase, min_count, max_vocabulary, char_encoder :
        As the estimators' parameters.
    static_features, time :
        As the estimators' parameters.
    scale, missing, instance_norm, target_feature, patch_size, step_encoder :
        As in ``FeatureCodec``; ``missing=None`` is "raise" of an estimator that has no such
        parameter, and ``patch_size="auto"`` leaves the choice to ``fit``.
    gaps_in_steps : bool
        Whether ``missing`` is about numeric steps, too, and not only static columns.
    scales_static : bool
        Whether static numbers are scaled where features are not.
    needs_steps : bool
        Whether a frame must have a step field.
    empty : {"unknown", "keep"}
        What a sequence without tokens is: one unknown token, with missing features beside
        it where X has some, or nothing. With "unknown" a numeric sequence without steps is
        an error.
    fixed_text_form : bool
        Whether texts and token lists may not stand for each other after ``fit``.
    labels_words : bool
        Whether tokens are words that have labels, which a tokenizer of subwords splits
        further.

    Attributes
    ----------
    tokenizer : object
        A copy of the parameter, where it can be copied; for subwords the trained tokenizer,
        after it has been trained.
    splits_words : bool
        Whether the subwords of each token are read.
    form : Form
        The kind, container and width of X in ``fit``.
    codecs : list of FeatureCodec or TokenCodec
        One a step field.
    static : StaticCodec or None
        Of the static columns, if X had some.
    """

    #: Parameters of estimators that are arguments.
    PARAMETERS: ClassVar[tuple[str, ...]] = (
        *("input_type", "tokenizer", "lowercase", "min_count", "max_vocabulary"),
        *("char_encoder", "static_features", "time", "scale", "missing"),
        *("instance_norm", "target_feature", "patch_size", "step_encoder"),
    )

    form: Form
    codecs: list[Any]
    static: StaticCodec | None = None
    labels_words = splits_words = trains_tokenizer = False

    def __init__(
        self,
        *,
        input_type: str = "auto",
        tokenizer: Any = "word",
        lowercase: bool | str = "auto",
        min_count: int = 1,
        max_vocabulary: int | None = None,
        char_encoder: str | None = "auto",
        static_features: Sequence[Hashable] | None = None,
        time: Hashable | None = None,
        scale: str | None = None,
        missing: str | None = None,
        instance_norm: str | None = None,
        target_feature: int = 0,
        patch_size: int | str = 1,
        gaps_in_steps: bool = True,
        step_encoder: str | None = None,
        scales_static: bool = False,
        needs_steps: bool = True,
        empty: str = "unknown",
        fixed_text_form: bool = False,
        labels_words: bool = False,
    ):
        self.input_type = input_type
        self.tokenizer = prepare_tokenizer(tokenizer)
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_vocabulary = max_vocabulary
        self.char_encoder = char_encoder
        self.scale = scale
        self.scales_static = scales_static
        self.missing = missing or "raise"
        self.instance_norm = instance_norm
        self.target_feature = target_feature
        self.chooses_patches = patch_size == "auto"
        self.patch_size = 1 if isinstance(patch_size, str) else patch_size
        self.step_encoder = step_encoder
        learns_gaps = missing is not None and gaps_in_steps
        self.advice = OF_X if learns_gaps else OF_X._replace(missing=WITHOUT_GAPS)
        self.fields = FieldOptions(
            static_features, time, missing, gaps_in_steps, needs_steps
        )
        self.keeps_empty = empty == "keep"
        self.fixed_text_form = fixed_text_form
        self.holds_texts = False
        self.labels_words = labels_words
        self.trains_tokenizer = isinstance(tokenizer, str) and tokenizer == BPE
        self.splits_words = labels_words and self._gives_subwords

    # --- validation ------------------------------------------------------------------

    def check(
        self,
        X: Any,
        *,
        estimator: object,
        name: str = "X",
    ) -> CheckedSequences:
        """Validate the user's X and return it as flat steps."""
        checked = check_sequences(
            X,
            input_type=self.input_type,
            split=self._splitter(),
            empty="keep" if self.keeps_empty else "tokens",
            fields=self.fields,
            estimator=estimator,
            name=name,
            advice=self.advice,
        )
        if name != checked.name:
            checked = replace(checked, name=name)
        if self.step_encoder is not None and len(checked.steps.values):
            self._image_of(checked)
        return checked

    @property
    def _gives_subwords(self) -> bool:
        return gives_subwords(self.tokenizer)

    @property
    def _reads_characters(self) -> bool:
        named = isinstance(self.tokenizer, str) and self.tokenizer == "char"
        return named or isinstance(self.tokenizer, CharTokenizer)

    @property
    def _is_trained(self) -> bool:
        """Whether the tokenizer is a trained one, of subwords."""
        return isinstance(self.tokenizer, TrainedTokenizer)

    @property
    def has_new_tokenizer(self) -> bool:
        """Whether the tokenizer was trained on what ``check`` has read."""
        return self.trains_tokenizer and self._is_trained

    @property
    def string_tokenizer(self) -> Any:
        """The tokenizer of strings after ``fit``; None where X held no tokens.

        Also where a tokenizer of subwords met token lists alone, and was not trained.
        """
        untrained = isinstance(self.tokenizer, str) and self.tokenizer == BPE
        if untrained or not self._token_codecs:
            return None
        return check_tokenizer(self.tokenizer)

    @property
    def users_objects(self) -> dict[str, Any]:
        """Parameter → the object of the user, or the copy of it, that is kept."""
        return {"tokenizer": self.tokenizer}

    def _splitter(self) -> Split:
        """Return how strings of X are split into its steps."""
        if self.splits_words:
            return WordTokenizer().split
        given = splitter_of(self.tokenizer, self._train_tokenizer)
        if self.lowercase is not True or not isinstance(given, SplitAll):
            return given
        split_all = given.split  # bytes within subwords have no case of their own
        return SplitAll(lambda texts: split_all([text.lower() for text in texts]))

    def _train_tokenizer(self, texts: Sequence[str]) -> TrainedTokenizer:
        """Return the tokenizer that "bpe" stands for, which is kept."""
        if not self.trains_tokenizer:
            raise ValueError(untrained("tokenizer", "X"))
        if self._is_trained:
            raise ValueError(
                'tokenizer="bpe" is trained on one column of texts, but X has several; pass '
                "a TrainedTokenizer.train_bpe(texts) of all of them"
            )
        trained = train_bpe(
            texts, self.max_vocabulary, min_count=self.min_count, name="max_vocabulary"
        )
        self.tokenizer = trained
        return trained

    def _image_of(self, X: CheckedSequences) -> StepShape:
        """Return which features are images; a ValueError unless one step field is."""
        reads = f"step_encoder={self.step_encoder!r} reads"
        frames = "frames (n_steps, height, width) or (n_steps, height, width, n_channels)"
        if self.patch_size > 1:
            raise ValueError(
                f"{reads} one step at a time, but patch_size={self.patch_size}"
            )
        images = [shape for shape in X.shapes if len(shape.shape) in (2, 3)]
        if len(images) == 1:
            return images[0]
        if images:
            columns = " and ".join(f"{X.name}[{image.column!r}]" for image in images)
            raise ValueError(f"{reads} one column of frames, but {columns} hold some")
        got = "tokens"
        if X.form.container in ("columns", "nested"):
            got = "one number a step"
        elif X.shapes:
            got = f"steps of shape {', '.join(str(shape.shape) for shape in X.shapes)}"
        raise ValueError(f"{reads} {frames}, but {X.name} has {got}")

    def _warn_of_channels_first(self, image: StepShape, name: str) -> None:
        """Warn of frames whose first axis, and not the last, could be the channels."""
        shape = image.shape
        if len(shape) < 3 or shape[0] not in N_CHANNELS or shape[-1] in N_CHANNELS:
            return
        if min(shape[1:]) < shape[0]:  # fewer rows or columns than channels
            return
        place = name if image.column is None else f"{name}[{image.column!r}]"
        warn(
            f"{place} has frames of shape {shape}, which look like (n_channels, height, "
            f"width), but step_encoder={self.step_encoder!r} reads (n_steps, height, width) "
            f"or (n_steps, height, width, n_channels): here {shape[0]} rows and "
            f"{shape[-1]} channels. If the channels are first, move them to the end: "
            "np.moveaxis(video, 1, -1) for each video"
        )

    def check_new(
        self, X: Any, *, estimator: object, name: str = "X"
    ) -> CheckedSequences:
        """Validate the X of a prediction, which is of the form of ``fit``."""
        checked = self.check(X, estimator=estimator, name=name)
        return self.check_like_fit(checked, estimator=estimator, name=name)

    def keep_columns(self, X: CheckedSequences) -> None:
        """Read the columns of other frames as those of X."""
        self.fields = replace(self.fields, roles=X.roles, details=X.details)

    def check_like_fit(
        self, X: CheckedSequences, *, estimator: object, name: str = "X"
    ) -> CheckedSequences:
        """Return X; an error if it is not of the form, or lacks the names, of ``fit``."""
        form = X.form
        if (
            not len(X.steps.values)
            and form.kind == "numeric"
            and form.width == 1
            and self.form.kind != "fields"
        ):
            return self._like_fitted_kind(X)  # empty lists could be of any kind
        if form.kind != self.form.kind:
            self.check_form(X, estimator=estimator, name=name)
        self._check_image(X, estimator, name)
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
        self._check_image(X, estimator, name)
        check_same_form(X, self.form, estimator=estimator, name=name)
        if not self.fixed_text_form or self.vocabulary is None:
            return
        if X.texts is not None and not self.holds_texts:
            raise ValueError(
                f"{name} holds strings, but {type(estimator).__name__} was fitted on token "
                "lists"
            )
        if X.texts is None and self.holds_texts:
            self._check_tokens_are_whole(X.steps, name)

    def _check_image(self, X: CheckedSequences, estimator: object, name: str) -> None:
        """Raise a ValueError for images of another shape than in ``fit``."""
        features = self._features
        if features is None or features.image is None or not len(X.steps.values):
            return
        got, expected = self._image_of(X).shape, features.image.shape
        if got != expected:
            raise ValueError(
                f"{name} has frames of shape {got}, but {type(estimator).__name__} was "
                f"fitted on frames of shape {expected}"
            )

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
                    f"{name}[{sequence}], step {step} is {shown(token)}, which the tokenizer "
                    "would split; a text is a string, or a list of its tokens"
                )

    def _like_fitted_kind(self, X: CheckedSequences) -> CheckedSequences:
        """Return sequences without any steps as such of the fitted kind."""
        if self.form.kind == "tokens":
            values: NDArray = np.empty(0, dtype=object)
        else:
            values = np.zeros((0, self.n_features or 1))
        return X.with_steps(X.steps.with_values(values))

    # --- fit and encode --------------------------------------------------------------

    def fit(
        self,
        X: CheckedSequences,
        embeddings: Any = None,
        weight: NDArray[np.float64] | None = None,
    ) -> Inputs:
        """Learn the form, the vocabularies, the scale of numbers, and ``patch_size="auto"``.

        ``weight`` says how often each sequence counts in the scale and the patch size.

        Raises
        ------
        ValueError
            If no sequence has tokens, if ``instance_norm`` meets tokens alone, or if
            ``embeddings`` has no vector for any token of X.
        TypeError
            If ``embeddings`` is not a mapping.
        """
        self.form = X.form
        self.holds_texts = X.texts is not None
        self.keep_columns(X)
        image = None
        if self.step_encoder is not None:
            image = self._image_of(X)
            self._warn_of_channels_first(image, X.name)
        self.field_names = [field.name for field in X.fields]
        self.codecs = []
        filled = np.flatnonzero(X.steps.lengths)
        real, real_weight = X, weight
        if len(filled) < len(X.steps):  # an empty sequence is neither a step nor a gap
            real = X.take(filled)
            real_weight = None if weight is None else weight[filled]
        if self.labels_words and self._gives_subwords and len(real.fields) > 1:
            raise ValueError(
                f"{X.name} has several step fields, but subwords are read of one: choose a "
                'column, or tokenizer="word"'
            )
        if self.chooses_patches:
            self.patch_size = self._choose_patch_size(real, real_weight)
        for field in real.fields:
            if field.steps.values.dtype != object:
                codec: Any = FeatureCodec(
                    self.scale,
                    self.missing,
                    self.instance_norm,
                    self.target_feature,
                    self.patch_size,
                    self.step_encoder,
                    image,
                )
            else:
                place = _place(X, field)
                if self.patch_size > 1:
                    raise ValueError(
                        f"patch_size={self.patch_size} needs numeric steps, but {place} "
                        "holds tokens"
                    )
                if not len(field.steps.values):
                    raise ValueError(
                        f"{place} has no tokens: all its sequences are empty"
                    )
                codec = self._make_token_codec(field.steps, field.texts is not None)
                if field.texts is not None and not self._reads_characters:
                    warn_of_numbers(field.texts, place)
            self.codecs.append(
                codec.fit(field.steps, embeddings, real.seconds, real_weight)
            )
        self._check_tokens_are_read(real)
        if self._features is None and self.instance_norm is not None:
            raise ValueError(f"instance_norm={self.instance_norm!r} needs a numeric X")
        if check_embeddings(embeddings) is not None:
            if self.has_new_tokenizer:
                raise ValueError(
                    f'embeddings has no vectors of the subwords that tokenizer="{BPE}" '
                    "learns in fit; pass a trained tokenizer and vectors of its tokens, or "
                    'tokenizer="word"'
                )
            if self.vocabulary is None:
                raise ValueError("embeddings needs tokens, but X is numeric")
            if not any(codec.has_vectors for codec in self._token_codecs):
                raise ValueError("embeddings has a vector for no token of X")
        self.static = None
        if X.static is not None:
            scale = "standard" if self.scales_static else self.scale
            self.static = StaticCodec(scale, self.missing).fit(X.static, weight)
        self.trains_tokenizer = False
        warn_if_untrained(self.tokenizer, "tokenizer", X.name)
        return self

    @property
    def why_unknown(self) -> str:
        """The reason why no token is in a vocabulary, for a message."""
        return why_unknown(self.min_count, "min_count")

    def _check_tokens_are_read(self, X: CheckedSequences) -> None:
        """Raise an error if all tokens are the unknown one and nothing else is read.

        Where only some step fields are so, it is a warning.
        """
        empty = [
            _place(X, field)
            for field, codec in zip(X.fields, self.codecs, strict=True)
            if isinstance(codec, TokenCodec) and codec.reads_nothing
        ]
        if not empty:
            return
        message = (
            f"no token of {' or '.join(empty)} {self.why_unknown}: there is nothing to "
            "learn from"
        )
        if len(empty) == len(self.codecs) and X.static is None:
            raise ValueError(message)
        warn(f"{message} there")

    def _make_token_codec(self, steps: RaggedArray, of_texts: bool) -> TokenCodec:
        tokens = set(steps.values)
        of_strings = set(map(type, tokens)) <= {str}
        if self.labels_words and self._gives_subwords:
            self.splits_words = of_strings
        if self.splits_words:
            return self._make_subword_codec(steps)
        single = of_strings and max(map(len, tokens)) == 1
        char_encoder = self.char_encoder
        if char_encoder == "auto":  # a character has no others inside
            char_encoder = AUTO_CHAR_ENCODER if of_strings and not single else None
        lowercase = not single if self.lowercase == "auto" else bool(self.lowercase)
        if of_texts and self._gives_subwords:  # they carry case and spelling
            lowercase = False
            if self.char_encoder == "auto":
                char_encoder = None
        return TokenCodec(
            lowercase=lowercase,
            char_encoder=char_encoder,
            **self._limits(of_subwords=of_texts and self._gives_subwords),
        )

    def _limits(self, *, of_subwords: bool) -> dict[str, Any]:
        """Return the limits of a vocabulary of subwords, or of other tokens."""
        return vocabulary_limits(
            self.tokenizer if of_subwords else None,
            self.min_count,
            self.max_vocabulary,
            learned=self.trains_tokenizer,
        )

    def _make_subword_codec(self, words: RaggedArray) -> SubwordCodec:
        """Return the codec that splits words, whose tokenizer is trained here, if it must be."""
        lowercase = self.lowercase is True
        if not self._is_trained:
            texts = words.values.tolist()
            self._train_tokenizer([t.lower() for t in texts] if lowercase else texts)
        return SubwordCodec(
            self.tokenizer,
            lowercase=lowercase,
            char_encoder=None if self.char_encoder == "auto" else self.char_encoder,
            **self._limits(of_subwords=True),
        )

    def _choose_patch_size(
        self, X: CheckedSequences, weight: NDArray[np.float64] | None
    ) -> int:
        """Return how many numeric steps of the training sequences are read as one."""
        has_tokens = any(field.steps.values.dtype == object for field in X.fields)
        if has_tokens or self.step_encoder is not None:
            return 1
        n_features = X.fields[-1].steps.values.shape[1]
        wanted = round(_median(X.steps.lengths, weight) / AUTO_PATCHES)
        return max(1, min(wanted, AUTO_PATCH_WIDTH // max(1, n_features)))

    def encode(
        self,
        X: CheckedSequences,
        embeddings: Any = None,
        origin: NDArray[np.int64] | None = None,
    ) -> EncodedSequences:
        """Return ids and features; unseen tokens have the vectors of ``embeddings``.

        ``origin`` are the sequences' indices in the user's X, if they are some of them.

        Raises
        ------
        ValueError
            If a number is too large for float32.
        """
        X = self.filled(X)
        return self._encode_fields(
            X, lambda codec, steps: codec.encode(steps, embeddings, X.seconds), origin
        )

    def encode_baseline(self, X: CheckedSequences) -> EncodedSequences:
        """Return sequences of the same lengths whose steps say nothing.

        Each token is the unknown one, without characters, and each feature has its mean in
        training, without a gap. Static columns stay.
        """
        X = self.filled(X)
        return self._encode_fields(X, lambda codec, steps: codec.encode_baseline(steps))

    def _encode_fields(
        self,
        X: CheckedSequences,
        encode: Callable[[Any, RaggedArray], EncodedSequences],
        origin: NDArray[np.int64] | None = None,
    ) -> EncodedSequences:
        first, *beside = (
            encode(codec, field.steps)
            for codec, field in zip(self.codecs, X.fields, strict=True)
        )
        if self._features is not None:
            steps = [first, *beside][-1].steps
            check_finite(steps, X.name, self.advice, origin=origin)
            if self.patch_size > 1:  # tokens have no patches, so there is nothing beside
                first = self._features.join_patches(first)
        static = self.encode_static(X, origin)
        if beside or static is not None:
            first = replace(first, beside=tuple(beside), static=static)
        return first

    def encode_static(
        self, X: CheckedSequences, origin: NDArray[np.int64] | None = None
    ) -> EncodedStatic | None:
        """Return the static columns, if there are any."""
        if self.static is None or X.static is None:
            return None
        encoded = self.static.encode(X.static)
        large = np.argwhere(~np.isfinite(encoded.numbers))
        if len(large):
            row, column = large[0]
            names = [c for c, role in (X.roles or {}).items() if role == "number"]
            raise ValueError(
                f"{X.name}[{names[column]!r}] is too large for float32 in row "
                f"{row if origin is None else origin[row]}: "
                f"{X.static.numbers[row, column]}"
            )
        return encoded

    def level_and_scale(self, X: CheckedSequences) -> tuple[NDArray, NDArray] | None:
        """Return each sequence's level and scale ``(n_sequences, 1)`` for y, if any."""
        if self._features is None:
            return None
        return self._features.level_and_scale(self.filled(X).fields[-1].steps)

    def filled(self, X: CheckedSequences, token: str = NO_TOKEN) -> CheckedSequences:
        """Return the steps that the network reads: one unknown one of an empty sequence.

        ``token`` stands for it where it is shown. Empty sequences that are kept stay empty.
        """
        return X if self.keeps_empty else _fill_empty(X, token)

    def tokens_of(self, X: CheckedSequences) -> RaggedArray:
        """Return the tokens that the network reads, where one field of X holds tokens."""
        fields = zip(self.codecs, self.filled(X).fields, strict=True)
        (steps,) = (
            field.steps for codec, field in fields if codec.vocabulary is not None
        )
        return steps

    # --- what was learned ------------------------------------------------------------

    @property
    def reads_subwords(self) -> bool:
        """Whether the tokens of strings are subwords."""
        return self.holds_texts and self._gives_subwords

    @property
    def reads_characters(self) -> bool:
        """Whether the tokens of strings are characters."""
        return self.holds_texts and self._reads_characters

    @property
    def n_token_fields(self) -> int:
        """Step fields that hold tokens."""
        return len(self._token_codecs)

    def network_config(self, **token_options: Any) -> dict[str, Any]:
        """Return a network's arguments for its input layer and its static columns.

        ``token_options`` are those of ``TokenCodec.layer_config``.
        """
        fields = [codec.layer_config(**token_options) for codec in self.codecs]
        config = {
            "input_layer": fields[0] if len(fields) == 1 else {"fields": (*fields,)}
        }
        return config | self.static_config()

    def static_config(self) -> dict[str, Any]:
        """Return a network's argument for its static columns, if there are any."""
        return {} if self.static is None else {"static": self.static.layer_config()}

    def layer_state(self, embeddings: Any = None) -> dict[str, Any]:
        """Return the arguments of the input layer's ``prepare``."""
        states = [codec.layer_state(embeddings) for codec in self.codecs]
        return states[0] if len(states) == 1 else {"fields": states}

    @property
    def _features(self) -> FeatureCodec | None:
        """The codec of features, which come last."""
        last = self.codecs[-1]
        return last if last.vocabulary is None else None

    @property
    def _token_codecs(self) -> list[TokenCodec]:
        return [codec for codec in self.codecs if codec.vocabulary is not None]

    @property
    def n_features(self) -> int | None:
        """Features of a step, None for tokens."""
        return self.form.n_features

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The (first) field's vocabulary, None for features."""
        return self.codecs[0].vocabulary

    @property
    def roles(self) -> dict[Hashable, str] | None:
        """Column → role of a frame of fields; None where X is no such frame."""
        return None if self.fields.roles is None else {**self.fields.roles}

    @property
    def n_tokens(self) -> int | None:
        """Different tokens of the richest field, None for features alone."""
        return max((len(c.vocabulary.ids) for c in self._token_codecs), default=None)

    @property
    def token_ids(self) -> dict[Hashable, Any] | None:
        """Token → id, by column where several fields hold tokens; None for features."""
        codecs = self._token_codecs
        if len(codecs) > 1:
            names = self.field_names[: len(codecs)]
            return {
                name: codec.vocabulary.ids
                for name, codec in zip(names, codecs, strict=True)
            }
        return codecs[0].vocabulary.ids if codecs else None


def _place(X: CheckedSequences, field: Field) -> str:
    """Return the name of a step field in messages."""
    return X.name if field.name is None else f"{X.name}[{field.name!r}]"


def _fill_empty(X: CheckedSequences, token: str) -> CheckedSequences:
    """Return sequences of which each that had no steps has one.

    That step is ``token``, and each of its features is missing.
    """
    empty = X.steps.lengths == 0
    if not empty.any():
        return X
    places, lengths = X.steps.offsets[:-1][empty], np.maximum(X.steps.lengths, 1)

    def filled(steps: RaggedArray) -> RaggedArray:
        step = token if steps.values.dtype == object else np.nan
        return RaggedArray.from_lengths(
            np.insert(steps.values, places, step, axis=0), lengths
        )

    return replace(
        X,
        steps=filled(X.steps),
        beside=tuple(field._replace(steps=filled(field.steps)) for field in X.beside),
        seconds=None if X.seconds is None else np.insert(X.seconds, places, 0.0),
    )


def _median(lengths: NDArray[np.int64], weight: NDArray[np.float64] | None) -> int:
    """Return the least length that half of the weight does not exceed.

    A factor of all weights changes nothing, not even where two lengths tie.
    """
    order = np.argsort(lengths, kind="stable")
    reached = np.cumsum(np.ones(len(lengths)) if weight is None else weight[order])
    half = reached[-1] / 2 * (1 - 1e-9)
    return int(lengths[order][np.searchsorted(reached, half)])
