"""The parameters that estimators share, in groups; ``_rows`` says what a row is."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from skrnn._sklearn import HasMethods, Interval, SequenceOf, SubclassOf
from skrnn.data.schemes import SCHEMES
from skrnn.estimators._rows import OneOf, parameter, parameters
from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.char_encoder import CHAR_ENCODERS
from skrnn.modules.dense import ACTIVATIONS
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS
from skrnn.modules.step_encoder import STEP_ENCODERS
from skrnn.training.callbacks import SCHEDULES
from skrnn.training.losses import LOSSES

#: The ``optimizer`` parameter: class and options beside lr and weight_decay.
OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {"fused": True}),
    "adamw": (AdamW, {"fused": True}),
    "sgd": (SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
    "rmsprop": (RMSprop, {}),
}
#: The fewest passes that ``max_epochs="auto"`` chooses.
AUTO_MIN_EPOCHS = 12
#: What ``weight_decay="auto"`` means for "adamw".
AUTO_WEIGHT_DECAY = 0.3

POSITIVE_INT = Interval(Integral, 1, None, closed="left")
NON_NEGATIVE_INT = Interval(Integral, 0, None, closed="left")
RATE = Interval(Real, 0, 1, closed="left")
SHARE = Interval(Real, 0, 1, closed="neither")
POSITIVE = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")
TOKENIZER = [
    OneOf(("word", "char")),
    callable,
    HasMethods(["split", "join", "learn_spacing"]),
    HasMethods(["encode", "decode"]),
    HasMethods(["tokenize"]),
]
TOKENIZER_KIND = '{"word", "char"}, callable or tokenizer'


# --- network -------------------------------------------------------------------------


@parameters
class CellParameters:
    """Recurrent layers."""

    _group: ClassVar[str] = "network"

    cell: str = parameter(
        "lstm",
        [OneOf(CELLS)],
        "The recurrent cell. An LSTM remembers longest and is fastest on a CPU.",
        architecture=True,
    )
    hidden_size: int = parameter(
        128,
        [POSITIVE_INT],
        "Units of each layer and direction; more fit more and cost more.",
        kind="int",
        architecture=True,
    )
    num_layers: int = parameter(
        1,
        [POSITIVE_INT],
        "Recurrent layers, each over the outputs of the one before.",
        kind="int",
        architecture=True,
    )


@parameters
class DirectionParameters:
    """Whether sequences are read from both ends."""

    _group: ClassVar[str] = "network"

    bidirectional: bool = parameter(
        True,
        ["boolean"],
        "Whether a second cell reads each sequence (of Seq2Seq: each source) from its end.",
        kind="bool",
        architecture=True,
    )


@parameters
class DropoutParameters:
    """Dropout."""

    _group: ClassVar[str] = "network"

    dropout: float = parameter(
        0.3,
        [RATE],
        """Rate at which values are dropped in training, on embeddings, between layers and
        before the output layer; more regularizes more.""",
        kind="float in [0, 1)",
        architecture=True,
    )


@parameters
class PoolingParameters:
    """One vector from all steps."""

    _group: ClassVar[str] = "network"

    pooling: str = parameter(
        "max",
        [OneOf(POOLINGS)],
        "How the outputs of all steps become one vector.",
        architecture=True,
    )


@parameters
class PatchParameters:
    """Steps read several at a time."""

    _group: ClassVar[str] = "network"

    patch_size: int = parameter(
        1,
        [POSITIVE_INT],
        """Numeric steps that are read as one, their values side by side; the last patch of
        a sequence is filled with zeros, and marked. Shortens long signals by that factor,
        and makes training as much faster. Not for tokens, nor for a number for each
        step.""",
        kind="int",
        architecture=True,
    )


@parameters
class StepEncoderParameters:
    """How the frames of a video are read."""

    _group: ClassVar[str] = "network"

    step_encoder: str | None = parameter(
        None,
        [OneOf(STEP_ENCODERS), None],
        """How steps that are images, arrays ``(n_steps_i, height, width)`` or ``(n_steps_i,
        height, width, n_channels)``, are read: by convolutions with pooling, trained with
        the network, that make a vector of size ``embedding_dim`` of each ("cnn"), or as one
        feature a pixel (None). With it all pixels of a channel have one mean and deviation
        under ``scale="standard"``.""",
        architecture=True,
    )


@parameters
class DenseParameters:
    """Dense layers."""

    _group: ClassVar[str] = "network"

    hidden_layer_sizes: int | Sequence[int] = parameter(
        (128,),
        [SequenceOf(POSITIVE_INT, min_size=0), POSITIVE_INT],
        "Units of each hidden layer.",
        kind="int or sequence of int",
        architecture=True,
    )
    activation: str = parameter(
        "relu",
        [OneOf(ACTIVATIONS)],
        "Activation function of each hidden layer.",
        architecture=True,
    )


@parameters
class WindowParameters:
    """The last steps that a feed-forward network reads."""

    _group: ClassVar[str] = "network"

    window: int | None = parameter(
        None,
        [POSITIVE_INT, None],
        """The last ``window`` steps (patches, with ``patch_size``) of each sequence are
        read, zeros stand before shorter ones. None takes the longest training sequence.""",
        kind="int or None",
        architecture=True,
    )


@parameters
class HistoryParameters:
    """The last steps that a feed-forward language model reads."""

    _group: ClassVar[str] = "network"

    window: int = parameter(
        8,
        [POSITIVE_INT],
        "Last steps that are read; zeros stand before a sequence's beginning.",
        kind="int",
        architecture=True,
    )


@parameters
class ContextParameters:
    """The neighbours of each step that a feed-forward network reads with it."""

    _group: ClassVar[str] = "network"

    context: int = parameter(
        2,
        [NON_NEGATIVE_INT],
        "Neighbours on each side that are read with a step; zeros stand beyond the ends.",
        kind="int",
        architecture=True,
    )


@parameters
class CRFParameters:
    """The conditional random field."""

    _group: ClassVar[str] = "network"

    crf: bool = parameter(
        True,
        ["boolean"],
        """Whether a conditional random field on top scores neighbouring labels, so that
        whole label paths are learned and the best path is predicted. Without it each
        step's label is chosen on its own.""",
        kind="bool",
        architecture=True,
    )


