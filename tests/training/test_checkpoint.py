"""Files from which an interrupted training resumes."""

from __future__ import annotations

import errno
import os
import pickle
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import skorch.callbacks
import torch
from numpy.testing import assert_array_equal
from sklearn.callback import ScoringMonitor
from skorch.callbacks import Callback

from skrnn import SequenceClassifier
from skrnn.persistence import ModelFileError, save_model
from skrnn.training import checkpoint
from skrnn.training.checkpoint import SPACING, FitIdentity
from skrnn.training.files import read_file
from skrnn.training.updates import Updates

WORDS = [["a", "b"], ["b"], ["a"], ["b", "b"]] * 4
LABELS = [1, 0, 1, 0] * 4
HAS_NUMBA = find_spec("numba") is not None


class Stop(Callback):
    """Stands for the end of the process in an epoch."""

    epoch = None

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == Stop.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def path(tmp_path):
    return tmp_path / "one.checkpoint"


@pytest.fixture
def make(path, monkeypatch):
    """Return a function that makes an estimator with a checkpoint, always due."""
    monkeypatch.setattr(checkpoint, "SPACING", 0)
    monkeypatch.setattr(Stop, "epoch", None)

    def make(**params):
        quick = {"hidden_size": 4, "max_epochs": 6, "random_state": 0}
        quick |= {"checkpoint": path, "callbacks": [Stop()]}
        return SequenceClassifier(**quick | params)

    return make


@pytest.fixture
def stopped(make, monkeypatch):
    """Return a function that fits until an epoch, and leaves a checkpoint."""

    def fit(epoch=4, **params):
        monkeypatch.setattr(Stop, "epoch", epoch)
        with pytest.raises(KeyboardInterrupt):
            make(**params).fit(WORDS, LABELS)
        monkeypatch.setattr(Stop, "epoch", None)

    return fit


# --- whose file it is ----------------------------------------------------------------


def identity(estimator="SequenceClassifier", X="1", **parameters):
    shown = {name: (str(value), repr(value)) for name, value in parameters.items()}
    return FitIdentity(estimator, shown, {"X": (X, "")})


def test_the_differences_of_two_fits_are_named():
    one = identity(lr=0.1, cell="gru", tokenizer="word")
    assert one.differences(identity(lr=0.1, cell="gru", tokenizer="word")) == []
    assert one.differences(identity(lr=0.2, cell="gru", X="2", tokenizer="word")) == [
        "lr=0.2 in place of 0.1",
        "another X",
    ]
    assert one.differences(identity("SequenceTagger")) == [
        "its estimator is SequenceTagger, and this is SequenceClassifier"
    ]


def test_every_difference_changes_the_digest():
    fits = [
        identity(),
        identity("Other"),
        identity(X="2"),
        identity(lr=1),
        identity(lr=2),
    ]
    assert len({fit.digest for fit in fits}) == 5


@pytest.mark.parametrize(
    ("params", "data", "message"),
    [
        ({"hidden_size": 5}, {}, "hidden_size=4 in place of 5"),
        ({"max_epochs": 7}, {}, "max_epochs=6 in place of 7"),
        (
            {"random_state": np.random.RandomState(0)},
            {},
            "random_state=0 in place of Rand",
        ),
        ({"tokenizer": str.split}, {}, "tokenizer='word' in place of"),
        ({"callbacks": None}, {}, r"callbacks=\[.* in place of None"),
        ({}, {"X": [["a"], *WORDS[1:]]}, "another fit: another X"),
        ({}, {"y": [0, *LABELS[1:]]}, "another fit: another y"),
        ({}, {"sample_weight": [2.0] * 16}, "another fit: another sample_weight"),
        ({}, {"X_val": WORDS, "y_val": LABELS}, "another X_val, another y_val"),
    ],
)
def test_the_file_of_another_fit_is_refused_and_kept(
    make, stopped, path, params, data, message
):
    stopped()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message) as error:
        make(**params).fit(**{"X": WORDS, "y": LABELS, **data})
    assert str(error.value).endswith("pass a directory, which keeps a file for each fit")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "params", [{"verbose": 1}, {"on_interrupt": "keep"}, {"keep_optimizer": True}]
)
def test_parameters_that_do_not_change_what_is_learned_may_differ(
    make, stopped, path, params, capsys
):
    stopped()
    assert len(make(**params).fit(WORDS, LABELS).history_) == 6
    assert not path.exists()


def test_the_same_data_may_come_in_another_container(make, stopped, path):
    stopped()
    X = np.fromiter(WORDS, object, len(WORDS))
    make().fit(X, np.array(LABELS))
    assert not path.exists()


