"""Pieces side by side: the same numbers as one after the other, whatever the threads do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
import torch
from torch import nn

from skrnn.modules import parallel
from skrnn.modules.parallel import (
    Piece,
    one_openmp_thread,
    one_thread_each,
    run_parts,
    side_by_side,
    with_all_threads,
)


@pytest.fixture
def two_threads():
    """Let torch use two threads, as a single fit does, on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def layers():
    """Return two LSTM layers with random weights, and steps that both read."""
    torch.manual_seed(0)
    return [nn.LSTM(3, 4, batch_first=True) for _ in range(2)], torch.randn(5, 6, 3)


def pieces_of(layers, x):
    """Return each layer's call as a piece that returns outputs and both states."""
    return [
        Piece(lambda x, f=f: (f(x)[0], *f(x)[1]), (x,), tuple(f.parameters()))
        for f in layers
    ]


def in_new_thread(function):
    """Return the result of a function that a new thread calls."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(timeout=20)


def pieces_that_meet():
    """Return two pieces that wait for each other and return which thread ran them."""
    barrier = threading.Barrier(2, timeout=10)

    def run(x):
        barrier.wait()
        return x + threading.get_ident()

    return [Piece(run, (torch.zeros((), dtype=torch.int64),)) for _ in range(2)]


# --- results ----------------------------------------------------------------------------


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("together", [False, True])
def test_outputs_and_gradients_are_those_of_plain_calls(layers, together):
    layers, x = layers
    weights = [w for layer in layers for w in layer.parameters()]
    x.requires_grad_()
    plain = [piece() for piece in pieces_of(layers, x)]
    expected = torch.autograd.grad(
        plain[0][0].sin().sum() + plain[1][2].sum(), [x, *weights]
    )
    if together:
        with one_thread_each():
            found = side_by_side(pieces_of(layers, x))
            loss = found[0][0].sin().sum() + found[1][2].sum()
            gradients = torch.autograd.grad(loss, [x, *weights])
    else:
        found = side_by_side(pieces_of(layers, x))
        loss = found[0][0].sin().sum() + found[1][2].sum()
        gradients = torch.autograd.grad(loss, [x, *weights])
    for one, other in zip(plain, found, strict=True):
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
    for a, b in zip(expected, gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_a_piece_without_a_gradient_gives_none(layers):
    (one, other), x = layers
    used, unused = side_by_side(pieces_of([one, other], x))
    used[0].sum().backward()
    assert unused[0].requires_grad
    assert all(w.grad is None for w in other.parameters())
    assert all(w.grad is not None for w in one.parameters())


def test_frozen_weights_get_no_gradient(layers):
    layers, x = layers
    layers[0].requires_grad_(False)
    found = side_by_side(pieces_of(layers, x))
    (found[0][0].sum() + found[1][0].sum()).backward()
    assert all(w.grad is None for w in layers[0].parameters())
    assert all(w.grad is not None for w in layers[1].parameters())


def test_weights_that_change_before_the_gradient_are_noticed(layers):
    layers, x = layers
    found = side_by_side(pieces_of(layers, x))
    with torch.no_grad():
        layers[0].weight_hh_l0.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        found[0][0].sum().backward()


def test_gradients_are_numerically_right_and_can_be_taken_twice():
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def add(x):
        pieces = [Piece(torch.sin, (x,)), Piece(lambda x: x * x, (x,))]
        return sum(side_by_side(pieces))

    assert torch.autograd.gradcheck(add, x)


def test_pieces_on_another_device_are_plain_calls():
    x = torch.zeros(3, device="meta", requires_grad=True)
    (found,) = side_by_side([Piece(torch.sin, (x,))])
    assert found.grad_fn.name() == "SinBackward0"


def test_a_result_keeps_its_form(layers):
    _, x = layers
    single, double = side_by_side([Piece(torch.sin, (x,)), Piece(lambda x: (x, x), (x,))])
    assert isinstance(single, torch.Tensor)
    assert isinstance(double, tuple)


@pytest.mark.usefixtures("two_threads")
def test_an_error_of_any_piece_is_passed_on():
    def fail(x):
        raise ZeroDivisionError("in a piece")

    x = torch.zeros(1)
    for pieces in ([fail, torch.sin], [torch.sin, fail]):
        with one_thread_each(), pytest.raises(ZeroDivisionError, match="in a piece"):
            side_by_side([Piece(function, (x,)) for function in pieces])


# --- threads ----------------------------------------------------------------------------


@pytest.mark.usefixtures("two_threads")
def test_two_pieces_run_at_the_same_time_and_the_caller_runs_one():
    with one_thread_each():
        ran = [int(x) for x in side_by_side(pieces_that_meet())]
    assert threading.get_ident() in ran
    assert len(set(ran)) == 2


def test_with_one_thread_the_caller_runs_every_piece():
    me = threading.get_ident()
    pieces = [Piece(lambda x: x + threading.get_ident(), (torch.tensor(0),))] * 3
    with one_thread_each():
        assert [int(x) for x in side_by_side(pieces)] == [me] * 3


@pytest.mark.usefixtures("two_threads")
def test_outside_the_context_torch_keeps_its_threads_and_the_caller_runs_every_piece():
    pieces = [Piece(lambda: (torch.get_num_threads(), threading.get_ident()), ())] * 2
    assert side_by_side(pieces) == [(2, threading.get_ident())] * 2


@pytest.mark.usefixtures("two_threads")
def test_gradients_are_taken_at_the_same_time():
    barrier = threading.Barrier(2, timeout=10)

    class Meet(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            barrier.wait()
            return gradient

    x = torch.ones(1, requires_grad=True)
    with one_thread_each():
        sum(side_by_side([Piece(Meet.apply, (x,))] * 2)).backward()
    assert x.grad.item() == 2.0


@pytest.mark.usefixtures("two_threads")
def test_each_piece_runs_in_one_thread_and_later_threads_have_their_own_number():
    pieces = [Piece(lambda: torch.get_num_threads(), ())] * 2
    with one_thread_each():
        assert torch.get_num_threads() == 1
        assert in_new_thread(torch.get_num_threads) == 2
        assert side_by_side(pieces) == [1, 1]
    assert torch.get_num_threads() == 2
    assert in_new_thread(torch.get_num_threads) == 2


@pytest.mark.usefixtures("two_threads")
def test_a_piece_with_all_threads_has_them_forward_and_backward():
    counts = []

    class Count(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            counts.append(torch.get_num_threads())
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            counts.append(torch.get_num_threads())
            return gradient

    x = torch.ones(1, requires_grad=True)
    with one_thread_each():
        with_all_threads(Piece(Count.apply, (x,))).backward()
        assert torch.get_num_threads() == 1
        assert in_new_thread(torch.get_num_threads) == 2
    assert counts == [2, 2]
    assert x.grad.item() == 1.0


@pytest.mark.usefixtures("two_threads")
def test_where_all_threads_are_slow_calls_have_one_for_a_while(monkeypatch):
    now, seconds = [0.0], {1: 1.0, 2: 0.6}
    monkeypatch.setattr(parallel.time, "perf_counter", lambda: now[0])

    def counted(x):
        n_threads = torch.get_num_threads()
        now[0] += seconds[n_threads]
        return n_threads

    def counts(n):
        piece = Piece(counted, (torch.zeros(1),))
        return [with_all_threads(piece, work=5.0) for _ in range(n)]

    with one_thread_each():
        assert counts(6) == [1, 1, 1, 2, 2, 2]  # one is measured first
        seconds[2] = 5.0
        assert counts(3) == [2, 2, 2]  # as slow as another shape may be
        seconds[2] = 20.0  # another program takes the second core
        found = counts(40)
        assert found[:2] == [2, 2]
        assert found.index(2, 2) - 2 >= parallel.OpenMPSpeed.LONGEST_REST
        assert found.count(2) <= 8
        seconds[2] = 0.6  # and ends
        assert counts(40)[-5:] == [2] * 5
    with one_thread_each():
        assert counts(4) == [1, 1, 1, 2]  # each training measures anew


@pytest.mark.usefixtures("two_threads")
def test_parts_of_an_operation_run_side_by_side_while_all_threads_are_slow():
    me, x = threading.get_ident(), torch.zeros(1)
    with one_thread_each():
        with_all_threads(Piece(torch.sin, (x,)))
        parallel._state.openmp_speed.rests_until = float("inf")
        found = run_parts([lambda: (torch.get_num_threads(), threading.get_ident())] * 2)
    assert [n_threads for n_threads, _ in found] == [1, 1]
    assert found[0][1] == me


@pytest.mark.usefixtures("two_threads")
def test_the_first_error_is_raised_when_no_call_runs_any_more():
    failed, running, begun = threading.Event(), [], []

    def first():
        begun.append(0)
        assert failed.wait(10)
        running.append("first")
        raise ValueError("of the first call")

    def second():
        begun.append(1)
        failed.set()
        raise KeyError("of the second call")

    calls = [first, second, *[lambda: begun.append(2)] * 5]
    with one_thread_each(), pytest.raises(ValueError, match="of the first call"):
        parallel.run_side_by_side(calls)
    assert running == ["first"]
    assert sorted(begun) == [0, 1]


@pytest.mark.usefixtures("two_threads")
def test_an_interrupt_while_others_run_is_raised_when_they_have_ended(monkeypatch):
    ended, waits = [], []

    def wait(calls):
        waits.append(1)
        if len(waits) == 1:
            raise KeyboardInterrupt
        return real(calls)

    def slow():
        threading.Event().wait(0.05)
        ended.append(1)

    real = parallel._SharedCalls._wait
    monkeypatch.setattr(parallel._SharedCalls, "_wait", wait)
    meeting = threading.Barrier(2, timeout=10)
    calls = [meeting.wait, lambda: (meeting.wait(), slow())]
    with one_thread_each(), pytest.raises(KeyboardInterrupt):
        parallel.run_side_by_side(calls)
    assert ended == [1]
    assert len(waits) == 2


@pytest.mark.usefixtures("two_threads")
def test_a_thread_that_comes_late_makes_no_call(monkeypatch):
    busy = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(parallel, "_pool", pool)
        pool.submit(busy.wait, 20)
        made = []
        calls = [{}.popitem, partial(made.append, 1), partial(made.append, 2)]
        with one_thread_each(), suppress(KeyError):
            parallel.run_side_by_side(calls)
        kept = weakref.ref(calls[1])
        del calls
        assert kept() is None  # though the thread has not begun
        busy.set()
    assert made == []


@pytest.mark.usefixtures("two_threads")
def test_where_no_thread_can_be_asked_the_caller_makes_every_call(monkeypatch):
    """As in a thread that still runs when the program's main thread has ended."""
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    monkeypatch.setattr(parallel, "_pool", pool)
    with one_thread_each():
        found = parallel.run_side_by_side([lambda: 1, lambda: 2, lambda: 3])
    assert found == [1, 2, 3]


