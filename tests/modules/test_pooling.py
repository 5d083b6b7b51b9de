"""Poolings against numpy, sequence by sequence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skrnn.modules.initialization import materialize
from skrnn.modules.masking import length_mask
from skrnn.modules.networks import build_network
from skrnn.modules.pooling import POOLINGS, Pooling

SIZE = 4
LENGTHS = torch.tensor([3, 1, 6, 2])


def make(pooling):
    with torch.device("meta"):
        module = POOLINGS[pooling](SIZE)
    return materialize(module, torch.Generator().manual_seed(0))


@pytest.fixture
def outputs(generator):
    return torch.randn(4, 7, SIZE, generator=generator)


@pytest.fixture
def state(generator):
    return torch.randn(4, SIZE, generator=generator)


def attention_by_hand(module, x):
    projection = module.projection
    hidden = np.tanh(x @ projection.weight.numpy().T + projection.bias.numpy())
    scores = hidden @ module.context.numpy()[:, 0]
    weights = np.exp(scores - scores.max())
    return (weights / weights.sum()) @ x


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_pooling_equals_a_loop_over_sequences(pooling, outputs, state):
    module = make(pooling)
    by_hand = {
        "last": lambda x, s: s,
        "mean": lambda x, s: x.mean(0),
        "max": lambda x, s: x.max(0),
        "attention": lambda x, s: attention_by_hand(module, x),
        "concat": lambda x, s: np.concatenate([s, x.max(0), x.mean(0)]),
    }[pooling]
    expected = [
        by_hand(x[:n].numpy(), s.numpy())
        for x, s, n in zip(outputs, state, LENGTHS.tolist(), strict=True)
    ]
    pooled = module(outputs, state, LENGTHS)
    assert pooled.shape == (4, module.output_size)
    np.testing.assert_allclose(pooled, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("garbage", [1e6, -1e6])
def test_pooling_does_not_depend_on_the_padding(pooling, garbage, outputs, state):
    module = make(pooling)
    padding = torch.arange(7) >= LENGTHS[:, None]
    results = []
    for value in (0.0, garbage):
        x = outputs.masked_fill(padding[..., None], value).requires_grad_()
        pooled = module(x, state.requires_grad_(), LENGTHS)
        (gradient,) = torch.autograd.grad(
            pooled.square().sum(), x, allow_unused=pooling == "last"
        )
        results.append((pooled, torch.zeros(()) if gradient is None else gradient))
    torch.testing.assert_close(results[1], results[0])
    if pooling != "last":
        assert not results[1][1][padding].any()


def test_the_gradient_of_the_maximum_is_torchs_and_equal_steps_share_it(generator):
    x = torch.randn(4, 7, SIZE, generator=generator).round().requires_grad_()
    mask = length_mask(LENGTHS, 7)
    factors = torch.randn(4, SIZE, generator=generator)
    expected = x.masked_fill(~mask[..., None], -torch.inf).amax(1)
    largest = make("max")(x, x[:, 0], LENGTHS)
    assert torch.equal(largest, expected)
    (ours,) = torch.autograd.grad((largest * factors).sum(), x)
    (theirs,) = torch.autograd.grad((expected * factors).sum(), x)
    assert torch.equal(ours, theirs)
    assert ((ours != 0).sum(1) > 1).any()  # some are shared


@pytest.mark.parametrize("pooling", ["mean", "max", "concat"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@torch.no_grad()
def test_what_is_not_finite_stays_so(pooling, value, outputs, state):
    outputs[0, 1, 2] = value
    pooled = make(pooling)(outputs, state, LENGTHS)
    assert pooled.isfinite().sum() == pooled.numel() - (2 if pooling == "concat" else 1)


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_a_pooling_that_reads_no_outputs_says_so(pooling, outputs, state):
    module = make(pooling)
    if not module.reads_outputs:
        torch.testing.assert_close(module(None, state, LENGTHS), state)
    else:
        with pytest.raises(AttributeError):
            module(None, state, LENGTHS)


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_one_step_pools_to_itself(pooling, generator):
    x = torch.randn(2, 1, SIZE, generator=generator)
    module = make(pooling)
    pooled = module(x, x[:, 0], torch.tensor([1, 1]))
    torch.testing.assert_close(pooled, x[:, 0].repeat(1, module.output_size // SIZE))


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_a_sequence_alone_pools_as_beside_a_longer_one(pooling, outputs, state):
    module = make(pooling)
    beside = module(outputs, state, LENGTHS)
    alone = module(outputs[:1, :3], state[:1], LENGTHS[:1])
    torch.testing.assert_close(alone, beside[:1])


@torch.no_grad()
def test_attention_weights_sum_to_one_and_are_zero_in_the_padding(outputs):
    weights = make("attention").weights(outputs, LENGTHS)
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    assert (weights >= 0).all()
    assert not weights[torch.arange(7) >= LENGTHS[:, None]].any()
    assert len(weights[2, :6].unique()) == 6


class Summed(Pooling):
    """The sum over the real steps."""

    def forward(self, outputs, state, lengths):
        mask = length_mask(lengths, outputs.shape[1])
        return outputs.masked_fill(~mask[..., None], 0.0).sum(1)


def test_a_pooling_that_is_added_at_run_time_is_part_of_a_network(monkeypatch, generator):
    monkeypatch.setitem(POOLINGS, "sum", Summed)
    config = {
        "input_layer": {"n_features": 2},
        "n_outputs": 3,
        "hidden_size": 4,
        "cell": "gru",
        "num_layers": 1,
        "bidirectional": True,
        "dropout": 0.0,
    }
    network = build_network("recurrent", config | {"pooling": "sum"}, generator)
    lengths = torch.tensor([3, 1])
    inputs = {"features": torch.randn(2, 4, 2, generator=generator), "lengths": lengths}
    outputs, _ = network.encode_steps(inputs)
    pooled = torch.stack([outputs[0, :3].sum(0), outputs[1, 0]])
    torch.testing.assert_close(network(inputs), network.head(pooled))