def test_a_directory_has_a_file_for_each_fit(make, tmp_path, path):
    for lr in (0.01, 0.02, 0.01):
        make(checkpoint=str(tmp_path), lr=lr).fit(WORDS, LABELS)
    names = [file.name for file in tmp_path.iterdir()]
    assert len(names) == 2
    assert all(name.startswith("SequenceClassifier-") for name in names)


@pytest.mark.parametrize("given", ["nowhere/one.checkpoint", "nowhere/"])
def test_a_missing_directory_is_named_before_training(make, tmp_path, given):
    with pytest.raises(
        ValueError, match=r"checkpoint=.*there is no directory '.*nowhere'"
    ):
        make(checkpoint=f"{tmp_path}/{given}").fit(WORDS, LABELS)


def test_an_empty_path_is_refused(make, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with pytest.raises(ValueError, match=r"^checkpoint='' is empty"):
        make(checkpoint="").fit(WORDS, LABELS)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("empty", [Path(), Path("")])
def test_an_empty_path_object_is_not_the_current_directory(
    make, path, monkeypatch, empty
):
    monkeypatch.chdir(path.parent)
    with pytest.raises(ValueError, match=r'^checkpoint=Path\(""\) is empty'):
        make(checkpoint=empty).fit(WORDS, LABELS)
    assert not list(path.parent.iterdir())
    make(checkpoint=".").fit(WORDS, LABELS)
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("name", ["n" * 300, "n" * 250, "a\0b", "a\0b/", "file/one"])
def test_a_path_that_cannot_be_written_is_refused_by_name(make, path, name):
    path.with_name("file").touch()
    with pytest.raises(ValueError, match=r"^checkpoint='"):
        make(checkpoint=f"{path.parent}/{name}").fit(WORDS, LABELS)


def test_a_directory_in_the_place_of_a_file_is_refused(make, path):
    path.with_name("one.checkpoint.member-1").mkdir()
    with pytest.raises(ModelFileError, match=r"^checkpoint='.*member-1' cannot be read"):
        make(n_estimators=2).fit(WORDS, LABELS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:500] + b"?" + content[501:],
        lambda content: b"something else",
    ],
)
def test_a_damaged_file_is_refused_and_kept(make, stopped, path, damage):
    stopped()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelFileError, match=r"^checkpoint='.*one\.checkpoint' "):
        make().fit(WORDS, LABELS)
    assert path.exists()


def test_a_model_file_is_no_checkpoint(make, path):
    save_model(make(checkpoint=None, callbacks=None).fit(WORDS, LABELS), path)
    with pytest.raises(ModelFileError, match="is not a checkpoint of skrnn"):
        make().fit(WORDS, LABELS)
    assert path.exists()


def test_the_file_is_none_of_pickle(stopped, path):
    stopped()
    text, arrays = read_file(path)
    assert text.startswith("{")
    assert arrays
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(path.read_bytes())


def test_a_finished_fit_of_another_version_is_a_warning(make, tmp_path, monkeypatch):
    make(checkpoint=str(tmp_path)).fit(WORDS, LABELS)
    monkeypatch.setattr(torch, "__version__", "1.0")
    make(checkpoint=str(tmp_path)).fit(WORDS, LABELS)
    monkeypatch.setattr("skrnn.__version__", "99")
    with pytest.warns(UserWarning, match=r"skrnn .* in place of 99"):
        make(checkpoint=str(tmp_path)).fit(WORDS, LABELS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.setattr(torch, "__version__", "1.0"), r"torch .* in place of 1\.0"),
        (
            lambda m: m.setattr(
                checkpoint, "find_spec", lambda name: None if HAS_NUMBA else name
            ),
            f"numba {HAS_NUMBA} in place of {not HAS_NUMBA}",
        ),
        (lambda m: torch.set_num_threads(2), "threads 1 in place of 2"),
    ],
)
def test_another_environment_is_a_warning(
    make, stopped, path, monkeypatch, change, message
):
    stopped()
    change(monkeypatch)
    try:
        with pytest.warns(UserWarning, match=message):
            make().fit(WORDS, LABELS)
    finally:
        torch.set_num_threads(1)
    assert not path.exists()


def test_what_the_end_of_a_training_is_compared_with_is_that_of_its_beginning(
    make, stopped, monkeypatch
):
    norms, end = [], Updates.end_training

    def ending(self):
        norms.append(self.norms)
        end(self)

    monkeypatch.setattr(Updates, "end_training", ending)
    make(checkpoint=None).fit(WORDS, LABELS)
    stopped()
    make().fit(WORDS, LABELS)
    assert len(norms) == 2
    assert torch.equal(*norms)


