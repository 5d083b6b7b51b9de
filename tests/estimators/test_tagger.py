"""What holds for the taggers: a label for every step, with and without a CRF."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys
from functools import cache, partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skrnn import FeedForwardTagger, SequenceTagger
from skrnn.data.ragged import object_array
from skrnn.data.schemes import allowed_moves, first_violation
from skrnn.datasets import make_switches
from skrnn.metrics import entity_f1_score, entity_f1_scorer, step_accuracy_scorer
from skrnn.preprocessing import StepwiseTransformer

QUICK = {
    "max_epochs": 2,
    "batch_size": 12,
    "embedding_dim": 4,
    "weight_decay": 0.0,
    "random_state": 0,
}
# Of four ReLU units too many may be dead.
WIDE = {"hidden_layer_sizes": (12,)}
VARIANTS = {
    "recurrent": (SequenceTagger, {"hidden_size": 4, "crf": False}),
    "recurrent-crf": (SequenceTagger, {"hidden_size": 4, "crf": True}),
    "window": (FeedForwardTagger, {**WIDE, "crf": False}),
    "window-crf": (FeedForwardTagger, {**WIDE, "crf": True}),
}


def make(variant, **params):
    cls, small = VARIANTS[variant]
    return cls(**{**small, **QUICK, **params})


@pytest.fixture(params=["recurrent", "recurrent-crf", "window"])
def make_tagger(request):
    """Return a function that makes a small tagger, each in turn."""
    return partial(make, request.param)


@pytest.fixture(params=["recurrent-crf", "window-crf"])
def make_crf(request):
    """Return a function that makes a small tagger with a CRF, each in turn."""
    return partial(make, request.param)


@pytest.fixture(params=["recurrent", "window"])
def make_single(request):
    """Return a function that makes a small tagger without a CRF, each in turn."""
    return partial(make, request.param)


def label(X, labels="uvw", seed=0):
    """Return random labels for the steps of X."""
    rng = np.random.default_rng(seed)
    return [[labels[i] for i in rng.integers(len(labels), size=len(x))] for x in X]


def draw_words(lengths, letters="oakelmsh", seed=0):
    """Return token lists of random words of five letters."""
    rng = np.random.default_rng(seed)
    choices = np.array(list(letters))
    return [
        ["".join(w) for w in choices[rng.integers(len(letters), size=(n, 5))]]
        for n in lengths
    ]


LENGTHS = [1, 6, *np.random.default_rng(0).integers(1, 7, size=22).tolist()]
NUMBERS = [np.random.default_rng(i).normal(size=(n, 3)) for i, n in enumerate(LENGTHS)]
LEXICON = ["oak", "elm", "ash", "Yew", "fir", "may"]
WORDS = label([range(n) for n in LENGTHS], LEXICON, seed=1)


@pytest.fixture
def numbers():
    """Return sequences of 1 to 6 steps of three features."""
    return list(NUMBERS)


@pytest.fixture
def words():
    """Return sequences of 1 to 6 words."""
    return list(WORDS)


@pytest.fixture
def y(X):
    """Return one of three labels for each step."""
    return label(X)


@pytest.fixture
def y_words(words):
    return label(words)


@cache
def fit_once(variant, kind):
    X = {"numbers": NUMBERS, "words": WORDS}[kind]
    return make(variant).fit(X, label(X))


@pytest.fixture
def fitted(make_tagger):
    """Return a function that gives the small tagger fitted on X, for tests to share."""
    (variant,) = make_tagger.args

    def fitted(X):
        return fit_once(variant, "words" if isinstance(X[0], list) else "numbers")

    return fitted


def outputs(model, X):
    """Return the probabilities of every step, one after the other."""
    return np.concatenate(list(model.predict_proba(X)))


def as_lists(predicted):
    """Return predictions as lists of lists, whatever they came in."""
    return [list(row) for row in predicted]


def flat(rows):
    return [label for row in rows for label in row]


# --- containers ----------------------------------------------------------------------

LABELS = {
    "lists": lambda y: y,
    "tuples": lambda y: tuple(map(tuple, y)),
    "arrays": lambda y: [np.array(row) for row in y],
    "object array": object_array,
    "Series": lambda y: pd.Series(y, index=range(50, 50 + len(y))),
    "one-column frame": lambda y: pd.DataFrame({"tags": y}),
}
WORD_CONTAINERS = {
    "tuples": lambda X: tuple(map(tuple, X)),
    "arrays": lambda X: [np.array(row) for row in X],
    "object array": object_array,
    "Series": lambda X: pd.Series(X, index=range(9, 9 + len(X))),
    "one-column frame": lambda X: pd.DataFrame({"words": X}),
}
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


@pytest.fixture(scope="module")
def cube():
    return np.random.default_rng(1).normal(size=(24, 5, 2)).astype(np.float32)


@pytest.fixture
def square_labels(cube):
    return np.array(label(cube))


@pytest.mark.parametrize("container", LABELS)
def test_labels_mean_the_same_in_every_container(
    make_tagger, fitted, words, y_words, container
):
    expected = fitted(words)
    y = LABELS[container](y_words)
    model = make_tagger().fit(words, y)
    assert_array_equal(outputs(model, words), outputs(expected, words))
    assert model.predict(words).tolist() == expected.predict(words).tolist()
    assert model.score(words, y) == expected.score(words, y_words)


@pytest.mark.parametrize("container", WORD_CONTAINERS)
def test_words_mean_the_same_in_every_container(
    make_tagger, fitted, words, y_words, container
):
    model = fitted(words)
    expected, predicted = outputs(model, words), model.predict(words)
    X = WORD_CONTAINERS[container](words)
    assert_array_equal(outputs(model, X), expected)
    assert model.predict(X).tolist() == predicted.tolist()
    assert_array_equal(outputs(make_tagger().fit(X, y_words), words), expected)


@pytest.mark.parametrize("container", TEXTS)
def test_strings_of_words_and_labels_come_back_as_strings(
    make_tagger, fitted, words, y_words, container
):
    expected = fitted(words)
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


def test_the_form_of_the_labels_stays_that_of_the_first_fit_when_going_on(
    make_tagger, words, y_words
):
    strings = [" ".join(row) for row in y_words]
    model = make_tagger(warm_start=True).fit(words, y_words).fit(words, strings)
    assert type(model.predict(words)[0]) is list
    model = make_tagger().partial_fit(words, strings).partial_fit(words, y_words)
    assert type(model.predict(words)[0]) is str


@pytest.mark.parametrize("container", SQUARE_WORDS)
def test_an_array_of_words_gives_an_array_of_labels(make_tagger, rng, container):
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
    make_tagger, cube, square_labels, container
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
    make_tagger, cube, square_labels, container
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
    make_tagger, cube, square_labels, make_labels
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


# --- labels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "kind"),
    [([10, 2, 30], int), ([True, False], bool), ([0.0, 1.0], float), ("uvw", str)],
)
@pytest.mark.parametrize("as_arrays", [False, True])
def test_labels_come_back_as_pythons_own(make_tagger, words, labels, kind, as_arrays):
    y = label(words, labels)
    given = [np.array(row) for row in y] if as_arrays else y
    model = make_tagger().fit(words, given)
    assert model.classes_.tolist() == sorted(set(labels))
    predicted = model.predict(words)
    assert [len(row) for row in predicted] == LENGTHS
    assert {type(each) for each in flat(predicted)} == {kind}
    assert set(flat(predicted)) <= set(labels)


def test_integer_labels_of_an_array_stay_an_integer_array(make_tagger, cube):
    y = np.array(label(cube, [3, 1, 2]))
    predicted = make_tagger().fit(cube, y).predict(cube)
    assert predicted.dtype == y.dtype
    assert predicted.shape == (24, 5)


def test_a_single_class_is_predicted_everywhere(make_tagger, X):
    y = [["only"] * len(x) for x in X]
    model = make_tagger().fit(X, y)
    assert model.classes_.tolist() == ["only"]
    assert model.predict(X).tolist() == y
    assert_allclose(outputs(model, X), 1)
    assert model.score(X, y) == 1


def test_score_is_the_share_of_steps(fitted, X, y):
    model = fitted(X)
    right = np.array(flat(model.predict(X))) == flat(y)
    score = model.score(X, y)
    assert type(score) is float
    assert score == pytest.approx(right.mean())
    weights = np.arange(24)
    by_step = np.repeat(weights, [len(x) for x in X])
    weighted = model.score(X, y, sample_weight=weights)
    assert weighted == pytest.approx(np.average(right, weights=by_step))


def test_labels_unseen_in_training_are_wrong_and_no_error_in_score(fitted, X, y):
    model = fitted(X)
    strange = [["strange"] * len(x) for x in X]
    assert model.score(X, strange) == 0
    half = y[:12] + strange[12:]
    assert 0 < model.score(X, half) < model.score(X, y) + 0.5


def test_a_tagger_is_no_classifier_to_scikit_learn(make_tagger):
    assert not is_classifier(make_tagger())
    assert not make_tagger().__sklearn_tags__().input_tags.two_d_array


# --- alone, in any batch, in any order -----------------------------------------------


def test_a_sequence_is_labelled_alone_as_in_company(fitted, X):
    model = fitted(X)
    together, predicted = model.predict_proba(X), model.predict(X)
    for i, sequence in enumerate(X):
        assert_allclose(
            model.predict_proba([sequence])[0], together[i], rtol=1e-5, atol=1e-6
        )
        assert model.predict([sequence])[0] == predicted[i]


def test_the_order_of_the_sequences_changes_no_bit(fitted, X, rng):
    model = fitted(X)
    lengths = rng.integers(1, 7, size=600)
    many = draw_words(lengths)
    if not isinstance(X[0], list):
        many = [rng.normal(size=(n, 3)) for n in lengths]
    order = rng.permutation(600)
    shuffled = [many[i] for i in order]
    expected, predicted = model.predict_proba(many), model.predict(many)
    for got, i in zip(model.predict_proba(shuffled), order, strict=True):
        assert_array_equal(got, expected[i])
    assert model.predict(shuffled).tolist() == predicted[order].tolist()


def test_lengths_never_seen_in_training_are_labelled(make_tagger, X, y):
    short, y_short = [x[:2] for x in X], [row[:2] for row in y]
    model = make_tagger().fit(short, y_short)
    long = [list(x) * 20 for x in X]
    assert [len(row) for row in model.predict(long)] == [len(x) for x in long]
    assert np.isfinite(outputs(model, long)).all()


def test_sequences_of_one_step_are_enough(make_tagger, X, y):
    single, y_single = [x[:1] for x in X], [row[:1] for row in y]
    model = make_tagger().fit(single, y_single)
    assert [len(row) for row in model.predict(single)] == [1] * 24
    mixed = model.predict_proba(X[:3] + single)[3:]
    assert_allclose(np.concatenate(list(mixed)), outputs(model, single), rtol=1e-5)


def test_one_sequence_of_one_step_is_enough_to_fit(make_tagger, X):
    model = make_tagger().fit([X[0][:1]], [["only"]])
    assert model.predict(X).tolist() == [["only"] * len(x) for x in X]


def test_five_thousand_steps_are_labelled(fitted, words):
    model = fitted(words)
    document = (flat(words) * 100)[:5000]
    predicted = model.predict([document, words[0]])
    assert len(predicted[0]) == 5000
    assert set(predicted[0]) <= set("uvw")
    proba = model.predict_proba([document])[0]
    assert proba.shape == (5000, 3)
    assert_allclose(proba.sum(1), 1, rtol=1e-5)


def test_five_thousand_steps_are_learned_from(make_tagger, words):
    document = (flat(words) * 100)[:5000]
    tags = ["up" if word[0] in "oe" else "down" for word in document]
    model = make_tagger(max_epochs=4, lr=0.003, dropout=0.0, lr_schedule="constant")
    model.fit([document, ["oak"]], [tags, ["up"]])
    losses = model.history_["train_loss"].to_numpy()
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


# --- empty sequences -----------------------------------------------------------------


@pytest.mark.parametrize("empty", [[], (), np.array([])], ids=["list", "tuple", "array"])
def test_a_sequence_without_steps_gets_no_labels(fitted, X, empty):
    model = fitted(X)
    expected, probabilities = model.predict(X), model.predict_proba(X)
    mixed = [empty, X[0], empty, *X[1:], empty]
    predicted = model.predict(mixed)
    assert predicted[[0, 2, -1]].tolist() == [[], [], []]
    assert [predicted[1], *predicted[3:-1]] == expected.tolist()
    got = model.predict_proba(mixed)
    assert [p.shape for p in got[[0, 2, -1]]] == [(0, 3)] * 3
    assert_array_equal(np.concatenate(list(got)), np.concatenate(list(probabilities)))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("empty", [[], np.array([])], ids=["list", "array"])
def test_nothing_but_empty_sequences_get_no_labels(fitted, X, empty, n):
    model = fitted(X)
    assert model.predict([empty] * n).tolist() == [[]] * n
    assert [p.shape for p in model.predict_proba([empty] * n)] == [(0, 3)] * n


def test_blank_strings_get_empty_strings(make_tagger):
    model = make_tagger().fit(["oak elm", "ash"] * 6, ["u v", "w"] * 6)
    assert model.predict(["", "  ", "oak"]).tolist()[:2] == ["", ""]
    assert model.predict([""]).tolist() == [""]


def test_empty_sequences_are_left_out_of_a_fit(make_tagger, fitted, X, y):
    expected = fitted(X)
    with_empty = [*X[:5], X[0][:0], *X[5:], X[0][:0]]
    y_with_empty = [*y[:5], [], *y[5:], []]
    model = make_tagger().fit(with_empty, y_with_empty)
    assert_array_equal(outputs(model, X), outputs(expected, X))
    assert model.score(with_empty, y_with_empty) == model.score(X, y)


def test_empty_sequences_are_left_out_with_their_weights(make_tagger, words, y_words):
    weights = np.random.default_rng(0).integers(1, 4, size=24).astype(float)
    expected = make_tagger().fit(words, y_words, sample_weight=weights)
    model = make_tagger().fit([[], *words], [[], *y_words], sample_weight=[100, *weights])
    assert_array_equal(outputs(model, words), outputs(expected, words))


def test_empty_sequences_are_left_out_of_validation(make_tagger, words, y_words):
    model = make_tagger().fit(
        words, y_words, X_val=[[], *words[:5]], y_val=[[], *y_words[:5]]
    )
    assert np.isfinite(model.history_["valid_loss"]).all()


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("X_empty", [[[]], [[], []], [""]])
def test_nothing_to_learn_from_is_an_error(make_tagger, how, X_empty):
    y = [""] if X_empty == [""] else X_empty
    with pytest.raises(ValueError, match="X has no steps: all its sequences are empty"):
        getattr(make_tagger(), how)(X_empty, y)


def test_nothing_to_go_on_with_is_an_error(make_tagger, words, y_words):
    model = make_tagger().fit(words, y_words)
    with pytest.raises(ValueError, match="X has no steps: all its sequences are empty"):
        model.partial_fit([[]], [[]])
    with pytest.raises(ValueError, match="X_val has no steps"):
        model.fit(words, y_words, X_val=[[]], y_val=[[]])


def test_no_steps_cannot_be_scored(make_tagger, words, y_words):
    with pytest.raises(ValueError, match="y_true has no steps"):
        make_tagger().fit(words, y_words).score([[]], [[]])


# --- tokens --------------------------------------------------------------------------


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams"])
def test_unseen_tokens_and_characters_are_no_error(
    make_tagger, words, y_words, char_encoder
):
    model = make_tagger(char_encoder=char_encoder).fit(words, y_words)
    X = [["§ẞ", "日本"], ["sequoia"], ["oak", "🌳"], [""]]
    assert [len(row) for row in model.predict(X)] == [2, 1, 2, 1]
    assert np.isfinite(outputs(model, X)).all()


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams"])
def test_case_is_seen_though_words_are_lower_cased(make_tagger, char_encoder):
    X = [["may", "oak"], ["May", "Oak"]] * 12
    y = [["m", "t"], ["M", "T"]] * 12
    model = make_tagger(char_encoder=char_encoder, max_epochs=15, lr=0.02, dropout=0.0)
    assert set(model.fit(X, y).vocabulary_) == {"may", "oak"}
    assert model.score(X, y) == 1


@pytest.mark.parametrize("container", [np.ndarray.tolist, np.array, pd.DataFrame])
def test_integers_are_looked_up_as_tokens(make_tagger, rng, container):
    ids = rng.integers(100, 104, size=(24, 3))
    y = label(ids)
    expected = make_tagger(input_type="tokens").fit(ids.tolist(), y)
    assert set(expected.vocabulary_) == {100, 101, 102, 103}
    model = make_tagger(input_type="tokens").fit(container(ids), y)
    assert_array_equal(outputs(model, ids.tolist()), outputs(expected, ids.tolist()))
    assert as_lists(model.predict(ids)) == expected.predict(ids.tolist()).tolist()


def test_tuples_and_other_hashables_are_tokens(make_tagger):
    X = [[("a", 1), frozenset("b")], [("a", 2)], [None_like := ("c",), 3.5]] * 6
    model = make_tagger(input_type="tokens").fit(X, label(X))
    assert set(model.vocabulary_) == {("a", 1), ("a", 2), frozenset("b"), None_like, 3.5}
    assert [len(row) for row in model.predict([[("a", 1), "new"], [7]])] == [2, 1]


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_embeddings_stay_as_they_are(make_tagger, words, y_words, frozen):
    vectors = {"oak": np.ones(3), "Yew": [0, 1, 2.0], "elm": np.full(3, -1.0)}
    model = make_tagger(embeddings=vectors, freeze_embeddings=frozen, max_epochs=3)
    model.fit(words, y_words)
    untrained = make_tagger(embeddings=vectors, freeze_embeddings=frozen, lr=1e-12)
    untrained.fit(words, y_words)
    before, after = (
        m.net_.module_.input_layer.embedding.weight.detach().numpy()
        for m in (untrained, model)
    )
    changed = (before != after).any(1)
    if frozen:
        assert_array_equal(after, before)
        assert_array_equal(after[model.vocabulary_["oak"]], np.ones(3))
        assert_array_equal(after[model.vocabulary_["yew"]], [0, 1, 2])
    else:
        assert_allclose(before[model.vocabulary_["oak"]], np.ones(3), atol=1e-6)
        assert changed[list(model.vocabulary_.values())].all()
    n_weights = after.size if frozen else 0
    assert model.n_parameters_ == untrained.n_parameters_
    total = sum(p.numel() for p in model.net_.module_.parameters())
    assert total - model.n_parameters_ == n_weights
    back = pickle.loads(pickle.dumps(model)).partial_fit(words, y_words)
    trained_on = back.net_.module_.input_layer.embedding.weight.detach().numpy()
    assert (trained_on == after).all() == frozen


# --- bad input -----------------------------------------------------------------------


def test_unequal_lengths_are_named_by_their_index(make_tagger, X, y):
    wrong = [*y[:7], [*y[7], "u"], *y[8:]]
    message = rf"y\[7\] has {len(X[7]) + 1} labels, but X\[7\] has {len(X[7])} steps"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(make_tagger(), method)(X, wrong)
    model = make_tagger().fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.score(X, wrong)
    with pytest.raises(
        ValueError, match=message.replace("y", "y_val").replace("X", "X_val")
    ):
        model.fit(X, y, X_val=X, y_val=wrong)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda y: y[:-1], ValueError, "y has 23 entries, but X has 24 sequences"),
        (lambda y: None, ValueError, "requires y to be passed"),
        (lambda y: ["u"] * 24, ValueError, r"y\[1\] has 1 labels, but X\[1\] has 6"),
        (lambda y: [0] * 24, TypeError, r"y\[0\] is int, expected a list of labels"),
        (
            lambda y: [[None], *y[1:]],
            ValueError,
            r"y\[0\], step 0 is None: a label is missing",
        ),
        (lambda y: [[1], *y[1:]], TypeError, r"y\[1\], step 0 is .* of one kind"),
    ],
)
def test_a_bad_y_is_named_and_leaves_nothing_behind(
    make_tagger, X, y, change, error, message
):
    model = make_tagger()
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X, change(y))
    assert vars(model) == before


@pytest.mark.parametrize(
    ("X_bad", "error", "message"),
    [
        ([["oak"], ["elm", None]], TypeError, r"X\[1\], step 1 is None"),
        ([["oak"], ["elm", 3]], TypeError, r"X\[1\], step 1 is 3 among strings"),
        ([["oak"], None], ValueError, r"X\[1\] is missing"),
        ([np.zeros((2, 3)), np.full((1, 3), np.nan)], ValueError, r"NaN: X\[1\], step 0"),
        ("oak elm", TypeError, "X is one string"),
        ([], ValueError, "X has 0 sequences"),
        (np.zeros((0, 3)), ValueError, r"0 sample\(s\)"),
    ],
)
def test_a_bad_X_is_named(make_tagger, X_bad, error, message):
    with pytest.raises(error, match=message):
        make_tagger().fit(X_bad, [["u"], ["v", "w"]])
    good = [np.zeros((2, 3))] * 2 if "NaN" in message else [["oak", "elm"]] * 2
    model = make_tagger().fit(good, [["u", "v"]] * 2)
    if message != r"0 sample\(s\)":
        with pytest.raises(error, match=message):
            model.predict(X_bad)


def test_another_kind_or_width_of_X_is_refused_at_predict(make_tagger, numbers, words):
    model = make_tagger().fit(numbers, label(numbers))
    with pytest.raises(
        ValueError, match=r"X holds token sequences, but .* was fitted on"
    ):
        model.predict(words)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3"):
        model.predict([np.zeros((2, 2))])


def test_an_unfitted_tagger_says_so(make_tagger, words, y_words):
    model = make_tagger()
    for call in (model.predict, model.predict_proba, lambda X: model.score(X, y_words)):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            call(words)


def test_labels_unseen_in_training_are_named_in_validation(make_tagger, words, y_words):
    y_val = [*y_words[:3], ["strange"] * len(words[3])]
    with pytest.raises(
        ValueError,
        match=r"y_val\[3\], step 0 is 'strange', which is not in classes \['u', 'v', 'w'\]",
    ):
        make_tagger().fit(words, y_words, X_val=words[:4], y_val=y_val)


def test_a_label_of_the_held_out_part_is_a_class(make_tagger, words, y_words):
    y = [*y_words[:23], ["rare"] * len(words[23])]
    model = make_tagger(early_stopping=True, validation_strategy="last").fit(words, y)
    assert model.classes_.tolist() == ["rare", "u", "v", "w"]


class Fails(Callback):
    """Fails at the end of the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) % 2 == 0:
            raise RuntimeError("out of order")


