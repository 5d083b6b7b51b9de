"""Inside scikit-learn: pipelines, searches, ensembles, metadata, threads."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from skrnn.data.ragged import object_array
from skrnn.preprocessing import StepwiseTransformer


@pytest.fixture
def X(words):
    """Return sequences of words: scikit-learn does the same to every kind of X."""
    return words


# --- tags and representation ---------------------------------------------------------


def test_scikit_learn_knows_what_kind_it_is(make_estimator):
    model = make_estimator()
    assert is_classifier(model) != is_regressor(model)
    assert is_classifier(model) == hasattr(model, "predict_proba")


def test_parameters_are_set_and_got(make_estimator):
    model = make_estimator()
    for name, value in model.get_params().items():
        assert getattr(clone(model), name) == value
        assert model.set_params(**{name: value}) is model


def test_the_html_representation_shows_the_parameters(make_estimator, X, y):
    model = make_estimator(lr=0.0123)
    for shown in (model._repr_html_(), model.fit(X, y)._repr_html_()):
        assert type(model).__name__ in shown
        assert "0.0123" in shown
    assert "lr=0.0123" in repr(model)


# --- splitting -----------------------------------------------------------------------

SPLITTABLE = {
    "list": list,
    "Series": lambda X: pd.Series(X, index=[f"id{i}" for i in range(len(X))]),
    "object array": object_array,
    "frame": lambda X: pd.DataFrame({"sequence": X}),
}


@pytest.mark.parametrize("container", SPLITTABLE)
def test_train_test_split_splits_sequences(make_estimator, X, y, container, outputs):
    split = train_test_split(SPLITTABLE[container](X), y, random_state=0)
    plain = train_test_split(X, y, random_state=0)
    model = make_estimator().fit(split[0], split[2])
    expected = outputs(make_estimator().fit(plain[0], plain[2]), plain[1])
    assert_array_equal(outputs(model, split[1]), expected)


@pytest.mark.parametrize("container", SPLITTABLE)
def test_cross_validation_takes_every_container(make_estimator, X, y, container):
    scores = cross_val_score(make_estimator(), SPLITTABLE[container](X), y, cv=2)
    assert scores.shape == (2,)
    assert_array_equal(scores, cross_val_score(make_estimator(), X, y, cv=2))


def test_cross_validate_scores_by_several_metrics(make_classifier, X, labels):
    result = cross_validate(
        make_classifier(),
        X,
        labels,
        cv=2,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
        return_estimator=True,
        return_train_score=True,
    )
    for metric in ("accuracy", "neg_log_loss", "roc_auc_ovr"):
        assert np.isfinite(result[f"test_{metric}"]).all()
    assert len(result["estimator"][0].predict(X)) == 24


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_cross_val_predict_puts_the_folds_together(make_classifier, X, labels, method):
    cv = StratifiedKFold(3)
    got = cross_val_predict(make_classifier(), X, labels, cv=cv, method=method)
    assert got.shape == ((24,) if method == "predict" else (24, 3))
    train, test = next(cv.split(np.zeros(24), labels))
    model = make_classifier().fit([X[i] for i in train], labels[train])
    assert_array_equal(got[test], getattr(model, method)([X[i] for i in test]))


def test_time_series_are_split_in_their_order(make_regressor, numbers, amounts):
    cv = TimeSeriesSplit(3)
    scores = cross_val_score(
        make_regressor(), numbers, amounts, cv=cv, scoring="neg_mean_absolute_error"
    )
    assert np.isfinite(scores).all()


def test_a_learning_curve_is_drawn_over_sequences(make_estimator, X, y):
    sizes, _, scores = learning_curve(
        make_estimator(), X, y, cv=2, train_sizes=[6, 12], shuffle=True, random_state=0
    )
    assert sizes.tolist() == [6, 12]
    assert scores.shape == (2, 2)
    assert np.isfinite(scores).all()


def test_a_validation_curve_is_drawn_over_a_parameter(make_estimator, X, y):
    model = make_estimator()
    scoring = "neg_log_loss" if is_classifier(model) else "r2"
    _, scores = validation_curve(
        model, X, y, cv=2, param_name="lr", param_range=[0.001, 0.1], scoring=scoring
    )
    assert scores.shape == (2, 2)
    assert (scores[0] != scores[1]).any()


# --- searches ------------------------------------------------------------------------


def test_a_grid_search_finds_what_it_should(make_classifier):
    X = np.repeat([[1.0], [-1.0]], 20, axis=0)[:, :, None] * np.ones((1, 3, 1))
    y = np.repeat(["plus", "minus"], 20)
    search = GridSearchCV(
        make_classifier(max_epochs=10),
        {"lr": [1e-7, 0.05]},
        cv=2,
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"lr": 0.05}
    assert search.predict(X).tolist() == y.tolist()


@pytest.mark.slow
def test_two_workers_find_the_same_as_one(make_estimator, words, y, outputs):
    X = words
    grid = {"lr": [0.001, 0.01], "dropout": [0.0, 0.3]}
    searches = [
        GridSearchCV(make_estimator(), grid, cv=2, n_jobs=n_jobs, error_score="raise")
        for n_jobs in (1, 2)
    ]
    one, two = (search.fit(X, y) for search in searches)
    assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert one.best_params_ == two.best_params_
    assert_array_equal(outputs(one.best_estimator_, X), outputs(two.best_estimator_, X))


@pytest.mark.parametrize("search", [RandomizedSearchCV, HalvingGridSearchCV])
def test_other_searches_work(make_estimator, X, y, search):
    options = {
        RandomizedSearchCV: {"n_iter": 2},
        HalvingGridSearchCV: {"resource": "max_epochs", "max_resources": 4},
    }[search]
    if search is HalvingGridSearchCV:
        options["min_resources"] = 2
    found = search(
        make_estimator(),
        {"lr": [0.001, 0.01, 0.1]},
        cv=2,
        random_state=0,
        error_score="raise",
        **options,
    ).fit(X, y)
    assert found.best_params_["lr"] in [0.001, 0.01, 0.1]
    assert np.isfinite(found.score(X, y))


def test_quantiles_are_scored_by_the_pinball_loss(make_regressor, numbers, amounts):
    def tenth(estimator, X, y):
        return -mean_pinball_loss(y, estimator.predict_quantiles(X)[:, 0], alpha=0.1)

    scores = cross_val_score(
        make_regressor(loss="quantile"), numbers, amounts, cv=2, scoring=tenth
    )
    assert (scores < 0).all()
    median = make_scorer(mean_pinball_loss, alpha=0.5, greater_is_better=False)
    assert np.isfinite(median(make_regressor().fit(numbers, amounts), numbers, amounts))


# --- pipelines -----------------------------------------------------------------------


def test_a_pipeline_caches_its_steps(make_estimator, numbers, y, tmp_path, outputs):
    pipeline = make_pipeline(
        StepwiseTransformer(StandardScaler()), make_estimator(), memory=str(tmp_path)
    )
    first = outputs_of(pipeline.fit(numbers, y), numbers)
    again = outputs_of(clone(pipeline).fit(numbers, y), numbers)
    assert_array_equal(first, again)
    plain = make_pipeline(StepwiseTransformer(StandardScaler()), make_estimator())
    assert_array_equal(outputs_of(plain.fit(numbers, y), numbers), first)
    assert any(tmp_path.rglob("output.pkl"))


def outputs_of(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def test_a_pipeline_is_searched_through(make_estimator, numbers, y):
    pipeline = Pipeline(
        [("scale", StepwiseTransformer(StandardScaler())), ("net", make_estimator())]
    )
    grid = {"scale__transformer__with_mean": [True, False], "net__lr": [0.01, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(numbers, y)
    assert set(search.best_params_) == set(grid)


def test_validation_data_goes_through_a_pipeline(make_estimator, numbers, y):
    pipeline = Pipeline([("net", make_estimator())])
    pipeline.fit(numbers, y, net__X_val=numbers[:8], net__y_val=y[:8])
    assert "valid_loss" in pipeline["net"].history_


def test_text_is_cleaned_in_a_pipeline(make_classifier):
    X = ["<b>good</b>", "<i>bad</i>"] * 8
    strip = FunctionTransformer(lambda texts: [text[3:-4] for text in texts])
    pipeline = make_pipeline(strip, make_classifier()).fit(X, [1, 0] * 8)
    assert set(pipeline[-1].vocabulary_) == {"good", "bad"}


def test_the_global_pandas_output_changes_nothing(make_estimator, numbers, y):
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), make_estimator())
    expected = outputs_of(clone(pipeline).fit(numbers, y), numbers)
    with config_context(transform_output="pandas"):
        assert_array_equal(outputs_of(pipeline.fit(numbers, y), numbers), expected)
    pipeline.set_output(transform="pandas")
    assert_array_equal(outputs_of(pipeline.fit(numbers, y), numbers), expected)


def test_a_scaler_that_gives_frames_stands_before_an_estimator(make_estimator, y, rng):
    frame = pd.DataFrame(rng.normal(size=(24, 5)), columns=list("abcde"))
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, make_estimator()).fit(frame, y)
    assert pipeline[-1].feature_names_in_.tolist() == list("abcde")
    plain = make_pipeline(StandardScaler(), make_estimator()).fit(frame.to_numpy(), y)
    assert_array_equal(outputs_of(pipeline, frame), outputs_of(plain, frame.to_numpy()))


# --- ensembles -----------------------------------------------------------------------


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_classifiers_vote(make_classifier, X, labels, voting):
    members = [(f"net{seed}", make_classifier(random_state=seed)) for seed in range(3)]
    vote = VotingClassifier(members, voting=voting).fit(X, labels)
    assert set(vote.predict(X)) <= {"u", "v", "w"}
    if voting == "soft":
        mean = np.mean([m.predict_proba(X) for m in vote.estimators_], axis=0)
        assert_allclose(vote.predict_proba(X), mean, rtol=1e-5)


def test_regressors_vote(make_regressor, X, amounts):
    members = [(f"net{seed}", make_regressor(random_state=seed)) for seed in range(2)]
    vote = VotingRegressor(members).fit(X, amounts)
    mean = np.mean([member.predict(X) for member in vote.estimators_], axis=0)
    assert_allclose(vote.predict(X), mean)


def test_classifiers_are_stacked(make_classifier, X, labels):
    members = [(f"net{seed}", make_classifier(random_state=seed)) for seed in range(2)]
    stack = StackingClassifier(members, LogisticRegression(), cv=2).fit(X, labels)
    assert stack.transform(X).shape == (24, 6)
    assert set(stack.predict(X)) <= {"u", "v", "w"}


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_classifiers_are_calibrated(make_classifier, X, labels, method):
    model = CalibratedClassifierCV(make_classifier(), method=method, cv=2)
    proba = model.fit(X, labels).predict_proba(X)
    assert_allclose(proba.sum(1), 1, rtol=1e-5)


def test_targets_are_transformed_outside(make_regressor, X, amounts):
    y = np.exp(amounts)
    model = TransformedTargetRegressor(make_regressor(), func=np.log, inverse_func=np.exp)
    inner = make_regressor().fit(X, amounts)
    assert_allclose(model.fit(X, y).predict(X), np.exp(inner.predict(X)), rtol=1e-6)


def test_classifiers_are_bagged_over_rows(make_classifier, rng, labels):
    X = rng.normal(size=(24, 5))
    bag = BaggingClassifier(make_classifier(), n_estimators=2, random_state=0)
    assert bag.fit(X, labels).predict_proba(X).shape == (24, 3)


def test_one_classifier_serves_each_class_or_output(make_classifier, rng, labels):
    X = rng.normal(size=(24, 5))
    rest = OneVsRestClassifier(make_classifier()).fit(X, labels)
    assert rest.predict_proba(X).shape == (24, 3)
    both = MultiOutputClassifier(make_classifier()).fit(X, np.c_[labels, labels[::-1]])
    assert both.predict(X).shape == (24, 2)


def test_a_classifier_trains_itself_on_what_is_unlabelled(make_classifier, rng):
    X = rng.normal(size=(24, 5))
    y = np.r_[[0, 1] * 6, [-1] * 12]
    model = SelfTrainingClassifier(make_classifier(), max_iter=2).fit(X, y)
    assert set(model.predict(X)) <= {0, 1}


def test_the_importance_of_columns_is_measured(make_estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = (X[:, 1] > 0).astype(int)
    model = make_estimator(max_epochs=20, lr=0.03, batch_size=16, dropout=0.0)
    importance = permutation_importance(
        model.fit(X, y), X, y, n_repeats=3, random_state=0
    )
    assert importance.importances_mean.argmax() == 1
    assert importance.importances_mean[1] > 0.2


def test_columns_are_selected(make_classifier, rng, labels):
    X = rng.normal(size=(24, 3))
    selector = SequentialFeatureSelector(
        make_classifier(), n_features_to_select=1, cv=2
    ).fit(X, labels)
    assert selector.get_support().sum() == 1


# --- metadata ------------------------------------------------------------------------


def test_weights_are_routed_through_a_searched_pipeline(make_estimator, numbers, y):
    weights = np.where(np.arange(24) < 12, 1.0, 0.1)
    with config_context(enable_metadata_routing=True):
        pipeline = Pipeline(
            [
                (
                    "scale",
                    StepwiseTransformer(StandardScaler()).set_fit_request(
                        sample_weight=False
                    ),
                ),
                (
                    "net",
                    make_estimator()
                    .set_fit_request(sample_weight=True)
                    .set_score_request(sample_weight=True),
                ),
            ]
        )
        search = GridSearchCV(pipeline, {"net__lr": [0.01]}, cv=2, error_score="raise")
        search.fit(numbers, y, sample_weight=weights)
        expected = clone(pipeline).set_params(net__lr=0.01)
        expected.fit(numbers, y, sample_weight=weights)
        unweighted = clone(pipeline).set_params(net__lr=0.01).fit(numbers, y)
    got = outputs_of(search.best_estimator_, numbers)
    assert_array_equal(got, outputs_of(expected, numbers))
    assert not np.allclose(got, outputs_of(unweighted, numbers), rtol=1e-4)


def test_weights_and_validation_data_may_be_asked_for(make_estimator):
    with config_context(enable_metadata_routing=True):
        model = make_estimator().set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        request = model.get_metadata_routing().fit.requests
    assert request == {"sample_weight": True, "X_val": True, "y_val": True}


# --- threads and processes -----------------------------------------------------------


def test_fits_in_threads_side_by_side_give_the_same_bits_as_alone(
    make_estimator, X, y, outputs
):
    def fit(seed):
        model = make_estimator(random_state=seed, max_epochs=4).fit(X, y)
        return outputs(model, X)

    alone = [fit(seed) for seed in range(4)]
    with parallel_config(backend="threading", n_jobs=2):
        together = Parallel()(delayed(fit)(seed) for seed in range(4))
    assert_array_equal(together, alone)


def test_one_model_predicts_in_several_threads(make_estimator, X, y, outputs):
    model = make_estimator().fit(X, y)
    expected = outputs(model, X)
    with parallel_config(backend="threading", n_jobs=2):
        results = Parallel()(delayed(outputs)(model, X) for _ in range(8))
    for result in results:
        assert_array_equal(result, expected)


THREADS = """
import os
import torch
from joblib import Parallel, delayed

