"""The encoder against torch's own layers on packed sequences."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skrnn.modules.dropout import Dropout, set_generator, set_mask
from skrnn.modules.initialization import materialize
from skrnn.modules.masking import length_mask
from skrnn.modules.recurrent import CELLS, Cell, RecurrentEncoder, expected_work

N_FEATURES, HIDDEN = 3, 4
TORCH = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn_tanh": partial(nn.RNN, nonlinearity="tanh"),
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
}
LENGTHS = torch.tensor([3, 1, 6, 2, 6])
ARCHITECTURES = pytest.mark.parametrize(
    ("cell", "num_layers", "bidirectional"),
    [(c, n, b) for c in TORCH for n in (1, 2, 3) for b in (False, True)],
)


def make_encoder(cell, num_layers=1, bidirectional=False, dropout=0.0):
    """Return an encoder whose weights, biases too, are random."""
    encoder = RecurrentEncoder(
        N_FEATURES,
        HIDDEN,
        cell=cell,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))
    return encoder


def torch_twin(encoder, cell, num_layers, bidirectional):
    """Return torch's own module with the encoder's weights, and the names of those.

    The names map torch's parameter to the encoder's.
    """
    twin = TORCH[cell](
        N_FEATURES,
        HIDDEN,
        num_layers=num_layers,
        bidirectional=bidirectional,
        batch_first=True,
    )
    names = {}
    directions = [("", encoder.forward_layers), ("_reverse", encoder.backward_layers)]
    with torch.no_grad():
        for suffix, layers in directions:
            for i, layer in enumerate(layers):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    ours = getattr(layer.rnn, f"{name}_l0")
                    theirs = f"{name}_l{i}{suffix}"
                    getattr(twin, theirs).copy_(ours)
                    names[theirs] = ours
    assert set(names) == dict(twin.named_parameters()).keys()
    return twin, names


def run_packed(twin, x, lengths):
    """Return torch's outputs ``(B, T, F)`` and last layer's final state ``(B, F)``."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, state = twin(packed)
    hidden = state[0] if isinstance(state, tuple) else state
    outputs, _ = pad_packed_sequence(outputs, batch_first=True)
    last = hidden[-2:] if twin.bidirectional else hidden[-1:]
    return outputs, torch.cat(list(last), dim=-1)


def batch(generator):
    return torch.randn(len(LENGTHS), int(LENGTHS.max()), N_FEATURES, generator=generator)


