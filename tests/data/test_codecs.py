"""Codecs: what goes in comes back out."""

from __future__ import annotations

import numpy as np
import pytest

from skrnn.data.codecs import (
    EncodedSequences,
    IndicatorCodec,
    LabelCodec,
    NumberCodec,
    NumericCodec,
    StepLabelCodec,
    TargetCodec,
    TokenCodec,
)
from skrnn.data.ragged import RaggedArray, object_array
from skrnn.data.vocabulary import UNKNOWN


def ragged(sequences):
    return RaggedArray.from_sequences(
        [np.asarray(s, dtype=np.float32) for s in sequences]
    )


def tokens(sequences):
    flat = object_array([token for sequence in sequences for token in sequence])
    return RaggedArray.from_lengths(flat, [len(s) for s in sequences])


@pytest.fixture
def series(rng):
    """Return random walks of two features and very different levels."""
    return ragged(
        [
            1000 * i + rng.normal(size=(n, 2)).cumsum(0)
            for i, n in enumerate(rng.integers(2, 9, size=12))
        ]
    )


# --- numbers in ----------------------------------------------------------------------


def test_features_pass_through_without_a_norm(series):
    codec = NumericCodec().fit(series)
    assert codec.encode(series).steps is series
    assert codec.levels(series) is None


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_normalisation_subtracts_each_sequences_own_level(norm, series):
    codec = NumericCodec(norm).fit(series)
    encoded = codec.encode(series).steps
    assert encoded.values.dtype == np.float32
    for got, x in zip(encoded, series, strict=True):
        level = x[-1] if norm == "last" else x.mean(0)
        distance = np.sqrt(np.mean((x.astype(np.float64) - level) ** 2, axis=0))
        if len(x) < codec.FEW:  # too few steps to have a deviation of their own
            distance = codec.overall
        np.testing.assert_allclose(got * distance, x - level, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("norm", ["last", "standard"])
@pytest.mark.parametrize("target_feature", [0, 1])
def test_normalisation_is_undone_by_the_levels_of_the_target(
    norm, target_feature, series
):
    codec = NumericCodec(norm, target_feature).fit(series)
    shift, scale = codec.levels(series)
    assert shift.shape == scale.shape == (len(series), 1)
    for got, x, a, b in zip(
        codec.encode(series).steps, series, shift, scale, strict=True
    ):
        np.testing.assert_allclose(
            got[:, target_feature] * b + a, x[:, target_feature], rtol=1e-6, atol=1e-5
        )


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_sequence_encodes_the_same_beside_any_other(norm, series):
    codec = NumericCodec(norm).fit(series)
    together = codec.encode(series).steps
    for i, expected in enumerate(together):
        alone = codec.encode(series.take([i])).steps
        np.testing.assert_array_equal(alone[0], expected)


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_constant_sequences_become_zeros(norm, series):
    codec = NumericCodec(norm).fit(series)
    constant = ragged([np.full((4, 2), 7.3), np.full((1, 2), -1e6)])
    assert not codec.encode(constant).steps.values.any()
    shift, scale = codec.levels(constant)
    np.testing.assert_allclose(shift[:, 0], [7.3, -1e6], rtol=1e-6)
    assert (scale > 0).all()


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_a_norm_learned_from_constant_sequences_stays_finite(norm):
    constant = ragged([np.full((4, 1), 7.0), np.full((2, 1), 3.0)])
    codec = NumericCodec(norm).fit(constant)
    assert not codec.encode(constant).steps.values.any()
    assert np.isfinite(codec.encode(ragged([[[1.0], [2.0]]])).steps.values).all()


@pytest.mark.parametrize("norm", ["last", "standard"])
def test_normalisation_does_not_depend_on_the_level(norm, series):
    codec = NumericCodec(norm).fit(series)
    shifted = series.with_values(series.values + np.float32(4096))
    np.testing.assert_allclose(
        codec.encode(shifted).steps.values, codec.encode(series).steps.values, atol=2e-2
    )


def test_normalisation_leaves_the_users_values_alone(series):
    before = series.values.copy()
    NumericCodec("standard").fit(series).encode(series)
    np.testing.assert_array_equal(series.values, before)


def test_a_target_feature_that_is_not_there_is_an_error(series):
    with pytest.raises(ValueError, match="target_feature=2, but X has 2 features"):
        NumericCodec("last", target_feature=2).fit(series)


# --- tokens in -----------------------------------------------------------------------


def test_tokens_become_ids_of_one_vocabulary():
    codec = TokenCodec(lowercase=False).fit(tokens([["b", "a", "b"], ["b"]]))
    encoded = codec.encode(tokens([["a"], ["zebra", "b"]]))
    assert [s.tolist() for s in encoded.steps] == [[3], [UNKNOWN, 2]]
    assert encoded.steps.values.dtype == np.int64
    assert encoded.words is None
    assert encoded.spelling is None


def test_lower_casing_joins_ids_and_keeps_the_spelling():
    X = tokens([["The", "the"], ["THE", "cat"]])
    codec = TokenCodec(lowercase=True, characters="cnn").fit(X)
    encoded = codec.encode(X)
    the, cat = codec.vocabulary.ids["the"], codec.vocabulary.ids["cat"]
    assert encoded.steps.values.tolist() == [the, the, the, cat]
    assert codec.vocabulary.counts[the] == 3
    spelled = [tuple(row) for row in encoded.spelling[encoded.words]]
    assert len(set(spelled)) == 4
    table = codec.spelling.encode(X.values)
    np.testing.assert_array_equal(encoded.spelling[encoded.words], table)


def test_without_lower_casing_every_form_has_its_id():
    codec = TokenCodec(lowercase=False).fit(tokens([["The", "the"]]))
    assert set(codec.vocabulary.ids) == {"The", "the"}


def test_tokens_that_are_no_strings_are_not_lower_cased():
    X = tokens([[1, ("A", 2)], [1]])
    codec = TokenCodec(lowercase=True).fit(X)
    assert set(codec.vocabulary.ids) == {1, ("A", 2)}
    assert codec.encode(X).steps.values.tolist() == [2, 3, 2]


@pytest.mark.parametrize("characters", ["cnn", "ngrams"])
def test_an_unknown_word_keeps_its_spelling(characters):
    codec = TokenCodec(characters=characters).fit(tokens([["cat", "dog"]]))
    encoded = codec.encode(tokens([["cog", "dot"]]))
    assert encoded.steps.values.tolist() == [UNKNOWN, UNKNOWN]
    first, second = encoded.spelling[encoded.words]
    assert first.tolist() != second.tolist()
    assert len(encoded.spelling) == 2


def test_words_that_min_count_leaves_out_still_teach_the_alphabet():
    codec = TokenCodec(min_count=2, characters="cnn").fit(tokens([["a", "a", "xyz"]]))
    assert set(codec.vocabulary.ids) == {"a"}
    assert set("axyz") <= set(codec.spelling.characters)


def test_max_size_keeps_the_most_frequent():
    codec = TokenCodec(max_size=1).fit(tokens([["a", "b", "b"]]))
    assert set(codec.vocabulary.ids) == {"b"}


def test_encoding_does_not_change_the_vocabulary():
    codec = TokenCodec(characters="cnn").fit(tokens([["a", "b"]]))
    before = dict(codec.vocabulary.ids), codec.spelling.n_ids
    codec.encode(tokens([["c", "ß"]]))
    assert (codec.vocabulary.ids, codec.spelling.n_ids) == before


@pytest.mark.parametrize("characters", [None, "cnn"])
def test_taking_sequences_takes_their_words_along(characters, rng):
    words = ["a", "bb", "ccc", "dd"]
    X = [[words[i] for i in rng.integers(0, 4, size=n)] for n in [3, 1, 4, 2]]
    codec = TokenCodec(characters=characters).fit(tokens(X))
    taken = codec.encode(tokens(X)).take(np.array([2, 0]))
    expected = codec.encode(tokens([X[2], X[0]]))
    assert len(taken) == 2
    np.testing.assert_array_equal(taken.steps.values, expected.steps.values)
    if characters:
        spelled = codec.spelling.encode([*X[2], *X[0]])
        np.testing.assert_array_equal(taken.spelling[taken.words], spelled)


# --- pre-trained vectors -------------------------------------------------------------


def test_vectors_stand_at_their_tokens_ids():
    given = {"b": [1, 2], "c": np.array([3.0, 4.0]), "zebra": [9, 9]}
    codec = TokenCodec().fit(tokens([["a", "b", "c"]]), given)
    table = codec.vectors(given)
    assert table.dtype == np.float32
    assert table.shape == (5, 2)
    ids = codec.vocabulary.ids
    assert table[ids["b"]].tolist() == [1, 2]
    assert table[ids["c"]].tolist() == [3, 4]
    assert np.isnan(table[[0, 1, ids["a"]]]).all()


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ({}, "embeddings has a vector for no token"),
        ({"zebra": [1.0]}, "embeddings has a vector for no token"),
        ({"a": [1.0], "b": [1.0, 2.0]}, r"\['b'\] has shape \(2,\), expected \(1,\)"),
        ({"A": [[1.0]]}, r"embeddings\['A'\] has shape \(1, 1\), expected a vector"),
        ({"a": 1.0}, r"embeddings\['a'\] has shape \(\), expected a vector"),
        ({"a": [np.nan, 1.0]}, r"embeddings\['a'\] is not finite"),
        ({"a": [1.0], "b": [np.inf]}, r"embeddings\['b'\] is not finite"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        TokenCodec().fit(tokens([["a", "b"]]), embeddings).vectors(embeddings)


@pytest.mark.parametrize("wrong", ["vectors.txt", 3])
def test_embeddings_that_are_no_mapping_are_refused(wrong):
    with pytest.raises(TypeError, match="embeddings must map tokens to vectors"):
        TokenCodec().fit(tokens([["a"]]), wrong)


def encode_outside(X, embeddings, **options):
    codec = TokenCodec(**options).fit(tokens([["a", "b"]]), {"a": [0.0, 0.0]})
    return codec, codec.encode(tokens(X), embeddings)


@pytest.mark.parametrize("characters", [None, "cnn"])
def test_tokens_that_only_the_vectors_know_have_ids_beyond_the_vocabulary(characters):
    vectors = {"a": [9, 9], "c": [1, 2], "d": [3, 4], "zebra": [5, 6]}
    codec, encoded = encode_outside(
        [["d", "a", "e"], ["c", "d"]], vectors, characters=characters
    )
    n_ids = len(codec.vocabulary)
    own = codec.vocabulary.ids["a"]
    assert encoded.steps.values.tolist() == [n_ids + 1, own, 1, n_ids, n_ids + 1]
    assert encoded.vectors.tolist() == [[1, 2], [3, 4]]
    assert encoded.vectors.dtype == np.float32
    assert (encoded.spelling is None) == (characters is None)
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
def test_outside_tokens_whose_vectors_are_of_no_use_are_unknown(vector):
    codec, encoded = encode_outside([["c", "d"]], {"c": vector, "d": [1, 2]})
    assert encoded.steps.values.tolist() == [1, len(codec.vocabulary)]
    assert encoded.vectors.tolist() == [[1, 2]]


def test_vectors_mean_nothing_to_a_codec_that_learned_without_them():
    codec = TokenCodec().fit(tokens([["a", "b"]]))
    encoded = codec.encode(tokens([["c"]]), {"c": [1.0, 2.0]})
    assert encoded.steps.values.tolist() == [1]
    assert encoded.vectors is None


def test_one_token_of_the_data_with_a_vector_is_enough():
    codec = TokenCodec(max_size=1).fit(tokens([["the", "the", "a"]]), {"a": [1.0, 2.0]})
    assert codec.vector_size == 2
    assert np.isnan(codec.vectors({"a": [1.0, 2.0]})).all()


# --- labels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        np.array(["b", "a", "c", "a"]),
        np.array(["b", "a", "c", "a"], dtype=object),
        np.array([3, -1, 7]),
        np.array([True, False]),
        np.array([2.0, 1.0]),
    ],
)
def test_labels_come_back_as_they_were(y):
    codec = LabelCodec().fit(y)
    ids = codec.encode(y)
    assert codec.classes.tolist() == sorted(set(y.tolist()))
    assert codec.n_outputs == len(codec.classes)
    assert ids.dtype == np.int64
    decoded = codec.decode(ids)
    assert decoded.dtype == y.dtype
    assert decoded.tolist() == y.tolist()


