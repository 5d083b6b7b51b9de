"""The kernels of ``plain_kernels`` as machine code, by numba.

The whole loop over steps is one call that releases Python's lock, so that two directions,
or two fits, run side by side. Only float32 on the CPU. Importing this module imports numba;
a function is compiled at its first call, and read from a cache after that.

The only freedom that the compiler has is to fuse a multiplication and an addition: NaN and
inf must pass, and each row must come out the same however many rows a step has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn.modules.recurrent.compiled_products import (
    add_product,
    compiled,
    multiply,
    multiply_rows,
)
from skrnn.modules.recurrent.packing import Steps
from skrnn.modules.recurrent.plain_kernels import Gradients, Kernel, Kernels

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
#: Beyond it tanh is 1 to the error below. From 8.1 on rounding may make more than 1 of the
#: quotient, and a slope negative.
LIMIT = np.float32(7.9)
#: The rational function of x squared that is closest to tanh(x) / x up to the limit.
P = tuple(
    map(
        np.float32, (0.999999979, 0.133810214, 3.49558308e-3, 2.06090004e-5, 1.3354552e-8)
    )
)
Q = tuple(map(np.float32, (1.0, 0.46714337, 2.5876963e-2, 3.2856266e-4, 7.77651254e-7)))


@compiled
def _tanh(x):
    """Return tanh up to a relative error of 4e-7; unlike the library's it vectorizes."""
    x = LIMIT if x > LIMIT else x  # NaN stays
    x = -LIMIT if x < -LIMIT else x
    u = x * x
    p = (((P[4] * u + P[3]) * u + P[2]) * u + P[1]) * u + P[0]
    q = (((Q[4] * u + Q[3]) * u + Q[2]) * u + Q[1]) * u + Q[0]
    return x * p / q


@compiled
def _sigmoid(x):
    return HALF * _tanh(HALF * x) + HALF


# --- loops over the steps -----------------------------------------------------------------


@compiled
def _gru_forward(
    gates, starts, sizes, hidden, weight, bias, outputs, proposed, before, keep
):
    units = hidden.shape[1]
    for s in range(len(starts)):
        start, size = starts[s], sizes[s]
        there = start if keep else 0
        for i in range(size):
            row = proposed[there + i]
            for j in range(units):
                row[j] = bias[j]
        add_product(gates, start, 0, hidden, 0, 0, size, weight, 0, 2 * units)
        add_product(proposed, there, 0, hidden, 0, 0, size, weight, 2 * units, units)
        for i in range(size):
            both = gates[start + i, : 2 * units]
            for j in range(2 * units):
                both[j] = _sigmoid(both[j])
            reset = gates[start + i, :units]
            candidate = gates[start + i, 2 * units :]
            row = proposed[there + i]
            for j in range(units):
                candidate[j] = _tanh(candidate[j] + reset[j] * row[j])
            state = hidden[i]
            if keep:
                old = before[start + i]
                for j in range(units):
                    old[j] = state[j]
            update = gates[start + i, units : 2 * units]
            for j in range(units):
                state[j] = candidate[j] + update[j] * (state[j] - candidate[j])
            out = outputs[start + i]
            for j in range(units):
                out[j] = state[j]


@compiled
def _gru_backward(
    gates, proposed, before, by_outputs, by_state, starts, sizes, weight, slopes
):
    units = by_state.shape[1]
    for s in range(len(starts) - 1, -1, -1):
        start, size = starts[s], sizes[s]
        for i in range(size):
            gradient = by_state[i]
            if len(by_outputs):
                more = by_outputs[start + i]
                for j in range(units):
                    gradient[j] += more[j]
            reset = gates[start + i, :units]
            update = gates[start + i, units : 2 * units]
            candidate = gates[start + i, 2 * units :]
            by_candidate = slopes[start + i, :units]
            by_reset = slopes[start + i, units : 2 * units]
            by_update = slopes[start + i, 2 * units : 3 * units]
            by_proposed = slopes[start + i, 3 * units :]
            for j in range(units):
                c = candidate[j]
                by_candidate[j] = gradient[j] * (ONE - update[j]) * (ONE - c * c)
            for j in range(units):
                by_proposed[j] = by_candidate[j] * reset[j]
            row = proposed[start + i]
            for j in range(units):
                by_reset[j] = by_proposed[j] * row[j] * (ONE - reset[j])
            old = before[start + i]
            for j in range(units):
                u = update[j]
                by_update[j] = gradient[j] * (old[j] - candidate[j]) * u * (ONE - u)
            for j in range(units):
                gradient[j] *= update[j]
        add_product(by_state, 0, 0, slopes, start, units, size, weight, 0, units)


