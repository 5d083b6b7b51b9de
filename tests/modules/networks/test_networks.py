"""Building any network: its weights, its configuration, and its random numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skrnn.modules.dropout import set_generator
from skrnn.modules.networks import NETWORKS, build_network, empty_network
from skrnn.modules.networks.network import InputNetwork
from skrnn.modules.recurrent import CELLS

LENGTHS = torch.tensor([3, 1, 4])
NUMERIC = {"n_features": 2}
TOKENS = {"n_ids": 6, "embedding_dim": 3}
CHARACTERS = TOKENS | {"char_encoder": "cnn", "n_char_ids": 9, "char_dim": 4}
NGRAMS = CHARACTERS | {"char_encoder": "ngrams"}

LAYERS = {"hidden_size": 4, "cell": "lstm", "num_layers": 1, "dropout": 0.2}
RECURRENT = LAYERS | {"input_layer": NUMERIC, "bidirectional": False, "n_outputs": 4}
DEEP = {"num_layers": 2, "bidirectional": True}
DENSE = {"hidden_layer_sizes": (5,), "activation": "tanh", "dropout": 0.2}
WINDOW = DENSE | {"input_layer": NUMERIC, "n_outputs": 4}
DECODER = {"target_dim": 3, "attention": "general"}
TRANSLATION = RECURRENT | DECODER | {"n_outputs": 6, "tie_weights": True}
LANGUAGE = {"n_outputs": 6, "embedding_dim": 3, "tie_weights": False}

#: Kind, configuration, and digests of the weights before and after three updates. They
#: hold the order in which weights, dropout and unknown tokens draw random numbers.
NETWORKS_AND_DIGESTS = {
    "recurrent-lstm": (
        "recurrent",
        RECURRENT | DEEP | {"cell": "lstm", "pooling": "last"},
        13.9104,
        14.2168,
    ),
    "recurrent-gru": (
        "recurrent",
        RECURRENT | DEEP | {"cell": "gru", "pooling": "last"},
        8.65683,
        8.98271,
    ),
    "recurrent-rnn_tanh": (
        "recurrent",
        RECURRENT | DEEP | {"cell": "rnn_tanh", "pooling": "last"},
        -8.53987,
        -8.37631,
    ),
    "recurrent-rnn_relu": (
        "recurrent",
        RECURRENT | DEEP | {"cell": "rnn_relu", "pooling": "last"},
        3.51342,
        3.43985,
    ),
    "recurrent-attention": (
        "recurrent",
        RECURRENT | {"input_layer": CHARACTERS, "pooling": "attention"},
        7.61127,
        7.79192,
    ),
    "feed_forward": ("feed_forward", WINDOW | {"window": 2}, -0.193777, 0.147143),
    "feed_forward-characters": (
        "feed_forward",
        WINDOW | {"input_layer": CHARACTERS, "window": 4, "hidden_layer_sizes": ()},
        -4.68592,
        -3.52711,
    ),
    "tagging": ("tagging", RECURRENT | {"crf": False}, 3.30829, 3.49327),
    "tagging-crf": (
        "tagging",
        RECURRENT | DEEP | {"input_layer": CHARACTERS, "crf": True},
        -7.38769,
        -7.11899,
    ),
    "window_tagging": (
        "window_tagging",
        WINDOW | {"input_layer": NGRAMS, "context": 2, "crf": False},
        -7.93719,
        -7.86932,
    ),
    "window_tagging-crf": (
        "window_tagging",
        WINDOW | {"context": 0, "crf": True},
        0.501811,
        0.609564,
    ),
    "translation": (
        "translation",
        TRANSLATION | DEEP | {"cell": "gru"},
        26.367,
        26.0915,
    ),
    "translation-scaled_dot": (
        "translation",
        TRANSLATION | {"input_layer": TOKENS, "attention": "scaled_dot"},
        18.2850,
        18.3425,
    ),
    "translation-additive": (
        "translation",
        TRANSLATION
        | {"input_layer": TOKENS, "attention": "additive", "tie_weights": False},
        23.3725,
        23.7885,
    ),
    "horizon": ("horizon", RECURRENT | DECODER | {"horizon": 2}, 0.830595, 0.935888),
    "direct": ("direct", RECURRENT | {"horizon": 2}, -0.227688, 0.119763),
    "window_horizon": (
        "window_horizon",
        WINDOW | {"window": 2, "horizon": 2},
        -0.193777,
        0.147143,
    ),
    "language": ("language", LAYERS | LANGUAGE | {"num_layers": 2}, 11.3312, 11.3032),
    "language-tied": (
        "language",
        LAYERS | LANGUAGE | {"tie_weights": True},
        4.18372,
        4.03098,
    ),
    "language-features": (
        "language",
        LAYERS | LANGUAGE | {"n_outputs": 2, "embedding_dim": None},
        9.3268,
        9.31265,
    ),
    "window_language": (
        "window_language",
        DENSE | LANGUAGE | {"window": 3},
        -4.29116,
        -4.18196,
    ),
}


@pytest.fixture(params=NETWORKS_AND_DIGESTS)
def case(request):
    """Return a kind, a configuration and its digests."""
    return NETWORKS_AND_DIGESTS[request.param]


def build(kind, config, seed=0):
    return build_network(kind, config, torch.Generator().manual_seed(seed)).eval()


def test_every_kind_of_network_is_tested():
    assert {kind for kind, *_ in NETWORKS_AND_DIGESTS.values()} == NETWORKS.keys()


def test_a_network_is_reproducible_from_its_generator(case):
    kind, config, *_ = case
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        states.append(build(kind, config, seed).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    for name, weight in states[0].items():
        assert torch.equal(states[1][name], weight), name
    assert any(not torch.equal(states[2][name], w) for name, w in states[0].items())


def test_every_weight_and_buffer_is_given_a_value(case, monkeypatch):
    kind, config, *_ = case
    to_empty = nn.Module.to_empty

    def fill(value):
        def to_value(module, **options):
            to_empty(module, **options)
            for tensor in [*module.parameters(), *module.buffers()]:
                with torch.no_grad():
                    tensor.fill_(value if tensor.is_floating_point() else value > 0)
            return module

        return to_value

    states = []
    for value in (torch.nan, torch.inf):
        monkeypatch.setattr(nn.Module, "to_empty", fill(value))
        states.append(build(kind, config).state_dict())
    for name, value in states[0].items():
        assert value.isfinite().all(), name
        assert torch.equal(value, states[1][name]), name


def test_a_network_is_built_again_from_its_configuration(case):
    kind, config, *_ = case
    network = build(kind, config)
    assert (network.kind, network.config) == (kind, config)
    empty = empty_network(network.kind, network.config)
    assert {p.device.type for p in empty.parameters()} == {"meta"}
    again = empty.to_empty(device="cpu")
    again.load_state_dict(network.state_dict())
    shapes = {name: weight.shape for name, weight in network.state_dict().items()}
    assert shapes == {name: weight.shape for name, weight in again.state_dict().items()}


def test_numpys_numbers_in_a_configuration_become_pythons():
    kind, config, *_ = NETWORKS_AND_DIGESTS["feed_forward"]
    given = config | {"n_outputs": np.int64(4), "hidden_layer_sizes": (np.int64(5),)}
    given["input_layer"] = {"n_features": np.int64(2)}
    network = build(kind, given)
    assert network.config == config | {"window": 2}
    sizes = [network.config["n_outputs"], *network.config["hidden_layer_sizes"]]
    assert {type(size) for size in sizes} == {int}
    assert type(network.config["input_layer"]["n_features"]) is int


def test_networks_are_float32_whatever_torchs_default_dtype_is():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        network = build(*NETWORKS_AND_DIGESTS["tagging-crf"][:2])
    finally:
        torch.set_default_dtype(before)
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_weights_and_dropout_draw_the_recorded_random_numbers(case):
    kind, config, initial, trained = case
    network = build(kind, config)
    assert digest(network) == pytest.approx(initial, rel=1e-4)
    if "n_ids" in config.get("input_layer", {}):
        network.input_layer.singletons[3] = True
    set_generator(network.train(), torch.Generator().manual_seed(1))
    inputs = make_inputs(kind, config)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    for _ in range(3):
        outputs = network(inputs)
        logits = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
        optimizer.zero_grad()
        loss_of(logits).backward()
        optimizer.step()
    assert digest(network) == pytest.approx(trained, rel=1e-3)


def digest(network):
    """Return one number that depends on every weight and its place."""
    weights = torch.cat([p.detach().double().flatten() for p in network.parameters()])
    return float(weights @ torch.linspace(-1, 2, len(weights), dtype=torch.float64))


def loss_of(logits):
    return logits.nan_to_num(neginf=0.0)[:, ..., 1:].sub(1.0).square().mean()


def make_inputs(kind, config):
    tokens = torch.tensor([[2, 3, 4, 0], [3, 0, 0, 0], [5, 3, 3, 2]])
    features = torch.linspace(-1, 1, 24).view(3, 4, 2)
    layer = config.get("input_layer", {})
    numeric = "n_features" in layer or ("embedding_dim", None) in config.items()
    inputs = {"features": features} if numeric else {"tokens": tokens}
    inputs |= {"lengths": LENGTHS, "previous": tokens, "target_lengths": LENGTHS}
    if "char_encoder" in layer:
        inputs["words"] = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [2, 1, 1, 0]])
        inputs["characters"] = torch.tensor([[2, 4, 3, 0], [2, 5, 6, 3], [2, 8, 3, 0]])
    return inputs


def test_a_network_names_its_cell(case):
    kind, config, *_ = case
    assert build(kind, config).cell is CELLS.get(config.get("cell"))


def test_vectors_of_the_steps_may_be_given_in_place_of_the_steps(case):
    kind, config, *_ = case
    network = build(kind, config)
    if not isinstance(network, InputNetwork):
        return
    inputs = make_inputs(kind, config)
    with torch.no_grad():
        expected = network(inputs)
        once = {name: inputs[name] for name in ("lengths", "previous", "target_lengths")}
        found = network({"embedded": network.embed(inputs), **once})
    torch.testing.assert_close(found, expected)


STATIC = {"n_numbers": 2, "n_categories": (3,)}


def test_static_columns_reach_their_own_sequence_alone(case):
    kind, config, *_ = case
    network = build(kind, config | {"static": STATIC}, seed=3)
    inputs = make_inputs(kind, config) | {
        "static_numbers": torch.zeros(3, 2),
        "static_categories": torch.ones(3, 1, dtype=torch.int64),
    }

    def logits(**changed):
        with torch.no_grad():
            outputs = network(inputs | changed)
        outputs = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
        return outputs.nan_to_num(neginf=0.0)

    expected = logits()
    numbers, categories = torch.zeros(3, 2), torch.ones(3, 1, dtype=torch.int64)
    numbers[1, 0], categories[1] = 2.0, 2
    for changed in ({"static_numbers": numbers}, {"static_categories": categories}):
        found = logits(**changed)
        assert torch.equal(found[[0, 2]], expected[[0, 2]])
        lengths = 1 if found.dim() == 3 else found.shape[1]
        assert (found[1][:lengths] - expected[1][:lengths]).abs().max() > 1e-4
