"""The decoder: a whole target in one call equals one step after the other."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.decoder import Decoder
from skrnn.modules.recurrent import CELLS

INPUT, HIDDEN, MEMORY, OUTPUT = 3, 4, 6, 5
LENGTHS = torch.tensor([4, 1, 3])
ARCHITECTURES = pytest.mark.parametrize(
    ("cell", "num_layers", "attention"),
    [(c, n, a) for c in CELLS for n in (1, 2, 3) for a in (*ATTENTIONS, None)],
)

DEPTHS = pytest.mark.parametrize("num_layers", [1, 2])


def make_decoder(cell="lstm", num_layers=1, attention="general", dropout=0.0):
    """Return a decoder whose weights, biases too, are random."""
    decoder = Decoder(
        INPUT,
        HIDDEN,
        MEMORY,
        OUTPUT,
        cell=cell,
        num_layers=num_layers,
        attention=attention,
        dropout=dropout,
    ).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in decoder.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))
    return decoder.eval()


def normal(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def draw(generator):
    """Return an encoder's outputs and last state, for three sources."""
    return normal(generator, 3, int(LENGTHS.max()), MEMORY), normal(generator, 3, MEMORY)


@ARCHITECTURES
def test_a_whole_target_equals_one_step_after_the_other(
    cell, num_layers, attention, generator
):
    decoder = make_decoder(cell, num_layers, attention)
    state = decoder.start(*draw(generator), LENGTHS)
    inputs = normal(generator, 3, 6, INPUT)
    with torch.no_grad():
        together = decoder(inputs, state)
        assert together.shape == (3, 6, OUTPUT)
        for t in range(6):
            outputs, state = decoder.step(inputs[:, t : t + 1], state)
            torch.testing.assert_close(outputs[:, 0], together[:, t], rtol=1e-9, atol=0)


@ARCHITECTURES
def test_hypotheses_of_a_source_are_independent(cell, num_layers, attention, generator):
    decoder = make_decoder(cell, num_layers, attention)
    start = decoder.start(*draw(generator), LENGTHS)
    inputs = normal(generator, 3, 2, 5, INPUT)  # two targets for each source
    alone = [decoder(inputs[:, k], start) for k in range(2)]
    state = start.take(torch.arange(3), torch.arange(3)[:, None].repeat(1, 2))
    for t in range(5):
        outputs, state = decoder.step(inputs[:, :, t], state)
        for k in range(2):
            torch.testing.assert_close(outputs[:, k], alone[k][:, t], rtol=1e-9, atol=0)


