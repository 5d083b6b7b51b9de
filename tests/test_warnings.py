"""Warnings name the user's line."""

from __future__ import annotations

import pytest

from skrnn import SequenceClassifier, _warnings
from skrnn._warnings import warn


def test_a_warning_names_the_line_that_calls_skrnn():
    with pytest.warns(FutureWarning, match="text") as caught:
        warn("text", FutureWarning)
    assert [w.filename for w in caught] == [__file__]


def test_a_warning_names_the_users_line_from_any_depth(monkeypatch):
    def deep(self):
        return warn("text")

    code = deep.__code__.replace(co_filename=_warnings.__file__)
    monkeypatch.setattr(SequenceClassifier, "get_params", lambda self: deep(self))
    deep.__code__ = code
    with pytest.warns(UserWarning, match="text") as caught:
        SequenceClassifier().get_params()
    assert [w.filename for w in caught] == [__file__]