def test_a_first_fit_that_fails_leaves_nothing_behind(make_tagger, words, y_words):
    model = make_tagger(callbacks=[Fails()])
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match="out of order"):
        model.fit(words, [" ".join(row) for row in y_words])
    assert vars(model) == before


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_fails_leaves_the_fit_before_it_alone(
    make_tagger, words, y_words, warm_start
):
    model = make_tagger(warm_start=warm_start).fit(words, y_words)
    model.set_params(callbacks=[Fails()])
    before, expected = dict(vars(model)), outputs(model, words)
    predicted = model.predict(words).tolist()
    texts = [" ".join(row) for row in words]
    strings = [" ".join(row).replace("u", "w") for row in y_words]
    with pytest.raises(RuntimeError, match="out of order"):
        model.fit(texts, strings)
    assert vars(model) == before
    assert_array_equal(outputs(model, words), expected)
    assert model.predict(words).tolist() == predicted  # lists, as they were


def test_a_y_that_fails_leaves_the_fit_before_it_alone(make_tagger, words, y_words):
    model = make_tagger().fit(words, y_words)
    before, predicted = dict(vars(model)), model.predict(words).tolist()
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="has 2 labels"):
            getattr(model, method)([["oak"]], ["u v"])
        assert vars(model) == before
        assert model.predict(words).tolist() == predicted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scheme", "BIO"),
        ("invalid_tags", "ignore"),
        ("crf", "yes"),
        ("label_smoothing", 1.0),
        ("freeze_embeddings", None),
        ("class_weight", "even"),
    ],
)
def test_a_parameter_out_of_its_range_is_named(make_tagger, words, y_words, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of .*Tagger must be"):
        make_tagger(**{name: value}).fit(words, y_words)


@pytest.mark.parametrize("context", [-1, 1.5])
def test_a_context_out_of_its_range_is_named(words, y_words, context):
    with pytest.raises(ValueError, match="The 'context' parameter of FeedForwardTagger"):
        make("window", context=context).fit(words, y_words)


# --- schemes -------------------------------------------------------------------------

ENTITIES = [["B-x", "I-x", "O"], ["B-y"], ["O", "B-y", "I-y", "B-x"]] * 6
PLACES = [["New", "York", "is"], ["Rome"], ["in", "Saint", "Louis", "Bonn"]] * 6


@pytest.fixture
def places(rng):
    """Return sequences of numbers, as long as the tags above."""
    return [rng.normal(size=(len(row), 2)) for row in ENTITIES]


@pytest.fixture
def strange(rng):
    """Return sequences beyond all that was seen in training."""
    return [5 * rng.normal(size=(n % 12 + 1, 2)) for n in range(60)]


def test_with_a_crf_nothing_is_predicted_that_breaks_the_scheme(
    make_crf, places, strange
):
    model = make_crf(scheme="IOB2").fit(places, ENTITIES)
    predicted = model.predict(strange)
    assert all(first_violation("IOB2", row) is None for row in predicted)
    assert len({tuple(row) for row in predicted}) > 20
    free = make_crf().fit(places, ENTITIES).predict(strange)
    assert any(first_violation("IOB2", row) is not None for row in free)
    follow, first, _ = allowed_moves("IOB2", model.classes_.tolist())
    for proba in model.predict_proba(strange):
        assert not proba[0, ~first].any()
    assert_array_equal(np.isneginf(model.transitions_), ~follow)


@pytest.mark.parametrize("scheme", ["IOBES", "BILOU"])
def test_open_entities_are_closed_at_the_end(make_crf, places, strange, scheme):
    last, single = {"IOBES": "ES", "BILOU": "LU"}[scheme]
    y = [["B-x", f"{last}-x", "O"], [f"{single}-y"], ["O", "B-y", "I-y", f"{last}-y"]]
    predicted = make_crf(scheme=scheme).fit(places, y * 6).predict(strange)
    assert all(first_violation(scheme, row) is None for row in predicted)
    assert len({tuple(row) for row in predicted}) > 20
    assert {"O", f"{single}-y"} < set(flat(predicted))


def test_the_scheme_is_kept_however_large_the_features_are(make_crf, places, strange):
    model = make_crf(scheme="IOB2").fit([1e6 * x for x in places], ENTITIES)
    predicted = model.predict([1e6 * x for x in strange])
    assert all(first_violation("IOB2", row) is None for row in predicted)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["O", "I-x", "O"], r"y\[1\], step 1: 'I-x' behind 'O' breaks scheme=\"IOB2\""),
        (["I-x", "O", "O"], r"y\[1\], step 0: 'I-x' behind the start breaks"),
        (
            ["B-y", "I-x", "O"],
            r"y\[1\], step 1: 'I-x' behind 'B-y' .*\"repair\" mends it",
        ),
    ],
)
def test_tags_that_break_the_scheme_are_named(make_tagger, row, message):
    X, y = [["a"], ["a", "b", "c"]] * 4, [["O"], row] * 4
    with pytest.raises(ValueError, match=message):
        make_tagger(scheme="IOB2").fit(X, y)
    model = make_tagger(scheme="IOB2", early_stopping=True)
    valid = [["B-x"], ["B-y", "O", "B-x"]] * 4
    with pytest.raises(ValueError, match=message.replace("y", "y_val", 1)):
        model.fit(X, valid, X_val=X, y_val=y)
    make_tagger(scheme=None).fit(X, y)


