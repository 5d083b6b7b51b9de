"""Draw the pictures of README and of the landing page into docs/images.

Run by ``make pictures``. Each is drawn by skrnn from estimators that are fitted here.
"""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from skrnn import SequenceClassifier, SequenceForecaster
from skrnn.datasets import make_sentences
from skrnn.inspection import GradientFlowDisplay, UnrolledNetworkDisplay

IMAGES = Path(__file__).parent / "images"


def draw_unrolled():
    """Draw a network that reads a sentence in which the order of the words decides."""
    X, y = make_sentences(400, random_state=0)
    model = SequenceClassifier(
        hidden_size=32,
        bidirectional=False,
        pooling="last",
        lr=0.02,
        max_epochs=30,
        random_state=0,
    ).fit(X, y)
    display = UnrolledNetworkDisplay.from_estimator(model, ["not dull but funny"])
    display.ax_.set_title("")
    return display.figure_


def draw_gradients():
    """Draw how gradients vanish on the way back to early steps, before training."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 101, 12)), rng.integers(2, size=50)
    settings = {"hidden_size": 64, "bidirectional": False, "pooling": "last"}
    cells = {"LSTM": "lstm", "GRU": "gru", "tanh": "rnn_tanh"}
    figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    networks = {
        name: SequenceClassifier(cell=cell, random_state=0, **settings)
        for name, cell in cells.items()
    }
    GradientFlowDisplay.from_estimator(networks, X, y, trained=False, ax=ax)
    for name, line in zip(cells, ax.get_lines(), strict=True):
        line.set(linestyle="-", label=name)
    ax.legend(frameon=False)
    ax.set(title="Gradients vanish on the way back to early steps", xlim=(0, 100))
    return figure


def draw_forecast():
    """Draw two forecasts of a year, with intervals, beside what came."""
    rng = np.random.default_rng(0)
    months = pd.date_range("2010-01", periods=180, freq="MS")
    season = 1 + 0.25 * np.sin(2 * np.pi * months.month / 12)
    level = 100 * np.exp(np.cumsum(rng.normal(0.004, 0.01, size=180)))
    sales = pd.Series(
        level * season * np.exp(0.03 * rng.normal(size=180)), months, name="sales"
    )
    model = SequenceForecaster(horizon=12, hidden_size=32, random_state=0).fit(
        sales[:-36]
    )
    backtest = model.backtest(sales, n_windows=3)
    figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    backtest.plot(ax=ax)
    ax.set(
        title="Each year forecast at its beginning",
        ylabel="sales a month",
        xlim=(months[-84], months[-1]),
    )
    ax.legend(["actual", "90 % interval", "forecast"], loc="upper left", frameon=False)
    return figure


def main():
    """Draw all pictures."""
    for name, draw in {
        "unrolled": draw_unrolled,
        "gradients": draw_gradients,
        "forecast": draw_forecast,
    }.items():
        path = IMAGES / f"{name}.png"
        drawn = io.BytesIO()
        draw().savefig(drawn, dpi=150, facecolor="white")
        image = Image.open(drawn).convert("RGB")
        image = image.crop(ImageOps.invert(image).getbbox())  # without white margins
        image = ImageOps.expand(image, border=15, fill="white")
        # 128 colours instead of 16 million: a third of the size
        image.quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
