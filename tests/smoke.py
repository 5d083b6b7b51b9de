"""Try the installed package: every estimator, with the required dependencies alone.

``make smoke`` installs the wheel into an empty environment and runs this.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

# in place of the folder of this file, where the folders have names of packages
sys.path[0] = str(Path(__file__).parent / "soak")

from fits import FITS, make
from sklearn.preprocessing import StandardScaler

import skrnn
import skrnn.datasets
import skrnn.inspection
import skrnn.metrics
import skrnn.model_selection
import skrnn.preprocessing
from skrnn.persistence import load_model, save_model

#: Packages of the extras: the required ones must do without.
EXTRAS = [
    "distributed",
    "hypothesis",
    "matplotlib",
    "mido",
    "numba",
    "onnx",
    "polars",
    "pyarrow",
    "skops",
    "tokenizers",
]


def main():
    start = time.perf_counter()
    root = Path(skrnn.__file__).parents[1]
    assert Path(__file__).parents[1] != root, (
        f"skrnn is not installed, but read from {root}"
    )
    found = [name for name in EXTRAS if find_spec(name)]
    assert not found, f"not an empty environment: {found}"
    warnings.simplefilter("ignore")  # epochs are few
    kinds = set()
    with tempfile.TemporaryDirectory() as folder:
        for name in FITS:
            model, data = make(name, max_epochs=3)
            model.fit(*data)
            expected = model.predict(data[0])
            path = Path(folder, "model")
            save_model(model, path)
            for back in (pickle.loads(pickle.dumps(model)), load_model(path)):
                for one, other in zip(back.predict(data[0]), expected, strict=True):
                    np.testing.assert_array_equal(one, other)
            assert np.isfinite(model.score(*data))
            kinds.add(type(model).__name__)
    assert kinds == {n for n in skrnn.__all__ if hasattr(getattr(skrnn, n), "fit")}
    X, y = skrnn.datasets.load_japanese_vowels(return_X_y=True)
    stepwise = skrnn.preprocessing.StepwiseTransformer(StandardScaler())
    assert len(stepwise.fit_transform(X)) == len(y)
    texts = pd.Series(["a b", "c"] * 5)
    assert len(
        skrnn.SequenceClassifier(max_epochs=1).fit(texts, [0, 1] * 5).predict(texts)
    )
    for name in skrnn.metrics.__all__:
        getattr(skrnn.metrics, name)
    print(
        f"smoke test passed: skrnn {skrnn.__version__} in {root}, {len(FITS)} fits of "
        f"{len(kinds)} estimators in {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
