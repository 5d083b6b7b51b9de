"""Pre-trained vectors come in several containers, and are found by the right key."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skrnn.data.embeddings import check_embeddings

GIVEN = {
    "rome": [1.0, 2.0],
    "Rome": [3.0, 4.0],
    "Paris": [5.0, 6.0],
    "NATO": [7.0, 8.0],
    "New-York": [9.0, 10.0],
}


class KeyedVectors:
    """Answers as gensim's does: an integer that is no key is read as a position."""

    def __init__(self, given):
        self.key_to_index = {key: i for i, key in enumerate(given)}
        self.vectors = np.array(list(given.values()), dtype=np.float32)
        self.vector_size = self.vectors.shape[1]

    def __contains__(self, key):
        is_position = isinstance(key, int) and 0 <= key < len(self.vectors)
        return key in self.key_to_index or is_position

    def __getitem__(self, key):
        return self.vectors[self.key_to_index.get(key, key)]


class FastTextVectors(KeyedVectors):
    """Answers as FastText's does: every string is in it, and composed if it is no key."""

    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        if isinstance(key, str) and key not in self.key_to_index:
            return np.full(self.vector_size, len(key), dtype=np.float32)
        return super().__getitem__(key)


def as_frame(given):
    return pd.DataFrame(list(given.values()), index=list(given))


def as_series(given):
    return pd.Series([np.array(v) for v in given.values()], index=list(given))


CONTAINERS = [dict, KeyedVectors, FastTextVectors, as_frame, as_series]
EXACT = [dict, KeyedVectors, as_frame, as_series]


def look_up(embeddings, token, lowercase=True):
    key, vector = check_embeddings(embeddings).lookup(token, lowercase)
    return key, None if vector is None else vector.tolist()


# --- keys ------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", CONTAINERS)
@pytest.mark.parametrize(
    ("token", "key"),
    [
        ("Rome", "Rome"),
        ("rome", "rome"),
        ("ROME", "rome"),
        ("paris", "Paris"),
        ("PARIS", "Paris"),
        ("nato", "NATO"),
        ("new-york", "New-York"),
    ],
)
def test_a_token_is_found_as_it_is_and_then_in_another_case(wrap, token, key):
    assert look_up(wrap(GIVEN), token) == (key, GIVEN[key])


COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"


@pytest.mark.parametrize("wrap", CONTAINERS)
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("key", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("token", [COMPOSED, DECOMPOSED])
def test_a_token_is_found_in_either_form_of_unicode(wrap, lowercase, key, token):
    given = {key: [1.0, 2.0], "rome": [3.0, 4.0]}
    assert look_up(wrap(given), token, lowercase) == (key, [1.0, 2.0])
    if lowercase:
        assert look_up(wrap(given), token.title()) == (key, [1.0, 2.0])


@pytest.mark.parametrize("wrap", CONTAINERS)
def test_a_tokens_own_form_is_found_first(wrap):
    given = {DECOMPOSED: [1.0, 2.0], COMPOSED: [3.0, 4.0]}
    for key, vector in given.items():
        assert look_up(wrap(given), key) == (key, vector)


@pytest.mark.parametrize("wrap", EXACT)
def test_a_token_without_a_vector_is_not_found(wrap):
    assert look_up(wrap(GIVEN), "Oslo") == ("Oslo", None)
    assert look_up(wrap(GIVEN), "paris", lowercase=False) == ("paris", None)


@pytest.mark.parametrize("wrap", CONTAINERS)
@pytest.mark.parametrize("token", [0, 1, np.int64(0), 1.0, (0,), None])
def test_an_integer_is_never_a_position(wrap, token):
    assert look_up(wrap(GIVEN), token) == (token, None)


@pytest.mark.parametrize("wrap", CONTAINERS)
def test_an_integer_that_is_a_key_is_found(wrap):
    given = {7: [1.0, 2.0], 0: [3.0, 4.0]}
    assert look_up(wrap(given), 0) == (0, [3.0, 4.0])
    assert look_up(wrap(given), np.int64(7)) == (7, [1.0, 2.0])
    assert look_up(wrap(given), 1) == (1, None)


def test_fasttext_composes_a_vector_only_where_no_case_has_its_own():
    vectors = FastTextVectors(GIVEN)
    assert look_up(vectors, "PARIS") == ("Paris", GIVEN["Paris"])
    assert look_up(vectors, "Oslo") == ("Oslo", [4.0, 4.0])
    assert look_up(vectors, "paris", lowercase=False) == ("paris", [5.0, 5.0])


def test_looking_up_a_token_adds_none_to_a_mapping_with_defaults():
    from collections import defaultdict

    given = defaultdict(lambda: [0.0, 0.0], GIVEN)
    assert look_up(given, "Oslo") == ("Oslo", None)
    assert len(given) == len(GIVEN)


# --- containers ------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", CONTAINERS)
def test_every_container_gives_the_same_size_count_and_vectors(wrap):
    vectors = check_embeddings(wrap(GIVEN))
    assert (vectors.dim, len(vectors)) == (2, 5)
    vector = vectors.lookup("Paris", lowercase=False)[1]
    assert vector.dtype == np.float32
    assert vector.shape == (2,)


def test_no_embeddings_stay_none():
    assert check_embeddings(None) is None


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8, "Float32", "int64"])
def test_a_frame_may_have_any_numeric_dtype(dtype):
    assert look_up(as_frame(GIVEN).astype(dtype), "Paris") == ("Paris", [5.0, 6.0])


