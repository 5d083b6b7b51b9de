"""The user's callbacks: every public one of skorch, and what is left of them."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from types import ModuleType
from unittest.mock import MagicMock

import numpy as np
import pytest
import skorch.callbacks
import torch

from skrnn import SequenceClassifier
from skrnn.training.user_callbacks import prepare_callbacks


class Recorder(skorch.callbacks.Callback):
    """Notes the rate of every update, and the weights after every epoch."""

    def __init__(self):
        self.rates, self.weights = [], []

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net, **kwargs):
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


class Losses(skorch.callbacks.Callback):
    """Puts given values in the place of the validation loss."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, net, **kwargs):
        net.history.record("valid_loss", self.values[len(net.history) - 1])


def train(net, callbacks, *data, epochs):
    net.use_callbacks(callbacks)
    return net.partial_fit(*data, epochs=epochs)


def assert_same_weights(first, second):
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


def prepare(callbacks, schedule="constant", validation=True, scoring=True):
    return prepare_callbacks(
        callbacks, schedule=schedule, validation=validation, scoring=scoring
    )


def test_callbacks_classes_and_named_pairs_are_accepted():
    recorder = Recorder()
    given = (recorder, Recorder, ("name", recorder), ("other", Recorder))
    first, second, (name, third), (other, fourth) = prepare(given)
    assert first is third is recorder
    assert isinstance(second, Recorder)
    assert isinstance(fourth, Recorder)
    assert (name, other) == ("name", "other")


@pytest.mark.parametrize("wrong", [print, "epoch_timer", ("name", 3), int, None])
def test_what_is_not_a_callback_is_named(wrong):
    with pytest.raises(TypeError, match=r"callbacks\[1\] must be a skorch callback"):
        prepare([Recorder(), wrong])


@pytest.mark.parametrize("as_pair", [False, True])
def test_a_callback_of_scikit_learn_is_refused_with_the_method_that_takes_it(as_pair):
    class OfScikitLearn:
        def on_fit_task_end(self, estimator, context):
            """Do nothing."""

    given = ("name", OfScikitLearn()) if as_pair else OfScikitLearn()
    message = (
        r"callbacks\[0\] must be a skorch.* scikit-learn's callbacks are set by set_c"
    )
    with pytest.raises(TypeError, match=message):
        prepare([given])


def test_a_callback_of_skorch_is_copied_and_keeps_its_settings():
    given = skorch.callbacks.LRScheduler("StepLR", step_size=3)
    (used,) = prepare([given])
    assert used is not given
    assert used.get_params() == given.get_params()


# --- every public callback of skorch -------------------------------------------------

#: What is refused before training, and the alternative that the message names.
REFUSED = {
    "EpochScoring": (lambda sc: sc.EpochScoring("accuracy"), "scoring parameter"),
    "BatchScoring": (lambda sc: sc.BatchScoring("accuracy"), "scoring parameter"),
    "InputShapeSetter": (lambda sc: sc.InputShapeSetter(), "features from X"),
    "WarmRestartLR": (lambda sc: sc.WarmRestartLR, "must be a skorch callback"),
}


def writer():
    return MagicMock()


#: How each of the others is made, with files in a folder.
MADE = {
    "Callback": lambda sc, path: sc.Callback(),
    "Checkpoint": lambda sc, path: sc.Checkpoint(dirname=path),
    "EarlyStopping": lambda sc, path: sc.EarlyStopping(load_best=True, sink=str),
    "EpochTimer": lambda sc, path: sc.EpochTimer(),
    "Freezer": lambda sc, path: sc.Freezer("encoder*"),
    "GradientNormClipping": lambda sc, path: sc.GradientNormClipping(1e-3),
    "Initializer": lambda sc, path: sc.Initializer("head.bias", fn=torch.nn.init.zeros_),
    "LRScheduler": lambda sc, path: sc.LRScheduler(),
    "LoadInitState": lambda sc, path: sc.LoadInitState(sc.Checkpoint(dirname=path)),
    "MlflowLogger": lambda sc, path: sc.MlflowLogger(writer(), writer()),
    "NeptuneLogger": lambda sc, path: sc.NeptuneLogger(writer()),
    "ParamMapper": lambda sc, path: sc.ParamMapper("head*", fn=torch.nn.init.zeros_),
    "PassthroughScoring": lambda sc, path: sc.PassthroughScoring("valid_batch_size"),
    "PrintLog": lambda sc, path: sc.PrintLog(sink=str),
    "ProgressBar": lambda sc, path: sc.ProgressBar(),
    "SacredLogger": lambda sc, path: sc.SacredLogger(writer()),
    "TensorBoard": lambda sc, path: sc.TensorBoard(writer()),
    "TrainEndCheckpoint": lambda sc, path: sc.TrainEndCheckpoint(dirname=path),
    "Unfreezer": lambda sc, path: sc.Unfreezer("encoder*"),
    "WandbLogger": lambda sc, path: sc.WandbLogger(MagicMock(dir=path)),
}


