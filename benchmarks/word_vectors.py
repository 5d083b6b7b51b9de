"""Gain by vectors that gensim trains on the text itself, where labels are few.

Run `python -m benchmarks.word_vectors [--quick] [--seeds ...]`. The labels of a part of the
training file are known, its words all; the score is that of the validation file.
"""

import statistics

import numpy as np

from skrnn import SequenceClassifier, SequenceTagger
from skrnn.metrics import entity_f1_score, step_accuracy_score

from ._data import load_ewt, load_snips, load_snips_slots
from ._report import (
    at_least,
    import_peer,
    mean_and_sd,
    print_table,
    progress,
    run_program,
    timed_call,
)

#: Labelled sentences.
LABELLED = (200, 1000)
SIZE = 100


def intents(quick, seeds):
    """SNIPS intents, accuracy."""
    return _table("SNIPS intents", "accuracy", load_snips(), _classifier, quick, seeds)


def slots(quick, seeds):
    """SNIPS slots, F1."""
    return _table("SNIPS slots", "F1", load_snips_slots(), _slot_tagger, quick, seeds)


def parts_of_speech(quick, seeds):
    """EWT parts of speech, accuracy over steps."""
    return _table(
        "EWT parts of speech", "accuracy", load_ewt(), _word_tagger, quick, seeds
    )


def _classifier(**parameters):
    return SequenceClassifier(**parameters), lambda model, X, y: model.score(X, y)


def _slot_tagger(**parameters):
    model = SequenceTagger(scheme="IOB2", **parameters)
    return model, lambda model, X, y: entity_f1_score(y, model.predict(X))


def _word_tagger(**parameters):
    model = SequenceTagger(**parameters)
    return model, lambda model, X, y: step_accuracy_score(y, model.predict(X))


def _table(name, measure, splits, make, quick, seeds):
    """Print the scores without and with the vectors; return the goal."""
    X, y = splits["train"]
    X_valid, y_valid = splits["valid"]
    progress(f"{name}: vectors")
    vectors, seconds = timed_call(lambda: _vectors(X, quick))
    rows, gain = [], 0.0
    for n_labelled in LABELLED[:1] if quick else LABELLED:
        row, means = [f"{n_labelled:,}"], []
        for parameters in ({}, {"embeddings": vectors}):
            progress(f"{name}: {n_labelled} sentences, {', '.join(parameters)}")
            scores = []
            for seed in seeds:
                chosen = np.random.default_rng(seed).permutation(len(X))[:n_labelled]
                model, score = make(random_state=seed, embedding_dim=SIZE, **parameters)
                if quick:
                    model.set_params(max_epochs=1)
                model.fit([X[i] for i in chosen], [y[i] for i in chosen])
                scores.append(score(model, X_valid, y_valid))
            row.append(mean_and_sd(scores))
            means.append(statistics.fmean(scores))
        gain = max(gain, means[1] - means[0])
        rows.append(row)
    print_table(
        f"{name}: {measure} on the validation file by labelled sentences",
        ("labelled", "no vectors", "vectors of the unlabelled text"),
        rows,
        f"word2vec (skip-gram, {SIZE} numbers, 10 passes) over the {len(X):,} sentences of the "
        f"training file, in {seconds:.0f} s.",
    )
    return [at_least(f"{name}: largest gain by the vectors", gain, 0.0)]


def _vectors(X, quick):
    """Return gensim's vectors of the words of some sentences, in lower case."""
    models = import_peer("gensim.models", "gensim")
    words = [[word.lower() for word in sentence] for sentence in X]
    return models.Word2Vec(
        words,
        vector_size=SIZE,
        window=5,
        min_count=1,
        sg=1,
        epochs=1 if quick else 10,
        seed=0,
        workers=1,
    ).wv


PARTS = (intents, slots, parts_of_speech)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