@parameters
class AttentionParameters:
    """Attention of a decoder to its source."""

    _group: ClassVar[str] = "network"

    attention: str | None = parameter(
        "general",
        [OneOf(ATTENTIONS), None],
        """How the decoder attends to the source at each step: by a matrix ("general",
        Luong), by tanh units ("additive", Bahdanau), or not at all, so that the encoder's
        last state must hold everything.""",
        architecture=True,
    )


@parameters
class TyingParameters:
    """Whether generated tokens share their vectors with the output layer."""

    _group: ClassVar[str] = "network"

    tie_weights: bool = parameter(
        False,
        ["boolean"],
        """Whether the vector of a generated token, of size ``embedding_dim``, is also its
        row of the output layer; fewer parameters.""",
        kind="bool",
        architecture=True,
    )


@parameters
class HorizonParameters:
    """Steps ahead, and those that are read."""

    _group: ClassVar[str] = "network"

    horizon: int = parameter(
        1,
        [POSITIVE_INT],
        "Steps to forecast.",
        kind="int",
        architecture=True,
        positional=True,
    )
    window: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        """Last steps of a series that are read. More see further back and cost more.
        "auto" compares two, four and eight seasons (of 12 months, 52 weeks, 7 days, 5
        business days, 24 hours; 12 steps without dates) by a linear autoregression and
        takes the shortest that is not clearly worse; at least ``horizon``.""",
        kind='int or "auto"',
        architecture=True,
    )