# --- writing -------------------------------------------------------------------------


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(make, path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    expected = make(checkpoint=None).fit(WORDS, LABELS)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(
        UserWarning, match="could not be written: .*No space left"
    ) as found:
        model = make().fit(WORDS, LABELS)
    assert len(found) == 1
    assert_array_equal(model.predict_proba(WORDS), expected.predict_proba(WORDS))
    assert not list(path.parent.iterdir())


def test_memory_that_is_short_costs_the_checkpoint_and_not_the_training(
    make, path, monkeypatch
):
    def short(*arguments):
        raise MemoryError

    monkeypatch.setattr(checkpoint, "write_document", short)
    with pytest.warns(UserWarning, match="could not be written: memory is short"):
        assert make().fit(WORDS, LABELS).n_iter_ == 6


def test_a_file_that_another_process_writes_is_not_replaced(make, path, monkeypatch):
    class Intrude(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                path.write_bytes(b"of another process")

    with pytest.warns(UserWarning, match="another process has written the file"):
        make(callbacks=[Intrude()]).fit(WORDS, LABELS)
    assert path.read_bytes() == b"of another process"


def test_all_writes_together_take_less_than_3_percent(make, path, monkeypatch):
    """An epoch takes 10 seconds and a write 1 second of this clock."""
    now, written = [0.0], []
    write = checkpoint.write_file

    class Clock(Callback):
        def on_epoch_end(self, net, **kwargs):
            now[0] += 10.0

    def slow(*arguments):
        now[0] += 1.0
        written.append(now[0])
        write(*arguments)

    monkeypatch.setattr(checkpoint, "SPACING", SPACING)
    monkeypatch.setattr(checkpoint, "write_file", slow)
    monkeypatch.setattr("skrnn.training.checkpoint.time.perf_counter", lambda: now[0])
    make(callbacks=[Clock()], max_epochs=30).fit(WORDS, LABELS)
    assert len(written) == 8
    assert written[0] == 11.0  # that of a small network comes after the first epoch
    for n, moment in enumerate(written[1:], 2):
        assert n <= 0.03 * moment
    assert np.diff(written).min() > 30


@pytest.mark.parametrize(("expected", "n_waited"), [(0.01, 0), (4.0, 13)])
def test_the_first_write_waits_if_it_is_expected_to_take_long(
    make, monkeypatch, expected, n_waited
):
    """An epoch takes 10 seconds of this clock, and a write none."""
    now, written = [0.0], []

    class Clock(Callback):
        def on_epoch_end(self, net, **kwargs):
            now[0] += 10.0

    weights = make().fit(WORDS, LABELS).net_.module_.state_dict().values()
    n_bytes = 4 * sum(w.nbytes for w in weights)
    monkeypatch.setattr(checkpoint, "BYTES_A_SECOND", n_bytes / expected)
    monkeypatch.setattr(checkpoint, "SPACING", SPACING)
    monkeypatch.setattr(checkpoint, "write_file", lambda *given: written.append(now[0]))
    monkeypatch.setattr("skrnn.training.checkpoint.time.perf_counter", lambda: now[0])
    make(callbacks=[Clock()], max_epochs=20).fit(WORDS, LABELS)
    assert written[0] == 10.0 * (n_waited + 1)
    assert len(written) == 19 - n_waited  # those that take no time come after each epoch


def test_a_state_that_cannot_be_stored_is_refused_though_the_first_write_waits(
    make, path, monkeypatch
):
    monkeypatch.setattr(checkpoint, "BYTES_A_SECOND", 1e-6)
    monkeypatch.setattr(checkpoint, "SPACING", SPACING)
    with pytest.raises(TypeError, match="cannot be stored"):
        make(callbacks=[LateSet({1})]).fit(WORDS, LABELS)


def test_the_last_epoch_is_not_written(make, path, monkeypatch):
    monkeypatch.setattr(checkpoint, "write_file", lambda *arguments: 1 / 0)
    assert make(max_epochs=1).fit(WORDS, LABELS).n_iter_ == 1


def test_what_a_killed_process_left_is_removed_and_nothing_else(make, path):
    left = path.with_name(".one.checkpoint.0123abcd")
    others = [path.with_name(name) for name in (".one.checkpoint.notes", "one.txt")]
    for file in (left, *others):
        file.write_text("x")
    make().fit(WORDS, LABELS)
    assert sorted(path.parent.iterdir()) == sorted(others)


def test_a_link_stays_and_leads_to_the_file(make, stopped, path, tmp_path):
    (tmp_path / "disk").mkdir()
    target = tmp_path / "disk" / "file"
    path.symlink_to(target)
    stopped()
    assert path.is_symlink()
    assert target.is_file()
    assert len(make().fit(WORDS, LABELS).history_) == 6
    assert path.is_symlink()
    assert not target.exists()


def test_another_file_with_the_name_of_a_stage_is_not_removed(make, path):
    beside = path.with_name("one.checkpoint.calibration")
    beside.write_text("my notes")
    make().fit(WORDS, LABELS)
    assert beside.read_text() == "my notes"


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_a_random_state_is_put_back_so_that_its_fit_resumes(
    make, path, monkeypatch, n_estimators
):
    given = {"early_stopping": True, "n_estimators": n_estimators}
    whole = make(checkpoint=None, random_state=np.random.RandomState(3), **given)
    random = np.random.RandomState(3)
    model = make(random_state=random, **given)
    monkeypatch.setattr(Stop, "epoch", 4)
    with pytest.raises(KeyboardInterrupt):
        model.fit(WORDS, LABELS)
    assert random.randint(2**31 - 1) == np.random.RandomState(3).randint(2**31 - 1)
    random.seed(3)
    monkeypatch.setattr(Stop, "epoch", None)
    found = model.fit(WORDS, LABELS).predict_proba(WORDS)
    assert_array_equal(found, whole.fit(WORDS, LABELS).predict_proba(WORDS))
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("n_estimators", [1, 2])
@pytest.mark.parametrize("name", ["member-best.skrnn", "member-7", "calibration"])
def test_a_model_with_the_name_of_a_part_is_not_removed(make, path, name, n_estimators):
    beside = path.with_name(f"one.checkpoint.{name}")
    save_model(make(checkpoint=None, callbacks=None).fit(WORDS, LABELS), beside)
    make(n_estimators=n_estimators).fit(WORDS, LABELS)
    assert list(path.parent.iterdir()) == [beside]


@pytest.mark.parametrize("change", [{}, {"lr": 0.5}, {"n_estimators": 3}])
def test_the_parts_of_another_ensemble_are_not_removed(
    make, stopped, path, monkeypatch, change
):
    """A member that does not belong to this fit stays; one that does is removed."""
    stopped(n_estimators=2)
    part = path.with_name("one.checkpoint.member-0")
    left = path.with_name("one.checkpoint.member-7")
    part.rename(left)
    make(**{"n_estimators": 2} | change).fit(WORDS, LABELS)
    assert list(path.parent.iterdir()) == ([left] if change else [])


def test_two_processes_may_run_the_same_fit(make, stopped, path, tmp_path):
    """The second one begins and ends in the middle of the first."""

    class Meanwhile(Callback):
        done = False

        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3 and not Meanwhile.done:
                Meanwhile.done = True
                other = make(checkpoint=str(tmp_path), callbacks=[Meanwhile()])
                other.fit(WORDS, LABELS)

    model = make(checkpoint=str(tmp_path), callbacks=[Meanwhile()]).fit(WORDS, LABELS)
    assert len(list(tmp_path.iterdir())) == 1
    again = make(checkpoint=str(tmp_path), callbacks=[Meanwhile()]).fit(WORDS, LABELS)
    assert_array_equal(again.predict_proba(WORDS), model.predict_proba(WORDS))


def test_an_incomplete_file_that_is_young_may_be_another_process_s(make, path):
    left = path.with_name(".one.checkpoint.0123abcd")

    class Look(Callback):
        def on_epoch_begin(self, net, **kwargs):
            assert left.exists()

    left.write_text("x")
    make(callbacks=[Look()]).fit(WORDS, LABELS)
    assert not left.exists()


# --- callbacks -----------------------------------------------------------------------


class Losses(Callback):
    """Collects losses."""

    def on_train_begin(self, net, **kwargs):
        self.losses = []

    def on_epoch_end(self, net, **kwargs):
        self.losses.append(net.history[-1]["train_loss"])


class KeptLosses(Losses):
    """Collects losses, also of a training that resumes."""

    def state_dict(self):
        return {"losses": torch.tensor(self.losses, dtype=torch.float64)}

    def load_state_dict(self, state):
        self.losses = state["losses"].tolist()


class Counts(Callback):
    """Changes its parameter."""

    def __init__(self, n=0):
        self.n = n

    def on_epoch_end(self, net, **kwargs):
        self.n += 1


@pytest.mark.parametrize(
    ("callback", "state"),
    [
        (Losses(), "it changes in training"),
        (Counts(), "it changes in training"),
        (skorch.callbacks.EarlyStopping(monitor="train_loss"), "misses_"),
        (skorch.callbacks.LRScheduler("StepLR", step_size=1), "lr_scheduler_"),
    ],
)
def test_a_callback_with_a_state_is_refused(make, path, callback, state):
    model = make(callbacks=[callback], lr_schedule="constant")
    kind = type(callback).__name__
    with pytest.raises(TypeError, match=rf"\({kind}\) has a state \(.*{state}"):
        model.fit(WORDS, LABELS)
    assert not path.exists()


class Late(Callback):
    """Has a state from its third epoch on."""

    def __init__(self, state=None):
        self.state = state

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 3:
            self.state = {1}


class LateSet(Late):
    """The same, and returns what a file cannot hold."""

    def state_dict(self):
        return {"state": self.state}

    def load_state_dict(self, state):
        raise AssertionError


@pytest.mark.parametrize("late", [Late, LateSet])
def test_a_state_that_appears_later_costs_the_checkpoint_and_not_the_training(
    make, path, late
):
    class Look(Callback):
        def on_epoch_begin(self, net, **kwargs):
            assert path.exists() == (len(net.history) in (2, 3))

    expected = make(checkpoint=None, callbacks=None).fit(WORDS, LABELS)
    with pytest.warns(UserWarning, match=rf"is removed, .* \({late.__name__}\)") as found:
        model = make(callbacks=[late(), Look()]).fit(WORDS, LABELS)
    assert len(found) == 1
    assert not list(path.parent.iterdir())
    assert_array_equal(model.predict_proba(WORDS), expected.predict_proba(WORDS))


def test_a_value_of_the_history_that_cannot_be_stored_costs_the_file(make, path):
    class Stamp(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("when", object())

    with pytest.warns(UserWarning, match="is removed, .* when=") as found:
        model = make(callbacks=[Stamp()]).fit(WORDS, LABELS)
    assert len(found) == 1
    assert model.n_iter_ == model.max_epochs
    assert not list(path.parent.iterdir())


def test_a_state_that_cannot_be_stored_is_refused_by_the_callback_s_name(make, path):
    message = r"state_dict\(\) of LateSet \(LateSet\) returns cannot be stored"
    with pytest.raises(TypeError, match=message):
        make(callbacks=[LateSet({1})]).fit(WORDS, LABELS)
    assert not path.exists()


def test_callbacks_are_compared_only_where_a_write_is_due(make, monkeypatch):
    calls = []
    digest = checkpoint.digest_of
    monkeypatch.setattr(
        checkpoint, "digest_of", lambda value: calls.append(1) or digest(value)
    )
    monkeypatch.setattr(checkpoint, "SPACING", 1e9)
    make(callbacks=[Stop()]).fit(WORDS, LABELS)
    assert len(calls) == 2  # before training, and with the first epoch


def test_a_callback_that_stores_its_state_continues(make, stopped):
    whole, resumed = KeptLosses(), KeptLosses()
    make(checkpoint=None, callbacks=[whole, Stop()]).fit(WORDS, LABELS)
    stopped(callbacks=[resumed, Stop()])
    assert len(resumed.losses) == 3
    make(callbacks=[resumed, Stop()]).fit(WORDS, LABELS)
    assert resumed.losses == whole.losses
    assert len(resumed.losses) == 6


@pytest.mark.parametrize(
    "callback",
    [
        skorch.callbacks.EpochTimer(),
        skorch.callbacks.GradientNormClipping(1.0),
        skorch.callbacks.PrintLog(sink=lambda text: None),
        ("log", skorch.callbacks.ProgressBar()),
        skorch.callbacks.EpochTimer,
    ],
)
def test_callbacks_that_only_report_are_accepted(make, stopped, path, callback):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the progress bar
        stopped(callbacks=[callback, Stop()])
        assert len(make(callbacks=[callback, Stop()]).fit(WORDS, LABELS).history_) == 6
    assert not path.exists()


def test_callbacks_of_scikit_learn_see_the_epochs_that_run(make, stopped, tmp_path):
    def scores(model):
        model.set_callbacks(monitor := ScoringMonitor(scoring="accuracy"))
        model.fit(WORDS, LABELS)
        return monitor.get_logs().data_as_pandas["accuracy"].tolist()

    whole = scores(make(checkpoint=None, callbacks=[Stop()]))
    stopped()
    assert scores(make()) == whole[3:]
    assert len(scores(make(checkpoint=str(tmp_path)))) == len(whole)
    assert scores(make(checkpoint=str(tmp_path))) == whole[-1:]  # of the whole fit