def count():
    import skrnn
    import torch
    return torch.get_num_threads()

if __name__ == "__main__":
    print(*Parallel(n_jobs=2)(delayed(count)() for _ in range(4)))
"""


@pytest.mark.slow
def test_workers_share_the_cores(tmp_path, monkeypatch):
    (tmp_path / "count.py").write_text(THREADS)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    printed = subprocess.run(
        [sys.executable, tmp_path / "count.py"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    each = max(1, cpu_count() // 2)
    assert [int(n) for n in printed.split()] == [each] * 4


def test_training_leaves_torchs_settings_alone(make_estimator, X, y):
    before = (
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
    )
    make_estimator().fit(X, y).predict(X)
    after = (
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
    )
    assert after == before


def test_a_fit_works_where_gradients_are_off(make_estimator, X, y, outputs):
    expected = outputs(make_estimator().fit(X, y), X)
    with torch.no_grad():
        model = make_estimator().fit(X, y)
    assert_array_equal(outputs(model, X), expected)


@pytest.mark.parametrize("setting", ["default_dtype", "default_device"])
def test_torchs_defaults_do_not_matter(make_estimator, X, y, outputs, setting):
    expected = outputs(make_estimator(batch_size=7).fit(X, y), X)
    values = {"default_dtype": (torch.float64, torch.float32)}
    values["default_device"] = (
        "meta",
        None,
    )  # whatever landed there would have no values
    other, usual = values[setting]
    change = getattr(torch, f"set_{setting}")
    change(other)
    try:
        got = outputs(make_estimator(batch_size=7).fit(X, y), X)
    finally:
        change(usual)
    assert_array_equal(got, expected)


def test_numpys_numbers_are_parameters(make_estimator, X, y, outputs):
    whole = {"max_epochs": 2, "batch_size": 8, "embedding_dim": 4, "random_state": 1}
    if "cell" in make_estimator().get_params():
        whole |= {"hidden_size": 4, "num_layers": 1}
    else:
        whole |= {"hidden_layer_sizes": 4, "window": 5}
    plain = make_estimator(**whole, lr=0.5, dropout=0.25).fit(X, y)
    numpys = {name: np.int64(value) for name, value in whole.items()}
    model = make_estimator(**numpys, lr=np.float32(0.5), dropout=np.float32(0.25))
    model.fit(X, y)
    assert_array_equal(outputs(model, X), outputs(plain, X))
    assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), X), outputs(plain, X))
