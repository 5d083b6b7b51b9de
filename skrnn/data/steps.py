"""Steps of sequences as flat arrays: features, or tokens in an object array.

This file converts and checks the values of sequences that ``containers`` has read, and
names the place of the first value that does not fit.
"""

from __future__ import annotations

import datetime
import reprlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn.data.ragged import RaggedArray, object_array


class SplitAll(NamedTuple):
    """Splits all texts of a field at once."""

    split: Callable[[Sequence[str]], list[list[str]]]


#: What splits a text into tokens.
Split = Callable[[str], list[str]] | SplitAll
#: Types of sequences that are never missing and always iterable.
PLAIN = {list, tuple}
DATES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
    pd.Period,
)
FLOATS = (np.float32, np.float64)
NO_ARRAY = "is not a numeric array (n_steps, n_features)"
OF_DATES = "make them numbers, such as seconds"
MAX_SHOWN = 80


class _Repr(reprlib.Repr):
    """Representations of a few items and characters."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 4
        self.maxstring = self.maxother = MAX_SHOWN


_REPR = _Repr()


class Advice(NamedTuple):
    """Remedies that differ between messages about X and about y.

    ``type_parameter`` is the parameter that sets the kind of the sequences, ``missing``
    the remedy for missing numbers, ``padding`` another for missing steps at the end of
    a sequence, ``dicts`` that for steps that are dicts.
    """

    type_parameter: str
    missing: str
    dicts: str
    padding: str


OF_X = Advice(
    "input_type",
    'Set missing="indicator" to learn from gaps, or impute them before, for example with '
    "StepwiseTransformer(SimpleImputer())",
    "put StepwiseTransformer(DictVectorizer()) before the estimator",
    "if NaN pads the ends of shorter sequences, pass skrnn.preprocessing.trim_padding(X)",
)
#: Remedy for numbers that no imputer replaces.
OF_INFINITY = "Replace infinite values before, and scale those that are too large"


class StepShape(NamedTuple):
    """The shape of the steps of some features, which are flattened.

    ``column`` is theirs in a frame of fields, ``first`` the first of these features, and
    ``shape`` has more than one dimension where a step is, for example, an image.
    """

    column: Hashable
    first: int
    shape: tuple[int, ...]


def shown(value: object) -> str:
    """Return the representation of a value, cut to what a message can hold."""
    try:
        text = _REPR.repr(value)
    except Exception:  # an integer of thousands of digits, or an object's own repr
        text = f"<{type(value).__name__}>"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def is_sequence(value: object) -> bool:
    """Return whether a value has ordered, repeatable steps.

    False for sets, mappings, iterators and scalars.
    """
    return (
        isinstance(value, Iterable)
        and hasattr(value, "__len__")
        and not isinstance(value, Mapping | Set)
        and (isinstance(value, str) or getattr(value, "ndim", 1) > 0)
    )


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, NaT, NA or masked."""
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or value is pd.NA or value is pd.NaT or value is np.ma.masked


def to_array(values: Any) -> NDArray:
    """Convert array-likes; masked and NA values become NaN, or None among objects.

    Tensors are detached and copied to the CPU.
    """
    if type(values) is np.ndarray:
        return values
    if isinstance(values, np.ma.MaskedArray):
        return _fill_masked(values)
    if hasattr(values, "detach"):
        return _from_tensor(values)
    if isinstance(values, pd.DataFrame | pd.Series | pd.api.extensions.ExtensionArray):
        return _to_array_from_pandas(values)
    if type(values).__module__.startswith("polars"):
        return values.to_numpy()  # numpy's way makes all texts as long as the longest
    if is_arrow(values):
        return _from_arrow(values)
    if type(values) in PLAIN and any(map(_needs_care, set(map(type, values)))):
        return np.stack([to_array(step) for step in values])
    try:
        return np.asarray(values)
    except RuntimeError:  # tensors with gradients, deeper within lists
        return np.stack([to_array(step) for step in values])


def is_arrow(values: object) -> bool:
    """Return whether values are an array of pyarrow, in one chunk or several."""
    of_arrow = type(values).__module__.partition(".")[0] == "pyarrow"
    return of_arrow and hasattr(values, "null_count")


def _from_arrow(values: Any) -> NDArray:
    """Return an array of arrow; entries of dictionaries may be missing, tensors keep shapes."""
    kind = str(values.type)
    if kind.startswith("dictionary<"):  # numpy gives missing entries a category
        values = values.cast(values.type.value_type)
    array = np.asarray(values)
    is_tensor = kind.startswith("extension<arrow.fixed_shape_tensor")
    return _as_tensors(values, array) if is_tensor and len(array) else array


