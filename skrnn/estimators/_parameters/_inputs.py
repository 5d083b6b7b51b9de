"""Parameters of what is read: tokens, columns, scales and gaps, series, targets."""

from __future__ import annotations

from typing import Any, ClassVar

from skrnn._sklearn import SequenceOf
from skrnn.data.schemes import SCHEMES
from skrnn.estimators._parameters._constraints import (
    NON_NEGATIVE_INT,
    POSITIVE_INT,
    RATE,
    TOKENIZER,
    TOKENIZER_KIND,
)
from skrnn.estimators._rows import OneOf, parameter, parameters
from skrnn.modules.char_encoder import CHAR_ENCODERS


@parameters
class SeriesParameters:
    """Columns and times of series."""

    _group: ClassVar[str] = "inputs"

    target: Any = parameter(
        None,
        [object],
        """Column to forecast; the other columns are covariates. None: a frame of numbers
        has one series a column, and series have one feature.""",
        kind="column name or None",
        architecture=True,
    )
    time: Any = parameter(
        None,
        [object],
        """Column of a frame that holds the times of the steps: dates, or numbers. None
        takes them from the index.""",
        kind="column name or None",
        architecture=True,
    )
    freq: Any = parameter(
        None,
        [object],
        """Frequency of dates, as an offset of pandas, or distance of times that are
        numbers. None infers it, "steps" counts rows.""",
        kind='offset string, DateOffset, number, "steps" or None',
        architecture=True,
    )
    known_future: Any = parameter(
        None,
        [SequenceOf(object, distinct=True), None],
        """Columns that are known ahead, such as holidays or prices. They are given beyond
        the end of the target, where it is NaN or, in a frame with one row a series,
        shorter.""",
        kind="sequence of column names or None",
        architecture=True,
    )
    calendar: bool = parameter(
        False,
        ["boolean"],
        """Whether the time of the day, of the week and of the year are features, as far as
        the frequency has them; they are known ahead.""",
        kind="bool",
        architecture=True,
    )
    static_features: Any = parameter(
        None,
        [SequenceOf(object, distinct=True), None],
        """Columns of a frame with one row a series that have one value a series, beside
        those of numbers and categories, which always do.""",
        kind="sequence of column names or None",
        architecture=True,
    )
    scale: str | None = parameter(
        "standard",
        [OneOf(("standard",)), None],
        """"standard" gives each covariate and each static number mean 0 and standard
        deviation 1; None leaves them as they are. The target is always relative to its window.""",
        architecture=True,
    )
    missing: str = parameter(
        "raise",
        [OneOf(("raise", "indicator"))],
        """Treatment of NaN and gaps between dates: an error that names the place ("raise"), or
        missing values ("indicator"): a feature beside each column marks them, and missing
        targets have no loss.""",
        architecture=True,
    )


@parameters
class TokenParameters:
    """Tokens and vocabulary of X."""

    _group: ClassVar[str] = "inputs"

    input_type: str = parameter(
        "auto",
        [OneOf(("auto", "numeric", "tokens"))],
        """"tokens" looks integers up like words; "auto" takes strings for tokens and
        numbers for features.""",
        architecture=True,
    )
    tokenizer: Any = parameter(
        "word",
        TOKENIZER,
        """How strings are split, and joined again where they are generated. "word" keeps
        apostrophes and hyphens inside words, ".", "," and ":" between digits, and makes
        every other mark a token; "char" keeps grapheme clusters whole; "bpe" learns
        subwords in ``fit``. A callable takes a string and returns a list; an object has
        ``encode`` and ``decode``, such as a trained ``tokenizers.Tokenizer``, or
        ``tokenize`` and ``detokenize``; ``fit`` copies it. A tagger reads the subwords of
        each word, learned or of a ``tokenizers.Tokenizer``.""",
        kind=TOKENIZER_KIND,
        architecture=True,
    )
    min_count: int = parameter(
        1,
        [POSITIVE_INT],
        """Tokens seen less often in training become the unknown token, but for those with a
        vector in ``embeddings``, where an estimator has it.""",
        kind="int",
        architecture=True,
    )
    max_vocabulary: int | None = parameter(
        None,
        [POSITIVE_INT, None],
        """Number of tokens kept, the most frequent first; None keeps all. With
        ``tokenizer="bpe"``: number of subwords, at least 256; None is 4,000.""",
        kind="int or None",
        architecture=True,
    )
    embedding_dim: int = parameter(
        100,
        [POSITIVE_INT],
        """Size of a token's vector. Where an estimator has these parameters, ``embeddings``
        sets it, and images read by ``step_encoder`` have vectors of this size, too.""",
        kind="int",
        architecture=True,
    )
    word_dropout: float = parameter(
        0.0,
        [RATE],
        """Rate at which tokens are read as the unknown one in training, anew in each pass; a
        char encoder still reads their characters. More makes a network rely less on single
        words, and trains the vector of the unknown token. Without tokens it is not used,
        and ``fit`` warns.""",
        kind="float in [0, 1)",
        architecture=True,
    )


