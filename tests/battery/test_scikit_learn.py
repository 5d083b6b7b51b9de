"""Inside scikit-learn: pipelines, searches, ensembles, metadata, threads."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
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
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
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


def take(y, indices):
    """Return some of the targets, where there are any."""
    return None if y is None else [y[i] for i in indices]


# --- tags, parameters, representation ------------------------------------------------


def test_scikit_learn_knows_the_kind_of_estimator(make_estimator):
    model = make_estimator()
    assert is_classifier(model) == (make_estimator.answer == "label")
    assert is_regressor(model) == (make_estimator.answer in ("number", "step numbers"))


def test_parameters_are_set_and_got(make_estimator):
    model = make_estimator()
    params = model.get_params()
    assert list(inspect.signature(type(model)).parameters) == sorted(
        params, key=list(inspect.signature(type(model)).parameters).index
    )
    for name, value in params.items():
        assert getattr(clone(model), name) == value
        assert model.set_params(**{name: value}) is model
    assert clone(model).get_params() == model.get_params() == params


def test_default_parameters_equal_explicit_ones(make_estimator):
    X, y = make_estimator.learnable
    cls, quick = make_estimator.cls, {"max_epochs": 1, "random_state": 0}
    explicit = {
        name: parameter.default
        for name, parameter in inspect.signature(cls).parameters.items()
    }
    models = [cls(**quick).fit(X, y), cls(**{**explicit, **quick}).fit(X, y)]
    assert explicit == cls().get_params()
    assert_array_equal(*(make_estimator.outputs(model, X) for model in models))


def test_parameters_are_keywords_only(make_estimator):
    with pytest.raises(TypeError, match="positional argument"):
        make_estimator.cls(5)


@pytest.mark.parametrize(
    "name", ["hiden_size", "hidden", "Cell", "epochs", "learning_rate", "n_job"]
)
def test_a_misspelt_parameter_is_refused(make_estimator, name):
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}'"):
        make_estimator().set_params(**{name: 1})


def test_the_html_representation_shows_the_parameters(make_estimator, X, y):
    model = make_estimator(lr=0.0123)
    for shown in (model._repr_html_(), model.fit(X, y)._repr_html_()):
        assert type(model).__name__ in shown
        assert "0.0123" in shown
    assert "lr=0.0123" in repr(model)


def test_many_vectors_are_shown_by_their_number(make_reader):
    vectors = {f"w{i}": np.zeros(3) for i in range(100_000)}
    model = make_reader(embeddings=vectors, lr=0.0123)
    assert "<100,000 vectors>" in repr(model)
    assert "lr=0.0123" in repr(model)
    assert model.embeddings is vectors
    assert len(model._repr_html_()) < 1_000_000


# --- splitting -----------------------------------------------------------------------

SPLITTABLE = {
    "list": list,
    "Series": lambda X: pd.Series(X, index=[f"id{i}" for i in range(len(X))]),
    "object array": object_array,
    "frame": lambda X: pd.DataFrame({"sequence": X}),
}


@pytest.mark.parametrize("container", SPLITTABLE)
def test_train_test_split_splits_sequences(make_estimator, X, y, container, outputs):
    parts = [SPLITTABLE[container](X), *([] if y is None else [y])]
    X_train, X_test, *y_parts = train_test_split(*parts, random_state=0)
    train, test = train_test_split(range(24), random_state=0)
    model = make_estimator().fit(X_train, y_parts[0] if y_parts else None)
    expected = make_estimator().fit([X[i] for i in train], take(y, train))
    assert_array_equal(outputs(model, X_test), outputs(expected, [X[i] for i in test]))


@pytest.mark.parametrize("container", SPLITTABLE)
def test_cross_validation_takes_every_container(make_estimator, X, y, container):
    scores = cross_val_score(make_estimator(), SPLITTABLE[container](X), y, cv=2)
    assert scores.shape == (2,)
    assert_array_equal(scores, cross_val_score(make_estimator(), X, y, cv=2))


@pytest.mark.parametrize(
    "method", ["predict_proba", "predict_log_proba", "decision_function"]
)
def test_cross_val_predict_returns_probabilities(make_classifier, X, y, method):
    cv = StratifiedKFold(3)
    got = cross_val_predict(make_classifier(), X, y, cv=cv, method=method)
    assert got.shape == (24, 3)
    train, test = next(cv.split(np.zeros(24), y))
    model = make_classifier().fit([X[i] for i in train], y[train])
    assert_array_equal(got[test], getattr(model, method)([X[i] for i in test]))


def test_cross_validate_scores_by_several_metrics(make_classifier, X, y):
    result = cross_validate(
        make_classifier(),
        X,
        y,
        cv=2,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
        return_estimator=True,
        return_train_score=True,
    )
    for metric in ("accuracy", "neg_log_loss", "roc_auc_ovr"):
        assert np.isfinite(result[f"test_{metric}"]).all()
    assert len(result["estimator"][0].predict(X)) == 24


@pytest.mark.parametrize(
    "cv", [KFold(2), ShuffleSplit(2, random_state=0), TimeSeriesSplit(2)]
)
def test_every_splitter_splits_sequences(make_estimator, X, y, cv):
    scores = cross_val_score(make_estimator(), X, y, cv=cv, error_score="raise")
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()


def test_groups_are_kept_together(make_estimator, X, y):
    groups = np.repeat(range(6), 4)
    scores = cross_val_score(
        make_estimator(), X, y, cv=GroupKFold(3), groups=groups, error_score="raise"
    )
    assert np.isfinite(scores).all()


def test_a_learning_curve_is_drawn_over_sequences(make_estimator, X, y):
    sizes, _, scores = learning_curve(
        make_estimator(), X, y, cv=2, train_sizes=[6, 12], shuffle=True, random_state=0
    )
    assert sizes.tolist() == [6, 12]
    assert scores.shape == (2, 2)
    assert np.isfinite(scores).all()


def test_a_validation_curve_is_drawn_over_a_parameter(make_estimator):
    X, y = make_estimator.learnable
    _, scores = validation_curve(
        make_estimator(max_epochs=10, dropout=0.0),
        X,
        y,
        cv=2,
        param_name="lr",
        param_range=[1e-7, 0.05],
    )
    assert scores.shape == (2, 2)
    assert (scores[1] > scores[0]).all()


# --- searches ------------------------------------------------------------------------


def test_a_grid_search_finds_the_rate_that_learns(make_estimator):
    X, y = make_estimator.learnable
    search = GridSearchCV(
        make_estimator(max_epochs=10, dropout=0.0),
        {"lr": [1e-7, 0.05]},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"lr": 0.05}
    assert search.score(X, y) == search.best_estimator_.score(X, y)
    assert list(search.predict(X)) == list(search.best_estimator_.predict(X))


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


SEARCHES = {
    RandomizedSearchCV: {"n_iter": 2},
    HalvingGridSearchCV: {
        "resource": "max_epochs",
        "max_resources": 4,
        "min_resources": 2,
    },
}


@pytest.mark.parametrize("search", SEARCHES)
def test_other_searches_work(make_estimator, X, y, search):
    found = search(
        make_estimator(),
        {"lr": [0.001, 0.01, 0.1]},
        cv=2,
        random_state=0,
        error_score="raise",
        **SEARCHES[search],
    ).fit(X, y)
    assert found.best_params_["lr"] in [0.001, 0.01, 0.1]
    assert np.isfinite(found.score(X, y))


def test_quantiles_are_scored_by_the_pinball_loss(make_regressor, numbers, y):
    def tenth(estimator, X, y):
        return -mean_pinball_loss(y, estimator.predict_quantiles(X)[:, 0], alpha=0.1)

    scores = cross_val_score(
        make_regressor(loss="quantile"), numbers, y, cv=2, scoring=tenth
    )
    assert (scores < 0).all()
    median = make_scorer(mean_pinball_loss, alpha=0.5, greater_is_better=False)
    assert np.isfinite(median(make_regressor().fit(numbers, y), numbers, y))


# --- pipelines -----------------------------------------------------------------------


def scaled(estimator, **options):
    """Return a pipeline that scales the steps of numeric sequences."""
    return make_pipeline(StepwiseTransformer(StandardScaler()), estimator, **options)


def outputs_of(case, pipeline, X):
    """Return the outputs of the last step for what the others make of X."""
    assert len(pipeline.predict(X)) == len(X)
    return case.outputs(pipeline[-1], pipeline[:-1].transform(X))


def test_a_pipeline_scales_the_steps(make_supervised, numbers, y):
    pipeline = scaled(make_supervised()).fit(numbers, y)
    steps = StepwiseTransformer(StandardScaler()).fit_transform(numbers)
    expected = make_supervised().fit(steps, y)
    assert make_supervised.answers(pipeline, numbers) == make_supervised.answers(
        expected, steps
    )
    assert pipeline.score(numbers, y) == expected.score(steps, y)


def test_a_pipeline_caches_its_steps(make_supervised, numbers, y, tmp_path):
    pipeline = scaled(make_supervised(), memory=str(tmp_path))
    first = outputs_of(make_supervised, pipeline.fit(numbers, y), numbers)
    again = outputs_of(make_supervised, clone(pipeline).fit(numbers, y), numbers)
    assert_array_equal(first, again)
    plain = scaled(make_supervised()).fit(numbers, y)
    assert_array_equal(outputs_of(make_supervised, plain, numbers), first)
    assert any(tmp_path.rglob("output.pkl"))


def test_a_pipeline_is_searched_through(make_supervised, numbers, y):
    pipeline = Pipeline(
        [("scale", StepwiseTransformer(StandardScaler())), ("net", make_supervised())]
    )
    grid = {"scale__transformer__with_mean": [True, False], "net__lr": [0.01, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(numbers, y)
    assert set(search.best_params_) == set(grid)


def test_validation_data_pass_through_a_pipeline(make_estimator, numbers, y):
    pipeline = Pipeline([("net", make_estimator())])
    given = make_estimator.validation(numbers[:8])
    pipeline.fit(numbers, y, **{f"net__{name}": value for name, value in given.items()})
    assert "valid_loss" in pipeline["net"].history_


def test_text_is_cleaned_in_a_pipeline(make_estimator):
    X = ["<b>good</b>", "<i>bad</i>"] * 8
    strip = FunctionTransformer(lambda texts: [text[3:-4] for text in texts])
    y = make_estimator.targets([["good"], ["bad"]] * 8)
    pipeline = make_pipeline(strip, make_estimator()).fit(X, y)
    assert set(pipeline[-1].vocabulary_) == {"good", "bad"}
    assert len(pipeline.predict(X)) == 16


def test_the_global_pandas_output_changes_nothing(make_supervised, numbers, y):
    pipeline = scaled(make_supervised())
    expected = outputs_of(make_supervised, clone(pipeline).fit(numbers, y), numbers)
    with config_context(transform_output="pandas"):
        pipeline.fit(numbers, y)
        assert_array_equal(outputs_of(make_supervised, pipeline, numbers), expected)
    pipeline.set_output(transform="pandas").fit(numbers, y)
    assert_array_equal(outputs_of(make_supervised, pipeline, numbers), expected)


def test_a_scaler_that_gives_frames_may_precede_an_estimator(make_supervised, rng):
    frame = pd.DataFrame(rng.normal(size=(24, 5)), columns=list("abcde"))
    y = make_supervised.targets(frame.to_numpy())
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, make_supervised()).fit(frame, y)
    assert pipeline[-1].feature_names_in_.tolist() == list("abcde")
    plain = make_pipeline(StandardScaler(), make_supervised()).fit(frame.to_numpy(), y)
    assert_array_equal(
        outputs_of(make_supervised, pipeline, frame),
        outputs_of(make_supervised, plain, frame.to_numpy()),
    )


# --- ensembles -----------------------------------------------------------------------


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_classifiers_vote(make_classifier, X, y, voting):
    members = [(f"net{seed}", make_classifier(random_state=seed)) for seed in range(3)]
    vote = VotingClassifier(members, voting=voting).fit(X, y)
    assert set(vote.predict(X)) <= {"u", "v", "w"}
    if voting == "soft":
        mean = np.mean([m.predict_proba(X) for m in vote.estimators_], axis=0)
        assert_allclose(vote.predict_proba(X), mean, rtol=1e-5)


def test_regressors_vote(make_regressor, X, y):
    members = [(f"net{seed}", make_regressor(random_state=seed)) for seed in range(2)]
    vote = VotingRegressor(members).fit(X, y)
    mean = np.mean([member.predict(X) for member in vote.estimators_], axis=0)
    assert_allclose(vote.predict(X), mean)


def test_classifiers_are_stacked(make_classifier, X, y):
    members = [(f"net{seed}", make_classifier(random_state=seed)) for seed in range(2)]
    stack = StackingClassifier(members, LogisticRegression(), cv=2).fit(X, y)
    assert stack.transform(X).shape == (24, 6)
    assert set(stack.predict(X)) <= {"u", "v", "w"}


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_classifiers_are_calibrated(make_classifier, X, y, method):
    model = CalibratedClassifierCV(make_classifier(), method=method, cv=2)
    proba = model.fit(X, y).predict_proba(X)
    assert_allclose(proba.sum(1), 1, rtol=1e-5)


def test_targets_are_transformed_outside(make_regressor, X, y):
    amounts, y = y, np.exp(y)
    model = TransformedTargetRegressor(make_regressor(), func=np.log, inverse_func=np.exp)
    inner = make_regressor().fit(X, amounts)
    assert_allclose(model.fit(X, y).predict(X), np.exp(inner.predict(X)), rtol=1e-6)


def test_classifiers_are_bagged_over_rows(make_classifier, rng, y):
    X = rng.normal(size=(24, 5))
    bag = BaggingClassifier(make_classifier(), n_estimators=2, random_state=0)
    assert bag.fit(X, y).predict_proba(X).shape == (24, 3)


def test_one_classifier_serves_each_class_or_output(make_classifier, rng, y):
    X = rng.normal(size=(24, 5))
    rest = OneVsRestClassifier(make_classifier()).fit(X, y)
    assert rest.predict_proba(X).shape == (24, 3)
    both = MultiOutputClassifier(make_classifier()).fit(X, np.c_[y, y[::-1]])
    assert both.predict(X).shape == (24, 2)


def test_a_classifier_trains_itself_on_what_is_unlabelled(make_classifier, rng):
    X = rng.normal(size=(24, 5))
    y = np.r_[[0, 1] * 6, [-1] * 12]
    model = SelfTrainingClassifier(make_classifier(), max_iter=2).fit(X, y)
    assert set(model.predict(X)) <= {0, 1}


def test_the_importance_of_columns_is_measured(make_many_to_one):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = (X[:, 1] > 0).astype(int)
    model = make_many_to_one(max_epochs=20, lr=0.03, batch_size=16, dropout=0.0)
    importance = permutation_importance(
        model.fit(X, y), X, y, n_repeats=3, random_state=0
    )
    assert importance.importances_mean.argmax() == 1
    assert importance.importances_mean[1] > 0.2


def test_columns_are_selected(make_classifier, rng, y):
    X = rng.normal(size=(24, 3))
    selector = SequentialFeatureSelector(
        make_classifier(), n_features_to_select=1, cv=2
    ).fit(X, y)
    assert selector.get_support().sum() == 1


# --- metadata ------------------------------------------------------------------------


def test_weights_are_routed_through_a_searched_pipeline(make_supervised, numbers, y):
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
                    make_supervised()
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
    got, expected, unweighted = (
        outputs_of(make_supervised, fitted, numbers)
        for fitted in (search.best_estimator_, expected, unweighted)
    )
    assert_array_equal(got, expected)
    assert not np.allclose(got, unweighted, rtol=1e-4)


def test_weights_and_validation_data_may_be_requested(make_estimator, numbers):
    names = ["sample_weight", *make_estimator.validation(numbers)]
    with config_context(enable_metadata_routing=True):
        model = make_estimator().set_fit_request(**dict.fromkeys(names, True))
        requests = model.get_metadata_routing().fit.requests
    assert {name for name, asked in requests.items() if asked} == set(names)


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


@pytest.mark.filterwarnings("ignore:Gradients explode")
def test_numpys_numbers_are_parameters(make_estimator, X, y, outputs):
    whole = {"max_epochs": 2, "batch_size": 8, "embedding_dim": 4, "random_state": 1}
    sizes = {"hidden_size": 4, "num_layers": 1, "hidden_layer_sizes": 4, "beam_size": 2}
    sizes |= {"window": 5, "context": 1, "bptt": 9}
    whole |= {name: size for name, size in sizes.items() if make_estimator.has(name)}
    plain = make_estimator(**whole, lr=0.5, dropout=0.25).fit(X, y)
    numpys = {name: np.int64(value) for name, value in whole.items()}
    model = make_estimator(**numpys, lr=np.float32(0.5), dropout=np.float32(0.25))
    model.fit(X, y)
    assert_array_equal(outputs(model, X), outputs(plain, X))
    assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), X), outputs(plain, X))
