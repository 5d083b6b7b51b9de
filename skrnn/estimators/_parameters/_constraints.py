"""Constraints that several parameters share."""

from __future__ import annotations

from numbers import Integral, Real

from skrnn._sklearn import HasMethods, Interval
from skrnn.estimators._rows import OneOf

POSITIVE_INT = Interval(Integral, 1, None, closed="left")
NON_NEGATIVE_INT = Interval(Integral, 0, None, closed="left")
RATE = Interval(Real, 0, 1, closed="left")
SHARE = Interval(Real, 0, 1, closed="neither")
POSITIVE = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")
TOKENIZER = [
    OneOf(("word", "char", "bpe")),
    callable,
    HasMethods(["split", "join", "learn_spacing"]),
    HasMethods(["encode", "decode"]),
    HasMethods(["tokenize"]),
]
TOKENIZER_KIND = '{"word", "char", "bpe"}, callable or tokenizer'
