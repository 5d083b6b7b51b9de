"""Parameters that estimators share: names, defaults, allowed values, documentation.

Each group is a dataclass of keyword-only fields: an estimator's ``__init__`` stores its
arguments and does nothing else, so it is not written but generated. A final estimator
names its groups, the last of its signature first, and the defaults in which it differs.
The texts are written once here; ``documented`` puts them where a class's docstring names
its group in braces. Constraints follow scikit-learn's ``_parameter_constraints``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from textwrap import indent
from typing import Any, TypeVar

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from skrnn._sklearn import HasMethods, Interval, StrOptions
from skrnn.data.schemes import SCHEMES
from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.dense import ACTIVATIONS
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS
from skrnn.training.callbacks import SCHEDULES
from skrnn.training.losses import LOSSES

#: Fields only: identity, hash and repr stay scikit-learn's.
parameters = dataclass(kw_only=True, eq=False, repr=False)

#: The ``optimizer`` parameter: class and options beside lr and weight_decay.
OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {"fused": True}),
    "adamw": (AdamW, {"fused": True}),
    "sgd": (SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
    "rmsprop": (RMSprop, {}),
}

POSITIVE_INT = Interval(Integral, 1, None, closed="left")
NON_NEGATIVE_INT = Interval(Integral, 0, None, closed="left")
RATE = Interval(Real, 0, 1, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")

#: What a network cannot change once it is built.
BUILDING = {
    *("cell", "hidden_size", "num_layers", "bidirectional", "dropout", "pooling"),
    *("hidden_layer_sizes", "activation", "window"),
    *("loss", "quantiles", "instance_norm", "target_feature", "label_smoothing"),
    *("input_type", "tokenizer", "lowercase", "min_count", "max_vocabulary"),
    *("embedding_dim", "char_encoder", "optimizer", "weight_decay", "device"),
    *("freeze_embeddings", "crf", "scheme", "context", "attention", "tie_weights"),
    *("target_type", "target_tokenizer", "target_min_count", "target_max_vocabulary"),
}

#: What ``check_tokenizer`` takes.
TOKENIZER = [
    StrOptions({"word", "char"}),
    callable,
    HasMethods(["split", "join", "learn_spacing"]),
    HasMethods(["encode", "decode"]),
    HasMethods(["tokenize"]),
]

#: Allowed values of every parameter that some estimator has.
CONSTRAINTS: dict[str, list[Any]] = {
    "input_type": [StrOptions({"auto", "numeric", "tokens"})],
    "tokenizer": TOKENIZER,
    "lowercase": ["boolean", StrOptions({"auto"})],
    "min_count": [POSITIVE_INT],
    "max_vocabulary": [POSITIVE_INT, None],
    "embedding_dim": [POSITIVE_INT],
    "embeddings": [None, HasMethods(["__getitem__", "__contains__"])],
    "char_encoder": [StrOptions({"auto", "cnn", "ngrams"}), None],
    "max_epochs": [POSITIVE_INT, StrOptions({"auto"})],
    "batch_size": [POSITIVE_INT, StrOptions({"auto"})],
    "lr": [POSITIVE],
    "optimizer": [StrOptions(set(OPTIMIZERS)), type],
    "weight_decay": [NON_NEGATIVE, StrOptions({"auto"})],
    "lr_schedule": [StrOptions(set(SCHEDULES))],
    "max_grad_norm": [POSITIVE, None],
    "callbacks": [None, list, tuple],
    "early_stopping": ["boolean", StrOptions({"auto"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "validation_strategy": [StrOptions({"random", "last"})],
    "n_iter_no_change": [POSITIVE_INT],
    "scoring": [None, str, callable],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "device": [str, torch.device],
    "random_state": ["random_state"],
    "cell": [StrOptions(set(CELLS))],
    "hidden_size": [POSITIVE_INT],
    "num_layers": [POSITIVE_INT],
    "bidirectional": ["boolean"],
    "pooling": [StrOptions(set(POOLINGS))],
    "hidden_layer_sizes": ["array-like", POSITIVE_INT],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "window": [POSITIVE_INT, None],
    "dropout": [RATE],
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
    "label_smoothing": [RATE],
    "loss": [StrOptions(set(LOSSES))],
    "quantiles": ["array-like"],
    "instance_norm": [StrOptions({"last", "standard"}), None],
    "target_feature": [NON_NEGATIVE_INT],
    "freeze_embeddings": ["boolean"],
    "crf": ["boolean"],
    "scheme": [StrOptions(set(SCHEMES)), None],
    "invalid_tags": [StrOptions({"raise", "repair"})],
    "context": [NON_NEGATIVE_INT],
    "attention": [StrOptions(set(ATTENTIONS)), None],
    "tie_weights": ["boolean"],
    "target_type": [StrOptions({"auto", "numeric", "tokens"})],
    "target_tokenizer": TOKENIZER,
    "target_min_count": [POSITIVE_INT],
    "target_max_vocabulary": [POSITIVE_INT, None],
    "beam_size": [POSITIVE_INT],
    "max_length": [POSITIVE_INT, StrOptions({"auto"})],
    "length_penalty": [NON_NEGATIVE],
    "bptt": [Interval(Integral, 2, None, closed="left")],
}


@parameters
class RecurrentParameters:
    """The recurrent network."""

    cell: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.3
    pooling: str = "max"


@parameters
class FeedForwardParameters:
    """The feed-forward network."""

    hidden_layer_sizes: int | Sequence[int] = (128,)
    activation: str = "relu"
    window: int | None = None
    dropout: float = 0.3


@parameters
class TaggingRecurrentParameters:
    """The recurrent network, where every step counts."""

    cell: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.5


@parameters
class WindowParameters:
    """The feed-forward network over each step's neighbours."""

    hidden_layer_sizes: int | Sequence[int] = (128,)
    activation: str = "relu"
    context: int = 2
    dropout: float = 0.5


