"""The encoder–decoder networks: teacher forcing equals generation; padding is masked."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch.nn import functional as F

from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.embedding import UNKNOWN
from skrnn.modules.networks import build_network
from skrnn.modules.recurrent import CELLS
from skrnn.training.losses import StepCrossEntropy

N_IDS, N_OUTPUTS, END = 7, 6, 5
LENGTHS = torch.tensor([4, 1, 3])
TARGET_LENGTHS = torch.tensor([2, 5, 1])  # the end included
CONFIG = {
    "input_layer": {"n_ids": N_IDS, "embedding_dim": 3, "frozen": False},
    "n_outputs": N_OUTPUTS,
    "target_dim": 3,
    "hidden_size": 4,
    "cell": "lstm",
    "num_layers": 1,
    "bidirectional": True,
    "attention": "general",
    "dropout": 0.0,
}
ARCHITECTURES = pytest.mark.parametrize(
    ("cell", "num_layers", "attention"),
    [(c, n, a) for c in CELLS for n in (1, 2) for a in (*ATTENTIONS, None)],
)


def make_network(kind="translation", **options):
    """Return a network in double precision, all of whose weights are random."""
    own = {"tie_weights": False} if kind == "translation" else {}
    generator = torch.Generator().manual_seed(0)
    network = build_network(kind, {**CONFIG, **own, **options}, generator).double()
    with torch.no_grad():
        for weight in network.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight += 0.3 * noise
    return network.eval()


def draw(generator):
    """Return a batch of ids, targets, and the targets one step late."""
    tokens = torch.randint(2, N_IDS, (3, 4), generator=generator)
    targets = torch.randint(2, END, (3, 5), generator=generator)
    targets[torch.arange(3), TARGET_LENGTHS - 1] = END
    return {
        "tokens": tokens,
        "lengths": LENGTHS,
        "previous": F.pad(targets[:, :-1], (1, 0)),
        "target_lengths": TARGET_LENGTHS,
    }, targets


def source_of(batch):
    return {"tokens": batch["tokens"], "lengths": batch["lengths"]}


# --- generation ----------------------------------------------------------------------


@ARCHITECTURES
@pytest.mark.parametrize("tie_weights", [False, True])
def test_teacher_forcing_gives_the_probabilities_of_generation(
    cell, num_layers, attention, tie_weights, generator
):
    network = make_network(
        cell=cell, num_layers=num_layers, attention=attention, tie_weights=tie_weights
    )
    batch, _ = draw(generator)
    with torch.no_grad():
        scores = network(batch)
        assert scores.logits.shape == (3, 5, N_OUTPUTS)
        assert scores.lengths is TARGET_LENGTHS
        expected = scores.logits.log_softmax(-1)
        state = network.encode(source_of(batch))
        for t in range(5):
            found, state = network.step(batch["previous"][:, t : t + 1], state)
            torch.testing.assert_close(
                found[:, 0, UNKNOWN + 1 :],
                expected[:, t, UNKNOWN + 1 :],
                rtol=1e-9,
                atol=0,
            )


def test_padding_and_the_unknown_token_are_never_generated(generator):
    network = make_network()
    batch, _ = draw(generator)
    found, _ = network.step(batch["previous"][:, :1], network.encode(source_of(batch)))
    assert (found[..., : UNKNOWN + 1] == -torch.inf).all()
    assert (found[..., UNKNOWN + 1 :] > -torch.inf).all()
    assert (found.exp().sum(-1) < 1).all()


def test_a_step_does_not_depend_on_later_ones(generator):
    network = make_network()
    batch, _ = draw(generator)
    first = network(batch).logits
    later = batch["previous"].clone()
    later[:, 3] = END
    other = network({**batch, "previous": later}).logits
    assert torch.equal(other[:, :3], first[:, :3])
    assert not torch.allclose(other[:, 3], first[:, 3])


# --- padding -------------------------------------------------------------------------


@ARCHITECTURES
def test_scores_do_not_depend_on_the_padding(cell, num_layers, attention, generator):
    network = make_network(cell=cell, num_layers=num_layers, attention=attention)
    batch, _ = draw(generator)
    is_padding_source = torch.arange(4) >= LENGTHS[:, None]
    is_padding_target = torch.arange(5) >= TARGET_LENGTHS[:, None]
    other = {
        **batch,
        "tokens": batch["tokens"].masked_fill(is_padding_source, N_IDS - 1),
        "previous": batch["previous"].masked_fill(is_padding_target, 2),
    }
    first, second = (network(b).logits[~is_padding_target] for b in (batch, other))
    torch.testing.assert_close(second, first, rtol=1e-9, atol=0)


@ARCHITECTURES
def test_a_pair_alone_has_the_same_scores_as_in_a_batch(
    cell, num_layers, attention, generator
):
    network = make_network(cell=cell, num_layers=num_layers, attention=attention)
    batch, _ = draw(generator)
    together = network(batch).logits
    for i, (n, u) in enumerate(zip(LENGTHS, TARGET_LENGTHS, strict=True)):
        one = {
            "tokens": batch["tokens"][i : i + 1, :n],
            "lengths": LENGTHS[i : i + 1],
            "previous": batch["previous"][i : i + 1, :u],
            "target_lengths": TARGET_LENGTHS[i : i + 1],
        }
        alone = network(one).logits
        torch.testing.assert_close(alone[0], together[i, :u], rtol=1e-9, atol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_attention_weighs_real_steps_only(attention, generator):
    network = make_network(attention=attention)
    batch, _ = draw(generator)
    weights = network.attention(batch)
    assert weights.shape == (3, 5, 4)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 5, dtype=torch.float64))
    is_padding = torch.arange(4) >= LENGTHS[:, None]
    assert (weights.transpose(1, 2)[is_padding] == 0).all()


# --- weights -------------------------------------------------------------------------


def test_tied_weights_are_one_parameter():
    tied, free = make_network(tie_weights=True), make_network()
    assert tied.head is None
    sizes = {name: w.numel() for name, w in tied.named_parameters()}
    others = {name: w.numel() for name, w in free.named_parameters()}
    assert sizes["embedding.weight"] == others["embedding.weight"] == N_OUTPUTS * 3
    assert "head.weight" in others
    assert not any(name.startswith("head") for name in sizes)
    assert sizes["bias"] == others["head.bias"] == N_OUTPUTS


@pytest.mark.parametrize("again", [lambda n: n, lambda n: pickle.loads(pickle.dumps(n))])
def test_tied_vectors_and_output_rows_change_together(again, generator):
    network = again(make_network(tie_weights=True))
    batch, _ = draw(generator)
    first = network(batch).logits
    with torch.no_grad():
        network.embedding.weight[END] += 1
    changed = (network(batch).logits != first)[:, 0]  # before END could be fed
    assert changed[:, END].all()
    assert not changed[:, :END].any()


@pytest.mark.parametrize("tie_weights", [False, True])
def test_a_network_survives_pickling(tie_weights, generator):
    network = make_network(tie_weights=tie_weights)
    batch, _ = draw(generator)
    again = pickle.loads(pickle.dumps(network))
    assert torch.equal(again(batch).logits, network(batch).logits)
    assert len(list(again.parameters())) == len(list(network.parameters()))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_weight_is_initialized_alike_from_one_generator(attention):
    first, again = (
        build_network(
            "translation",
            {**CONFIG, "tie_weights": True, "attention": attention},
            torch.Generator().manual_seed(3),
        )
        for _ in range(2)
    )
    for name, weight in first.state_dict().items():
        assert torch.isfinite(weight).all(), name
        assert torch.equal(weight, again.state_dict()[name]), name
    assert (first.embedding.weight[0] == 0).all()


# --- gradients -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attention", "tie_weights"),
    [("scaled_dot", True), ("general", False), ("additive", False), (None, False)],
)
def test_gradients_of_the_loss_equal_numeric_ones(attention, tie_weights, generator):
    network = make_network(attention=attention, tie_weights=tie_weights, num_layers=2)
    batch, targets = draw(generator)
    loss_of = StepCrossEntropy(label_smoothing=0.1).double()

    def loss():
        return loss_of(network(batch), targets).sum()

    loss().backward()
    for name, weight in network.named_parameters():
        if name == "embedding.weight":
            place = (2, 0)  # row 0 begins targets and is not trained
        elif name.startswith("input_layer"):
            place = (int(batch["tokens"][0, 0]), 1)
        else:
            place = tuple(n - 1 for n in weight.shape)
        with torch.no_grad():
            numeric = 0.0
            for sign in (1, -1):
                weight[place] += sign * 1e-6
                numeric += sign * loss().item() / 2e-6
                weight[place] -= sign * 1e-6
        got = weight.grad[place].item()
        assert got == pytest.approx(numeric, rel=1e-4, abs=1e-7), name
