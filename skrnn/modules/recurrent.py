"""The recurrent engine: stacked, bidirectional cells over right-padded batches.

Calls are dense, which torch runs through its fused kernel, and still exact: padding
stands behind the real steps, where a forward pass meets it only after the last real
step, and the backward direction reverses each sequence within its own length. The one
unbounded cell is packed instead.
A new cell is one row in ``CELLS``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skrnn.modules.dropout import Dropout
from skrnn.modules.initialization import initialize_recurrent
from skrnn.modules.masking import gather_steps, last_step, reversal

CELLS: dict[str, Callable[..., nn.RNNBase]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn_tanh": partial(nn.RNN, nonlinearity="tanh"),
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
}


#: One tensor (num_layers, B, H); an LSTM's has a second one, its cell values.
Hidden = tuple[Tensor, ...]


class RecurrentLayers(nn.Module):
    """Recurrent layers in one direction that go on from a state and return theirs.

    For writing: what reads whole sequences of unequal length is ``RecurrentEncoder``.

    Parameters
    ----------
    input_size, hidden_size, cell, num_layers, dropout :
        As in ``RecurrentEncoder``.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str,
        num_layers: int,
        dropout: float,
    ):
        super().__init__()
        self.n_states = 2 if cell == "lstm" else 1
        self.shape = (num_layers, hidden_size)
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(
            CELLS[cell](size, hidden_size=hidden_size, batch_first=True) for size in sizes
        )
        self.dropout = Dropout(dropout)

    def initialize(self, generator: Generator) -> None:
        """Draw the initial weights."""
        for layer in self.layers:
            assert isinstance(layer, nn.RNNBase)
            initialize_recurrent(layer, generator)

    def zeros(self, n_sequences: int, like: Tensor) -> Hidden:
        """Return the state before any step."""
        num_layers, hidden_size = self.shape
        shape = (num_layers, n_sequences, hidden_size)
        return tuple(like.new_zeros(shape) for _ in range(self.n_states))

    def forward(self, x: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Return outputs ``(B, T, H)`` of x ``(B, T, F)``, and the state behind them."""
        after = []
        for i, layer in enumerate(self.layers):
            if i:
                x = self.dropout(x)
            before = tuple(part[i : i + 1].contiguous() for part in hidden)
            x, state = layer(x, before if self.n_states == 2 else before[0])
            after.append(state if self.n_states == 2 else (state,))
        return x, tuple(torch.cat(parts) for parts in zip(*after, strict=True))


class RecurrentEncoder(nn.Module):
    """Runs recurrent layers over sequences of unequal length.

    Parameters
    ----------
    input_size : int
        Features of a step.
    hidden_size : int
        Units of each layer and direction.
    cell : {"lstm", "gru", "rnn_tanh", "rnn_relu"}
        The recurrent cell.
    num_layers : int
        Layers, each over the outputs of the one before.
    bidirectional : bool
        Whether a second cell reads each sequence from its end.
    dropout : float
        Rate at which values between layers are dropped in training.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.bidirectional = bidirectional
        self.is_bounded = cell != "rnn_relu"
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        make = partial(CELLS[cell], hidden_size=hidden_size, batch_first=True)
        self.forward_layers = nn.ModuleList(make(size) for size in sizes)
        self.backward_layers = nn.ModuleList(
            make(size) for size in (sizes if bidirectional else [])
        )
        self.dropout = Dropout(dropout)

    def initialize(self, generator: Generator) -> None:
        """Draw the initial weights."""
        for layer in [*self.forward_layers, *self.backward_layers]:
            initialize_recurrent(layer, generator)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return every step's output and the last layer's final state.

        Parameters
        ----------
        inputs : float tensor of shape (B, T, input_size)
            Right-padded sequences.
        lengths : int64 tensor of shape (B,)
            Real steps of each, at least 1.

        Returns
        -------
        outputs : (B, T, output_size)
            What stands in the padding is undefined.
        state : (B, output_size)
            The forward state after the last real step and, if bidirectional, the
            backward state after the first.
        """
        x = inputs
        mirror = reversal(lengths, x.shape[1]) if self.bidirectional else None  # (B, T)
        for i, layer in enumerate(self.forward_layers):
            if i:
                x = self.dropout(x)
            ahead = self._run(layer, x, lengths)  # (B, T, H)
            if mirror is None:
                x = ahead
            else:
                behind = gather_steps(x, mirror)
                behind = self._run(self.backward_layers[i], behind, lengths)
                behind = gather_steps(behind, mirror)
                x = torch.cat([ahead, behind], dim=-1)  # (B, T, 2H)
        if mirror is None:
            return x, last_step(x, lengths)
        hidden = self.output_size // 2
        ends = last_step(x, lengths)[:, :hidden]  # (B, H)
        return x, torch.cat([ends, x[:, 0, hidden:]], dim=-1)  # (B, 2H)

    def _run(self, layer: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
        """Return a layer's outputs ``(B, T, H)`` in one direction."""
        if self.is_bounded:
            return layer(x)[0]
        # A ReLU state can grow without end in the padding, and inf times a gradient of
        # zero is NaN: run the real steps only. torch has no fused kernel to lose here.
        packed = pack_padded_sequence(
            x, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        outputs, _ = pad_packed_sequence(
            layer(packed)[0], batch_first=True, total_length=x.shape[1]
        )
        return outputs
