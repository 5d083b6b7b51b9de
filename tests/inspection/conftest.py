"""Figures are drawn off the screen, and closed after each test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def closed_figures():
    """Use the backend without a window, and close what a test draws."""
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    yield
    plt.close("all")
