"""Measures of sequences, by hand and against the libraries that compute them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import seqeval.metrics
import seqeval.scheme
from numpy.testing import assert_allclose
from sacrebleu.metrics import BLEU, CHRF
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

from skrnn.data.ragged import object_array
from skrnn.data.schemes import SCHEMES, repair
from skrnn.metrics import (
    bleu_score,
    bleu_scorer,
    chrf_score,
    entity_f1_score,
    entity_f1_scorer,
    entity_precision_score,
    entity_recall_score,
    entity_report,
    exact_match_score,
    exact_match_scorer,
    step_accuracy_score,
    step_accuracy_scorer,
    token_error_rate,
    token_error_rate_scorer,
)

# --- written sequences ---------------------------------------------------------------


def slow_distance(a, b):
    """Return the edits between two lists, from Levenshtein's recurrence."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i, one in enumerate(a, 1):
        for k, other in enumerate(b, 1):
            changed = table[i - 1, k - 1] + (one != other)
            table[i, k] = min(changed, table[i - 1, k] + 1, table[i, k - 1] + 1)
    return int(table[-1, -1])


@pytest.mark.parametrize(
    ("true", "pred", "rate"),
    [
        (["a b c d"], ["a b c d"], 0.0),
        (["a b c d"], ["a x c d"], 1 / 4),  # substituted
        (["a b c d"], ["a c d"], 1 / 4),  # deleted
        (["a b c d"], ["a b x c d"], 1 / 4),  # inserted
        (["a b c d"], ["b a c d"], 2 / 4),  # nothing is moved
        (["a b c d"], [""], 1.0),
        (["a"], ["b c d"], 3.0),
        (["a b c", "d"], ["a b c", "e"], 1 / 4),  # of all tokens together
        (["a", ""], ["a", "b"], 1.0),
        ([[1, 2, 3]], [[1, 3]], 1 / 3),
        ([["ab", "c"]], [["a", "bc"]], 1.0),  # tokens, not characters
    ],
)
def test_edits_are_counted_by_hand(true, pred, rate):
    assert token_error_rate(true, pred) == pytest.approx(rate)


def test_edits_equal_those_of_a_slow_recurrence(rng):
    def draw():
        return [rng.integers(3, size=n).tolist() for n in rng.integers(0, 9, size=60)]

    true, pred = draw(), draw()
    edits = sum(map(slow_distance, true, pred))
    assert token_error_rate(true, pred) == pytest.approx(edits / sum(map(len, true)))


@pytest.mark.parametrize(
    "container", [tuple, object_array, lambda y: pd.Series(y, index=range(5, 8))]
)
def test_containers_of_sequences_score_the_same(container):
    true, pred = [["a", "b"], ["c"], ["d", "e"]], [["a"], ["c"], ["e", "d"]]
    for score in (token_error_rate, exact_match_score, bleu_score, chrf_score):
        assert score(container(true), container(pred)) == score(true, pred)
        strings = [[" ".join(row) for row in y] for y in (true, pred)]
        assert score(*map(container, strings)) == score(true, pred)


def test_the_nearest_reference_counts():
    true = [["a b c", "a b", "z"], ["d e"]]
    assert token_error_rate(true, ["a b", "d"], multiple_references=True) == 1 / 4
    assert exact_match_score(true, ["a b", "d"], multiple_references=True) == 1 / 2
    lists = [[one.split() for one in row] for row in true]
    assert token_error_rate(lists, [["a"], ["d"]], multiple_references=True) == 2 / 3


def test_sequences_are_weighted_in_the_error_rate():
    true, pred = ["a b", "c d"], ["a b", "x y"]
    assert token_error_rate(true, pred, sample_weight=[3, 1]) == 1 / 4
    assert token_error_rate(true, pred, sample_weight=[1, 0]) == 0
    with pytest.raises(ValueError, match="sample_weight"):
        token_error_rate(true, pred, sample_weight=[1.0])


@pytest.mark.parametrize(
    ("true", "pred", "share"),
    [
        (["a b", "c"], ["a b", "d"], 0.5),
        (["a  b"], ["a b"], 1.0),
        ([["a", "b"]], ["a b"], 1.0),
        (["ab"], ["a b"], 0.0),
        (["", "a"], ["", ""], 0.5),
    ],
)
def test_exact_matches_are_counted_by_hand(true, pred, share):
    assert exact_match_score(true, pred) == share


