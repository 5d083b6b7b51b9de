"""The recurrence and its kernels against torch's layers on packed sequences."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from skrnn.modules.recurrent import CELLS, expected_work, plain_kernels, recurrence
from skrnn.modules.recurrent.packing import Packing
from skrnn.modules.recurrent.recurrence import compiled_kernels, current_kernels, recur

LENGTHS = {
    "ragged": torch.tensor([3, 9, 1, 9, 4, 6, 2]),
    "equal": torch.full((4,), 5),
    "one step": torch.ones(3, dtype=torch.int64),
    "one sequence": torch.tensor([7]),
}
LARGE = recurrence.MIN_WORK


@pytest.fixture(params=["plain", "compiled"])
def kernels(request):
    if request.param == "plain":
        return plain_kernels.KERNELS
    found = compiled_kernels()
    if found is None:
        pytest.skip("needs numba")
    return found


@pytest.mark.parametrize("kernel", ["gru", "relu", "tanh"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("n_units", [1, 3, 37])
def test_outputs_and_gradients_are_those_of_torchs_layer(
    kernels, kernel, direction, lengths, n_units, make_case
):
    case = make_case(kernel, lengths, n_units, direction)
    rows = case.packing.pack(case.x)
    arguments = (kernels[kernel], case.steps, rows, case.state, *case.weights)
    outputs, last = recur(*arguments)
    outputs, last = case.packing.unpack(outputs), case.packing.unsort(last)
    torch.testing.assert_close(outputs, case.outputs, rtol=0, atol=1e-5)
    torch.testing.assert_close(last, case.last, rtol=0, atol=1e-5)
    gradients = case.differentiate(outputs, last)
    for found, expected in zip(gradients, case.gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        predicted, end = recur(*arguments)
    assert torch.equal(case.packing.unpack(predicted), outputs)
    assert torch.equal(case.packing.unsort(end), last)


@pytest.mark.parametrize("kernel", sorted(plain_kernels.KERNELS))
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_gradients_of_plain_kernels_equal_numeric_ones(kernel, direction, generator):
    n_blocks = {"gru": 3, "mingru": 2}.get(kernel, 1)
    packing = Packing(np.array([3, 1, 4]), 4)

    def normal(*shape):
        values = torch.randn(shape, dtype=torch.float64, generator=generator)
        return values.requires_grad_()

    rows, state = normal(8, 2), normal(3, 3)
    weights = [normal(n_blocks * 3, 2), normal(n_blocks * 3, 3)]
    weights += [normal(n_blocks * 3), normal(n_blocks * 3)]
    if kernel == "mingru":
        weights[1] = weights[3] = None
    both, steps = plain_kernels.KERNELS[kernel], getattr(packing, direction)
    assert torch.autograd.gradcheck(
        lambda *parts: recur(both, steps, *parts), (rows, state, *weights)
    )


@pytest.mark.parametrize("kernel", sorted(plain_kernels.KERNELS))
@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("use", ["outputs", "last", "last by columns", "both"])
def test_compiled_kernels_equal_plain_ones(kernel, direction, use, generator):
    compiled = compiled_kernels()
    if compiled is None:
        pytest.skip("needs numba")
    n_blocks = {"gru": 3, "mingru": 2}.get(kernel, 1)
    packing = Packing(np.array([5, 1, 14, 2, 14, 9]), 14)
    steps = getattr(packing, direction)

    def normal(*shape):
        return torch.randn(shape, generator=generator).requires_grad_()

    size = 45
    parts = [normal(45, 4), normal(6, size), normal(n_blocks * size, 4)]
    parts += [normal(n_blocks * size, size), normal(n_blocks * size)]
    parts += [normal(n_blocks * size)]
    # weights under which rounding does not grow: with 0.2, 14 steps of plain float32 differ
    # from float64 by 4e-5
    parts = [p.detach().mul(0.1).requires_grad_() for p in parts]
    wanted = parts
    if kernel == "mingru":
        parts[3] = parts[5] = None
        wanted = [p for p in parts if p is not None]
    weigh = [torch.randn(n, size, generator=generator) for n in (45, 6)]
    if use == "last by columns":  # as such weights lie in memory, so does the gradient
        weigh[1] = weigh[1].T.contiguous().T
    results = []
    for kernels in (plain_kernels.KERNELS, compiled):
        outputs, last = recur(kernels[kernel], steps, *parts)
        used = {"outputs": [0], "both": [0, 1]}.get(use, [1])
        loss = sum(((outputs, last)[i] * weigh[i]).sum() for i in used)
        results.append([outputs, last, *torch.autograd.grad(loss, wanted)])
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(second, first, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", sorted(plain_kernels.KERNELS))
def test_one_row_leaves_the_weights_as_they_are(kernels, kernel, generator):
    n_blocks = {"gru": 3, "mingru": 2}.get(kernel, 1)
    weights = [torch.randn(n_blocks * 5, n) for n in (4, 5)]
    weights += [torch.randn(n_blocks * 5) for _ in range(2)]
    if kernel == "mingru":
        weights[1] = weights[3] = None
    before = [None if w is None else w.clone() for w in weights]
    steps = Packing(np.array([1]), 1).forward
    recur(kernels[kernel], steps, torch.randn(1, 4), torch.zeros(1, 5), *weights)
    for weight, former in zip(weights, before, strict=True):
        assert weight is None or torch.equal(weight, former)


@pytest.mark.parametrize("kernel", sorted(plain_kernels.KERNELS))
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_not_finite_pass(kernels, kernel, value, generator):
    n_blocks = {"gru": 3, "mingru": 2}.get(kernel, 1)
    packing = Packing(np.array([6, 6, 3]), 6)
    x = torch.randn(3, 6, 4, generator=generator)
    x[1, 2] = value
    weights = [torch.randn(n_blocks * 20, 4), torch.randn(n_blocks * 20, 20)]
    weights = [
        w.requires_grad_() for w in (*weights, *map(torch.zeros, [n_blocks * 20] * 2))
    ]
    if kernel == "mingru":
        weights[1] = weights[3] = None
    x.requires_grad_()
    outputs, last = recur(
        kernels[kernel], packing.forward, packing.pack(x), torch.zeros(3, 20), *weights
    )
    outputs = packing.unpack(outputs)
    outputs.sum().backward()
    assert outputs[[0, 2]].isfinite().all()
    assert outputs[1, :2].isfinite().all()
    if value != value:
        assert outputs[1, 2:].isnan().all()
        assert last[1].isnan().all()
        assert weights[0].grad.isnan().any(1).any()
        assert kernel == "relu" or x.grad[1, :3].isnan().all()
    assert x.grad[[0, 2]].isfinite().all()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("kernel", sorted(plain_kernels.KERNELS))
def test_states_that_are_not_finite_pass(kernel, value, generator):
    compiled = compiled_kernels()
    if compiled is None:
        pytest.skip("needs numba")
    n_blocks = {"gru": 3, "mingru": 2}.get(kernel, 1)
    packing = Packing(np.array([3, 2, 2]), 3)
    rows = torch.randn(7, 4, generator=generator)
    state = torch.randn(3, 18, generator=generator)
    state[1, 5] = value
    weights = [torch.randn(n_blocks * 18, 4, generator=generator)]
    weights += [torch.randn(n_blocks * 18, 18, generator=generator)]
    weights += [torch.zeros(n_blocks * 18)] * 2
    if kernel == "mingru":
        weights[1] = weights[3] = None
    found = [
        recur(kernels[kernel], packing.forward, rows, state, *weights)
        for kernels in (plain_kernels.KERNELS, compiled)
    ]
    hit = torch.tensor([False, True, False])  # of sequences, and of packed rows
    for plain, other, rows_hit in zip(*found, (hit.repeat(3)[:7], hit), strict=True):
        for part in (plain, other):
            assert part[~rows_hit].isfinite().all()
            is_first = torch.arange(len(part)) < 3
            unit = part[rows_hit & is_first, 5]
            assert kernel in ("tanh", "relu") or not unit.isfinite().any()
        torch.testing.assert_close(other[~rows_hit], plain[~rows_hit])
        assert value == value or other[rows_hit].isnan().any()


def test_a_sequence_has_the_same_bits_alone_and_in_any_batch(generator):
    compiled = compiled_kernels()
    if compiled is None:
        pytest.skip("needs numba")
    cell = CELLS["gru"](6, 40)
    x = torch.randn(9, 7, 6, generator=generator)
    with torch.no_grad():
        gates = torch.nn.functional.linear(x, cell.rnn.weight_ih_l0)
    forward = compiled["gru"][0]
    weight, bias = cell.rnn.weight_hh_l0.detach(), cell.rnn.bias_hh_l0.detach()

    def run(part):
        packing = Packing(np.full(len(part), 7), 7)
        state = torch.zeros(len(part), 40)
        outputs, _ = forward(
            packing.pack(part).clone(), packing.forward, state, weight, bias, False
        )
        return packing.unpack(outputs)

    together = run(gates)
    for i in range(9):
        assert torch.equal(run(gates[i : i + 1])[0], together[i])


# --- which kernels run ------------------------------------------------------------------


def test_small_work_and_other_dtypes_run_plain_kernels():
    x = torch.zeros(1, 2)
    plain = plain_kernels.KERNELS
    assert current_kernels(x) is plain
    with expected_work(LARGE - 1):
        assert current_kernels(x) is plain
    with expected_work(LARGE):
        assert current_kernels(x.double()) is plain
        assert current_kernels(x.to("meta")) is plain
    assert current_kernels(x) is plain


def test_large_work_runs_compiled_kernels():
    pytest.importorskip("numba")
    with expected_work(LARGE):
        assert current_kernels(torch.zeros(1, 2)) is compiled_kernels()
        with expected_work(0):
            assert current_kernels(torch.zeros(1, 2)) is plain_kernels.KERNELS


@pytest.mark.parametrize("how", ["absent", "not to compile"])
def test_without_numba_large_work_runs_plain_kernels(how, monkeypatch):
    if how == "absent":
        monkeypatch.setitem(sys.modules, "numba", None)
    else:
        monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    for name in ("compiled_kernels", "compiled_products"):
        monkeypatch.delitem(sys.modules, f"skrnn.modules.recurrent.{name}", raising=False)
    compiled_kernels.cache_clear()
    try:
        with expected_work(LARGE):
            assert current_kernels(torch.zeros(1, 2)) is plain_kernels.KERNELS
    finally:
        compiled_kernels.cache_clear()