def test_given_classes_are_sorted_and_need_not_occur():
    codec = LabelCodec().fit(np.array(["b"]), classes=np.array(["c", "b", "a"]))
    assert codec.encode(np.array(["c", "a"])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("classes", "y", "place"),
    [
        (["a", "b"], ["a", "c"], r"y\[1\] is .*'c'"),
        (["a", "b"], ["", "a"], r"y\[0\] is .*''"),
        ([1, 2], [2, 1, 0], r"y\[2\] is .*0"),
        ([1, 2], ["1", "2"], r"y\[0\] is .*'1'"),
        (["1", "2"], [1, 2], r"y\[0\] is .*1"),
        (np.array(["a", "b"], dtype=object), [1, 2], r"y\[0\] is .*1"),
        (np.array(["a", "b"], dtype=object), np.array([1, "a"], dtype=object), r"y\[0\]"),
    ],
)
def test_a_label_never_seen_is_named(classes, y, place):
    codec = LabelCodec().fit(np.asarray(classes))
    with pytest.raises(ValueError, match=place + ".*not in classes"):
        codec.encode(np.asarray(y))


def test_the_message_calls_the_labels_by_their_name():
    with pytest.raises(ValueError, match=r"y_val\[0\]"):
        LabelCodec().fit(np.array([1])).encode(np.array([2]), name="y_val")


