"""Several networks as one: averages against probabilities that are computed by hand."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules.networks import build_network, empty_network
from skrnn.modules.networks.ensemble import AVERAGES, Ensemble

LENGTHS = torch.tensor([3, 1, 4])
TOKENS = torch.tensor([[2, 3, 4, 0], [5, 0, 0, 0], [2, 2, 1, 3]])
INPUT = {"n_ids": 6, "embedding_dim": 3}
CHARACTERS = INPUT | {"char_encoder": "cnn", "n_char_ids": 9, "char_dim": 4}
LAYERS = {"hidden_size": 4, "cell": "lstm", "num_layers": 2, "dropout": 0.2}
RECURRENT = LAYERS | {"input_layer": INPUT, "bidirectional": True, "n_outputs": 6}
CONFIGS = {
    "recurrent": RECURRENT | {"pooling": "attention"},
    "tagging": RECURRENT | {"crf": False},
    "translation": RECURRENT
    | {"target_dim": 3, "attention": "general", "tie_weights": True},
    "language": LAYERS | {"n_outputs": 6, "embedding_dim": 3, "tie_weights": False},
}


def members_of(kind, config=None, n_members=3):
    config = CONFIGS[kind] if config is None else config
    networks = [
        build_network(kind, config, torch.Generator().manual_seed(seed))
        for seed in range(n_members)
    ]
    return [network.eval() for network in networks]


def ensemble_of(kind, activation="softmax"):
    members = members_of(kind)
    return members, Ensemble(members, activation).eval()


def inputs(**more):
    return {"tokens": TOKENS, "lengths": LENGTHS, **more}


def test_logits_of_classes_are_the_logarithm_of_mean_probabilities():
    logits = torch.randn(3, 5, 4)
    expected = logits.softmax(-1).mean(0)
    torch.testing.assert_close(AVERAGES["softmax"](logits).exp(), expected)


def test_logits_of_independent_labels_have_the_mean_probabilities():
    logits = 30 * torch.randn(3, 5, 4).double()
    expected = logits.sigmoid().mean(0)
    torch.testing.assert_close(AVERAGES["sigmoid"](logits).sigmoid(), expected)


def test_numbers_are_means():
    values = torch.randn(3, 5, 4)
    torch.testing.assert_close(AVERAGES["identity"](values), values.mean(0))


def test_impossible_classes_stay_impossible():
    logits = torch.randn(3, 4)
    logits[:, 2] = -torch.inf
    assert AVERAGES["softmax"](logits)[2] == -torch.inf


def test_an_ensemble_of_one_has_the_probabilities_of_its_member():
    (member,) = members_of("recurrent", n_members=1)
    given = inputs()
    torch.testing.assert_close(
        Ensemble([member], "softmax")(given).softmax(-1), member(given).softmax(-1)
    )


def test_many_to_one_averages_probabilities_and_joins_pooled_vectors():
    members, ensemble = ensemble_of("recurrent")
    given = inputs()
    expected = torch.stack([m(given).softmax(-1) for m in members]).mean(0)
    torch.testing.assert_close(ensemble(given).exp(), expected)
    pooled = ensemble.pool(given)
    torch.testing.assert_close(pooled, torch.cat([m.pool(given) for m in members], -1))
    assert pooled.shape[1] == ensemble.pooled_size
    weights = torch.stack([m.attention(given) for m in members]).mean(0)
    torch.testing.assert_close(ensemble.attention(given), weights)


def test_steps_of_a_tagger_average_probabilities():
    members, ensemble = ensemble_of("tagging")
    given = inputs()
    expected = torch.stack([m(given).logits.softmax(-1) for m in members]).mean(0)
    torch.testing.assert_close(ensemble(given).logits.exp(), expected)


def test_a_conditional_random_field_has_mean_scores():
    config = CONFIGS["tagging"] | {"crf": True}
    members = members_of("tagging", config)
    for i, member in enumerate(members):
        torch.nn.init.constant_(member.crf.transitions, float(i))
    members[0].crf.forbid(
        torch.ones(6, 6).bool().fill_diagonal_(False),
        torch.ones(6).bool(),
        torch.ones(6).bool(),
    )
    for member in members[1:]:
        member.crf.may_follow.copy_(members[0].crf.may_follow)
    ensemble = Ensemble(members, "identity")
    scores, given = ensemble(inputs()), inputs()
    torch.testing.assert_close(
        scores.logits, torch.stack([m(given).logits for m in members]).mean(0)
    )
    joined = ensemble.crf(scores.logits, LENGTHS)
    torch.testing.assert_close(joined.transitions, scores.transitions)
    assert scores.transitions[0, 1] == 1.0
    assert scores.transitions[0, 0] < -1e3


def test_vectors_in_place_of_tokens_and_characters_belong_to_their_member():
    members = members_of("recurrent", CONFIGS["recurrent"] | {"input_layer": CHARACTERS})
    ensemble = Ensemble(members, "softmax")
    given = inputs(
        words=torch.tensor([[0, 1, 2, 0], [3, 0, 0, 0], [1, 1, 2, 3]]),
        characters=torch.randint(1, 9, (4, 5)),
    )
    expected = ensemble(given)
    encoded = ensemble.encode_characters(given["characters"])
    torch.testing.assert_close(ensemble(given | {"characters": encoded}), expected)
    embedded = ensemble.embed(given)
    torch.testing.assert_close(
        ensemble({"lengths": LENGTHS, "embedded": embedded}), expected
    )


@torch.no_grad()
def test_a_language_model_reads_in_parts_what_it_reads_at_once():
    members, ensemble = ensemble_of("language")
    ids = torch.tensor([[0, 2, 3, 4], [0, 5, 2, 2]])
    given = {"tokens": ids, "lengths": torch.tensor([4, 4])}
    whole = ensemble(given)
    expected = torch.stack([m(given).logits.softmax(-1) for m in members]).mean(0)
    torch.testing.assert_close(whole.logits.exp(), expected)
    _, state = ensemble.read(ids[:, :2], ensemble.start(given))
    rest = {"tokens": ids[:, 2:], "lengths": torch.tensor([2, 2]), "state": state}
    torch.testing.assert_close(ensemble(rest).logits, whole.logits[:, 2:])
    logits, last = ensemble.read(ids[:, 2:], state)
    torch.testing.assert_close(logits, whole.logits[:, -1])
    for part, same in zip(last, whole.state, strict=True):
        torch.testing.assert_close(part, same)


@torch.no_grad()
def test_a_decoder_steps_to_the_scores_of_teacher_forcing():
    members, ensemble = ensemble_of("translation")
    previous = torch.tensor([[0, 2, 3], [0, 4, 2], [0, 3, 5]])
    given = inputs(previous=previous, target_lengths=torch.tensor([3, 3, 3]))
    whole = ensemble(given).logits
    expected = torch.stack([m(given).logits.softmax(-1) for m in members]).mean(0)
    torch.testing.assert_close(whole.exp(), expected)
    state = ensemble.encode(given)
    order = torch.tensor([0, 1, 2])
    for t in range(3):
        scores, state = ensemble.step(previous[:, t : t + 1], state)
        torch.testing.assert_close(scores[:, 0, 2:], whole[:, t, 2:])
        state = state.take(order, order[:, None])
    again = ensemble.encode(given).repeat(torch.tensor([2, 2, 0]))
    scores, _ = ensemble.step(torch.zeros(3, 1, dtype=torch.long), again)
    torch.testing.assert_close(scores[0], scores[1])
    torch.testing.assert_close(scores[2, 0, 2:], whole[0, 0, 2:])


@pytest.mark.parametrize("kind", CONFIGS)
def test_kind_and_configuration_build_the_ensemble_again(kind):
    _, ensemble = ensemble_of(kind)
    again = empty_network(ensemble.kind, ensemble.config)
    shapes = {name: tensor.shape for name, tensor in ensemble.state_dict().items()}
    assert {name: t.shape for name, t in again.state_dict().items()} == shapes
    assert again.config == ensemble.config


def test_layers_of_further_members_are_numbered_on():
    members, ensemble = ensemble_of("recurrent")
    names = list(ensemble.cells())
    assert names == [
        ("encoder", layer, direction)
        for layer in range(1, 7)
        for direction in ("forward", "backward")
    ]
    first = next(iter(members[1].cells().values()))
    assert ensemble.cells()["encoder", 3, "forward"] is first
