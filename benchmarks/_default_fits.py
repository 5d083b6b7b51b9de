"""Fits by default parameters for `benchmarks.against`, on sets of real data.

Run as a file, it imports skrnn and the loaders from PYTHONPATH alone, and prints one JSON object:
seconds by set, and the score on validation data, of numbers a fifth of the training file. Names
of sets, after the scale and the seed, choose some.
"""

import json
import sys
import time
import warnings

from sklearn.model_selection import train_test_split

from benchmarks._data import (
    load_clinc150,
    load_ewt,
    load_japanese_vowels,
    load_names,
    load_snips,
    load_snips_slots,
)
from skrnn import SequenceClassifier, SequenceTagger
from skrnn.metrics import entity_f1_score


def validated(splits):
    """Return training and validation data, (X, y) each."""
    if "valid" in splits:
        return splits["train"], splits["valid"]
    X, y = splits["train"]
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    return (X, y), (X_val, y_val)


def accuracy(model, X, y):
    """Return the estimator's own score."""
    return model.score(X, y)


def entity_f1(model, X, y):
    """Return the F1 of whole slots."""
    return entity_f1_score(y, model.predict(X))


FITS = {
    "SNIPS intents": (load_snips, SequenceClassifier, {}, accuracy),
    "CLINC150": (load_clinc150, SequenceClassifier, {}, accuracy),
    "JapaneseVowels": (load_japanese_vowels, SequenceClassifier, {}, accuracy),
    "names": (load_names, SequenceClassifier, {"tokenizer": "char"}, accuracy),
    "SNIPS slots": (load_snips_slots, SequenceTagger, {"scheme": "IOB2"}, entity_f1),
    "EWT": (load_ewt, SequenceTagger, {}, accuracy),
}


def main():
    """Time the fit of each set."""
    scale, seed = sys.argv[1], int(sys.argv[2])
    warnings.simplefilter("ignore")
    found = {}
    for name in sys.argv[3:] or FITS:
        load, estimator, parameters, measure = FITS[name]
        (X, y), validation = validated(load())
        model = estimator(**parameters, random_state=seed)
        if scale == "quick":
            X, y = X[:200], y[:200]
            model.set_params(max_epochs=1)
        start = time.perf_counter()
        model.fit(X, y)
        fitted = time.perf_counter()
        score = measure(model, *validation)
        found[name] = {
            "fit": fitted - start,
            "predict": time.perf_counter() - fitted,
            "score": float(score),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