def _as_tensors(values: Any, rows: NDArray) -> NDArray:
    """Return arrow's tensors ``rows``, which numpy reads flat, in their shape."""
    order = values.type.permutation
    if order is None or list(order) == sorted(order):
        shape = tuple(values.type.shape)
        shaped = [None if row is None else row.reshape(shape) for row in rows]
        return stack_nested(object_array(shaped))
    whole = values.combine_chunks() if hasattr(values, "chunks") else values
    if whole.null_count or whole.storage.flatten().null_count:
        raise ValueError(
            "Arrow's tensors of permuted dimensions are read without missing numbers only"
        )
    return whole.to_numpy_ndarray()


def unreadable_tensor(value: object) -> str | None:
    """Return how to convert a tensor that numpy cannot read; None for others."""
    if not hasattr(value, "detach"):
        return None
    if getattr(value, "is_meta", False) is True:
        return "it is on the device meta and has no numbers"
    if getattr(value, "is_quantized", False) is True:
        return "pass its numbers by dequantize()"
    if str(getattr(value, "layout", "torch.strided")) != "torch.strided":
        return "pass its numbers by to_dense()"
    return None


def _from_tensor(tensor: Any) -> NDArray:
    """Return a tensor's numbers on the CPU."""
    if (remedy := unreadable_tensor(tensor)) is not None:
        raise TypeError(f"a tensor of layout {tensor.layout} cannot be read: {remedy}")
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        return np.asarray(tensor)
    except TypeError:  # bfloat16
        return np.asarray(tensor.float())


def _needs_care(kind: type) -> bool:
    """Return whether numpy loses the mask, or the gradient's graph, of such a step."""
    return issubclass(kind, np.ma.MaskedArray) or hasattr(kind, "detach")


def _fill_masked(values: np.ma.MaskedArray) -> NDArray:
    data, mask = np.asarray(values), np.ma.getmaskarray(values)
    if not mask.any():
        return data
    if data.dtype.kind in "biufc":
        filled = data.astype(np.result_type(data.dtype, np.float32))
        filled[mask] = np.nan
    else:
        filled = data.astype(data.dtype if data.dtype.kind in "mM" else object)
        filled[mask] = None  # becomes NaT among dates
    return filled


def _to_array_from_pandas(values: Any) -> NDArray:
    array = np.asarray(values)
    dtypes = values.dtypes if isinstance(values, pd.DataFrame) else [values.dtype]
    if array.dtype == object and all(map(pd.api.types.is_numeric_dtype, dtypes)):
        return np.asarray(values.to_numpy(np.float64, na_value=np.nan))
    return array


# --- numbers -------------------------------------------------------------------------


def join_numbers(
    sequences: Sequence,
    name: str,
    advice: Advice = OF_X,
    *,
    allow_missing: bool = False,
) -> tuple[RaggedArray, tuple[int, ...]]:
    """Return steps ``(total_steps, n_features)`` as floats, and the shape of a step.

    Errors name the place.
    """
    arrays = [to_floats(s, name, i, advice) for i, s in enumerate(sequences)]
    shapes = {step_shape(array) for array in arrays if array.size or array.ndim > 1}
    if len(shapes) > 1:
        _raise_unequal_shapes(arrays, name)
    shape = shapes.pop() if shapes else (1,)
    width = int(np.prod(shape))
    if width == 0:
        raise ValueError(f"{name} has 0 features a step, expected at least 1")
    steps = RaggedArray.from_sequences(
        [array.reshape(len(array), width) for array in arrays]
    )
    check_finite(steps, name, advice, allow_missing=allow_missing)
    return steps, shape


def to_floats(
    values: Any, name: str, i: int | None = None, advice: Advice = OF_X
) -> NDArray:
    """Convert one sequence, ``name[i]`` in messages, to float32 or float64.

    float32 where it loses nothing: of float32, of integers of 16 bits, and of booleans.
    """
    if type(values) is np.ndarray and values.dtype in FLOATS and values.ndim:
        return values
    place = name if i is None else f"{name}[{i}]"
    if type(values) not in PLAIN and (
        isinstance(values, str | bytes) or not is_sequence(values)
    ):
        _raise_no_numeric_sequence(values, place, f"{name}[0]")
    try:
        array = to_array(values)
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        if unreadable_tensor(values) is None:
            _check_steps(values, place, advice)
        raise ValueError(f"{place} {NO_ARRAY}: {str(error)[:200]}") from error
    if array.dtype == object:
        array = stack_nested(array)
    if array.dtype.kind in "biuf":
        kind = np.result_type(array.dtype, np.float32)
        return array.astype(kind if kind in FLOATS else np.float64, copy=False)
    if array.dtype.kind == "c":
        raise ValueError(f"{place} {NO_ARRAY}: Complex data not supported")
    if array.dtype.kind in "mM":
        raise TypeError(f"{place} {NO_ARRAY}: its steps are dates or times; {OF_DATES}")
    _check_steps(values, place, advice)
    try:
        return np.where(pd.isna(array), np.nan, array).astype(np.float64)
    except OverflowError as error:
        large = next(i for i, step in enumerate(array) if _overflows(step))
        raise ValueError(
            f"{place}, step {large} is {shown(array[large])}, which is too large for float64"
        ) from error
    except (ValueError, TypeError) as error:
        raise type(error)(f"{place} {NO_ARRAY}: {str(error)[:200]}") from error


