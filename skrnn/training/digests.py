"""Digests of parameters and data: equal values have equal ones, in every process."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
from collections.abc import Mapping, Set
from functools import cached_property
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

#: Attributes of skrnn's validated data that training does not read: the user's containers, and
#: names in messages.
LEFT_OUT = {"raw", "name", "named", "form", "origin", "panel"}
#: Bytes of a digest, enough to distinguish fits.
N_BYTES = 16


def digest_of(value: Any) -> str:
    """Return the digest of a value: plain ones, arrays, containers, functions, objects.

    A function that another process can import counts by its name, any other by its code;
    an object by its class and state.
    """
    digest = _Digest()
    digest.add(value)
    return digest.hash.hexdigest()[: 2 * N_BYTES]


class _Digest:
    """SHA-256 of what is added."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        #: objects on the way to the present one, which may hold them
        self.open: list[int] = []

    def write(self, *parts: Any) -> None:
        """Add parts that have no others."""
        for part in parts:
            content = part if isinstance(part, bytes) else _as_bytes(str(part))
            self.hash.update(b"%d:" % len(content))
            self.hash.update(content)

    def add(self, value: Any) -> None:
        """Add a value, whatever it holds."""
        if value is None or isinstance(value, str | bytes):
            self.write("none" if value is None else "text", value)
        elif isinstance(value, int | float):
            # True, 1 and 1.0 are equal, where a float can hold the number
            short = isinstance(value, float) or abs(value) < 2**53
            self.write("number", repr(float(value)) if short else value)
        elif isinstance(value, np.generic):
            self.add(value.item())
        elif id(value) in self.open:
            self.write("again", self.open.index(id(value)))
        else:
            self.open.append(id(value))
            self._add_container(value)
            self.open.pop()

    def _add_container(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self._add_array(value)
        elif isinstance(value, Tensor):
            self._add_array(value.detach().cpu().numpy())
        elif isinstance(value, pd.Index | pd.Series):
            if isinstance(value, pd.Series):
                self._add_array(value.index.to_numpy())
            self.write(type(value).__name__)
            self._add_array(value.to_numpy())
        elif isinstance(value, pd.DataFrame):
            self._add_array(value.index.to_numpy())
            columns = {column: value[column].to_numpy() for column in value.columns}
            self._add_items(columns)
        elif isinstance(value, Mapping):
            self._add_items(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            self.write(type(value).__name__)
            self._add_items(_without_names(value, _values_of(value)))
        elif isinstance(value, tuple) and hasattr(value, "_asdict"):
            self._add_items(_without_names(value, value._asdict()))
        elif isinstance(value, list | tuple):
            self._add_list(list(value))
        elif isinstance(value, Set):
            self._add_list(sorted(map(digest_of, value)))
        else:
            self._add_object(value)

    def _add_items(self, items: Mapping[Any, Any]) -> None:
        self.write("items", len(items))
        for name, part in items.items():
            self.add(name)
            self.add(part)

    def _add_list(self, values: list[Any]) -> None:
        self.write("list", len(values))
        if values and all(type(value) is str for value in values):
            self.write("texts")
            self._add_texts(values)
            return
        for value in values:
            self.add(value)

    def _add_array(self, array: NDArray) -> None:
        self.write("array", array.shape)
        if array.dtype.kind in "OUS":
            self._add_list(array.reshape(-1).tolist())
            return
        self.write(array.dtype.newbyteorder("<").str)
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        self.hash.update(array.reshape(-1).view(np.uint8).data)

    def _add_texts(self, texts: list[str]) -> None:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        self.hash.update(lengths.data)
        self.hash.update(_as_bytes("".join(texts)))

    def _add_object(self, value: Any) -> None:
        if isinstance(value, CodeType):
            self.write("code", value.co_code, value.co_names)
            self._add_list(list(value.co_consts))
            return
        named = isinstance(value, type | FunctionType | BuiltinFunctionType)
        if named and (_is_importable(value) or not isinstance(value, FunctionType)):
            self.write("name", value.__module__, value.__qualname__)
        elif named:
            cells = value.__closure__ or ()
            self.add(value.__code__)
            defaults = value.__defaults__, value.__kwdefaults__
            self._add_list([*defaults, *(cell.cell_contents for cell in cells)])
        else:
            self._add_state(value)

    def _add_state(self, value: Any) -> None:
        self.write("object", type(value).__module__, type(value).__qualname__)
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # what cannot be pickled: locks, files, modules
            self.add(dict(getattr(value, "__dict__", {})))
            return
        if isinstance(reduced, str):
            self.write(reduced)
            return
        for part in reduced:
            self.add(list(part) if hasattr(part, "__next__") else part)


def _values_of(value: Any) -> dict[str, Any]:
    """Return the attributes of a dataclass, of skrnn's those that are computed when needed."""
    values = dict(vars(value))
    kind = type(value)
    if kind.__module__.startswith("skrnn."):
        names = [k for k, v in vars(kind).items() if isinstance(v, cached_property)]
        for name in names:  # last, whether they are known already or not
            values.pop(name, None)
            values[name] = getattr(value, name)
    return values


def _without_names(value: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a value, of one of skrnn's classes those that training reads."""
    left_out = LEFT_OUT if type(value).__module__.startswith("skrnn.") else frozenset()
    return {name: part for name, part in fields.items() if name not in left_out}


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _is_importable(value: Any) -> bool:
    """Return whether a class or function is found by its name."""
    try:
        found: Any = importlib.import_module(value.__module__)
        for name in value.__qualname__.split("."):
            found = getattr(found, name)
    except (AttributeError, ImportError, TypeError, ValueError):
        return False
    return found is value
