"""Large calls of a cell give the numbers of small ones, with any number of threads."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules import products
from skrnn.modules.initialization import materialize
from skrnn.modules.parallel import one_thread_each
from skrnn.modules.products import products_in
from skrnn.modules.recurrent import CELLS, RecurrentEncoder, RecurrentLayers, rows
from skrnn.modules.recurrent import encoder as encoders

LENGTHS = torch.tensor([3, 1, 6, 2, 6])


@pytest.fixture
def cut(monkeypatch):
    """Return a function after which every call counts as large."""

    def cut(n_parts):
        least = "ALL_THREADS", "MIN_VALUES", "MIN_PLAIN", "TWO_PARTS", "TWO_PACKED"
        for name in least:
            monkeypatch.setattr(rows, name, 1)
        monkeypatch.setattr(rows, "FOUR_PARTS", 1 if n_parts == 4 else 1 << 40)
        if n_parts == 1:
            monkeypatch.setattr(rows, "TWO_PARTS", 1 << 40)

    return cut


@pytest.fixture
def two_threads():
    """Let torch use two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def encoder(cell, input_size=3, hidden_size=4, **options):
    """Return an encoder with initial weights."""
    with torch.device("meta"):
        made = RecurrentEncoder(input_size, hidden_size, cell=cell, **options)
    return materialize(made, torch.Generator().manual_seed(0))


def gradients(module, x, *arguments):
    """Return the outputs at real steps, and the gradients by x and the weights."""
    x = x.clone().requires_grad_()
    with one_thread_each():
        outputs, state = module(x, *arguments)
        state = state if isinstance(state, tuple) else (state,)
        if arguments[0] is LENGTHS:
            real = torch.arange(outputs.shape[1]) < LENGTHS[:, None]
            outputs = outputs[real]
        loss = outputs.sin().sum() + sum(part.cos().sum() for part in state)
        found = torch.autograd.grad(loss, [x, *module.parameters()])
    return [outputs.detach(), *(part.detach() for part in state), *found]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_parts", [1, 2, 4])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_an_encoder_in_parts_is_the_same(cut, generator, cell, bidirectional, n_parts):
    module = encoder(cell, bidirectional=bidirectional, num_layers=2)
    x = torch.randn(5, 6, 3, generator=generator)
    expected = gradients(module, x, LENGTHS)
    cut(n_parts)
    for one, other in zip(expected, gradients(module, x, LENGTHS), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_parts", [1, 2, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_layers_that_carry_a_state_in_parts_are_the_same(cut, generator, cell, n_parts):
    with torch.device("meta"):
        module = RecurrentLayers(3, 4, cell=cell, num_layers=2, dropout=0.0)
    module = materialize(module, torch.Generator().manual_seed(0))
    x = torch.randn(5, 6, 3, generator=generator)
    states = tuple(
        torch.rand(2, 5, 4, generator=generator) for _ in range(CELLS[cell].n_states)
    )
    expected = gradients(module, x, states)
    cut(n_parts)
    for one, other in zip(expected, gradients(module, x, states), strict=True):
        torch.testing.assert_close(one, other)


def test_one_sequence_unrolled_cells_and_calls_without_gradients_are_not_cut(cut):
    cut(2)
    module = encoder("lstm")
    cell = module.forward_layers[0]
    x = torch.zeros(5, 6, 3)
    assert rows.count_parts(cell, x) == 2
    assert rows.count_parts(cell, x[:1]) == 1
    with torch.no_grad():
        assert rows.count_parts(cell, x) == 1
    module.unroll()
    assert rows.count_parts(module.forward_layers[0], x) == 1


def test_calls_in_bfloat16_are_cut_later(monkeypatch):
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: True)
    cell = encoder("lstm", 8, 256).forward_layers[0]
    x = torch.zeros(32, 16, 8)
    assert rows.count_parts(cell, x) == 2
    with products_in("bfloat16"):
        assert rows.count_parts(cell, x) == 1
        assert rows.count_parts(cell, torch.zeros(64, 16, 8)) == 2


@pytest.mark.parametrize(
    ("n_rows", "n_parts", "rounded"), [(40, 4, 4), (31, 4, 2), (15, 4, 1), (7, 4, 4)]
)
def test_parts_of_calls_in_bfloat16_have_rows_enough(
    n_rows, n_parts, rounded, monkeypatch
):
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: True)
    for name in ("TWO_PARTS", "FOUR_PARTS", "AS_ONE"):
        monkeypatch.setattr(rows, name, 1)
    cell = encoder("lstm", 8, 128).forward_layers[0]
    x = torch.zeros(n_rows, 64, 8)
    assert rows.count_parts(cell, x) == n_parts
    with products_in("bfloat16"):
        assert rows.count_parts(cell, x) == rounded


# Shapes of one call with all threads, of two parts, and of four.
@pytest.mark.parametrize(
    ("precision", "n_rows", "hidden_size", "n_parts"),
    [
        ("float32", 32, 128, 1),
        ("float32", 64, 256, 2),
        ("float32", 33, 512, 4),
        ("bfloat16", 64, 128, 1),
        ("bfloat16", 64, 256, 2),
        ("bfloat16", 129, 512, 4),
    ],
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_one_thread_and_two_give_the_same_bits(
    generator,
    n_rows,
    hidden_size,
    n_parts,
    bidirectional,
    precision,
    monkeypatch,
    request,
):
    if precision == "bfloat16":
        request.getfixturevalue("bfloat16_vectors")
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: True)
    module = encoder("lstm", 8, hidden_size, bidirectional=bidirectional)
    x = torch.randn(n_rows, 16, 8, generator=generator)
    with products_in(precision):
        assert rows.count_parts(module.forward_layers[0], x) == n_parts
    lengths = torch.randint(1, 17, (n_rows,), generator=generator)
    before, found = torch.get_num_threads(), []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        with products_in(precision):
            found.append(gradients(module, x, lengths))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("cell", "n_rows", "input_size", "hidden_size", "expected"),
    [
        ("gru", 32, 3, 128, False),
        ("gru", 64, 3, 128, True),
        ("gru", 64, 128, 64, False),
        ("gru", 64, 256, 64, True),
        ("rnn_tanh", 32, 3, 256, False),
        ("rnn_tanh", 64, 3, 256, True),
        ("mingru", 128, 3, 128, False),
        ("mingru", 32, 256, 256, True),
    ],
)
def test_small_plain_steps_are_read_one_after_the_other(
    cell, n_rows, input_size, hidden_size, expected, monkeypatch, generator
):
    calls = []
    run = rows.side_by_side
    monkeypatch.setattr(encoders, "side_by_side", lambda p: calls.append(1) or run(p))
    module = encoder(cell, input_size, hidden_size, bidirectional=True)
    x = torch.randn(n_rows, 4, input_size, generator=generator)
    lengths = torch.full((n_rows,), 4)
    outputs = module(x, lengths)[0]
    assert bool(calls) == expected
    monkeypatch.setattr(rows, "MIN_PLAIN", 1)
    assert torch.equal(module(x, lengths)[0], outputs)
    monkeypatch.setattr(rows, "runs_compiled", lambda like: True)
    assert rows.gains_from_threads(module.forward_layers[0], x)
