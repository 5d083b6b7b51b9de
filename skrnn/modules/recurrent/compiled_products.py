"""Products of small matrices as machine code, for the loops of ``compiled_kernels``.

A step multiplies few rows with a weight, again and again. Here a block of the result, some
rows by two vectors, stays in registers while all terms are added: what a processor reads of
the memory serves many multiplications. numba's own loops do not keep it there, so the block
is written in LLVM's language, which knows vectors.

Each row is the same sum in the same order however many rows there are.

numba keeps what it compiled by the text of a function's own file. The kernels have the functions
of this file inside, so its text counts, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
import torch
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.extending import intrinsic
from torch import Tensor

from skrnn.modules import products

try:
    WIDE = bool(get_host_cpu_features().get("avx512f"))
except RuntimeError:  # LLVM does not know
    WIDE = False
#: Numbers of a vector, and columns of a block: as many as registers hold with its rows.
VECTOR_LENGTH = 16 if WIDE else 8
COLUMNS = 2 * VECTOR_LENGTH
#: Terms of a block of the second factor, which stays in the nearest cache.
TERMS = 256
#: Bytes of a float32.
SIZE = 4

NUMBER, ADDRESS = ir.FloatType(), ir.IntType(64)
VECTOR = ir.VectorType(NUMBER, VECTOR_LENGTH)
FLAGS = ir.VectorType(ir.IntType(1), VECTOR_LENGTH)
INDICES = ir.VectorType(ir.IntType(32), VECTOR_LENGTH)


def _own_digest() -> bytes:
    """Return a digest of this file; empty where it cannot be read, as in an archive."""
    try:
        return hashlib.sha256(Path(__file__).read_bytes()).digest()
    except OSError:
        return b""


class _Cache(FunctionCache):
    """A cache without which functions work: they compile anew where it fails."""

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), _own_digest())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except OSError:
            return None
        except Exception:  # a file that was cut short unpickles to any error
            self._empty()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:  # a full disk, a folder that may be read only, a damaged index
            self._empty()  # the index may name a file of an older version

    def _empty(self) -> None:
        with suppress(OSError):
            self.flush()


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function at its first call; keep the result where a folder is writable."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    options["fastmath"] = {"contract"}
    dispatcher = numba.njit(**options)(function)
    with suppress(RuntimeError):  # no folder for the cache
        dispatcher._cache = _Cache(function)
    return dispatcher


class _BlockBuilder:
    """Adds the instructions of a block to a function of LLVM."""

    def __init__(self, builder: Any, n_columns: Any = None):
        self.builder = builder
        #: Of each vector, which of its columns there are; None where all are.
        self.masks: list[Any] = [None, None]
        if n_columns is not None:
            self.masks = [self._mask(n_columns, VECTOR_LENGTH * j) for j in range(2)]

    def _mask(self, n_columns: Any, first: int) -> Any:
        columns = ir.Constant(INDICES, list(range(first, first + VECTOR_LENGTH)))
        number = self.builder.trunc(n_columns, ir.IntType(32))
        return self.builder.icmp_signed("<", columns, self._spread(number, INDICES))

    def _spread(self, value: Any, kind: Any) -> Any:
        """Return a vector of one value."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.IntType(32)(0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(INDICES, [0] * VECTOR_LENGTH)
        )

    def _function(self, name: str, returned: Any, *arguments: Any) -> Any:
        kind = ir.FunctionType(returned, arguments)
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

    def _at(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, kind.as_pointer())

    def load(self, address: Any, j: int) -> Any:
        """Read vector j of a block's row."""
        place = self._at(address, VECTOR)
        if self.masks[j] is None:
            return self.builder.load(place, align=SIZE)
        function = self._function(
            f"llvm.masked.load.v{VECTOR_LENGTH}f32.p0",
            VECTOR,
            VECTOR.as_pointer(),
            ir.IntType(32),
            FLAGS,
            VECTOR,
        )
        zeros = ir.Constant(VECTOR, [0.0] * VECTOR_LENGTH)
        arguments = [place, ir.IntType(32)(SIZE), self.masks[j], zeros]
        return self.builder.call(function, arguments)

    def store(self, value: Any, address: Any, j: int) -> None:
        """Write vector j of a block's row."""
        place = self._at(address, VECTOR)
        if self.masks[j] is None:
            self.builder.store(value, place, align=SIZE)
            return
        function = self._function(
            f"llvm.masked.store.v{VECTOR_LENGTH}f32.p0",
            ir.VoidType(),
            VECTOR,
            VECTOR.as_pointer(),
            ir.IntType(32),
            FLAGS,
        )
        self.builder.call(function, [value, place, ir.IntType(32)(SIZE), self.masks[j]])

    def load_everywhere(self, address: Any) -> Any:
        """Read a number as a vector that has it everywhere."""
        number = self.builder.load(self._at(address, NUMBER), align=SIZE)
        return self._spread(number, VECTOR)

    def add_product(self, total: Any, one: Any, other: Any) -> Any:
        """Return ``one * other + total``, rounded once where the processor can."""
        function = self._function(
            f"llvm.fmuladd.v{VECTOR_LENGTH}f32", VECTOR, *[VECTOR] * 3
        )
        return self.builder.call(function, [one, other, total])

    def phi(self, kind: Any, start: Any, before: Any) -> Any:
        """Return a variable of a loop."""
        value = self.builder.phi(kind)
        value.add_incoming(start, before)
        return value


