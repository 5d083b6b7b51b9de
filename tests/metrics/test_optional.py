"""Metrics that other packages compute."""

from __future__ import annotations

import sys

import pytest

from skrnn import metrics

TAGS, TEXTS = [["B-x", "O"]], ["oak elm"]


@pytest.mark.parametrize(
    ("package", "score"),
    [
        ("seqeval", lambda: metrics.entity_f1_score(TAGS, TAGS)),
        ("seqeval", lambda: metrics.entity_report(TAGS, TAGS)),
        ("sacrebleu", lambda: metrics.bleu_score(TEXTS, TEXTS)),
        ("sacrebleu", lambda: metrics.chrf_score(TEXTS, TEXTS)),
    ],
)
def test_an_absent_package_is_named_with_its_extra(package, score, monkeypatch):
    monkeypatch.setitem(sys.modules, f"{package}.metrics", None)
    with pytest.raises(ImportError, match=rf"needs {package}: .*skrnn\[metrics\]"):
        score()
