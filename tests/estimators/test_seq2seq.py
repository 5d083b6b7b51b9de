"""Seq2SeqTransformer: targets, the search, attention, and what it learns."""

from __future__ import annotations

import copy
import pickle
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrnn import Seq2SeqTransformer, SequenceClassifier
from skrnn.data.ragged import object_array
from skrnn.estimators._resuming import open_checkpoints
from skrnn.generation.beam import beam_search
from skrnn.metrics import (
    bleu_score,
    chrf_score,
    exact_match_score,
    exact_match_scorer,
    token_error_rate,
    token_error_rate_scorer,
)
from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.networks import TranslationNetwork
from skrnn.training import generation

SMALL = {
    "hidden_size": 6,
    "embedding_dim": 6,
    "batch_size": 13,
    "max_epochs": 2,
    "lr": 0.02,
    "dropout": 0.0,
    "random_state": 0,
}
EVERY_ATTENTION = pytest.mark.parametrize("attention", [*ATTENTIONS, None])


#: Enough to tell the sources of these tests apart.
LEARNS = {"max_epochs": 20, "lr": 0.05, "hidden_size": 8}


def make(**params):
    return Seq2SeqTransformer(**(SMALL | params))


def make_char(**params):
    return make(**({"tokenizer": "char", "target_tokenizer": "char"} | params))


def copied(model, **params):
    """Return a fitted model with other parameters."""
    return copy.deepcopy(model).set_params(**params)


