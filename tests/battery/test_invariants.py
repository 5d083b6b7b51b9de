"""What holds for every estimator, whatever it learns (containers, batches, seeds)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier

from skrnn.data.ragged import object_array

# --- containers ----------------------------------------------------------------------

STACKED = {
    "3-D array": lambda X: X,
    "list of arrays": list,
    "tuple of arrays": tuple,
    "object array": lambda X: object_array(list(X)),
    "Series": lambda X: pd.Series(list(X), index=range(5, 5 + len(X))),
    "one-column frame": lambda X: pd.DataFrame({"sequence": list(X)}),
    "nested lists": lambda X: X.tolist(),
    "float64": lambda X: X.astype(np.float64),
    "Fortran order": np.asfortranarray,
    "steps of two dimensions": lambda X: X.reshape(*X.shape[:2], 2, 1),
}
UNIVARIATE = {
    "3-D array": lambda X: X[..., None],
    "list of 1-D arrays": list,
    "list of 2-D arrays": lambda X: list(X[..., None]),
    "2-D array": lambda X: X,
    "frame": pd.DataFrame,
    "nested lists": lambda X: X.tolist(),
    "Series of lists": lambda X: pd.Series(X.tolist()),
    "object array": lambda X: object_array(list(X)),
    "read-only array": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
}
TOKENS = {
    "lists": lambda X: [row.tolist() for row in X],
    "tuples": lambda X: [tuple(row) for row in X],
    "ndarray rows": list,
    "2-D str array": lambda X: X,
    "2-D object array": lambda X: X.astype(object),
    "object array of lists": lambda X: object_array([row.tolist() for row in X]),
    "Series of lists": lambda X: pd.Series([row.tolist() for row in X]),
    "strings": lambda X: [" ".join(row) for row in X],
    "array of strings": lambda X: np.array([" ".join(row) for row in X]),
    "object array of strings": lambda X: object_array([" ".join(row) for row in X]),
    "Series of strings": lambda X: pd.Series([" ".join(row) for row in X]),
    "one-column frame of strings": lambda X: pd.DataFrame(
        {"text": [" ".join(row) for row in X]}
    ),
}
INTEGERS = {
    "lists": lambda X: X.tolist(),
    "2-D array": lambda X: X,
    "int32": lambda X: X.astype(np.int32),
    "Series of arrays": lambda X: pd.Series(list(X)),
    "frame": pd.DataFrame,
}


@pytest.fixture(scope="module")
def cube():
    return np.random.default_rng(1).normal(size=(24, 5, 2)).astype(np.float32)


@pytest.mark.parametrize("container", STACKED)
def test_sequences_of_several_features_mean_the_same_in_every_container(
    make_estimator, cube, y, outputs, container
):
    model = make_estimator().fit(cube, y)
    expected = outputs(model, cube)
    X = STACKED[container](cube)
    assert_array_equal(outputs(model, X), expected)
    assert_array_equal(outputs(make_estimator().fit(X, y), cube), expected)


@pytest.mark.parametrize("container", UNIVARIATE)
def test_univariate_sequences_mean_the_same_in_every_container(
    make_estimator, cube, y, outputs, container
):
    square = cube[:, :, 0].copy()
    model = make_estimator().fit(list(square), y)
    expected = outputs(model, list(square))
    X = UNIVARIATE[container](square)
    assert_array_equal(outputs(model, X), expected)
    assert_array_equal(outputs(make_estimator().fit(X, y), list(square)), expected)


def test_a_frame_with_names_means_the_same_as_its_values(
    make_estimator, cube, y, outputs
):
    frame = pd.DataFrame(cube[:, :, 0], columns=list("abcde"))
    expected = outputs(make_estimator().fit(cube[:, :, 0], y), cube[:, :, 0])
    model = make_estimator().fit(frame, y)
    assert_array_equal(outputs(model, frame), expected)
    assert_array_equal(outputs(model, list(cube[:, :, 0])), expected)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert_array_equal(outputs(model, cube[:, :, 0]), expected)


@pytest.mark.parametrize("container", TOKENS)
def test_tokens_mean_the_same_in_every_container(
    make_estimator, rng, y, outputs, container
):
    trees = np.array(["oak", "elm", "ash", "yew"])[rng.integers(4, size=(24, 3))]
    lists = TOKENS["lists"](trees)
    model = make_estimator().fit(lists, y)
    expected = outputs(model, lists)
    X = TOKENS[container](trees)
    assert_array_equal(outputs(model, X), expected)
    assert_array_equal(outputs(make_estimator().fit(X, y), lists), expected)


@pytest.mark.parametrize("container", INTEGERS)
def test_integers_are_looked_up_as_tokens_in_every_container(
    make_estimator, rng, y, outputs, container
):
    ids = rng.integers(100, 104, size=(24, 3))
    model = make_estimator(input_type="tokens").fit(ids.tolist(), y)
    assert set(model.vocabulary_) == {100, 101, 102, 103}
    expected = outputs(model, ids.tolist())
    X = INTEGERS[container](ids)
    assert_array_equal(outputs(model, X), expected)
    refitted = make_estimator(input_type="tokens").fit(X, y)
    assert_array_equal(outputs(refitted, ids.tolist()), expected)


@pytest.mark.parametrize("container", [list, tuple, pd.Series, np.array])
def test_targets_mean_the_same_in_every_container(
    make_estimator, numbers, y, outputs, container
):
    expected = outputs(make_estimator().fit(numbers, y), numbers)
    model = make_estimator().fit(numbers, container(y))
    assert_array_equal(outputs(model, numbers), expected)


def test_the_index_of_a_series_does_not_matter(make_estimator, X, y, outputs):
    expected = outputs(make_estimator().fit(X, y), X)
    model = make_estimator().fit(pd.Series(X, index=range(100, 124)), pd.Series(y))
    assert_array_equal(outputs(model, pd.Series(X, index=range(24)[::-1])), expected)


# --- alone, in any batch, in any order -----------------------------------------------


def test_a_sequence_is_predicted_alone_as_in_company(make_estimator, X, y, outputs):
    model = make_estimator().fit(X, y)
    together = outputs(model, X)
    alone = np.concatenate([outputs(model, [sequence]) for sequence in X])
    assert_allclose(alone, together, rtol=1e-5, atol=1e-6)


def test_the_order_of_the_sequences_changes_no_bit(make_estimator, X, y, outputs, rng):
    model = make_estimator().fit(X, y)
    order = rng.permutation(len(X))
    assert_array_equal(outputs(model, [X[i] for i in order]), outputs(model, X)[order])


def test_the_order_of_more_sequences_than_one_batch_holds_changes_no_bit(
    make_estimator, numbers, y, outputs, rng
):
    model = make_estimator().fit(numbers, y)
    many = [rng.normal(size=(n, 3)) for n in rng.integers(1, 7, size=700)]
    order = rng.permutation(len(many))
    expected = outputs(model, many)[order]
    assert_array_equal(outputs(model, [many[i] for i in order]), expected)


def test_the_order_of_unseen_words_changes_no_bit(make_estimator, words, y, outputs, rng):
    model = make_estimator().fit(words, y)
    letters = np.array(list("oakelmsh"))
    unseen = [["".join(letters[rng.integers(8, size=5)])] for _ in range(600)]
    order = rng.permutation(len(unseen))
    expected = outputs(model, unseen)[order]
    assert_array_equal(outputs(model, [unseen[i] for i in order]), expected)


def test_equal_sequences_get_equal_predictions(make_estimator, X, y, outputs):
    model = make_estimator().fit(X, y)
    predicted = outputs(model, [X[3], X[0], X[3], X[1], X[3]])
    assert_allclose(predicted[[2, 4]], predicted[[0, 0]], rtol=1e-6, atol=1e-7)


def test_lengths_never_seen_in_training_are_predicted(make_estimator, X, y, outputs):
    short = [sequence[:2] for sequence in X]
    model = make_estimator().fit(short, y)
    long = [list(sequence) * 20 for sequence in X]
    predicted = outputs(model, [*long, *X])
    assert np.isfinite(predicted).all()
    assert_allclose(predicted[24:], outputs(model, X), rtol=1e-5, atol=1e-6)


def test_sequences_of_length_one_are_enough(make_estimator, X, y, outputs):
    single = [sequence[:1] for sequence in X]
    model = make_estimator().fit(single, y)
    assert_allclose(
        outputs(model, X[:3] + single)[3:], outputs(model, single), rtol=1e-5, atol=1e-6
    )


def test_one_sequence_is_enough_to_fit(make_estimator, X, y, outputs):
    model = make_estimator().fit(X[:1], y[:1])
    assert len(outputs(model, X)) == len(X)
    if is_classifier(model):
        assert_array_equal(model.predict(X), [y[0]] * len(X))


# --- tokens never seen ---------------------------------------------------------------


@pytest.mark.parametrize("char_encoder", [None, "cnn", "ngrams"])
def test_unseen_tokens_and_characters_are_no_error(
    make_estimator, words, y, outputs, char_encoder
):
    model = make_estimator(char_encoder=char_encoder).fit(words, y)
    predicted = outputs(model, [["§ẞ", "日本"], ["sequoia"], ["oak", "🌳"], [""]])
    assert np.isfinite(predicted).all()


def test_without_spelling_all_unseen_tokens_are_one(make_estimator, words, y, outputs):
    model = make_estimator(char_encoder=None).fit(words, y)
    first, second = outputs(model, [["sequoia", "oak"], ["baobab", "oak"]])
    assert_allclose(first, second, rtol=1e-6)


@pytest.mark.parametrize("char_encoder", ["cnn", "ngrams"])
def test_with_spelling_unseen_words_differ(
    make_estimator, words, y, outputs, char_encoder
):
    model = make_estimator(char_encoder=char_encoder).fit(words, y)
    first, second = outputs(model, [["elms", "oak"], ["oaks", "oak"]])
    assert not np.allclose(first, second, rtol=1e-6)


# --- the same again ------------------------------------------------------------------


def test_the_same_random_state_gives_the_same_bits(make_estimator, X, y, outputs):
    first, second = (make_estimator(random_state=3).fit(X, y) for _ in range(2))
    assert_array_equal(outputs(first, X), outputs(second, X))
    assert_array_equal(first.history_["train_loss"], second.history_["train_loss"])


def test_another_random_state_gives_another_network(make_estimator, X, y, outputs):
    first, second = (make_estimator(random_state=seed).fit(X, y) for seed in (3, 4))
    assert not np.allclose(outputs(first, X), outputs(second, X), rtol=1e-4)


def test_a_random_state_object_moves_on(make_estimator, X, y, outputs):
    state = np.random.RandomState(0)
    model = make_estimator(random_state=state)
    first, second = (outputs(model.fit(X, y), X) for _ in range(2))
    assert not np.allclose(first, second, rtol=1e-4)


def test_without_random_state_numpys_global_seed_decides(make_estimator, X, y, outputs):
    state = np.random.get_state()
    try:
        np.random.seed(5)
        first = outputs(make_estimator(random_state=None).fit(X, y), X)
        other = outputs(make_estimator(random_state=None).fit(X, y), X)
        np.random.seed(5)
        again = outputs(make_estimator(random_state=None).fit(X, y), X)
    finally:
        np.random.set_state(state)
    assert_array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-4)


def test_fit_again_forgets_what_was_learned(make_estimator, X, y, outputs):
    model = make_estimator().fit(X, y)
    expected = outputs(model, X)
    model.fit(X[::-1], y)
    assert_array_equal(outputs(model.fit(X, y), X), expected)


def test_a_fit_on_tokens_forgets_one_on_frames(make_estimator, words, cube, y):
    frame = pd.DataFrame(cube[:, :, 0], columns=list("abcde"))
    model = make_estimator().fit(frame, y)
    assert model.feature_names_in_.tolist() == list("abcde")
    model.fit(words, y)
    assert not hasattr(model, "feature_names_in_")
    assert not hasattr(model, "n_features_in_")
    assert set(model.vocabulary_) == {"oak", "elm", "ash", "yew", "fir", "may"}
    model.fit(frame, y)
    assert not hasattr(model, "vocabulary_")
    assert model.n_features_in_ == 5


def test_a_clone_learns_the_same(make_estimator, X, y, outputs):
    model = make_estimator().fit(X, y)
    cloned = clone(model)
    assert not hasattr(cloned, "net_")
    assert_array_equal(outputs(cloned.fit(X, y), X), outputs(model, X))


def test_predicting_changes_nothing(make_estimator, X, y, outputs):
    model = make_estimator().fit(X, y)
    weights = {k: v.clone() for k, v in model.net_.module_.state_dict().items()}
    first = outputs(model, X)
    assert_array_equal(outputs(model, X), first)
    for name, weight in model.net_.module_.state_dict().items():
        assert_array_equal(weight, weights[name])
