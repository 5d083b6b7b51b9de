"""Fitted estimators as model files."""

from __future__ import annotations

import pytest
import torch

from skrnn.onnx import load, to_onnx

WORDS = ["a", "not", "good", "bad", "Bad", "film", "it's", "movies", "end", "ünder"]


@pytest.fixture
def exported(tmp_path):
    """Return a function that writes a fitted estimator and loads it again."""

    def export(model, **options):
        path = tmp_path / "model.onnx"
        to_onnx(model, path, **options)
        return load(path, n_threads=1)

    return export


@pytest.fixture
def shaken():
    """Return a function that makes all weights of a fitted estimator large.

    After a short training they are so small that errors of a graph would not show.
    """

    def shake(model, size=0.4):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in model.net_.module_.parameters():
                weight += size * torch.randn(weight.shape, generator=generator)
            for layer in model.net_.module_.modules():
                if getattr(layer, "padding_idx", None) is not None:
                    layer.weight[layer.padding_idx] = 0.0
        return model

    return shake


@pytest.fixture
def texts(rng):
    """Return 40 texts of unequal lengths."""
    return [" ".join(rng.choice(WORDS, size=n)) for n in rng.integers(1, 9, 40)]


@pytest.fixture
def new_texts(rng):
    """Return texts of lengths that ``texts`` has not, with unseen and no words."""
    words = [*WORDS, "unseen", "Ünseen", "?", "aVeryLongWordThatLosesItsMiddle"]
    return ["", *(" ".join(rng.choice(words, size=n)) for n in (1, 23, 11, 2, 40, 11))]