@compiled
def _simple_forward(gates, starts, sizes, hidden, weight, before, keep, is_tanh):
    units = hidden.shape[1]
    for s in range(len(starts)):
        start, size = starts[s], sizes[s]
        add_product(gates, start, 0, hidden, 0, 0, size, weight, 0, units)
        for i in range(size):
            row, state = gates[start + i], hidden[i]
            if keep:
                old = before[start + i]
                for j in range(units):
                    old[j] = state[j]
            if is_tanh:
                for j in range(units):
                    row[j] = _tanh(row[j])
            else:
                for j in range(units):
                    row[j] = ZERO if row[j] <= ZERO else row[j]  # NaN stays
            for j in range(units):
                state[j] = row[j]


@compiled
def _simple_backward(
    outputs, by_outputs, by_state, starts, sizes, weight, slopes, is_tanh
):
    units = by_state.shape[1]
    for s in range(len(starts) - 1, -1, -1):
        start, size = starts[s], sizes[s]
        for i in range(size):
            gradient, slope, out = by_state[i], slopes[start + i], outputs[start + i]
            if len(by_outputs):
                more = by_outputs[start + i]
                for j in range(units):
                    gradient[j] += more[j]
            if is_tanh:
                for j in range(units):
                    slope[j] = gradient[j] * (ONE - out[j] * out[j])
            else:
                for j in range(units):
                    slope[j] = ZERO if out[j] <= ZERO else gradient[j]
            for j in range(units):
                gradient[j] = ZERO
        add_product(by_state, 0, 0, slopes, start, 0, size, weight, 0, units)


@compiled
def _mingru_forward(gates, starts, sizes, hidden, outputs, before, keep):
    units = hidden.shape[1]
    for s in range(len(starts)):
        for i in range(sizes[s]):
            update = gates[starts[s] + i, :units]
            candidate = gates[starts[s] + i, units:]
            state, out = hidden[i], outputs[starts[s] + i]
            if keep:
                old = before[starts[s] + i]
                for j in range(units):
                    old[j] = state[j]
            for j in range(units):
                update[j] = _sigmoid(update[j])
            for j in range(units):
                state[j] = state[j] + update[j] * (candidate[j] - state[j])
            for j in range(units):
                out[j] = state[j]


@compiled
def _mingru_backward(gates, before, by_outputs, by_state, starts, sizes, slopes):
    units = by_state.shape[1]
    for s in range(len(starts) - 1, -1, -1):
        start, size = starts[s], sizes[s]
        for i in range(size):
            gradient, old = by_state[i], before[start + i]
            if len(by_outputs):
                more = by_outputs[start + i]
                for j in range(units):
                    gradient[j] += more[j]
            update, candidate = gates[start + i, :units], gates[start + i, units:]
            by_update, by_candidate = slopes[start + i, :units], slopes[start + i, units:]
            for j in range(units):
                by_candidate[j] = gradient[j] * update[j]
            for j in range(units):
                by_update[j] = by_candidate[j] * (candidate[j] - old[j])
            for j in range(units):
                by_update[j] *= ONE - update[j]
            for j in range(units):
                gradient[j] *= ONE - update[j]


# --- kernels ------------------------------------------------------------------------------

#: In place of gradients by the outputs where there are none.
_NOTHING = np.empty((0, 0), np.float32)


def _optional(gradient: Tensor | None) -> Any:
    return _NOTHING if gradient is None else gradient.contiguous().numpy()


