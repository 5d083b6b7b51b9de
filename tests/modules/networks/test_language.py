"""Language models: their context, their dropout, and steps against whole sequences."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from skrnn.modules.embedding import PADDING, UNKNOWN
from skrnn.modules.networks import build_network
from skrnn.training.seeding import make_generator

COMMON = {"n_outputs": 7, "embedding_dim": 5, "tie_weights": False, "dropout": 0.0}
KINDS = {
    "language": {"hidden_size": 6, "cell": "lstm", "num_layers": 2},
    "window_language": {
        "window": 3,
        "hidden_layer_sizes": (6,),
        "activation": "relu",
    },
}


def build(kind, **changed):
    return build_network(kind, COMMON | KINDS[kind] | changed, make_generator(0))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def ids():
    return torch.randint(1, 7, (3, 8), generator=make_generator(1))


def run(model, ids, state=None):
    lengths = torch.full((len(ids),), ids.shape[1])
    inputs = {"tokens": ids, "lengths": lengths}
    return model(inputs if state is None else inputs | {"state": state})


def test_chunks_and_steps_give_the_scores_of_the_whole_sequence(kind, ids):
    model = build(kind)
    whole = run(model, ids)
    first = run(model, ids[:, :5])
    second = run(model, ids[:, 5:], first.state)
    assert_close(torch.cat([first.logits, second.logits], 1), whole.logits)
    logits, state = model.read(ids[:, :7], ())
    assert_close(logits, whole.logits[:, 6])
    logits, state = model.read(ids[:, 7:], state)
    assert_close(logits, whole.logits[:, 7])
    for part, expected in zip(state, whole.state, strict=True):
        assert_close(part, expected)


def test_scores_do_not_depend_on_later_steps(kind, ids):
    model = build(kind)
    before = run(model, ids).logits
    ids[:, 5] = ids[:, 5] % 6 + 1
    after = run(model, ids).logits
    assert_close(after[:, :5], before[:, :5])
    assert not torch.allclose(after[:, 5], before[:, 5])


def test_the_window_ends_where_it_should(ids):
    model = build("window_language")
    before = run(model, ids).logits
    ids[:, 2] = ids[:, 2] % 6 + 1
    after = run(model, ids).logits
    changed = (after != before).any(2).any(0)
    assert changed.tolist() == [False, False, True, True, True, False, False, False]


@pytest.mark.parametrize("tie_weights", [False, True])
def test_padding_never_follows(kind, ids, tie_weights):
    logits = run(build(kind, tie_weights=tie_weights), ids).logits
    assert (logits[..., PADDING] == -torch.inf).all()
    assert logits[..., PADDING + 1 :].isfinite().all()


def test_no_feature_is_masked(kind):
    model = build(kind, embedding_dim=None)
    inputs = {"features": torch.ones(2, 4, 7), "lengths": torch.tensor([4, 4])}
    assert model(inputs).logits.isfinite().all()


def test_tied_rows_are_the_vectors(kind, ids):
    model = build(kind, tie_weights=True)
    names = [name for name, _ in model.named_parameters()]
    assert not any(name.startswith("head") for name in names)
    outputs, _ = model.run(ids, ())
    expected = model.project(outputs) @ model.embedding.weight.T + model.bias
    logits = run(model, ids).logits
    assert_close(logits[..., 1:], expected[..., 1:])


def test_values_before_the_output_layer_are_dropped_at_the_stated_rate(kind):
    model = build(kind, dropout=0.3, **_positive(kind))
    for name, parameter in model.named_parameters():
        if name.startswith("hidden"):  # every ReLU unit is active
            torch.nn.init.constant_(parameter, 0.1)
    inputs = torch.randint(1, 7, (20, 400), generator=make_generator(2))
    outputs, _ = model.train().run(inputs, ())
    assert (outputs == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("tie_weights", [False, True])
def test_dropped_words_are_unknown_inputs_and_beginnings_stay(kind, tie_weights):
    model = build(kind, word_dropout=0.3, tie_weights=tie_weights).train()
    model.generator = make_generator(0)
    torch.nn.init.constant_(model.embedding.weight[UNKNOWN], 3.0)
    tokens = torch.tensor([[PADDING, 3, 4, 5]]).repeat(400, 1)
    vectors = model.embedding.weight.detach()
    x = model.embed(tokens).detach()
    unknown = (x == vectors[UNKNOWN]).all(-1)
    assert not unknown[:, 0].any()
    assert abs(unknown[:, 1:].float().mean() - 0.3) < 0.05
    assert torch.equal(x[~unknown], vectors[tokens[~unknown]])
    assert torch.equal(model.eval().embed(tokens).detach(), vectors[tokens])


def _positive(kind):
    return {"activation": "logistic"} if kind == "window_language" else {}


@pytest.mark.parametrize("tie_weights", [False, True])
@torch.no_grad()
def test_the_unknown_token_is_zeros_where_training_has_none(kind, tie_weights):
    model = build(kind, tie_weights=tie_weights).eval()
    tokens = torch.tensor([[UNKNOWN, 3]])
    vectors = model.embedding.weight.clone()
    assert not model.embed(tokens)[0, 0].any()
    assert torch.equal(model.embed(tokens)[0, 1], vectors[3])
    # as a row of the output layer a tied vector has values
    assert bool(vectors[UNKNOWN].any()) == tie_weights
    model.train().embed(tokens)  # training meets the unknown token
    assert torch.equal(model.eval().embed(tokens)[0, 0], vectors[UNKNOWN])
