"""Recurrences over packed steps in plain operations of torch.

The definition of every kernel, for any dtype and device; ``compiled_kernels`` has the same
functions as machine code. A *kernel* has four functions:

``forward(gates, steps, state, weight, bias, keep)``
    ``gates`` ``(N, n_gates * H)`` are products of the inputs and are overwritten, ``state``
    ``(B, H)`` is the one before the first step, ``weight`` ``(n_gates * H, H)`` and ``bias``
    are those of the state. Returns the outputs ``(N, H)``, and tensors for ``backward`` if
    ``keep``.

``backward(by_outputs, by_last, steps, state, weight, saved)``
    Gradients by the outputs, or None, and by the state after the last step ``(B, H)``, which
    is overwritten. Returns a ``Gradients``.

``multiply(x, weight, bias)`` and ``multiply_rows(left, right)``
    As those of ``skrnn.modules.products``: ``x @ weight.T + bias``, ``left.T @ right``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skrnn.modules.products import multiply, multiply_rows
from skrnn.modules.recurrent.packing import Steps
from skrnn.modules.transfer import to_device


class Kernel(NamedTuple):
    """The functions of a recurrence."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    multiply: Callable[..., Tensor] = multiply
    multiply_rows: Callable[..., Tensor] = multiply_rows


#: By name.
Kernels = Mapping[str, Kernel]


class Gradients(NamedTuple):
    """Gradients that the backward pass over the steps finds.

    Attributes
    ----------
    by_input : (N, n_gates * H)
        By ``gates``.
    by_hidden : (N, n_gates * H) or None
        By the products of the state with ``weight``.
    by_state : (B, H)
        By the state before the first step.
    before : (N, H) or None
        The state before each row; None where no weight is multiplied with it.
    n_moved : int
        The columns of ``by_input`` that stand first and belong to the last gate.
    """

    by_input: Tensor
    by_hidden: Tensor | None
    by_state: Tensor
    before: Tensor | None
    n_moved: int = 0


def _split(x: Tensor, steps: Steps) -> list[Tensor]:
    """Return the rows of each step, in the order in which the cell reads."""
    sizes = steps.sizes.tolist()
    if len(sizes) > 1 and steps.starts[0] > 0:
        return list(x.split(sizes[::-1]))[::-1]
    return list(x.split(sizes))


def _rows(state: Tensor, size: int, initial: Tensor) -> Tensor:
    """Return the states of the first ``size`` sequences; some of them may begin here."""
    if len(state) >= size:
        return state[:size]
    return torch.cat([state, initial[len(state) : size]])


def _before(state: Tensor, outputs: Tensor, steps: Steps) -> Tensor:
    previous = to_device(steps.previous(), outputs.device)
    return torch.cat([state, outputs]).index_select(0, previous)


# --- simple cells -------------------------------------------------------------------------


