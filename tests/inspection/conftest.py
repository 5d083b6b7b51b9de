"""Settings and data of the tests of displays."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def close_figures():
    """Draw without a screen, and close the figures of each test."""
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def without_matplotlib(monkeypatch):
    """Make importing matplotlib fail."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