def test_an_entity_left_open_is_named(make_tagger):
    with pytest.raises(ValueError, match=r"y\[0\], step 2: the end behind 'B-x' breaks"):
        make_tagger(scheme="IOBES").fit([["a", "b"]], [["O", "B-x"]])


def test_broken_tags_are_repaired_where_asked(make_tagger):
    broken = [["I-x", "I-x", "O"], ["I-y"], ["O", "I-y", "I-y", "I-x"]] * 6
    model = make_tagger(scheme="IOB2", invalid_tags="repair").fit(PLACES, broken)
    expected = make_tagger(scheme="IOB2").fit(PLACES, ENTITIES)
    assert model.classes_.tolist() == ["B-x", "B-y", "I-x", "I-y", "O"]
    assert_array_equal(outputs(model, PLACES), outputs(expected, PLACES))
    assert broken[0] == ["I-x", "I-x", "O"]  # the user's own stay as they are


@pytest.mark.parametrize("crf", [True, False])
def test_tags_need_no_type(make_tagger, crf):
    untyped = [[tag.partition("-")[0] for tag in row] for row in ENTITIES]
    model = make_tagger(scheme="IOB2", crf=crf, max_epochs=40, lr=0.05)
    model.fit(PLACES, untyped)
    assert model.classes_.tolist() == ["B", "I", "O"]
    predicted = model.predict(PLACES)
    assert entity_f1_score(untyped, predicted, scheme="IOB2") == 1
    broken = [["I", "I", "O"], ["I"], ["O", "I", "I", "B"]] * 6
    repaired = make_tagger(scheme="IOB2", invalid_tags="repair").fit(PLACES, broken)
    assert repaired.classes_.tolist() == ["B", "I", "O"]