TRUE = ["the cat sat on the mat .", "it is raining", "we went home early yesterday"]
PRED = ["the cat sat on a mat .", "it rains", "yesterday we went home early"]


@pytest.mark.parametrize(
    ("score", "metric"), [(bleu_score, BLEU), (chrf_score, CHRF)], ids=["bleu", "chrf"]
)
def test_translations_are_scored_as_sacrebleu_does(score, metric):
    assert score(TRUE, PRED) == metric().corpus_score(PRED, [TRUE]).score
    assert 0 < score(TRUE, PRED) < 100
    assert score(TRUE, TRUE) == pytest.approx(100)
    lists = [[text.split() for text in y] for y in (TRUE, PRED)]
    assert score(*lists) == score(TRUE, PRED)


@pytest.mark.parametrize(
    ("score", "metric"), [(bleu_score, BLEU), (chrf_score, CHRF)], ids=["bleu", "chrf"]
)
def test_several_references_are_scored_as_sacrebleu_does(score, metric):
    other = ["a cat sat on a mat .", "it rains today", None]
    several = [[a] if b is None else [a, b] for a, b in zip(TRUE, other, strict=True)]
    expected = metric().corpus_score(PRED, [TRUE, other]).score
    assert score(several, PRED, multiple_references=True) == expected
    assert expected > score(TRUE, PRED)


SCORES = [token_error_rate, exact_match_score, bleu_score, chrf_score]


@pytest.mark.parametrize("score", SCORES)
def test_another_number_of_predictions_is_an_error(score):
    with pytest.raises(ValueError, match="y_true has 2 sequences, y_pred has 1"):
        score(["a", "b"], ["a"])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("row", ["b", []])
def test_several_references_must_be_a_list(score, row):
    with pytest.raises(ValueError, match=r"y_true\[1\] is .*, expected a list of at"):
        score([["a"], row], ["a", "b"], multiple_references=True)


def test_an_error_rate_needs_reference_tokens():
    with pytest.raises(ValueError, match="the references of y_true have no tokens"):
        token_error_rate(["", ""], ["a", ""])


