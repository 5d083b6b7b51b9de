"""Lines that ``verbose`` prints."""

from __future__ import annotations

import io
import re
import sys

import pytest
from joblib import Parallel, delayed
from skorch.callbacks import Callback

from skrnn.training import progress as module
from skrnn.training.callbacks import EpochCounter, StopTraining, ValidationScore
from skrnn.training.progress import SHOWN, EpochTable, ProgressLine, in_worker, progress

N_BATCHES = 4  # of 30 sequences by 8


@pytest.fixture
def run(make_net, make_examples):
    """Return a function that trains a net, and prints by ``verbose``."""

    def run(verbose, *, n_epochs=3, between=(), resumed=0, validated=False, member=""):
        """Train by so many epochs; some callbacks come before the one that prints."""
        counter, data = EpochCounter(), make_examples()
        n_steps = int(data.lengths.sum())
        shown = progress(verbose, counter, n_epochs, N_BATCHES, n_steps, member)
        resume = [("resume", Resumed(counter, resumed))] if resumed else []
        net = make_net()
        net.use_callbacks([("counter", counter), *resume, *between, *shown])
        held_out = make_examples(9, seed=1) if validated else None
        net.partial_fit(data, held_out, epochs=n_epochs - resumed)
        return net

    return run


class Clock:
    """Stands for the module time: each look at it takes so many seconds."""

    def __init__(self, seconds):
        self.now, self.seconds = 0.0, seconds

    def monotonic(self):
        self.now += self.seconds
        return self.now


class Resumed(Callback):
    """Counts the epochs of an earlier process."""

    def __init__(self, counter, n_epochs):
        self.counter, self.n_epochs = counter, n_epochs

    def on_train_begin(self, net, **kwargs):
        self.counter.n_epochs_ = self.n_epochs


class Stop(Callback):
    """Ends training within the second epoch."""

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise StopTraining


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def test_nothing_is_printed_unless_asked():
    assert progress(0, EpochCounter(), 3, 4, 100) == []


def test_the_first_and_the_last_epoch_have_a_line(run, capsys):
    net = run(1, validated=True)
    first, last = capsys.readouterr().out.splitlines()
    losses = net.history[:, ("train_loss", "valid_loss")]
    pattern = (
        "epoch {} of 3, {}, train_loss {:.4f}, valid_loss {:.4f}, update {} of 12, "
        r"[\d,]+ steps/s"
    )
    assert re.fullmatch(pattern.format(1, r"\d:\d\d left", *losses[0], 4), first)
    assert re.fullmatch(pattern.format(3, r"\d:\d\d in all", *losses[2], 12), last)


def test_lines_come_no_more_often_than_every_few_seconds(run, capsys, monkeypatch):
    clock = Clock(0.25)
    monkeypatch.setattr(module, "time", clock)
    run(1, n_epochs=50)
    lines = capsys.readouterr().out.splitlines()
    most = clock.now / module.INTERVAL + 2
    assert most / 2 < len(lines) <= most


def test_a_long_epoch_has_lines_within_it(run, capsys, monkeypatch):
    monkeypatch.setattr(module, "time", Clock(3.0))
    net = run(1, n_epochs=1)
    first, *_ = capsys.readouterr().out.splitlines()
    assert re.match(r"epoch 1 of 1, \d:\d\d left, train_loss ", first)
    assert ", update 2 of 4, " in first
    assert f"train_loss {net.history[-1, 'train_loss']:.4f}" not in first


def test_the_time_left_is_that_of_the_updates_to_come(run, capsys, monkeypatch):
    monkeypatch.setattr(module, "time", Clock(600.0))
    run(1, n_epochs=2)
    first, *_ = capsys.readouterr().out.splitlines()
    # one update of eight has taken two or three looks at the clock
    assert re.search(r"update 1 of 8", first)
    assert re.search(r"(\d):(\d\d):00 left", first)


def test_a_training_that_ends_early_says_so_at_the_end(run, capsys):
    run(1, n_epochs=9, between=[("stop", Stop())])
    first, last = capsys.readouterr().out.splitlines()
    assert re.match(r"epoch 1 of 9, \d:\d\d left, ", first)
    assert re.match(r"ended after epoch 1 of 9, \d:\d\d in all, train_loss ", last)
    assert "left" not in last