@parameters
class TaggerParameters:
    """How labels of neighbouring steps hang together."""

    crf: bool = True
    scheme: str | None = None
    invalid_tags: str = "raise"
    label_smoothing: float = 0.0
    class_weight: Any = None


@parameters
class EncoderDecoderParameters:
    """An encoder, a decoder, and what joins them."""

    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    bidirectional: bool = True
    attention: str | None = "general"
    tie_weights: bool = False
    dropout: float = 0.3


@parameters
class TargetParameters:
    """How targets become tokens, and how they are written."""

    target_type: str = "auto"
    target_tokenizer: str | Callable[[str], list[str]] = "word"
    target_min_count: int = 1
    target_max_vocabulary: int | None = None
    beam_size: int = 5
    max_length: int | str = "auto"
    length_penalty: float = 0.0


@parameters
class LanguageRecurrentParameters:
    """The recurrent language model."""

    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    tie_weights: bool = False
    dropout: float = 0.3


@parameters
class LanguageWindowParameters:
    """The feed-forward language model."""

    hidden_layer_sizes: int | Sequence[int] = (256,)
    activation: str = "relu"
    window: int = 8
    tie_weights: bool = False
    dropout: float = 0.3


@parameters
class LanguageTokenParameters:
    """How sequences become tokens that can be written again."""

    input_type: str = "auto"
    tokenizer: str | Callable[[str], list[str]] = "char"
    min_count: int = 1
    max_vocabulary: int | None = None
    embedding_dim: int = 100


@parameters
class GeneratorParameters:
    """How long sequences are read and written."""

    bptt: int = 128
    max_length: int = 100


@parameters
class LevelParameters:
    """How numeric sequences and targets see levels."""

    instance_norm: str | None = None
    target_feature: int = 0


@parameters
class RegressionParameters:
    """What regressors minimize, and how they see levels."""

    loss: str = "squared_error"
    quantiles: Sequence[float] = (0.1, 0.5, 0.9)
    instance_norm: str | None = None
    target_feature: int = 0


@parameters
class TokenParameters:
    """How tokens become vectors."""

    input_type: str = "auto"
    tokenizer: str | Callable[[str], list[str]] = "word"
    lowercase: bool | str = "auto"
    min_count: int = 1
    max_vocabulary: int | None = None
    embedding_dim: int = 100
    embeddings: Any = None
    freeze_embeddings: bool = False
    char_encoder: str | None = "auto"


@parameters
class LoopParameters:
    """The training loop."""

    max_epochs: int | str = "auto"
    batch_size: int | str = "auto"
    lr: float = 0.003
    optimizer: str | type[Optimizer] = "adamw"
    weight_decay: float | str = 0.0
    lr_schedule: str = "one_cycle"
    max_grad_norm: float | None = 1.0


@parameters
class ClassifierParameters:
    """What only classifiers minimize."""

    label_smoothing: float = 0.1
    class_weight: Any = None


@parameters
class CommonParameters:
    """Early stopping and the rest."""

    early_stopping: bool | str = "auto"
    validation_fraction: float = 0.1
    validation_strategy: str = "random"
    n_iter_no_change: int = 10
    scoring: Any = None
    callbacks: Any = None
    warm_start: bool = False
    verbose: int = 0
    device: str = "auto"
    random_state: Any = None


