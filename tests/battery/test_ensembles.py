"""Ensembles of every estimator: averages of members that a fit alone would have trained."""

from __future__ import annotations

import copy
import pickle
import signal
import time
import warnings
from functools import partial
from pickle import PicklingError
from threading import Lock

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from skorch.callbacks import Callback, Checkpoint, TrainEndCheckpoint

from skrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceRegressor,
    StopTraining,
)
from skrnn.inspection import gradient_norms, hidden_states
from skrnn.persistence import load_model, save_model
from skrnn.training.interrupts import Interrupts
from skrnn.training.net import SequenceNet
from skrnn.training.updates import Diverged

TEXTS, LABELS = [["a", "b"], ["b"], ["a"], ["b", "b", "c"]] * 6, [1, 0, 1, 0] * 6


def small(**more):
    parameters = {"hidden_size": 4, "max_epochs": 3, "random_state": 0} | more
    return SequenceClassifier(**parameters)


def weights(net):
    return {name: w.numpy().copy() for name, w in net.module_.state_dict().items()}


def assert_same_weights(a, b):
    for name, value in weights(a).items():
        assert_array_equal(value, weights(b)[name], err_msg=name)


def test_the_first_member_is_the_network_of_a_fit_alone(make_any, X, case):
    alone, many = case.fit(X), case.fit(X, n_estimators=2)
    first, second = many.net_.nets
    assert_same_weights(first, alone.net_)
    changed = [
        not np.array_equal(w, weights(second)[name]) for name, w in weights(first).items()
    ]
    assert any(changed)
    assert many.n_parameters_ == 2 * alone.n_parameters_
    assert many.history_["member"].tolist() == np.repeat([1, 2], alone.n_iter_).tolist()


def test_members_trained_side_by_side_are_those_trained_in_turn(
    make_any, X, case, outputs
):
    in_turn = case.fit(X, n_estimators=2)
    side_by_side = case.fit(X, n_estimators=2, n_jobs=2)
    assert_array_equal(outputs(side_by_side, X), outputs(in_turn, X))


def test_an_ensemble_is_the_same_after_loading(make_any, X, case, outputs, tmp_path):
    model = case.fit(X, n_estimators=2)
    expected = outputs(model, X)
    save_model(model, tmp_path / "model")
    for again in (
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        load_model(tmp_path / "model"),
    ):
        assert_array_equal(outputs(again, X), expected)
        assert again.history_.equals(model.history_)


def test_training_further_trains_every_member(make_any, X, case):
    model = case.fit(X, n_estimators=2, warm_start=True)
    before = [weights(net) for net in model.net_.nets]
    model.fit(X, case.targets(X))
    alone = case.fit(X, warm_start=True).fit(X, case.targets(X))
    assert_same_weights(model.net_.nets[0], alone.net_)
    for net, old in zip(model.net_.nets, before, strict=True):
        assert any(not np.array_equal(w, old[name]) for name, w in weights(net).items())


def test_members_are_estimators_of_their_own(make_any, X, case, outputs):
    alone = case.fit(X)
    (itself,) = alone.estimators_
    assert itself is alone
    first, second = case.fit(X, n_estimators=2).estimators_
    assert (first.n_estimators, first.n_parameters_) == (1, alone.n_parameters_)
    assert_array_equal(outputs(first, X), outputs(alone, X))
    again = pickle.loads(pickle.dumps(second))
    assert_array_equal(outputs(again, X), outputs(second, X))
    assert again.estimators_[0] is again


def test_processes_return_what_threads_do():
    model = small(n_estimators=2, n_jobs=2)
    expected = model.fit(TEXTS, LABELS).predict_proba(TEXTS)
    with joblib.parallel_config("loky"):
        in_processes = model.fit(TEXTS, LABELS)
        assert_array_equal(in_processes.predict_proba(TEXTS), expected)
        in_processes.set_params(warm_start=True).fit(TEXTS, LABELS)
    threads = small(n_estimators=2, warm_start=True).fit(TEXTS, LABELS).fit(TEXTS, LABELS)
    assert_same_weights(in_processes.net_, threads.net_)


def warnings_of(model, ignored=BytesWarning):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ignored)
        model.fit(TEXTS, LABELS)
    return sorted((str(one.message), one.category, one.filename) for one in caught)


class Complains(Callback):
    """Warns of the same in each member."""

    def on_train_begin(self, net, **kwargs):
        warnings.warn("as a user warns", FutureWarning, stacklevel=2)