def test_indicators_come_back_as_they_were():
    y = np.array([[0, 1, 1], [1, 0, 0]])
    codec = IndicatorCodec().fit(y)
    assert codec.n_outputs == 3
    assert codec.classes.tolist() == [0, 1, 2]
    encoded = codec.encode(y)
    assert encoded.dtype == np.float32
    decoded = codec.decode(encoded > 0.5)
    assert decoded.dtype == np.int64
    assert decoded.tolist() == y.tolist()


def test_another_number_of_labels_is_an_error():
    codec = IndicatorCodec().fit(np.array([[0, 1], [1, 0]]))
    with pytest.raises(ValueError, match="y_val has 3 labels, expected 2"):
        codec.encode(np.array([[0, 1, 0]]), name="y_val")


# --- numbers out ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 3)])
@pytest.mark.parametrize("with_levels", [False, True])
def test_numbers_come_back_as_they_were(shape, with_levels, rng):
    y = 1000 + 5 * rng.normal(size=shape)
    levels = None
    if with_levels:
        levels = 10 * rng.normal(size=(20, 1)), rng.uniform(1, 2, size=(20, 1))
    codec = NumberCodec().fit(y, levels)
    encoded = codec.encode(y, levels)
    assert encoded.dtype == np.float32
    assert encoded.shape == (20, codec.n_outputs)
    if not with_levels:  # levels are the centre where there are any
        np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.mean(encoded**2, axis=0), 1, rtol=1e-4)
    decoded = codec.decode(encoded, levels)
    assert decoded.dtype == np.float64
    assert decoded.shape == y.shape
    np.testing.assert_allclose(decoded, y, rtol=1e-6)