@pytest.fixture
def fake_neptune(monkeypatch):
    """Put a module in the place of neptune, which is not installed."""
    for name in ("neptune", "neptune.types", "neptune.handler"):
        module = ModuleType(name)
        module.File = MagicMock()
        module.Handler = type("Handler", (), {})
        monkeypatch.setitem(sys.modules, name, module)


def test_every_public_callback_of_skorch_is_covered():
    assert set(skorch.callbacks.__all__) == MADE.keys() | REFUSED.keys()
    assert not MADE.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", MADE)
def test_a_callback_of_skorch_works_through_a_training(
    name, make_net, make_examples, tmp_path, fake_neptune
):
    given = MADE[name](skorch.callbacks, str(tmp_path))
    before = given.get_params(deep=False)
    net = make_net()
    train(net, prepare([given]), make_examples(), make_examples(9, seed=1), epochs=3)
    net.partial_fit(make_examples(), make_examples(9, seed=1), epochs=1)
    assert len(net.history) == 4
    assert given.get_params(deep=False) == before
    state = vars(given) if name != "LoadInitState" else vars(given.checkpoint)
    assert not any(isinstance(value, TORCH) for value in state.values())


TORCH = (torch.Tensor, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)


@pytest.mark.parametrize("name", REFUSED)
def test_a_callback_of_skorch_that_cannot_work_is_refused_before_training(name):
    make, alternative = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=rf"callbacks\[0\].*{alternative}"):
        prepare([make(skorch.callbacks)])


NEEDS_VALIDATION = {
    "EarlyStopping": lambda sc: sc.EarlyStopping(),
    "Checkpoint": lambda sc: sc.Checkpoint(),
    "WandbLogger": lambda sc: sc.WandbLogger(writer()),
    "LRScheduler": lambda sc: sc.LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
}


@pytest.mark.parametrize("name", NEEDS_VALIDATION)
def test_a_monitor_of_validation_is_refused_where_there_is_none(name):
    callback = NEEDS_VALIDATION[name](skorch.callbacks)
    with pytest.raises(
        ValueError, match=rf"\({name}\) needs 'valid_loss.*train_loss.*X_val"
    ):
        prepare([callback], validation=False)
    prepare([callback], validation=True)


@pytest.mark.parametrize("monitor", ["valid_score", "valid_score_best", "valid_acc"])
def test_a_monitor_that_is_not_recorded_is_refused(monitor):
    with pytest.raises(
        ValueError,
        match=rf"needs '{monitor}', .* does not record for each epoch; monitor",
    ):
        prepare([skorch.callbacks.Checkpoint(monitor)], scoring=False)


def test_a_users_callback_before_a_monitor_may_record_anything():
    monitor = skorch.callbacks.EarlyStopping("own")
    prepare([Recorder(), monitor])
    with pytest.raises(ValueError, match="needs 'own'"):
        prepare([monitor, Recorder()])


def averages(name, on_train=False):
    return skorch.callbacks.PassthroughScoring(name, on_train=on_train)