def test_warnings_of_members_in_other_processes_reach_the_caller():
    still = {"lr": 1e-9, "max_epochs": 12, "batch_size": 4, "dropout": 0.0}
    model = small(n_estimators=2, **still)
    expected = warnings_of(model)
    assert [text[:9] for text, *_ in expected] == ["member 1 ", "member 2 "]
    model.set_params(n_jobs=2, callbacks=[Complains()])
    with joblib.parallel_config("loky"):
        once, *found = warnings_of(model)
        assert once == ("as a user warns", FutureWarning, __file__)
        assert found == expected
        assert warnings_of(model, ignored=FutureWarning) == expected


@pytest.mark.parametrize("kind", [Checkpoint, TrainEndCheckpoint])
@pytest.mark.parametrize(
    "make", [lambda one: one(), lambda one: one, lambda one: ("a", one())]
)
def test_callbacks_that_write_files_are_refused_by_name(
    kind, make, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model = small(n_estimators=2, callbacks=[make(kind)])
    name = kind.__name__
    with pytest.raises(ValueError, match=rf"callbacks\[0\] \({name}\) writes files"):
        model.fit(TEXTS, LABELS)
    assert not list(tmp_path.iterdir())


def test_probabilities_and_numbers_are_means_and_vectors_stand_side_by_side():
    def members(cls, y):
        many = cls(hidden_size=4, max_epochs=2, n_estimators=3, random_state=0)
        return many.fit(TEXTS, y), many.estimators_

    many, singles = members(SequenceClassifier, LABELS)
    mean = np.mean([one.predict_proba(TEXTS) for one in singles], axis=0)
    assert_allclose(many.predict_proba(TEXTS), mean, rtol=1e-5)
    vectors = np.concatenate([one.transform(TEXTS) for one in singles], axis=1)
    assert_array_equal(many.transform(TEXTS), vectors)
    assert len(many.get_feature_names_out()) == vectors.shape[1]
    many, singles = members(SequenceRegressor, np.arange(24.0))
    mean = np.mean([one.predict(TEXTS) for one in singles], axis=0)
    assert_allclose(many.predict(TEXTS), mean, rtol=1e-5)


QUANTILES = {"loss": "quantile", "quantiles": (0.1, 0.5, 0.9), "random_state": 0}


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (SequenceRegressor, (TEXTS, np.random.default_rng(0).normal(size=24))),
        (
            partial(SequenceForecaster, horizon=3, window=8),
            (np.sin(np.arange(80.0)) + np.random.default_rng(0).normal(size=80),),
        ),
    ],
)
def test_quantiles_are_means_where_no_members_cross(make, data):
    model = make(hidden_size=4, max_epochs=20, lr=0.05, n_estimators=3, **QUANTILES)
    model.fit(*data)
    quantiles = [one.predict_quantiles(data[0]) for one in model.estimators_]
    assert min(np.diff(values).min() for values in quantiles) > 0
    expected = np.mean(quantiles, axis=0)
    assert_allclose(model.predict_quantiles(data[0]), expected, rtol=1e-5)


def test_members_share_one_validation_split(monkeypatch):
    splits = []
    draw = SequenceClassifier._hold_out

    def counted(*args):
        splits.append(draw(*args))
        return splits[-1]

    monkeypatch.setattr(SequenceClassifier, "_hold_out", counted)
    model = small(n_estimators=3, early_stopping=True).fit(TEXTS, LABELS)
    assert len(splits) == 1
    assert model.history_["valid_loss"].notna().all()


@pytest.fixture
def diverging(monkeypatch):
    """Return the seeds of networks whose training diverges after it has begun."""
    train, seeds = SequenceNet.partial_fit, set()

    def diverge(net, *args, **options):
        trained = train(net, *args, **options)
        if net.seed in seeds:
            raise Diverged("Training diverged")
        return trained

    monkeypatch.setattr(SequenceNet, "partial_fit", diverge)
    return seeds