@pytest.fixture(scope="module")
def X():
    """Return strings of one to six letters."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcd"))
    return ["".join(letters[rng.integers(4, size=n)]) for n in [1, 6, *[2, 3, 4, 5] * 6]]


@pytest.fixture(scope="module")
def y(X):
    """Return the letters backwards, each of the first kind doubled."""
    return [text[::-1].replace("a", "aa") for text in X]


@pytest.fixture(scope="module")
def words(X):
    return [list(text) for text in X]


@pytest.fixture(scope="module")
def fitted(X, y):
    """Return a model that has learned enough to tell sources apart; not to be changed."""
    return make_char(**LEARNS).fit(X, y)


def searched(model, X):
    """Return the best targets of each source, and their log-probabilities."""
    targets, log_probabilities = model.predict_n_best(X, model.beam_size)
    return targets.tolist(), log_probabilities


def assert_same(model, other, X, other_X=None):
    """Assert that both find the same targets, with the same bits."""
    first, second = searched(model, X), searched(other, X if other_X is None else other_X)
    assert first[0] == second[0]
    assert_array_equal(first[1], second[1])


# --- the form of targets ---------------------------------------------------------------

STRINGS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "object array": object_array,
    "Series": lambda X: pd.Series(X, index=range(50, 50 + len(X))),
    "one-column frame": lambda X: pd.DataFrame({"text": X}),
}
LISTS = {
    "lists": lambda X: [list(text) for text in X],
    "tuples": lambda X: [tuple(text) for text in X],
    "object array of lists": lambda X: object_array([list(text) for text in X]),
    "Series of lists": lambda X: pd.Series([list(text) for text in X]),
    "one-column frame of lists": lambda X: pd.DataFrame({"t": [list(t) for t in X]}),
}


CONTAINERS = STRINGS | LISTS


@pytest.fixture(scope="module")
def plain(X, y):
    return make_char(lr=0.05, max_epochs=14).fit(X, y)


@pytest.mark.parametrize("container", CONTAINERS)
def test_targets_have_the_form_in_which_they_were_given(X, y, plain, container):
    targets = CONTAINERS[container](y)
    model = make_char(lr=0.05, max_epochs=14).fit(X, targets)
    found, expected = model.transform(X), plain.transform(X).tolist()
    assert len(set(expected)) > 1
    assert found.shape == (26,)
    assert found.dtype == object
    if container in LISTS:
        expected = [list(target) for target in expected]
    assert found.tolist() == expected
    assert set(map(type, found)) == {type(expected[0])}
    best, _ = model.predict_n_best(X, 1)
    assert [row[0] for row in best] == expected
    assert model.score(X, targets) == plain.score(X, y)


def test_a_fitted_model_generates_several_targets(fitted, X):
    assert len(set(fitted.transform(X))) > 10


def test_tokens_that_are_no_strings_keep_their_type(X, words):
    places = [["abcd".index(letter) for letter in row] for row in words]
    model = make(tokenizer="char", **LEARNS).fit(X, places)
    found = [token for row in model.transform(X) for token in row]
    assert found
    assert set(map(type, found)) == {int}
    assert set(model.target_vocabulary_) == {0, 1, 2, 3}


def test_words_are_joined_with_their_punctuation():
    X, y = ["a", "b"] * 10, ["Yes, of course!", "No (never)."] * 10
    model = make(**LEARNS | {"max_epochs": 40}).fit(X, y)
    assert model.transform(["a", "b"]).tolist() == y[:2]


@pytest.mark.parametrize(
    "y",
    [["🙂👍🏽", "שלום"] * 10, ["مرحبا", "éé"] * 10, ["👩‍👩‍👧", "\u200fאב"] * 10],
)
def test_emoji_and_right_to_left_text_come_back(y):
    model = make_char(**LEARNS | {"max_epochs": 40}).fit(["a", "b"] * 10, y)
    composed = [unicodedata.normalize("NFC", text) for text in y]
    assert model.transform(["a", "b"]).tolist() == composed[:2]
    swapped = make_char(**LEARNS | {"max_epochs": 40}).fit(y, ["a", "b"] * 10)
    assert swapped.transform(y[:2]).tolist() == ["a", "b"]


def test_a_callable_splits_and_spaces_join():
    X, y = ["a-b", "b-c"] * 10, ["1|2", "2|2|3"] * 10
    model = make(tokenizer=split_at_dashes, target_tokenizer=split_at_bars, **LEARNS).fit(
        X, y
    )
    assert set(model.vocabulary_) == {"a", "b", "c"}
    assert model.transform(X[:2]).tolist() == ["1 2", "2 2 3"]


def split_at_dashes(text):
    return text.split("-")


def split_at_bars(text):
    return text.split("|")


# --- alone, in any batch, in any order -----------------------------------------------


@EVERY_ATTENTION
def test_targets_are_generated_alone_as_in_a_batch(X, y, attention):
    model = make_char(attention=attention, lr=0.05, max_epochs=6).fit(X, y)
    together = searched(model, X)
    for i, source in enumerate(X[:9]):
        targets, log_probabilities = searched(model, [source])
        assert targets[0] == together[0][i]
        assert_allclose(log_probabilities[0], together[1][i], rtol=1e-4)


@EVERY_ATTENTION
def test_the_order_of_the_sources_changes_no_bit(X, y, attention, rng):
    model = make_char(attention=attention).fit(X, y)
    # equal ones may change places, and with them the last bit
    many = list({X[i] + X[k] for i, k in rng.integers(26, size=(400, 2))})
    order = rng.permutation(len(many))
    targets, log_probabilities = searched(model, many)
    found = searched(model, [many[i] for i in order])
    assert found[0] == [targets[i] for i in order]
    assert_array_equal(found[1], log_probabilities[order])


def test_parts_of_a_search_change_nothing(fitted, X, monkeypatch):
    expected = searched(fitted, X)
    monkeypatch.setattr("skrnn.estimators._seq2seq.MAX_SCORES", 100)  # a few at once
    found = searched(fitted, X)
    assert found[0] == expected[0]
    assert_allclose(found[1], expected[1], rtol=1e-4)


# --- the same again ------------------------------------------------------------------


def test_tied_weights_are_fewer(X, y):
    free, tied = (make_char(tie_weights=tie).fit(X, y) for tie in (False, True))
    assert tied.n_parameters_ < free.n_parameters_


def test_fitting_and_transforming_at_once_is_the_same(X, y):
    expected = make_char().fit(X, y).transform(X).tolist()
    assert make_char().fit_transform(X, y).tolist() == expected


# --- sources that training has not seen ----------------------------------------------


def test_one_token_becomes_a_sequence():
    names = {"cat": "felis", "dog": "canis", "bee": "apis"}
    X, y = list(names) * 8, list(names.values()) * 8
    model = make(target_tokenizer="char", **LEARNS).fit(X, y)
    assert model.transform(list(names)).tolist() == list(names.values())


def test_one_vector_becomes_a_sequence():
    X, y = np.repeat(np.eye(2)[:, None], 10, axis=0), ["one"] * 10 + ["zero"] * 10
    model = make_char(**LEARNS).fit(X, y)
    assert model.transform(np.eye(2)[:, None]).tolist() == ["one", "zero"]


@pytest.mark.parametrize("beam_size", [1, 5])
@EVERY_ATTENTION
def test_generation_ends_for_a_source_ten_times_longer_than_any_in_training(
    X, y, attention, beam_size
):
    model = make_char(attention=attention, beam_size=beam_size).fit(X, y)
    longest = max(map(len, y))
    targets = model.transform(["abcd" * 15, "ab"])
    assert len(targets[0]) <= 10 * longest
    assert len(targets[1]) <= longest


@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_target_is_longer_than_allowed(X, y, beam_size):
    model = make_char(beam_size=beam_size).fit(X, y)
    model.net_.module_.head.bias.data[-1] = -100.0  # it never wants to end
    for max_length in (1, 3):
        model.set_params(max_length=max_length)
        assert set(map(len, model.transform(X))) == {max_length}
    model.set_params(max_length="auto")
    # in proportion to the source where that is longer than any in training
    longest = max(map(len, y))
    found = model.transform(["ab", "abcdab" * 3])
    assert list(map(len, found)) == [longest, 3 * longest]


# --- searching -----------------------------------------------------------------------


def test_the_search_may_be_changed_after_fit(fitted, X, y):
    model = copied(fitted, beam_size=8)
    wide, wide_p = model.predict_n_best(X, 8)
    assert wide_p.shape == (26, 8)
    assert {len(row) for row in wide} == {8}
    greedy = copied(fitted, beam_size=1).predict_n_best(X, 1)[1]
    assert (greedy[:, 0] <= wide_p[:, 0] + 1e-4).all()
    assert (greedy[:, 0] < wide_p[:, 0] - 1e-3).any()
    short = copied(fitted, max_length=2).transform(X)
    assert max(map(len, short)) == 2
    lengths = [
        sum(map(len, copied(fitted, beam_size=8, length_penalty=a).transform(X)))
        for a in (0.0, 3.0)
    ]
    assert lengths[1] > lengths[0]


@pytest.mark.parametrize("length_penalty", [0.0, 1.5])
def test_the_n_best_are_sorted_and_as_probable_as_they_say(fitted, X, length_penalty):
    model = copied(fitted, length_penalty=length_penalty)
    targets, log_probabilities = model.predict_n_best(X, 4)
    assert targets.shape == (26,)
    assert log_probabilities.shape == (26, 4)
    assert log_probabilities.dtype == np.float64
    assert model.transform(X).tolist() == [row[0] for row in targets]
    for row, found in zip(targets, log_probabilities, strict=True):
        norms = [((len(t) + 6) / 6) ** length_penalty for t in row]
        assert (np.diff(found / norms) <= 1e-9).all()
        assert len(set(row)) == 4
    flat = [target for row in targets for target in row]
    sources = [source for source in X for _ in range(4)]
    expected = model.log_likelihood(sources, flat).reshape(26, 4)
    assert_allclose(log_probabilities, expected, rtol=1e-4)


def test_the_most_probable_of_all_targets_is_found(fitted, X):
    model = copied(fitted, max_length=2, beam_size=25, length_penalty=0)
    letters = list(model.target_vocabulary_)
    every = [*letters, *(a + b for a in letters for b in letters)]
    targets, log_probabilities = model.predict_n_best(X[:5], 20)
    for source, row, found in zip(X, targets, log_probabilities, strict=False):
        expected = model.log_likelihood([source] * 20, every)
        assert_allclose(found, np.sort(expected)[::-1], rtol=1e-4)
        assert set(row) == set(every)


def test_where_fewer_targets_exist_the_rest_has_no_probability():
    X, y = ["a", "aa", "aaa"] * 4, ["b", "bb", ""] * 4
    model = make_char(max_length=2, beam_size=6).fit(X, y)
    targets, log_probabilities = model.predict_n_best(["a", "aa"], 6)
    assert [sorted(row) for row in targets] == [["", "b", "bb"]] * 2
    assert np.isneginf(log_probabilities[:, 3:]).all()
    assert np.isfinite(log_probabilities[:, :3]).all()


@pytest.mark.parametrize("beam_size", [1, 5])
def test_an_empty_target_is_generated_only_if_training_has_one(X, y, beam_size):
    model = make_char(beam_size=beam_size).fit(X, y)
    before = model.log_likelihood(X[:2], ["", "a"])
    model.net_.module_.head.bias.data[-1] = 100.0  # it wants to end at once
    assert set(map(len, model.transform(X))) == {1}
    assert all(all(row) for row in model.predict_n_best(X, beam_size)[0])
    assert model.log_likelihood(X[:2], ["", "a"])[0] == pytest.approx(0, abs=1e-6)
    assert before[0] < -0.1
    model.partial_fit(X[:3], ["", *y[1:3]])
    model.net_.module_.head.bias.data[-1] = 100.0
    assert set(model.transform(X)) == {""}
    model.partial_fit(X, y)  # what was seen once stays possible
    model.net_.module_.head.bias.data[-1] = 100.0
    assert set(model.transform(X)) == {""}


def test_a_search_keeps_no_more_targets_than_requested(fitted, X, monkeypatch):
    asked = []

    def spy(*args, **options):
        asked.append((options["beam_size"], options["n_best"]))
        return beam_search(*args, **options)

    monkeypatch.setattr("skrnn.estimators._seq2seq.beam_search", spy)
    fitted.transform(X)
    fitted.predict_n_best(X, 2)
    assert set(asked) == {(5, 1), (5, 2)}


def test_likelihoods_are_probabilities(fitted, X, y):
    found = fitted.log_likelihood(X, y)
    assert found.shape == (26,)
    assert found.dtype == np.float64
    assert (found < 0).all()
    order = np.argsort(X)
    shuffled = fitted.log_likelihood([X[i] for i in order], [y[i] for i in order])
    assert_allclose(shuffled, found[order], rtol=1e-5)
    first = [fitted.log_likelihood([x], [t])[0] for x, t in zip(X, y, strict=True)]
    assert_allclose(first, found, rtol=1e-4)
    # the same whether as strings or as lists, and unseen tokens are one
    assert_array_equal(fitted.log_likelihood(X, [list(t) for t in y]), found)
    unseen = fitted.log_likelihood(["ab", "ab"], ["z", "日"])
    assert unseen[0] == pytest.approx(unseen[1])
    assert np.isfinite(unseen).all()


# --- sampling ------------------------------------------------------------------------


@EVERY_ATTENTION
def test_samples_have_the_frequencies_of_their_likelihoods(attention):
    sources, targets = ["a", "ab", "b"] * 8, ["u", "", "vu"] * 8
    model = make_char(attention=attention, max_length=3, max_epochs=8)
    model.fit(sources, targets)
    model.net_.module_.head.bias.data[:2] = -1e9  # no share for padding and unknown
    n = 4000
    found = model.sample(["ab", "b"], n, random_state=0)
    short = ["", "u", "v", "uu", "uv", "vu", "vv"]
    for source, row in zip(["ab", "b"], found, strict=True):
        expected = np.exp(model.log_likelihood([source] * 7, short))
        assert_allclose([row.count(t) / n for t in short], expected, atol=0.025)
        longest = [target for target in row if len(target) == 3]  # cut there
        assert len(longest) / n == pytest.approx(1 - expected.sum(), abs=0.025)
    assert max(expected) > 0.1


def test_greedy_samples_are_the_predictions_of_a_beam_of_one(fitted, X):
    expected = copied(fitted, beam_size=1).transform(X).tolist()
    for how in ({"temperature": 0}, {"temperature": 1e-9}, {"top_k": 1}, {"top_p": 1e-9}):
        found = fitted.sample(X, 2, random_state=0, **how)
        assert found.tolist() == [[target] * 2 for target in expected]


def test_top_k_and_top_p_leave_improbable_tokens_out(fitted, X):
    model = copied(fitted, max_length=1)
    letters = [*model.target_vocabulary_]
    likelihoods = np.stack([model.log_likelihood(X, [c] * 26) for c in letters], axis=1)
    firsts = model.sample(X, 200, random_state=0, temperature=5.0, top_k=2)
    # the first token of a target is not its end: training has no empty one
    for row, log_likelihood in zip(firsts, likelihoods, strict=True):
        assert len(set(row)) == 2
        assert set(row) <= {letters[i] for i in np.argsort(log_likelihood)[-3:]}
    wide, narrow = (
        sum(len(set(row)) for row in model.sample(X, 200, random_state=0, top_p=top_p))
        for top_p in (1.0, 0.5)
    )
    assert narrow < wide


def test_samples_have_the_lengths_that_predictions_may_have(fitted, X, y):
    model = copied(fitted)
    model.net_.module_.head.bias.data[-1] = -100.0  # it never wants to end
    longest = max(map(len, y))
    (long, short) = model.sample(["abcdab" * 3, "ab"], 2, random_state=0)
    assert [len(target) for target in short] == [longest] * 2
    assert [len(target) for target in long] == [3 * longest] * 2
    model.set_params(max_length=2)
    assert {len(t) for row in model.sample(X, 2, random_state=0) for t in row} == {2}
    model.net_.module_.head.bias.data[-1] = 100.0  # it wants to end at once
    assert {len(t) for row in model.sample(X, 2, random_state=0) for t in row} == {1}
    model.partial_fit(X[:3], ["", *y[1:3]])
    model.net_.module_.head.bias.data[-1] = 100.0
    assert model.sample(X[:2], 2, random_state=0).tolist() == [[""] * 2] * 2


def test_the_unknown_token_is_never_sampled(X, y):
    model = make_char(target_max_vocabulary=2).fit(X, y)
    model.net_.module_.head.bias.data[:2] = 50.0
    found = model.sample(X, 20, random_state=0)
    assert {c for row in found for t in row for c in t} == set(model.target_vocabulary_)


def test_samples_have_the_form_of_y(X, y):
    for targets, kind in ((y, str), ([list(t) for t in y], list)):
        model = make_char(max_epochs=1).fit(X, targets)
        found = model.sample(X[:2])
        assert [len(row) for row in found] == [1, 1]
        assert {type(target) for row in found for target in row} == {kind}


def test_long_sources_are_sampled_in_smaller_parts(fitted, X, monkeypatch):
    expected = fitted.sample(X, 5, random_state=0).tolist()
    for device in ("cpu", "cuda"):
        monkeypatch.setitem(generation.MAX_MEMORY_STEPS, device, 20)
    sizes = []
    step = TranslationNetwork.step

    def spy(network, tokens, state):
        sizes.append(len(tokens))
        return step(network, tokens, state)

    monkeypatch.setattr(TranslationNetwork, "step", spy)
    assert fitted.sample(X, 5, random_state=0).tolist() == expected
    assert max(sizes) == 20 // 6  # the longest source has 6 steps


def test_samples_depend_on_a_fit_and_on_a_sound_max_length(fitted, X):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        make_char().sample(X)
    with pytest.raises(ValueError, match="'max_length' parameter"):
        copied(fitted, max_length=0).sample(X)


# --- attention -----------------------------------------------------------------------


@pytest.mark.parametrize("attention", list(ATTENTIONS))
@pytest.mark.parametrize("beam_size", [1, 5])
def test_attention_has_a_row_for_each_token_and_a_column_for_each_step(
    X, y, attention, beam_size
):
    model = make_char(attention=attention, beam_size=beam_size, **LEARNS).fit(X, y)
    targets, rows = model.transform(X), model.predict_attention(X)
    assert rows.shape == (26,)
    assert rows.dtype == object
    assert sum(map(len, rows)) > 26
    for source, target, weights in zip(X, targets, rows, strict=True):
        assert weights.shape == (len(target), len(source))
        assert weights.dtype == np.float32
        assert_allclose(weights.sum(1), 1, rtol=1e-5)
    alone = model.predict_attention(X[1:2])[0]
    assert_allclose(alone, rows[1], rtol=1e-3, atol=1e-5)
    order = np.arange(26)[::-1]
    backwards = model.predict_attention([X[i] for i in order])
    for i, weights in zip(order, backwards, strict=True):
        assert_array_equal(weights, rows[i])


def test_attention_needs_an_attention(X, y):
    model = make_char(attention=None).fit(X, y)
    with pytest.raises(ValueError, match="predict_attention needs a fit with an attent"):
        model.set_params(attention="additive").predict_attention(X)


# --- scores, resumed training, stopping ---------------------------------------------


def test_the_score_is_one_less_the_token_error_rate(fitted, X, y):
    rate = token_error_rate(list(map(list, y)), list(map(list, fitted.transform(X))))
    assert 0 < rate < 1
    score = fitted.score(X, y)
    assert type(score) is float
    assert score == pytest.approx(1 - rate)
    weight = np.arange(26.0)
    rate = token_error_rate(
        list(map(list, y)), list(map(list, fitted.transform(X))), sample_weight=weight
    )
    assert fitted.score(X, y, sample_weight=weight) == pytest.approx(1 - rate)


def test_targets_are_read_as_in_fit_whatever_the_parameters_say_now(fitted, X, y, words):
    model = copied(fitted, target_tokenizer="word")
    assert model.score(X, y) == fitted.score(X, y)
    assert_array_equal(model.log_likelihood(X, y), fitted.log_likelihood(X, y))
    places = [["abcd".index(letter) for letter in row] for row in words]
    model = make(tokenizer="char").fit(X, places)
    rate = token_error_rate(places, model.transform(X))
    assert model.score(X, places) == pytest.approx(1 - rate)


@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_resumed_training_with_longer_targets_allows_longer_ones(X, y, way):
    model = make_char(warm_start=way == "warm_start").fit(X, y)
    warm = model.partial_fit if way == "partial_fit" else model.fit
    longest = max(map(len, y))
    for targets, expected in [(["a" * 30, "b"], 30), (["ab", "b"], 30)]:
        warm(["ab", "ba"], targets)
        model.net_.module_.head.bias.data[-1] = -100.0  # it never wants to end
        assert set(map(len, model.transform(X))) == {expected}
    assert longest < 30
    warm(["ab" * 6, "ba"], ["ab", "b"])
    model.net_.module_.head.bias.data[-1] = -100.0
    assert set(map(len, model.transform(["ab" * 6, "ab" * 12]))) == {30, 60}


def test_a_partial_fit_that_fails_leaves_the_longest_as_it_was(X, y, monkeypatch):
    model = make_char().fit(X, y)
    before = dict(vars(model))

    def fail(*args, **options):
        raise RuntimeError("no luck")

    with monkeypatch.context() as patch:
        patch.setattr(type(model.net_), "fit_loop", fail)
        with pytest.raises(RuntimeError, match="no luck"):
            model.partial_fit(["ab" * 9, "ba"], ["a" * 30, ""])
    assert vars(model) == before


UNKNOWN = {
    "strings": ["xyz", "zz"],
    "lists": [["x", "y"], ["z"]],
    "one of them empty": ["xyz", ""],
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_targets_of_unknown_tokens_alone_are_refused(X, y, case):
    targets = UNKNOWN[case]
    model = make_char(warm_start=True).fit(X, y)
    before = dict(vars(model))
    for warm in (model.partial_fit, model.fit):
        with pytest.raises(ValueError, match="y holds unknown tokens only"):
            warm(X[:2], targets)
        assert vars(model) == before
    with pytest.raises(ValueError, match="y_val holds unknown tokens only"):
        make_char().fit(X, y, X_val=X[:2], y_val=targets)
    make_char().fit(X, y, X_val=X[:2], y_val=["xyz", "a"])
    model.partial_fit(X[:2], ["", ""])


def test_a_held_out_part_teaches_no_token_and_no_length(X, y):
    held_out = {"early_stopping": True, "validation_strategy": "last"}
    X, y = [*X, "abcd" * 5, "ab"], [*y, "xyz" * 9, ""]
    model = make_char(validation_fraction=2 / len(X), **held_out).fit(X, y)
    assert set(model.target_vocabulary_) == set("abcd")
    model.net_.module_.head.bias.data[-1] = -100.0  # it never wants to end
    assert len(model.transform(["ab"])[0]) == max(map(len, y[:-2]))
    model.net_.module_.head.bias.data[-1] = 100.0  # it wants to end at once
    assert len(model.transform(["ab"])[0]) == 1


def test_held_out_pairs_are_watched(X, y):
    model = make_char(max_epochs=6).fit(X[6:], y[6:], X_val=X[:6], y_val=y[:6])
    assert model.history_["valid_loss"].notna().all()
    steps = sum(len(target) + 1 for target in y[:6])
    best = model.history_["valid_loss"].min()
    assert -model.log_likelihood(X[:6], y[:6]).sum() / steps == pytest.approx(
        best, rel=1e-4
    )


@pytest.mark.parametrize("scoring", [None, exact_match_scorer, token_error_rate_scorer])
def test_training_stops_early(X, y, scoring):
    model = make_char(
        early_stopping=True,
        scoring=scoring,
        lr_schedule="constant",
        n_iter_no_change=2,
        max_epochs=40,
        lr=0.2,
    ).fit(X, y)
    assert model.n_iter_ < 40


def test_a_source_of_tokens_that_only_the_vectors_know_is_read(X, y):
    vectors = {letter: np.full(3, i, np.float32) for i, letter in enumerate("abcdz")}
    model = make_char(embeddings=vectors, freeze_embeddings=True).fit(X, y)
    same = make_char(embeddings=vectors | {"z": vectors["a"]}, freeze_embeddings=True)
    same.fit(X, y)
    written = [
        m.log_likelihood([x.replace("a", "z")], ["a"])[0]
        for m in (model, same)
        for x in ("ab", "cab")
    ]
    as_a = [same.log_likelihood([x], ["a"])[0] for x in ("ab", "cab")]
    np.testing.assert_allclose(written[2:], as_a, rtol=1e-5)
    assert not np.allclose(written[:2], as_a)
    assert (
        same.transform(["zb", "czb"]).tolist() == same.transform(["ab", "cab"]).tolist()
    )
    looks = [same.predict_attention([x])[0] for x in ("zb", "ab")]
    np.testing.assert_allclose(*looks, rtol=1e-5)


def test_rare_target_tokens_are_never_generated(X, y):
    model = make_char(target_max_vocabulary=2, max_epochs=10).fit(X, y)
    assert len(model.target_vocabulary_) == 2
    assert set("".join(model.transform(X))) <= set(model.target_vocabulary_)
    rare = make_char(target_min_count=1000, max_epochs=1)
    with pytest.raises(ValueError, match="is seen target_min_count=1000 times"):
        rare.fit(X, y)


# --- mistakes ------------------------------------------------------------------------

BAD = {
    "mixed targets": (
        {},
        ["a", "b"],
        ["c", ["d"]],
        TypeError,
        r"y\[1\] is list, but y\[0\] is str",
    ),
    "unknown targets alone": (
        {"target_min_count": 2},
        ["a", "b"],
        ["c", "d"],
        ValueError,
        "no token of y is seen target_min_count=2 times",
    ),
    "empty targets alone": (
        {},
        ["a", "b"],
        ["", ""],
        ValueError,
        "nothing to generate",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_named_and_leaves_nothing_half_fitted(case, fitted, X):
    params, bad_X, bad_y, error, message = BAD[case]
    model = make(**params)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(bad_X, bad_y)
    assert vars(model) == before
    model = copied(fitted, **params)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(bad_X, bad_y)
    assert vars(model) == before
    if not params:
        model.transform(X)


@pytest.mark.parametrize("n", [0, -1, 6])
def test_no_more_than_the_beam_can_be_requested(fitted, X, n):
    with pytest.raises(ValueError, match=f"n={n} must lie between 1 and beam_size=5"):
        fitted.predict_n_best(X, n)


@pytest.mark.parametrize("n", [True, 2.0, "2", None, np.float64(1), np.array([1, 2])])
def test_the_number_of_targets_is_an_integer(fitted, X, n):
    with pytest.raises(TypeError, match="n must be an integer, got"):
        fitted.predict_n_best(X, n)
    assert len(fitted.predict_n_best(X, np.int64(2))[0][0]) == 2


@pytest.mark.parametrize("beam_size", [0, 2.5, "5", None])
def test_a_bad_beam_size_is_named_before_it_is_compared(fitted, X, beam_size):
    with pytest.raises(ValueError, match="'beam_size' parameter"):
        copied(fitted, beam_size=beam_size).predict_n_best(X, 1)


@pytest.mark.parametrize(
    "params", [{"beam_size": 0}, {"max_length": 0}, {"length_penalty": -1.0}]
)
def test_a_search_that_makes_no_sense_is_named_after_fit_too(fitted, X, params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter"):
        copied(fitted, **params).transform(X)


def test_numbers_are_refused_as_targets(fitted, X, y):
    for targets in (np.ones((26, 3)), [[1.5, 2.0]] * 26):
        with pytest.raises((TypeError, ValueError), match=r"y.*SequenceRegressor"):
            make_char().fit(X, targets)
    with pytest.raises(ValueError, match="y has 2 entries, but X has 26"):
        fitted.score(X, y[:2])
    with pytest.raises(ValueError, match="y has 2 entries, but X has 26"):
        fitted.log_likelihood(X, y[:2])


# --- scikit-learn --------------------------------------------------------------------


@pytest.mark.parametrize("form", ["strings", "lists"])
def test_a_search_may_go_by_several_scores(form):
    X, y = ["a b", "b a", "a a", "b"] * 8, ["x y", "y x", "x x", "y"] * 8
    if form == "lists":
        X, y = [text.split() for text in X], [text.split() for text in y]
    scoring = {"exact": exact_match_scorer, "rate": token_error_rate_scorer}
    search = GridSearchCV(
        make(char_encoder=None, **LEARNS),
        {"lr": [1e-7, 0.05]},
        cv=2,
        scoring=pickle.loads(pickle.dumps(scoring)),  # as a worker gets it
        refit="exact",
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"lr": 0.05}
    assert search.predict(X).tolist() == y
    untrained, trained = search.cv_results_["mean_test_exact"]
    assert untrained < 0.5
    assert trained == 1.0
    assert search.cv_results_["mean_test_rate"][1] == 0.0


def test_a_pipeline_ends_in_it(X, y):
    pipeline = make_pipeline(make_char()).fit(X, y)
    assert pipeline.predict(X).tolist() == pipeline.transform(X).tolist()
    assert pipeline.score(X, y) == make_char().fit(X, y).score(X, y)


@pytest.mark.parametrize("form", ["strings", "lists"])
def test_a_frozen_one_feeds_a_classifier(fitted, X, y, form):
    if form == "lists":
        fitted = make_char(**LEARNS).fit(X, [list(text) for text in y])
    fitted = copied(fitted)
    fitted.net_.module_.head.bias.data[-1] += 5.0  # it would rather write nothing
    labels = ["a" in text for text in X]
    final = SequenceClassifier(
        hidden_size=4, max_epochs=2, tokenizer="char", random_state=0
    )
    pipeline = make_pipeline(FrozenEstimator(fitted), final).fit(X, labels)
    expected = clone(final).fit(fitted.transform(X), labels)
    assert_array_equal(
        pipeline.predict_proba(X), expected.predict_proba(fitted.transform(X))
    )


def test_targets_are_the_same_where_frames_are_requested(fitted, X):
    expected = fitted.transform(X).tolist()
    model = copied(fitted)
    assert model.set_output(transform="pandas") is model
    assert model.transform(X).tolist() == expected
    pipeline = make_pipeline(FrozenEstimator(model)).set_output(transform="pandas")
    assert pipeline.transform(X).tolist() == expected


# --- what it learns ------------------------------------------------------------------


def reversals(n, seed, longest=7):
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcde"))
    X = [
        "".join(letters[rng.integers(5, size=k)]) for k in rng.integers(1, longest + 1, n)
    ]
    return X, [text[::-1] for text in X]


@pytest.mark.slow
def test_it_learns_to_reverse_and_attention_helps():
    X, y = reversals(1200, seed=0)
    X_test, y_test = reversals(200, seed=1)
    learner = make_char(hidden_size=24, max_epochs=10, batch_size=32, lr=0.015)
    attentive, without = (
        exact_match_score(
            list(map(list, y_test)), list(map(list, model.fit(X, y).transform(X_test)))
        )
        for model in (learner, clone(learner).set_params(attention=None))
    )
    assert attentive >= 0.95
    assert 0.05 < without < attentive - 0.05  # 0.05: those of one letter


# --- unknown words, repetition, BLEU -----------------------------------------------------

NAMES = [f"{letter}{vowel}" for letter in "bdfgklmnprst" for vowel in "aeo"]
COPIES = {
    "hidden_size": 16,
    "embedding_dim": 8,
    "lr": 0.03,
    "max_epochs": 10,
    "min_count": 4,
    "target_min_count": 4,
    "char_encoder": None,
    "replace_unknown": True,
}


@pytest.fixture(scope="module")
def copying():
    """Return a model that has learned that names, which are rare, come last."""
    X = [f"{name} is {what}" for name in NAMES for what in ("ill", "old")]
    y = [f"{X[i][-3:]} {X[i][:2]}" for i in range(len(X))]
    return make(**COPIES).fit(X, y)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_word_of_the_source_stands_for_the_unknown_token(copying, beam_size):
    model = copied(copying, beam_size=beam_size)
    best, _ = model.predict_n_best(["Zoe is old"], beam_size)
    assert best[0][0] == model.transform(["Zoe is old"])[0]
    what, name = best[0][0].split()
    assert what == "old"
    assert name in {"Zoe", "is"}  # which of them attention finds
    assert model.score(["Zoe is old"], [f"old {name}"]) == 1.0
    without = copied(model, replace_unknown=False).transform(["Zoe is old"])
    assert set(without[0].split()) <= set(model.target_vocabulary_)


def test_the_copied_word_is_that_of_the_highest_attention(copying):
    X = ["Zoe is old", "Ann is ill", "ba is old"]
    sources = [text.split() for text in X]
    attention = copying.predict_attention(X)
    for words, text, weights in zip(
        sources, copying.transform(X), attention, strict=True
    ):
        tokens = text.split()
        assert tokens[1] == words[weights[1].argmax()]


def test_words_are_copied_into_token_lists_and_by_ensembles():
    X = [[name, "is", what] for name in NAMES for what in ("ill", "old")]
    y = [[words[2], words[0]] for words in X]
    model = make(**COPIES, n_estimators=2).fit(X, y)
    what, name = model.transform([["Zoe", "is", "old"]])[0]
    assert what == "old"
    assert name in {"Zoe", "is"}
    assert not {None, ""} & set(model.transform([[], ["?"]])[0])


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"attention": None}, ["a b", "b"], "needs an attention, not attention=None"),
        ({}, [np.zeros((2, 1)), np.ones((3, 1))], "must have one field of tokens, not 0"),
        (
            {},
            pd.DataFrame({"word": [["a"], ["b", "a"]], "tag": [["x"], ["y", "x"]]}),
            "must have one field of tokens, not 2",
        ),
        (
            {"tokenizer": "char"},
            ["ab", "b"],
            "single characters by tokenizer='char'.* target_tokenizer='word'",
        ),
    ],
)
def test_what_cannot_be_copied_is_an_error(params, X, message):
    with pytest.raises(ValueError, match=f"replace_unknown=True .*{message}"):
        make(replace_unknown=True, **params).fit(X, ["x", "y"])
    model = make(**params).fit(X, ["x", "y"]).set_params(replace_unknown=True)
    with pytest.raises(ValueError, match=f"replace_unknown=True .*{message}"):
        model.transform(X)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_source_without_tokens_gets_known_ones(beam_size):
    names = ["Zoe", "Bob", "Kim", "Tom", "Joe", "Ann"]
    params = COPIES | {"max_epochs": 20, "beam_size": beam_size}
    words = [*names, *["hi"] * 4]
    model = make(**params).fit(words, words)
    X = ["Zoe", "", "Ann", ""]
    targets, log_probabilities = model.predict_n_best(X, beam_size)
    assert all(text for row in targets for text in row)
    assert model.transform(X).tolist() == [row[0] for row in targets]
    alone = [model.transform([text])[0] for text in X]
    assert alone == model.transform(X).tolist()
    expected = model.log_likelihood(X, [row[0] for row in targets])
    assert log_probabilities[:, 0] == pytest.approx(expected, abs=1e-4)


def test_an_empty_token_is_predicted_but_never_copied():
    X = [[name, "", "is"] for name in NAMES for _ in range(2)]
    y = [["", words[0]] for words in X]
    predicted = make(**COPIES).fit(X, y).transform([["Zoe", "", "is"], ["", "", "Ann"]])
    for (blank, name), words in zip(predicted, ({"Zoe", "is"}, {"Ann"}), strict=True):
        assert blank == ""
        assert name in words


def test_words_are_not_copied_into_subwords():
    X = ["one tree", "one house", "two trees"] * 6
    make(replace_unknown=True, tokenizer="char", target_tokenizer="bpe").fit(X, X)
    model = make(replace_unknown=True, target_tokenizer="bpe", max_epochs=1).fit(X, X)
    for _ in range(30):
        model.partial_fit(["x Zoe"] * 10, ["one Z"] * 10)
    copying = model.predict_n_best(["x Zoe"], 5)
    without = copied(model, replace_unknown=False).predict_n_best(["x Zoe"], 5)
    assert copying[0].tolist() == without[0].tolist()


def test_subwords_of_a_source_are_not_copied():
    X = ["one tree", "one house", "two trees"] * 6
    message = 'replace_unknown=True copies words of X, which tokenizer="bpe" splits'
    params = {"tokenizer": "bpe", "max_epochs": 1}
    with pytest.raises(ValueError, match=message.replace('"', "'")):
        make(replace_unknown=True, **params).fit(X, X)
    make(replace_unknown=True, target_tokenizer="bpe", **params).fit(X, X).transform(X)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_run_of_tokens_comes_twice(fitted, X, beam_size):
    model = copied(fitted, max_length=12, beam_size=beam_size, no_repeat_ngram_size=1)
    drawn = model.sample(X, 3, random_state=0)
    for text in [*model.transform(X), *(text for row in drawn for text in row)]:
        assert len(set(text)) == len(text)
    doubled = copied(model, no_repeat_ngram_size=0).transform(X)
    assert any(len(set(text)) < len(text) for text in doubled)


@pytest.mark.parametrize(
    ("scoring", "metric", "epochs"), [("bleu", bleu_score, 12), ("chrf", chrf_score, 3)]
)
def test_scores_of_sacrebleu_are_chosen_by_name(X, y, scoring, metric, epochs):
    texts, targets = ([" ".join(text) for text in some[:9]] for some in (X, y))
    model = make(scoring=scoring, **(LEARNS | {"max_epochs": epochs}))
    model.fit(texts * 3, targets * 3, X_val=texts, y_val=targets)
    best = model.history_["valid_score"].max()
    assert best > 10
    assert metric(targets, model.transform(texts)) == pytest.approx(best)


def test_of_many_held_out_pairs_some_are_scored(X, y, monkeypatch):
    monkeypatch.setattr("skrnn.estimators._training.MIN_SCORED", 3)
    sizes = []

    def scoring(model, X, y):
        sizes.append(len(X))
        assert len(model.transform(X)) == len(y)
        return 0.0

    make_char(scoring=scoring, max_epochs=1).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert sizes == [9, 3]


def test_a_metric_that_is_none_names_those_of_sacrebleu(X, y):
    message = "did you mean 'bleu'.*get_scorer_names.. lists all beside 'bleu' and 'chrf'"
    with pytest.raises(ValueError, match=message):
        make_char(scoring="blue").fit(X, y)


def test_without_sacrebleu_its_extra_is_named(X, y, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(
        ImportError, match=r'="bleu" needs sacrebleu; pip install "skrnn\[metrics\]"'
    ):
        make_char(scoring="bleu").fit(X, y, X_val=X, y_val=y)


def test_a_checkpoint_is_that_of_any_search(tmp_path):
    searches = [
        {},
        {"beam_size": 1, "max_length": 3, "length_penalty": 1.0},
        {"no_repeat_ngram_size": 2, "replace_unknown": True},
    ]

    def paths(**params):
        models = [make(checkpoint=tmp_path, **params, **search) for search in searches]
        return {open_checkpoints(model, *[None] * 4)[0].path for model in models}

    assert len(paths()) == 1
    assert len(paths(scoring="bleu")) == 3  # what is scored changes what is kept