def test_weights_count_in_the_mean_and_the_deviation(rng):
    y, weight = rng.normal(size=30), rng.integers(0, 4, size=30)
    weighted = NumberCodec().fit(y, weight=weight)
    repeated = NumberCodec().fit(np.repeat(y, weight))
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e9])
def test_a_constant_y_becomes_zeros_and_comes_back(value):
    y = np.full(7, value)
    codec = NumberCodec().fit(y)
    assert not codec.encode(y).any()
    np.testing.assert_allclose(codec.decode(np.zeros((7, 1))), y)


def test_a_single_number_is_constant():
    codec = NumberCodec().fit(np.array([3.0]))
    assert codec.decode(codec.encode(np.array([3.0]))).tolist() == [3.0]


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_quantiles_keep_their_axis(n_outputs, rng):
    y = rng.normal(size=(6, n_outputs))
    y = y[:, 0] if n_outputs == 1 else y
    levels = rng.normal(size=(6, 1)), rng.uniform(1, 2, size=(6, 1))
    codec = NumberCodec().fit(y, levels)
    encoded = codec.encode(y, levels)
    stacked = np.stack([encoded] * 4, axis=1)  # (n_sequences, n_quantiles, n_outputs)
    decoded = codec.decode(stacked, levels)
    assert decoded.shape == ((6, 4) if n_outputs == 1 else (6, 4, 2))
    for quantile in range(4):
        np.testing.assert_allclose(decoded[:, quantile], y, rtol=1e-5)


def test_another_number_of_outputs_is_an_error(rng):
    codec = NumberCodec().fit(rng.normal(size=(4, 2)))
    with pytest.raises(ValueError, match="y_val has 3 outputs, expected 2"):
        codec.encode(rng.normal(size=(4, 3)), name="y_val")


def test_encoded_sequences_count_sequences_and_not_steps(series):
    assert len(EncodedSequences(series)) == 12


# --- tokens out ----------------------------------------------------------------------


def without_end(ids, end):
    """Return the ids of each sequence, whose last is checked to be the end."""
    assert all(sequence[-1] == end for sequence in ids)
    flat = np.concatenate([sequence[:-1] for sequence in ids])
    return RaggedArray.from_lengths(flat, ids.lengths - 1)


