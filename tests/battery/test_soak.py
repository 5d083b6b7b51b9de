"""Short versions of the long runs of ``make soak``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[1] / "soak"


@pytest.fixture
def program(monkeypatch):
    """Return a function that imports a program of ``tests/soak``."""
    monkeypatch.syspath_prepend(SOAK)
    yield import_module
    for name in ("fits", "leaks", "mutants"):
        sys.modules.pop(name, None)


def test_mutants_of_all_stored_files_are_refused_or_predict_the_same(program):
    counts, _, _ = program("mutants").run(n_mutants=300, seed=1)
    assert sum(counts.values()) == 300
    assert counts["refused"] > 280


@pytest.mark.filterwarnings("ignore")
def test_fits_and_predictions_leave_no_objects(program):
    leaks = program("leaks")
    names = ["classifier", "translator", "dense forecaster"]
    models = [leaks.fit(name) for name in names]
    for task in (
        lambda i: leaks.fit(names[i % 3]),
        lambda i: models[i % 3][0].predict(models[i % 3][1][:2]),
    ):
        # what other threads of the process make comes and goes
        grown = (leaks.measure(task, n_calls=6, warm_up=6)[1] for _ in range(3))
        assert any(n_objects < 5 for n_objects in grown)


@pytest.mark.filterwarnings("ignore")
def test_what_stays_of_a_call_is_found(program):
    kept = []
    _, n_objects = program("leaks").measure(lambda i: kept.append([i]), 1000, 1)
    assert n_objects >= 900  # what earlier tests left may go meanwhile
