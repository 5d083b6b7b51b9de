"""Imports follow the contracts in pyproject.toml, and importing skrnn changes nothing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINT = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_logo=True, no_cache=True))
"""


def run_python(code, cwd):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_imports_follow_the_contracts():
    result = run_python(LINT, ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_import_against_the_contracts_is_found(tmp_path):
    shutil.copytree(ROOT / "skrnn", tmp_path / "skrnn", ignore=lambda *_: {"__pycache__"})
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    forbidden = [
        ("skrnn.data.ragged", "torch"),
        ("skrnn.data.ragged", "skrnn.modules"),
        ("skrnn.modules.recurrent", "skrnn.data"),
        ("skrnn.modules.recurrent", "sklearn"),
        ("skrnn.training.net", "skrnn.estimators"),
        ("skrnn.estimators._base", "skorch"),
        ("skrnn.preprocessing._stepwise", "skrnn.training"),
        ("skrnn.onnx._runtime", "torch"),
        ("skrnn.onnx._writer", "skrnn.estimators"),
        ("skrnn.without_a_layer", "skrnn.data"),
    ]
    for importer, imported in forbidden:
        with (tmp_path / f"{importer.replace('.', '/')}.py").open("a") as source:
            source.write(f"\nimport {imported}\n")
    result = run_python(LINT, tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    for importer, imported in forbidden[:-1]:
        assert re.search(rf"{importer}\s+->\s+{imported}\s", result.stdout), (
            importer,
            imported,
        )
    assert "- skrnn.without_a_layer" in result.stdout


def test_names_are_given_when_first_used_and_leave_global_state_alone():
    code = """
import random, sys, warnings
import numpy as np, pandas, skorch, sklearn.utils.validation, torch
def state():
    return (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        sklearn.get_config(),
        warnings.filters[:],
    )
before = state()
import skrnn
assert dir(skrnn) == sorted([*skrnn.__all__, *skrnn._PACKAGES, "__version__"])
assert set(skrnn._FILES) == set(skrnn.__all__)
assert all(getattr(skrnn, name).__name__ == name for name in skrnn.__all__)
from skrnn import *
for name in skrnn._PACKAGES:
    assert getattr(skrnn, name).__name__ == f"skrnn.{name}"
try:
    skrnn.nothing
except AttributeError as error:
    assert "nothing" in str(error)
assert state() == before
assert not {"hypothesis", "matplotlib", "pytest"} & set(sys.modules)
"""
    result = run_python(code, ROOT)
    assert result.returncode == 0, result.stderr


LOADED = """
import pickle, sys
import torch, torch.optim.lr_scheduler
import sklearn.model_selection, skorch
import skrnn
assert not {"torch._dynamo", "sympy"} & sys.modules.keys()
before = set(sys.modules)
X = [[0.1, 0.2], [0.3]] * 5
model = skrnn.SequenceClassifier(cell="gru", max_epochs=1).fit(X, [0, 1] * 5)
pickle.loads(pickle.dumps(model)).predict(X)
model.fit([["a"], ["b", "a"]] * 5, [0, 1] * 5).predict([["a"]])
assert not {"torch._dynamo", "sympy"} & sys.modules.keys()
print(*sorted({name.split(".")[0] for name in sys.modules.keys() - before}))
import skrnn.inspection, skrnn.persistence
assert not {"torch._dynamo", "sympy"} & sys.modules.keys()
"""


def test_import_and_fit_load_nothing_that_torch_does_not_load_itself():
    result = run_python(LOADED, ROOT)
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.split()) <= {"skrnn", "sklearn", "torch"}


def test_packages_without_networks_load_no_torch():
    code = """
import sys
import skrnn, skrnn.data, skrnn.metrics, skrnn.onnx, skrnn.preprocessing
from skrnn import datasets
assert "SequenceClassifier" in dir(skrnn)
assert not {"torch", "skorch", "onnx", "onnxruntime", "sympy"} & set(sys.modules)
"""
    result = run_python(code, ROOT)
    assert result.returncode == 0, result.stderr