#: Name, on_train, validation: what can be averaged, and the remedy where it cannot.
AVERAGED = {
    ("train_loss", True, False): None,
    ("train_loss", True, True): None,
    ("train_batch_size", True, False): None,
    ("valid_loss", False, True): None,
    ("valid_batch_size", False, True): None,
    ("event_lr", True, False): None,
    ("train_loss", False, False): "use on_train=True",
    ("train_loss", False, True): "use on_train=True",
    ("train_batch_size", False, True): "use on_train=True",
    ("event_lr", False, True): "use on_train=True",
    ("valid_loss", False, False): "use on_train=True, or pass X_val",
    ("valid_loss", True, True): "use on_train=False and validation data",
    ("valid_loss", True, False): "use on_train=False and validation data",
    ("typo", False, True): "average valid_loss",
    ("typo", True, True): "average valid_loss",
    ("typo", False, False): "use on_train=True, or pass X_val",
}


@pytest.mark.parametrize(("name", "on_train", "validation"), AVERAGED)
def test_an_average_of_what_no_batch_has_is_refused(
    name, on_train, validation, make_net, make_examples
):
    remedy = AVERAGED[name, on_train, validation]
    scheduler = skorch.callbacks.LRScheduler("StepLR", step_every="batch", step_size=9)
    callbacks = [scheduler, averages(name, on_train)]
    if remedy is not None:
        with pytest.raises(
            ValueError, match=rf"\[1\] \(Pass.* needs '{name}'.*; {remedy}"
        ):
            prepare(callbacks, validation=validation)
        return
    net, data = make_net(), [make_examples(), make_examples(9)][: 1 + validation]
    train(net, prepare(callbacks, validation=validation), *data, epochs=2)
    assert np.isfinite(net.history[:, name]).all()


def test_an_average_of_what_a_users_callback_records_is_accepted(make_net, make_examples):
    class Records(skorch.callbacks.Callback):
        def on_batch_end(self, net, **kwargs):
            net.history.record_batch("own", 2.0)

    monitor = skorch.callbacks.EarlyStopping("own", patience=9)
    callbacks = prepare([averages("own", True), monitor, Records()], validation=False)
    net = train(make_net(), callbacks, make_examples(), epochs=2)
    assert net.history[:, "own"] == [2.0, 2.0]
    with pytest.raises(ValueError, match="needs 'own' in each validation batch"):
        prepare([averages("own"), Records()], validation=False)


@pytest.mark.parametrize("monitor", ["valid_loss", "lr", "train_loss_best"])
def test_a_schedule_by_batch_monitors_what_training_batches_have(
    monitor, make_net, make_examples
):
    def plateau(monitor):
        policy = "ReduceLROnPlateau"
        return skorch.callbacks.LRScheduler(policy, monitor, step_every="batch")

    with pytest.raises(
        ValueError, match=rf"'{monitor}'.* each batch; monitor one of train"
    ):
        prepare([plateau(monitor)])
    train(make_net(), prepare([plateau("train_loss")]), make_examples(), epochs=2)


@pytest.mark.parametrize("monitor", ["skipped_updates", "event_lr", "dur"])
def test_what_the_loop_and_earlier_callbacks_record_can_be_monitored(
    monitor, make_net, make_examples
):
    scheduler = skorch.callbacks.LRScheduler("StepLR", step_size=9)
    callbacks = prepare([scheduler, skorch.callbacks.EarlyStopping(monitor, patience=9)])
    assert len(train(make_net(), callbacks, make_examples(), epochs=2).history) == 2


# --- subclasses of skorch's callbacks ------------------------------------------------


class Counted(skorch.callbacks.EarlyStopping):
    """Records when training ends."""

    def on_train_end(self, net, **kwargs):
        super().on_train_end(net, **kwargs)
        self.n_ = len(net.history)


class Rated(skorch.callbacks.LRScheduler):
    """Records the rates."""

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        self.n_ = len(net.history)


class Saved(skorch.callbacks.TrainEndCheckpoint):
    """Records that it saved."""

    def on_train_end(self, net, **kwargs):
        super().on_train_end(net, **kwargs)
        self.n_ = len(net.history)