RECURRENT_SIZES = """\
cell : {"lstm", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
    The recurrent cell. An LSTM remembers longest and is fastest on a CPU.
hidden_size : int, default={hidden_size}
    Units of each layer and direction; more fit more and cost more.
num_layers : int, default=1
    Recurrent layers, each over the outputs of the one before."""
RECURRENT = f"""\
{RECURRENT_SIZES}
bidirectional : bool, default={{bidirectional}}
    Whether a second cell reads each sequence from its end.
dropout : float in [0, 1), default={{dropout}}
    Rate at which values are dropped in training, on embeddings, between layers and
    before the head; more regularizes more."""
TIED = """\
tie_weights : bool, default={tie_weights}
    Whether a token's vector, of size ``embedding_dim``, is also its row of the output
    layer; fewer parameters."""
DENSE = """\
hidden_layer_sizes : int or sequence of int, default=(128,)
    Units of each hidden layer.
activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
    What follows each hidden layer."""
DENSE_DROPOUT = """\
dropout : float in [0, 1), default={dropout}
    Rate at which values are dropped in training, on embeddings and after each hidden
    layer."""

LEVELS = """\
instance_norm : {"last", "standard"} or None, default=None
    Reversible normalisation of each numeric sequence, undone in the prediction, for
    forecasting levels that training has not seen: "last" subtracts the last step's
    value, "standard" the sequence's mean; both divide by the sequence's deviation from
    it. y must be in the units of X, which is why no scaler belongs before it.
target_feature : int, default=0
    With ``instance_norm``: the feature of X whose level y continues."""

