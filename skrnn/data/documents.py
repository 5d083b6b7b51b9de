"""Fitted state as JSON: the text in a model file or an ONNX file, beside its arrays or graph.

A document holds plain values, arrays, and instances of the classes in ``CLASSES``, whose
attributes are such values again. Reading one makes nothing else and runs no code.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from skrnn.data.autoregression import Autoregression
from skrnn.data.containers import Form
from skrnn.data.feature_codecs import FeatureCodec, StaticCodec
from skrnn.data.field_roles import FieldOptions
from skrnn.data.forecasting import SeriesInputs
from skrnn.data.inputs import Inputs
from skrnn.data.scaling import Standardization
from skrnn.data.series import Layout, SeriesOptions
from skrnn.data.steps import Advice, StepShape, shown
from skrnn.data.subwords import TrainedTokenizer
from skrnn.data.targets import (
    ClassTargets,
    FeatureContinuations,
    HorizonTargets,
    MultilabelTargets,
    NumberTargets,
    SeriesTargets,
    StepNumberTargets,
    StepTargets,
    TokenContinuations,
    TokenTargets,
)
from skrnn.data.targets._tokens import TargetTokenCodec
from skrnn.data.token_codecs import SubwordCodec, TokenCodec
from skrnn.data.tokenizers import CharTokenizer, WordTokenizer
from skrnn.data.vocabulary import CharacterFeatures, NgramFeatures, Vocabulary

#: Marks a JSON object that stands for something else than itself.
KIND = "$"
#: What a document may hold instances of, by name.
CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Advice,
        Autoregression,
        CharTokenizer,
        CharacterFeatures,
        ClassTargets,
        FeatureCodec,
        FeatureContinuations,
        FieldOptions,
        Form,
        HorizonTargets,
        Inputs,
        Layout,
        MultilabelTargets,
        NgramFeatures,
        NumberTargets,
        SeriesInputs,
        SeriesOptions,
        SeriesTargets,
        Standardization,
        StaticCodec,
        StepNumberTargets,
        StepShape,
        StepTargets,
        SubwordCodec,
        TargetTokenCodec,
        TokenCodec,
        TokenContinuations,
        TokenTargets,
        TrainedTokenizer,
        Vocabulary,
        WordTokenizer,
    )
}
#: Types that JSON has.
PLAIN = {type(None), bool, int, str}


def write_document(values: dict[str, Any], classes: Mapping[str, type] = CLASSES) -> str:
    """Return values as JSON.

    ``classes`` are those of which it may hold instances, by name.

    Raises
    ------
    TypeError
        If one of them is neither plain nor of such a class; the message names it.
    """
    plain = _Writer(classes).write_items(values)
    return json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def read_document(text: str, classes: Mapping[str, type] = CLASSES) -> dict[str, Any]:
    """Return the values of ``write_document``.

    Raises
    ------
    ValueError
        If the text is not such a document.
    """
    try:
        plain = json.loads(text, parse_constant=_refuse_constant)
        reader = _Reader(classes)
        return {name: reader.read(value) for name, value in plain.items()}
    except (
        *(AttributeError, LookupError, RecursionError, TypeError),
        *(ValueError, OverflowError, MemoryError),
    ) as error:
        raise ValueError(f"not a document of skrnn: {shown(error)}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _Writer:
    """Makes plain values; an object that comes again is written once."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.classes = classes
        self.numbers: dict[int, int] = {}

    def write_items(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.write(value, name) for name, value in values.items()}

    def write(self, value: Any, name: str) -> Any:
        if type(value) in PLAIN:
            return value
        if isinstance(value, float | np.floating):
            number = float(value)
            return number if math.isfinite(number) else _tagged("float", str(number))
        if isinstance(value, np.generic) and value.dtype.kind in "biuU":
            return value.item()
        if isinstance(value, datetime.timedelta):
            return _tagged("distance", pd.Timedelta(value).isoformat())
        if isinstance(value, pd.offsets.BaseOffset):
            return self._write_offset(value, name)
        if isinstance(value, list | pd.Index):
            return [self.write(item, name) for item in value]
        if isinstance(value, dict):
            names = [key if isinstance(key, str) else name for key in value]
            items = map(self.write, value.values(), names)
            return _tagged("dict", self.write(list(value), name), list(items))
        if isinstance(value, np.ndarray):
            return self._write_array(value, name)
        if self.classes.get(type(value).__name__) is type(value):
            return self._write_instance(value)
        if type(value) is tuple:
            return _tagged("tuple", [self.write(item, name) for item in value])
        raise TypeError(
            f"{name}={shown(value)} of type {type(value).__name__} cannot be stored in a "
            "file, which holds plain values and no code"
        )

    def _write_array(self, array: NDArray, name: str) -> Any:
        if array.dtype.kind in "biufmM":
            data = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            text = base64.b64encode(data.tobytes()).decode("ascii")
            return _tagged("array", data.dtype.str, list(array.shape), text)
        kind = "str" if array.dtype.kind == "U" else "object"
        items = [self.write(item, name) for item in array.reshape(-1).tolist()]
        return _tagged("array", kind, list(array.shape), items)

    def _write_offset(self, offset: pd.offsets.BaseOffset, name: str) -> Any:
        text = offset.freqstr
        try:
            if to_offset(text) == offset:
                return _tagged("offset", text)
        except ValueError:  # pandas has no name for it
            pass
        is_months = type(offset) is pd.DateOffset and offset.kwds.keys() == {"months"}
        if is_months and not offset.normalize:
            return _tagged("months", int(offset.n * offset.kwds["months"]))
        raise TypeError(
            f"{name}={offset!r} cannot be stored in a file, which knows frequencies "
            "that have a name in pandas"
        )

    def _write_instance(self, value: Any) -> dict[str, Any]:
        known = self.numbers.get(id(value))
        if known is not None:
            return _tagged("same", known)
        self.numbers[id(value)] = number = len(self.numbers)
        is_tuple = issubclass(type(value), tuple)
        fields = value._asdict() if is_tuple else vars(value)
        return _tagged(type(value).__name__, number, self.write_items(fields))


