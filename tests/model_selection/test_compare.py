"""Comparisons of any estimators on the same folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, fbeta_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from skrnn import (
    FeedForwardForecaster,
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.metrics import exact_match_scorer, step_accuracy_scorer
from skrnn.model_selection import compare_estimators
from skrnn.model_selection._compare import Job, _first_fits, nested_order
from skrnn.model_selection._measure import Fit

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
X, Y = load_iris(return_X_y=True)
LINEAR = LogisticRegression(max_iter=300)


class Recorder(BaseEstimator):
    """Keeps which samples each fit and each score saw."""

    seen: list = []

    def fit(self, X, y=None, sample_weight=None):
        self.trained_ = sorted(X[:, 0].tolist())
        self.weight_ = sample_weight
        return self

    def predict(self, X):
        return X[:, 0]

    def score(self, X, y=None):
        Recorder.seen.append((self.trained_, sorted(X[:, 0].tolist()), self.weight_))
        return 1.0


class Recorder2(Recorder):
    """Another estimator that measures as the first does."""


@pytest.fixture
def seen():
    Recorder.seen.clear()
    return Recorder.seen


def test_scores_are_those_of_cross_val_score(texts, estimators, comparison):
    for name, estimator in estimators.items():
        expected = cross_val_score(estimator, *texts, cv=3, scoring="accuracy")
        scores = comparison.scores
        ours = scores[(scores["estimator"] == name) & (scores["metric"] == "accuracy")]
        assert ours["score"].tolist() == expected.tolist()


def test_all_estimators_see_the_same_folds_of_a_splitter_without_a_seed(seen):
    numbers = np.arange(20.0)[:, None]
    cv = ShuffleSplit(3, test_size=0.3)  # another split at each call
    compare_estimators({"a": Recorder(), "b": Recorder2()}, numbers, cv=cv)
    assert [seen[i][:2] for i in (0, 2, 4)] == [seen[i][:2] for i in (1, 3, 5)]
    assert seen[0][1] != seen[2][1]


def test_folds_may_be_any_iterable_of_splits(seen):
    splits = ((np.arange(5), np.arange(5, 8)) for _ in range(2))
    numbers = np.arange(8.0)[:, None]
    result = compare_estimators({"a": Recorder(), "b": Recorder2()}, numbers, cv=splits)
    assert len(result.fits) == 4
    assert {tuple(test) for _, test, _ in seen} == {(5.0, 6.0, 7.0)}


def test_groups_stay_together():
    groups = np.arange(150) % 5
    result = compare_estimators(
        {"a": LINEAR, "b": DummyClassifier()}, X, Y, groups=groups, cv=GroupKFold(5)
    )
    assert result.fits["n_test"].tolist() == [30] * 10
    with pytest.raises(ValueError, match="groups"):
        compare_estimators({"a": LINEAR}, X, Y, cv=LeaveOneGroupOut())


def test_parameters_of_fit_are_cut_to_each_fold(seen):
    weight = np.arange(10.0)
    numbers = np.arange(10.0)[:, None]
    compare_estimators({"a": Recorder()}, numbers, cv=2, params={"sample_weight": weight})
    for trained, _, given in seen:
        assert sorted(given.tolist()) == trained


def test_metadata_is_routed_to_estimators_and_scorers():
    weight = np.where(Y == 0, 1.0, 0.0)
    scorer = make_scorer(accuracy_score)
    with sklearn.config_context(enable_metadata_routing=True):
        linear = LogisticRegression(max_iter=300).set_fit_request(sample_weight=False)
        result = compare_estimators(
            {"a": linear.set_score_request(sample_weight=True)},
            X,
            Y,
            scoring=scorer.set_score_request(sample_weight=True),
            params={"sample_weight": weight},
            by_length=2,
            lengths=np.arange(len(Y)) % 5 + 1,
        )
    assert result.scores["score"].tolist() == [1.0] * 5  # the first class is easy
    by_length = result.scores_by_length["score"]
    assert by_length.count() == 10
    assert (by_length == 1.0).all()


def test_single_parameters_of_a_scorer_reach_every_bin():
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(fbeta_score, average="macro").set_score_request(beta=True)
        result = compare_estimators(
            {"a": DummyClassifier()},
            X,
            Y,
            scoring=scorer,
            params={"beta": 2.0},
            by_length=2,
            lengths=np.arange(len(Y)) % 5 + 1,
        )
    assert result.scores_by_length["score"].notna().all()


def test_the_first_fit_of_each_estimator_in_its_process_is_marked(comparison):
    fits = comparison.fits
    assert fits.loc[fits["first_call"], ["estimator", "fold"]].values.tolist() == [
        ["network", 0],
        ["words", 0],
    ]


def test_first_fits_are_those_that_started_first_in_their_process():
    starts = [(7, 2.0), (7, 1.0), (8, 0.5), (8, 3.0)]  # process, seconds on its clock
    usual = {"scores": {}, "by_bin": {}, "fit_time": 1.0, "predict_time": 1.0}
    usual |= {"n_parameters": 1, "n_iter": 1, "size": 1}
    fold = np.arange(2)
    results = [
        (
            Job("a", i, fold, fold, whole=True),
            Fit(**usual, process=process, started=started),
        )
        for i, (process, started) in enumerate(starts)
    ]
    assert _first_fits(results) == {1, 2}


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes():
    estimators = {"a": LINEAR, "b": SequenceClassifier(**SMALL)}
    one, two = (
        compare_estimators(estimators, X, Y, n_jobs=n_jobs, cv=3) for n_jobs in (None, 2)
    )
    pd.testing.assert_frame_equal(one.scores, two.scores)
    with pytest.raises(ValueError, match=r"estimators\['bad'\] failed in fold \d: .*'C'"):
        compare_estimators({"bad": LogisticRegression(C=-1)}, X, Y, n_jobs=2)


def test_labels_of_steps_are_compared_by_scorers_for_sequences():
    X = [["a", "b"], ["b"], ["a", "a", "b"], ["b", "a"]] * 3
    y = [[word.upper() for word in row] for row in X]
    estimators = {
        "recurrent": SequenceTagger(**SMALL),
        "window": FeedForwardTagger(max_epochs=2, random_state=0),
    }
    result = compare_estimators(
        estimators, X, y, scoring=step_accuracy_scorer, cv=2, by_length=[1, 2, 3]
    )
    assert result.metrics == ["step_accuracy_score"]
    assert result.table[["shortest", "longest"]].values.tolist() == [[1, 3], [1, 3]]
    assert result.scores_by_length["longest"].unique().tolist() == [2, 3]
    own = compare_estimators(estimators, X, y, cv=2)
    assert own.scores["score"].tolist() == result.scores["score"].tolist()


def test_other_sequences_are_compared():
    X = ["a b", "b", "a a b", "b a"] * 3
    y = ["B A", "B", "B A A", "A B"] * 3
    estimators = {
        "small": Seq2SeqTransformer(**SMALL),
        "large": Seq2SeqTransformer(**SMALL | {"hidden_size": 6}),
    }
    result = compare_estimators(estimators, X, y, scoring=exact_match_scorer, cv=2)
    assert result.table["n_parameters"].is_monotonic_increasing


def test_generators_are_compared_without_y():
    X = [["a", "b"], ["b"], ["a", "a", "b"], ["b", "a"]] * 3
    result = compare_estimators({"one": SequenceGenerator(**SMALL)}, X, cv=2)
    assert (result.scores["score"] < 0).all()


def test_forecasters_are_compared_over_time():
    series = pd.Series(np.sin(np.arange(60) / 3))
    estimators = {
        "recurrent": SequenceForecaster(horizon=2, **SMALL),
        "window": FeedForwardForecaster(horizon=2, max_epochs=2, random_state=0),
    }
    result = compare_estimators(estimators, series, cv=TimeSeriesSplit(2, test_size=15))
    assert result.fits["n_train"].tolist() == [30, 45] * 2
    assert result.table["longest"].isna().all()
    table = pd.DataFrame({"sales": series, "day": np.arange(60.0)})
    estimator = SequenceForecaster(horizon=2, target="sales", **SMALL)
    result = compare_estimators({"one": estimator}, table, cv=TimeSeriesSplit(2))
    assert result.table["longest"].isna().all()


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        pd.Series,
        lambda texts: pd.DataFrame({"text": texts}),
        lambda texts: np.array(texts, dtype=object),
    ],
    ids=["list", "tuple", "series", "frame", "array"],
)
def test_a_network_gives_the_same_scores_in_every_container(texts, container):
    X, y = texts
    results = [
        compare_estimators({"a": SequenceClassifier(**SMALL)}, one, y, cv=2)
        for one in (X, container(X))
    ]
    pd.testing.assert_frame_equal(results[0].scores, results[1].scores)


def test_sparse_arrays_are_compared_for_estimators_that_take_them(texts):
    X, y = texts
    counts = CountVectorizer().fit_transform(X)
    result = compare_estimators({"a": LINEAR, "b": MultinomialNB()}, counts, y)
    assert result.table["longest"].isna().all()


def test_a_search_takes_part():
    search = GridSearchCV(LINEAR, {"C": [0.1, 1.0]}, cv=2)
    result = compare_estimators({"search": search, "plain": LINEAR}, X, Y, cv=2)
    assert result.table["n_parameters"].tolist() == [15, 15]


def test_what_is_unknown_is_left_blank(texts):
    lambdas = TfidfVectorizer(tokenizer=lambda text: text.split(), token_pattern=None)
    model = make_pipeline(lambdas, DummyClassifier())
    table = compare_estimators({"a": model}, *texts, cv=2).table
    assert table[["n_parameters", "n_iter", "size"]].isna().all(axis=None)
    assert table["predict_time"].notna().all()


# --- learning curves and lengths ----------------------------------------------------------


def test_a_learning_curve_ends_in_the_scores_of_whole_training_sets(comparison):
    curves = comparison.learning_curves
    assert sorted(curves["train_size"].unique()) == [10, 20, 40]
    whole = curves[curves["train_size"] == 40]
    columns = ["estimator", "fold", "metric", "score"]
    pd.testing.assert_frame_equal(
        whole[columns].reset_index(drop=True), comparison.scores
    )


def test_training_sets_of_a_curve_are_nested_and_equal_for_all(seen):
    numbers = np.arange(20.0)[:, None]
    estimators = {"a": Recorder(), "b": Recorder2()}
    compare_estimators(estimators, numbers, cv=2, train_sizes=[3, 6], random_state=0)
    for fold in (seen[:6], seen[6:]):
        whole, small, middle = (set(fold[i][0]) for i in (0, 2, 4))
        assert small < middle < whole
        assert [fold[i][0] for i in (0, 2, 4)] == [fold[i][0] for i in (1, 3, 5)]
        assert [len(small), len(middle)] == [3, 6]


def test_a_curve_ends_with_the_whole_set_of_every_fold(seen):
    numbers = np.arange(21.0)[:, None]  # folds of 10 and 11
    compare_estimators(
        {"a": Recorder()}, numbers, cv=2, train_sizes=[0.5, 1.0], random_state=0
    )
    assert sorted(len(train) for train, *_ in seen) == [5, 5, 10, 11]


def test_every_beginning_of_an_order_is_stratified():
    labels = np.repeat(["a", "b", "c"], [60, 30, 10])
    train = np.arange(100)[::-1]
    random = np.random.RandomState(0)
    order = nested_order(labels, train, random)
    assert sorted(order) == list(range(100))
    for size in (10, 20, 50):
        counts = pd.Series(labels[train[order[:size]]]).value_counts()
        expected = {"a": 0.6 * size, "b": 0.3 * size, "c": 0.1 * size}
        assert all(abs(counts[name] - n) <= 1 for name, n in expected.items())
    assert nested_order(labels, train, random).tolist() != order.tolist()


@pytest.mark.parametrize(
    ("train_sizes", "message"),
    [
        ([0.5, 1.5], r"shares in \(0, 1\] .* got the shares \[0.5, 1.5\]"),
        (
            [0],
            r"\[1, 75\], the smallest training set, got the numbers of sequences \[0\]",
        ),
        ([10, 76], r"\[1, 75\]"),
        ([], r"must be a list of shares or numbers of sequences, got \[\]"),
        (0.5, "must be a list of shares or numbers of sequences, got 0.5"),
        (["all"], "must be a list of shares"),
    ],
)
def test_training_sizes_that_cannot_be_are_refused(train_sizes, message):
    with pytest.raises(ValueError, match=message):
        compare_estimators({"a": LINEAR}, X, Y, cv=2, train_sizes=train_sizes)


def test_scores_by_length_are_those_of_the_sequences_of_that_length(texts, comparison):
    table = comparison.scores_by_length
    one = table[(table["metric"] == "accuracy") & (table["estimator"] == "words")]
    assert one.groupby("fold")["n_sequences"].sum().tolist() == [20, 20, 20]
    means = one.groupby("fold")[["score", "n_sequences"]].apply(
        lambda part: np.average(part["score"], weights=part["n_sequences"])
    )
    scores = comparison.scores
    whole = scores[(scores["metric"] == "accuracy") & (scores["estimator"] == "words")]
    np.testing.assert_allclose(means, whole["score"])


def test_lengths_can_be_those_of_the_user(texts):
    X, y = texts
    lengths = [len(text) for text in X]
    result = compare_estimators(
        {"a": MultinomialNB()}, np.ones((60, 2)), y, cv=2, by_length=2, lengths=lengths
    )
    assert result.table["longest"].tolist() == [max(lengths)]
    assert len(result.scores_by_length) == 4


def test_each_fit_is_reported_on_standard_error(capsys):
    compare_estimators(
        {"mine": DummyClassifier()}, X, Y, cv=2, train_sizes=[10], verbose=1
    )
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("fold 0, mine: score 0.333 (")
    assert lines[1].startswith("fold 0, mine on 10 sequences: score 0.3")


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimators", "kind", "message"),
    [
        ([LINEAR], TypeError, "must be a dict of names to estimators, .* got list"),
        (LINEAR, TypeError, "must be a dict .* got LogisticRegression"),
        ({}, ValueError, "estimators is empty"),
        ({1: LINEAR}, TypeError, "names in estimators must be strings, got 1"),
        (
            {"a": LogisticRegression},
            TypeError,
            r"estimators\['a'\] is a class, expected an estimator: LogisticRegression\(\)",
        ),
        (
            {"a": LINEAR, "b": "lstm"},
            TypeError,
            r"estimators\['b'\] has no fit, .* 'lstm'",
        ),
        (
            {"a": type("Own", (), {"fit": None})()},
            TypeError,
            r"estimators\['a'\] cannot be cloned",
        ),
    ],
    ids=["list", "estimator", "empty", "number", "class", "text", "foreign"],
)
def test_estimators_must_be_a_dict_of_names_to_estimators(estimators, kind, message):
    with pytest.raises(kind, match=message):
        compare_estimators(estimators, X, Y)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (SequenceRegressor(), r"'b' \(SequenceRegressor\) is a regressor"),
        (DummyRegressor(), r"'b' \(DummyRegressor\) is a regressor"),
        (SequenceTagger(), r"'b' \(SequenceTagger\) is neither a classifier nor a regr"),
        (
            make_pipeline(TfidfVectorizer(), KMeans()),
            r"'b' \(KMeans\) is a clusterer",
        ),
    ],
    ids=["sequence", "dummy", "tagger", "pipeline"],
)
def test_estimators_of_different_tasks_are_refused(other, message):
    start = (
        r"different tasks cannot be compared: 'a' \(SequenceClassifier\) is a classifier"
    )
    with pytest.raises(ValueError, match=f"{start}, {message}"):
        compare_estimators({"a": SequenceClassifier(), "b": other}, X, Y)


def test_scores_of_different_kinds_are_not_mixed():
    estimators = {"a": SequenceTagger(), "b": Seq2SeqTransformer()}
    with pytest.raises(ValueError, match="each have a score of their own; pass scoring"):
        compare_estimators(estimators, [["a"]] * 4, [["A"]] * 4)


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (Y[:-1], None, "X has 150 sequences, but y has 149"),
        (Y, Y[1:], "X has 150 sequences, but groups has 149"),
    ],
)
def test_X_and_y_must_be_of_one_length(y, groups, message):
    with pytest.raises(ValueError, match=message):
        compare_estimators({"a": LINEAR}, X, y, groups=groups)


@pytest.mark.parametrize("wrong", ["text", 3, None])
def test_X_must_be_a_container(wrong):
    with pytest.raises(TypeError, match="X must hold one entry a sequence, got"):
        compare_estimators({"a": LINEAR}, wrong, Y)


def test_a_metric_that_does_not_exist_is_refused_before_the_first_fit(seen):
    with pytest.raises(ValueError, match="'acuracy'"):
        compare_estimators({"a": Recorder()}, X, Y, scoring="acuracy")
    with pytest.raises(TypeError, match="should have a 'score' method"):
        compare_estimators({"a": TfidfVectorizer()}, ["a"] * 5)
    assert seen == []


def test_a_metric_that_does_not_fit_names_the_estimator_and_the_fold():
    labels = np.array(["a", "b", "c"])[Y]
    message = (
        r"estimators\['mine'\] failed in fold 0: scoring='r2' does not fit: could not"
    )
    with pytest.raises(ValueError, match=message):
        compare_estimators({"mine": LINEAR}, X, labels, scoring="r2")


def test_the_first_fit_that_fails_is_named():
    estimators = {"good": LINEAR, "bad": SequenceClassifier(hidden_size=-1)}
    with pytest.raises(
        ValueError, match=r"estimators\['bad'\] failed in fold 0: .*hidden"
    ):
        compare_estimators(estimators, X, Y)


def test_the_steps_of_strings_are_those_of_the_first_tokenizer():
    names, countries = ["Ada", "Benno", "Li"] * 4, ["x", "y", "z"] * 4
    estimators = {
        "counts": make_pipeline(TfidfVectorizer(analyzer="char"), LINEAR),
        "characters": GridSearchCV(
            make_pipeline(SequenceClassifier(tokenizer="char", **SMALL)), {}, cv=2
        ),
    }
    table = compare_estimators(estimators, names, countries, cv=2).table
    assert table["shortest"].tolist() == [2, 2]
    assert table["longest"].tolist() == [5, 5]
