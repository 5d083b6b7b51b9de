"""Many to many, aligned: a score for each label of each step, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from skrnn.modules.crf import ConditionalRandomField
from skrnn.modules.dense import concatenate_windows, hidden_layers
from skrnn.modules.embedding import Inputs
from skrnn.modules.masking import gather_steps, length_mask
from skrnn.modules.networks.encoding import EncodingNetwork
from skrnn.modules.networks.network import InputNetwork
from skrnn.modules.outputs import PathScores, StepScores
from skrnn.modules.products import Linear


class TaggingNetwork(EncodingNetwork):
    """Encodes every step and scores its labels, or predicts its numbers.

    Parameters
    ----------
    n_outputs : int
        Number of labels, or of numbers.
    crf : bool
        Whether a conditional random field scores neighbouring labels.
    **encoding : dict
        Arguments of ``EncodingNetwork``.
    """

    shape = "many to many, aligned"

    def __init__(self, *, n_outputs: int, crf: bool, **encoding: Any):
        super().__init__(**encoding)
        self.head = Linear(self.encoder.output_size, n_outputs)
        self.crf = ConditionalRandomField(n_outputs) if crf else None

    def forward(self, inputs: Inputs) -> StepScores | PathScores:
        """Return scores ``(B, T, n_outputs)`` of each step."""
        outputs, _ = self.encode_steps(inputs)  # (B, T, H)
        outputs, lengths = _at_steps(outputs, inputs)
        logits = self.head(self.dropout(outputs))  # (B, T, C)
        return _scores(logits, lengths, self.crf)


class WindowTaggingNetwork(InputNetwork):
    """The baseline: each step and its neighbours through dense layers.

    Parameters
    ----------
    input_layer, n_outputs, crf, static :
        As in ``TaggingNetwork``.
    context : int
        Neighbours on each side; beyond a sequence's ends they are zeros.
    hidden_layer_sizes, activation, dropout :
        As in ``FeedForwardNetwork``.
    """

    def __init__(
        self,
        *,
        input_layer: Mapping[str, Any],
        n_outputs: int,
        crf: bool,
        context: int,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        dropout: float,
        static: Mapping[str, Any] | None = None,
    ):
        super().__init__(input_layer, dropout, static)
        self.context = context
        size = (2 * context + 1) * self.input_layer.output_size + self.static_size
        self.hidden, size = hidden_layers(size, hidden_layer_sizes, activation, dropout)
        self.head = Linear(size, n_outputs)
        self.crf = ConditionalRandomField(n_outputs) if crf else None

    def forward(self, inputs: Inputs) -> StepScores | PathScores:
        """Return scores ``(B, T, n_outputs)`` of each step."""
        x, lengths = self.embed(inputs), inputs["lengths"]  # (B, T, F), (B,)
        x = x.masked_fill(~length_mask(lengths, x.shape[1])[..., None], 0.0)
        x = F.pad(x, (0, 0, self.context, self.context))  # (B, T + 2 W, F)
        windows = concatenate_windows(x, 2 * self.context + 1)  # (B, T, (2 W + 1) F)
        windows = self.with_static(windows, inputs)
        windows, lengths = _at_steps(windows, inputs)
        return _scores(self.head(self.hidden(windows)), lengths, self.crf)


def _at_steps(x: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return vectors ``(B, T, F)`` of steps, and their number ``(B,)``.

    Of a step that is read as subwords it is the vector of its first one.
    """
    first = inputs.get("first_subwords")
    if first is None:
        return x, inputs["lengths"]
    return gather_steps(x, first), inputs["n_steps"]


def _scores(
    logits: Tensor, lengths: Tensor, crf: ConditionalRandomField | None
) -> StepScores | PathScores:
    return StepScores(logits, lengths) if crf is None else crf(logits, lengths)