def test_a_member_that_diverges_is_left_out_and_the_others_keep_their_numbers(
    diverging, tmp_path
):
    _, second, third = small(n_estimators=3).fit(TEXTS, LABELS).net_.nets
    diverging.add(second.seed)
    with pytest.warns(ConvergenceWarning, match="member 2 of 3 is left out: Training"):
        model = small(n_estimators=3, warm_start=True).fit(TEXTS, LABELS)
    assert_same_weights(model.net_.nets[1], third)
    save_model(model, tmp_path / "model")
    for again in (
        model,
        pickle.loads(pickle.dumps(model)),
        load_model(tmp_path / "model"),
    ):
        assert again.history_["member"].tolist() == [1] * 3 + [3] * 3
    diverging.add(third.seed)
    with pytest.warns(ConvergenceWarning, match="member 3 of 3 keeps its former weights"):
        again.fit(TEXTS, LABELS)
    assert again.history_["member"].tolist() == [1] * 6 + [3] * 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_member_that_diverges_in_a_warm_start_keeps_its_weights(diverging, n_jobs):
    model = small(n_estimators=2, n_jobs=n_jobs, warm_start=True).fit(TEXTS, LABELS)
    first, second = map(weights, model.net_.nets)
    diverging.add(model.net_.nets[0].seed)
    with pytest.warns(ConvergenceWarning, match="member 1 of 2 keeps its former weights"):
        model.fit(TEXTS, LABELS)
    found = list(map(weights, model.net_.nets))
    for name, value in first.items():
        assert_array_equal(found[0][name], value)
    assert any(not np.array_equal(second[name], w) for name, w in found[1].items())
    assert model.history_["member"].tolist() == [1] * 3 + [2] * 6


def test_a_fit_whose_members_all_diverge_fails(diverging):
    diverging |= {net.seed for net in small(n_estimators=2).fit(TEXTS, LABELS).net_.nets}
    model = small(n_estimators=2)
    message = "no member is trained; member 1 of 2: Training diverged"
    with pytest.raises(ValueError, match=message):
        model.fit(TEXTS, LABELS)
    assert not hasattr(model, "net_")


def test_lines_of_progress_name_the_member(capsys):
    small(n_estimators=2, n_jobs=1, verbose=1).fit(TEXTS, LABELS)
    starts = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert starts == 2 * ["member 1 of 2"] + 2 * ["member 2 of 2"]


class StopAt(Callback):
    """Ends training after so many epochs, or interrupts a member's."""

    def __init__(self, n_epochs, error=StopTraining):
        self.n_epochs = n_epochs
        self.error = error

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.n_epochs:
            raise self.error

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        assert not state


def test_callbacks_of_scikit_learn_see_the_ensemble_grow():
    monitor = ScoringMonitor(scoring="neg_log_loss")
    model = small(n_estimators=3).set_callbacks(monitor).fit(TEXTS, LABELS)
    scores = [
        -log_loss(LABELS, np.mean([m.predict_proba(TEXTS) for m in members], axis=0))
        for members in (model.estimators_[:1], model.estimators_[:2], model.estimators_)
    ]
    found = monitor.get_logs().data_as_pandas["neg_log_loss"]
    assert_allclose(found, [scores[-1], *scores], rtol=1e-5)  # the fit, and its members


class StopAfter:
    """A callback of scikit-learn that wants the end after so many subtasks."""

    def __init__(self, n_subtasks):
        self.n_subtasks = n_subtasks

    def setup(self, estimator, context):
        assert context.max_subtasks == 3

    def teardown(self, estimator, context):
        assert context.task_name == "fit"

    def on_fit_task_begin(self, estimator, context):
        assert estimator.n_estimators == 3

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and context.task_id + 1 == self.n_subtasks


@pytest.mark.parametrize(("n_jobs", "n_members"), [(None, 2), (2, 3)])
def test_a_callback_of_scikit_learn_ends_an_ensemble(n_jobs, n_members, tmp_path):
    model = small(n_estimators=3, n_jobs=n_jobs, checkpoint=tmp_path / "model")
    model.set_callbacks(StopAfter(2)).fit(TEXTS, LABELS)
    assert len(model.estimators_) == n_members
    assert not list(tmp_path.iterdir())


def test_members_that_a_warm_start_does_not_reach_stay_as_they_are():
    model = small(n_estimators=3, warm_start=True).fit(TEXTS, LABELS)
    before = [weights(net) for net in model.net_.nets]
    model.set_callbacks(StopAfter(2)).fit(TEXTS, LABELS)
    assert [len(net.history) for net in model.net_.nets] == [6, 6, 3]
    for name, value in weights(model.net_.nets[2]).items():
        assert_array_equal(value, before[2][name])