def tanh_forward(
    gates: Tensor, steps: Steps, state: Tensor, weight: Tensor, bias: Tensor, keep: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a simple recurrent network with tanh units."""
    return _simple_forward(gates, steps, state, weight, bias, torch.tanh_)


def relu_forward(
    gates: Tensor, steps: Steps, state: Tensor, weight: Tensor, bias: Tensor, keep: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a simple recurrent network with rectified linear units."""
    return _simple_forward(gates, steps, state, weight, bias, torch.relu_)


def _simple_forward(gates, steps, state, weight, bias, activation):
    gates += bias
    recurrent, hidden = weight.t(), state
    for rows in _split(gates, steps):
        hidden = activation(rows.addmm_(_rows(hidden, len(rows), state), recurrent))
    return gates, (gates,)


def tanh_backward(
    by_outputs: Tensor | None,
    by_last: Tensor,
    steps: Steps,
    state: Tensor,
    weight: Tensor,
    saved: tuple[Tensor, ...],
) -> Gradients:
    """Return the gradients of ``tanh_forward``."""
    (outputs,) = saved
    slopes = torch.addcmul(outputs.new_ones(()), outputs, outputs, value=-1)
    return _simple_backward(by_outputs, by_last, steps, state, weight, outputs, slopes)


def relu_backward(
    by_outputs: Tensor | None,
    by_last: Tensor,
    steps: Steps,
    state: Tensor,
    weight: Tensor,
    saved: tuple[Tensor, ...],
) -> Gradients:
    """Return the gradients of ``relu_forward``."""
    (outputs,) = saved
    slopes = (~(outputs <= 0)).to(outputs.dtype)
    return _simple_backward(by_outputs, by_last, steps, state, weight, outputs, slopes)


def _simple_backward(by_outputs, by_last, steps, state, weight, outputs, slopes):
    parts = _split(slopes, steps)
    added = [None] * len(parts) if by_outputs is None else _split(by_outputs, steps)
    for slope, more in zip(reversed(parts), reversed(added), strict=True):
        rows = by_last[: len(slope)]
        if more is not None:
            rows += more
        slope *= rows
        torch.mm(slope, weight, out=rows)
    return Gradients(slopes, slopes, by_last, _before(state, outputs, steps))


# --- GRU ----------------------------------------------------------------------------------


def gru_forward(
    gates: Tensor, steps: Steps, state: Tensor, weight: Tensor, bias: Tensor, keep: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a gated recurrent unit: gates in the order reset, update, candidate."""
    size = state.shape[1]
    outputs = gates.new_empty((len(gates), size))
    from_state = torch.empty_like(gates)
    recurrent, hidden = weight.t(), state
    for rows, products, both, reset, update, candidate, proposed, out in zip(
        *(
            _split(x, steps)
            for x in (
                gates,
                from_state,
                gates[:, : 2 * size],
                gates[:, :size],
                gates[:, size : 2 * size],
                gates[:, 2 * size :],
                from_state[:, 2 * size :],
                outputs,
            )
        ),
        strict=True,
    ):
        hidden = _rows(hidden, len(rows), state)
        torch.addmm(bias, hidden, recurrent, out=products)
        both.add_(products[:, : 2 * size]).sigmoid_()
        candidate.addcmul_(reset, proposed).tanh_()
        hidden = torch.lerp(candidate, hidden, update, out=out)
    return outputs, (gates, from_state[:, 2 * size :], outputs) if keep else ()


def gru_backward(
    by_outputs: Tensor | None,
    by_last: Tensor,
    steps: Steps,
    state: Tensor,
    weight: Tensor,
    saved: tuple[Tensor, ...],
) -> Gradients:
    """Return the gradients of ``gru_forward``.

    All but the gradient by the state is known before the loop: blocks of ``slopes`` are for
    candidate, reset, update, and the part of the candidate that the reset gate scales.
    """
    gates, proposed, outputs = saved
    n_rows, size = outputs.shape
    reset, update, candidate = gates.view(n_rows, 3, size).unbind(1)
    before = _before(state, outputs, steps)
    slopes = gates.new_empty((n_rows, 4, size))
    by_candidate, by_reset, by_update, by_proposed = slopes.unbind(1)
    torch.mul(1 - update, 1 - candidate.square(), out=by_candidate)
    torch.mul(by_candidate, reset, out=by_proposed)
    torch.mul(by_proposed, proposed * (1 - reset), out=by_reset)
    torch.mul(before - candidate, update * (1 - update), out=by_update)
    flat = slopes.view(n_rows, 4 * size)
    hidden_part = flat[:, size:]
    parts = _split(slopes, steps)
    added = [None] * len(parts) if by_outputs is None else _split(by_outputs, steps)
    for slope, more, product, keep in zip(
        reversed(parts),
        reversed(added),
        reversed(_split(hidden_part, steps)),
        reversed(_split(update, steps)),
        strict=True,
    ):
        rows = by_last[: len(slope)]
        if more is not None:
            rows += more
        slope *= rows[:, None]
        rows.mul_(keep).addmm_(product, weight)
    return Gradients(flat[:, : 3 * size], hidden_part, by_last, before, size)


# --- minGRU -------------------------------------------------------------------------------


def mingru_forward(
    gates: Tensor, steps: Steps, state: Tensor, weight: None, bias: None, keep: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a minimal gated recurrent unit: gates in the order update, candidate."""
    size = state.shape[1]
    gates[:, :size].sigmoid_()
    outputs, hidden = gates.new_empty((len(gates), size)), state
    for update, candidate, out in zip(
        _split(gates[:, :size], steps),
        _split(gates[:, size:], steps),
        _split(outputs, steps),
        strict=True,
    ):
        hidden = _rows(hidden, len(out), state)
        hidden = torch.lerp(hidden, candidate, update, out=out)
    return outputs, (gates, outputs) if keep else ()


def mingru_backward(
    by_outputs: Tensor | None,
    by_last: Tensor,
    steps: Steps,
    state: Tensor,
    weight: None,
    saved: tuple[Tensor, ...],
) -> Gradients:
    """Return the gradients of ``mingru_forward``."""
    gates, outputs = saved
    size = outputs.shape[1]
    update, candidate = gates[:, :size], gates[:, size:]
    keep = 1 - update
    by_state = torch.empty_like(outputs)  # of each row, by its own output
    parts = _split(by_state, steps)
    added = [None] * len(parts) if by_outputs is None else _split(by_outputs, steps)
    for part, more, kept in zip(
        reversed(parts), reversed(added), reversed(_split(keep, steps)), strict=True
    ):
        rows = by_last[: len(part)]
        if more is not None:
            rows += more
        part.copy_(rows)
        rows *= kept
    slopes = torch.empty_like(gates)
    torch.mul(by_state, update, out=slopes[:, size:])
    before = _before(state, outputs, steps)
    torch.mul(by_state * (candidate - before), keep * update, out=slopes[:, :size])
    return Gradients(slopes, None, by_last, None)


KERNELS: Kernels = {
    "gru": Kernel(gru_forward, gru_backward),
    "mingru": Kernel(mingru_forward, mingru_backward),
    "relu": Kernel(relu_forward, relu_backward),
    "tanh": Kernel(tanh_forward, tanh_backward),
}
