"""The guide's page of promises names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "user_guide" / "guarantees.rst").read_text("utf-8")


def test_each_promise_names_a_test_that_exists():
    rows = [row for row in re.split(r"\n   \* - ", PAGE)[1:] if "Promise" not in row[:10]]
    assert len(rows) > 15
    for row in rows:
        _, _, tests = row.partition("\n     - ")
        names = re.findall(
            r"`((?:tests/|benchmarks/|make )[^`]+)`", tests.split("\n\n")[0]
        )
        assert names, row
        for name in names:
            if name.startswith("make "):
                assert re.search(rf"^{name[5:]}:", (ROOT / "Makefile").read_text(), re.M)
            else:
                assert (ROOT / name).is_file(), name