@pytest.mark.usefixtures("two_threads")
def test_the_handler_of_a_signal_may_predict_wherever_it_comes(monkeypatch):
    """While the number of threads changes, and while a thread is asked."""
    found = []

    def predict():
        with one_thread_each():
            return parallel.run_side_by_side([lambda: 1, lambda: 2])

    def interrupted():
        with parallel._lock:
            found.append(predict())
        pool = ThreadPoolExecutor(1)
        submit = pool.submit

        def ask(call):
            with pool._shutdown_lock:
                found.append(predict())
            return submit(call)

        monkeypatch.setattr(pool, "submit", ask)
        monkeypatch.setattr(parallel, "_pool", pool)
        found.append(predict())
        pool.shutdown()

    thread = threading.Thread(target=interrupted, daemon=True)
    thread.start()
    thread.join(10)
    assert found == [[1, 2]] * 3


@pytest.mark.usefixtures("two_threads")
def test_no_more_calls_run_at_once_than_torch_has_threads():
    lock, now, most = threading.Lock(), [0], [0]

    def call():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.01)
        with lock:
            now[0] -= 1
        return threading.get_ident()

    with one_thread_each():
        callers = parallel.run_side_by_side([call] * 12)
    assert most == [2]
    assert callers[0] == threading.get_ident()
    assert len(set(callers)) == 2


