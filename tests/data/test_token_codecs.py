"""Codecs of tokens: ids, characters and vectors."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.embeddings import check_embeddings
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.token_codecs import TokenCodec
from skrnn.data.vocabulary import UNKNOWN


def tokens(sequences):
    flat = object_array([token for sequence in sequences for token in sequence])
    return RaggedArray.from_lengths(flat, [len(s) for s in sequences])


def test_tokens_become_ids_of_one_vocabulary():
    codec = TokenCodec(lowercase=False).fit(tokens([["b", "a", "b"], ["b"]]))
    encoded = codec.encode(tokens([["a"], ["zebra", "b"]]))
    assert [s.tolist() for s in encoded.steps] == [[3], [UNKNOWN, 2]]
    assert encoded.steps.values.dtype == np.int64
    assert encoded.words is None
    assert encoded.characters is None


def test_lower_casing_joins_ids_and_keeps_the_case_of_characters():
    X = tokens([["The", "the"], ["THE", "cat"]])
    codec = TokenCodec(lowercase=True, char_encoder="cnn").fit(X)
    encoded = codec.encode(X)
    the, cat = codec.vocabulary.ids["the"], codec.vocabulary.ids["cat"]
    assert encoded.steps.values.tolist() == [the, the, the, cat]
    assert codec.vocabulary.counts[the] == 3
    rows = [tuple(row) for row in encoded.characters[encoded.words]]
    assert len(set(rows)) == 4
    table = codec.characters.encode(X.values)
    np.testing.assert_array_equal(encoded.characters[encoded.words], table)


def test_without_lower_casing_every_form_has_its_id():
    codec = TokenCodec(lowercase=False).fit(tokens([["The", "the"]]))
    assert set(codec.vocabulary.ids) == {"The", "the"}


def test_tokens_that_are_no_strings_are_not_lower_cased():
    X = tokens([[1, ("A", 2)], [1]])
    codec = TokenCodec(lowercase=True).fit(X)
    assert set(codec.vocabulary.ids) == {1, ("A", 2)}
    assert codec.encode(X).steps.values.tolist() == [2, 3, 2]


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_an_unknown_word_keeps_its_characters(char_encoder):
    codec = TokenCodec(char_encoder=char_encoder).fit(tokens([["cat", "dog"]]))
    encoded = codec.encode(tokens([["cog", "dot"]]))
    assert encoded.steps.values.tolist() == [UNKNOWN, UNKNOWN]
    first, second = encoded.characters[encoded.words]
    assert first.tolist() != second.tolist()
    assert len(encoded.characters) == 2


def test_words_that_min_count_leaves_out_still_teach_the_alphabet():
    codec = TokenCodec(min_count=2, char_encoder="cnn").fit(tokens([["a", "a", "xyz"]]))
    assert set(codec.vocabulary.ids) == {"a"}
    assert set("axyz") <= set(codec.characters.characters)


def test_max_size_keeps_the_most_frequent():
    codec = TokenCodec(max_size=1).fit(tokens([["a", "b", "b"]]))
    assert set(codec.vocabulary.ids) == {"b"}


def test_encoding_does_not_change_the_vocabulary():
    codec = TokenCodec(char_encoder="cnn").fit(tokens([["a", "b"]]))
    before = dict(codec.vocabulary.ids), codec.characters.n_ids
    codec.encode(tokens([["c", "ß"]]))
    assert (codec.vocabulary.ids, codec.characters.n_ids) == before


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams", "lstm"])
def test_the_input_layer_of_tokens_knows_its_tables(char_encoder):
    codec = TokenCodec(char_encoder=char_encoder).fit(tokens([["a", "b", "b"]]))
    config = codec.layer_config(
        embedding_dim=8, frozen=True, char_dim=4, word_dropout=0.0
    )
    assert config == {
        "n_ids": 4,
        "embedding_dim": 8,
        "frozen": True,
        "word_dropout": 0.0,
        "char_encoder": char_encoder,
        "n_char_ids": codec.characters.n_ids,
        "char_dim": 4,
    }
    state = codec.layer_state()
    assert list(state) == ["counts"]
    assert state["counts"].tolist() == [0, 0, 2, 1]


def test_the_input_layer_without_characters_has_no_table_of_them():
    config = (
        TokenCodec()
        .fit(tokens([["a"]]))
        .layer_config(embedding_dim=8, frozen=False, char_dim=4, word_dropout=0.0)
    )
    assert config == {
        "n_ids": 3,
        "embedding_dim": 8,
        "frozen": False,
        "word_dropout": 0.0,
    }


# --- pre-trained vectors -------------------------------------------------------------


def test_vectors_stand_at_their_tokens_ids():
    given = {"b": [1, 2], "c": np.array([3.0, 4.0]), "zebra": [9, 9]}
    codec = TokenCodec().fit(tokens([["a", "b", "c"]]), given)
    table = codec.vectors(check_embeddings(given))
    assert table.dtype == np.float32
    assert table.shape == (5, 2)
    ids = codec.vocabulary.ids
    assert table[ids["b"]].tolist() == [1, 2]
    assert table[ids["c"]].tolist() == [3, 4]
    assert np.isnan(table[[0, 1, ids["a"]]]).all()


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ({}, "embeddings has no vectors"),
        ({"a": [1.0], "b": [1.0, 2.0]}, r"\['b'\] has 2 values, expected 1"),
        ({"A": [[1.0]]}, r"embeddings\['A'\] has shape \(1, 1\), expected a vector"),
        ({"a": 1.0}, r"embeddings\['a'\] has shape \(\), expected a vector"),
        ({"a": [np.nan, 1.0]}, r"embeddings\['a'\] is not finite"),
        ({"a": [1.0], "b": [np.inf]}, r"embeddings\['b'\] is not finite"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        TokenCodec().fit(tokens([["a", "b"]]), embeddings).layer_state(embeddings)


@pytest.mark.parametrize("wrong", ["vectors.txt", 3])
def test_embeddings_that_are_no_mapping_are_refused(wrong):
    with pytest.raises(TypeError, match="embeddings must map tokens to vectors"):
        TokenCodec().fit(tokens([["a"]]), wrong)


def encode_outside(X, embeddings, **options):
    codec = TokenCodec(**options).fit(tokens([["a", "b"]]), {"a": [0.0, 0.0]})
    return codec, codec.encode(tokens(X), embeddings)


@pytest.mark.parametrize("char_encoder", [None, "cnn"])
def test_tokens_that_only_the_vectors_know_have_ids_beyond_the_vocabulary(char_encoder):
    vectors = {"a": [9, 9], "c": [1, 2], "d": [3, 4], "zebra": [5, 6]}
    codec, encoded = encode_outside(
        [["d", "a", "e"], ["c", "d"]], vectors, char_encoder=char_encoder
    )
    n_ids = len(codec.vocabulary)
    own = codec.vocabulary.ids["a"]
    assert encoded.steps.values.tolist() == [n_ids + 1, own, 1, n_ids, n_ids + 1]
    assert encoded.vectors.tolist() == [[1, 2], [3, 4]]
    assert encoded.vectors.dtype == np.float32
    assert (encoded.characters is None) == (char_encoder is None)
    taken = encoded.take(np.array([1]))
    assert taken.steps.values.tolist() == [n_ids, n_ids + 1]
    assert taken.vectors is encoded.vectors


def test_outside_tokens_are_found_in_another_case_too():
    codec, encoded = encode_outside([["C", "c"]], {"C": [1, 2]})
    assert (encoded.steps.values == len(codec.vocabulary)).all()
    codec, encoded = encode_outside([["C", "c"]], {"C": [1, 2]}, lowercase=False)
    assert encoded.steps.values.tolist() == [len(codec.vocabulary), 1]


def test_without_vectors_outside_tokens_are_unknown():
    for embeddings in (None, {"zebra": [1, 2]}):
        _, encoded = encode_outside([["c", "d"]], embeddings)
        assert encoded.vectors is None
        assert encoded.steps.values.tolist() == [1, 1]


@pytest.mark.parametrize("vector", [[1.0], [[1.0, 2.0]], [np.nan, 1.0], 3.0])
def test_outside_tokens_with_unusable_vectors_are_unknown(vector):
    codec, encoded = encode_outside([["c", "d"]], {"d": [1, 2], "c": vector})
    assert encoded.steps.values.tolist() == [1, len(codec.vocabulary)]
    assert encoded.vectors.tolist() == [[1, 2]]


def test_outside_vectors_of_another_size_than_in_fit_leave_tokens_unknown():
    _, encoded = encode_outside([["c", "d"]], {"c": [1.0], "d": [2.0]})
    assert encoded.steps.values.tolist() == [1, 1]
    assert encoded.vectors is None


def test_a_codec_fitted_without_vectors_ignores_them():
    codec = TokenCodec().fit(tokens([["a", "b"]]))
    encoded = codec.encode(tokens([["c"]]), {"c": [1.0, 2.0]})
    assert encoded.steps.values.tolist() == [1]
    assert encoded.vectors is None


def test_one_token_of_the_data_with_a_vector_is_enough():
    codec = TokenCodec(max_size=1).fit(tokens([["the", "the", "a"]]), {"a": [1.0, 2.0]})
    assert codec.vector_size == 2
    assert np.isnan(codec.layer_state({"a": [1.0, 2.0]})["vectors"]).all()


def test_the_size_of_the_vectors_overrides_embedding_dim():
    codec = TokenCodec().fit(tokens([["a"]]), {"a": [1.0, 2.0, 3.0]})
    config = codec.layer_config(
        embedding_dim=8, frozen=False, char_dim=4, word_dropout=0.0
    )
    assert config["embedding_dim"] == 3


def test_a_form_takes_the_vector_of_its_commonest_casing():
    given = {"US": [1.0], "us": [2.0]}
    for words, expected in [("US US us", 1.0), ("US us us", 2.0), ("Us us US", 1.0)]:
        codec = TokenCodec().fit(tokens([words.split()]), given)
        assert codec.layer_state(given)["vectors"][2:].tolist() == [[expected]]