class PressAt(Callback):
    """Presses Ctrl-C when the training of one member begins, or in its second epoch."""

    n_begun = 0

    def __init__(self, member, n_epochs):
        self.member = member
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net, **kwargs):
        PressAt.n_begun += len(net.history) == 1
        if (PressAt.n_begun, len(net.history)) == (self.member, self.n_epochs):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("member", "n_epochs", "warned"),
    [(1, 2, "1 of 3 members are"), (2, 1, "2 of 3 members are"), (3, 1, None)],
)
def test_ctrl_c_keeps_the_members_trained_so_far(member, n_epochs, warned, monkeypatch):
    monkeypatch.setattr(PressAt, "n_begun", 0)
    monkeypatch.setattr(Interrupts, "last", -np.inf)
    model = small(n_estimators=3, on_interrupt="keep")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.set_params(callbacks=[PressAt(member, n_epochs)]).fit(TEXTS, LABELS)
    assert len(model.estimators_) == member
    first, *texts = (str(one.message) for one in found)
    assert first.startswith("Ctrl-C ends training")
    assert texts == ([] if warned is None else [f"Ctrl-C: {warned} trained"])


def test_members_stay_if_the_only_one_that_trains_before_ctrl_c_diverges(
    monkeypatch, diverging
):
    model = small(n_estimators=3, on_interrupt="keep", warm_start=True).fit(TEXTS, LABELS)
    diverging.add(model.net_.nets[0].seed)
    before = [weights(net) for net in model.net_.nets]
    monkeypatch.setattr(Interrupts, "last", -np.inf)
    model.set_params(callbacks=[PressInWarm()])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(TEXTS, LABELS)
    texts = [str(one.message) for one in found]
    assert any(t.startswith("member 1 of 3 keeps its former weights") for t in texts)
    for net, kept in zip(model.net_.nets, before, strict=True):
        for name, value in weights(net).items():
            assert_array_equal(value, kept[name])