@parameters
class HorizonDecoderParameters:
    """How a recurrent forecaster gives the steps ahead."""

    _group: ClassVar[str] = "network"

    decoder: str = parameter(
        "recurrent",
        [OneOf(("direct", "recurrent"))],
        """"recurrent" decodes the steps ahead one after the other, each with what is known
        ahead of it; "direct" gives all at once, from the last state, and is faster.""",
        architecture=True,
    )


# --- inputs --------------------------------------------------------------------------


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
        """Frequency of dates, as an offset of pandas. None infers it, "steps" counts
        rows.""",
        kind='offset string, DateOffset, "steps" or None',
        architecture=True,
    )
    known_future: Any = parameter(
        None,
        [SequenceOf(object), None],
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
        [SequenceOf(object), None],
        """Columns of a frame with one row a series that have one value a series, beside
        those of numbers and categories, which always do.""",
        kind="sequence of column names or None",
        architecture=True,
    )
    scale: str | None = parameter(
        "standard",
        [OneOf(("standard",)), None],
        """"standard" gives each covariate and each static number mean 0 and deviation 1;
        None leaves them as they are. The target is always relative to its window.""",
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
        every other mark a token; "char" keeps grapheme clusters whole. A callable takes a
        string and returns a list; an object has ``encode`` and ``decode``, or
        ``tokenize`` and ``detokenize``.""",
        kind=TOKENIZER_KIND,
        architecture=True,
    )
    min_count: int = parameter(
        1,
        [POSITIVE_INT],
        """Tokens seen less often in training become the unknown token, unless
        ``embeddings`` has a vector.""",
        kind="int",
        architecture=True,
    )
    max_vocabulary: int | None = parameter(
        None,
        [POSITIVE_INT, None],
        "Number of tokens kept, the most frequent first; None keeps all.",
        kind="int or None",
        architecture=True,
    )
    embedding_dim: int = parameter(
        100,
        [POSITIVE_INT],
        """Size of a token's vector, set by ``embeddings`` where given, and of an image's with
        ``step_encoder``.""",
        kind="int",
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
        the case). "auto": all but single characters.""",
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
        not without features: convolutions over its characters ("cnn"), the mean of its
        hashed character n-grams ("ngrams"), or not at all. "auto": "cnn" for words, None
        for single characters and for tokens that are no strings.""",
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
class NumberParameters:
    """Scale, gaps and time stamps of numbers."""

    _group: ClassVar[str] = "inputs"

    scale: str | None = parameter(
        "standard",
        [OneOf(("standard",)), None],
        """"standard" gives each feature, and each static number, mean 0 and deviation 1
        over the training data; None leaves them as they are.""",
        architecture=True,
    )
    missing: str = parameter(
        "raise",
        [OneOf(("raise", "indicator"))],
        """What NaN in numbers, and a missing static category, means: an error that names
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
        "Number of target tokens kept, the most frequent first; None keeps all.",
        kind="int or None",
        architecture=True,
    )


# --- training ------------------------------------------------------------------------


@parameters
class LabelSmoothingParameters:
    """Smoothed targets."""

    _group: ClassVar[str] = "training"

    label_smoothing: float = parameter(
        0.1,
        [RATE],
        """Share of the target's probability that is spread over all classes in training.
        A tagger's conditional random field takes none.""",
        kind="float in [0, 1)",
        architecture=True,
    )


@parameters
class ClassWeightParameters:
    """Weights of classes."""

    _group: ClassVar[str] = "training"

    class_weight: Any = parameter(
        None,
        [dict, list, OneOf(("balanced",)), None],
        """Weight of each class in the loss, as in scikit-learn; a list has one for each
        label of a multilabel y. A tagger multiplies the odds of a class at each step by
        it.""",
        kind='dict, "balanced", list of dict or None',
    )


