"""Packages that only extras install."""

from __future__ import annotations

import sys

import pytest

from skrnn import metrics
from skrnn._optional import import_optional

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
def test_a_metric_names_its_absent_package_and_the_extra(package, score, monkeypatch):
    monkeypatch.setitem(sys.modules, f"{package}.metrics", None)
    message = rf"^\w+_(score|report) needs {package}; .*skrnn\[metrics\]"
    with pytest.raises(ImportError, match=message):
        score()


def test_a_package_has_its_own_name_and_not_its_modules(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"^open needs Pillow; pip install .*image"):
        import_optional("PIL.Image", "open", "image")