class PressInWarm(Callback):
    """Presses Ctrl-C in the fifth epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 5:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_a_warm_start_says_how_many_members_are_trained(monkeypatch):
    model = small(n_estimators=3, on_interrupt="keep", warm_start=True).fit(TEXTS, LABELS)
    before = [weights(net) for net in model.net_.nets]
    monkeypatch.setattr(Interrupts, "last", -np.inf)
    model.set_params(callbacks=[PressInWarm()])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(TEXTS, LABELS)
    assert "Ctrl-C: 1 of 3 members are trained" in [str(one.message) for one in found]
    assert [len(net.history) for net in model.net_.nets] == [5, 3, 3]
    for i in (1, 2):
        for name, value in weights(model.net_.nets[i]).items():
            assert_array_equal(value, before[i][name])


def test_ctrl_c_before_the_first_update_of_an_ensemble_raises(monkeypatch):
    monkeypatch.setattr(PressAt, "n_begun", 0)
    monkeypatch.setattr(Interrupts, "last", -np.inf)
    model = small(n_estimators=3, on_interrupt="keep", callbacks=[PressAt(1, 1)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(TEXTS, LABELS)
    assert not hasattr(model, "net_")


def test_each_member_has_callbacks_of_its_own():
    model = small(n_estimators=2, callbacks=[StopAt(2)]).fit(TEXTS, LABELS)
    assert model.history_.index.tolist() == [1, 2, 1, 2]
    assert model.n_iter_ == 2


class Reverses:
    """An ``augment`` with a state: it reverses the sequences in each second pass."""

    def __init__(self, lock=None):
        self.n_passes, self.lock = 0, lock

    def __call__(self, X, random_state):
        self.n_passes += 1
        return [x[:: 1 if self.n_passes % 2 else -1] for x in X]


def test_each_member_augments_by_a_state_of_its_own():
    augment = Reverses()
    nets = small(augment=augment, n_estimators=3).fit(TEXTS, LABELS).net_.nets
    assert augment.n_passes == 0
    assert_same_weights(nets[0], small(augment=Reverses()).fit(TEXTS, LABELS).net_)
    side_by_side = small(augment=augment, n_estimators=3, n_jobs=3).fit(TEXTS, LABELS)
    for net, other in zip(nets, side_by_side.net_.nets, strict=True):
        assert_same_weights(net, other)


def test_an_augment_that_cannot_be_copied_serves_one_network_and_is_refused_by_more():
    model = small(augment=Reverses(Lock()), max_epochs=1).fit(TEXTS, LABELS)
    model.set_params(n_estimators=2)
    with pytest.raises(ValueError, match=r"augment=.* cannot be copied.*_thread.lock"):
        model.fit(TEXTS, LABELS)


class Holds(Callback):
    """Holds what cannot be copied, in a parameter as ``clone`` sees it."""

    def __init__(self, lock):
        self.lock = lock


def test_a_callback_that_cannot_be_copied_serves_one_network_and_is_refused_by_more(
    make_any,
):
    X, y = make_any.learnable
    params = {"callbacks": [Holds(Lock())], "max_epochs": 1, "batch_size": 64}
    if make_any.has("calibration_fraction"):
        params["calibration_fraction"] = 0.4
    model = make_any(**params).fit(X, y)
    assert model.n_iter_ == 1
    model.set_params(n_estimators=2)
    with pytest.raises(ValueError, match=r"callbacks=.* cannot be copied.*_thread.lock"):
        model.fit(X, y)


class NotPickled(Callback):
    def __deepcopy__(self, memo):
        return NotPickled()

    def __reduce__(self):
        raise TypeError("it holds a socket")


def test_a_callback_that_does_not_reach_other_processes_is_named():
    model = small(n_estimators=2, n_jobs=2, callbacks=[NotPickled()], max_epochs=1)
    assert model.fit(TEXTS, LABELS).n_iter_ == 1
    named = r"callbacks=\[<.*NotPickled.* cannot be pickled, .* processes .*a socket"
    with joblib.parallel_config("loky"), pytest.raises(PicklingError, match=named):
        model.fit(TEXTS, LABELS)


@pytest.mark.parametrize("n_estimators", [0, -1, 1.5, "auto"])
def test_impossible_numbers_of_members_are_refused(n_estimators):
    with pytest.raises(ValueError, match="'n_estimators' parameter"):
        small(n_estimators=n_estimators).fit(TEXTS, LABELS)


def test_the_number_of_members_cannot_change_in_a_warm_start():
    model = small(n_estimators=2, warm_start=True).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="n_estimators was 2"):
        model.set_params(n_estimators=3).fit(TEXTS, LABELS)


class Interrupted(Exception):
    pass


class InterruptOnce(StopAt):
    """Interrupts the training of the second member, as a killed process would."""

    left = 2

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            type(self).left -= 1
            if self.left == 0:
                raise Interrupted


@pytest.mark.parametrize("in_directory", [False, True])
def test_an_interrupted_ensemble_resumes_member_by_member(
    tmp_path, in_directory, monkeypatch
):
    monkeypatch.setattr(InterruptOnce, "left", 2)
    path = tmp_path if in_directory else tmp_path / "model"
    options = {"n_estimators": 3, "random_state": 5, "callbacks": [InterruptOnce(2)]}
    model = small(checkpoint=path, **options)
    with pytest.raises(Interrupted):
        model.fit(TEXTS, LABELS)
    trained = []
    train = SequenceNet.partial_fit

    def counted(net, *args, **kwargs):
        trained.append(net.seed)
        return train(net, *args, **kwargs)

    monkeypatch.setattr(SequenceNet, "partial_fit", counted)
    model.fit(TEXTS, LABELS)
    assert len(trained) == 2  # the first had ended
    assert model.history_["member"].tolist() == [1] * 3 + [2] * 3 + [3] * 3
    assert_same_weights(
        model.net_, small(n_estimators=3, random_state=5).fit(TEXTS, LABELS).net_
    )
    if not in_directory:
        assert list(tmp_path.iterdir()) == []


class FailsAt(StopAt):
    """Fails in the second member while the first is trained."""

    def on_epoch_end(self, net, **kwargs):
        if net.seed == self.error and len(net.history) >= self.n_epochs:
            raise RuntimeError("a callback fails")
        time.sleep(0.01)


def test_no_member_is_trained_any_more_when_a_fit_has_failed():
    model = small(n_estimators=2, warm_start=True, lr_schedule="constant").fit(
        TEXTS, LABELS
    )
    expected = model.predict_proba(TEXTS)
    fails = FailsAt(5, model.net_.nets[1].seed)
    model.set_params(n_jobs=2, max_epochs=200, callbacks=[fails])
    with pytest.raises(RuntimeError, match="a callback fails"):
        model.fit(TEXTS, LABELS)
    assert_array_equal(model.predict_proba(TEXTS), expected)
    time.sleep(0.1)
    assert_array_equal(model.predict_proba(TEXTS), expected)
    assert len(model.history_) == 6


def test_states_and_gradients_are_those_of_the_first_member():
    many = small(n_estimators=2).fit(TEXTS, LABELS)
    first = many.estimators_[0]
    for layer in (0, -1):
        a, b = (hidden_states(one, TEXTS, layer=layer) for one in (many, first))
        assert_array_equal(np.concatenate(list(a)), np.concatenate(list(b)))
    a, b = (gradient_norms(one, TEXTS, LABELS) for one in (many, first))
    assert a.columns.equals(b.columns)