@ARCHITECTURES
@pytest.mark.parametrize("work", [0, 1e12])  # small, large enough for compiled kernels
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((5,), 6), torch.ones(5).long()])
def test_outputs_and_gradients_equal_torchs_on_packed_sequences(
    cell, num_layers, bidirectional, work, lengths, generator
):
    encoder = make_encoder(cell, num_layers, bidirectional)
    twin, names = torch_twin(encoder, cell, num_layers, bidirectional)
    n_steps = int(lengths.max())
    ours = batch(generator)[:, :n_steps].clone().requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    mask = length_mask(lengths, n_steps)[..., None]
    with expected_work(work):
        outputs, state = encoder(ours, lengths)
        with torch.no_grad():
            predicted, predicted_state = encoder(ours, lengths)
    expected_outputs, expected_state = run_packed(twin, theirs, lengths)

    torch.testing.assert_close(predicted * mask, expected_outputs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(predicted_state, expected_state, rtol=1e-5, atol=1e-6)
    assert outputs.shape == (5, n_steps, encoder.output_size)
    torch.testing.assert_close(outputs * mask, expected_outputs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(state, expected_state, rtol=1e-5, atol=1e-6)

    # a loss in which every output and every state weighs something else
    w_outputs = torch.randn(outputs.shape, generator=generator) * mask
    w_state = torch.randn(state.shape, generator=generator)
    ((outputs * w_outputs).sum() + (state * w_state).sum()).backward()
    ((expected_outputs * w_outputs).sum() + (expected_state * w_state).sum()).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    for name, weight in names.items():
        expected = getattr(twin, name).grad
        torch.testing.assert_close(weight.grad, expected, rtol=1e-5, atol=1e-5)


@ARCHITECTURES
def test_values_in_the_padding_do_not_change_outputs(
    cell, num_layers, bidirectional, generator
):
    encoder = make_encoder(cell, num_layers, bidirectional)
    mask = length_mask(LENGTHS, 6)[..., None]
    clean = batch(generator) * mask
    with torch.no_grad():
        outputs, state = encoder(clean, LENGTHS)
        for garbage in (torch.nan, torch.inf, 1e30):
            other, other_state = encoder(clean.masked_fill(~mask, garbage), LENGTHS)
            real = mask.expand_as(outputs)
            torch.testing.assert_close(other[real], outputs[real], rtol=0, atol=1e-6)
            torch.testing.assert_close(other_state, state, rtol=0, atol=1e-6)


@ARCHITECTURES
def test_values_in_the_padding_do_not_change_gradients(
    cell, num_layers, bidirectional, generator
):
    encoder = make_encoder(cell, num_layers, bidirectional)
    mask = length_mask(LENGTHS, 6)[..., None]
    clean = batch(generator) * mask
    gradients = []
    for padding in (0.0, 1e4):
        x = clean.masked_fill(~mask, padding).requires_grad_()
        encoder.zero_grad()
        outputs, state = encoder(x, LENGTHS)
        (outputs.masked_fill(~mask, 0.0).square().sum() + state.sum()).backward()
        assert not x.grad[~mask[..., 0]].any()
        gradients.append([x.grad, *(w.grad.clone() for w in encoder.parameters())])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(second, first, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sequence_alone_gives_the_same_outputs_as_in_any_batch(
    cell, bidirectional, generator
):
    encoder = make_encoder(cell, 2, bidirectional)
    x = batch(generator)
    with torch.no_grad():
        outputs, state = encoder(x, LENGTHS)
        for i, n in enumerate(LENGTHS.tolist()):
            alone, alone_state = encoder(x[i : i + 1, :n], LENGTHS[i : i + 1])
            torch.testing.assert_close(alone[0], outputs[i, :n], rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(alone_state[0], state[i], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_equal_numeric_ones(cell, generator):
    encoder = make_encoder(cell, 2, bidirectional=True).double()
    x = torch.randn(3, 4, N_FEATURES, dtype=torch.float64, generator=generator)
    lengths = torch.tensor([4, 1, 2])

    def loss(x):
        outputs, state = encoder(x, lengths)
        return outputs.masked_fill(~length_mask(lengths, 4)[..., None], 0.0), state

    assert torch.autograd.gradcheck(loss, x.requires_grad_())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_state_is_the_same_where_nobody_needs_outputs(cell, bidirectional, generator):
    encoder = make_encoder(cell, 2, bidirectional)
    inputs = torch.randn(5, 7, N_FEATURES, generator=generator)
    factors = torch.randn(5, encoder.output_size, generator=generator)
    found = []
    for needs_outputs in (True, False):
        encoder.zero_grad()
        outputs, state = encoder(inputs, LENGTHS, needs_outputs=needs_outputs)
        is_packed = encoder.forward_layers[0].reads_packed(inputs)
        assert (outputs is None) == (is_packed and not needs_outputs)
        (state * factors).sum().backward()
        found.append([state, *(weight.grad for weight in encoder.parameters())])
    for needed, alone in zip(*found, strict=True):
        assert torch.equal(needed, alone)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_hook_of_a_cell_is_called(cell, bidirectional, generator):
    encoder = RecurrentEncoder(3, 4, cell=cell, bidirectional=bidirectional)
    x, lengths = torch.randn(5, 6, 3, generator=generator), torch.tensor([6, 5, 4, 2, 1])
    expected, _ = encoder(x, lengths)
    seen = []
    for layer in (*encoder.forward_layers, *encoder.backward_layers):
        layer.register_forward_hook(lambda *_: seen.append(1))
    found, _ = encoder(x, lengths)
    assert len(seen) >= 1 + bidirectional
    real = torch.arange(6) < lengths[:, None]
    torch.testing.assert_close(found[real], expected[real])


def test_a_hook_sees_outputs_that_nobody_else_needs(generator):
    encoder, seen = make_encoder("gru"), []
    encoder.register_forward_hook(lambda part, inputs, found: seen.append(found[0]))
    inputs = torch.randn(5, 7, N_FEATURES, generator=generator)
    encoder(inputs, LENGTHS, needs_outputs=False)
    assert seen[0].shape == (5, 7, HIDDEN)


def test_dropout_is_between_layers_and_only_in_training(generator):
    encoder = make_encoder("gru", num_layers=2, dropout=0.5)
    single = make_encoder("gru", num_layers=1, dropout=0.5)
    x = batch(generator)
    with torch.no_grad():
        encoder.eval()
        plain, _ = encoder(x, LENGTHS)
        encoder.train()
        encoder.dropout.generator = torch.Generator().manual_seed(0)
        dropped, _ = encoder(x, LENGTHS)
        assert not torch.equal(dropped, plain)
        assert torch.equal(single.train()(x, LENGTHS)[0], single.eval()(x, LENGTHS)[0])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_output_size_counts_directions(bidirectional):
    encoder = make_encoder("lstm", 2, bidirectional)
    assert encoder.output_size == HIDDEN * (1 + bidirectional)
    assert encoder.forward_layers[1].input_size == encoder.output_size


def test_a_relu_state_that_would_overflow_in_the_padding_leaves_gradients_finite(
    generator,
):
    with torch.device("meta"):
        encoder = RecurrentEncoder(2, 4, cell="rnn_relu")
    materialize(encoder, generator)
    with torch.no_grad():
        encoder.forward_layers[0].rnn.weight_hh_l0.mul_(3.0)
    inputs = torch.zeros(2, 600, 2)
    inputs[0, :3] = 1.0
    outputs, state = encoder(inputs, torch.tensor([3, 600]))
    weights = (torch.arange(600) < torch.tensor([[3], [600]])).float()
    (outputs * weights[..., None]).sum().backward()
    assert torch.isfinite(state).all()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


# --- a cell that is added at run time --------------------------------------------------


class Sums(Cell):
    """Two states that grow without bound: sums of inputs, and sums of those sums."""

    n_states = 2
    is_bounded = False

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(hidden_size, input_size))

    def forward(self, x, state=None):
        first, second = state or (x.new_zeros(len(x), self.hidden_size),) * 2
        first = first[:, None] + (x @ self.weight.T).cumsum(1)
        second = second[:, None] + first.cumsum(1)
        return second, (first[:, -1], second[:, -1])


@pytest.fixture
def sums(monkeypatch):
    """Add the cell to the table, and return its name."""
    monkeypatch.setitem(CELLS, "sums", Sums)
    return "sums"


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_unbounded_cell_reads_real_steps_only(
    sums, num_layers, bidirectional, generator
):
    encoder = make_encoder(sums, num_layers, bidirectional)
    mask = length_mask(LENGTHS, 6)[..., None]
    x = batch(generator).masked_fill(~mask, torch.nan).requires_grad_()
    outputs, state = encoder(x, LENGTHS)
    outputs = outputs.masked_fill(~mask, 0.0)
    (outputs.square().sum() + state.sum()).backward()
    gradients = [w.grad.clone() for w in encoder.parameters()]

    encoder.zero_grad()
    for i, n in enumerate(LENGTHS.tolist()):
        alone = x.detach()[i : i + 1, :n].requires_grad_()
        expected, expected_state = encoder(alone, LENGTHS[i : i + 1])
        (expected.square().sum() + expected_state.sum()).backward()
        torch.testing.assert_close(outputs[i, :n], expected[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(state[i], expected_state[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(x.grad[i, :n], alone.grad[0], rtol=1e-4, atol=1e-5)
        assert not x.grad[i, n:].any()
    for weight, gradient in zip(encoder.parameters(), gradients, strict=True):
        torch.testing.assert_close(gradient, weight.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cell", ["sums", "rnn_relu"])
def test_an_unbounded_cell_accepts_more_padding_than_the_longest_sequence_needs(
    cell, sums, generator
):
    encoder = make_encoder(cell)
    x = batch(generator)
    with torch.no_grad():
        outputs, state = encoder(x, LENGTHS)
        wide, wide_state = encoder(torch.cat([x, x], dim=1), LENGTHS)
    assert wide.shape == (5, 12, HIDDEN)
    torch.testing.assert_close(wide[:, :6], outputs, rtol=0, atol=0)
    torch.testing.assert_close(wide_state, state, rtol=0, atol=0)


@pytest.mark.parametrize("cell", TORCH)
def test_steps_share_masks_between_layers_in_every_engine(cell, generator):
    encoder = make_encoder(cell, num_layers=2, dropout=0.5)
    set_mask(encoder, "sequence")
    set_generator(encoder, torch.Generator().manual_seed(1))
    x = torch.randn(len(LENGTHS), 6, N_FEATURES, generator=generator)
    found, _ = encoder(x, LENGTHS)
    drop = Dropout(0.5)
    drop.generator = torch.Generator().manual_seed(1)
    factors = drop(torch.ones(len(LENGTHS), HIDDEN))[:, None]
    first, second = encoder.forward_layers
    expected = second.read(first.read(x, LENGTHS) * factors, LENGTHS)
    real = length_mask(LENGTHS, 6)
    torch.testing.assert_close(found[real], expected[real])
