"""The decoder: writes a target step by step, from an encoder's last state and outputs.

In training it is one call over the whole target (teacher forcing): attention stands
behind the recurrent layers and feeds nothing back. In generation ``step`` goes on from a
``DecoderState``; both run the same layers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skrnn.modules.attention import (
    ATTENTIONS,
    AdditiveAttention,
    GeneralAttention,
    attend,
)
from skrnn.modules.dropout import Dropout
from skrnn.modules.recurrent import LayerStates, RecurrentLayers


class Memory(NamedTuple):
    """What the decoder may look at; empty without attention.

    Attributes
    ----------
    values : (B, T, M) or None
        The encoder's outputs.
    keys : (B, T, H) or None
        What queries are compared with.
    lengths : (B,)
        Real steps.
    """

    values: Tensor | None
    keys: Tensor | None
    lengths: Tensor

    def take(self, rows: Tensor) -> Memory:
        """Return some of the sequences."""
        values, keys = (
            None if part is None else part.index_select(0, rows) for part in self[:2]
        )
        return Memory(values, keys, self.lengths.index_select(0, rows))


class DecoderState(NamedTuple):
    """Where a batch of ``S`` sources with ``K`` hypotheses each stands.

    Attributes
    ----------
    hidden : tuple of (num_layers, S * K, H)
        The cells' states; one tensor, for an LSTM two.
    memory : Memory
        Of the ``S`` sources.
    """

    hidden: LayerStates
    memory: Memory

    def take(self, sources: Tensor, hypotheses: Tensor) -> DecoderState:
        """Return some sources ``(S',)`` and, of all, hypotheses ``(S', K')`` by row.

        ``hypotheses`` are rows of ``hidden``, sources in the order of ``sources``. These
        must increase: as many as there are are then all of them as they stand, and the
        memory, which is the larger part, is not copied.
        """
        rows = hypotheses.reshape(-1)
        hidden = tuple(part.index_select(1, rows) for part in self.hidden)
        same = len(sources) == len(self.memory.lengths)
        return DecoderState(hidden, self.memory if same else self.memory.take(sources))


class Decoder(nn.Module):
    """Recurrent layers over a target, attention over the source, a readout.

    Parameters
    ----------
    input_size : int
        Features of a decoder input.
    hidden_size : int
        Units of each layer.
    memory_size : int
        Features of the encoder's outputs and of its last state.
    output_size : int
        Features of the result.
    cell : {"lstm", "gru", "rnn_tanh", "rnn_relu"}
        The recurrent cell.
    num_layers : int
        Recurrent layers.
    attention : {"general", "additive", None}
        How the source is looked at; None leaves the encoder's last state alone.
    dropout : float
        Rate between layers and before the readout, in training.

    References
    ----------
    Sutskever, Vinyals, Le (2014). Sequence to sequence learning with neural networks.
    NIPS, section 2.
    Luong, Pham, Manning (2015). Effective approaches to attention-based neural machine
    translation. EMNLP, section 3.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        memory_size: int,
        output_size: int,
        *,
        cell: str,
        num_layers: int,
        attention: str | None,
        dropout: float,
    ):
        super().__init__()
        self.layers = RecurrentLayers(
            input_size, hidden_size, cell=cell, num_layers=num_layers, dropout=dropout
        )
        self.bridge = nn.Linear(memory_size, math.prod(self.layers.state_shape))
        self.attention: GeneralAttention | AdditiveAttention | None = (
            ATTENTIONS[attention](hidden_size, memory_size) if attention else None
        )
        seen = hidden_size + (memory_size if attention else 0)
        self.readout = nn.Linear(seen, output_size)
        self.dropout = Dropout(dropout)

    def start(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> DecoderState:
        """Return the state before the first step.

        Parameters
        ----------
        outputs : (B, T, M)
            The encoder's outputs.
        state : (B, M)
            Its last state. A dense encoder call gives no LSTM cell value at each
            sequence's own end, so all starting states are learned maps of this one.
        lengths : (B,)
            Real steps.
        """
        bridged = torch.tanh(self.bridge(state))  # (B, S * L * H)
        parts = bridged.view(len(state), *self.layers.state_shape)
        hidden = tuple(p.transpose(0, 1).contiguous() for p in parts.unbind(1))
        if self.attention is None:
            return DecoderState(hidden, Memory(None, None, lengths))
        return DecoderState(
            hidden, Memory(outputs, self.attention.keys(outputs), lengths)
        )

    def forward(self, inputs: Tensor, state: DecoderState) -> Tensor:
        """Return ``(B, U, output_size)`` of decoder inputs ``(B, U, input_size)``."""
        x, _ = self.layers(inputs, state.hidden)
        return self._read(x, state.memory)

    def step(self, inputs: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Go one step on with every hypothesis.

        Parameters
        ----------
        inputs : (S, K, input_size)
            The last step of each hypothesis.
        state : DecoderState
            Before the step.

        Returns
        -------
        outputs : (S, K, output_size)
        state : DecoderState
            After the step.
        """
        n_sources, n_hypotheses, size = inputs.shape
        x = inputs.reshape(n_sources * n_hypotheses, 1, size)
        x, hidden = self.layers(x, state.hidden)
        x = x.view(n_sources, n_hypotheses, -1)  # (S, K, H): hypotheses in place of steps
        return self._read(x, state.memory), DecoderState(hidden, state.memory)

    def weights(self, inputs: Tensor, state: DecoderState) -> Tensor:
        """Return the attention ``(B, U, T)`` of decoder inputs ``(B, U, input_size)``."""
        x, _ = self.layers(inputs, state.hidden)
        return self._attend(x, state.memory)

    def _read(self, x: Tensor, memory: Memory) -> Tensor:
        if self.attention is not None:
            assert memory.values is not None
            context = torch.bmm(self._attend(x, memory), memory.values)  # (B, U, M)
            x = torch.cat([context, x], dim=-1)  # (B, U, M + H)
        return torch.tanh(self.readout(self.dropout(x)))

    def _attend(self, x: Tensor, memory: Memory) -> Tensor:
        assert self.attention is not None
        assert memory.keys is not None
        return attend(self.attention.scores(x, memory.keys), memory.lengths)
