"""The input layer."""

from __future__ import annotations

import pytest
import torch

from skrnn.modules import embedding
from skrnn.modules.embedding import (
    UNKNOWN,
    FeatureInput,
    StaticInput,
    TokenEmbedding,
    build_input_layer,
    field_key,
)
from skrnn.modules.initialization import materialize

IDS = torch.tensor([[2, 3, 4], [5, 2, 0]])


def make(**options):
    with torch.device("meta"):
        module = TokenEmbedding(6, 4, **options)
    return materialize(module, torch.Generator().manual_seed(0)).eval()


def test_features_pass_unchanged(generator):
    x = torch.randn(2, 3, 5, generator=generator)
    module = FeatureInput(5)
    assert module({"features": x}) is x
    assert module.output_size == 5


@torch.no_grad()
def test_tokens_become_their_vectors_and_padding_zeros():
    module = make()
    x = module({"tokens": IDS})
    assert x.shape == (2, 3, 4)
    assert torch.equal(x, module.embedding.weight[IDS])
    assert not x[1, 2].any()


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
@torch.no_grad()
def test_character_features_follow_the_token_vector(char_encoder):
    module = make(char_encoder=char_encoder, n_char_ids=9, char_dim=2)
    characters = torch.tensor([[2, 4, 3, 0], [2, 5, 6, 3]])
    words = torch.tensor([[0, 1, 0], [1, 1, 0]])
    x = module({"tokens": IDS, "words": words, "characters": characters})
    assert x.shape == (2, 3, module.output_size) == (2, 3, 6)
    assert torch.equal(x[..., :4], module.embedding.weight[IDS])
    assert torch.equal(x[..., 4:], module.char_encoder(characters)[words])


@pytest.mark.parametrize("training", [False, True])
@torch.no_grad()
def test_ids_beyond_the_vocabulary_are_rows_of_the_given_vectors(training):
    module = make().train(training)
    module.singletons[3] = True
    module.generator = torch.Generator().manual_seed(0)
    given = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    n_ids = module.embedding.num_embeddings
    ids = torch.tensor([[2, n_ids + 1], [n_ids, 0]])
    x = module({"tokens": ids, "vectors": given})
    assert torch.equal(x[0, 1], given[1])
    assert torch.equal(x[1, 0], given[0])
    assert torch.equal(x[0, 0], module.embedding.weight[2])
    assert not x[1, 1].any()


@torch.no_grad()
def test_singletons_become_unknown_half_of_the_time_and_only_in_training():
    module = make()
    module.generator = torch.Generator().manual_seed(0)
    module.singletons[3] = True
    ids = torch.tensor([2, 3]).repeat(1000)[None]
    vectors = module.embedding.weight
    assert torch.equal(module({"tokens": ids}), vectors[ids])
    module.train()
    x = module({"tokens": ids})
    forgotten = (x == vectors[UNKNOWN]).all(-1)[0]
    assert not forgotten[0::2].any()
    assert 0.45 < forgotten[1::2].float().mean() < 0.55
    kept = x[0, 1::2][~forgotten[1::2]]
    assert torch.equal(kept, vectors[3].expand_as(kept))


@torch.no_grad()
def test_singletons_are_drawn_from_the_modules_generator():
    module = make().train()
    module.singletons[:] = True
    draws = []
    before = torch.get_rng_state()
    for seed in (0, 0, 1):
        module.generator = torch.Generator().manual_seed(seed)
        draws.append(module({"tokens": torch.full((1, 50), 3)}))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@torch.no_grad()
def test_words_are_dropped_at_the_rate_in_training_only():
    module = make(word_dropout=0.3)
    module.generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([[2, 3, 4, 5, 0]]).repeat(400, 1)
    assert torch.equal(module({"tokens": ids}), module.embedding.weight[ids])
    x = module.train()({"tokens": ids})
    unknown = (x == module.embedding.weight[UNKNOWN]).all(-1)
    assert not unknown[:, 4].any()  # the padding
    assert abs(unknown[:, :4].float().mean() - 0.3) < 0.04
    kept = ids.masked_fill(unknown, UNKNOWN)
    assert torch.equal(x, module.embedding.weight[kept])


@torch.no_grad()
def test_dropped_words_keep_their_characters_and_lose_vectors_from_outside():
    options = {"char_encoder": "cnn", "n_char_ids": 9, "char_dim": 3}
    module = make(word_dropout=0.999, **options).train()
    module.generator = torch.Generator().manual_seed(0)
    inputs = {
        "tokens": torch.tensor([[2, 6, 7]]),
        "vectors": torch.full((2, 4), 7.0),
        "words": torch.tensor([[0, 1, 0]]),
        "characters": torch.tensor([[2, 4, 3], [2, 5, 3]]),
    }
    x = module(inputs)
    assert (x[..., :4] == module.embedding.weight[UNKNOWN]).all()
    assert torch.equal(
        x[..., 4:], module.char_encoder(inputs["characters"])[inputs["words"]]
    )


def test_no_token_is_a_singleton_at_first():
    assert make().singletons.tolist() == [False] * 6