@parameters
class RegressionLossParameters:
    """The loss of regressors."""

    _group: ClassVar[str] = "training"

    loss: str = parameter(
        "squared_error",
        [OneOf(LOSSES)],
        "Training minimizes it over y scaled to unit deviation.",
        architecture=True,
    )
    quantiles: Sequence[float] = parameter(
        (0.1, 0.5, 0.9),
        [SequenceOf(SHARE)],
        """Levels of ``predict_quantiles`` with ``loss="quantile"``; ``predict`` is the
        median.""",
        kind="sequence of float in (0, 1)",
        architecture=True,
    )


@parameters
class TruncationParameters:
    """Truncated back-propagation through time."""

    _group: ClassVar[str] = "training"

    bptt: int = parameter(
        128,
        [Interval(Integral, 2, None, closed="left")],
        """Steps of truncated back-propagation through time: a longer sequence is read in
        chunks that carry their state, and gradients are cut between them. More see
        further back and take more memory.""",
        kind="int",
    )


@parameters
class LoopParameters:
    """The training loop."""

    _group: ClassVar[str] = "training"

    max_epochs: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        f"""Passes over the training data. "auto" chooses them for about <_auto_updates>
        updates, between {AUTO_MIN_EPOCHS} and <_auto_max_epochs> passes.""",
        kind='int or "auto"',
    )
    batch_size: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        """Sequences in an update. "auto": 32, for more than 16,384 sequences 64, for more
        than 65,536 sequences 128.""",
        kind='int or "auto"',
    )
    lr: float = parameter(
        0.003,
        [POSITIVE],
        "Learning rate, the highest one of the schedule.",
        kind="float",
    )
    optimizer: str | type[Optimizer] = parameter(
        "adamw",
        [OneOf(OPTIMIZERS), SubclassOf(Optimizer)],
        'Optimizer, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.',
        kind='{"adam", "adamw", "sgd", "rmsprop"} or type',
        architecture=True,
    )
    weight_decay: float | str = parameter(
        0.0,
        [NON_NEGATIVE, OneOf(("auto",))],
        f"""Weight decay as the optimizer understands it. "auto": {AUTO_WEIGHT_DECAY} with
        "adamw", whose decay is decoupled from the gradient, 0 with others.""",
        kind='float or "auto"',
        architecture=True,
    )
    lr_schedule: str = parameter(
        "one_cycle",
        [OneOf(SCHEDULES)],
        """Course of the learning rate over the updates; "plateau" halves it when the loss
        has not improved for two epochs.""",
    )
    max_grad_norm: float | None = parameter(
        1.0,
        [POSITIVE, None],
        "Largest norm of all gradients together; None does not clip them.",
        kind="float or None",
    )


# --- stopping ------------------------------------------------------------------------


@parameters
class StoppingParameters:
    """When training ends before ``max_epochs``."""

    _group: ClassVar[str] = "stopping"

    early_stopping: bool | str = parameter(
        "auto",
        ["boolean", OneOf(("auto",))],
        """Whether training watches held-out data, keeps the best epoch's weights and stops
        after ``n_iter_no_change`` epochs without a better one (with an annealing
        schedule, "one_cycle" or "cosine", it runs to the schedule's end). "auto": where
        ``X_val`` is passed to ``fit``. With False a given ``X_val`` is only scored.""",
        kind='bool or "auto"',
    )
    validation_fraction: float = parameter(
        0.1,
        [SHARE],
        "Share of the sequences held out where ``X_val`` is not passed.",
        kind="float in (0, 1)",
    )
    validation_strategy: str = parameter(
        "random",
        [OneOf(("random", "last"))],
        """Which sequences are held out. "random" keeps the shares of the classes, and one
        sequence of each class in training. "last" suits overlapping windows of a series,
        which leak through a random choice.""",
    )
    n_iter_no_change: int = parameter(
        10,
        [POSITIVE_INT],
        "Epochs without improvement after which training stops.",
        kind="int",
    )
    scoring: Any = parameter(
        None,
        [None, str, callable],
        "scikit-learn scorer of the held-out data; None watches the loss.",
        kind="str, callable or None",
    )