def _make_block(n_rows: int, is_whole: bool) -> Any:
    """Return a function that adds a product to a block of some rows.

    Its arguments are addresses, and distances in bytes: of the block and of its rows, of the
    first factor, its rows and its terms, of the second factor and its terms; then the number
    of terms and of columns, which ``is_whole`` blocks do not ask for.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, out_row, a, a_row, a_term, b, b_term, n_terms, n_columns = arguments
        emit = _BlockBuilder(builder, None if is_whole else n_columns)
        places = [
            (
                builder.add(
                    out, builder.add(builder.mul(out_row, ADDRESS(i)), ADDRESS(shift))
                ),
                j,
            )
            for i in range(n_rows)
            for j, shift in enumerate((0, SIZE * VECTOR_LENGTH))
        ]
        starts = [emit.load(*place) for place in places]
        rows = [builder.mul(a_row, ADDRESS(i)) for i in range(n_rows)]
        before = builder.block
        loop = builder.append_basic_block("terms")
        after = builder.append_basic_block("after")
        some = builder.icmp_signed(">", n_terms, ADDRESS(0))
        builder.cbranch(some, loop, after)

        builder.position_at_end(loop)
        k, at_a, at_b = (emit.phi(ADDRESS, start, before) for start in (ADDRESS(0), a, b))
        totals = [emit.phi(VECTOR, start, before) for start in starts]
        others = [
            emit.load(builder.add(at_b, ADDRESS(SIZE * VECTOR_LENGTH * j)), j)
            for j in range(2)
        ]
        added = []
        for i, row in enumerate(rows):
            one = emit.load_everywhere(builder.add(at_a, row))
            for j, other in enumerate(others):
                added.append(emit.add_product(totals[2 * i + j], one, other))
        following = builder.add(k, ADDRESS(1))
        k.add_incoming(following, loop)
        at_a.add_incoming(builder.add(at_a, a_term), loop)
        at_b.add_incoming(builder.add(at_b, b_term), loop)
        for total, value in zip(totals, added, strict=True):
            total.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, n_terms), loop, after)

        builder.position_at_end(after)
        results = [emit.phi(VECTOR, start, before) for start in starts]
        for result, value in zip(results, added, strict=True):
            result.add_incoming(value, loop)
        for result, place in zip(results, places, strict=True):
            emit.store(result, *place)
        return context.get_dummy_value()

    @intrinsic
    def block(
        context, out, out_row, a, a_row, a_term, b, b_term, n_terms, n_columns
    ):  # numba asks for the names
        return types.void(*[types.intp] * 9), generate

    return block


#: Eight rows by two vectors need as many registers as wide processors have.
N_ROWS = 8 if WIDE else 4
_all_rows, _two_rows, _one_row = (_make_block(n, True) for n in (N_ROWS, 2, 1))
_four_rows = _make_block(4, True) if WIDE else _all_rows
_all_rows_cut, _one_row_cut = (_make_block(n, False) for n in (N_ROWS, 1))


@compiled
def _add_columns(out, out_row, a, a_row, a_term, n_rows, b, b_term, n_terms, n):
    """Add the product for as many columns as a block has."""
    for _ in range(n_rows // N_ROWS):
        _all_rows(out, out_row, a, a_row, a_term, b, b_term, n_terms, n)
        out, a = out + N_ROWS * out_row, a + N_ROWS * a_row
    rest = n_rows % N_ROWS
    if rest & 4:
        _four_rows(out, out_row, a, a_row, a_term, b, b_term, n_terms, n)
        out, a = out + 4 * out_row, a + 4 * a_row
    if rest & 2:
        _two_rows(out, out_row, a, a_row, a_term, b, b_term, n_terms, n)
        out, a = out + 2 * out_row, a + 2 * a_row
    if rest & 1:
        _one_row(out, out_row, a, a_row, a_term, b, b_term, n_terms, n)


@compiled
def _add_rest(out, out_row, a, a_row, a_term, n_rows, b, b_term, n_terms, n):
    """Add the product for ``n`` columns, fewer than a block has."""
    for _ in range(n_rows // N_ROWS):
        _all_rows_cut(out, out_row, a, a_row, a_term, b, b_term, n_terms, n)
        out, a = out + N_ROWS * out_row, a + N_ROWS * a_row
    for _ in range(n_rows % N_ROWS):
        _one_row_cut(out, out_row, a, a_row, a_term, b, b_term, n_terms, n)
        out, a = out + out_row, a + a_row


@compiled
def add_product(out, out_row, out_column, a, a_row, a_column, n_rows, w, w_column, width):
    """Add rows of ``a`` times columns of ``w`` to rows of ``out``.

    Rows of ``w`` and ``out`` are contiguous; ``a`` has any strides.
    """
    row, a_step, term = out.strides[0], a.strides[0], a.strides[1]
    w_step, n_terms = w.strides[0], w.shape[0]
    to = out.ctypes.data + out_row * row + out_column * SIZE
    one = a.ctypes.data + a_row * a_step + a_column * term
    other = w.ctypes.data + w_column * SIZE
    for k in range(0, n_terms, TERMS):
        n, x, b = min(TERMS, n_terms - k), one + k * term, other + k * w_step
        j = 0
        while j + COLUMNS <= width:
            y, z = to + j * SIZE, b + j * SIZE
            _add_columns(y, row, x, a_step, term, n_rows, z, w_step, n, COLUMNS)
            j += COLUMNS
        if j < width:
            y, z = to + j * SIZE, b + j * SIZE
            _add_rest(y, row, x, a_step, term, n_rows, z, w_step, n, width - j)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, as ``products.multiply``, which has the rounded ones."""
    if products.rounds(x, weight):
        return products.multiply(x, weight, bias)
    n_rows, width = len(x), len(weight)
    out = x.new_empty((n_rows, width))
    if bias is None:
        out.zero_()
    else:
        out.copy_(bias)
    terms = weight.t().contiguous().numpy()
    add_product(out.numpy(), 0, 0, x.numpy(), 0, 0, n_rows, terms, 0, width)
    return out


def multiply_rows(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left.T @ right``, as ``products.multiply_rows``, which has the rounded ones."""
    if products.rounds(left.T, right.T):
        return products.multiply_rows(left, right)
    width = right.shape[1]
    if width < min(COLUMNS, left.shape[1]):  # few columns would fill no block
        return multiply_rows(right, left).t().contiguous()
    if right.stride(1) != 1:
        right = right.clone(memory_format=torch.contiguous_format)
    out = left.new_zeros((left.shape[1], width))
    add_product(
        out.numpy(), 0, 0, left.t().numpy(), 0, 0, len(out), right.numpy(), 0, width
    )
    return out