class Says(BaseEstimator):
    """A fitted estimator, as far as scorers can tell."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, X, y):
        return self

    def predict(self, X):
        return object_array(self.answer)


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        (token_error_rate_scorer, -token_error_rate(TRUE, PRED)),
        (exact_match_scorer, 0.0),
        (bleu_scorer, bleu_score(TRUE, PRED)),
    ],
)
def test_scorers_of_sequences_are_higher_where_predictions_are_better(scorer, expected):
    X = [[0.0]] * 3
    assert scorer(Says(PRED), X, TRUE) == expected
    assert scorer(Says(TRUE), X, TRUE) > expected


# --- entities ------------------------------------------------------------------------

ENTITY_SCORES = {
    "precision_score": entity_precision_score,
    "recall_score": entity_recall_score,
    "f1_score": entity_f1_score,
}
TAGS = [["B-x", "I-x", "O"], ["B-y"], ["O", "B-x", "I-x", "B-y"]]
GUESSES = [["B-x", "I-x", "O"], ["O"], ["B-x", "I-x", "I-x", "B-y"]]
# two of four entities are found, by three predicted ones; type x: 1 of 2, by 2
MICRO = {"precision_score": 2 / 3, "recall_score": 2 / 4, "f1_score": 4 / 7}
MACRO = {
    "precision_score": (1 / 2 + 1) / 2,
    "recall_score": (1 / 2 + 1 / 2) / 2,
    "f1_score": (1 / 2 + 2 / 3) / 2,
}


def random_tags(seed, lengths, prefixes="BI"):
    rng = np.random.default_rng(seed)
    tags = ["O", *(f"{p}-{kind}" for p in prefixes for kind in "xyz")]
    return [[tags[i] for i in rng.integers(len(tags), size=n)] for n in lengths]


@pytest.fixture(scope="module")
def lengths():
    return np.random.default_rng(5).integers(1, 12, size=80)


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_entities_are_counted_as_by_hand(name, scheme):
    score = ENTITY_SCORES[name](TAGS, GUESSES, scheme=scheme)
    assert type(score) is float
    assert score == pytest.approx(MICRO[name])
    macro = ENTITY_SCORES[name](TAGS, GUESSES, scheme=scheme, average="macro")
    assert macro == pytest.approx(MACRO[name])


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_the_lenient_reading_is_seqevals(name, average, lengths):
    true, pred = random_tags(0, lengths), random_tags(1, lengths)
    expected = getattr(seqeval.metrics, name)(true, pred, average=average)
    assert ENTITY_SCORES[name](true, pred, average=average) == expected > 0


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_strict_reading_is_seqevals(name, scheme, lengths):
    true, pred = random_tags(0, lengths, "BIES"), random_tags(1, lengths, "BIES")
    true = [repair(scheme, row) for row in true]
    pred = [
        right if keep else repair(scheme, wrong)
        for keep, right, wrong in zip(lengths % 2, true, pred, strict=True)
    ]
    strict = {"mode": "strict", "scheme": getattr(seqeval.scheme, scheme)}
    expected = getattr(seqeval.metrics, name)(true, pred, **strict)
    assert 0.3 < expected < 1
    assert ENTITY_SCORES[name](true, pred, scheme=scheme) == expected


@pytest.mark.parametrize("name", ENTITY_SCORES)
def test_tags_that_break_the_scheme_are_no_entity_to_the_strict_reading(name):
    true, pred = [["B-x", "O", "B-y"]], [["I-x", "O", "B-y"]]
    assert ENTITY_SCORES[name](true, pred) == 1
    strict = ENTITY_SCORES[name](true, pred, scheme="IOB2")
    assert strict == {"precision_score": 1, "recall_score": 0.5}.get(name, 2 / 3)


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize("scheme", [None, "IOB2"])
@pytest.mark.parametrize(
    ("true", "pred"),
    [
        ([["O", "O"]], [["O", "B-x"]]),
        ([["O", "B-x"]], [["O", "O"]]),
        ([["O"], []], [["O"], []]),
    ],
)
def test_no_entities_are_zero_without_a_warning(name, scheme, true, pred):
    assert ENTITY_SCORES[name](true, pred, scheme=scheme) == 0


TAG_CONTAINERS = {
    "lists": list,
    "tuples": lambda y: tuple(map(tuple, y)),
    "object array": object_array,
    "arrays": lambda y: [np.array(row) for row in y],
    "Series": lambda y: pd.Series(y, index=[4, 4, 2]),
    "strings": lambda y: [" ".join(row) for row in y],
    "array of strings": lambda y: np.array([" ".join(row) for row in y]),
}


@pytest.mark.parametrize("container", TAG_CONTAINERS)
@pytest.mark.parametrize("measure", [*ENTITY_SCORES.values(), step_accuracy_score])
def test_tags_mean_the_same_in_every_container(measure, container):
    make = TAG_CONTAINERS[container]
    expected = measure(TAGS, GUESSES)
    assert measure(make(TAGS), GUESSES) == expected
    assert measure(TAGS, make(GUESSES)) == expected
    assert measure(make(TAGS), make(GUESSES)) == expected


def test_columns_of_tags_are_sequences_of_one_length():
    true, pred = [["B-x", "O"], ["B-y", "I-y"]], [["B-x", "O"], ["B-y", "O"]]
    assert entity_f1_score(np.array(true), np.array(pred)) == 0.5
    assert step_accuracy_score(np.array(true), pred) == 0.75


def test_the_report_has_a_row_for_each_type_and_average():
    report = entity_report(TAGS, GUESSES)
    averages = ["micro avg", "macro avg", "weighted avg"]
    assert report.index.tolist() == ["x", "y", *averages]
    assert report.columns.tolist() == ["precision", "recall", "f1-score", "support"]
    assert report["support"].tolist() == [2, 2, 4, 4, 4]
    assert pd.api.types.is_integer_dtype(report["support"])
    assert_allclose(report.loc["x"], [1 / 2, 1 / 2, 1 / 2, 2])
    assert_allclose(report.loc["y"], [1, 1 / 2, 2 / 3, 2])
    assert_allclose(report.loc["micro avg"], [*MICRO.values(), 4])
    assert_allclose(report.loc["macro avg"], [*MACRO.values(), 4])


@pytest.mark.parametrize("scheme", [None, "IOB2"])
def test_the_report_agrees_with_the_scores(scheme, lengths):
    true, pred = random_tags(0, lengths), random_tags(1, lengths)
    report = entity_report(true, pred, scheme=scheme)
    for average in ("micro", "macro", "weighted"):
        scores = [
            score(true, pred, scheme=scheme, average=average)
            for score in ENTITY_SCORES.values()
        ]
        assert_allclose(report.loc[f"{average} avg"].iloc[:3], scores)


# --- steps ---------------------------------------------------------------------------


def test_step_accuracy_is_counted_over_steps():
    score = step_accuracy_score(TAGS, GUESSES)
    assert type(score) is float
    assert score == 5 / 8
    assert step_accuracy_score([[1, 2], [3]], [[1, 3], [3]]) == pytest.approx(2 / 3)
    assert step_accuracy_score([[True], []], [np.array([True]), []]) == 1


def test_weights_count_for_each_step_of_their_sequence():
    weights = [1, 0, 3]
    repeated = [TAGS[0], *[TAGS[2]] * 3], [GUESSES[0], *[GUESSES[2]] * 3]
    assert step_accuracy_score(TAGS, GUESSES, sample_weight=weights) == pytest.approx(
        step_accuracy_score(*repeated)
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "sample_weight"),
        ([1, -1, 1], "Negative values"),
        ([0, 0, 0], "non-zero"),
        ([1, np.nan, 1], "NaN"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        step_accuracy_score(TAGS, GUESSES, sample_weight=weights)


# --- errors --------------------------------------------------------------------------

STEP_MEASURES = pytest.mark.parametrize(
    "measure", [*ENTITY_SCORES.values(), entity_report, step_accuracy_score]
)


@STEP_MEASURES
def test_unequal_numbers_of_sequences_are_an_error(measure):
    with pytest.raises(ValueError, match="y_true has 3 sequences, y_pred has 2"):
        measure(TAGS, GUESSES[:2])


@STEP_MEASURES
def test_unequal_lengths_are_named_by_their_index(measure):
    with pytest.raises(ValueError, match=r"y_true\[1\] has 1 steps, y_pred\[1\] has 2"):
        measure(TAGS, [GUESSES[0], ["O", "O"], GUESSES[2]])


@pytest.mark.parametrize("measure", [*ENTITY_SCORES.values(), entity_report])
def test_an_unknown_scheme_is_an_error(measure):
    with pytest.raises(ValueError, match=r"scheme must be one of .* got 'BIO'"):
        measure(TAGS, GUESSES, scheme="BIO")


@pytest.mark.parametrize(
    ("y", "weights"), [([[], []], None), ([["O"], []], [0, 1]), ([[]], [1])]
)
def test_accuracy_over_no_steps_is_an_error(y, weights):
    with pytest.raises(ValueError, match="y_true has no steps"):
        step_accuracy_score(y, y, sample_weight=weights)


# --- scorers -------------------------------------------------------------------------


class Lookup(BaseEstimator):
    """Predicts each token's last label in training; in upper case where so asked."""

    def __init__(self, shout=False):
        self.shout = shout

    def fit(self, X, y):
        self.tags_ = {
            token: tag
            for tokens, tags in zip(X, y, strict=True)
            for token, tag in zip(tokens, tags, strict=True)
        }
        return self

    def predict(self, X):
        rows = [[self.tags_.get(token, "O") for token in tokens] for tokens in X]
        if self.shout:
            rows = [[tag.upper() for tag in row] for row in rows]
        return object_array(rows)