@pytest.mark.parametrize("kind", [Counted, Rated, Saved])
def test_a_users_subclass_of_a_callback_keeps_what_it_records(kind, tmp_path):
    options = {
        Counted: {"monitor": "train_loss", "load_best": True, "sink": str},
        Rated: {"policy": "StepLR", "step_size": 1},
        Saved: {"dirname": str(tmp_path)},
    }
    callback = kind(**options[kind])
    model = small_classifier(callbacks=[callback]).fit(NUMBERS, LABELS)
    assert callback.n_ == 3
    assert not any(isinstance(value, TORCH) for value in vars(callback).values())
    assert b"_rebuild" not in pickle.dumps(model)
    assert len(pickle.dumps(callback)) < 1500
    model.set_params(warm_start=True).fit(NUMBERS, LABELS)
    assert callback.n_ == 6


@pytest.mark.parametrize("module", ["skorch", "users"])
def test_a_checkpoint_is_found_whoever_loads_it(
    module, make_net, make_examples, tmp_path
):
    loads = skorch.callbacks.LoadInitState
    if module == "users":
        loads = type("Loads", (loads,), {"__module__": "users"})
    checkpoint = skorch.callbacks.TrainEndCheckpoint(dirname=str(tmp_path))
    given = loads(checkpoint)
    for n_epochs in (2, 3):
        net = make_net()
        callbacks = prepare([checkpoint, given])
        train(net, callbacks, make_examples(), make_examples(9), epochs=n_epochs)
    assert len(net.history) == 5
    assert given.checkpoint is checkpoint


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "plateau"])
def test_two_schedules_of_the_rate_are_refused(schedule):
    with pytest.raises(ValueError, match='use lr_schedule="constant" with it'):
        prepare([skorch.callbacks.LRScheduler()], schedule=schedule)


def test_a_learning_rate_scheduler_sets_the_rate_as_torch_does(make_net, make_examples):
    recorder = Recorder()
    scheduler = skorch.callbacks.LRScheduler("ExponentialLR", gamma=0.5)
    net = make_net(lr=0.08)
    net.set_learning_rate(0.08)
    train(net, prepare([scheduler, recorder]), make_examples(), epochs=3)
    assert recorder.rates == pytest.approx([0.08] * 4 + [0.04] * 4 + [0.02] * 4)
    assert net.history[:, "event_lr"] == pytest.approx([0.08, 0.04, 0.02])