def test_labels_that_are_no_tags_are_named(make_tagger):
    model, message = make_tagger(scheme="IOB2"), r'scheme="IOB2" are "O" .* \w+ has'
    with pytest.raises(ValueError, match=message + r" 'person'"):
        model.fit([["a", "b"]], [["O", "person"]])
    with pytest.raises(ValueError, match=message + r" 'E-x'"):
        model.partial_fit([["a"]], [["O"]], classes=["O", "E-x"])
    with pytest.raises(ValueError, match=message + r" 3"):
        model.fit([["a", "b"]], [[3, 3]])


def test_score_reads_tags_as_they_are(make_tagger):
    model = make_tagger(scheme="IOB2").fit(PLACES, ENTITIES)
    assert model.score([["a", "b"]], [["I-z", "what"]]) == 0


# --- the CRF -------------------------------------------------------------------------


def test_transitions_are_a_table_of_the_classes(make_crf, words, y_words):
    table = make_crf().fit(words, y_words).transitions_
    assert table.index.tolist() == table.columns.tolist() == ["u", "v", "w"]
    assert (table.index.name, table.columns.name) == ("from", "to")
    assert np.isfinite(table.to_numpy()).all()


def test_transitions_know_what_follows_what(make_crf):
    X, y = [["a"] * 6] * 24, [["u", "v", "w"] * 2] * 24
    table = make_crf(max_epochs=30, lr=0.05).fit(X, y).transitions_
    assert table.idxmax(axis=1).to_dict() == {"u": "v", "v": "w", "w": "u"}