@pytest.fixture
def ragged(lengths):
    y = [repair("IOB2", row) for row in random_tags(0, lengths)]
    return [[tag.lower() for tag in row] for row in y], y


@pytest.mark.parametrize("container", [list, object_array, pd.Series])
@pytest.mark.parametrize("scorer", [entity_f1_scorer, step_accuracy_scorer])
def test_scorers_work_in_a_grid_search_over_ragged_targets(scorer, container, ragged):
    X, y = map(container, ragged)
    search = GridSearchCV(
        Lookup(), {"shout": [True, False]}, scoring=scorer, cv=3, error_score="raise"
    ).fit(X, y)
    assert search.best_params_ == {"shout": False}
    assert search.best_score_ == 1
    assert search.score(X, y) == 1
    assert search.cv_results_["mean_test_score"][0] < 0.5


def test_several_scorers_work_at_once(ragged):
    scores = cross_validate(
        Lookup(),
        *ragged,
        cv=2,
        scoring={"entities": entity_f1_scorer, "steps": step_accuracy_scorer},
        error_score="raise",
    )
    assert scores["test_entities"].tolist() == scores["test_steps"].tolist() == [1, 1]


def test_predictions_of_folds_are_scored_together(ragged):
    X, y = ragged
    assert entity_f1_score(y, cross_val_predict(Lookup(), X, y, cv=3)) == 1
