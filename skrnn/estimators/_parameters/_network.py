"""Parameters of networks: layers, pooling, attention, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from skrnn._sklearn import SequenceOf
from skrnn.data.inputs import AUTO_PATCH_WIDTH, AUTO_PATCHES
from skrnn.estimators._parameters._constraints import NON_NEGATIVE_INT, POSITIVE_INT, RATE
from skrnn.estimators._rows import OneOf, parameter, parameters
from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.dense import ACTIVATIONS
from skrnn.modules.dropout import MASKS
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS
from skrnn.modules.step_encoder import STEP_ENCODERS

#: What ``patch_size`` is in every estimator.
PATCHES = """Numeric steps that are read as one, their values side by side; the last patch of
        a sequence is filled with zeros, and marked. Shortens long signals by that factor,
        and makes training as much faster. Not for tokens, nor for a number for each step."""
#: What ``dropout="auto"`` means from so many training steps on, for each of
#: ``num_layers * hidden_size**2``.
AUTO_DROPOUTS = {50: 0.0, 10: 0.1, 0: 0.3}


@parameters
class CellParameters:
    """Recurrent layers."""

    _group: ClassVar[str] = "network"

    cell: str = parameter(
        "lstm",
        [OneOf(CELLS)],
        "The recurrent cell. A GRU remembers longest; minGRU is fastest.",
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
class AutoDropoutParameters:
    """Dropout by the amount of data."""

    _group: ClassVar[str] = "network"

    dropout: float | str = parameter(
        "auto",
        [RATE, OneOf(("auto",))],
        """Rate at which values are dropped in training, on embeddings, between layers and
        before the output layer; more regularizes more. "auto": 0 if the training data have at
        least ``50 * num_layers * hidden_size**2`` steps, 0.1 if they have at least
        ``10 * num_layers * hidden_size**2``, else 0.3; chosen at the first call of ``fit`` or
        ``partial_fit``, and kept. The choice is ``net_.module_.first_member.dropout.p``.""",
        kind='float in [0, 1) or "auto"',
        architecture=True,
    )


@parameters
class MaskParameters:
    """Masks of dropout, and dropout between states."""

    _group: ClassVar[str] = "network"

    dropout_mask: str = parameter(
        "step",
        [OneOf(MASKS)],
        """Whether each "step" drops values of its own, or all steps of a "sequence" drop the
        same features (variational dropout), which is faster and keeps the rest of a
        sequence readable.""",
        architecture=True,
    )
    weight_dropout: float = parameter(
        0.0,
        [RATE],
        """Rate at which the weights between a cell's state and its next one are dropped in
        training (DropConnect), by one mask a batch; more regularizes the memory more, which
        ``dropout`` does not touch. For long trainings on little text, with 0.2 to 0.5; not
        for "mingru", which has no such weights.""",
        kind="float in [0, 1)",
        architecture=True,
    )


@parameters
class RecurrentDropoutParameters(MaskParameters, DropoutParameters):
    """Dropout of recurrent networks."""


@parameters
class LanguageDropoutParameters(MaskParameters, AutoDropoutParameters):
    """Dropout of recurrent networks that generate."""


@parameters
class PoolingParameters:
    """One vector from all steps."""

    _group: ClassVar[str] = "network"

    pooling: str = parameter(
        "auto",
        [OneOf(POOLINGS, ("auto",))],
        """How the outputs of all steps become one vector: the state after the "last" step, their
        "mean", their maximum ("max"), a weighted mean ("attention"), or the first three side by
        side ("concat"). "auto" is "concat" for tokens, and "max" for features alone and for more
        than 1,000 outputs.""",
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
        feature a pixel (None). Channels are last; frames that seem to have them first are
        warned of. With it all pixels of a channel have one mean and standard deviation
        under ``scale="standard"``.""",
        architecture=True,
    )


@parameters
class PatchParameters:
    """Steps read several at a time."""

    _group: ClassVar[str] = "network"

    patch_size: int = parameter(
        1,
        [POSITIVE_INT],
        PATCHES,
        kind="int",
        architecture=True,
    )


@parameters
class AutoPatchParameters:
    """Steps read several at a time, by the lengths of the sequences."""

    _group: ClassVar[str] = "network"

    patch_size: int | str = parameter(
        "auto",
        [POSITIVE_INT, OneOf(("auto",))],
        f"""{PATCHES} "auto": so many that
        a training sequence of the median length has about {AUTO_PATCHES} patches, but no
        patch more than {AUTO_PATCH_WIDTH} values; 1 where that is no more than one step, and
        where patches are not for the data. The choice is ``patch_size_``.""",
        kind='int or "auto"',
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
        read, zeros stand before shorter ones. None takes the longest training sequence, or
        the 0.95 quantile of the lengths if that is 20 times as long, and fewer where the
        first layer would have more than 33,554,432 weights; both are warned of.""",
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
        step's label is chosen on its own. Its time grows with the square of the number of
        labels; from 1,000 labels on a warning names False.""",
        kind="bool",
        architecture=True,
    )


@parameters
class AttentionParameters:
    """Attention of a decoder to its source."""

    _group: ClassVar[str] = "network"

    attention: str | None = parameter(
        "scaled_dot",
        [OneOf(ATTENTIONS), None],
        """How the decoder attends to the source at each step: by a scalar product after two
        projections ("scaled_dot", Vaswani), by a matrix ("general", Luong), by tanh units
        over each pair of steps ("additive", Bahdanau), or not at all, so that the
        encoder's last state must hold everything. The first layer's outputs are the queries;
        the layers above and the output read the context vector.""",
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