def test_without_a_crf_there_are_no_transitions(make_single, words, y_words):
    model = make_single()
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.transitions_  # noqa: B018
    model.fit(words, y_words)
    with pytest.raises(AttributeError, match="transitions_ needs a fit with crf=True"):
        model.transitions_  # noqa: B018
    assert not hasattr(model, "transitions_")


def path_scores(model, sequence):
    """Return each label path of one sequence, and its score."""
    with torch.no_grad():
        logits, _ = model._steps([sequence], lambda s: s.logits, None)
        crf = model.net_.module_.crf
        logits = logits.values.astype(float)
        start, end = crf.start.numpy(), crf.end.numpy()
    moves = model.transitions_.to_numpy()
    paths = list(itertools.product(range(logits.shape[1]), repeat=len(sequence)))
    scores = [
        start[p[0]]
        + end[p[-1]]
        + sum(logits[t, label] for t, label in enumerate(p))
        + sum(moves[a, b] for a, b in itertools.pairwise(p))
        for p in paths
    ]
    return paths, np.array(scores)


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_probabilities_and_labels_are_those_of_all_paths(make_crf, scheme):
    model = make_crf(scheme=scheme, max_epochs=20, lr=0.02).fit(PLACES, ENTITIES)
    sequences = [["New"], ["New", "Rome"], ["in", "York", "York"], ["a", "b", "c", "in"]]
    predicted, probabilities = model.predict(sequences), model.predict_proba(sequences)
    for sequence, tags, proba in zip(sequences, predicted, probabilities, strict=True):
        paths, scores = path_scores(model, sequence)
        if scheme is not None:
            names = model.classes_
            valid = [
                first_violation(scheme, names[list(p)].tolist()) is None for p in paths
            ]
            scores = np.where(valid, scores, -np.inf)
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        expected = np.zeros(proba.shape)
        for path, share in zip(paths, shares, strict=True):
            expected[np.arange(len(path)), list(path)] += share
        assert_allclose(proba, expected, rtol=1e-4, atol=1e-6)
        best = paths[int(scores.argmax())]
        assert tags == model.classes_[list(best)].tolist()


def test_probabilities_add_up_to_one(fitted, X):
    model = fitted(X)
    probabilities = model.predict_proba(X)
    assert probabilities.dtype == object
    assert probabilities.shape == (24,)
    for x, proba in zip(X, probabilities, strict=True):
        assert proba.dtype == np.float32
        assert proba.shape == (len(x), 3)
        assert (proba >= 0).all()
        assert_allclose(proba.sum(1), 1, rtol=1e-5)


def test_without_a_crf_the_most_probable_label_of_each_step_is_predicted(
    make_single, X, y
):
    model = make_single().fit(X, y)
    for tags, proba in zip(model.predict(X), model.predict_proba(X), strict=True):
        assert model.classes_[proba.argmax(1)].tolist() == tags


# --- weights -------------------------------------------------------------------------

# In one batch that holds everything, with nothing dropped, a weighted sequence and a
# repeated one give the same gradients.
EXACT = {"dropout": 0.0, "batch_size": 1000, "max_epochs": 10, "lr": 0.01}


def test_a_weight_of_k_equals_k_sequences_in_one_batch(make_tagger, numbers, rng):
    y, weights = label(numbers), rng.integers(1, 5, size=24)
    weighted = make_tagger(**EXACT).fit(numbers, y, sample_weight=weights)
    indices = np.repeat(np.arange(24), weights)
    several = make_tagger(**EXACT).fit(
        [numbers[i] for i in indices], [y[i] for i in indices]
    )
    plain = make_tagger(**EXACT).fit(numbers, y)
    expected = outputs(several, numbers)
    assert_allclose(outputs(weighted, numbers), expected, rtol=1e-3, atol=1e-4)
    assert np.abs(outputs(plain, numbers) - expected).max() > 3e-3


def test_a_weight_of_zero_equals_no_sequence_in_one_batch(make_tagger, numbers, rng):
    y, weights = label(numbers), (rng.random(24) < 0.5).astype(float)
    kept = np.flatnonzero(weights)
    weighted = make_tagger(**EXACT).fit(numbers, y, sample_weight=weights)
    fewer = make_tagger(**EXACT).fit([numbers[i] for i in kept], [y[i] for i in kept])
    expected = outputs(fewer, numbers)
    assert_allclose(outputs(weighted, numbers), expected, rtol=1e-3, atol=1e-4)