def _overflows(step: Any) -> bool:
    """Return whether a number of a step is too large for float64."""
    try:
        np.asarray(step, dtype=object).astype(np.float64)
    except OverflowError:
        return True
    except (ValueError, TypeError):
        return False
    return False


def to_numbers(values: Any, place: str) -> NDArray:
    """Convert one sequence to an array of its own dtype, float64 where it holds objects."""
    if type(values) is np.ndarray and values.dtype.kind in "biufc":
        return values
    floats = to_floats(values, place)  # raises if a step is not a number
    array = to_array(values)
    if array.dtype == object:
        return np.where(np.isnan(floats), np.nan, array).astype(np.float64)
    return array


def stack_nested(array: NDArray) -> NDArray:
    """Return an array of arrays, such as arrow's nested lists, as one if it can be."""
    if array.dtype != object or set(map(type, array.flat)) != {np.ndarray}:
        return array
    steps = [stack_nested(step) for step in array.flat]
    return array if len({step.shape for step in steps}) > 1 else np.stack(steps)


def check_finite(
    steps: RaggedArray,
    name: str,
    advice: Advice = OF_X,
    *,
    allow_missing: bool = False,
    of_column: bool = False,
    origin: NDArray[np.int64] | None = None,
) -> None:
    """Raise a ValueError that names the first step that is not finite.

    ``allow_missing`` lets NaN pass; ``of_column`` says that ``name`` is a column of a
    frame, whose rows may have other labels than their numbers. ``origin`` are the indices
    of the sequences in the user's own, where these are some of them.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf
        total = steps.values.sum(dtype=np.float64)
    if np.isfinite(total):
        return  # one pass that allocates nothing
    bad = np.isinf(steps.values)
    if not allow_missing:
        bad |= np.isnan(steps.values)
    if not bad.any():
        return
    row = int(np.flatnonzero(bad.any(axis=1))[0])
    value = steps.values[row][bad[row]][0]
    sequence, step = steps.step_of(row)
    what, remedy = "NaN", advice.missing
    if not np.isnan(value):
        what, remedy = "infinity or a value too large for float32", OF_INFINITY
    elif step and np.isnan(steps.values[row : steps.offsets[sequence + 1]]).all():
        remedy = f"{advice.missing}; {advice.padding}"
    if origin is not None:
        sequence = int(origin[sequence])
    place = f"row {sequence}" if of_column else f"{name}[{sequence}]"
    raise ValueError(f"Input {name} contains {what}: {place}, step {step}. {remedy}")


def _raise_no_numeric_sequence(values: object, place: str, first: str) -> None:
    if isinstance(values, bytes):
        raise TypeError(
            f"{place} is {shown(values)}, which is bytes; decode it to a string, as "
            f"{place}.decode()"
        )
    raise TypeError(
        f"{place} is {type(values).__name__}, but {first} is a numeric sequence; all "
        "sequences must be of one kind"
    )


def _check_steps(values: Any, place: str, advice: Advice) -> None:
    """Raise a TypeError that names the first step other than a number, and the remedy."""
    steps = list(values)
    strings = [i for i, step in enumerate(steps) if isinstance(step, str)]
    if strings and len(strings) == len(steps):
        raise TypeError(f"{place} {NO_ARRAY}: its steps are strings, not numbers")
    for i, step in enumerate(steps):
        remedy = _remedy_for(step, advice)
        if remedy:
            raise TypeError(f"{place}, step {i} is {shown(step)}; {remedy}")
    if strings:
        other = next(i for i, step in enumerate(steps) if not isinstance(step, str))
        raise TypeError(
            f"{place}, step {other} is {shown(steps[other])} "
            f"({type(steps[other]).__name__}), but step {strings[0]} is "
            f"{shown(steps[strings[0]])}: its steps are strings and numbers. Make "
            f'all steps strings, or set {advice.type_parameter}="tokens" to look up any '
            "value as a token"
        )


def _remedy_for(step: Any, advice: Advice) -> str:
    """Return the remedy for a step other than a number; empty for a number."""
    whole = f'or set {advice.type_parameter}="tokens" to look up each as one token'
    if is_missing(step):
        return ""
    if isinstance(step, bytes):
        return "decode bytes to strings, as token.decode()"
    if isinstance(step, DATES):
        return f"dates and times are not numbers: {OF_DATES}"
    if isinstance(step, Mapping):
        return f"steps of type dict are not numbers; {advice.dicts}"
    if isinstance(step, Set):
        return (
            "a step of type set is not a number; put "
            "StepwiseTransformer(MultiLabelBinarizer()) before the estimator"
        )
    if isinstance(step, list | tuple) and any(isinstance(s, str | bytes) for s in step):
        if isinstance(step, list):
            return (
                "a step must be one token or numbers; pass one list of strings a sequence"
            )
        return (
            "a token must be one string; pass the words alone, as [[word for word, tag "
            f"in sequence] for sequence in X], {whole}"
        )
    return ""


def _raise_unequal_shapes(arrays: list[NDArray], name: str) -> None:
    expected = step_shape(arrays[0])
    i = next(i for i, array in enumerate(arrays) if step_shape(array) != expected)
    got = step_shape(arrays[i])
    if np.prod(got) == np.prod(expected):
        raise ValueError(
            f"{name}[{i}] has steps of shape {got}, expected {expected} (as {name}[0] has)"
        )
    raise ValueError(
        f"{name}[{i}] has {np.prod(got)} features, expected {np.prod(expected)} (as "
        f"{name}[0] has)"
    )


def step_shape(array: NDArray) -> tuple[int, ...]:
    """Return the shape of a step; a step of a 1-D array has one feature."""
    return array.shape[1:] or (1,)


# --- tokens --------------------------------------------------------------------------


def join_tokens(
    sequences: Sequence, name: str, advice: Advice = OF_X, *, any_value: bool = True
) -> RaggedArray:
    """Return token lists as an object array of Python's own values ``(total_steps,)``.

    ``any_value`` allows tokens other than strings.
    """
    types = set(map(type, sequences))
    if not types <= PLAIN:
        _check_token_lists(sequences, name)
        sequences = [s.tolist() if hasattr(s, "tolist") else list(s) for s in sequences]
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    tokens = object_array(list(chain.from_iterable(sequences)))
    types = set(map(type, tokens))
    if types != {str} and any(issubclass(kind, np.generic) for kind in types):
        tokens = object_array(
            [t.item() if isinstance(t, np.generic) else t for t in tokens]
        )
        types = set(map(type, tokens))
    steps = RaggedArray.from_lengths(tokens, lengths)
    if not types <= {str, int}:
        _check_hashable(steps, name)
    if not any_value and not types <= {str}:
        _check_all_strings(steps, name, advice)
    return steps


def split_texts(texts: Sequence, split: Split, name: str) -> list[list[str]]:
    """Return the tokens of each text."""
    if set(map(type, texts)) != {str}:
        _check_all_of_one_kind(texts, name)
    if isinstance(split, SplitAll):
        return split.split(texts)
    sequences = [split(text) for text in texts]
    for i, tokens in enumerate(sequences):
        if type(tokens) is not list and not is_sequence(tokens):
            raise TypeError(
                f"the tokenizer gave {type(tokens).__name__} for {name}[{i}], expected a "
                "list of tokens"
            )
    return sequences


def _check_token_lists(sequences: Sequence, name: str) -> None:
    _check_all_of_one_kind(sequences, name)
    for i, sequence in enumerate(sequences):
        if isinstance(sequence, bytes):
            _raise_no_numeric_sequence(sequence, f"{name}[{i}]", f"{name}[0]")


def _check_all_of_one_kind(sequences: Sequence, name: str) -> None:
    strings = isinstance(sequences[0], str)
    for i, sequence in enumerate(sequences):
        if isinstance(sequence, str) != strings or not is_sequence(sequence):
            raise TypeError(
                f"{name}[{i}] is {type(sequence).__name__}, but {name}[0] is "
                f"{type(sequences[0]).__name__}; all sequences must be of one kind"
            )


def _check_hashable(steps: RaggedArray, name: str) -> None:
    for position, token in enumerate(steps.values):
        if not isinstance(token, Hashable) or is_missing(token):
            sequence, step = steps.step_of(position)
            raise TypeError(
                f"{name}[{sequence}], step {step} is {shown(token)}; tokens must be "
                "strings or other hashable values, and not missing"
            )


def _check_all_strings(steps: RaggedArray, name: str, advice: Advice) -> None:
    for position, token in enumerate(steps.values):
        if not isinstance(token, str):
            sequence, step = steps.step_of(position)
            raise TypeError(
                f"{name}[{sequence}], step {step} is {shown(token)} among strings; all "
                f'tokens must be strings unless {advice.type_parameter}="tokens"'
            )
