"""The whole networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skrnn.modules.crf import PathScores, StepScores, best_path, marginals
from skrnn.modules.networks import build_network, empty_network
from skrnn.modules.pooling import POOLINGS
from skrnn.modules.recurrent import CELLS

LENGTHS = torch.tensor([3, 1, 6, 2])
NUMERIC = {"n_features": 2}
TOKENS = {"n_ids": 6, "embedding_dim": 3}
CHARACTERS = TOKENS | {"char_encoder": "cnn", "n_char_ids": 9, "char_dim": 4}
NGRAMS = CHARACTERS | {"char_encoder": "ngrams"}


def recurrent(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "hidden_size": 4,
        "cell": "lstm",
        "num_layers": 1,
        "bidirectional": False,
        "pooling": "last",
        "dropout": 0.0,
    } | options


def feed_forward(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "window": 4,
        "hidden_layer_sizes": (5,),
        "activation": "tanh",
        "dropout": 0.0,
    } | options


def tagging(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "crf": False,
        "hidden_size": 4,
        "cell": "lstm",
        "num_layers": 1,
        "bidirectional": False,
        "dropout": 0.0,
    } | options


def window_tagging(input_layer=NUMERIC, **options):
    return {
        "input_layer": input_layer,
        "n_outputs": 3,
        "crf": False,
        "context": 2,
        "hidden_layer_sizes": (5,),
        "activation": "tanh",
        "dropout": 0.0,
    } | options


MAKERS = {
    "recurrent": recurrent,
    "feed_forward": feed_forward,
    "tagging": tagging,
    "window_tagging": window_tagging,
}
TAGGERS = pytest.mark.parametrize("kind", ["tagging", "window_tagging"])

CONFIGS = [
    ("recurrent", recurrent()),
    ("recurrent", recurrent(CHARACTERS, num_layers=2, bidirectional=True, cell="gru")),
    ("recurrent", recurrent(NGRAMS, pooling="attention", cell="rnn_relu")),
    ("feed_forward", feed_forward()),
    ("feed_forward", feed_forward(CHARACTERS, hidden_layer_sizes=())),
    ("tagging", tagging()),
    ("tagging", tagging(CHARACTERS, crf=True, bidirectional=True, num_layers=2)),
    ("window_tagging", window_tagging(NGRAMS)),
    ("window_tagging", window_tagging(crf=True, context=0)),
]


def numeric(x, lengths=LENGTHS):
    return {"features": x, "lengths": lengths}


def build(kind, config, seed=0):
    return build_network(kind, config, torch.Generator().manual_seed(seed)).eval()


@pytest.mark.parametrize(("kind", "config"), CONFIGS)
def test_a_network_is_reproducible_from_its_generator(kind, config):
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        states.append(build(kind, config, seed).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    for name, weight in states[0].items():
        assert torch.equal(states[1][name], weight), name
    assert any(not torch.equal(states[2][name], w) for name, w in states[0].items())


@pytest.mark.parametrize(("kind", "config"), CONFIGS)
def test_every_weight_and_buffer_is_given_a_value(kind, config, monkeypatch):
    to_empty = nn.Module.to_empty

    def to_nan(module, **options):
        to_empty(module, **options)
        for tensor in [*module.parameters(), *module.buffers()]:
            with torch.no_grad():
                tensor.fill_(torch.nan if tensor.is_floating_point() else 1)
        return module

    monkeypatch.setattr(nn.Module, "to_empty", to_nan)
    network = build(kind, config)
    for name, weight in network.named_parameters():
        assert weight.isfinite().all(), name
    for name, buffer in network.named_buffers():
        allowed = name.startswith("crf.may_")  # everything, to begin with
        assert buffer.eq(allowed).all(), name


@pytest.mark.parametrize(("kind", "config"), CONFIGS)
def test_a_network_is_built_again_from_its_configuration(kind, config):
    network = build(kind, config)
    assert (network.kind, network.config) == (kind, config)
    empty = empty_network(network.kind, network.config)
    assert {p.device.type for p in empty.parameters()} == {"meta"}
    again = empty.to_empty(device="cpu")
    again.load_state_dict(network.state_dict())
    shapes = {name: weight.shape for name, weight in network.state_dict().items()}
    assert shapes == {name: weight.shape for name, weight in again.state_dict().items()}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
@torch.no_grad()
def test_a_sequences_logits_do_not_depend_on_its_neighbours(
    cell, pooling, bidirectional, generator
):
    config = recurrent(cell=cell, pooling=pooling, bidirectional=bidirectional)
    network = build("recurrent", config)
    x = torch.randn(4, 6, 2, generator=generator)
    together = network(numeric(x))
    assert together.shape == (4, 3)
    for i, n in enumerate(LENGTHS.tolist()):
        alone = network(numeric(x[i : i + 1, :n], LENGTHS[i : i + 1]))
        torch.testing.assert_close(alone[0], together[i], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_steps", [1, 4, 9])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@torch.no_grad()
def test_the_baseline_is_a_dense_network_over_the_last_steps(
    n_steps, activation, generator
):
    config = feed_forward(window=n_steps, activation=activation)
    network = build("feed_forward", config)
    x = torch.randn(4, 6, 2, generator=generator)
    window = np.zeros((4, n_steps, 2), dtype=np.float32)
    for row, sequence, n in zip(window, x.numpy(), LENGTHS.tolist(), strict=True):
        last = sequence[max(0, n - n_steps) : n]
        row[n_steps - len(last) :] = last
    f = {
        "identity": lambda a: a,
        "logistic": lambda a: 1 / (1 + np.exp(-a)),
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
    }[activation]
    dense, head = network.hidden[0], network.head
    hidden = f(window.reshape(4, -1) @ dense.weight.numpy().T + dense.bias.numpy())
    expected = hidden @ head.weight.numpy().T + head.bias.numpy()
    np.testing.assert_allclose(network(numeric(x)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_steps", [2, 8])
@torch.no_grad()
def test_the_baselines_window_of_tokens_has_zero_vectors_in_front(n_steps):
    config = feed_forward(TOKENS, window=n_steps, hidden_layer_sizes=())
    network = build("feed_forward", config)
    ids = torch.tensor([[2, 3, 4], [5, 0, 0]])
    logits = network({"tokens": ids, "lengths": torch.tensor([3, 1])})
    weight = network.head.weight.view(3, n_steps, 3)
    vectors = network.input_layer.embedding.weight
    for row, tokens in zip(logits, [[2, 3, 4], [5]], strict=True):
        last = tokens[-n_steps:]
        expected = sum(
            weight[:, n_steps - len(last) + i] @ vectors[t] for i, t in enumerate(last)
        )
        torch.testing.assert_close(row, expected, rtol=1e-5, atol=1e-6)


def test_the_baseline_may_have_any_number_of_layers():
    network = build("feed_forward", feed_forward(hidden_layer_sizes=(7, 5)))
    sizes = [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]
    assert sorted(sizes) == [3, 5, 7]


@pytest.mark.parametrize("kind", MAKERS)
@torch.no_grad()
def test_a_network_with_a_char_encoder_tells_unknown_words_apart(kind):
    network = build(kind, MAKERS[kind](CHARACTERS))
    ids, lengths = torch.tensor([[1, 1], [1, 1]]), torch.tensor([2, 2])
    words = torch.tensor([[0, 1], [1, 0]])
    characters = torch.tensor([[2, 4, 3], [2, 5, 3]])
    outputs = network(
        {"tokens": ids, "lengths": lengths, "words": words, "characters": characters}
    )
    first, second = outputs.logits if isinstance(outputs, StepScores) else outputs
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_dropout_before_the_head_works_in_training_only(generator):
    network = build("recurrent", recurrent(dropout=0.5))
    x = torch.randn(4, 6, 2, generator=generator)
    assert torch.equal(network(numeric(x)), network(numeric(x)))
    network.train()
    assert not torch.equal(network(numeric(x)), network(numeric(x)))


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu"])
@torch.no_grad()
def test_one_step_through_a_plain_cell_is_one_hidden_layer(cell, generator):
    recurrence = build("recurrent", recurrent(cell=cell))
    dense = build(
        "feed_forward",
        feed_forward(window=1, hidden_layer_sizes=(4,), activation=cell[4:]),
    )
    layer = recurrence.encoder.forward_layers[0]
    dense.hidden[0].weight.copy_(layer.weight_ih_l0)
    dense.hidden[0].bias.copy_(layer.bias_ih_l0 + layer.bias_hh_l0)
    dense.head.load_state_dict(recurrence.head.state_dict())
    x = torch.randn(5, 1, 2, generator=generator)
    inputs = numeric(x, torch.ones(5, dtype=torch.int64))
    torch.testing.assert_close(recurrence(inputs), dense(inputs))


# --- a label for every step ----------------------------------------------------------


@TAGGERS
@torch.no_grad()
def test_a_tagging_network_scores_every_label_of_every_step(kind, generator):
    x = torch.randn(4, 6, 2, generator=generator)
    without = build(kind, MAKERS[kind]())(numeric(x))
    assert type(without) is StepScores
    network = build(kind, MAKERS[kind](crf=True))
    scores = network(numeric(x))
    assert type(scores) is PathScores
    assert scores.transitions.shape == (3, 3)
    assert scores.start.shape == scores.end.shape == (3,)
    for outputs in (without, scores):
        assert outputs.logits.shape == (4, 6, 3)
        assert outputs.lengths is LENGTHS
    network.crf.transitions.normal_(generator=generator)
    assert torch.equal(network(numeric(x)).transitions, network.crf.transitions)


@TAGGERS
@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("filling", [0.0, 1e30, torch.nan])
@torch.no_grad()
def test_the_padding_of_a_tagging_network_has_no_influence(kind, crf, filling, generator):
    bidirectional = {"bidirectional": True} if kind == "tagging" else {}
    network = build(kind, MAKERS[kind](crf=crf, **bidirectional))
    x = torch.randn(4, 6, 2, generator=generator)
    x[torch.arange(6) >= LENGTHS[:, None]] = filling
    together = network(numeric(x))
    for i, n in enumerate(LENGTHS.tolist()):
        alone = network(numeric(x[i : i + 1, :n], LENGTHS[i : i + 1]))
        torch.testing.assert_close(
            alone.logits[0], together.logits[i, :n], rtol=1e-5, atol=1e-6
        )
        if crf:
            assert best_path(alone)[0].tolist() == best_path(together)[i, :n].tolist()
            torch.testing.assert_close(marginals(alone)[0], marginals(together)[i, :n])


@pytest.mark.parametrize("window", [0, 1, 2, 7])
@pytest.mark.parametrize("sizes", [(), (5,), (5, 4)])
@torch.no_grad()
def test_the_tagging_baseline_is_a_dense_network_over_each_steps_neighbours(
    window, sizes, generator
):
    config = window_tagging(context=window, hidden_layer_sizes=sizes)
    network = build("window_tagging", config)
    x = torch.randn(4, 6, 2, generator=generator)
    got = network(numeric(x)).logits
    for sequence, logits, n in zip(x.numpy(), got.numpy(), LENGTHS.tolist(), strict=True):
        for step in range(n):
            near = range(step - window, step + window + 1)
            values = [sequence[i] if 0 <= i < n else np.zeros(2) for i in near]
            hidden = np.concatenate(values)
            for layer in (m for m in network.hidden if isinstance(m, nn.Linear)):
                hidden = np.tanh(layer.weight.numpy() @ hidden + layer.bias.numpy())
            head = network.head
            expected = head.weight.numpy() @ hidden + head.bias.numpy()
            np.testing.assert_allclose(logits[step], expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_tagging_baselines_window_of_tokens_has_zero_vectors_beyond_the_ends():
    config = window_tagging(TOKENS, context=1, hidden_layer_sizes=())
    network = build("window_tagging", config)
    tokens, lengths = torch.tensor([[2, 3, 4], [5, 0, 0]]), torch.tensor([3, 1])
    logits = network({"tokens": tokens, "lengths": lengths}).logits
    before, at, after = network.head.weight.view(3, 3, 3).unbind(1)
    v = network.input_layer.embedding.weight
    expected = {
        (0, 0): at @ v[2] + after @ v[3],
        (0, 1): before @ v[2] + at @ v[3] + after @ v[4],
        (0, 2): before @ v[3] + at @ v[4],
        (1, 0): at @ v[5],
    }
    for place, value in expected.items():
        torch.testing.assert_close(logits[place], value, rtol=1e-5, atol=1e-6)


@TAGGERS
@torch.no_grad()
def test_dropout_of_a_tagging_network_works_in_training_only(kind, generator):
    network = build(kind, MAKERS[kind](dropout=0.5))
    x = torch.randn(4, 6, 2, generator=generator)
    real = torch.arange(6) < LENGTHS[:, None]
    first, second = (network(numeric(x)).logits[real] for _ in range(2))
    assert torch.equal(first, second)
    network.train()
    first, second = (network(numeric(x)).logits[real] for _ in range(2))
    assert not torch.equal(first, second)