def test_equal_weights_are_no_weights(make_tagger, fitted, X, y):
    plain = fitted(X)
    equal = make_tagger().fit(X, y, sample_weight=np.full(24, 0.25))
    assert_allclose(outputs(equal, X), outputs(plain, X), rtol=1e-4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(23), "sample_weight"),
        (np.full(24, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.zeros(24), "at least one non-zero"),
    ],
)
def test_weights_that_make_no_sense_are_refused(make_tagger, X, y, weights, message):
    with pytest.raises(ValueError, match=message):
        make_tagger().fit(X, y, sample_weight=weights)


def test_weight_on_empty_sequences_alone_is_refused(make_tagger):
    with pytest.raises(ValueError, match="every training sequence has weight 0"):
        make_tagger().fit([[], ["a"]], [[], ["u"]], sample_weight=[1, 0])


def test_a_class_of_weight_k_equals_k_sequences_of_it(make_single, numbers):
    single = [x[:1] for x in numbers]
    y = [["u"], ["v"], ["w"]] * 8
    weighted = make_single(class_weight={"v": 3, "w": 0}, **EXACT).fit(single, y)
    times = [{"u": 1, "v": 3, "w": 0}[row[0]] for row in y]
    expected = make_single(**EXACT).fit(single, y, sample_weight=times)
    assert_allclose(outputs(weighted, numbers), outputs(expected, numbers), rtol=1e-4)
    plain = make_single(**EXACT).fit(single, y)
    assert np.abs(outputs(plain, single) - outputs(expected, single)).max() > 1e-2


def test_a_class_weighs_each_of_its_steps(make_tagger, numbers):
    # half of the steps of each sequence are 0 and weigh nothing
    y = [["u" if t % 2 else "v" for t in range(len(x))] for x in numbers]
    model = make_tagger(class_weight={"v": 0}, max_epochs=30, lr=0.05).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"u"}
    model = make_tagger(class_weight={"u": 0}, max_epochs=30, lr=0.05).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"v"}


@pytest.mark.parametrize("weight", [1.0, 3.0, 9.0])
def test_a_weight_multiplies_the_odds_of_its_class_at_each_step(make_tagger, weight):
    # nothing tells the steps apart: a quarter of them are "v", one in each sequence
    X = [np.zeros((4, 1))] * 32
    y = [["v" if t == i % 4 else "u" for t in range(4)] for i in range(32)]
    model = make_tagger(class_weight={"v": weight}, max_epochs=60, lr=0.03, dropout=0)
    probability = np.mean(model.fit(X, y).predict_proba(X[:1])[0][:, 1])
    if model.crf:  # the one "v" of a sequence is known, and only its place is not
        assert (probability > 0.2) if weight == 1 else (probability > 0.3)
    else:
        assert probability == pytest.approx(weight / (weight + 3), abs=0.05)


def test_going_on_takes_the_class_weights_of_the_day(make_crf, numbers, rng):
    y = [list(rng.choice(["u", "v"], len(x))) for x in numbers]
    model = make_crf(max_epochs=20, lr=0.05, warm_start=True).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"u", "v"}
    model.set_params(class_weight={"v": 1e-3}, max_epochs=40).fit(numbers, y)
    assert set(flat(model.predict(numbers))) == {"u"}


def test_balanced_classes_are_weighted_by_how_rare_their_steps_are(make_tagger, numbers):
    y = label(numbers, "uuuuuvw")
    counts = pd.Series(flat(y)).value_counts()
    weights = (len(flat(y)) / (3 * counts)).to_dict()
    balanced = make_tagger(class_weight="balanced").fit(numbers, y)
    expected = make_tagger(class_weight=weights).fit(numbers, y)
    assert_allclose(outputs(balanced, numbers), outputs(expected, numbers), rtol=1e-4)
    assert not np.allclose(
        outputs(make_tagger().fit(numbers, y), numbers),
        outputs(balanced, numbers),
        rtol=1e-4,
    )


def test_classes_and_sequences_are_weighted_together(make_single, numbers, rng):
    y, weights = label(numbers), rng.integers(1, 4, size=24)
    model = make_single(class_weight={"u": 4}, **EXACT)
    model.fit(numbers, y, sample_weight=weights)
    indices = np.repeat(np.arange(24), weights)
    expected = make_single(class_weight={"u": 4}, **EXACT).fit(
        [numbers[i] for i in indices], [y[i] for i in indices]
    )
    assert_allclose(
        outputs(model, numbers), outputs(expected, numbers), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"x": 2}, r"class_weight names \['x'\], which are not in classes"),
        ({"u": -1}, r"class_weight\['u'\] must be a number of at least 0"),
        ({"u": 0, "v": 0, "w": 0}, "every training sequence has weight 0"),
        ([{"u": 1}], "class_weight may be a list for several labels only"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(
    make_tagger, X, y, class_weight, message
):
    with pytest.raises(ValueError, match=message):
        make_tagger(class_weight=class_weight).fit(X, y)


@pytest.mark.parametrize("class_weight", ["balanced", {"u": 3.0}])
def test_validation_steps_are_weighted_too(make_tagger, numbers, class_weight):
    y = label(numbers)
    model = make_tagger(class_weight=class_weight, lr=1e-12, dropout=0.0)
    model.fit(numbers, y, X_val=numbers, y_val=y)
    history = model.history_
    assert_allclose(history["valid_loss"], history["train_loss"], rtol=1e-4)


def test_label_smoothing_works_without_a_crf(make_single, numbers):
    y = label(numbers)
    smooth = make_single(label_smoothing=0.3, **EXACT).fit(numbers, y)
    sharp = make_single(**EXACT).fit(numbers, y)
    assert smooth.history_["train_loss"].iloc[-1] != sharp.history_["train_loss"].iloc[-1]


# --- the same again ------------------------------------------------------------------


def test_the_same_random_state_gives_the_same_bits(make_tagger, X, y):
    first, second = (make_tagger(random_state=3).fit(X, y) for _ in range(2))
    assert_array_equal(outputs(first, X), outputs(second, X))
    assert_array_equal(first.history_["train_loss"], second.history_["train_loss"])
    other = make_tagger(random_state=4).fit(X, y)
    assert not np.allclose(outputs(first, X), outputs(other, X), rtol=1e-4)


def test_a_clone_learns_the_same(make_tagger, X, y):
    model = make_tagger(scheme=None).fit(X, y)
    cloned = clone(model)
    assert not hasattr(cloned, "net_")
    assert cloned.get_params() == model.get_params()
    assert_array_equal(outputs(cloned.fit(X, y), X), outputs(model, X))


def test_fit_again_forgets_what_was_learned(make_tagger, X, y, words):
    model = make_tagger().fit(X, y)
    expected = outputs(model, X)
    model.fit([["z"], *words], [["zz"], *label(words)])
    assert model.classes_.tolist() == ["u", "v", "w", "zz"]
    assert_array_equal(outputs(model.fit(X, y), X), expected)


def by_pickle(model, path):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, path):
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib")


def by_memory_map(model, path):
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib", mmap_mode="r")


def by_copy(model, path):
    return copy.deepcopy(model)


