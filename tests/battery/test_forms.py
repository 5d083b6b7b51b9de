"""Predictions come in the form in which the targets were given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skrnn.data.ragged import object_array

TEXTS = {
    "list": list,
    "array": np.array,
    "Series": lambda X: pd.Series(X, index=range(9, 9 + len(X))),
    "one-column frame": lambda X: pd.DataFrame({"text": X}),
}
SQUARE_WORDS = {
    "2-D str array": np.array,
    "2-D object array": lambda X: np.array(X, dtype=object),
}
STACKED = {
    "3-D array": lambda X: X,
    "float64": lambda X: X.astype(np.float64),
    "steps of two dimensions": lambda X: X.reshape(*X.shape[:2], 2, 1),
}
STACKED_LISTS = {
    "list of arrays": list,
    "object array": lambda X: object_array(list(X)),
    "Series": lambda X: pd.Series(list(X)),
    "nested lists": lambda X: X.tolist(),
}


def label(X):
    """Return one of three labels for each step."""
    rng = np.random.default_rng(0)
    return [["uvw"[i] for i in rng.integers(3, size=len(x))] for x in X]


@pytest.fixture
def y_words(words):
    return label(words)


@pytest.fixture
def square_labels(cube):
    return np.array(label(cube))


@pytest.mark.parametrize("container", TEXTS)
def test_strings_of_words_and_labels_come_back_as_strings(
    make_tagger, words, y_words, container, outputs
):
    expected = make_tagger().fit(words, y_words)
    X = TEXTS[container]([" ".join(row) for row in words])
    strings = TEXTS[container]([" ".join(row) for row in y_words])
    model = make_tagger().fit(X, strings)
    assert_array_equal(outputs(model, X), outputs(expected, words))
    predicted = model.predict(X)
    assert predicted.dtype == object
    assert {type(row) for row in predicted} == {str}
    assert [row.split() for row in predicted] == expected.predict(words).tolist()
    assert model.score(X, strings) == expected.score(words, y_words)
    assert model.score(words, y_words) == expected.score(words, y_words)


def test_the_form_of_the_labels_is_that_of_y_and_not_of_X(make_tagger, words, y_words):
    texts = [" ".join(row) for row in words]
    strings = [" ".join(row) for row in y_words]
    lists = make_tagger().fit(texts, y_words).predict(texts)
    assert {type(row) for row in lists} == {list}
    texts_back = make_tagger().fit(words, strings).predict(words)
    assert texts_back.tolist() == [" ".join(row) for row in lists]


def test_characters_of_a_string_are_labelled_by_characters(make_tagger):
    X, y = ["oak elm", "ash", "a"] * 6, ["CVC_VCC", "VCC", "V"] * 6
    model = make_tagger(tokenizer="char").fit(X, y)
    assert model.classes_.tolist() == ["C", "V", "_"]
    predicted = model.predict(["oak", "elms", ""])
    assert [len(row) for row in predicted] == [3, 4, 0]
    assert {type(row) for row in predicted} == {str}
    assert set("".join(predicted)) <= set("CV_")


def test_the_form_of_the_labels_follows_each_fit(make_tagger, words, y_words):
    strings = [" ".join(row) for row in y_words]
    model = make_tagger().fit(words, y_words)
    assert type(model.predict(words)[0]) is list
    assert type(model.fit(words, strings).predict(words)[0]) is str
    assert type(model.fit(words, y_words).predict(words)[0]) is list


def test_resumed_training_keeps_the_form_of_the_first_labels(make_tagger, words, y_words):
    strings = [" ".join(row) for row in y_words]
    model = make_tagger(warm_start=True).fit(words, y_words).fit(words, strings)
    assert type(model.predict(words)[0]) is list
    model = make_tagger().partial_fit(words, strings).partial_fit(words, y_words)
    assert type(model.predict(words)[0]) is str


@pytest.mark.parametrize("container", SQUARE_WORDS)
def test_an_array_of_words_gives_an_array_of_labels(make_tagger, rng, container, outputs):
    lists = np.array(["oak", "elm", "ash"])[rng.integers(3, size=(24, 3))].tolist()
    y = label(lists)
    expected = make_tagger().fit(lists, y)
    X = SQUARE_WORDS[container](lists)
    model = make_tagger().fit(X, np.array(y))
    assert_array_equal(outputs(model, lists), outputs(expected, lists))
    assert_array_equal(outputs(model, X), outputs(expected, lists))
    predicted = model.predict(X)
    assert predicted.shape == (24, 3)
    assert predicted.tolist() == expected.predict(lists).tolist()
    assert model.score(X, np.array(y)) == expected.score(lists, y)


@pytest.mark.parametrize("container", STACKED)
def test_a_stacked_array_gives_an_array_of_labels(
    make_tagger, cube, square_labels, container, outputs
):
    expected = make_tagger().fit(list(cube), square_labels.tolist())
    X = STACKED[container](cube)
    model = make_tagger().fit(X, square_labels)
    assert_array_equal(outputs(model, X), outputs(expected, list(cube)))
    predicted = model.predict(X)
    assert predicted.shape == (24, 5)
    assert predicted.dtype == square_labels.dtype
    assert predicted.tolist() == expected.predict(list(cube)).tolist()
    assert [p.shape for p in model.predict_proba(X)] == [(5, 3)] * 24


@pytest.mark.parametrize("container", STACKED_LISTS)
def test_sequences_of_equal_length_in_a_list_give_lists_of_labels(
    make_tagger, cube, square_labels, container, outputs
):
    expected = make_tagger().fit(cube, square_labels)
    X = STACKED_LISTS[container](cube)
    model = make_tagger().fit(X, square_labels)
    assert_array_equal(outputs(model, X), outputs(expected, cube))
    predicted = model.predict(X)
    assert predicted.shape == (24,)
    assert {type(row) for row in predicted} == {list}
    assert predicted.tolist() == expected.predict(cube).tolist()


@pytest.mark.parametrize("make_labels", [np.array, np.ndarray.tolist, pd.DataFrame])
def test_columns_are_the_steps_of_a_univariate_sequence(
    make_tagger, cube, square_labels, make_labels, outputs
):
    square = cube[:, :, 0].copy()
    expected = make_tagger().fit(list(square), square_labels.tolist())
    frame = pd.DataFrame(square, columns=list("abcde"))
    for X in (square, frame):
        model = make_tagger().fit(X, make_labels(square_labels))
        assert model.n_features_in_ == 5
        predicted = model.predict(X)
        assert predicted.shape == (24, 5)
        assert predicted.tolist() == expected.predict(list(square)).tolist()
        assert_array_equal(outputs(model, X), outputs(expected, list(square)))
        assert model.predict(list(square)).tolist() == predicted.tolist()
    assert model.feature_names_in_.tolist() == list("abcde")
