"""Model files that earlier versions wrote are read, and predict what they did."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import skrnn
from skrnn.persistence import load_model
from skrnn.persistence._models import ESTIMATORS

FOLDER = Path(__file__).parents[1] / "models"
spec = importlib.util.spec_from_file_location("make_models", FOLDER / "make.py")
make_models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_models)
ANSWERS = {
    path.parent / f"{name}.skrnn": stored
    for path in sorted(FOLDER.glob("*/answers.json"))
    for name, stored in json.loads(path.read_text("utf-8")).items()
}

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.InconsistentVersionWarning"
)


def assert_close(found, stored):
    """Assert equal texts, and numbers up to 1e-5."""
    if isinstance(stored, list):
        assert len(found) == len(stored)
        for one, other in zip(found, stored, strict=True):
            assert_close(one, other)
    elif isinstance(stored, float):
        np.testing.assert_allclose(found, stored, rtol=1e-5, atol=1e-5)
    else:
        assert found == stored


@pytest.mark.parametrize("path", ANSWERS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_file_predicts_what_its_version_did(path):
    stored = ANSWERS[path]
    model = load_model(path)
    X = make_models.asked(stored["X"])
    assert_close(make_models.plain(getattr(model, stored["method"])(X)), stored["answer"])


def test_every_estimator_has_a_file_of_this_version():
    version = skrnn.__version__.split(".dev")[0]
    files = [path for path in ANSWERS if path.parent.name == version]
    assert {type(load_model(path)).__name__ for path in files} == set(ESTIMATORS)
    assert set(ANSWERS) == set(FOLDER.glob("*/*.skrnn"))


def test_the_files_of_a_version_are_small():
    for answers in FOLDER.glob("*/answers.json"):
        sizes = [path.stat().st_size for path in answers.parent.iterdir()]
        assert sum(sizes) < 250_000


def test_files_that_are_there_are_not_replaced(tmp_path, monkeypatch):
    names = ["classifier_numbers", "feed_forward_regressor"]
    monkeypatch.setattr(
        make_models, "MODELS", {name: make_models.MODELS[name] for name in names}
    )
    make_models.write(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 3
    path = tmp_path / f"{names[0]}.skrnn"
    path.write_bytes(b"kept")
    make_models.write(tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before | {path: b"kept"}
