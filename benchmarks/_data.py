"""Loaders of the data that the benchmarks read, and what shortens it for a quick run.

The data lies in `../shared/data` beside the project's root, or where the environment
variable SKRNN_DATA points. A loader raises `DataAbsent` with one line saying what it
wanted; the program that called it prints that line and skips the part. Splits are the
files' own: test files are for the number that is reported, validation files for choosing.
"""

import csv
import json
import os
from pathlib import Path

import numpy as np

from skrnn.datasets import read_abc, read_conll, read_lines, read_text
from skrnn.preprocessing import WordShapes

_PROJECT = Path(__file__).resolve().parents[1]
_STOCKS = ("AAPL", "GOOG", "IBM", "MSFT")
_STRESS = str.maketrans("", "", "012")  # marks of stress on the vowels of cmudict


class DataAbsent(Exception):
    """The data of a benchmark is not on this machine."""


def _data_file(*parts):
    """Return the path of a data file, or raise `DataAbsent` naming what is wanted."""
    root = Path(os.environ.get("SKRNN_DATA", _PROJECT.parent / "shared" / "data"))
    path = root.joinpath(*parts)
    if not path.exists():
        raise DataAbsent(
            f"wants {'/'.join(parts)} in {root}; "
            "set SKRNN_DATA to the folder that holds it"
        )
    return path


def _read_columns(path, x_column, y_column):
    """Return two columns of a tab-separated file with a header, as lists of strings."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row[x_column] for row in rows], [row[y_column] for row in rows]


def _load_text(folder, x_column, y_column):
    return {
        split: _read_columns(_data_file(folder, f"{split}.tsv"), x_column, y_column)
        for split in ("train", "valid", "test")
    }


def load_snips():
    """Return {split: (token lists, intents)} of SNIPS: 7 intents."""
    splits = _load_text("snips", "tokens", "intent")
    return {name: ([text.split(" ") for text in X], y) for name, (X, y) in splits.items()}


def load_snips_slots():
    """Return {split: (token lists, tag lists)} of SNIPS: 39 slots, 72 IOB2 tags."""
    splits = _load_text("snips", "tokens", "tags")
    return {
        name: ([text.split(" ") for text in X], [tags.split(" ") for tags in y])
        for name, (X, y) in splits.items()
    }


def _load_conll(folder, shapes=False):
    """Return {split: (token lists, tag lists)} of files in two columns, tabs between.

    With shapes, frames of words and their shapes take the place of token lists.
    """
    splits = {
        split: read_conll(
            _data_file(folder, f"{split}.conll"), tag_column=1, delimiter="\t"
        )
        for split in ("train", "valid", "test")
    }
    if shapes:
        splits = {
            name: (WordShapes().fit_transform(X), y) for name, (X, y) in splits.items()
        }
    return splits


def load_ewt(*, shapes=False):
    """Return {split: (word lists, tag lists)} of UD English EWT: 17 parts of speech."""
    return _load_conll("ud_english_ewt", shapes)


def load_wnut17(*, shapes=False):
    """Return {split: (token lists, tag lists)} of W-NUT 2017: 6 types, IOB2 tags."""
    return _load_conll("wnut17", shapes)


def load_clinc150():
    """Return {split: (strings, intents)} of CLINC150's in-scope queries: 150 intents."""
    return _load_text("clinc150", "text", "intent")


def load_names():
    """Return {split: (strings, countries)} of names, duplicates as they are."""
    return _load_text("names", "name", "country")


def _load_series(folder, file):
    """Return {split: (float32 arrays (n_steps_i, n_features), labels)}."""
    splits = {}
    with np.load(_data_file(folder, file)) as arrays:
        for name in ("train", "test"):
            ends = np.cumsum(arrays[f"len_{name}"])[:-1]
            splits[name] = np.split(arrays[f"X_{name}"], ends), arrays[f"y_{name}"]
    return splits


def load_japanese_vowels():
    """Return {split: (arrays, labels)}: 7–29 steps, 12 features, 9 speakers."""
    return _load_series("japanese_vowels", "japanese_vowels.npz")


def load_plaid():
    """Return {split: (arrays, labels)}: 100–1,344 steps, 1 feature, 11 classes."""
    return _load_series("plaid", "plaid.npz")


def load_basic_motions():
    """Return {split: (arrays, labels)}: 100 steps, 6 features of a watch, 4 motions."""
    return _load_series("basic_motions", "basic_motions.npz")


def load_gunpoint():
    """Return {split: (arrays, labels)}: 150 steps of a hand's position, 2 classes."""
    return _load_series("gunpoint", "gunpoint.npz")


def load_gestures():
    """Return {split: (arrays, labels)}: 29–361 steps, 1 feature, 10 gestures."""
    return _load_series("pickup_gesture_wiimote_z", "pickup_gesture_wiimote_z.npz")


def load_arrow_heads():
    """Return {split: (arrays, labels)}: 251 steps of an outline, 3 kinds."""
    return _load_series("arrow_head", "arrow_head.npz")


def load_power_demand():
    """Return {split: (arrays, labels)}: 24 hours of a day's demand, 2 seasons."""
    return _load_series("italy_power_demand", "italy_power_demand.npz")


def load_spoken_digits():
    """Return {split: (recordings, digits)}: int16 waveforms at 8 kHz."""
    return _load_series("fsdd", "fsdd_subset.npz")


def _load_column(column, *parts):
    with _data_file(*parts).open(encoding="utf-8", newline="") as file:
        return np.array([float(row[column]) for row in csv.DictReader(file)])


