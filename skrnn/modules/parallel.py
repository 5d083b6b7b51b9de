"""Independent pieces of a network side by side, one thread each.

torch splits every operation between its threads, which gains little where operations are
small. Two pieces that need nothing of each other, as the two directions of a layer, make
better use of two cores: each runs in a thread of its own, forward and backward.

What is cut into pieces does not depend on the number of threads, and each piece runs in one
thread, so results have the same bits with any number. With one thread the pieces run one
after the other.

Threads that torch split an operation between, by OpenMP, keep their cores busy for some
milliseconds after it, in the hope of the next one. So a training uses either these or those
that run pieces: a piece beside a waiting thread of OpenMP takes up to twice as long. They also
wait for each other after every step of a recurrent layer: where another program has one of the
cores, each time until the system takes it from that program, which makes fits and predictions
up to fifty times as long. So predictions use pieces or one thread, and trainings leave OpenMP
when it is slow.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from typing import Any, Generic, NamedTuple, TypeVar, cast

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

T = TypeVar("T")

#: Seconds that a thread has to answer after an interrupt; it may not have started.
MAX_WAIT = 5.0


class Piece(NamedTuple):
    """Work that depends on its tensors only.

    Another thread may run it, so it draws no random numbers: masks of dropout are drawn
    before, and are among its inputs.

    Attributes
    ----------
    function : callable
        ``function(*inputs)`` returns a tensor or a tuple of tensors.
    inputs : tuple of Tensor
        Its arguments.
    weights : tuple of Tensor
        Leaves that the function reads besides; they get gradients, too.
    graph : type, optional
        The subclass of ``Graph`` that computes result and gradients, where they are wanted.
    """

    function: Callable[..., Any]
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...] = ()
    graph: type[Graph] | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Inputs and weights."""
        return (*self.inputs, *self.weights)

    def __call__(self) -> Any:
        """Return the result."""
        return self.function(*self.inputs)


def side_by_side(pieces: Sequence[Piece]) -> list[Any]:
    """Return the result of each piece.

    Within ``one_thread_each`` the pieces share the threads that torch had before, elsewhere
    they run one after the other. Gradients reach inputs and weights as if each piece had
    been called; they cannot be differentiated again.
    """
    return _apply(_run_pieces, pieces)


def with_all_threads(piece: Piece, work: float = 0.0) -> Any:
    """Return the result of a piece that torch splits between its threads.

    For a fused kernel whose results have the same bits however it is split: PyTorch's LSTM.
    Within ``one_thread_each`` it has the threads that torch had before, where no pieces of
    the network run side by side, and unless they are slow: ``work``, which the time of the
    piece is proportional to, tells.
    """
    return _apply(partial(_run_with_all_threads, work=work), [piece])[0]


# --- gradients --------------------------------------------------------------------------

#: Calls functions and returns their results.
Runner = Callable[[Sequence[Callable[[], Any]]], list[Any]]


def _apply(run: Runner, pieces: Sequence[Piece]) -> list[Any]:
    """Return the results of pieces that ``run`` calls, forward and backward."""
    tensors = [tensor for piece in pieces for tensor in piece.tensors]
    if any(tensor.device.type != "cpu" for tensor in tensors[:1]):
        return [piece() for piece in pieces]  # a GPU has threads of its own
    if not torch.is_grad_enabled() or not any(t.requires_grad for t in tensors):
        return run([piece.__call__ for piece in pieces])
    graphs = [(piece.graph or Graph)(piece) for piece in pieces]
    outputs = iter(_Fork.apply(run, graphs, *tensors))
    return [
        graph.result([next(outputs) for _ in range(graph.n_outputs)]) for graph in graphs
    ]