class _Reader:
    """Makes values of plain ones."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.classes = classes
        self.instances: dict[int, Any] = {}

    def read(self, value: Any) -> Any:
        if isinstance(value, list):
            return list(self._read_all(value))
        if not isinstance(value, dict):
            return value
        kind, *content = value[KIND]
        if kind == "float":
            return float(content[0])
        if kind == "distance":
            return pd.Timedelta(content[0])
        if kind == "offset":
            return to_offset(content[0])
        if kind == "months":
            return pd.DateOffset(months=content[0])
        if kind == "tuple":
            return tuple(self._read_all(content[0]))
        if kind == "dict":
            return dict(zip(*map(self.read, content), strict=True))
        if kind == "array":
            return self._read_array(*content)
        if kind == "same":
            return self.instances[content[0]]
        return self._read_instance(self.classes[kind], *content)

    def _read_all(self, values: list[Any]) -> Iterator[Any]:
        return (self.read(v) if isinstance(v, dict | list) else v for v in values)

    def _read_array(self, kind: str, shape: list[int], content: Any) -> NDArray:
        if kind == "str":
            return np.array(content, dtype=np.str_).reshape(shape)
        if kind == "object":
            items = np.fromiter(self._read_all(content), object, len(content))
            return items.reshape(shape)
        data = base64.b64decode(content, validate=True)
        return np.frombuffer(data, np.dtype(kind)).reshape(shape).copy()

    def _read_instance(self, cls: Any, number: int, fields: dict[str, Any]) -> Any:
        if issubclass(cls, tuple):
            instance = cls(**{name: self.read(v) for name, v in fields.items()})
            self.instances[number] = instance
            return instance
        known = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
        # a later version may have added some with defaults
        names = {f.name for f in known}
        needed = {f.name for f in known if f.default is dataclasses.MISSING}
        is_other = known and not needed <= fields.keys() <= names
        if is_other or not all(map(str.isidentifier, fields)):
            raise ValueError(f"other attributes than those of {cls.__name__}")
        if any(callable(getattr(cls, name, None)) for name in fields):
            raise ValueError(f"an attribute hides a method of {cls.__name__}")
        instance = cls.__new__(cls)
        self.instances[number] = instance  # before its attributes, which may hold it
        vars(instance).update({name: self.read(v) for name, v in fields.items()})
        return instance


def _tagged(*content: Any) -> dict[str, Any]:
    return {KIND: list(content)}
