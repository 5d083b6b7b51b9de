"""scikit-learn's protocol of callbacks, for every estimator."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skrnn import SequenceClassifier, StopTraining
from skrnn.persistence import load_model, save_model
from skrnn.preprocessing import StepwiseTransformer


class Recorder:
    """Notes what it is told, and may end training after some epochs."""

    def __init__(self, end_after=None):
        self.end_after = end_after
        self.events, self.models = [], []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name, context.max_subtasks))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name, context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, X=None):
        self.events.append(("end", context.task_name, context.task_id))
        self.models.append(fitted_estimator)
        return context.task_name == "epoch" and context.task_id + 1 == self.end_after


def test_a_directory_does_not_keep_a_fit_that_a_callback_ended(tmp_path):
    X, y = [["a"], ["b", "a"]] * 4, [0, 1] * 4
    params = {"hidden_size": 4, "max_epochs": 4, "random_state": 0}
    model = SequenceClassifier(checkpoint=tmp_path, **params)
    ended = clone(model).set_callbacks(Recorder(end_after=2)).fit(X, y)
    assert ended.n_iter_ == 2
    assert not list(tmp_path.iterdir())
    whole, expected = model.fit(X, y), SequenceClassifier(**params).fit(X, y)
    assert whole.n_iter_ == 4
    assert_array_equal(whole.predict_proba(X), expected.predict_proba(X))


class Propagated(Recorder):
    """Is told of estimators inside another one, too."""

    max_propagation_depth = None


class Interrupt(Callback):
    """Interrupts the second epoch."""

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def the_tasks(name="fit", n_epochs=3, n_run=3):
    """Return the events of a training."""
    epochs = [(what, "epoch", i) for i in range(n_run) for what in ("begin", "end")]
    return [
        ("setup", name, n_epochs),
        ("begin", name, 0),
        *epochs,
        ("end", name, 0),
        ("teardown", name, n_epochs),
    ]


# --- every estimator -----------------------------------------------------------------


def test_callbacks_see_the_fit_and_its_epochs(make_any, X, y, outputs):
    recorder = Recorder()
    plain = make_any(max_epochs=3).fit(X, y)
    model = make_any(max_epochs=3).set_callbacks(recorder).fit(X, y)
    assert recorder.events == the_tasks()
    # each epoch's estimator is one of its own
    assert [one.n_iter_ for one in recorder.models] == [1, 2, 3, 3]
    assert [len(one.history_) for one in recorder.models] == [1, 2, 3, 3]
    first, _, last, _ = (outputs(one, X) for one in recorder.models)
    assert_array_equal(last, outputs(model, X))
    assert_array_equal(outputs(plain, X), last)
    assert (first != last).any()


def test_a_monitor_scores_each_epoch(make_any, X, y):
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X, y)})
    model = make_any().set_callbacks(monitor).fit(X, y)
    scores = monitor.get_logs().data_as_pandas["score"]
    assert scores.notna().all()
    assert scores.iloc[-1] == pytest.approx(model.score(X, y))


def test_a_callback_ends_training_after_an_epoch(make_any, X, y, outputs):
    recorder = Recorder(end_after=2)
    model = make_any(max_epochs=5, lr_schedule="constant").set_callbacks(recorder)
    model.fit(X, y)
    assert model.n_iter_ == len(model.history_) == 2
    assert recorder.events == the_tasks(n_epochs=5, n_run=2)
    two = make_any(max_epochs=2, lr_schedule="constant").fit(X, y)
    assert_array_equal(outputs(model, X), outputs(two, X))


@pytest.mark.parametrize("moment", ["on_train_begin", "on_batch_end", "on_train_end"])
def test_a_callback_of_skorch_may_stop_a_fit_before_its_first_epoch_ends(
    make_any, X, y, outputs, moment
):
    def stop(net, **kwargs):
        raise StopTraining

    callback = Callback()
    setattr(callback, moment, stop)
    model = make_any(max_epochs=2, callbacks=[callback]).fit(X, y)
    assert model.n_iter_ == len(model.history_) == (2 if moment == "on_train_end" else 0)
    assert np.isfinite(outputs(model, X)).all()


# --- one estimator -------------------------------------------------------------------


@pytest.fixture
def make(all_cases):
    """Return the function that makes a small classifier."""
    (found,) = [case for case in all_cases if case.cls is SequenceClassifier]
    return found


@pytest.fixture
def steps(rng):
    return [rng.normal(size=(n, 3)) for n in rng.integers(1, 7, size=24)]


@pytest.fixture
def labels():
    return np.array(["u", "v", "w"])[np.arange(24) % 3]


def test_a_sample_weight_reaches_the_scorer(make, steps, labels):
    monitor, weight = ScoringMonitor(scoring="accuracy"), np.arange(24.0)
    model = make().set_callbacks(monitor).fit(steps, labels, sample_weight=weight)
    last = monitor.get_logs().data[-1]["accuracy"]
    assert last == pytest.approx(model.score(steps, labels, sample_weight=weight))


def test_the_held_out_score_is_in_the_history_that_callbacks_see(make, steps, labels):
    recorder = Recorder()
    model = make(scoring="accuracy", early_stopping=True).set_callbacks(recorder)
    model.fit(steps, labels)
    seen = recorder.models[-1].history_
    assert seen[["train_score", "valid_score"]].notna().all(axis=None)


def test_callbacks_of_skorch_work_beside_them(make, steps, labels):
    class Count(Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs += 1

    count = Count()
    model = make(max_epochs=4, callbacks=[count]).set_callbacks(Recorder(end_after=2))
    assert model.fit(steps, labels).n_iter_ == count.n_epochs == 2


def test_callbacks_are_torn_down_when_training_is_interrupted(make, steps, labels):
    recorder = Recorder()
    model = make(callbacks=[Interrupt()]).set_callbacks(recorder)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(steps, labels)
    assert recorder.events[-2:] == [("begin", "epoch", 1), ("teardown", "fit", 2)]
    assert vars(model) == before


def test_nothing_is_set_up_for_data_that_are_refused(make, steps, labels):
    recorder = Recorder()
    with pytest.raises(ValueError, match="X has 0 sequences"):
        make().set_callbacks(recorder).fit([], [])
    assert recorder.events == []


def test_each_training_is_a_run_of_its_own(make, steps, labels):
    recorder = Recorder()
    model = make(max_epochs=1, warm_start=True).set_callbacks(recorder)
    model.fit(steps, labels).fit(steps, labels).partial_fit(steps, labels)
    of_fit = the_tasks(n_epochs=1, n_run=1)
    assert recorder.events == of_fit * 2 + the_tasks("partial-fit", 1, 1)
    assert [one.n_iter_ for one in recorder.models] == [1] * 6
    model.set_callbacks().fit(steps, labels)
    assert len(recorder.models) == 6


def test_clones_and_copies_keep_the_callbacks(make, steps, labels, tmp_path):
    recorder = Recorder()
    model = make(max_epochs=1).set_callbacks(recorder)
    clone(model).fit(steps, labels)
    assert recorder.events == the_tasks(n_epochs=1, n_run=1)
    model.fit(steps, labels)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        (kept,) = again._skl_callbacks
        again.fit(steps, labels)
        assert kept.events == the_tasks(n_epochs=1, n_run=1) * 3
    save_model(model, tmp_path / "model")
    assert not hasattr(load_model(tmp_path / "model"), "_skl_callbacks")


def test_what_is_no_callback_is_refused(make):
    with pytest.raises(TypeError, match="FitCallback protocol"):
        make().set_callbacks(Callback())


def test_a_search_over_a_pipeline_tells_of_the_epochs(make, steps, labels, capsys):
    scaler = StepwiseTransformer(StandardScaler())
    pipeline = Pipeline([("scale", scaler), ("net", make())])
    search = GridSearchCV(pipeline, {"net__hidden_size": [3, 4]}, cv=2)
    propagated, bar = Propagated(), ProgressBar(max_propagation_depth=None)
    search.set_callbacks(propagated, bar).fit(steps, labels)
    # each of four fits and the last one, of all the data, has two epochs
    assert sum(event[:2] == ("end", "epoch") for event in propagated.events) == 5 * 2
    shown = capsys.readouterr().out
    assert "SequenceClassifier - fit" in shown
    assert "StepwiseTransformer" in shown


def test_a_monitor_may_be_set_inside_of_a_search_with_threads(make, steps, labels):
    monitor = ScoringMonitor(scoring="accuracy")
    search = GridSearchCV(make(), {"lr": [0.1, 0.2]}, cv=2, n_jobs=2)
    search.estimator.set_callbacks(monitor)
    with parallel_config("threading"):
        search.fit(steps, labels)
    logs = monitor.get_logs().data_as_pandas
    assert (logs["task_name"] == "epoch").sum() == 5 * 2