class Graph:
    """The graph of one piece, apart from that of the network.

    A subclass that knows the gradient implements ``run`` and ``differentiate``.

    Attributes
    ----------
    outputs : list of Tensor
        Results of ``run``; ``differentiate`` empties it.
    """

    def __init__(self, piece: Piece):
        self.function, inputs, self.weights, _ = piece
        self.inputs = [x.detach().requires_grad_(x.requires_grad) for x in inputs]
        self.outputs: list[Tensor] = []
        self.n_outputs = 0
        self.returns_tuple = False

    def run(self) -> None:
        """Call the piece on inputs that are leaves of its graph."""
        with torch.enable_grad():
            result = self.function(*self.inputs)
        self.returns_tuple = isinstance(result, tuple)
        self.outputs = list(result) if self.returns_tuple else [result]
        self.n_outputs = len(self.outputs)

    def differentiate(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Return the gradients by inputs and weights, from those by the outputs.

        It frees the graph, which a second call makes again.
        """
        if not self.outputs:
            self.run()
        pairs = zip(self.outputs, gradients, strict=True)
        reached = [(o, g) for o, g in pairs if g is not None and o.requires_grad]
        self.outputs = []
        leaves = (*self.inputs, *self.weights)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        if not reached or not wanted:
            return [None] * len(leaves)
        outputs, given = zip(*reached, strict=True)
        with torch.enable_grad():
            start = _Start.apply(given, *outputs)
        found = iter(torch.autograd.grad(start, wanted, allow_unused=True))
        return [next(found) if leaf.requires_grad else None for leaf in leaves]

    def result(self, outputs: list[Tensor]) -> Any:
        """Return the outputs as the function did."""
        return tuple(outputs) if self.returns_tuple else outputs[0]


class _Start(torch.autograd.Function):
    """A scalar from which given gradients go to the outputs.

    torch takes gradients by other tensors only after it has imported its symbolic shapes,
    SymPy among them, which takes as long as a small fit.
    """

    @staticmethod
    def forward(ctx: Any, gradients: tuple[Tensor, ...], *outputs: Tensor) -> Tensor:
        """Return a scalar."""
        ctx.gradients = gradients
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the given gradients."""
        return (None, *ctx.gradients)


class _Fork(torch.autograd.Function):
    """All pieces as one node of the network's graph.

    torch walks one graph in one thread, so each piece has its own.
    """

    @staticmethod
    def forward(
        ctx: Any, run: Runner, graphs: list[Graph], *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the outputs of all pieces."""
        run([graph.run for graph in graphs])
        ctx.run, ctx.graphs = run, graphs
        ctx.save_for_backward(*tensors)  # torch checks that nobody changes them
        ctx.set_materialize_grads(False)
        return tuple(out.detach() for graph in graphs for out in graph.outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients by all tensors."""
        _ = ctx.saved_tensors  # an error if somebody has changed or freed them
        rest = iter(gradients)
        found = ctx.run(
            [
                partial(graph.differentiate, [next(rest) for _ in range(graph.n_outputs)])
                for graph in ctx.graphs
            ]
        )
        return (None, None, *(gradient for piece in found for gradient in piece))


# --- threads ----------------------------------------------------------------------------


class _State(threading.local):
    """Of each thread: how many threads its pieces may use, which it used, whether it asks some."""

    n_threads = 1
    used_pieces = used_openmp = asks = False
    openmp_speed: OpenMPSpeed


_state = _State()
#: Threads within ``one_thread_each``: together they leave fewer cores for others.
_n_callers = 0
_lock = threading.RLock()  # the handler of a signal may predict while it is held
_pool: ThreadPoolExecutor | None = None


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Run torch's operations in one thread, and ``side_by_side`` in as many as torch had.

    Other threads keep theirs. Where torch has one thread already, as in a worker of a
    search, nothing changes.
    """
    global _n_callers
    n_threads, counted = _n_torch_threads(), False
    if n_threads == 1:
        yield
        return
    try:
        with _lock:
            _set_threads(1)
            _n_callers += 1
            counted = True
        _state.n_threads = n_threads
        _state.used_pieces = _state.used_openmp = False
        _state.openmp_speed = OpenMPSpeed()
        yield
    finally:
        _state.n_threads = 1
        with _lock:
            _n_callers -= counted
            _set_threads(n_threads)


def _n_torch_threads() -> int:
    """Return torch's number; a thread that torch has not met takes that of all now."""
    with _lock:  # not while another thread changes it
        return torch.get_num_threads()


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Run torch's operations in one thread; quick to enter, for little work."""
    if _n_torch_threads() == 1:
        yield
        return
    set_mkl, before = _mkl(), None
    try:
        before = set_mkl(1)
        with _openmp_threads(1):
            yield
    finally:
        if before is not None:
            set_mkl(before)


@cache
def _mkl() -> Callable[[int], int]:
    """Return the function that sets MKL's threads in this thread; it returns their number before.

    MKL asks OpenMP only where ``torch.set_num_threads`` has not told it a number. Without
    MKL the function does nothing.
    """
    try:
        path = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cpu.so")
        function = ctypes.CDLL(path).MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return lambda n_threads: n_threads
    return cast("Callable[[int], int]", function)


@contextmanager
def _openmp_threads(n_threads: int) -> Iterator[None]:
    """Set the number in OpenMP, where it is that of this thread alone."""
    libraries = _openmp()
    before = [library.get_num_threads() for library in libraries]
    try:
        for library in libraries:
            library.set_num_threads(n_threads)
        yield
    finally:
        for library, number in zip(libraries, before, strict=True):
            library.set_num_threads(number)


def n_free_threads() -> int:
    """Return how many calls run side by side at most."""
    return _state.n_threads if _has_free_threads() else 1


def _set_threads(n_threads: int) -> None:
    """Set torch's number of threads in this thread alone.

    torch sets the number of all threads to come with it, which another thread puts back. A
    thread that torch has not met takes that number at its first operation, so it is asked
    before.
    """
    torch.get_num_threads()
    known, changed = threading.Event(), threading.Event()

    def keep_default() -> None:
        default = torch.get_num_threads()
        known.set()
        changed.wait()
        torch.set_num_threads(default)

    def change(timeout: float | None = None) -> None:
        if known.wait(timeout) and not changed.is_set():
            torch.set_num_threads(n_threads)
            changed.set()

    thread = threading.Thread(target=keep_default, daemon=True)
    try:
        thread.start()
        change()
    except BaseException:  # of a signal: it must not leave one thread for good
        change(MAX_WAIT)
        raise
    thread.join()


def run_side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return the results of all calls, as many at once as there are threads for.

    This thread makes the first call, and takes others as long as some are left. It waits for
    calls that have begun and no others: all workers may be taken by threads that wait for
    theirs. After an error no later call begins; the first that fails is raised, or an
    interrupt, when no call runs any more.
    """
    if len(calls) < 2 or not _has_free_threads():
        return [call() for call in calls]
    n_others = min(len(calls), _state.n_threads) - 1
    return _SharedCalls(calls).run(n_others, max(1, _state.n_threads // len(calls)))


class _SharedCalls(Generic[T]):
    """Calls that threads take one after the other.

    Attributes
    ----------
    left : iterator of int
        The indices of calls that no thread has taken. It is replaced under ``changed``.
    results, errors : dict
        By the index of the call; the error -1 is an interrupt between calls.
    n_helping : int
        Other threads that may run a call, counted under ``changed``.
    """

    def __init__(self, calls: Sequence[Callable[[], T]]):
        self.calls = calls
        self.left = iter(range(1, len(calls)))
        self.results: dict[int, T] = {}
        self.errors: dict[int, BaseException] = {}
        self.n_helping = 0
        self.changed = threading.Condition()

    def run(self, n_others: int, n_threads: int) -> list[T]:
        """Return the results; pieces within each call may use ``n_threads``."""
        try:
            self._ask(n_others, n_threads)
            with _in_state({**vars(_state), "n_threads": n_threads}):
                self._take(0)
        except BaseException as error:
            self.errors[-1] = error
        while True:
            try:
                self._wait()
                break
            except BaseException as error:
                self.errors[-1] = error
        try:
            if self.errors:
                raise self.errors[min(self.errors)]
            return [self.results[i] for i in range(len(self.calls))]
        finally:  # a thread that comes late finds nothing, and keeps nothing alive
            self.calls, self.results, self.errors = (), {}, {}

    def _ask(self, n_others: int, n_threads: int) -> None:
        """Ask other threads to help; without any, this one makes all calls."""
        if _state.asks:  # in a signal's handler: the pool holds a lock
            return
        helpers = [_like_here(self._help, n_threads) for _ in range(n_others)]
        _state.asks = True
        try:
            for helper in helpers:
                _get_pool().submit(helper)
        except RuntimeError:
            return  # the interpreter ends, or no thread can be started
        finally:
            _state.asks = False

    def _help(self) -> None:
        """Run calls that are left, in another thread."""
        with self.changed:
            self.n_helping += 1
        try:
            self._take(next(self.left, None))
        finally:
            with self.changed:
                self.n_helping -= 1
                self.changed.notify()

    def _take(self, i: int | None) -> None:
        """Run a call, and those that are left; an earlier one than what failed is run."""
        while i is not None and not (self.errors and min(self.errors) < i):
            try:
                self.results[i] = self.calls[i]()
            except BaseException as error:
                self.errors[i] = error
            i = next(self.left, None)

    def _wait(self) -> None:
        """Let no other call begin, and wait for those that run."""
        with self.changed:
            self.left = iter(range(0))
            self.changed.wait_for(lambda: not self.n_helping)


def run_parts(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return the results of calls that have the same bits with any number of threads.

    They are parts of one operation. Where the network's layers use the threads of OpenMP,
    each call uses them, elsewhere the calls run side by side.
    """
    uses_openmp = _state.used_openmp and not _state.used_pieces
    if len(calls) > 1 and uses_openmp and not _state.openmp_speed.rests:
        return _run_with_all_threads(calls)
    return run_side_by_side(calls)


def _has_free_threads() -> bool:
    """Return whether this thread may use others, and no other caller has taken them."""
    return _state.n_threads > max(1, _n_callers)


def _run_pieces(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return the results of all calls side by side; OpenMP's threads rest from now on."""
    _state.used_pieces = _state.used_pieces or _has_free_threads()
    return run_side_by_side(calls)


def _run_with_all_threads(calls: Sequence[Callable[[], T]], work: float = 0.0) -> list[T]:
    """Return the results of calls, one after the other, each with all threads.

    With ``work`` they are timed, and have one thread for a while after they were slow.
    """
    if _state.used_pieces or not _has_free_threads():
        return [call() for call in calls]
    _state.used_openmp, speed = True, _state.openmp_speed
    alone = bool(work) and speed.wants_one_thread()
    start = time.perf_counter()
    with _openmp_threads(1 if alone else _state.n_threads):
        results = [call() for call in calls]
    if work:
        speed.saw(time.perf_counter() - start, work, alone=alone)
    return results


class OpenMPSpeed:
    """Whether OpenMP's threads are slower than one, as they are beside other programs.

    Calls with one thread are measured first. Where calls with all of them twice take
    ``SLOW`` times as long for the same work, all have one thread for some time, and are
    measured anew. Results have the same bits either way.
    """

    #: Backward takes about twice as long as forward; beside other programs it is far more.
    SLOW = 6.0
    N_MEASURED, N_SLOW = 3, 2
    #: A rest, in multiples of the seconds of the slow call, and its seconds at most.
    REST, LONGEST_REST = 30.0, 10.0

    def __init__(self) -> None:
        self._measure()
        self.rests_until = -math.inf

    def _measure(self) -> None:
        self.seconds = math.inf  # of a unit of work with one thread
        self.n_measured = self.n_slow = 0

    @property
    def rests(self) -> bool:
        """Whether calls have one thread, since all were slow."""
        return time.perf_counter() < self.rests_until

    def wants_one_thread(self) -> bool:
        """Return whether the next call has one thread."""
        return self.rests or self.n_measured < self.N_MEASURED

    def saw(self, seconds: float, work: float, *, alone: bool) -> None:
        """Take the time of a call into account, with one thread if ``alone``."""
        if alone:
            self.seconds = min(self.seconds, seconds / work)
            self.n_measured += 1
        elif seconds < self.SLOW * self.seconds * work:
            self.n_slow = 0
        else:
            self.n_slow += 1
        if self.n_slow == self.N_SLOW:
            rest = min(self.REST * seconds, self.LONGEST_REST)
            self._measure()
            self.rests_until = time.perf_counter() + rest


@cache
def _openmp() -> list[Any]:
    """Return the OpenMP libraries of this process, that of torch among them."""
    libraries = ThreadpoolController().lib_controllers
    return [library for library in libraries if library.user_api == "openmp"]


def _like_here(call: Callable[[], T], n_threads: int) -> Callable[[], T]:
    """Return a call for any thread, in the modes and the context variables of this one.

    Pieces within it may use ``n_threads``.
    """
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    context = copy_context()
    here = {**vars(_state), "n_threads": n_threads}

    def run() -> T:
        with (
            _in_state(here),
            torch.inference_mode(inference),
            torch.set_grad_enabled(grad),
        ):
            return context.run(call)

    return run


@contextmanager
def _in_state(state: dict[str, Any]) -> Iterator[None]:
    """Put this thread into a state, as ``_State`` has them, for a while."""
    mine = vars(_state)
    before = mine.copy()
    mine.update(state)
    try:
        yield
    finally:
        mine.clear()
        mine.update(before)


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            n_workers = max(1, (os.cpu_count() or 2) - 1)
            _pool = ThreadPoolExecutor(n_workers, "skrnn", initializer=_start_worker)
        return _pool


def _start_worker() -> None:
    with _lock:
        _set_threads(1)


def _start_child() -> None:
    """Forget what a forked process does not have: threads, and who holds the lock."""
    global _lock, _n_callers, _pool
    _lock, _pool = threading.RLock(), None
    _n_callers = int(_state.n_threads > 1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_child)