@torch.no_grad()
def test_pretrained_vectors_replace_initial_ones_except_where_missing():
    module = make()
    drawn = module.embedding.weight.clone()
    vectors = torch.full((6, 4), torch.nan)
    vectors[3] = torch.arange(4.0)
    module.load_vectors(vectors)
    assert torch.equal(module.embedding.weight[3], torch.arange(4.0))
    others = [0, 1, 2, 4, 5]
    assert torch.equal(module.embedding.weight[others], drawn[others])


def test_the_padding_vector_gets_no_gradient():
    module = make()
    module({"tokens": IDS}).sum().backward()
    gradient = module.embedding.weight.grad
    assert not gradient[0].any()
    assert gradient[2].tolist() == [2.0] * 4


@torch.no_grad()
def test_values_are_dropped_in_training_only():
    module = make(dropout=0.5)
    module.dropout.generator = torch.Generator().manual_seed(0)
    plain = module({"tokens": IDS})
    dropped = module.train()({"tokens": IDS})
    assert ((dropped == 0) | torch.isclose(dropped, 2 * plain)).all()
    assert ((dropped == 0) & (plain != 0)).any()


@torch.no_grad()
def test_a_singleton_with_a_pretrained_vector_is_never_replaced_by_unknown():
    module = make().train()
    module.generator = torch.Generator().manual_seed(0)
    module.singletons[3:5] = True
    vectors = torch.full((6, 4), torch.nan)
    vectors[3] = torch.arange(4.0)
    module.load_vectors(vectors)
    assert module.singletons.tolist() == [False, False, False, False, True, False]
    x = module({"tokens": torch.full((1, 100), 3)})
    assert torch.equal(x, torch.arange(4.0).expand_as(x))
    without = module({"tokens": torch.full((1, 100), 4)})
    assert (without == module.embedding.weight[UNKNOWN]).all(-1).any()


@torch.no_grad()
def test_frozen_tokens_without_a_pretrained_vector_are_zeros():
    module = make(frozen=True)
    vectors = torch.full((6, 4), torch.nan)
    vectors[3] = torch.arange(4.0)
    module.load_vectors(vectors)
    assert torch.equal(module.embedding.weight[3], torch.arange(4.0))
    assert not module.embedding.weight[[0, 1, 2, 4, 5]].any()


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_vectors_take_no_gradient(frozen):
    assert make(frozen=frozen).embedding.weight.requires_grad is not frozen


@pytest.mark.parametrize("has_singletons", [False, True])
@torch.no_grad()
def test_the_unknown_vector_is_zeroed_where_no_token_trains_it(has_singletons):
    module = make(char_encoder="cnn", n_char_ids=9, char_dim=3)
    module.singletons[3] = has_singletons
    other = module.embedding.weight[2:].clone()
    module.zero_untrained()
    assert module.embedding.weight[UNKNOWN].any() == has_singletons
    dropping = make(word_dropout=0.1)
    dropping.zero_untrained()
    assert dropping.embedding.weight[UNKNOWN].any()
    assert torch.equal(module.embedding.weight[2:], other)
    assert not module.char_encoder.embedding.weight[UNKNOWN].any()
    assert module.char_encoder.embedding.weight[UNKNOWN + 1 :].any(1).all()


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
@torch.no_grad()
def test_characters_encoded_beforehand_give_the_same_vectors(char_encoder):
    module = make(char_encoder=char_encoder, n_char_ids=9, char_dim=2)
    characters = torch.tensor([[2, 5, 6, 3], [2, 4, 3, 0], [2, 4, 8, 3]])
    inputs = {"tokens": IDS, "words": torch.tensor([[0, 1, 0], [2, 1, 0]])}
    at_once = module(inputs | {"characters": characters})
    encoded = module.encode_characters(characters, n_words=2)
    # some processors round by the number of words
    torch.testing.assert_close(encoded, module.encode_characters(characters))
    torch.testing.assert_close(module(inputs | {"characters": encoded}), at_once)


@torch.no_grad()
def test_words_are_encoded_in_an_order_of_their_own():
    module = make(char_encoder="ngrams", n_char_ids=9, char_dim=3)
    characters = torch.tensor([[2, 5], [3, 1], [2, 4], [4, 0], [3, 0]])
    calls = []
    module.char_encoder.register_forward_pre_hook(
        lambda encoder, arguments: calls.append(arguments[0].tolist())
    )
    vectors = module.encode_characters(characters, n_words=2)
    order = torch.tensor([3, 0, 4, 2, 1])
    reordered = module.encode_characters(characters[order], n_words=2)
    assert calls[:3] == calls[3:] == [[[2, 4], [2, 5]], [[3, 0], [3, 1]], [[4, 0]]]
    assert torch.equal(reordered, vectors[order])


# --- several fields, and static columns ----------------------------------------------