@pytest.mark.parametrize("way", [by_pickle, by_joblib, by_memory_map, by_copy])
def test_a_model_labels_the_same_after_its_return(make_tagger, way, tmp_path):
    strange = draw_words([5] * 20)
    model = make_tagger(scheme="IOB2").fit(PLACES, ENTITIES)
    back = way(model, tmp_path)
    assert_array_equal(outputs(back, strange), outputs(model, strange))
    assert back.predict(strange).tolist() == model.predict(strange).tolist()
    assert set(vars(back)) == set(vars(model))
    if model.crf:
        pd.testing.assert_frame_equal(back.transitions_, model.transitions_)
        assert np.isneginf(back.transitions_).any(axis=None)
    before = outputs(model, PLACES)
    back.partial_fit(PLACES, ENTITIES)
    assert not np.array_equal(outputs(back, PLACES), before)
    assert_array_equal(outputs(model, PLACES), before)


SCRIPT = """
import sys
import joblib
from sklearn.base import clone

results = []
for model, X, y in joblib.load(sys.argv[1]):
    again = clone(model).fit(X, y)
    for each in (model, again):
        results.append((each.predict(X), list(each.predict_proba(X))))
joblib.dump(results, sys.argv[2])
"""


def test_a_fresh_process_predicts_and_learns_the_same_bits(numbers, words, tmp_path):
    texts, strings = [" ".join(x) for x in words], [" ".join(y) for y in label(words)]
    cases = [
        (make(variant).fit(X, y), X, y)
        for variant, X, y in [
            ("recurrent", numbers, label(numbers)),
            ("recurrent-crf", texts, strings),
            ("window-crf", words, label(words)),
        ]
    ]
    joblib.dump(cases, tmp_path / "cases")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "cases", tmp_path / "results"],
        check=True,
        timeout=120,
    )
    results = joblib.load(tmp_path / "results")
    assert len(results) == 2 * len(cases) == 6
    for (model, X, _), results_of_one in zip(
        cases, zip(results[::2], results[1::2], strict=True), strict=True
    ):
        for predicted, probabilities in results_of_one:
            assert predicted.tolist() == model.predict(X).tolist()
            assert_array_equal(np.concatenate(probabilities), outputs(model, X))


# --- training that goes on -----------------------------------------------------------

STEADY = {"lr_schedule": "constant", "lr": 0.01}


def test_two_warm_fits_equal_one_of_as_many_epochs(make_tagger, X, y):
    whole = make_tagger(max_epochs=5, **STEADY).fit(X, y)
    model = make_tagger(max_epochs=2, warm_start=True, **STEADY).fit(X, y)
    model.set_params(max_epochs=3).fit(X, y)
    assert_array_equal(outputs(model, X), outputs(whole, X))
    assert len(model.history_) == 5


def test_calls_of_partial_fit_equal_epochs_at_a_constant_rate(make_tagger, X, y):
    whole = make_tagger(max_epochs=3, **STEADY).fit(X, y)
    model = make_tagger(lr=0.01)
    for _ in range(3):
        assert model.partial_fit(X, y) is model
    assert_array_equal(outputs(model, X), outputs(whole, X))


def test_partial_fit_fixes_the_classes_in_the_first_call(make_tagger, words):
    model = make_tagger().partial_fit(
        words[:2], [["b"] * len(x) for x in words[:2]], classes=["c", "b", "a"]
    )
    assert model.classes_.tolist() == ["a", "b", "c"]
    model.partial_fit(words[:2], [["a"] * len(x) for x in words[:2]])
    assert model.predict_proba(words)[0].shape == (1, 3)
    with pytest.raises(
        ValueError, match=r"y\[1\], step 0 is 'd', which is not in classes"
    ):
        model.partial_fit([["oak"], ["elm"]], [["a"], ["d"]])
    with pytest.raises(ValueError, match="is not the same as on the last call"):
        model.partial_fit([["oak"]], [["a"]], classes=["a", "b"])
    model.partial_fit([["oak"]], [["a"]], classes=["b", "a", "c"])


def test_partial_fit_takes_weights(make_tagger, numbers):
    y = label(numbers)
    weights = np.r_[np.ones(12), np.zeros(12)]
    params = {"batch_size": 24, "dropout": 0.0, "lr": 0.05}
    weighted = make_tagger(**params).partial_fit(numbers, y, sample_weight=weights)
    plain = make_tagger(**params).partial_fit(numbers, y)
    assert not np.allclose(outputs(weighted, numbers), outputs(plain, numbers), rtol=1e-3)


def test_balanced_classes_cannot_be_learned_in_parts(make_tagger, words, y_words):
    with pytest.raises(ValueError, match='class_weight="balanced" cannot be used in'):
        make_tagger(class_weight="balanced").partial_fit(words, y_words)


@pytest.mark.parametrize(("name", "value"), [("crf", None), ("scheme", "IOB2")])
def test_a_network_cannot_be_rebuilt_by_going_on(make_tagger, name, value):
    model = make_tagger(warm_start=True).fit(PLACES, ENTITIES)
    model.set_params(**{name: not model.crf if name == "crf" else value})
    with pytest.raises(ValueError, match=f"{name} was .* when the network was built"):
        model.fit(PLACES, ENTITIES)
    assert model.predict(PLACES).shape == (18,)  # as it was fitted


def test_predictions_do_not_follow_parameters_set_after_fit(make_tagger):
    X, y = ["oak elm", "elm", "ash, oak"] * 8, ["u v", "v", "u w v"] * 8
    model = make_tagger().fit(X, y)
    expected, predicted = outputs(model, X), model.predict(X).tolist()
    model.set_params(tokenizer="char", crf=not model.crf, scheme="IOB2")
    assert_array_equal(outputs(model, X), expected)
    assert model.predict(X).tolist() == predicted


# --- early stopping ------------------------------------------------------------------


def test_early_stopping_watches_the_entities(make_tagger):
    model = make_tagger(
        early_stopping=True,
        scoring=entity_f1_scorer,
        max_epochs=12,
        lr=0.1,
        lr_schedule="constant",
        validation_fraction=0.4,
        n_iter_no_change=30,
    ).fit(PLACES, ENTITIES)
    scores = model.history_["valid_score"].to_numpy()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert len(set(scores)) > 1


def test_early_stopping_keeps_the_epoch_of_the_best_score(make_tagger):
    held_out = PLACES[:3], ENTITIES[:3]
    model = make_tagger(
        scoring=entity_f1_scorer, max_epochs=12, lr=0.1, lr_schedule="constant"
    ).fit(PLACES[3:], ENTITIES[3:], X_val=held_out[0], y_val=held_out[1])
    best = model.history_["valid_score"].max()
    assert entity_f1_score(held_out[1], model.predict(held_out[0])) == best
    assert best > 0


def test_the_watched_loss_is_the_mean_over_steps(make_single, numbers):
    y = label(numbers)
    held_out = numbers[:9], y[:9]
    model = make_single(lr=1e-12).fit(numbers, y, X_val=held_out[0], y_val=held_out[1])
    proba = outputs(model, held_out[0])
    place = np.searchsorted(model.classes_, flat(held_out[1]))
    losses = -np.log(proba[np.arange(len(proba)), place])
    assert_allclose(model.history_["valid_loss"].iloc[-1], losses.mean(), rtol=1e-4)