@parameters
class ForecastStoppingParameters:
    """When the training of a forecaster ends before ``max_epochs``."""

    _group: ClassVar[str] = "stopping"

    early_stopping: bool | str = parameter(
        "auto",
        ["boolean", OneOf(("auto",))],
        """Whether training watches held-out windows and keeps the best epoch's weights.
        True holds out the end of each series, which training then does not see; "auto"
        watches only where ``X_val`` is passed to ``fit``.""",
        kind='bool or "auto"',
    )
    validation_fraction: float = parameter(
        0.1,
        [SHARE],
        "Share of each series that ``early_stopping=True`` holds out.",
        kind="float in (0, 1)",
    )
    n_iter_no_change: int = parameter(
        10,
        [POSITIVE_INT],
        "Epochs without improvement after which training stops.",
        kind="int",
    )
    calibration_fraction: float | None = parameter(
        0.2,
        [SHARE, None],
        """Share of each series, at its end, on which a first network, trained without it,
        measures the errors of forecasts: they give ``predict_quantiles`` its intervals, and
        decide which share of the network's correction is kept. The final network is
        trained on everything. None trains once, without either.""",
        kind="float in (0, 1) or None",
    )


# --- other ---------------------------------------------------------------------------


@parameters
class BeamParameters:
    """Beam search."""

    _group: ClassVar[str] = "other"

    beam_size: int = parameter(
        5,
        [POSITIVE_INT],
        """Hypotheses kept at each step of decoding; more find more probable targets and
        take longer. 1 is greedy. May be changed after ``fit``.""",
        kind="int",
    )
    max_length: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        """Tokens after which a target is ended. "auto": as many as the longest in training;
        for a source longer than any in training, more in proportion; it grows where
        training continues with longer targets. May be changed after ``fit``.""",
        kind='int or "auto"',
    )
    length_penalty: float = parameter(
        0.0,
        [NON_NEGATIVE],
        """Exponent of the length by which a beam divides log-probabilities; more favours
        longer targets. May be changed after ``fit``.""",
        kind="float",
    )


@parameters
class GenerationParameters:
    """The length of what is generated."""

    _group: ClassVar[str] = "other"

    max_length: int = parameter(
        100,
        [POSITIVE_INT],
        "Most steps that are generated, where a method is given no other number.",
        kind="int",
    )


@parameters
class OtherParameters:
    """Callbacks, output, device, seed."""

    _group: ClassVar[str] = "other"

    callbacks: Any = parameter(
        None,
        [None, list, tuple],
        """skorch callbacks, called by the training loop after its own. One ends training
        by raising ``skrnn.training.callbacks.StopTraining``. A scheduler of the learning
        rate belongs with ``lr_schedule="constant"``.""",
        kind="list of skorch callbacks or None",
    )
    warm_start: bool = parameter(
        False,
        ["boolean"],
        """Whether ``fit`` continues from the weights of the last ``fit``; vocabulary,
        classes and scales stay those of the first, and so must the parameters of the
        network.""",
        kind="bool",
    )
    verbose: int = parameter(
        0, ["verbose"], "Whether a line an epoch is printed.", kind="int"
    )
    device: str | torch.device = parameter(
        "auto",
        [str, torch.device],
        'Where the network runs, as torch names it; "auto" takes a GPU where there is one.',
        kind="str",
        architecture=True,
    )
    random_state: Any = parameter(
        None,
        ["random_state"],
        "Fixes initial weights, the order of the data and dropout.",
        kind="int, RandomState or None",
    )


# --- what estimators combine ---------------------------------------------------------


@parameters
class RecurrentParameters(
    PoolingParameters, DropoutParameters, DirectionParameters, CellParameters
):
    """The network of recurrent classifiers and regressors."""


@parameters
class ForecastParameters(OtherParameters, ForecastStoppingParameters, LoopParameters):
    """Loop, stopping and other parameters of forecasters, last in a signature."""


@parameters
class CommonParameters(OtherParameters, StoppingParameters, LoopParameters):
    """Loop, stopping and other parameters, last in a signature."""
