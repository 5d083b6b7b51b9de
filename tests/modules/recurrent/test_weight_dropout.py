"""Dropped recurrent weights, against layers whose weights were multiplied with the masks."""

from __future__ import annotations

import copy

import pytest
import torch

from skrnn.modules.dropout import Dropout, set_generator
from skrnn.modules.recurrent import (
    CELLS,
    RecurrentEncoder,
    RecurrentLayers,
    expected_work,
)
from skrnn.modules.recurrent import rows as rows_of_batches
from skrnn.modules.recurrent.recurrence import MIN_WORK
from skrnn.modules.recurrent.weight_dropout import WeightDropout, with_weights

N_FEATURES, HIDDEN, P = 3, 4, 0.5
LENGTHS = torch.tensor([3, 1, 6, 2, 6])
WITH_WEIGHTS = [name for name in CELLS if name != "mingru"]


def make_encoder(cell, p=P, num_layers=2, bidirectional=True):
    encoder = RecurrentEncoder(
        N_FEATURES,
        HIDDEN,
        cell=cell,
        num_layers=num_layers,
        bidirectional=bidirectional,
        weight_dropout=p,
    )
    randomize(encoder)
    return encoder


def randomize(module):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))


def masked_by_hand(module, stacks, seed=1):
    """Return a copy without dropout whose weights are masked, and the masks by name.

    Masks come from a generator of this seed, stack by stack, and layer by layer.
    """
    twin = copy.deepcopy(module)
    twin.weight_dropout.dropout.p = 0.0
    drop = Dropout(P)
    drop.generator = torch.Generator().manual_seed(seed)
    masks = {}
    for stack in stacks:
        for i in range(len(getattr(twin, stack))):
            name = f"{stack}.{i}.rnn.weight_hh_l0"
            weight = twin.get_parameter(name)
            masks[name] = drop(torch.ones_like(weight))
            with torch.no_grad():
                weight.mul_(masks[name])
    return twin, masks


def gradients(outputs, module, inputs):
    weighing = torch.linspace(-1, 1, outputs.numel()).view(outputs.shape)
    by_input = torch.autograd.grad(
        (outputs * weighing).sum(), [inputs, *module.parameters()]
    )
    return dict(
        zip(["inputs", *(n for n, _ in module.named_parameters())], by_input, strict=True)
    )


def check_equal(module, twin, masks, run, x):
    """Assert that outputs and gradients are those of the masked twin."""
    set_generator(module, torch.Generator().manual_seed(1))
    found, expected = run(module), run(twin)
    torch.testing.assert_close(found, expected)
    by, by_twin = gradients(found, module, x), gradients(expected, twin, x)
    for name, gradient in by.items():
        wanted = by_twin[name] * masks.get(name, 1.0)
        torch.testing.assert_close(gradient, wanted, msg=name)


@pytest.mark.parametrize("cell", WITH_WEIGHTS)
@pytest.mark.parametrize("engine", ["plain", "compiled", "in parts"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_encoder_equals_one_with_masked_weights(
    cell, engine, bidirectional, generator, monkeypatch
):
    if engine == "compiled":
        pytest.importorskip("numba")
    if engine == "in parts":
        for name in ("TWO_PARTS", "TWO_PACKED", "MIN_VALUES", "MIN_PLAIN"):
            monkeypatch.setattr(rows_of_batches, name, 1)
    encoder = make_encoder(cell, bidirectional=bidirectional)
    stacks = ["forward_layers", "backward_layers"][: 1 + bidirectional]
    twin, masks = masked_by_hand(encoder, stacks)
    x = torch.randn(len(LENGTHS), 6, N_FEATURES, generator=generator).requires_grad_()
    real = (torch.arange(6) < LENGTHS[:, None])[..., None]

    def run(module):
        outputs, state = module(x, LENGTHS)
        kept = outputs.masked_fill(~real, 0.0)  # undefined in the padding
        return torch.cat([kept.flatten(1), state], dim=1)

    with expected_work(MIN_WORK if engine == "compiled" else 0):
        check_equal(encoder, twin, masks, run, x)


@pytest.mark.parametrize("cell", WITH_WEIGHTS)
def test_layers_with_a_state_equal_ones_with_masked_weights(cell, generator):
    layers = RecurrentLayers(
        N_FEATURES, HIDDEN, cell=cell, num_layers=2, dropout=0.0, weight_dropout=P
    )
    randomize(layers)
    twin, masks = masked_by_hand(layers, ["layers"])
    x = torch.randn(5, 7, N_FEATURES, generator=generator).requires_grad_()
    start = tuple(part + 0.3 for part in layers.zeros(5, x))

    def run(module):
        outputs, after = module(x, start)
        return torch.cat([outputs.flatten(), *(part.flatten() for part in after)])

    check_equal(layers, twin, masks, run, x)


@pytest.mark.parametrize("cell", WITH_WEIGHTS)
def test_each_call_draws_other_masks_and_leaves_the_weights_alone(cell):
    encoder = make_encoder(cell)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    set_generator(encoder, torch.Generator().manual_seed(0))
    x = torch.ones(len(LENGTHS), 6, N_FEATURES)
    first, second = (encoder(x, LENGTHS)[1] for _ in range(2))
    assert not torch.equal(first, second)
    assert all(torch.equal(before[n], value) for n, value in encoder.state_dict().items())


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_is_dropped_or_drawn_in_prediction_or_at_rate_zero(cell):
    plain = make_encoder(cell, p=0.0)
    x = torch.ones(len(LENGTHS), 6, N_FEATURES)
    expected = plain(x, LENGTHS)[0]
    assert plain.weight_dropout(plain.forward_layers) == list(plain.forward_layers)
    if cell in WITH_WEIGHTS:
        encoder = make_encoder(cell).eval()
        assert torch.equal(encoder(x, LENGTHS)[0], expected)


def test_torchs_global_generator_is_not_touched():
    encoder = make_encoder("lstm")
    set_generator(encoder, torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    encoder(torch.ones(len(LENGTHS), 6, N_FEATURES), LENGTHS)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_cell_without_recurrent_weights_is_refused():
    message = r"weight_dropout=0\.5 needs a cell with hidden-to-hidden weights"
    with pytest.raises(ValueError, match=message):
        make_encoder("mingru")


def test_a_copy_shares_all_but_the_given_weights(generator):
    cell = CELLS["gru"](N_FEATURES, HIDDEN)
    other = torch.randn(3 * HIDDEN, HIDDEN, generator=generator)
    copied = with_weights(cell, {"rnn.weight_hh_l0": other})
    assert copied.rnn.weight_hh_l0 is other
    assert copied.rnn.weight_ih_l0 is cell.rnn.weight_ih_l0
    assert cell.rnn.weight_hh_l0 is not other


def test_the_rate_is_shown():
    cells = [CELLS["lstm"](N_FEATURES, HIDDEN)]
    assert "p=0.25" in repr(WeightDropout(0.25, cells))