@pytest.mark.parametrize(
    "sequences",
    [
        [["b", "a", "b"], ["a"], ["c", "a"]],
        [[], ["a"], [], [], ["b", "b"], []],
        [[1, 2, 1], [300]],
        [[("a", 1), ("b", 2)], [("a", 1)]],
        [["🙂", "שלום", "مرحبا"], ["e\u0301", "é"]],
    ],
)
def test_written_tokens_come_back_as_they_were(sequences):
    codec = TargetCodec().fit(tokens(sequences))
    ids = codec.encode(tokens(sequences))
    assert ids.lengths.tolist() == [len(s) + 1 for s in sequences]
    assert ids.values.dtype == np.int64
    decoded = codec.decode(without_end(ids, codec.end))
    assert decoded == sequences
    kinds = {type(token) for s in sequences for token in s}
    assert {type(token) for s in decoded for token in s} == kinds


def test_the_end_is_the_last_id_and_no_tokens():
    codec = TargetCodec().fit(tokens([["b", "a"], ["b"]]))
    assert codec.vocabulary.ids == {"b": 2, "a": 3}
    assert (codec.end, codec.n_outputs) == (4, 5)
    ids = codec.encode(tokens([["a", "b"], []]))
    assert [sequence.tolist() for sequence in ids] == [[3, 2, 4], [4]]


def test_target_tokens_that_were_not_learned_are_unknown():
    codec = TargetCodec(min_count=2).fit(tokens([["b", "a", "b"], ["c", "a"]]))
    ids = codec.encode(tokens([["c", "a", "z"]]))
    assert ids.values.tolist() == [UNKNOWN, codec.vocabulary.ids["a"], UNKNOWN, codec.end]
    assert codec.n_outputs == 5


def test_the_most_frequent_target_tokens_are_kept():
    sequences = tokens([["c", "b", "c"], ["a", "b", "c"]])
    codec = TargetCodec(max_size=2).fit(sequences)
    assert list(codec.vocabulary.ids) == ["c", "b"]
    assert codec.end == 4


def test_the_case_of_target_tokens_is_kept():
    codec = TargetCodec().fit(tokens([["The", "the"]]))
    assert set(codec.vocabulary.ids) == {"The", "the"}


# --- a class a step ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        ([["O", "B-x"], ["I-x"], [], ["O", "O", "B-x"]], ["B-x", "I-x", "O"], str),
        ([[3, 1], [1], [], [10, 2, 1]], [1, 2, 3, 10], int),
        ([[True, False], [False], []], [False, True], bool),
        ([[1.0, 0.0], [2.0]], [0.0, 1.0, 2.0], float),
        ([["only"], ["only", "only"]], ["only"], str),
    ],
)
def test_step_labels_come_back_as_lists_of_pythons_own(labels, classes, kind):
    codec = StepLabelCodec().fit(tokens(labels))
    assert codec.classes.tolist() == classes
    assert codec.n_outputs == len(classes)
    ids = codec.encode(tokens(labels))
    assert ids.values.dtype == np.int64
    assert ids.lengths.tolist() == [len(row) for row in labels]
    assert [[classes[i] for i in row] for row in ids] == labels
    decoded = codec.decode(ids)
    assert decoded == labels
    assert {type(label) for row in decoded for label in row} == {kind}


@pytest.mark.parametrize("classes", [["b", "c", "a", "b"], np.array(["c", "b", "a"])])
def test_given_classes_of_steps_are_sorted_and_may_be_more_than_y_has(classes):
    codec = StepLabelCodec().fit(tokens([["b"]]), classes)
    assert codec.classes.tolist() == ["a", "b", "c"]
    assert codec.encode(tokens([["c"], ["b", "a"]])).values.tolist() == [2, 1, 0]


def test_a_new_label_of_a_step_is_named_with_its_place():
    codec = StepLabelCodec().fit(tokens([["a", "b"]]))
    y = tokens([["a"], [], ["b", "a", "z"], ["y"]])
    with pytest.raises(
        ValueError,
        match=r"y_val\[2\], step 2 is 'z', which is not in classes \['a', 'b'\]",
    ):
        codec.encode(y, "y_val")


def test_no_steps_are_encoded_and_decoded_as_none():
    codec = StepLabelCodec().fit(tokens([["a"]]))
    ids = codec.encode(tokens([[], []]))
    assert ids.values.dtype == np.int64
    assert codec.decode(ids) == [[], []]
