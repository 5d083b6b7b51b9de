"""The decoder: generates a target from the encoder's final state and outputs.

Training is one call over the whole target (teacher forcing), since attention follows the first
recurrent layer and feeds nothing back to it. Generation calls ``step``, which starts from a
``DecoderState``; both run the same layers.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skrnn.modules.attention import ATTENTIONS, Attention, attend
from skrnn.modules.dropout import Dropout
from skrnn.modules.products import Linear
from skrnn.modules.recurrent import LayerStates, RecurrentLayers


class Memory(NamedTuple):
    """The encoded sources that attention reads.

    Attributes
    ----------
    values : (B, T, M) or None
        The encoder's outputs; None without attention.
    keys : (B, T, K) or None
        ``Attention.keys`` of them.
    lengths : (B,)
        Real steps.
    static : (B, S) or None
        Vectors of the static columns, which every decoder input is joined to.
    """

    values: Tensor | None
    keys: Tensor | None
    lengths: Tensor
    static: Tensor | None = None

    def take(self, rows: Tensor) -> Memory:
        """Return some of the sequences."""
        values, keys, static = (
            None if part is None else part.index_select(0, rows)
            for part in (self.values, self.keys, self.static)
        )
        return Memory(values, keys, self.lengths.index_select(0, rows), static)


class DecoderState(NamedTuple):
    """The state of a batch of ``S`` sources with ``K`` hypotheses each.

    Attributes
    ----------
    hidden : tuple of (num_layers, S * K, H)
        The recurrent layers' states.
    memory : Memory
        Of the ``S`` sources.
    """

    hidden: LayerStates
    memory: Memory

    def take(self, sources: Tensor, hypotheses: Tensor) -> DecoderState:
        """Return some sources, and some hypotheses of each.

        Parameters
        ----------
        sources : int64 tensor of shape (S',)
            Increasing indices. If they are all sources, the memory, which is the larger
            part, is not copied.
        hypotheses : int64 tensor of shape (S', K')
            Rows of ``hidden``, for each source in ``sources``.
        """
        rows = hypotheses.reshape(-1)
        hidden = tuple(part.index_select(1, rows) for part in self.hidden)
        same = len(sources) == len(self.memory.lengths)
        return DecoderState(hidden, self.memory if same else self.memory.take(sources))

    def repeat(self, sources: Tensor) -> DecoderState:
        """Return sources, each any number of times, that have one hypothesis each.

        Parameters
        ----------
        sources : int64 tensor of shape (S',)
            Indices.
        """
        hidden = tuple(part.index_select(1, sources) for part in self.hidden)
        return DecoderState(hidden, self.memory.take(sources))


class Decoder(nn.Module):
    """Recurrent layers over a target, attention over the source, a readout.

    The first layer's outputs are the queries of attention. The context vector joins the inputs
    of further layers and the readout.

    Parameters
    ----------
    input_size : int
        Features of a decoder input.
    hidden_size : int
        Units of each layer.
    memory_size : int
        Features of the encoder's outputs and of its final state.
    output_size : int
        Features of the result.
    cell : str
        The recurrent cell, a key of ``CELLS``.
    num_layers : int
        Recurrent layers.
    attention : str or None
        A key of ``ATTENTIONS``; with None the encoder's final state is the only thing
        known of the source.
    dropout : float
        Rate between layers and before the readout, in training.
    weight_dropout : float
        As in ``RecurrentEncoder``.

    References
    ----------
    Sutskever, Vinyals, Le (2014). Sequence to sequence learning with neural networks.
    NIPS, section 2.
    Luong, Pham, Manning (2015). Effective approaches to attention-based neural machine
    translation. EMNLP, section 3.
    Wu, Schuster, Chen, et al. (2016). Google's neural machine translation system. arXiv,
    section 3 (context for all layers; here of the same step, not of the step before).
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
        weight_dropout: float = 0.0,
    ):
        super().__init__()
        self.layers = RecurrentLayers(
            input_size,
            hidden_size,
            cell=cell,
            num_layers=num_layers,
            dropout=dropout,
            weight_dropout=weight_dropout,
            context_size=memory_size if attention else 0,
        )
        self.bridge = Linear(memory_size, math.prod(self.layers.state_shape))
        self.attention: Attention | None = (
            ATTENTIONS[attention](hidden_size, memory_size) if attention else None
        )
        readout_size = hidden_size + (memory_size if attention else 0)
        self.readout = Linear(readout_size, output_size)
        self.dropout = Dropout(dropout)

    def start(self, outputs: Tensor, state: Tensor, lengths: Tensor) -> DecoderState:
        """Return the state before the first step.

        Parameters
        ----------
        outputs : (B, T, M)
            The encoder's outputs.
        state : (B, M)
            Its final state. A dense call of the encoder returns no LSTM cell value at
            the end of each sequence, so all initial states are learned maps of this one.
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
        return self._run(inputs, state)[0]

    def step(self, inputs: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Decode one step of every hypothesis.

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
        x, hidden = self._run(x, state)
        x = x.view(n_sources, n_hypotheses, -1)
        return x, DecoderState(hidden, state.memory)

    def weights(self, inputs: Tensor, state: DecoderState) -> Tensor:
        """Return the attention ``(B, U, T)`` of decoder inputs ``(B, U, input_size)``."""
        first = self.layers.read_first(inputs, state.hidden)
        return self._weights(first, state.memory)

    def _run(self, inputs: Tensor, state: DecoderState) -> tuple[Tensor, LayerStates]:
        """Return results ``(R, U, output_size)`` of any hypotheses, and the layers' states."""
        context_of = None
        if self.attention is not None:
            context_of = partial(self._context, memory=state.memory)
        x, hidden = self.layers(inputs, state.hidden, context_of)
        return torch.tanh(self.readout(self.dropout(x))), hidden

    def _context(self, x: Tensor, memory: Memory) -> Tensor:
        """Return the context vectors ``(R, U, M)`` of outputs ``(R, U, H)``."""
        assert memory.values is not None
        context = torch.bmm(self._weights(x, memory), memory.values)
        return context.view(*x.shape[:2], memory.values.shape[-1])

    def _weights(self, x: Tensor, memory: Memory) -> Tensor:
        """Return the weights ``(B, R / B * U, T)`` of outputs ``(R, U, H)``."""
        assert self.attention is not None
        assert memory.keys is not None
        n_queries = len(x) // max(1, len(memory.keys)) * x.shape[1]  # hypotheses as steps
        queries = x.reshape(len(memory.keys), n_queries, x.shape[-1])
        return attend(self.attention.scores(queries, memory.keys), memory.lengths)