def test_a_training_that_ends_in_its_first_epoch_says_so(run, capsys):
    class StopAtOnce(Callback):
        def on_batch_end(self, net, **kwargs):
            raise StopTraining

    run(1, n_epochs=9, between=[("stop", StopAtOnce())])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("ended in epoch 1 of 9, ")


@pytest.mark.parametrize("columns", [120, 80, 60, 40])
def test_a_narrow_terminal_shows_the_time_left(run, monkeypatch, columns):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    scores = [(n, ValidationScore(lambda net: 0.25, n)) for n in SHOWN[2:]]
    run(1, n_epochs=12, between=scores, validated=True)
    lines = [one.strip() for one in re.split("[\r\n]", terminal.getvalue())]
    lines = [one for one in lines if "epoch" in one]
    assert len(lines) >= 12
    for line in lines:
        assert re.search(r"\| epoch \d+ of 12, \d:\d\d (left|in all)", line)
        assert len(line) < columns
    assert lines[-1].endswith(", valid_score 0.2500") is (columns >= 60)
    assert (", valid_loss " in lines[-1]) is (columns >= 80)


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_member_of_an_ensemble_is_named(run, capsys, verbose):
    run(verbose, member="member 2 of 5")
    lines = capsys.readouterr().out.splitlines()
    named = [line.startswith("member 2 of 5") for line in lines]
    assert named == ([True, True] if verbose == 1 else [True, *4 * [False]])


def test_scores_are_shown(run, capsys):
    score = ValidationScore(lambda net: 0.25)
    run(1, between=[("valid_score", score)])
    assert all(
        ", valid_score 0.2500, " in one
        for one in capsys.readouterr().out.split("\n")[:-1]
    )


def test_a_resumed_training_counts_the_epochs_before(run, capsys):
    run(1, n_epochs=5, resumed=3)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 4 of 5, ")
    assert ", update 20 of 20, " in last


def test_a_terminal_shows_one_line_that_is_updated(run, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    run(1)
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    *_, last = text.rstrip("\n").split("\r")
    assert last.startswith("100%|██████████| epoch 3 of 3, 0:0")
    assert len(last) < 120


def test_a_row_an_epoch_has_what_the_history_has(run, capsys):
    class Own(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("purity", 0.5)

    net = run(2, between=[("own", Own())], validated=True)
    names, *rows = capsys.readouterr().out.splitlines()
    assert names.split() == [
        *("epoch", "train_loss", "valid_loss", "gradient_norm", "skipped_updates"),
        *("seconds", "purity"),
    ]
    assert [row.split()[0] for row in rows] == ["1/3", "2/3", "3/3"]
    assert rows[0].split()[1] == f"{net.history[0, 'train_loss']:.4f}"
    assert len({len(line) for line in (names, *rows)}) == 1


def test_a_column_that_comes_late_does_not_move_the_others(run, capsys):
    class Late(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) > 1:
                net.history.record("late", 1.0)

    run(2, between=[("late", Late())])
    names, first, second, _ = capsys.readouterr().out.splitlines()
    assert len(names) == len(first) == len(second)


def what_is_printed(_):
    """Return the callbacks of a worker."""
    return in_worker(), progress(2, EpochCounter(), 3, 4, 100)


def test_a_thread_of_a_pool_prints_nothing():
    jobs = (delayed(what_is_printed)(i) for i in range(2))
    assert Parallel(2, backend="threading")(jobs) == [(True, [])] * 2


def test_a_process_that_was_started_by_another_prints_nothing(monkeypatch):
    assert not in_worker()
    monkeypatch.setattr(module.multiprocessing, "parent_process", object)
    assert what_is_printed(0) == (True, [])


def test_more_than_one_is_a_row_an_epoch():
    kinds = [type(progress(n, EpochCounter(), 3, 4, 100)[0][1]) for n in (1, 2, 3, True)]
    assert kinds == [ProgressLine, EpochTable, EpochTable, ProgressLine]