def gru_forward(
    gates: Tensor, steps: Steps, state: Tensor, weight: Tensor, bias: Tensor, keep: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a gated recurrent unit: gates in the order reset, update, candidate."""
    n_rows, size = len(gates), state.shape[1]
    gates[:, : 2 * size] += bias[: 2 * size]
    outputs = gates.new_empty((n_rows, size))
    proposed = gates.new_empty((n_rows if keep else len(state), size))
    before = gates.new_empty((n_rows if keep else 0, size))
    _gru_forward(
        gates.numpy(),
        *steps,
        state.clone().numpy(),
        weight.t().contiguous().numpy(),
        bias[2 * size :].numpy(),
        outputs.numpy(),
        proposed.numpy(),
        before.numpy(),
        keep,
    )
    return outputs, (gates, proposed, before) if keep else ()


def gru_backward(
    by_outputs: Tensor | None,
    by_last: Tensor,
    steps: Steps,
    state: Tensor,
    weight: Tensor,
    saved: tuple[Tensor, ...],
) -> Gradients:
    """Return the gradients of ``gru_forward``."""
    gates, proposed, before = saved
    n_rows, size = proposed.shape
    slopes = gates.new_empty((n_rows, 4 * size))
    _gru_backward(
        gates.numpy(),
        proposed.numpy(),
        before.numpy(),
        _optional(by_outputs),
        by_last.numpy(),
        *steps,
        weight.contiguous().numpy(),
        slopes.numpy(),
    )
    return Gradients(slopes[:, : 3 * size], slopes[:, size:], by_last, before, size)


def _simple(is_tanh: bool) -> Kernel:
    """Return the kernel of a simple recurrent network."""

    def forward(
        gates: Tensor,
        steps: Steps,
        state: Tensor,
        weight: Tensor,
        bias: Tensor,
        keep: bool,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        gates += bias
        before = gates.new_empty((len(gates) if keep else 0, state.shape[1]))
        _simple_forward(
            gates.numpy(),
            *steps,
            state.clone().numpy(),
            weight.t().contiguous().numpy(),
            before.numpy(),
            keep,
            is_tanh,
        )
        return gates, (gates, before) if keep else ()

    def backward(
        by_outputs: Tensor | None,
        by_last: Tensor,
        steps: Steps,
        state: Tensor,
        weight: Tensor,
        saved: tuple[Tensor, ...],
    ) -> Gradients:
        outputs, before = saved
        slopes = torch.empty_like(outputs)
        _simple_backward(
            outputs.numpy(),
            _optional(by_outputs),
            by_last.numpy(),
            *steps,
            weight.contiguous().numpy(),
            slopes.numpy(),
            is_tanh,
        )
        return Gradients(slopes, slopes, by_last, before)

    return Kernel(forward, backward, multiply, multiply_rows)


def mingru_forward(
    gates: Tensor, steps: Steps, state: Tensor, weight: None, bias: None, keep: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a minimal gated recurrent unit: gates in the order update, candidate."""
    n_rows, size = len(gates), state.shape[1]
    outputs = gates.new_empty((n_rows, size))
    before = gates.new_empty((n_rows if keep else 0, size))
    _mingru_forward(
        gates.numpy(),
        *steps,
        state.clone().numpy(),
        outputs.numpy(),
        before.numpy(),
        keep,
    )
    return outputs, (gates, before) if keep else ()


def mingru_backward(
    by_outputs: Tensor | None,
    by_last: Tensor,
    steps: Steps,
    state: Tensor,
    weight: None,
    saved: tuple[Tensor, ...],
) -> Gradients:
    """Return the gradients of ``mingru_forward``."""
    gates, before = saved
    slopes = torch.empty_like(gates)
    _mingru_backward(
        gates.numpy(),
        before.numpy(),
        _optional(by_outputs),
        by_last.numpy(),
        *steps,
        slopes.numpy(),
    )
    return Gradients(slopes, None, by_last, None)


KERNELS: Kernels = {
    "gru": Kernel(gru_forward, gru_backward, multiply, multiply_rows),
    "mingru": Kernel(mingru_forward, mingru_backward, multiply, multiply_rows),
    "relu": _simple(False),
    "tanh": _simple(True),
}