@pytest.mark.parametrize("container", [list, object_array, pd.Series])
def test_a_part_of_any_container_is_held_out(make_tagger, words, y_words, container):
    model = make_tagger(early_stopping=True, scoring=step_accuracy_scorer)
    model.fit(container(words), container(y_words))
    assert model.history_["valid_score"].between(0, 1).all()


# --- inside scikit-learn -------------------------------------------------------------


def test_a_pipeline_scales_the_steps(make_tagger, numbers):
    y = label(numbers)
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), make_tagger())
    predicted = pipeline.fit(numbers, y).predict(numbers)
    scaled = StepwiseTransformer(StandardScaler()).fit_transform(numbers)
    expected = make_tagger().fit(scaled, y)
    assert predicted.tolist() == expected.predict(scaled).tolist()
    assert pipeline.score(numbers, y) == expected.score(scaled, y)


def test_a_pipeline_of_an_array_keeps_its_shape(make_tagger, cube, square_labels):
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), make_tagger())
    assert pipeline.fit(cube, square_labels).predict(cube).shape == (24, 5)


def test_a_grid_search_finds_what_it_should(make_tagger):
    search = GridSearchCV(
        make_tagger(max_epochs=15, dropout=0.0),
        {"lr": [1e-7, 0.05]},
        cv=2,
        scoring=entity_f1_scorer,
        error_score="raise",
    ).fit(PLACES, ENTITIES)
    assert search.best_params_ == {"lr": 0.05}
    assert search.best_score_ > 0.9
    assert search.predict(PLACES).tolist() == ENTITIES


@pytest.mark.parametrize("container", [object_array, pd.Series])
def test_a_search_goes_over_any_container(container):
    search = GridSearchCV(
        make("window"), {"lr": [0.01, 0.05]}, cv=2, scoring=entity_f1_scorer
    ).fit(container(PLACES), container(ENTITIES))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(container(PLACES)).shape == (18,)


def test_a_pipeline_is_searched_through(make_tagger, numbers):
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), make_tagger())
    name = pipeline.steps[-1][0]
    grid = {
        "stepwisetransformer__transformer__with_mean": [True, False],
        f"{name}__lr": [0.01, 0.1],
    }
    search = RandomizedSearchCV(
        pipeline, grid, n_iter=2, cv=2, random_state=0, error_score="raise"
    ).fit(numbers, label(numbers))
    assert set(search.best_params_) == set(grid)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
def test_two_workers_find_the_same_as_one():
    grid = {"lr": [0.001, 0.05]}
    searches = [
        GridSearchCV(
            make("recurrent-crf", max_epochs=6),
            grid,
            cv=2,
            n_jobs=n_jobs,
            scoring=entity_f1_scorer,
            error_score="raise",
        )
        for n_jobs in (1, 2)
    ]
    one, two = (search.fit(PLACES, ENTITIES) for search in searches)
    scores = one.cv_results_["mean_test_score"]
    assert_array_equal(scores, two.cv_results_["mean_test_score"])
    assert scores.max() > 0
    assert_array_equal(
        outputs(one.best_estimator_, PLACES), outputs(two.best_estimator_, PLACES)
    )


@pytest.mark.parametrize("strings", [False, True])
def test_cross_val_predict_puts_the_folds_together(make_tagger, words, y_words, strings):
    X, y = words, y_words
    if strings:
        X, y = [" ".join(x) for x in X], [" ".join(row) for row in y]
    predicted = cross_val_predict(make_tagger(), X, y, cv=3)
    assert predicted.shape == (24,)
    assert predicted.dtype == object
    model = make_tagger().fit(X[8:], y[8:])
    assert predicted[:8].tolist() == model.predict(X[:8]).tolist()


def test_cross_val_predict_of_an_array_gives_an_array(make_tagger, cube, square_labels):
    predicted = cross_val_predict(make_tagger(), cube, square_labels, cv=3)
    assert predicted.shape == (24, 5)


@pytest.mark.parametrize("scoring", [None, entity_f1_scorer, step_accuracy_scorer])
def test_folds_are_scored(make_tagger, scoring):
    scores = cross_val_score(
        make_tagger(),
        PLACES,
        ENTITIES,
        cv=3,
        scoring=scoring,
        params={"sample_weight": np.ones(18)},
        error_score="raise",
    )
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()


# --- learning ------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_neighbouring_words_are_used(variant):
    # whether "can" is a noun or a verb, the word before it tells
    X = [["the", "can"], ["we", "can", "see"], ["the", "sea"], ["we", "see"]] * 6
    y = [["D", "N"], ["P", "V", "V"], ["D", "N"], ["P", "V"]] * 6
    model = make(variant, max_epochs=25, lr=0.03, dropout=0.0).fit(X, y)
    assert model.predict(X).tolist() == y


def test_a_window_of_no_neighbours_sees_each_step_alone(numbers):
    model = make("window", context=0).fit(numbers, label(numbers))
    alone = [x[i : i + 1] for x in numbers for i in range(len(x))]
    assert_allclose(outputs(model, alone), outputs(model, numbers), rtol=1e-5, atol=1e-6)


def test_a_window_sees_no_farther_than_its_neighbours(rng):
    X = [rng.normal(size=(9, 2)) for _ in range(24)]
    model = make("window", context=2).fit(X, label(X))
    changed = X[0].copy()
    changed[8] += 100
    before, after = model.predict_proba([X[0]])[0], model.predict_proba([changed])[0]
    assert_array_equal(before[:6], after[:6])
    assert (before[6:] != after[6:]).any(1).all()


@pytest.mark.slow
def test_memory_is_learned_where_a_window_cannot_see_it():
    X, y = make_switches(
        300, min_steps=30, max_steps=60, rate=0.1, noise=0.1, random_state=0
    )
    train, test = slice(0, 240), slice(240, None)
    params = {"batch_size": 16, "dropout": 0.0, "random_state": 0}
    recurrent = SequenceTagger(
        hidden_size=8, bidirectional=False, crf=False, lr=0.1, max_epochs=25, **params
    )
    assert recurrent.fit(X[train], y[train]).score(X[test], y[test]) > 0.95
    for crf in (False, True):
        window = FeedForwardTagger(context=2, crf=crf, lr=0.02, max_epochs=8, **params)
        assert window.fit(X[train], y[train]).score(X[test], y[test]) < 0.65


def test_labels_that_leave_short_sequences_none_are_warned_of(make_crf):
    X, y = [["a", "b"], ["b", "c", "a"]] * 4, [["B-x", "E-x"], ["B-x", "I-x", "E-x"]] * 4
    with pytest.warns(UserWarning, match='neither "O" nor a tag for an entity of one'):
        make_crf(scheme="IOBES").fit(X, y)


def test_a_score_repairs_labels_as_fit_does(make_crf):
    X, y = [["a", "b", "c"]] * 8, [["I-x", "I-x", "O"]] * 8
    settings = {"scheme": "IOB2", "max_epochs": 30, "lr": 0.05}
    model = make_crf(invalid_tags="repair", **settings).fit(X, y)
    assert model.predict(X[:1])[0] == ["B-x", "I-x", "O"]
    assert model.score(X, y) == 1
    strict = make_crf(**settings).fit(X, model.predict(X).tolist())
    assert strict.score(X, y) == pytest.approx(2 / 3)