def load_sunspots():
    """Return the monthly sunspot numbers, 1749-01 to 2008-12, float64 (3120,)."""
    return _load_column("sunspots", "univariate_series", "sunspots_monthly.csv")


def load_airline():
    """Return the monthly airline passengers, 1949 to 1960, thousands, float64 (144,)."""
    return _load_column("Passengers", "univariate_series", "airline.csv")


def load_unseen_series():
    """Return {name: (values, lags, first date, frequency)} of series that packages bring.

    pmdarima brings beer (Australia, megalitres), wine (Australia, litres), wool (yarn,
    tonnes) and lynx (pelts); statsmodels the sea's surface temperature (El Niño, °C), the
    Nile's discharge and the unemployment rate of the United States (%).
    """
    from pmdarima import datasets
    from statsmodels.datasets import elnino, macrodata, nile

    sea = elnino.load_pandas().data.drop(columns="YEAR").to_numpy().ravel()
    rate = macrodata.load_pandas().data["unemp"].to_numpy()
    river = nile.load_pandas().data["volume"].to_numpy()
    return {
        "beer": (datasets.load_ausbeer(), 8, "1956-01-01", "QS"),
        "wine": (datasets.load_wineind(), 24, "1980-01-01", "MS"),
        "wool": (datasets.load_woolyrnq(), 8, "1965-01-01", "QS"),
        "sea": (sea, 24, "1950-01-01", "MS"),
        "unemployment": (rate, 8, "1959-01-01", "QS"),
        "lynx": (datasets.load_lynx(), 12, "1821-01-01", "YS"),
        "Nile": (river, 12, "1871-01-01", "YS"),
    }


def load_co2():
    """Return the weekly CO₂ at Mauna Loa, 1958 to 2001, ppm, float64, NaN in gaps."""
    path = _data_file("univariate_series", "co2_weekly.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return np.array([float(row["co2"] or "nan") for row in csv.DictReader(file)])


def load_sp500():
    """Return the monthly S&P 500, 1871-01 to 2023-06, float64 (1830,)."""
    return _load_column("SP500", "sp500_monthly", "sp500_monthly.csv")


def load_stocks():
    """Return {ticker: adjusted daily closes, float64 (n_days,), oldest first}."""
    return {
        name: _load_column("Adj Close", "stocks_daily", f"{name}.csv") for name in _STOCKS
    }


def _grouped(sources, targets):
    """Return the distinct sources in the order of the file, and all targets of each."""
    by_source = {}
    for source, target in zip(sources, targets, strict=True):
        of_source = by_source.setdefault(source, [])
        if target not in of_source:
            of_source.append(target)
    return list(by_source), list(by_source.values())


def _read_words(path):
    """Return words and their pronunciations, phones without the marks of stress."""
    with path.open(encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    phones = [text.translate(_STRESS).split(" ") for _, text in rows]
    return [word for word, _ in rows], phones


def load_cmudict():
    """Return {split: (character lists, phones)} of English words: 39 phones.

    In training a pair for each pronunciation, phone lists; else each word once, with a
    list of its pronunciations.
    """
    paths = {
        split: _data_file("cmudict", f"{split}.tsv")
        for split in ("train", "valid", "test")
    }
    splits = {name: _read_words(path) for name, path in paths.items()}
    for name in ("valid", "test"):
        splits[name] = _grouped(*splits[name])
    return {name: ([list(word) for word in X], y) for name, (X, y) in splits.items()}


def load_tatoeba(*, every_pair=False):
    """Return {split: (English strings, German)} of sentences, 3–12 English tokens.

    In training a pair for each translation, strings; else each English sentence once,
    with a list of its translations. Training has 40,000 pairs, or all 150,923.
    """
    splits = _load_text("tatoeba_eng_deu", "eng", "deu")
    if every_pair:
        more = _read_columns(
            _data_file("tatoeba_eng_deu", "train_more.tsv"), "eng", "deu"
        )
        splits["train"] = tuple(a + b for a, b in zip(splits["train"], more, strict=True))
    return {
        name: (X, y) if name == "train" else _grouped(X, y)
        for name, (X, y) in splits.items()
    }


def _load_files(read, folder, ending):
    """Return {split: what `read` makes of its file}."""
    return {
        split: read(_data_file(folder, f"{split}.{ending}"))
        for split in ("train", "valid", "test")
    }


def load_shakespeare():
    """Return {split: [the text]} of tiny Shakespeare."""
    splits = _load_files(read_text, "tiny_shakespeare", "txt")
    return {name: [text] for name, text in splits.items()}


def _read_chords(path):
    """Return the pieces of a file of JSON lines: lists of chords, lists of MIDI pitches."""
    return [json.loads(line) for line in read_lines(path)]


def load_chorales():
    """Return {split: pieces} of the JSB chorales, lists of chords, lists of pitches."""
    return _load_files(_read_chords, "jsb_chorales", "jsonl")


def load_tunes():
    """Return {split: tunes in ABC notation, strings} of the Nottingham database."""
    return _load_files(read_abc, "nottingham_abc", "abc")


def shorten(splits, quick):
    """Return the splits, in a quick run 400 training and 100 other sequences."""
    if not quick:
        return splits
    sizes = {name: 400 if name == "train" else 100 for name in splits}
    strides = {name: max(1, len(X) // sizes[name]) for name, (X, _) in splits.items()}
    return {
        name: (X[:: strides[name]], y[:: strides[name]])
        for name, (X, y) in splits.items()
    }