def test_a_frame_may_have_columns_of_different_dtypes():
    frame = as_frame(GIVEN).astype({0: np.float32, 1: np.int64})
    assert look_up(frame, "Paris") == ("Paris", [5.0, 6.0])


def test_checked_vectors_can_be_pickled():
    for wrap in CONTAINERS:
        vectors = pickle.loads(pickle.dumps(check_embeddings(wrap(GIVEN))))
        assert vectors.lookup("Rome", lowercase=True)[1].tolist() == [3.0, 4.0]


def test_vectors_of_gensim_itself_are_read():
    gensim_models = pytest.importorskip("gensim.models")
    vectors = gensim_models.KeyedVectors(vector_size=2)
    vectors.add_vectors(list(GIVEN), list(map(np.array, GIVEN.values())))
    assert look_up(vectors, "Rome") == ("Rome", GIVEN["Rome"])
    assert look_up(vectors, 0) == (0, None)
    model = gensim_models.FastText(
        [["Rome", "fell"]] * 5, vector_size=2, min_count=1, epochs=1, workers=1
    )
    assert look_up(model.wv, "rome")[0] == "Rome"
    assert look_up(model.wv, "zebra")[1] is not None


# --- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("glove.txt", r"got 'glove.txt'; skrnn.datasets.read_vectors reads"),
        (Path("glove.txt"), r"got .*glove.txt.*; skrnn.datasets.read_vectors reads"),
        (np.ones((2, 3)), r"a matrix \(ndarray\), which has no tokens; pass dict\(zip"),
        ([("a", [1.0])], r"got list; pairs of token and vector become .* dict\(pairs\)"),
        ((("a", [1.0]),), r"got tuple; pairs of token and vector"),
        (SimpleNamespace(wv=KeyedVectors(GIVEN)), "its vectors are its attribute wv"),
        ({"a", "b"}, "got set"),
        (np.ones(3), "got ndarray"),
        (3, "got int"),
        (len, "got builtin"),
    ],
)
def test_other_containers_are_refused_with_what_to_pass(wrong, message):
    with pytest.raises(
        TypeError, match=r"^vectors must map tokens to vectors .a dict, g"
    ):
        check_embeddings(wrong, "vectors")
    with pytest.raises(TypeError, match=message):
        check_embeddings(wrong)


@pytest.mark.parametrize("empty", [{}, as_frame({}), as_series({}), pd.DataFrame()])
def test_no_vectors_at_all_are_refused(empty):
    with pytest.raises(ValueError, match=r"^embeddings has no vectors$"):
        check_embeddings(empty)


def test_keyed_vectors_without_keys_are_refused():
    vectors = KeyedVectors(GIVEN)
    vectors.key_to_index = {}
    with pytest.raises(ValueError, match="embeddings has no vectors"):
        check_embeddings(vectors)


@pytest.mark.parametrize("wrap", [dict, as_series])
@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([1.0], r"embeddings\['b'\] has 1 values, expected 2, as the first vector has"),
        ([1.0, 2.0, 3.0], r"embeddings\['b'\] has 3 values, expected 2"),
        ([[1.0, 2.0]], r"embeddings\['b'\] has shape \(1, 2\), expected a vector \(dim,"),
        ([], r"embeddings\['b'\] has shape \(0,\), expected a vector"),
        ([np.nan, 1.0], r"embeddings\['b'\] is not finite in float32"),
        ([1.0, np.inf], r"embeddings\['b'\] is not finite in float32"),
        ([1.0, 1e300], r"embeddings\['b'\] is not finite in float32"),
        (
            ["x", "y"],
            r"embeddings\['b'\] has type .*, expected a vector of numbers: .*'x', a string",
        ),
    ],
)
def test_a_vector_that_cannot_be_used_is_named(wrap, vector, message):
    vectors = check_embeddings(wrap({"a": [1.0, 2.0], "b": vector}))
    with pytest.raises(ValueError, match=message):
        vectors.lookup("b", lowercase=True)
    assert vectors.lookup("a", lowercase=True)[1].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("vector", [3.0, None, "text", [], [[1.0]], {"x": 1.0}])
def test_a_first_value_that_is_not_a_vector_is_named(vector):
    with pytest.raises(ValueError, match=r"embeddings\['a'\] .* expected a vector"):
        check_embeddings({"a": vector})


def test_missing_values_of_a_frame_are_named_by_their_token():
    frame = as_frame(GIVEN)
    frame.loc["Paris", 1] = np.nan
    for dtype in (np.float64, "Float64"):
        vectors = check_embeddings(frame.astype(dtype))
        with pytest.raises(ValueError, match=r"embeddings\['Paris'\] is not finite"):
            vectors.lookup("Paris", lowercase=True)


def test_a_column_of_tokens_is_refused_with_advice():
    frame = as_frame(GIVEN).reset_index(names="word")
    advice = r"column 'word' of .*, expected numbers only; .*\.set_index\('word'\)"
    with pytest.raises(ValueError, match=advice):
        check_embeddings(frame)
    assert look_up(frame.set_index("word"), "Rome") == ("Rome", [3.0, 4.0])


@pytest.mark.parametrize("wrap", [as_frame, as_series])
def test_a_token_that_a_frame_has_twice_is_named(wrap):
    twice = pd.concat([wrap(GIVEN), wrap({"NATO": [0.0, 0.0]})])
    with pytest.raises(ValueError, match="index of embeddings has 'NATO' more than once"):
        check_embeddings(twice)