def test_the_best_checkpoint_is_loaded_after_training(make_net, make_examples, tmp_path):
    net, recorder = make_net(), Recorder()
    losses = Losses([5.0, 3.0, 4.0])

    class Best(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("valid_loss_best", len(net.history) <= 2)

    checkpoint = skorch.callbacks.Checkpoint(dirname=str(tmp_path), load_best=True)
    callbacks = prepare([losses, Best(), recorder, checkpoint])
    train(net, callbacks, make_examples(), make_examples(9), epochs=3)
    assert_same_weights(net.module_.state_dict(), recorder.weights[1])
    assert net.history[:, "event_cp"] == [True, True]  # which is loaded, too


@pytest.mark.parametrize("kind", ["Checkpoint", "TrainEndCheckpoint"])
def test_a_later_training_starts_from_a_checkpoint(
    kind, make_net, make_examples, tmp_path
):
    def fit(epochs, seed):
        options = {"monitor": None} if kind == "Checkpoint" else {}
        checkpoint = getattr(skorch.callbacks, kind)(dirname=str(tmp_path), **options)
        callbacks = [checkpoint, skorch.callbacks.LoadInitState(checkpoint), Recorder()]
        net = make_net(seed=seed, lr=1e-9)
        prepared = prepare(callbacks)
        train(net, prepared, make_examples(), make_examples(9), epochs=epochs)
        return net

    first, second = fit(2, 0), fit(1, 1)
    assert len(second.history) == 3
    assert second.history[:2, "train_loss"] == first.history[:, "train_loss"]


def test_the_best_epochs_so_far_are_recorded_as_skorch_does(make_net, make_examples):
    net = make_net(lr=0.3)
    net.partial_fit(make_examples(), make_examples(9), epochs=6)
    for name in ("train_loss", "valid_loss"):
        values = net.history[:, name]
        best = [
            value < min(values[:i], default=math.inf) for i, value in enumerate(values)
        ]
        assert net.history[:, f"{name}_best"] == best


def test_the_best_epochs_of_a_second_training_count_those_before(make_net, make_examples):
    net = make_net(lr=1e-9)
    net.partial_fit(make_examples(), epochs=1)
    snapshot = net.snapshot()
    net.history[0]["train_loss"] = 0.0
    net.partial_fit(make_examples(), epochs=2)
    assert net.history[1:, "train_loss_best"] == [False, False]
    net.restore(snapshot)
    net.history[0]["train_loss"] = 1e9
    net.partial_fit(make_examples(), epochs=1)
    assert net.history[1, "train_loss_best"]


def test_of_the_batches_of_an_epoch_the_last_is_kept(make_net, make_examples):
    net = make_net().partial_fit(make_examples(), epochs=2)
    assert [len(batches) for batches in net.history[:, "batches"]] == [1, 1]


@pytest.mark.parametrize("count", ["auto", "count"])
def test_a_progress_bar_knows_the_number_of_batches(count, make_net, make_examples):
    net = make_net()
    bar = skorch.callbacks.ProgressBar(batches_per_epoch=count)
    train(net, prepare([bar]), make_examples(), make_examples(9), epochs=2)
    (used,) = [cb for _, cb in net.callbacks_ if isinstance(cb, type(bar))]
    assert used.pbar_.total == used.pbar_.n == 4 + 1


def test_unfrozen_weights_are_trained(make_net, make_examples):
    recorder = Recorder()
    net = make_net()
    net.module_.head.weight.requires_grad_(False)
    net.initialize_optimizer()
    unfreezer = skorch.callbacks.Unfreezer("head.weight", at=2)
    train(net, prepare([unfreezer, recorder]), make_examples(), epochs=2)
    first, second = (weights["head.weight"] for weights in recorder.weights)
    assert not torch.equal(first, second)


# --- who ends training ---------------------------------------------------------------


@pytest.mark.parametrize("misses", [0, 1])
def test_an_interrupt_inside_skorchs_early_stopping_is_the_users(
    misses, make_net, make_examples
):
    class Interrupted(skorch.callbacks.EarlyStopping):
        def _is_score_improved(self, score):
            self.misses_ = misses
            raise KeyboardInterrupt

    net = make_net()
    with pytest.raises(KeyboardInterrupt):
        train(net, prepare([Interrupted(patience=2)]), *[make_examples()] * 2, epochs=1)


# --- in an estimator -----------------------------------------------------------------


def small_classifier(**params):
    return SequenceClassifier(
        hidden_size=4, max_epochs=3, lr_schedule="constant", random_state=0, **params
    )


NUMBERS = [[0.5, 1.0], [1.0], [2.0, 0.1, 0.3], [0.7]] * 6
LABELS = ["a", "b", "b", "a"] * 6


def test_a_scheduler_adds_nothing_to_the_pickle_of_an_estimator():
    callbacks = [skorch.callbacks.LRScheduler("StepLR", step_size=1)]
    plain = small_classifier().fit(NUMBERS, LABELS)
    scheduled = small_classifier(callbacks=callbacks).fit(NUMBERS, LABELS)
    sizes = [len(pickle.dumps(model)) for model in (plain, scheduled)]
    assert sizes[1] - sizes[0] < 1500
    assert b"torch.optim" not in pickle.dumps(callbacks)


def test_no_training_is_lost_to_a_checkpoint_at_its_end(tmp_path):
    callbacks = [skorch.callbacks.TrainEndCheckpoint(dirname=str(tmp_path))]
    model = small_classifier(callbacks=callbacks).fit(NUMBERS, LABELS)
    assert len(model.history_) == 3
    saved = torch.load(tmp_path / "train_end_params.pt")
    assert_same_weights(model.net_.module_.state_dict(), saved)


def test_a_callback_that_could_not_work_leaves_the_estimator_unfitted():
    model = small_classifier(callbacks=[skorch.callbacks.EarlyStopping()])
    with pytest.raises(ValueError, match=r"\(EarlyStopping\) needs 'valid_loss'"):
        model.fit(NUMBERS, LABELS)
    assert not hasattr(model, "net_")