@parameters
class WordParameters:
    """Case, characters and pre-trained vectors of words."""

    _group: ClassVar[str] = "inputs"

    lowercase: bool | str = parameter(
        "auto",
        ["boolean", OneOf(("auto",))],
        """Whether words that differ in case share a vector (their character features keep
        the case). "auto": all but single characters and subwords.""",
        kind='bool or "auto"',
        architecture=True,
    )
    embeddings: Any = parameter(
        None,
        [object],
        """Pre-trained vectors (a dict, a DataFrame indexed by token, gensim's KeyedVectors)
        to start from. Tokens outside ``vocabulary_`` have their vectors, too. The mapping
        is saved with the model; set to None before, those tokens are unknown
        afterwards.""",
        kind="mapping of token to vector or None",
    )
    freeze_embeddings: bool = parameter(
        False,
        ["boolean"],
        """Whether all tokens' vectors stay as they are at the start of training. Tokens
        that ``embeddings`` lacks then differ by their character features alone.""",
        kind="bool",
        architecture=True,
    )
    char_encoder: str | None = parameter(
        "auto",
        [OneOf(CHAR_ENCODERS, ("auto",)), None],
        """How a token's characters are read beside its vector, so that an unknown word is
        not without features: convolutions over its characters ("cnn"), the last states of
        two LSTMs, one from its end ("lstm"), the mean of its hashed character n-grams
        ("ngrams"), or not at all. "auto": "cnn" for words, None for single characters, for
        subwords, and for tokens that are no strings.""",
        architecture=True,
    )


@parameters
class FieldParameters:
    """Columns of a frame of fields."""

    _group: ClassVar[str] = "inputs"

    static_features: Any = parameter(
        None,
        [SequenceOf(object), None],
        """Columns of a frame X that have one value a sequence, beside those of numbers and
        categories, which always do: texts or token lists are steps otherwise.""",
        kind="sequence of column names or None",
        architecture=True,
    )


@parameters
class StaticGapParameters:
    """Gaps in static columns."""

    _group: ClassVar[str] = "inputs"

    missing: str = parameter(
        "raise",
        [OneOf(("raise", "indicator"))],
        """Meaning of a missing value in a static column: an error that names its place
        ("raise"), or ("indicator") the training mean of a number, with a feature beside it
        that marks the gaps, and of a category one of its own. Steps have no gaps.""",
        architecture=True,
    )


@parameters
class NumberParameters:
    """Scale, gaps and time stamps of numbers."""

    _group: ClassVar[str] = "inputs"

    scale: str | None = parameter(
        "standard",
        [OneOf(("standard",)), None],
        """"standard" gives each feature, and each static number, mean 0 and standard deviation 1
        over the training data; None leaves them as they are.""",
        architecture=True,
    )
    missing: str = parameter(
        "raise",
        [OneOf(("raise", "indicator"))],
        """Meaning of NaN in numbers, and of a missing static category: an error that names
        its place ("raise"), or the training mean ("indicator"). Each feature that has gaps
        in training gets its last value of the sequence instead, which decays to the mean,
        and a feature beside it that marks the gaps.""",
        architecture=True,
    )
    time: Any = parameter(
        None,
        [object],
        """Column of a frame X that holds the time stamps of steps: dates, or seconds. The
        seconds since the step before become a feature, with ``missing="indicator"`` also
        those since the last real value of each feature with gaps.""",
        kind="column name or None",
        architecture=True,
    )


@parameters
class InstanceNormParameters:
    """Normalization of each sequence by its own level."""

    _group: ClassVar[str] = "inputs"

    instance_norm: str | None = parameter(
        None,
        [OneOf(("last", "standard")), None],
        """Reversible normalization of the target feature in each numeric sequence, undone
        in the prediction, for forecasting levels that training has not seen: "last"
        subtracts the last step's value, "standard" the sequence's mean; both divide by
        the sequence's deviation from it, in place of ``scale``. y must be in the units of
        X, so no scaler belongs before it.""",
        architecture=True,
    )
    target_feature: int = parameter(
        0,
        [NON_NEGATIVE_INT],
        "With ``instance_norm``: the feature of X whose level y continues.",
        kind="int",
        architecture=True,
    )


@parameters
class SchemeParameters:
    """The tagging scheme of y."""

    _group: ClassVar[str] = "inputs"

    scheme: str | None = parameter(
        None,
        [OneOf(SCHEMES), None],
        """How the labels mark entities. With ``crf=True`` no prediction violates it, as
        "I-x" after "O" does in "IOB2".""",
        architecture=True,
    )
    invalid_tags: str = parameter(
        "raise",
        [OneOf(("raise", "repair"))],
        """Treatment of training labels that violate the scheme: "raise" an error that names
        the first one, or "repair" them to the tags of the same entities as the CoNLL
        evaluation reads them.""",
    )


@parameters
class TargetParameters:
    """Tokens and vocabulary of y."""

    _group: ClassVar[str] = "inputs"

    target_tokenizer: Any = parameter(
        "word",
        TOKENIZER,
        """How strings of y are split, as ``tokenizer`` does X's; what is generated is
        joined again.""",
        kind=TOKENIZER_KIND,
        architecture=True,
    )
    target_min_count: int = parameter(
        1,
        [POSITIVE_INT],
        "Target tokens seen less often in training are never generated.",
        kind="int",
        architecture=True,
    )
    target_max_vocabulary: int | None = parameter(
        None,
        [POSITIVE_INT, None],
        """Number of target tokens kept, the most frequent first; None keeps all. With
        ``target_tokenizer="bpe"``: number of subwords, at least 256; None is 4,000.""",
        kind="int or None",
        architecture=True,
    )