@DEPTHS
@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_taken_sources_and_hypotheses_decode_alone(attention, num_layers, generator):
    decoder = make_decoder(num_layers=num_layers, attention=attention)
    start = decoder.start(*draw(generator), LENGTHS)
    inputs = normal(generator, 3, 2, 2, INPUT)
    pairs = torch.arange(3)[:, None].repeat(1, 2)
    _, state = decoder.step(inputs[:, :, 0], start.take(torch.arange(3), pairs))
    # source 1 has left; source 0 keeps its hypotheses swapped, source 2 its second twice
    rows = torch.tensor([[1, 0], [5, 5]])
    state = state.take(torch.tensor([0, 2]), rows)
    second = inputs[[0, 2], :, 1]
    outputs, _ = decoder.step(second, state)
    for i, (source, parents) in enumerate([(0, (1, 0)), (2, (1, 1))]):
        for k, parent in enumerate(parents):
            path = torch.stack([inputs[source, parent, 0], second[i, k]])[None]
            one = start.take(torch.tensor([source]), torch.tensor([[source]]))
            expected = decoder(path, one)[0, 1]
            torch.testing.assert_close(outputs[i, k], expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_hypotheses_may_be_reordered(cell, generator):
    decoder = make_decoder(cell, num_layers=2)
    start = decoder.start(*draw(generator), LENGTHS)
    inputs = normal(generator, 3, 2, 2, INPUT)
    everyone = torch.arange(3)
    _, state = decoder.step(
        inputs[:, :, 0], start.take(everyone, everyone[:, None].repeat(1, 2))
    )
    swapped = state.take(everyone, torch.tensor([[1, 0], [3, 2], [5, 4]]))
    expected, _ = decoder.step(inputs[:, :, 1], state)
    outputs, _ = decoder.step(inputs[:, :, 1].flip(1), swapped)
    torch.testing.assert_close(outputs.flip(1), expected, rtol=1e-9, atol=0)


@DEPTHS
@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
@torch.no_grad()
def test_sources_may_be_repeated_in_any_order(attention, num_layers, generator):
    decoder = make_decoder(num_layers=num_layers, attention=attention)
    start = decoder.start(*draw(generator), LENGTHS)
    inputs = normal(generator, 3, 1, INPUT)
    expected, _ = decoder.step(inputs, start)
    # as many as there are sources, but not the same ones
    for sources in ([2, 0, 2], [1, 1, 1, 0, 2], [0]):
        repeated, _ = decoder.step(inputs[sources], start.repeat(torch.tensor(sources)))
        torch.testing.assert_close(repeated, expected[sources])


@pytest.mark.parametrize("cell", CELLS)
def test_states_start_from_the_encoders(cell, generator):
    decoder = make_decoder(cell, num_layers=2)
    outputs, state = draw(generator)
    hidden = decoder.start(outputs, state, LENGTHS).hidden
    assert len(hidden) == (2 if cell == "lstm" else 1)
    bridged = torch.tanh(state @ decoder.bridge.weight.T + decoder.bridge.bias)
    got = torch.cat([layer for part in hidden for layer in part], dim=1)
    torch.testing.assert_close(got, bridged)
    assert hidden[0].shape == (2, 3, HIDDEN)


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_all_layers_but_the_first_read_the_context_vector(cell, attention, generator):
    decoder = make_decoder(cell, num_layers=3, attention=attention)
    outputs, state = draw(generator)
    inputs = normal(generator, 3, 1, INPUT)
    first, other = (
        decoder.step(inputs, decoder.start(memory, state, LENGTHS))[1].hidden
        for memory in (outputs, outputs + 1)
    )
    for one, two in zip(first, other, strict=True):
        same = [torch.equal(*layers) for layers in zip(one, two, strict=True)]
        assert same == [True, attention is None, attention is None]


def test_without_attention_only_the_final_state_matters(generator):
    outputs, state = draw(generator)
    inputs = normal(generator, 3, 4, INPUT)
    for attention in (None, "general"):
        decoder = make_decoder(attention=attention)
        first = decoder(inputs, decoder.start(outputs, state, LENGTHS))
        other = decoder(inputs, decoder.start(outputs + 1, state, LENGTHS))
        assert torch.equal(first, other) == (attention is None)
        changed = decoder(inputs, decoder.start(outputs, state + 1, LENGTHS))
        assert not torch.allclose(first, changed)


@DEPTHS
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_scores_do_not_depend_on_the_padding_of_the_source(
    attention, num_layers, generator
):
    decoder = make_decoder(num_layers=num_layers, attention=attention)
    outputs, state = draw(generator)
    padding = torch.arange(outputs.shape[1]) >= LENGTHS[:, None]
    other = outputs.masked_fill(padding[..., None], 1e6)
    inputs = normal(generator, 3, 4, INPUT)
    first = decoder(inputs, decoder.start(outputs, state, LENGTHS))
    assert torch.equal(decoder(inputs, decoder.start(other, state, LENGTHS)), first)


@DEPTHS
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_returned_weights_are_those_of_the_outputs(attention, num_layers, generator):
    decoder = make_decoder(num_layers=num_layers, attention=attention)
    outputs, state = draw(generator)
    start = decoder.start(outputs, state, LENGTHS)
    inputs = normal(generator, 3, 4, INPUT)
    weights = decoder.weights(inputs, start)  # (B, U, T)
    assert weights.shape == (3, 4, 4)
    context = torch.einsum("but,btm->bum", weights, outputs)
    x, _ = decoder.layers(inputs, start.hidden, lambda x: context)
    expected = torch.tanh(decoder.readout(x))
    torch.testing.assert_close(decoder(inputs, start), expected)


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_gradients_equal_numeric_ones(attention, generator):
    decoder = make_decoder(num_layers=2, attention=attention)
    outputs, state = (part.requires_grad_() for part in draw(generator))
    inputs = normal(generator, 3, 3, INPUT).requires_grad_()

    def run(inputs, outputs, state):
        return decoder(inputs, decoder.start(outputs, state, LENGTHS))

    assert torch.autograd.gradcheck(run, (inputs, outputs, state))


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
@torch.no_grad()
def test_the_readout_drops_values_in_training_only(attention, generator):
    decoder = make_decoder(attention=attention, dropout=0.3)
    state = decoder.start(*draw(generator), LENGTHS)
    inputs = normal(generator, 3, 400, INPUT)
    read = []
    decoder.readout.register_forward_pre_hook(lambda layer, x: read.append(x[0]))
    decoder(inputs, state)
    decoder.train()(inputs, state)
    assert read[0].all()
    assert (read[1] == 0).double().mean().item() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_no_sources_have_no_outputs(attention):
    decoder = make_decoder(num_layers=2, attention=attention)
    memory, state, lengths = (
        torch.zeros(0, 4, MEMORY),
        torch.zeros(0, MEMORY),
        LENGTHS[:0],
    )
    start = decoder.start(memory.double(), state.double(), lengths)
    outputs = decoder(torch.zeros(0, 3, INPUT, dtype=torch.float64), start)
    assert outputs.shape == (0, 3, OUTPUT)