TEXTS = {
    "recurrent": f"""\
{RECURRENT}
pooling : {{"last", "mean", "max", "attention"}}, default={{pooling}}
    How the outputs of all steps become one vector.""",
    "tagging_recurrent": RECURRENT,
    "window": f"""\
{DENSE}
context : int, default=2
    Neighbours on each side that a step is seen with; zeros stand beyond the ends.
{DENSE_DROPOUT}""",
    "tagger": """\
crf : bool, default={crf}
    Whether a conditional random field on top scores neighbouring labels, so that whole
    label paths are learned and the best path is predicted. Without it each step's label
    is chosen on its own.
scheme : {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"} or None, default=None
    How the labels mark entities. With ``crf=True`` nothing is predicted that breaks it,
    as "I-x" behind "O" does in "IOB2".
invalid_tags : {"raise", "repair"}, default="raise"
    What becomes of training labels that break the scheme: an error that names the first
    one, or the tags of the same entities as the CoNLL evaluation reads them.
label_smoothing : float in [0, 1), default={label_smoothing}
    Share of the target's probability that is spread over all classes in training,
    without a CRF.
class_weight : dict, "balanced" or None, default=None
    Weight of each class's steps: its odds at a step are multiplied by it.""",
    "feed_forward": f"""\
{DENSE}
window : int, default=None
    The last ``window`` steps of each sequence are seen, zeros stand in front
    of shorter ones. None takes the longest training sequence.
{DENSE_DROPOUT}""",
    "tokens": """\
input_type : {"auto", "numeric", "tokens"}, default="auto"
    "tokens" looks integers up like words; "auto" tells tokens by their being strings.
tokenizer : {"word", "char"} or callable, default="word"
    How strings are split. "word" keeps apostrophes and hyphens inside words, ".", ","
    and ":" between digits, and makes every other mark a token. A callable takes a string
    and returns a list.
lowercase : bool or "auto", default="auto"
    Whether words that differ in case share a vector (their spelling keeps the case).
    "auto": all but single characters.
min_count : int, default=1
    Tokens seen less often in training become the unknown token, unless ``embeddings``
    has a vector.
max_vocabulary : int, default=None
    Number of tokens kept, the most frequent first; None keeps all.
embedding_dim : int, default=100
    Size of a token's vector; set by ``embeddings`` where given.
embeddings : mapping of token to vector, default=None
    Pre-trained vectors (a dict, gensim's KeyedVectors) to start from. Tokens outside
    ``vocabulary_`` have their vectors, too. The mapping is saved with the model; set to
    None before, those tokens are unknown afterwards.
freeze_embeddings : bool, default=False
    Whether all tokens' vectors stay as they are at the start of training. Tokens that
    ``embeddings`` lacks then tell themselves apart by their spelling alone.
char_encoder : {"auto", "cnn", "ngrams"} or None, default="auto"
    How a token's spelling is read beside its vector, so that an unknown word keeps its
    spelling: convolutions over its characters, the mean of its hashed character
    n-grams, or not at all. "auto": {auto_char_encoder} for words, None for single characters and
    for tokens that are no strings.""",
    "loop": """\
max_epochs : int or "auto", default="auto"
    Passes over the training data. "auto" chooses them for about {auto_updates} updates,
    between {auto_min_epochs} and {auto_max_epochs} passes.
batch_size : int or "auto", default="auto"
    Sequences in an update. "auto": 32, for more than 16,384 sequences 64, for more than
    65,536 sequences 128.
lr : float, default={lr}
    Learning rate, the highest one of the schedule.
optimizer : {"adam", "adamw", "sgd", "rmsprop"} or type, default="adamw"
    Optimizer, or a class of ``torch.optim``. "sgd" has Nesterov momentum 0.9.
weight_decay : float or "auto", default={weight_decay}
    Weight decay as the optimizer understands it. "auto": {auto_weight_decay} with "adamw", whose
    decay is apart from the gradient, 0 with others.
lr_schedule : {"one_cycle", "cosine", "constant", "plateau"}, default="one_cycle"
    Course of the learning rate over the updates; "plateau" halves it when the loss has
    not improved for two epochs.
max_grad_norm : float or None, default=1.0
    Largest norm of all gradients together; None lets them be.""",
    "label_smoothing": """\
label_smoothing : float in [0, 1), default={label_smoothing}
    Share of the target's probability that is spread over all classes in training.""",
    "stopping": """\
early_stopping : bool or "auto", default="auto"
    Whether training watches held-out data, keeps the best epoch's weights and stops
    after ``n_iter_no_change`` epochs without a better one (with an annealing schedule,
    "one_cycle" or "cosine", it runs to the schedule's end). "auto": where ``X_val`` is
    passed to ``fit``.
validation_fraction : float in (0, 1), default=0.1
    Share of the sequences held out where ``X_val`` is not passed.
validation_strategy : {"random", "last"}, default="random"
    Which sequences are held out. "last" suits overlapping windows of a series, which
    leak through a random choice.
n_iter_no_change : int, default=10
    Epochs without improvement after which training stops.
scoring : str, callable or None, default=None
    scikit-learn scorer to watch; None watches the loss.""",
    "class_weight": """\
class_weight : dict, "balanced", list of dict or None, default=None
    Weight of each class in the loss, as in scikit-learn.""",
    "rest": """\
callbacks : list of skorch callbacks, default=None
    Called by the training loop, after its own. One ends training by raising
    ``skrnn.training.callbacks.StopTraining``. A scheduler of the learning rate goes
    with ``lr_schedule="constant"``, a score with ``scoring``.
warm_start : bool, default=False
    Whether ``fit`` goes on from the weights of the last ``fit``; vocabulary, classes
    and scales stay those of the first, and so must the parameters of the network.
verbose : int, default=0
    Whether a line an epoch is printed.
device : str, default="auto"
    Where the network runs, as torch names it; "auto" takes a GPU where there is one.
random_state : int, RandomState or None, default=None
    Fixes initial weights, the order of the data and dropout.""",
    "encoder_decoder": f"""\
{RECURRENT_SIZES}
bidirectional : bool, default={{bidirectional}}
    Whether the encoder reads each source from both ends; the decoder writes forwards.
attention : {{"general", "additive"}} or None, default={{attention}}
    How the decoder looks at the source at each step: by a matrix (Luong), by tanh units
    (Bahdanau), or not at all, so that the encoder's last state has to hold everything.
tie_weights : bool, default={{tie_weights}}
    Whether a target token's vector, of size ``embedding_dim``, is also its row of the
    output layer; fewer parameters.
dropout : float in [0, 1), default={{dropout}}
    Rate at which values are dropped in training, on embeddings, between layers and
    before the output; more regularizes more.""",
    "target": """\
target_type : {"auto", "numeric", "tokens"}, default="auto"
    "tokens" takes integers in y for tokens; "auto" tells tokens by their being strings.
target_tokenizer : {"word", "char"} or callable, default="word"
    How strings of y are split, as ``tokenizer`` does X's; what is written is joined back.
target_min_count : int, default=1
    Target tokens seen less often in training are never written.
target_max_vocabulary : int, default=None
    Number of target tokens kept, the most frequent first; None keeps all.
beam_size : int, default={beam_size}
    Hypotheses kept at each step of writing; more find more probable targets and take
    longer. 1 is greedy. May be changed after ``fit``.
max_length : int or "auto", default="auto"
    Tokens after which a target is ended. "auto": as many as the longest in training; for
    a source longer than any in training, more in proportion; it grows where training
    goes on with longer targets. May be changed after ``fit``.
length_penalty : float, default={length_penalty}
    Exponent of the length by which a beam divides log-probabilities; more favours longer
    targets. May be changed after ``fit``.""",
    "language_recurrent": f"""\
{RECURRENT_SIZES}
{TIED}
dropout : float in [0, 1), default={{dropout}}
    Rate at which values are dropped in training, on inputs, between layers and before
    the output; more regularizes more.""",
    "language_window": f"""\
{DENSE}
window : int, default=8
    Last steps that are seen; zeros stand before a sequence's begin.
{TIED}
{DENSE_DROPOUT}""",
    "language_tokens": """\
input_type : {"auto", "numeric", "tokens"}, default="auto"
    "tokens" takes integers for tokens; "auto" tells tokens by their being strings.
tokenizer : {"char", "word"} or callable, default="char"
    How strings are split, and joined again where they are written. What a callable
    splits is joined as words are, with spaces between.
min_count : int, default=1
    Tokens seen less often in training become the unknown token, which is never written.
max_vocabulary : int, default=None
    Number of tokens kept, the most frequent first; None keeps all.
embedding_dim : int, default=100
    Size of a token's vector.""",
    "generator": """\
bptt : int, default={bptt}
    Steps of a chunk, at least 2: a longer sequence is read chunk by chunk, its state
    carried on, and gradients are cut between them. More see further back and take more
    memory.
max_length : int, default={max_length}
    Most steps that are written, where a method is not told.""",
    "level": LEVELS,
    "regression": f"""\
loss : {{"squared_error", "absolute_error", "huber", "quantile"}}, default="squared_error"
    What training minimizes, over y scaled to unit deviation.
quantiles : sequence of float in (0, 1), default=(0.1, 0.5, 0.9)
    What ``predict_quantiles`` gives with ``loss="quantile"``; ``predict`` is the
    median.
{LEVELS}""",
    "attributes": """\
net_ : SequenceNet
    The trained skorch net; ``net_.module_`` is the torch network.
n_features_in_ : int
    Columns of a 2-D X, else features of a step; absent for tokens.
feature_names_in_ : ndarray of shape (n_features_in_,)
    Column names, where X was a frame whose columns all have string names.
vocabulary_ : dict
    Token → id; absent for numeric sequences.
n_parameters_ : int
    Trained numbers of the network.
n_iter_ : int
    Epochs of the last ``fit``; ``history_`` has those of all since the network was built.
history_ : DataFrame
    One row an epoch: train_loss (with label smoothing and dropout), valid_loss, lr, dur
    (seconds), and what callbacks record.""",
}

