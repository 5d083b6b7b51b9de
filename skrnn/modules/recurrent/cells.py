"""Cells: one recurrent layer in one direction, and all that depends on its kind.

A new cell is one subclass of ``Cell`` and one row in ``CELLS``; the encoder, the decoder
and the language models ask the cell for everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from skrnn.modules.initialization import orthogonal_, xavier_
from skrnn.modules.parallel import Graph
from skrnn.modules.products import MIN_MULTIPLICATIONS, may_round
from skrnn.modules.recurrent.packing import Steps
from skrnn.modules.recurrent.plain_kernels import Kernels
from skrnn.modules.recurrent.recurrence import (
    current_kernels,
    recur,
    runs_compiled,
)
from skrnn.modules.transfer import lengths_on_host, to_device

#: What torch's operation calls an LSTM.
LSTM_MODE = 2
#: Tensors (B, H), as many as the cell's ``n_states``.
CellState = tuple[Tensor, ...]


class Cell(nn.Module):
    """Abstract base: a layer that reads steps from the first to the last.

    A subclass implements ``forward``, and sets the class constants where they differ
    from these.

    Parameters
    ----------
    input_size : int
        Features of a step.
    hidden_size : int
        Units: features of an output and of each state tensor.

    Attributes
    ----------
    n_states : int
        State tensors, each ``(B, hidden_size)``.
    n_gates : int
        Blocks of rows in a weight matrix; ``initialize`` draws each block by itself.
    gate_names : tuple of str
        The gates that ``step`` returns, which have values from 0 to 1.
    is_bounded : bool
        Whether the state stays finite however many steps follow. Such a cell may read
        padding after the real steps; encoders call any other on real steps only.
    is_splittable : bool
        Whether several calls may read the sequences of a batch.
    is_fused : bool
        Whether ``forward`` is one call of torch's that gives the same bits with any number
        of threads.
    kernel : str or None
        The kernel of its recurrence over packed steps, see ``recurrence``; None where
        ``forward`` is all there is.
    """

    n_states: ClassVar[int] = 1
    n_gates: ClassVar[int] = 1
    gate_names: ClassVar[tuple[str, ...]] = ()
    is_bounded: ClassVar[bool] = True
    is_splittable: ClassVar[bool] = True
    is_fused: ClassVar[bool] = False
    kernel: ClassVar[str | None] = None
    #: ``initialize`` gives the values of all parameters, those of submodules included.
    initializes_submodules: ClassVar[bool] = True

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the initial weights from ``generator``.

        Matrices named ``weight_hh...`` (hidden to hidden) by ``initialize_recurrent``,
        other matrices Xavier, gate by gate, and vectors zeros.
        """
        recurrent = self.recurrent_weights()
        for name, weight in self.named_parameters():
            if name in recurrent:
                self.initialize_recurrent(weight, generator)
            elif weight.ndim < 2:
                nn.init.zeros_(weight)
            else:
                xavier_(weight, generator, self.n_gates)

    def recurrent_weights(self) -> dict[str, Tensor]:
        """Return the hidden-to-hidden matrices, which are named ``weight_hh...``."""
        return {
            name: weight
            for name, weight in self.named_parameters()
            if name.rpartition(".")[2].startswith("weight_hh") and weight.ndim > 1
        }

    def initialize_recurrent(self, weight: Tensor, generator: Generator) -> None:
        """Fill a hidden-to-hidden matrix, orthogonal gate by gate."""
        orthogonal_(weight, generator, self.n_gates)

    def forward(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Return the output of every step, and the state after the last one.

        Parameters
        ----------
        x : float tensor of shape (B, T, input_size)
            Steps; T is at least 1.
        state : tuple of (B, hidden_size), optional
            Before the first step; None starts a sequence.

        Returns
        -------
        outputs : (B, T, hidden_size)
            An output depends on its own and earlier steps only.
        state : tuple of (B, hidden_size)
        """
        raise NotImplementedError

    def step(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the state after one step, and the gates, as ``forward`` computes them.

        Slower than ``forward``, for inspection: each result is a node of its own in the
        graph of gradients. The output of the step is the first tensor of the state.

        Parameters
        ----------
        x : float tensor of shape (B, input_size)
            The step.
        state : tuple of (B, hidden_size), optional
            Before it; None starts a sequence.

        Returns
        -------
        state : tuple of (B, hidden_size)
        gates : tuple of (B, hidden_size)
            In the order of ``gate_names``.
        """
        _, after = self(x[:, None], state)
        return after, ()

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return outputs ``(B, T, hidden_size)`` of right-padded sequences.

        They are undefined in the padding. ``lengths`` ``(B,)`` are those of the real steps,
        and at least 1. An encoder calls it where the cell does not read packed steps.
        """
        return self(x)[0] if self.is_bounded else self.read_real_steps(x, lengths)

    def read_real_steps(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the outputs as ``read`` does, from real steps only.

        An unbounded state can overflow in the padding, and inf times a gradient of zero is
        NaN: sort the sequences by length, and drop each from the batch where it ends.
        """
        n_sequences, n_steps, _ = x.shape
        known = lengths_on_host(lengths)
        order = np.argsort(-known, kind="stable")
        ends, counts = np.unique(known, return_counts=True)  # increasing
        n_rows = n_sequences - counts.cumsum() + counts  # of at least each length
        sizes = np.diff(ends, prepend=0).tolist()
        x = x[:, : sum(sizes)].index_select(0, to_device(order, x.device))
        parts, state = [], None
        for steps, n in zip(x.split(sizes, dim=1), n_rows.tolist(), strict=True):
            if state is not None:
                state = tuple(part[:n] for part in state)
            outputs, state = self(steps[:n], state)
            parts.append(F.pad(outputs, (0, 0, 0, 0, 0, n_sequences - n)))
        padded = F.pad(torch.cat(parts, dim=1), (0, 0, 0, n_steps - sum(sizes)))
        return padded.index_select(0, to_device(np.argsort(order), x.device))  # (B, T, H)

    def reads_packed(self, x: Tensor) -> bool:
        """Whether steps like x, a tensor ``(..., input_size)``, are best read packed.

        Packed steps bypass ``forward``, where hooks are called: a cell that has some is not.
        """
        return self.kernel is not None and not _has_hooks(self)

    def is_rounded(self, x: Tensor) -> bool:
        """Whether ``forward`` of x ``(B, T, input_size)`` computes all of it in bfloat16."""
        return False

    def graph(self, x: Tensor) -> type[Graph] | None:
        """Return the gradient of ``forward`` of x ``(B, T, input_size)``; None is torch's.

        Its piece has the steps as the first input, and perhaps lengths or the state after
        them, and the cell's parameters as its weights.
        """
        return None

    def weights(self) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Return the weights of input and state, then the biases, for the kernel."""
        raise NotImplementedError

    def read_packed(
        self,
        x: Tensor,
        steps: Steps,
        kernels: Kernels,
        state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs ``(N, H)``, and the state ``(B, H)`` after each last step.

        Parameters
        ----------
        x : float tensor of shape (N, input_size)
            Packed steps of all sequences.
        steps : Steps
            In the order in which they are read.
        kernels : mapping
            ``current_kernels``, of the thread that called the network.
        state : float tensor of shape (B, H), optional
            Before the first step, the longest sequence first.
        """
        assert self.kernel is not None
        if state is None:
            state = x.new_zeros(int(steps.sizes.max()), self.hidden_size)
        return recur(kernels[self.kernel], steps, x, state, *self.weights())

    def run_packed(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Return the result of ``forward``, by the kernel."""
        n_sequences, n_steps, size = x.shape
        outputs, last = self.read_packed(
            x.transpose(0, 1).reshape(-1, size),
            Steps.equal(n_sequences, n_steps),
            current_kernels(x),
            None if state is None else state[0],
        )
        return outputs.view(n_steps, n_sequences, -1).transpose(0, 1), (last,)


class TorchCell(Cell):
    """Abstract base: a recurrent layer of torch's, which has a fused kernel on the GPU.

    On the CPU torch runs all but the LSTM step by step, and a subclass may name a kernel.
    """

    def __init__(self, rnn: nn.RNNBase):
        super().__init__(rnn.input_size, rnn.hidden_size)
        self.rnn = rnn

    def forward(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Return the output of every step, and the state after the last one."""
        if x.shape[1] > 1 and self.reads_packed(x):
            return self.run_packed(x, state)
        if state is None:
            outputs, after = self.rnn(x)
        else:
            before = tuple(part[None].contiguous() for part in state)  # (1, B, H)
            outputs, after = self.rnn(x, before if self.n_states > 1 else before[0])
        parts = after if self.n_states > 1 else (after,)
        return outputs, tuple(part[0] for part in parts)

    def reads_packed(self, x: Tensor) -> bool:
        """Whether steps like x, a tensor ``(..., input_size)``, are best read packed.

        Without gradients torch's layer is as fast as the plain kernels.
        """
        is_kernel = super().reads_packed(x) and not _has_hooks(self.rnn)
        if not is_kernel or x.device.type != "cpu":
            return False
        return torch.is_grad_enabled() or not self.is_bounded or runs_compiled(x)

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the weights of input and state, then the biases, for the kernel."""
        rnn: Any = self.rnn  # whose weights may be tensors that are no parameters
        return rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0

    def step(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the state after one step, and the gates, as ``forward`` computes them."""
        if state is None:
            state = (x.new_zeros(len(x), self.hidden_size),) * self.n_states
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights()
        from_input = F.linear(x, weight_ih, bias_ih)
        from_state = F.linear(state[0], weight_hh, bias_hh)
        return self.combine(from_input, from_state, state)  # (B, n_gates * H) twice

    def combine(
        self, from_input: Tensor, from_state: Tensor, state: CellState
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the result of ``step``, from products with the two weight matrices.

        Parameters
        ----------
        from_input, from_state : float tensors of shape (B, n_gates * hidden_size)
            Products of the input and of the last output, biases added.
        state : tuple of (B, hidden_size)
            Before the step.
        """
        raise NotImplementedError


class LSTM(TorchCell):
    """Long short-term memory with a forget gate.

    References
    ----------
    Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8).
    Gers, Schmidhuber, Cummins (2000). Learning to forget: continual prediction with
    LSTM. Neural Computation 12(10).
    Jozefowicz, Zaremba, Sutskever (2015). An empirical exploration of recurrent network
    architectures. ICML, section 2.2.
    """

    n_states = 2  # outputs and cell values
    n_gates = 4
    gate_names = ("input", "forget", "output")
    is_fused = True
    #: Rows, steps of all rows and units from which bfloat16 pays for converting the weights.
    MIN_ROUNDED_ROWS: ClassVar[int] = 8
    MIN_ROUNDED_STEPS: ClassVar[int] = 64
    MIN_ROUNDED_UNITS: ClassVar[int] = 32

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(nn.LSTM(input_size, hidden_size, batch_first=True))

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the initial weights; the forget gate's bias is 1 (Jozefowicz et al.)."""
        super().initialize(generator)
        bias = self.rnn.get_parameter("bias_ih_l0")  # gates in the order i, f, g, o
        bias[self.hidden_size : 2 * self.hidden_size] = 1.0

    def forward(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Return the output of every step, and the state after the last one."""
        if not self.is_rounded(x):
            return super().forward(x, state)
        if state is None:
            state = (x.new_zeros(len(x), self.hidden_size),) * self.n_states
        output, value = (part[None] for part in state)  # (1, B, H)
        steps = x.transpose(0, 1).bfloat16().contiguous()  # (T, B, F)
        weights = [weight.bfloat16() for weight in self.weights()]
        # the value stays float32: a sum of many steps needs all digits
        outputs, *after, _ = _run_lstm(steps, weights, (output.bfloat16(), value))
        return outputs.transpose(0, 1).float(), tuple(part[0].float() for part in after)

    def graph(self, x: Tensor) -> type[Graph] | None:
        """Return ``LSTMGraph`` where ``forward`` is one call of torch's kernel for float32."""
        is_kernel = (
            x.dtype == torch.float32
            and x.device.type == "cpu"
            and bool(torch.backends.mkldnn.enabled)
            and torch.backends.mkldnn.is_available()
            and not self.is_rounded(x)
            and type(self) is LSTM
            and _is_plain(self.rnn)
            and not any(map(_has_hooks, (self, self.rnn)))
        )
        return LSTMGraph if is_kernel else None

    def is_rounded(self, x: Tensor) -> bool:
        """Whether ``forward`` computes in bfloat16; on a GPU it does not."""
        n_rows, n_steps, size = x.shape
        n_values = n_rows * n_steps * (size + self.hidden_size)
        return (
            x.device.type == "cpu"
            and may_round(x)
            and n_rows >= self.MIN_ROUNDED_ROWS
            and n_rows * n_steps >= self.MIN_ROUNDED_STEPS
            and self.hidden_size >= self.MIN_ROUNDED_UNITS
            and n_values * self.n_gates * self.hidden_size >= MIN_MULTIPLICATIONS
        )

    def combine(
        self, from_input: Tensor, from_state: Tensor, state: CellState
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the output and the cell value after a step, and the gates."""
        i, f, g, o = (from_input + from_state).chunk(4, dim=1)  # (B, H) each
        i, f, o = i.sigmoid(), f.sigmoid(), o.sigmoid()
        value = f * state[1] + i * g.tanh()
        return (o * value.tanh(), value), (i, f, o)


def _run_lstm(
    steps: Tensor, weights: Sequence[Tensor], before: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Return the outputs of torch's kernel, both states, and numbers for its gradient.

    Steps and outputs are ``(T, B, ...)``, states ``(1, B, H)``.
    """
    return torch.ops.aten.mkldnn_rnn_layer(
        steps,
        *weights,
        *before,
        reverse=False,
        batch_sizes=[],
        mode=LSTM_MODE,
        hidden_size=weights[1].shape[1],
        num_layers=1,
        has_biases=True,
        bidirectional=False,
        batch_first=False,
        train=torch.is_grad_enabled(),
    )


def _spread(first: float, last: float, like: Tensor) -> Tensor:
    """Return evenly spaced numbers, of the size, dtype and device of another tensor."""
    return torch.linspace(first, last, len(like), dtype=like.dtype, device=like.device)


def _is_plain(rnn: nn.RNNBase) -> bool:
    """Whether a layer is as ``LSTM`` makes it."""
    is_single = rnn.num_layers == 1 and not rnn.bidirectional and not rnn.proj_size
    return type(rnn) is nn.LSTM and rnn.bias and is_single


def _has_hooks(module: nn.Module) -> bool:
    """Whether somebody wants to know of the module's calls, or changes its weights there."""
    hooks: Any = module
    return bool(
        hooks._forward_hooks
        or hooks._forward_pre_hooks
        or hooks._backward_hooks
        or hooks._backward_pre_hooks
    )


class LSTMGraph(Graph):
    """An LSTM's kernel and its gradient, each called without a graph of torch's.

    Threads that run pieces then hold Python's lock for a moment only, and results have the
    bits of ``nn.LSTM``.
    """

    def run(self) -> None:
        """Call the kernel."""
        x, *others = (part.detach() for part in self.inputs)
        weights = [weight.detach() for weight in self.weights]
        size = weights[1].shape[1]
        floats = [part for part in others if part.is_floating_point()]
        states = [part[None].contiguous() for part in floats]  # (1, B, H)
        self.returns_tuple = bool(states)
        steps = x.transpose(0, 1).contiguous()  # (T, B, F)
        before = states or [x.new_zeros(1, len(x), size)] * 2
        with torch.enable_grad():  # else it keeps nothing for the gradient
            found = _run_lstm(steps, weights, before)
        self.kept = steps, weights, before, found
        self.versions = [part._version for part in found[:3]]
        self.outputs = [found[0].transpose(0, 1)]  # (B, T, H)
        if states:
            self.outputs += [part[0] for part in found[1:3]]
        self.n_outputs = len(self.outputs)

    def differentiate(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Return the gradients by inputs and weights, from those by the outputs."""
        if not self.outputs:
            self.run()
        steps, weights, before, found = self.kept
        del self.kept
        self.outputs = []
        leaves = (*self.inputs, *self.weights)
        by_outputs, *by_states = gradients
        is_wanted = any(leaf.requires_grad for leaf in leaves)
        if not is_wanted or all(gradient is None for gradient in gradients):
            return [None] * len(leaves)
        if self.versions != [part._version for part in found[:3]]:
            raise RuntimeError(
                "an LSTM's outputs have been modified by an inplace operation, and its "
                "gradient needs them"
            )
        outputs, hidden, value, workspace = found
        if by_outputs is not None:
            by_outputs = by_outputs.transpose(0, 1).contiguous()
        by_hidden, by_value = (
            None if part is None else part[None].contiguous()
            for part in by_states or (None, None)
        )
        by_x, *by_weights, by_hidden, by_value = (
            torch.ops.aten.mkldnn_rnn_layer_backward.default(
                *(steps, *weights, *before, outputs, hidden, value),
                *(by_outputs, by_hidden, by_value, False, LSTM_MODE, outputs.shape[2]),
                *(1, True, True, False, [], False, workspace),
            )
        )
        by_inputs = [by_x.transpose(0, 1)]
        if self.returns_tuple:
            by_inputs += [by_hidden[0], by_value[0]]
        by_inputs += [None] * (len(self.inputs) - len(by_inputs))
        pairs = zip(leaves, [*by_inputs, *by_weights], strict=True)
        return [gradient if leaf.requires_grad else None for leaf, gradient in pairs]


class GRU(TorchCell):
    """Gated recurrent unit, with the reset gate after the matrix product.

    References
    ----------
    Cho et al. (2014). Learning phrase representations using RNN encoder-decoder for
    statistical machine translation. EMNLP, section 2.3.
    Tallec, Ollivier (2018). Can recurrent neural networks warp time? ICLR, section 2. For
    biases of gates by the times that they remember.
    """

    n_gates = 3
    gate_names = ("reset", "update")
    kernel = "gru"
    #: Initial biases of the update gate, from the first unit to the last.
    update_biases: ClassVar[tuple[float, float]] = (-3.0, 3.0)

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(nn.GRU(input_size, hidden_size, batch_first=True))

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the initial weights; units differ in how much of their state they keep.

        The biases of the update gate are spread evenly: the first units replace 0.95 of
        their state at each step, the last ones keep as much, for some 20 steps. With 0 for
        all of them gradients vanish faster than in a tanh network; with 2 for all, or the
        longer times of chrono initialization (Tallec & Ollivier), short memories are
        learned slowly.
        """
        super().initialize(generator)
        bias = self.rnn.get_parameter("bias_ih_l0")  # gates in the order r, z, n
        size = self.hidden_size
        bias[size : 2 * size] = _spread(*self.update_biases, bias[size : 2 * size])

    def combine(
        self, from_input: Tensor, from_state: Tensor, state: CellState
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the output after a step, and the gates; an update of 1 keeps the state."""
        size = 2 * self.hidden_size
        gates = (from_input[:, :size] + from_state[:, :size]).sigmoid()
        reset, update = gates.chunk(2, dim=1)  # (B, H) each
        candidate = (from_input[:, size:] + reset * from_state[:, size:]).tanh()
        return (torch.lerp(candidate, state[0], update),), (reset, update)


class TanhRNN(TorchCell):
    """The simple recurrent network with tanh units.

    References
    ----------
    Elman (1990). Finding structure in time. Cognitive Science 14(2).
    """

    kernel = "tanh"

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(nn.RNN(input_size, hidden_size, batch_first=True))

    def combine(
        self, from_input: Tensor, from_state: Tensor, state: CellState
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the output after a step."""
        return ((from_input + from_state).tanh(),), ()


class ReLURNN(TorchCell):
    """The simple recurrent network with rectified linear units.

    References
    ----------
    Le, Jaitly, Hinton (2015). A simple way to initialize recurrent networks of rectified
    linear units. arXiv 1504.00941, section 2.
    """

    is_bounded = False
    kernel = "relu"

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(
            nn.RNN(input_size, hidden_size, nonlinearity="relu", batch_first=True)
        )

    def combine(
        self, from_input: Tensor, from_state: Tensor, state: CellState
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the output after a step."""
        return ((from_input + from_state).relu(),), ()

    def initialize_recurrent(self, weight: Tensor, generator: Generator) -> None:
        """Fill a hidden-to-hidden matrix with the identity (Le et al.)."""
        weight.zero_().fill_diagonal_(1.0)


class MinGRU(Cell):
    """Minimal gated recurrent unit: gate and candidate from the input alone.

    The state enters no product and no nonlinearity, so a step costs next to nothing, and
    the state is a weighted mean of the candidates so far.

    References
    ----------
    Feng, Tung, Ahmed, Bengio, Hajimirsadeghi (2024). Were RNNs all we needed? arXiv
    2410.01201, section 3.1.
    """

    n_gates = 2
    gate_names = ("update",)
    kernel = "mingru"

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size, 2 * hidden_size)  # update, then candidate

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw the initial weights; units differ in how much of their state they keep.

        The biases of the update gate are spread as those of ``GRU``, where an update of 1
        keeps the state and does not replace it.
        """
        super().initialize(generator)
        low, high = GRU.update_biases
        bias = self.linear.bias[: self.hidden_size]
        bias.copy_(_spread(-low, -high, bias))

    def weights(self) -> tuple[Tensor, None, Tensor, None]:
        """Return the weight and the bias of the input, for the kernel."""
        return self.linear.weight, None, self.linear.bias, None

    def forward(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Return the output of every step, and the state after the last one."""
        if x.shape[1] > 1:
            return self.run_packed(x, state)
        after, _ = self.step(x[:, 0], state)
        return after[0][:, None], after

    def step(
        self, x: Tensor, state: CellState | None = None
    ) -> tuple[CellState, tuple[Tensor, ...]]:
        """Return the output after a step, and the gate; an update of 1 replaces the state."""
        if state is None:
            state = (x.new_zeros(len(x), self.hidden_size),)
        update, candidate = self.linear(x).chunk(2, dim=1)  # (B, H) each
        update = update.sigmoid()
        return (torch.lerp(state[0], candidate, update),), (update,)


CELLS: dict[str, type[Cell]] = {
    "lstm": LSTM,
    "gru": GRU,
    "mingru": MinGRU,
    "rnn_tanh": TanhRNN,
    "rnn_relu": ReLURNN,
}
