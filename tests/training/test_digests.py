"""Digests of parameters and data."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
import threading
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from skrnn.data.ragged import RaggedArray
from skrnn.data.tokenizers import CharTokenizer, WordTokenizer
from skrnn.training.digests import digest_of

SURROGATE = chr(0xD800)


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)


@dataclasses.dataclass
class Scorer:
    name: str
    form: int = 0


class Pair(NamedTuple):
    name: str
    raw: int


def make_splitter(mark):
    return lambda text: text.split(mark)


EQUAL = {
    "numbers": (1, 1.0, True, np.float32(1.0), np.int64(1)),
    "texts": ("a", np.str_("a"), "".join(["a"])),
    "arrays": (np.arange(4.0), np.arange(8.0)[::2] / 2, torch.arange(4, dtype=float)),
    "tokens": (np.array(["a", "bc"], object), np.array(["a", "bc"])),
    "sets": ({"a", "b", "c"}, frozenset("cba")),
    "functions": (len, len),
    "closures": (make_splitter(" "), make_splitter(" ")),
    "partial functions": (functools.partial(int, base=3), functools.partial(int, base=3)),
    "generators": (np.random.RandomState(3), np.random.RandomState(3)),
    "objects": (WordTokenizer(), WordTokenizer()),
    "objects with objects": (Plain(a=Plain(b=[1])), Plain(a=Plain(b=[1]))),
}
UNEQUAL = {
    "numbers": (1, 2, 0.5, -1, None, 2**53, 2**53 + 1, float("inf")),
    "kinds": ("1", 1, ["1"], np.array([1.0]), {"1": 1}, b"12"),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2)), np.zeros(6), np.zeros((2, 3), "f4")),
    "tokens": (["ab", "c"], ["a", "bc"], ["abc"], [["ab"], ["c"]], ["ab", SURROGATE]),
    "offsets": tuple(
        RaggedArray.from_lengths(np.arange(4), lengths) for lengths in ([1, 3], [2, 2])
    ),
    "names": ({"name": 1}, {"name": 2}, {"raw": 1}),
    "dataclasses": (Scorer("a"), Scorer("b"), Scorer("a", 1)),
    "named tuples": (Pair("a", 0), Pair("b", 0), Pair("a", 1), ("a", 0)),
    "functions": (len, str.split, make_splitter, make_splitter(" "), make_splitter("-")),
    "defaults": (lambda x, n=1: x, lambda x, n=2: x),
    "keyword-only defaults": (lambda x, *, n=1: x, lambda x, *, n=2: x),
    "code": (lambda x: x + 1, lambda x: x + 2, lambda x: x.a, lambda x: x.b),
    "objects": (WordTokenizer(), CharTokenizer(), Plain(), Plain(a=1)),
    "generators": (np.random.RandomState(3), np.random.RandomState(4)),
    "frames": (
        *(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), pd.Series([1])),
        *(pd.DataFrame({"a": [1]}, ["x"]), pd.DataFrame({"a": [1]}, ["y"])),
        *(pd.Series([1], ["x"]), pd.Series([1], ["y"])),
    ),
    "times": tuple(pd.Timestamp(year, 1, 1) for year in (2020, 2021)),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_values_have_equal_digests(name):
    assert len({digest_of(value) for value in EQUAL[name]}) == 1


@pytest.mark.parametrize("name", UNEQUAL)
def test_other_values_have_others(name):
    digests = [digest_of(value) for value in UNEQUAL[name]]
    assert len(set(digests)) == len(digests)


def test_what_holds_itself_has_a_digest():
    one = Plain()
    one.itself = one
    other = Plain()
    other.itself = other
    assert digest_of(one) == digest_of(other)


def test_what_cannot_be_pickled_has_a_digest():
    one = Plain(lock=threading.Lock(), a=1)
    assert digest_of(one) == digest_of(Plain(lock=threading.Lock(), a=1))
    assert digest_of(one) != digest_of(Plain(lock=threading.Lock(), a=2))


def test_the_digest_is_the_same_in_every_process():
    code = """
import sys
from skrnn.training.digests import digest_of
print(digest_of({"a": {"x", "y", "z"}, "f": lambda x: x, "n": 1.5}))
"""
    scope = {"print": (here := []).append}
    exec(code, scope)
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert result.stdout.split() == here
