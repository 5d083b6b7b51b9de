"""The kernels of ``plain_kernels`` as machine code, by numba.

The whole loop over steps is one call that releases Python's lock, so that two directions,
or two fits, run side by side. Only float32 on the CPU. Importing this module imports numba;
a function is compiled at its first call, and read from a cache after that.

The only freedom that the compiler has is to fuse a multiplication and an addition: NaN and
inf must pass, and each row must come out the same however many rows a step has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from skrnn.modules.recurrent.packing import Steps
from skrnn.modules.recurrent.plain_kernels import Gradients, Kernels

#: Columns and rows of a block of a weight, which stays in the nearest cache.
COLUMNS, TERMS = 512, 32
ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
#: Beyond it tanh is 1 in float32.
LIMIT = np.float32(9.0)
#: The rational function of x squared that is closest to tanh(x) / x up to the limit.
P = tuple(
    map(
        np.float32, (0.999999979, 0.133810214, 3.49558308e-3, 2.06090004e-5, 1.3354552e-8)
    )
)
Q = tuple(map(np.float32, (1.0, 0.46714337, 2.5876963e-2, 3.2856266e-4, 7.77651254e-7)))


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call; keep the result where a folder is writable."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    options["fastmath"] = {"contract"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache
        return numba.njit(**options)(function)


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


@compiled
def _add_eight(out, a, block, row, o0, o1, a_row, a0, a1, w0, w1):
    """Add the product of eight rows of ``a``, four terms at a time."""
    x0, y0 = a[a_row, a0:a1], out[row, o0:o1]
    x1, y1 = a[a_row + 1, a0:a1], out[row + 1, o0:o1]
    x2, y2 = a[a_row + 2, a0:a1], out[row + 2, o0:o1]
    x3, y3 = a[a_row + 3, a0:a1], out[row + 3, o0:o1]
    x4, y4 = a[a_row + 4, a0:a1], out[row + 4, o0:o1]
    x5, y5 = a[a_row + 5, a0:a1], out[row + 5, o0:o1]
    x6, y6 = a[a_row + 6, a0:a1], out[row + 6, o0:o1]
    x7, y7 = a[a_row + 7, a0:a1], out[row + 7, o0:o1]
    size, n_terms, k = o1 - o0, a1 - a0, 0
    while k + 4 <= n_terms:
        x00, x01, x02, x03 = x0[k], x0[k + 1], x0[k + 2], x0[k + 3]
        x10, x11, x12, x13 = x1[k], x1[k + 1], x1[k + 2], x1[k + 3]
        x20, x21, x22, x23 = x2[k], x2[k + 1], x2[k + 2], x2[k + 3]
        x30, x31, x32, x33 = x3[k], x3[k + 1], x3[k + 2], x3[k + 3]
        x40, x41, x42, x43 = x4[k], x4[k + 1], x4[k + 2], x4[k + 3]
        x50, x51, x52, x53 = x5[k], x5[k + 1], x5[k + 2], x5[k + 3]
        x60, x61, x62, x63 = x6[k], x6[k + 1], x6[k + 2], x6[k + 3]
        x70, x71, x72, x73 = x7[k], x7[k + 1], x7[k + 2], x7[k + 3]
        v0, v1 = block[k, w0:w1], block[k + 1, w0:w1]
        v2, v3 = block[k + 2, w0:w1], block[k + 3, w0:w1]
        for j in range(size):
            b0, b1, b2, b3 = v0[j], v1[j], v2[j], v3[j]
            y0[j] = y0[j] + x00 * b0 + x01 * b1 + x02 * b2 + x03 * b3
            y1[j] = y1[j] + x10 * b0 + x11 * b1 + x12 * b2 + x13 * b3
            y2[j] = y2[j] + x20 * b0 + x21 * b1 + x22 * b2 + x23 * b3
            y3[j] = y3[j] + x30 * b0 + x31 * b1 + x32 * b2 + x33 * b3
            y4[j] = y4[j] + x40 * b0 + x41 * b1 + x42 * b2 + x43 * b3
            y5[j] = y5[j] + x50 * b0 + x51 * b1 + x52 * b2 + x53 * b3
            y6[j] = y6[j] + x60 * b0 + x61 * b1 + x62 * b2 + x63 * b3
            y7[j] = y7[j] + x70 * b0 + x71 * b1 + x72 * b2 + x73 * b3
        k += 4
    while k < n_terms:
        v0 = block[k, w0:w1]
        x00 = x0[k]
        x10 = x1[k]
        x20 = x2[k]
        x30 = x3[k]
        x40 = x4[k]
        x50 = x5[k]
        x60 = x6[k]
        x70 = x7[k]
        for j in range(size):
            y0[j] = y0[j] + x00 * v0[j]
            y1[j] = y1[j] + x10 * v0[j]
            y2[j] = y2[j] + x20 * v0[j]
            y3[j] = y3[j] + x30 * v0[j]
            y4[j] = y4[j] + x40 * v0[j]
            y5[j] = y5[j] + x50 * v0[j]
            y6[j] = y6[j] + x60 * v0[j]
            y7[j] = y7[j] + x70 * v0[j]
        k += 1


@compiled
def _add_four(out, a, block, row, o0, o1, a_row, a0, a1, w0, w1):
    """Add the product of four rows of ``a``, four terms at a time."""
    x0, y0 = a[a_row, a0:a1], out[row, o0:o1]
    x1, y1 = a[a_row + 1, a0:a1], out[row + 1, o0:o1]
    x2, y2 = a[a_row + 2, a0:a1], out[row + 2, o0:o1]
    x3, y3 = a[a_row + 3, a0:a1], out[row + 3, o0:o1]
    size, n_terms, k = o1 - o0, a1 - a0, 0
    while k + 4 <= n_terms:
        x00, x01, x02, x03 = x0[k], x0[k + 1], x0[k + 2], x0[k + 3]
        x10, x11, x12, x13 = x1[k], x1[k + 1], x1[k + 2], x1[k + 3]
        x20, x21, x22, x23 = x2[k], x2[k + 1], x2[k + 2], x2[k + 3]
        x30, x31, x32, x33 = x3[k], x3[k + 1], x3[k + 2], x3[k + 3]
        v0, v1 = block[k, w0:w1], block[k + 1, w0:w1]
        v2, v3 = block[k + 2, w0:w1], block[k + 3, w0:w1]
        for j in range(size):
            b0, b1, b2, b3 = v0[j], v1[j], v2[j], v3[j]
            y0[j] = y0[j] + x00 * b0 + x01 * b1 + x02 * b2 + x03 * b3
            y1[j] = y1[j] + x10 * b0 + x11 * b1 + x12 * b2 + x13 * b3
            y2[j] = y2[j] + x20 * b0 + x21 * b1 + x22 * b2 + x23 * b3
            y3[j] = y3[j] + x30 * b0 + x31 * b1 + x32 * b2 + x33 * b3
        k += 4
    while k < n_terms:
        v0 = block[k, w0:w1]
        x00 = x0[k]
        x10 = x1[k]
        x20 = x2[k]
        x30 = x3[k]
        for j in range(size):
            y0[j] = y0[j] + x00 * v0[j]
            y1[j] = y1[j] + x10 * v0[j]
            y2[j] = y2[j] + x20 * v0[j]
            y3[j] = y3[j] + x30 * v0[j]
        k += 1


@compiled
def _add_one(out, a, block, row, o0, o1, a_row, a0, a1, w0, w1):
    """Add the product of one row of ``a``, four terms at a time."""
    x0, y0 = a[a_row, a0:a1], out[row, o0:o1]
    size, n_terms, k = o1 - o0, a1 - a0, 0
    while k + 4 <= n_terms:
        x00, x01, x02, x03 = x0[k], x0[k + 1], x0[k + 2], x0[k + 3]
        v0, v1 = block[k, w0:w1], block[k + 1, w0:w1]
        v2, v3 = block[k + 2, w0:w1], block[k + 3, w0:w1]
        for j in range(size):
            b0, b1, b2, b3 = v0[j], v1[j], v2[j], v3[j]
            y0[j] = y0[j] + x00 * b0 + x01 * b1 + x02 * b2 + x03 * b3
        k += 4
    while k < n_terms:
        v0 = block[k, w0:w1]
        x00 = x0[k]
        for j in range(size):
            y0[j] = y0[j] + x00 * v0[j]
        k += 1


@compiled
def _add_product(
    out, out_row, out_column, a, a_row, a_column, n_rows, w, w_column, width
):
    """Add rows of ``a`` times columns of ``w`` to rows of ``out``.

    Eight rows and four terms at a time: what is read of ``w`` and ``out`` serves 32
    multiplications.
    """
    for column in range(0, width, COLUMNS):
        w0, o0 = w_column + column, out_column + column
        w1 = w_column + min(width, column + COLUMNS)
        o1 = o0 + w1 - w0
        for first in range(0, w.shape[0], TERMS):
            block = w[first : first + TERMS]
            a0, a1 = a_column + first, a_column + first + block.shape[0]
            i = 0
            while i + 8 <= n_rows:
                _add_eight(out, a, block, out_row + i, o0, o1, a_row + i, a0, a1, w0, w1)
                i += 8
            while i + 4 <= n_rows:
                _add_four(out, a, block, out_row + i, o0, o1, a_row + i, a0, a1, w0, w1)
                i += 4
            while i < n_rows:
                _add_one(out, a, block, out_row + i, o0, o1, a_row + i, a0, a1, w0, w1)
                i += 1


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
        _add_product(gates, start, 0, hidden, 0, 0, size, weight, 0, 2 * units)
        _add_product(proposed, there, 0, hidden, 0, 0, size, weight, 2 * units, units)
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
        _add_product(by_state, 0, 0, slopes, start, units, size, weight, 0, units)


@compiled
def _simple_forward(gates, starts, sizes, hidden, weight, before, keep, is_tanh):
    units = hidden.shape[1]
    for s in range(len(starts)):
        start, size = starts[s], sizes[s]
        _add_product(gates, start, 0, hidden, 0, 0, size, weight, 0, units)
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
        _add_product(by_state, 0, 0, slopes, start, 0, size, weight, 0, units)


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


def _simple(is_tanh: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
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

    return forward, backward


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
    "gru": (gru_forward, gru_backward),
    "mingru": (mingru_forward, mingru_backward),
    "relu": _simple(False),
    "tanh": _simple(True),
}