def test_fields_are_embedded_one_by_one_and_joined():
    tokens = {"n_ids": 6, "embedding_dim": 4}
    words = tokens | {"char_encoder": "cnn", "n_char_ids": 6, "char_dim": 3}
    with torch.device("meta"):
        layer = build_input_layer({"fields": [words, tokens, {"n_features": 2}]}, 0.0)
    materialize(layer, torch.Generator().manual_seed(0)).eval()
    first = {
        "tokens": torch.tensor([[1, 2]]),
        "words": torch.tensor([[0, 1]]),
        "characters": torch.tensor([[2, 3], [2, 4]]),
    }
    second = {"tokens": torch.tensor([[3, 0]])}
    third = {"features": torch.ones(1, 2, 2)}
    inputs = dict(first, lengths=torch.tensor([2]))
    inputs |= {field_key(name, 1): part for name, part in second.items()}
    inputs |= {field_key(name, 2): part for name, part in third.items()}
    parts = [
        part(own) for part, own in zip(layer.fields, (first, second, third), strict=True)
    ]
    assert torch.equal(layer(inputs), torch.cat(parts, dim=-1))
    assert layer.output_size == layer(inputs).shape[-1]
    assert torch.equal(
        layer.encode_characters(first["characters"], 0),
        layer.fields[0].encode_characters(first["characters"]),
    )


def test_static_columns_are_numbers_beside_the_vectors_of_categories():
    with torch.device("meta"):
        layer = StaticInput(n_numbers=2, n_categories=(3, 50))
    materialize(layer, torch.Generator().manual_seed(0))
    assert layer.output_size == 2 + 3 + 32
    numbers = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    categories = torch.tensor([[0, 0], [3, 50]])
    found = layer({"static_numbers": numbers, "static_categories": categories})
    assert torch.equal(found[:, :2], numbers)
    assert (found[0, 2:] == 0).all()  # unseen categories
    assert torch.equal(found[1, 2:5], layer.embeddings[0].weight[3])
    assert torch.equal(found[1, 5:], layer.embeddings[1].weight[50])


@pytest.mark.parametrize("n", [2, 3, 32])
def test_the_vectors_of_few_categories_are_centred_and_equally_far(n):
    with torch.device("meta"):
        layer = StaticInput(n_numbers=0, n_categories=(n,))
    materialize(layer, torch.Generator().manual_seed(0))
    weight = layer.embeddings[0].weight.detach()
    assert (weight[0] == 0).all()
    torch.testing.assert_close(weight[1:].mean(dim=0), torch.zeros(n))
    torch.testing.assert_close(weight[1:].norm(dim=1), torch.ones(n))
    distances = torch.cdist(weight[1:], weight[1:])[~torch.eye(n, dtype=torch.bool)]
    expected = (2 * n / (n - 1)) ** 0.5
    torch.testing.assert_close(distances, torch.full_like(distances, expected))


def image_input(n_features=15, first=2):
    """Return a layer of 3 × 2 pixels with two channels, two features before, one after."""
    config = {"n_features": n_features, "step_encoder": "cnn", "first": first}
    with torch.device("meta"):
        layer = build_input_layer(
            config | {"shape": (3, 2, 2), "embedding_dim": 4}, dropout=0.5
        )
    return materialize(layer, torch.Generator().manual_seed(0))


@torch.no_grad()
def test_features_beside_an_image_follow_its_vector():
    layer = image_input().eval()
    x = torch.rand(3, 5, 15)
    vectors = layer({"features": x, "lengths": torch.full((3,), 5)})
    assert vectors.shape == (3, 5, layer.output_size) == (3, 5, 7)
    assert torch.equal(vectors[..., 4:6], x[..., :2])
    assert torch.equal(vectors[..., 6], x[..., -1])
    images = x[..., 2:14].reshape(15, 3, 2, 2)
    expected = torch.relu(layer.encoder(images)).view(3, 5, 4)
    torch.testing.assert_close(vectors[..., :4], expected)


def test_no_image_of_the_padding_is_read():
    layer = image_input(12, 0).eval()
    x, lengths = torch.rand(2, 4, 12), torch.tensor([4, 2])
    x[1, 2:] = torch.nan
    vectors = layer({"features": x, "lengths": lengths})
    assert torch.equal(vectors[1, 2:], torch.zeros(2, 4))
    vectors.sum().backward()
    gradients = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    for row, n in zip(x, lengths, strict=True):
        layer({"features": row[None, :n], "lengths": n[None]}).sum().backward()
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_values_of_image_vectors_are_dropped_in_training():
    layer = image_input(12, 0)
    inputs = {"features": torch.rand(8, 5, 12), "lengths": torch.full((8,), 5)}
    expected = layer.eval()(inputs)
    dropped = layer.train()(inputs)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * expected[kept])
    assert (expected != 0).sum() > kept.sum() > 0


@torch.no_grad()
def test_images_are_encoded_some_at_a_time(monkeypatch):
    layer = image_input(12, 0).eval()
    inputs = {"features": torch.rand(3, 5, 12), "lengths": torch.tensor([5, 2, 4])}
    expected = layer(inputs)
    sizes = []
    layer.encoder.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    monkeypatch.setitem(embedding.N_PIXELS, "cpu", 50)
    torch.testing.assert_close(layer(inputs), expected)
    assert sizes == [4, 4, 3]