@pytest.mark.usefixtures("two_threads")
def test_one_thread_of_openmp_is_that_of_this_thread_alone():
    with one_openmp_thread():
        assert torch.get_num_threads() == 1
        assert in_new_thread(torch.get_num_threads) == 2
        with one_openmp_thread():
            assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


BESIDE_ANOTHER = """
import os, subprocess, sys, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import numpy as np, torch
from skrnn import SequenceClassifier

rng = np.random.default_rng(0)
X = [rng.normal(size=(n, 4)).astype(np.float32) for n in rng.integers(10, 30, size=300)]
y = np.arange(300) % 2
model = SequenceClassifier(bidirectional=False, max_epochs=2, random_state=0)
model.fit(X, y).predict(X)
other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
try:
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        start = time.perf_counter()
        model.fit(X, y).predict(X)
        print(time.perf_counter() - start)
finally:
    other.kill()
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"),
    reason="Linux alone keeps a process to two cores by it",
)
def test_two_threads_beside_another_program_take_about_as_long_as_one():
    """With OpenMP alone they took twenty to sixty times as long."""
    command = [sys.executable, "-c", BESIDE_ANOTHER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    one, two = map(float, done.stdout.split())
    assert two < 6 * one


@pytest.mark.usefixtures("two_threads")
def test_parts_of_an_operation_run_in_the_threads_that_the_layers_use():
    def threads():
        return torch.get_num_threads(), threading.get_ident()

    me, x = threading.get_ident(), torch.zeros(1)
    with one_thread_each():
        assert {n_threads for n_threads, _ in run_parts([threads] * 2)} == {1}
        with_all_threads(Piece(torch.sin, (x,)))
        assert run_parts([threads] * 2) == [(2, me)] * 2
        assert run_parts([threads]) == [(1, me)]
        side_by_side([Piece(torch.sin, (x,))] * 2)
        assert {n_threads for n_threads, _ in run_parts([threads] * 2)} == {1}
        assert with_all_threads(Piece(torch.get_num_threads, ())) == 1
    with one_thread_each():
        assert with_all_threads(Piece(torch.get_num_threads, ())) == 2


@pytest.mark.usefixtures("two_threads")
def test_a_thread_with_a_number_of_its_own_gets_it_back():
    def use():
        torch.get_num_threads()  # or the first operation takes the number of others
        torch.set_num_threads(3)  # also the number of later threads
        in_new_thread(lambda: torch.set_num_threads(2))
        with one_thread_each():
            inside = torch.get_num_threads(), in_new_thread(torch.get_num_threads)
        return inside, torch.get_num_threads(), in_new_thread(torch.get_num_threads)

    assert in_new_thread(use) == ((1, 2), 3, 2)


@pytest.mark.usefixtures("two_threads")
def test_an_error_gives_the_threads_back():
    with pytest.raises(KeyboardInterrupt), one_thread_each():
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


class InterruptedEvent(threading.Event):
    """An event at which one wait of the main thread is interrupted."""

    n_before = 0

    def wait(self, timeout=None):
        if threading.current_thread() is threading.main_thread():
            InterruptedEvent.n_before -= 1
            if InterruptedEvent.n_before == -1:
                raise TimeoutError  # as a handler of a signal may
        return super().wait(timeout)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_before", [0, 1])
def test_an_interrupt_on_the_way_out_gives_the_threads_back(n_before, monkeypatch):
    monkeypatch.setattr(InterruptedEvent, "n_before", n_before)
    with pytest.raises(TimeoutError), one_thread_each():
        monkeypatch.setattr(threading, "Event", InterruptedEvent)
    assert torch.get_num_threads() == 2
    monkeypatch.undo()
    with one_thread_each():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    "mode",
    [torch.no_grad, torch.enable_grad, torch.inference_mode],
    ids=lambda m: m.__name__,
)
def test_pieces_run_in_the_modes_of_the_caller(mode):
    barrier = threading.Barrier(2, timeout=10)

    def modes():
        barrier.wait()
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    with one_thread_each(), mode():
        here = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        assert side_by_side([Piece(modes, ())] * 2) == [here] * 2


@pytest.mark.usefixtures("two_threads")
def test_pieces_within_pieces_do_not_wait_for_each_other():
    x = torch.ones(3, requires_grad=True)

    def nested(depth):
        if depth == 0:
            return torch.sin
        return lambda x: sum(side_by_side([Piece(nested(depth - 1), (x,))] * 2))

    def compute():
        with one_thread_each():
            total = nested(4)(x).sum()
            total.backward()
        return total

    torch.testing.assert_close(in_new_thread(compute), 16 * x.sin().sum())
    torch.testing.assert_close(x.grad, 16 * x.detach().cos())


@pytest.mark.usefixtures("two_threads")
def test_a_piece_that_no_worker_takes_is_run_by_the_caller(monkeypatch):
    busy = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(parallel, "_pool", pool)
        pool.submit(busy.wait, 20)
        with one_thread_each():
            found = side_by_side([Piece(lambda: threading.get_ident(), ())] * 2)
        busy.set()
    assert found == [threading.get_ident()] * 2


@pytest.mark.usefixtures("two_threads")
def test_callers_that_fill_the_threads_run_their_own_pieces():
    barrier = threading.Barrier(2, timeout=10)

    def run():
        with one_thread_each():
            barrier.wait()
            ran = side_by_side([Piece(lambda: threading.get_ident(), ())] * 2)
            barrier.wait()
        return set(ran) == {threading.get_ident()}

    with ThreadPoolExecutor(2) as pool:
        assert all(call.result(20) for call in [pool.submit(run) for _ in range(2)])


@pytest.mark.usefixtures("two_threads")
def test_many_threads_at_once_compute_the_same(layers):
    layers, x = layers

    def gradient():
        with one_thread_each():
            both = side_by_side(pieces_of(layers, x))
            loss = both[0][0].sum() + both[1][0].sum()
            return torch.autograd.grad(loss, list(layers[0].parameters()))

    with ThreadPoolExecutor(4) as pool:
        every = [call.result(20) for call in [pool.submit(gradient) for _ in range(16)]]
    for other in every[1:]:
        assert all(torch.equal(a, b) for a, b in zip(every[0], other, strict=True))
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_workers_of_its_own():
    with one_thread_each():
        side_by_side(pieces_that_meet())  # the pool has a worker now
        child = os.fork()
        if child == 0:
            ran = {int(x) for x in side_by_side(pieces_that_meet())}
            os._exit(0 if len(ran) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