#: What ``max_epochs="auto"`` stays between; a class's ``_auto_updates`` is its aim.
AUTO_MIN_EPOCHS, AUTO_MAX_EPOCHS = 12, 100
#: What ``weight_decay="auto"`` means for "adamw".
AUTO_WEIGHT_DECAY = 0.3
#: What ``char_encoder="auto"`` means for words.
AUTO_CHAR_ENCODER = "cnn"

#: What the texts show in quotes.
QUOTED = {"pooling", "auto_char_encoder", "attention"}

T = TypeVar("T", bound=Any)


def documented(cls: T) -> T:
    """Fill the groups that a class's docstring names: a line ``{tokens}`` and so on.

    The defaults inside the texts are those of the class's own signature.
    """
    values: dict[str, Any] = {field.name: field.default for field in fields(cls)}
    values |= {
        "auto_char_encoder": AUTO_CHAR_ENCODER,
        "auto_weight_decay": AUTO_WEIGHT_DECAY,
        "auto_updates": f"{cls._auto_updates:,}",
        "auto_min_epochs": AUTO_MIN_EPOCHS,
        "auto_max_epochs": AUTO_MAX_EPOCHS,
    }
    text = cls.__doc__ or ""
    for group, body in TEXTS.items():
        for name, value in values.items():
            quoted = name in QUOTED or value == "auto"
            shown = f'"{value}"' if quoted else str(value)
            body = body.replace(f"{{{name}}}", shown)
        text = text.replace(f"    {{{group}}}", indent(body, "    "))
    cls.__doc__ = text
    return cls


def config_of(estimator: Any, group: type) -> dict[str, Any]:
    """Return the values of a group's parameters, which are a network's arguments."""
    return {field.name: getattr(estimator, field.name) for field in fields(group)}
