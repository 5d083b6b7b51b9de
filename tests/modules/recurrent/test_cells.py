"""Each cell against its definition, its initial weights, and a cell added at run time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from skrnn.modules import products
from skrnn.modules.initialization import materialize
from skrnn.modules.networks import build_network
from skrnn.modules.parallel import Piece, side_by_side
from skrnn.modules.products import products_in
from skrnn.modules.recurrent import (
    CELLS,
    Cell,
    RecurrentEncoder,
    RecurrentLayers,
    cells,
    rows,
)
from skrnn.modules.recurrent.cells import LSTM, LSTMGraph

N_FEATURES, HIDDEN = 3, 4
N_GATES = {"lstm": 4, "gru": 3, "mingru": 2, "rnn_tanh": 1, "rnn_relu": 1}


# --- the definitions ------------------------------------------------------------------


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


def min_gru_by_hand(x, w, b):
    """Run the cell of Feng et al., gates in order z, c."""
    h = np.zeros(HIDDEN)
    outputs = []
    for step in x:
        z, c = np.split(w @ step + b, 2)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * c
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
    "mingru": min_gru_by_hand,
    "rnn_tanh": lambda x, w, u, b, c: simple_by_hand(x, w, u, b + c, np.tanh),
    "rnn_relu": lambda x, w, u, b, c: simple_by_hand(
        x, w, u, b + c, lambda a: np.maximum(a, 0)
    ),
}


@pytest.mark.parametrize("cell", CELLS)
def test_the_cell_is_the_one_of_the_textbook(cell, rng):
    layer = CELLS[cell](N_FEATURES, HIDDEN)
    for weight in layer.parameters():
        nn.init.normal_(weight, std=0.5, generator=torch.Generator().manual_seed(0))
    x = rng.normal(size=(5, N_FEATURES))
    weights = [w.detach().double().numpy() for w in layer.weights() if w is not None]
    with torch.no_grad():
        outputs, _ = layer(torch.from_numpy(x).float()[None])
    np.testing.assert_allclose(outputs[0], BY_HAND[cell](x, *weights), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_the_state_is_what_the_next_call_starts_from(cell, generator):
    layer = CELLS[cell](N_FEATURES, HIDDEN)
    x = torch.randn(2, 5, N_FEATURES, generator=generator)
    whole, end = layer(x)
    first, between = layer(x[:, :2])
    second, after = layer(x[:, 2:], between)
    assert len(after) == layer.n_states
    assert {part.shape for part in after} == {(2, HIDDEN)}
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(after, end)


# --- initial weights ------------------------------------------------------------------


def initial_weights(cell):
    """Return the weights of input and state, and the biases, as a new cell has them."""
    module = CELLS[cell](N_FEATURES, HIDDEN)
    return materialize(module, torch.Generator().manual_seed(0)).weights()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
def test_recurrent_weights_are_orthogonal_gate_by_gate(cell):
    gates = initial_weights(cell)[1].chunk(N_GATES[cell])
    for gate in gates:
        torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
    assert len({round(float(gate.detach()[0, 0]), 6) for gate in gates}) == len(gates)


def test_a_relu_cell_starts_from_the_identity():
    assert torch.equal(initial_weights("rnn_relu")[1], torch.eye(HIDDEN))


@pytest.mark.parametrize("cell", N_GATES)
def test_input_weights_are_xaviers_gate_by_gate(cell):
    bound = math.sqrt(6 / (N_FEATURES + HIDDEN))
    weight = initial_weights(cell)[0]
    assert weight.abs().max() <= bound
    for gate in weight.chunk(N_GATES[cell]):
        assert gate.abs().max() > 0.8 * bound


@pytest.mark.parametrize("cell", N_GATES)
def test_biases_are_zero_but_for_the_gate_that_keeps_the_state(cell):
    *_, of_input, of_state = initial_weights(cell)
    bias = of_input if of_state is None else of_input + of_state
    expected = torch.zeros(N_GATES[cell] * HIDDEN)
    spread = torch.tensor([-3.0, -1.0, 1.0, 3.0])
    if cell == "lstm":
        expected[HIDDEN : 2 * HIDDEN] = 1.0
    elif cell == "gru":
        expected[HIDDEN : 2 * HIDDEN] = spread
    elif cell == "mingru":  # where a large gate replaces the state
        expected[:HIDDEN] = -spread
    torch.testing.assert_close(bias, expected)


# --- bfloat16 -------------------------------------------------------------------------


@pytest.fixture
def rounding(monkeypatch):
    """Take the CPU for one with units for bfloat16, also for small products."""
    monkeypatch.setattr(cells, "MIN_MULTIPLICATIONS", 1)
    monkeypatch.setattr(CELLS["lstm"], "MIN_ROUNDED_UNITS", 1)
    monkeypatch.setattr(products, "has_bfloat16_units", lambda device_type: True)


def outputs_and_gradients(cell, x, state):
    x = x.clone().requires_grad_()
    state = [part.clone().requires_grad_() for part in state]
    outputs, after = cell(x, state)
    loss = outputs.sin().sum() + sum(part.cos().sum() for part in after)
    return [outputs, *after, *torch.autograd.grad(loss, [x, *state, *cell.parameters()])]


@pytest.mark.usefixtures("bfloat16_vectors", "rounding")
@pytest.mark.parametrize("n_rows", [7, 8, 20])
def test_an_lstm_rounds_where_rows_fill_a_unit(n_rows, generator):
    cell = materialize(CELLS["lstm"](30, 20), generator)
    x = torch.randn(n_rows, 25, 30, generator=generator)
    state = [0.5 * torch.randn(n_rows, 20, generator=generator) for _ in range(2)]
    expected = outputs_and_gradients(cell, x, state)
    with products_in("bfloat16"):
        got = outputs_and_gradients(cell, x, state)
    for one, exact in zip(got, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, exact) == (n_rows < 8)
        largest = exact.detach().abs().max().item()
        torch.testing.assert_close(one, exact, rtol=0.02, atol=0.02 * largest)


@pytest.mark.usefixtures("bfloat16_vectors", "rounding")
def test_a_rounded_lstm_starts_from_zeros(generator):
    cell = materialize(CELLS["lstm"](30, 20), generator)
    x = torch.randn(9, 8, 30, generator=generator)
    with products_in("bfloat16"), torch.no_grad():
        assert cell.is_rounded(x)
        outputs, after = cell(x)
        expected, others = cell(x, (torch.zeros(9, 20),) * 2)
    assert torch.equal(outputs, expected)
    assert all(map(torch.equal, after, others))


@pytest.mark.usefixtures("bfloat16_vectors", "rounding")
@pytest.mark.parametrize("training", [True, False])
def test_a_rounded_lstm_counts_all_steps(training):
    cell = materialize(CELLS["lstm"](3, 32), torch.Generator())
    with torch.no_grad():  # each gate is open, and each candidate 1
        for weight in cell.parameters():
            weight.zero_()
        cell.rnn.bias_ih_l0.fill_(20.0)
    with products_in("bfloat16"), torch.set_grad_enabled(training):
        _, (_, values) = cell(torch.zeros(8, 1000, 3))
    assert torch.equal(values, torch.full((8, 32), 1000.0))


@pytest.mark.usefixtures("rounding")
def test_few_rows_steps_and_units_are_not_rounded(monkeypatch):
    cell = CELLS["lstm"](30, 20)
    x = torch.empty(8, 8, 30)
    with products_in("bfloat16"):
        assert cell.is_rounded(x)
        assert not cell.is_rounded(x[:7])
        assert not cell.is_rounded(x[:, :7])
        assert not cell.is_rounded(x.double())
        monkeypatch.setattr(CELLS["lstm"], "MIN_ROUNDED_UNITS", 21)
        assert not cell.is_rounded(x)
    assert not cell.is_rounded(x)


@pytest.mark.usefixtures("rounding")
@pytest.mark.parametrize("kind", sorted(set(CELLS) - {"lstm"}))
def test_steps_of_other_cells_are_not_rounded(kind, generator):
    cell = CELLS[kind](30, 20)
    with products_in("bfloat16"):
        assert not cell.is_rounded(torch.randn(20, 25, 30, generator=generator))


# --- a cell that is added at run time -------------------------------------------------


class Scan(Cell):
    """The minimal GRU as a scan, without a kernel of its own.

    All steps at once: affine maps h -> keep * h + new are composed in doubling spans.
    """

    n_gates = 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size, 2 * hidden_size)

    def forward(self, x, state=None):
        gate, candidate = self.linear(x).chunk(2, dim=-1)  # (B, T, H)
        keep, new = torch.sigmoid(-gate), torch.sigmoid(gate) * candidate
        span = 1
        while span < x.shape[1]:
            later = keep[:, span:]
            new = torch.cat([new[:, :span], new[:, span:] + later * new[:, :-span]], 1)
            keep = torch.cat([keep[:, :span], later * keep[:, :-span]], 1)
            span *= 2
        outputs = new if state is None else new + keep * state[0][:, None]
        return outputs, (outputs[:, -1],)


def scan_by_hand(x, weight, bias, h):
    """Return the outputs (T, H) of one sequence x (T, F), one step after the other."""
    outputs = []
    for step in x:
        gate, candidate = (weight @ step + bias).chunk(2)
        z = 1 / (1 + torch.exp(-gate))
        h = (1 - z) * h + z * candidate
        outputs.append(h)
    return torch.stack(outputs)


@pytest.fixture
def scan(monkeypatch):
    """Add the cell to the table, and return its name."""
    monkeypatch.setitem(CELLS, "scan", Scan)
    return "scan"


def test_an_added_cells_outputs_and_gradients_are_those_of_its_definition(generator):
    cell = materialize(Scan(N_FEATURES, HIDDEN), generator).double()
    weight, bias = (p.detach().clone().requires_grad_() for p in cell.parameters())
    ours = torch.randn(2, 7, N_FEATURES, dtype=torch.float64, generator=generator)
    start = torch.randn(2, HIDDEN, dtype=torch.float64, generator=generator)
    ours, theirs = ours.clone().requires_grad_(), ours.clone().requires_grad_()
    begun, same = start.clone().requires_grad_(), start.clone().requires_grad_()
    outputs, (last,) = cell(ours, (begun,))
    pairs = zip(theirs, same, strict=True)
    expected = torch.stack([scan_by_hand(x, weight, bias, h) for x, h in pairs])
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(last, expected[:, -1])
    w = torch.randn(outputs.shape, dtype=torch.float64, generator=generator)
    (outputs * w).sum().backward()
    (expected * w).sum().backward()
    gradients = [cell.linear.weight.grad, cell.linear.bias.grad, ours.grad, begun.grad]
    for got, part in zip(gradients, (weight, bias, theirs, same), strict=True):
        torch.testing.assert_close(got, part.grad)


def test_an_added_cells_linear_layers_are_initialized_gate_by_gate(generator):
    cell = materialize(Scan(N_FEATURES, HIDDEN), generator)
    bound = math.sqrt(6 / (N_FEATURES + HIDDEN))
    for gate in cell.linear.weight.chunk(2):
        assert 0.8 * bound < gate.abs().max() <= bound
    assert not cell.linear.bias.any()


def test_the_values_that_a_cell_gives_its_linear_layers_stay(generator):
    class Identity(Scan):
        def initialize(self, generator):
            for weight in self.parameters():
                nn.init.constant_(weight, 7.0)

    with torch.device("meta"):
        module = nn.Sequential(Identity(N_FEATURES, HIDDEN))
    materialize(module, generator)
    assert all((weight == 7).all() for weight in module.parameters())


TOKENS = {"n_ids": 6, "embedding_dim": 3}
RECURRENT = {"hidden_size": 8, "num_layers": 1, "dropout": 0.1}
ENCODING = {"input_layer": TOKENS, "bidirectional": True, **RECURRENT}
DECODING = {"n_outputs": 6, "target_dim": 3, "attention": "general"}
LANGUAGE = {"n_outputs": 6, "embedding_dim": 5, "tie_weights": True}
NETWORKS = {
    "recurrent": ENCODING | {"n_outputs": 6, "pooling": "last"},
    "tagging": ENCODING | {"n_outputs": 6, "crf": False},
    "translation": ENCODING | DECODING | {"tie_weights": False},
    "horizon": ENCODING | DECODING | {"horizon": 2},
    "language": RECURRENT | LANGUAGE,
}


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_an_added_cell_learns_in_every_network(kind, num_layers, scan):
    config = NETWORKS[kind] | {"cell": scan, "num_layers": num_layers}
    network = build_network(kind, config, torch.Generator().manual_seed(0)).train()
    tokens = torch.tensor([[2, 3, 4, 5], [3, 2, 0, 0], [4, 4, 4, 0]])
    lengths = torch.tensor([4, 2, 3])
    inputs = {"tokens": tokens, "lengths": lengths}
    inputs |= {"previous": tokens, "target_lengths": lengths}
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    torch.manual_seed(0)  # of dropout
    for _ in range(60):
        outputs = network(inputs)
        logits = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
        if kind == "horizon":
            loss = (logits - lengths[:, None]).square().mean()
        elif logits.ndim == 2:
            loss = nn.functional.cross_entropy(logits, lengths)
        else:
            loss = nn.functional.cross_entropy(logits[tokens > 0], tokens[tokens > 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    cells = [part for part in network.modules() if isinstance(part, Scan)]
    n_stacks = {"language": 1, "translation": 3, "horizon": 3}.get(kind, 2)
    assert len(cells) == num_layers * n_stacks
    assert all(p.grad.any() for cell in cells for p in cell.parameters())


def test_an_added_cell_generates_what_its_whole_sequences_say(scan, generator):
    config = NETWORKS["language"] | {"cell": scan, "num_layers": 2}
    network = build_network("language", config, generator).eval()
    tokens = torch.randint(2, 6, (3, 7), generator=generator)
    with torch.no_grad():
        whole = network({"tokens": tokens, "lengths": torch.full((3,), 7)}).logits
        logits, state = network.read(tokens[:, :4], ())
        for t in range(4, 7):
            torch.testing.assert_close(logits, whole[:, t - 1])
            logits, state = network.read(tokens[:, t : t + 1], state)
        torch.testing.assert_close(logits, whole[:, 6])


def test_an_added_cells_sequences_do_not_depend_on_the_batch(scan, generator):
    config = NETWORKS["tagging"] | {"cell": scan, "num_layers": 2}
    network = build_network("tagging", config, generator).eval()
    tokens = torch.randint(2, 6, (3, 5), generator=generator)
    lengths = torch.tensor([5, 1, 3])
    with torch.no_grad():
        together = network({"tokens": tokens, "lengths": lengths}).logits
        for i, n in enumerate(lengths.tolist()):
            inputs = {"tokens": tokens[i : i + 1, :n], "lengths": lengths[i : i + 1]}
            torch.testing.assert_close(network(inputs).logits[0], together[i, :n])


# --- the LSTM's own gradient ----------------------------------------------------------


@pytest.fixture
def lstm_and_x(generator):
    cell = materialize(LSTM(N_FEATURES, HIDDEN), generator)
    return cell, torch.randn(5, 7, N_FEATURES, generator=generator)


def differentiated(cell, graph, inputs, used):
    """Return the outputs that are used, and the gradients by inputs and weights, twice."""
    inputs = [part.clone().requires_grad_(part.is_floating_point()) for part in inputs]

    def function(x, *others):
        states = tuple(part for part in others if part.is_floating_point())
        outputs, after = cell(x, states or None)
        return (outputs, *after) if states else outputs

    (found,) = side_by_side([Piece(function, tuple(inputs), cell.weights(), graph)])
    found = found if isinstance(found, tuple) else (found,)
    chosen = [found[i] for i in used]
    leaves = [part for part in inputs if part.requires_grad] + list(cell.weights())
    loss = sum((part.sin() * (i + 1)).sum() for i, part in enumerate(chosen))
    both = [
        torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
        for _ in range(2)
    ]
    return [*chosen, *both[0], *both[1]]


@pytest.mark.parametrize("used", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("n_steps", [1, 7])
def test_an_lstm_that_continues_has_the_gradients_of_torchs(lstm_and_x, used, n_steps):
    cell, x = lstm_and_x
    inputs = x[:, :n_steps], *torch.randn(2, 5, HIDDEN).unbind()
    assert cell.graph(x) is LSTMGraph
    ours, theirs = (differentiated(cell, g, inputs, used) for g in (LSTMGraph, None))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("others", [(), (torch.tensor([7, 3, 1, 7, 2]),)])
def test_an_lstm_that_begins_has_the_gradients_of_torchs(lstm_and_x, others):
    cell, x = lstm_and_x
    ours, theirs = (
        differentiated(cell, g, (x, *others), (0,)) for g in (LSTMGraph, None)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def test_an_lstm_whose_outputs_nobody_uses_has_no_gradient(lstm_and_x):
    cell, x = lstm_and_x
    piece = Piece(lambda x: cell(x)[0], (x,), cell.weights(), cell.graph(x))
    used, _ = side_by_side([piece, piece])
    used.sum().backward()
    (expected,) = torch.autograd.grad(cell(x)[0].sum(), cell.weights()[:1])
    assert torch.equal(cell.weights()[0].grad, expected)


def test_an_lstm_starts_from_states_that_lie_apart(lstm_and_x):
    cell, x = lstm_and_x
    states = torch.randn(2, HIDDEN, 5).transpose(1, 2).unbind()
    learned = torch.randn(1, HIDDEN).expand(5, HIDDEN)
    for inputs in ((x, *states), (x, learned, learned)):
        piece = Piece(cell, inputs, cell.weights(), LSTMGraph)
        (found,) = side_by_side([piece])
        outputs, after = cell(x, inputs[1:])
        for one, other in zip(found, (outputs, *after), strict=True):
            assert torch.equal(one, other)


def test_outputs_of_an_lstm_that_change_before_the_gradient_are_noticed(lstm_and_x):
    cell, x = lstm_and_x
    (outputs,) = side_by_side([Piece(cell, (x,), cell.weights(), LSTMGraph)])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.mul_(2.0).sum().backward()


def test_frozen_weights_of_an_lstm_get_no_gradient(lstm_and_x):
    cell, x = lstm_and_x
    cell.rnn.weight_hh_l0.requires_grad_(False)
    (outputs,) = side_by_side([Piece(cell, (x,), cell.weights(), LSTMGraph)])
    outputs.sum().backward()
    assert [weight.grad is None for weight in cell.weights()] == [
        False,
        True,
        False,
        False,
    ]


def test_encoders_and_layers_call_the_kernel_itself(monkeypatch, generator):
    calls = []
    run = LSTMGraph.run
    monkeypatch.setattr(LSTMGraph, "run", lambda self: calls.append(1) or run(self))
    x, lengths = torch.randn(5, 7, 3, generator=generator), torch.tensor([7, 3, 1, 7, 2])
    encoder = RecurrentEncoder(3, 4, bidirectional=True)
    encoder(x, lengths)
    assert len(calls) == 2
    with torch.no_grad():
        encoder(x, lengths)
    assert len(calls) == 2
    monkeypatch.setattr(rows, "ALL_THREADS", 1)
    monkeypatch.setattr(rows, "MIN_VALUES", 1)
    layers = RecurrentLayers(3, 4, cell="lstm", num_layers=2, dropout=0.0)
    layers(x, layers.zeros(5, x))
    assert len(calls) == 4


@pytest.mark.parametrize("of", ["cell", "rnn"])
def test_hooks_on_an_lstm_are_called_in_training(of, lstm_and_x):
    cell, x = lstm_and_x
    calls = []
    module = cell if of == "cell" else cell.rnn
    handle = module.register_forward_hook(lambda *_: calls.append(1))
    assert cell.graph(x) is None
    handle.remove()
    assert cell.graph(x) is LSTMGraph


def test_only_torchs_kernel_for_float32_has_a_gradient_of_its_own(
    lstm_and_x, monkeypatch
):
    class Doubled(LSTM):
        def read(self, x, lengths):
            return super().read(2 * x, lengths)

    cell, x = lstm_and_x
    assert cell.graph(x.double()) is None
    assert cell.graph(x.to("meta")) is None
    assert Doubled(N_FEATURES, HIDDEN).graph(x) is None
    deep = LSTM(N_FEATURES, HIDDEN)
    deep.rnn = nn.LSTM(N_FEATURES, HIDDEN, num_layers=2, batch_first=True)
    assert deep.graph(x) is None
    assert CELLS["gru"](N_FEATURES, HIDDEN).graph(x) is None
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert cell.graph(x) is None
