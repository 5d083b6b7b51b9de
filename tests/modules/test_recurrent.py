"""The recurrent engine against torch's own on packed sequences, and against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skrnn.modules.initialization import materialize
from skrnn.modules.masking import length_mask
from skrnn.modules.recurrent import CELLS, RecurrentEncoder, RecurrentLayers

N_FEATURES, HIDDEN = 3, 4
LENGTHS = torch.tensor([3, 1, 6, 2, 6])
ARCHITECTURES = pytest.mark.parametrize(
    ("cell", "num_layers", "bidirectional"),
    [(c, n, b) for c in CELLS for n in (1, 2, 3) for b in (False, True)],
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
    twin = CELLS[cell](
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
                    ours = getattr(layer, f"{name}_l0")
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
def test_outputs_and_gradients_equal_torchs_on_packed_sequences(
    cell, num_layers, bidirectional, generator
):
    encoder = make_encoder(cell, num_layers, bidirectional)
    twin, names = torch_twin(encoder, cell, num_layers, bidirectional)
    ours = batch(generator).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    mask = length_mask(LENGTHS, 6)[..., None]
    outputs, state = encoder(ours, LENGTHS)
    expected_outputs, expected_state = run_packed(twin, theirs, LENGTHS)

    assert outputs.shape == (5, 6, encoder.output_size)
    torch.testing.assert_close(outputs * mask, expected_outputs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(state, expected_state, rtol=1e-5, atol=1e-6)

    # a loss in which every output and every state weighs something else
    w_outputs = torch.randn(outputs.shape, generator=generator) * mask
    w_state = torch.randn(state.shape, generator=generator)
    ((outputs * w_outputs).sum() + (state * w_state).sum()).backward()
    ((expected_outputs * w_outputs).sum() + (expected_state * w_state).sum()).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    for name, weight in names.items():
        expected = getattr(twin, name).grad
        torch.testing.assert_close(weight.grad, expected, rtol=1e-4, atol=1e-5)


@ARCHITECTURES
def test_what_stands_in_the_padding_does_not_count(
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
def test_what_stands_in_the_padding_does_not_count_in_gradients(
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


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sequence_alone_gives_what_it_gives_in_any_batch(
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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(x, w, u, b):
    """Run Hochreiter & Schmidhuber's cell with forget gate, gates in order i, f, g, o."""
    h = c = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        i, f, g, o = np.split(w @ step + u @ h + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def gru_by_hand(x, w, u, b_w, b_u):
    """Run Cho et al.'s cell as cuDNN has it, gates in order r, z, n."""
    h = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        r_x, z_x, n_x = np.split(w @ step + b_w, 3)
        r_h, z_h, n_h = np.split(u @ h + b_u, 3)
        r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        h = (1 - z) * np.tanh(n_x + r * n_h) + z * h
        outputs.append(h)
    return np.array(outputs)


def simple_by_hand(x, w, u, b, activation):
    h = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        h = activation(w @ step + u @ h + b)
        outputs.append(h)
    return np.array(outputs)


BY_HAND = {
    "lstm": lambda x, w, u, b, c: lstm_by_hand(x, w, u, b + c),
    "gru": gru_by_hand,
    "rnn_tanh": lambda x, w, u, b, c: simple_by_hand(x, w, u, b + c, np.tanh),
    "rnn_relu": lambda x, w, u, b, c: simple_by_hand(
        x, w, u, b + c, lambda a: np.maximum(a, 0)
    ),
}


@pytest.mark.parametrize("cell", CELLS)
def test_the_cell_is_the_one_of_the_textbook(cell, rng):
    encoder = make_encoder(cell)
    layer = encoder.forward_layers[0]
    x = rng.normal(size=(5, N_FEATURES))
    weights = [
        getattr(layer, f"{name}_l0").detach().double().numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    with torch.no_grad():
        outputs, _ = encoder(torch.from_numpy(x).float()[None], torch.tensor([5]))
    np.testing.assert_allclose(outputs[0], BY_HAND[cell](x, *weights), atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "rnn_tanh"])
def test_gradients_equal_numeric_ones(cell, generator):
    encoder = make_encoder(cell, 2, bidirectional=True).double()
    x = torch.randn(3, 4, N_FEATURES, dtype=torch.float64, generator=generator)
    lengths = torch.tensor([4, 1, 2])

    def loss(x):
        outputs, state = encoder(x, lengths)
        return outputs.masked_fill(~length_mask(lengths, 4)[..., None], 0.0), state

    assert torch.autograd.gradcheck(loss, x.requires_grad_())


def test_dropout_stands_between_layers_and_only_in_training(generator):
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


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_a_layer_of_torch(cell, generator):
    with torch.device("meta"):
        encoder = RecurrentEncoder(N_FEATURES, HIDDEN, cell=cell)
    materialize(encoder, generator)
    assert isinstance(encoder.forward_layers[0], nn.RNNBase)
    assert len(encoder.backward_layers) == 0


def test_a_relu_state_that_explodes_in_the_padding_poisons_nothing(generator):
    with torch.device("meta"):
        encoder = RecurrentEncoder(2, 4, cell="rnn_relu")
    materialize(encoder, generator)
    with torch.no_grad():
        encoder.forward_layers[0].weight_hh_l0.mul_(3.0)
    inputs = torch.zeros(2, 600, 2)
    inputs[0, :3] = 1.0
    outputs, state = encoder(inputs, torch.tensor([3, 600]))
    weights = (torch.arange(600) < torch.tensor([[3], [600]])).float()
    (outputs * weights[..., None]).sum().backward()
    assert torch.isfinite(state).all()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


# --- going on from a state -----------------------------------------------------------


def make_layers(cell, num_layers):
    """Return layers that go on from a state, and torch's own with the same weights."""
    layers = RecurrentLayers(
        N_FEATURES, HIDDEN, cell=cell, num_layers=num_layers, dropout=0.0
    )
    twin = CELLS[cell](N_FEATURES, HIDDEN, num_layers=num_layers, batch_first=True)
    with torch.no_grad():
        for i, layer in enumerate(layers.layers):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(layer, f"{name}_l0").copy_(getattr(twin, f"{name}_l{i}"))
    return layers, twin


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_layers_that_go_on_equal_torchs_from_any_state(cell, num_layers, generator):
    layers, twin = make_layers(cell, num_layers)
    x = batch(generator)
    hidden = tuple(
        torch.randn(num_layers, len(x), HIDDEN, generator=generator)
        for _ in range(layers.n_states)
    )
    outputs, after = layers(x, hidden)
    expected, state = twin(x, hidden if cell == "lstm" else hidden[0])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(after, state if cell == "lstm" else (state,))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_a_sequence_in_two_parts_equals_the_whole(cell, num_layers, generator):
    layers, _ = make_layers(cell, num_layers)
    x = batch(generator)
    start = layers.zeros(len(x), x)
    whole, end = layers(x, start)
    first, between = layers(x[:, :2], start)
    second, after = layers(x[:, 2:], between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(after, end)
