"""Ctrl-C during training."""

from __future__ import annotations

import math
import signal
import threading

import pytest

from skrnn.training.interrupts import SECONDS, Interrupts


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Return a clock that a test sets, at first long after the last Ctrl-C."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(Interrupts, "last", -math.inf)
    monkeypatch.setattr("skrnn.training.interrupts.time.monotonic", lambda: Clock.now)
    return Clock


def press():
    signal.raise_signal(signal.SIGINT)


def train(keep=True, at=(2,), n=5):
    """Run ``n`` updates with Ctrl-C in some of them, and return how many were run."""
    done = 0
    with Interrupts(keep) as interrupts:
        for i in interrupts.until_requested(range(1, n + 1)):
            if i in at:
                press()
            done += 1
    return done


def test_training_ends_after_the_update():
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(UserWarning, match="Ctrl-C ends training: .* within 5 seconds"):
        assert train() == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_without_keep_it_raises():
    with pytest.raises(KeyboardInterrupt):
        train(keep=False)


def test_before_the_end_of_the_first_update_it_raises(clock):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(at=(1,))
    assert signal.getsignal(signal.SIGINT) is before
    clock.now += 1.0  # one that has raised does not count
    with pytest.warns(UserWarning, match="Ctrl-C ends training"):
        train()


def test_a_second_one_raises_also_in_the_next_training(clock):
    with pytest.warns(UserWarning, match="Ctrl-C ends training"):
        train()
    clock.now += SECONDS - 0.1
    with pytest.raises(KeyboardInterrupt):
        train(at=(4,))


def test_after_some_seconds_the_next_training_is_kept_again(clock):
    for _ in range(2):
        with pytest.warns(UserWarning, match="Ctrl-C ends training"):
            assert train() == 2
        clock.now += SECONDS + 0.1


def test_a_second_one_before_training_has_ended_raises(clock):
    with Interrupts(True) as interrupts:
        interrupts.n_updates = 1
        press()
        clock.now += 60.0
        with pytest.raises(KeyboardInterrupt):
            press()
        interrupts.warned = True


def press_after_training():
    with Interrupts(True) as interrupts:
        interrupts.n_updates = 1
        press()


def test_after_the_last_update_nothing_is_lost():
    with pytest.warns(UserWarning, match="after the last update: training is complete"):
        press_after_training()


def test_in_a_thread_nothing_is_installed():
    found = []

    def run():
        with Interrupts(True):
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]


def test_in_a_worker_process_nothing_is_installed(monkeypatch):
    worker = type("Process", (), {"name": "LokyProcess-1"})
    monkeypatch.setattr("multiprocessing.current_process", worker)
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(True):
        assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_where_it_is_ignored_or_pythons_handler_is_absent_it_stays_so(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        with Interrupts(True):
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_user_gets_what_is_not_kept():
    calls = []
    before = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        train(at=(1,))
        assert calls == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
