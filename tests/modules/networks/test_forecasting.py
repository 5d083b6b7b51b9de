"""Networks of forecasters: step after step, padding, what is known ahead, static columns."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.networks import build_network

LENGTHS = torch.tensor([4, 1, 3])
RECURRENT = {
    "hidden_size": 4,
    "cell": "lstm",
    "num_layers": 1,
    "bidirectional": False,
    "dropout": 0.0,
}
CONFIGS = {
    "horizon": RECURRENT | {"target_dim": 3, "attention": None},
    "direct": RECURRENT,
    "window_horizon": {
        "window": 4,
        "hidden_layer_sizes": (4,),
        "activation": "tanh",
        "dropout": 0.0,
    },
}
every_kind = pytest.mark.parametrize("kind", CONFIGS)


def make_network(kind, **options):
    """Return a network in double precision, all of whose weights are random."""
    given = {"input_layer": {"n_features": 2}, "horizon": 3, "n_outputs": 3}
    generator = torch.Generator().manual_seed(0)
    config = {**CONFIGS[kind], **given, **options}
    network = build_network(kind, config, generator).double()
    with torch.no_grad():
        for weight in network.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight += 0.3 * noise
    return network.eval()


def draw(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
@pytest.mark.parametrize(("horizon", "n_numbers"), [(1, 1), (4, 1), (3, 2)])
def test_a_horizon_equals_one_step_after_the_other(attention, horizon, n_numbers):
    network = make_network(
        "horizon",
        n_outputs=horizon * n_numbers,
        horizon=horizon,
        attention=attention,
        n_known=2,
    )
    future = draw(3, horizon, 2)
    batch = {"features": draw(3, 4, 2), "lengths": LENGTHS, "future": future}
    outputs = network(batch)
    assert outputs.shape == (3, horizon * n_numbers)
    state = network.encode(batch)
    steps = outputs.view(3, horizon, n_numbers)
    for t in range(horizon):
        ahead = torch.cat([network.ahead[t].expand(3, 1, -1), future[:, t : t + 1]], -1)
        one, state = network.decoder.step(ahead, state)
        expected = network.head(one[:, 0])
        torch.testing.assert_close(steps[:, t], expected, rtol=1e-9, atol=0)


@every_kind
def test_a_forecast_does_not_depend_on_padding(kind):
    network = make_network(kind)
    inputs = draw(3, 4, 2)
    is_padding = torch.arange(4) >= LENGTHS[:, None]
    other = inputs.masked_fill(is_padding[..., None], 100.0)
    first, second = (
        network({"features": x, "lengths": LENGTHS}) for x in (inputs, other)
    )
    torch.testing.assert_close(second, first, rtol=1e-9, atol=0)


@every_kind
def test_what_is_known_ahead_and_static_columns_reach_every_output(kind):
    static = {"n_numbers": 1, "n_categories": ()}
    network = make_network(kind, n_known=2, static=static)
    batch = {
        "features": draw(3, 4, 2),
        "lengths": LENGTHS,
        "future": draw(3, 3, 2),
        "static_numbers": draw(3, 1),
        "static_categories": torch.zeros(3, 0, dtype=torch.int64),
    }
    before = network(batch)
    for name in ("future", "static_numbers"):
        changed = network(batch | {name: batch[name] + 1.0})
        assert (changed != before).all(), name


def test_a_decoder_reads_what_is_known_up_to_its_step():
    network = make_network("horizon", n_known=1)
    batch = {"features": draw(3, 4, 2), "lengths": LENGTHS, "future": draw(3, 3, 1)}
    later = batch["future"].clone()
    later[:, 2] += 1.0
    before, after = network(batch), network(batch | {"future": later})
    torch.testing.assert_close(after[:, :2], before[:, :2], rtol=1e-9, atol=0)
    assert (after[:, 2] != before[:, 2]).all()
