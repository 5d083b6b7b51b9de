"""How the defaults were chosen: validation accuracy as one parameter changes.

Run `python -m benchmarks.defaults [--quick] [--seeds ...]`. Test files are not read.
"""

import statistics
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_validate

from skrnn import Seq2SeqTransformer, SequenceClassifier
from skrnn.metrics import bleu_score, exact_match_score
from skrnn.modules.attention import ATTENTIONS
from skrnn.modules.char_encoder import CHAR_ENCODERS

from ._data import (
    load_clinc150,
    load_cmudict,
    load_ewt,
    load_japanese_vowels,
    load_names,
    load_tatoeba,
    load_wnut17,
)
from ._evidence import SETS, scores_of_changes, validation_score
from ._report import (
    fit_over_seeds,
    import_peer,
    print_table,
    progress,
    run_program,
    timed_call,
)
from .quality_seq2seq import draw_dates

#: One change at a time from the defaults.
CHANGES = (
    {},
    {"char_encoder": None},
    {"char_encoder": "ngrams"},
    {"pooling": "max"},
    {"pooling": "concat"},
    {"pooling": "last"},
    {"pooling": "mean"},
    {"pooling": "attention"},
    {"dropout": 0.2},
    {"dropout": 0.5},
    {"lr": 0.002},
    {"lr": 0.005},
    {"batch_size": 64},
    {"label_smoothing": 0.0},
    {"bidirectional": False},
    {"hidden_size": 256},
    {"num_layers": 2},
)
#: With so many words a run takes minutes; other changes are tried on smaller data.
OF_CLINC150 = {"char_encoder", "pooling", "label_smoothing"}
ONLY_WORDS = {"char_encoder", "bidirectional", "hidden_size", "num_layers"}
#: Sets of the evidence of which the tokens are words.
OF_WORDS = ("snips", "wnut17", "slots", "ewt")
OF_TAGS = ("wnut17", "slots", "ewt")
SIZES = tuple({"hidden_size": size} for size in (128, 256))
OF_SPELLING = (
    {},
    {"hidden_size": 256},
    {"hidden_size": 256, "char_encoder": "lstm"},
    {"hidden_size": 256, "char_encoder": "lstm", "word_dropout": 0.1},
)
WEIGHTS = ({}, *({"class_weight": {"O": weight}} for weight in (0.7, 0.5, 0.25)))
#: Sets of the evidence with few series, and after them one with more; and sizes of batches.
OF_FEW_SERIES = (
    *("arrow_heads", "gunpoint", "power_demand", "motions", "gestures"),
    "japanese_vowels",
)
BATCHES = (32, 16, 8)
RATES = tuple({"weight_dropout": rate} for rate in (0.0, 0.2, 0.4))
#: Of translators, from the settings of each task below.
OF_PAIRS = (
    {},
    {"tie_weights": True},
    {"attention": "general"},
    {"attention": "additive"},
    {"hidden_size": 192},
    {"num_layers": 2},
    {"label_smoothing": 0.0},
)
#: Of the search, by the first of these translators; and by one that reads and writes words.
OF_SEARCH = ({"length_penalty": 0.0}, {"no_repeat_ngram_size": 3})
OF_UNKNOWN = ({"replace_unknown": True},)
#: Some of the pairs: with all of them a fit takes half an hour.
N_PAIRS, N_VALID = 12_000, 2_000
WORDS = {"hidden_size": 128, "dropout": 0.2, "max_epochs": 15, "batch_size": 64}
SENTENCES = WORDS | {
    "tokenizer": "bpe",
    "target_tokenizer": "bpe",
    "max_vocabulary": 2000,
    "target_max_vocabulary": 2000,
}
OF_MANY_WORDS = WORDS | {"max_vocabulary": 2000, "target_max_vocabulary": 2000}
DATES = {
    "tokenizer": "char",
    "target_tokenizer": "char",
    "hidden_size": 64,
    "embedding_dim": 32,
    "dropout": 0.1,
    "label_smoothing": 0.0,
    "batch_size": 32,
    "lr": 0.01,
    "max_epochs": 6,
}
HEADER = ("changed", "validation accuracy", "fit (s)")


def clinc150(quick, seeds):
    """Words: 150 intents."""
    changes = [change for change in CHANGES if change.keys() <= OF_CLINC150]
    _table("CLINC150", load_clinc150(), changes, quick, seeds)
    return []


def names(quick, seeds):
    """Characters: 18 countries; without the changes that concern words alone."""
    changes = [change for change in CHANGES if not change.keys() & ONLY_WORDS]
    _table("names", load_names(), changes, quick, seeds, tokenizer="char")
    return []


def japanese_vowels(quick, seeds):
    """Numbers: 9 speakers, by cross-validation of the training file, which is small."""
    X, y = load_japanese_vowels()["train"]
    n_splits, rows = (2 if quick else 5), []
    for change in CHANGES:
        if "char_encoder" in change:
            continue
        text = _described(change)
        progress(f"JapaneseVowels: {text}")
        parameters = change | ({"max_epochs": 1} if quick else {})
        model = SequenceClassifier(**parameters, random_state=seeds[0])
        folds = StratifiedKFold(n_splits, shuffle=True, random_state=seeds[0])
        found = cross_validate(model, X, y, cv=folds)
        accuracy, seconds = found["test_score"].mean(), found["fit_time"].mean()
        rows.append([text, f"{accuracy:.4f}", f"{seconds:.1f}"])
    print_table(
        f"JapaneseVowels: {n_splits}-fold cross-validation of the training file",
        ("changed", "accuracy", "fit (s)"),
        rows,
        f"One seed ({seeds[0]}); one sequence of {len(X)} is {1 / len(X):.4f}.",
    )
    return []


def pronunciations(quick, seeds):
    """Pairs: English words and their sounds."""
    _translate("CMUdict", load_cmudict(), WORDS, exact_match_score, quick, seeds)
    return []


def translations(quick, seeds):
    """Pairs: English sentences and German ones, in subwords."""
    import_peer("sacrebleu.metrics", "sacrebleu")
    splits = load_tatoeba(every_pair=True)
    _translate("Tatoeba", splits, SENTENCES, bleu_score, quick, seeds)
    _translate(
        *("Tatoeba, words", splits, OF_MANY_WORDS, bleu_score, quick, seeds),
        changes=({},),
        searches=OF_UNKNOWN,
    )
    return []


def characters(quick, seeds):
    """Words: what reads their characters, of taggers and of intents."""
    changes = [{"char_encoder": encoder} for encoder in (*CHAR_ENCODERS, None)]
    sets = [SETS[name] for name in OF_WORDS]
    _compare("What reads the characters of words", sets, changes, quick, seeds)
    return []


def units(quick, seeds):
    """Taggers: units of the LSTM in each direction."""
    sets = [SETS[name] for name in OF_TAGS]
    _compare("Units of taggers", sets, SIZES, quick, seeds)
    return []


def outside(quick, seeds):
    """Entities and slots: a weight of the tag "O" of less than one, which finds more of them."""
    entities = SETS["wnut17"]
    sets = (SETS["slots"], entities, _with_shapes(entities, load_wnut17))
    _compare('Weights of "O"', sets, WEIGHTS, quick, seeds)
    return []


def spelling(quick, seeds):
    """Parts of speech with shapes: units, what reads characters, and word dropout."""
    sets = [_with_shapes(SETS["ewt"], load_ewt)]
    _compare("Parts of speech with shapes", sets, OF_SPELLING, quick, seeds)
    return []


def recurrent_weights(quick, seeds):
    """Series: dropout of the recurrent weights, on folds of the training files."""
    sets = [SETS[name] for name in OF_FEW_SERIES]
    _compare("Dropout of the recurrent weights", sets, RATES, quick, seeds)
    return []


def _with_shapes(evidence, load):
    """Return a set of the evidence with the shape of each word beside it."""

    def load_files(seed):
        splits = load(shapes=True)
        return splits["train"], splits["valid"]

    return replace(evidence, name=f"{evidence.name}, shapes", load=load_files)


def _compare(title, sets, changes, quick, seeds):
    """Print the scores of some sets of the evidence by several changes of the defaults."""
    rows = []
    for evidence in sets:
        scores, seconds = [], []
        for seed in seeds[:1] if quick else seeds:
            train, valid = evidence.load(seed)
            found = []
            for change in changes:
                progress(f"{evidence.name}: {_described(change)}, seed {seed}")
                score = partial(
                    validation_score, evidence, train, valid, seed, quick, **change
                )
                found.append(timed_call(score))
            scores.append([score for score, _ in found])
            seconds.append([elapsed / found[0][1] for _, elapsed in found])
            progress(" ".join(f"{score:.4f}" for score in scores[-1]))
        for change, of_seeds, ratios in zip(
            changes, np.transpose(scores), np.transpose(seconds), strict=True
        ):
            each = ", ".join(f"{score:.4f}" for score in of_seeds)
            mean, ratio = np.mean(of_seeds), statistics.median(ratios)
            rows.append(
                [evidence.name, _described(change), f"{mean:.4f}", each, f"{ratio:.2f}"]
            )
    print_table(
        f"{title}: validation data",
        ("data", "changed", "mean", "by seed", "seconds ÷ those of the first"),
        rows,
        "Default parameters otherwise; the sets and measures of the evidence (see `against`).",
    )


def few_series(quick, seeds):
    """Batches of several sizes on few series, on folds of the training files."""
    rows, means = [], []
    for name in OF_FEW_SERIES:
        changes = [{"batch_size": size} for size in BATCHES]
        scores = scores_of_changes(SETS[name], seeds, changes, quick)
        means.append(np.mean(scores, axis=0))
        rows.append([SETS[name].name, *(f"{mean:.4f}" for mean in means[-1])])
    few = np.mean(means[:-1], axis=0)  # the last set has more
    rows.append(["mean without the last", *(f"{mean:.4f}" for mean in few)])
    print_table(
        "Batches for few series: accuracy on held-out folds of the training files",
        ("data", *(f"batch_size={size}" for size in BATCHES)),
        rows,
        f"Default parameters otherwise; {len(seeds)} seed(s), each with another fold.",
    )
    return []


def attentions(quick, seeds):
    """Pairs: dates in ten languages and their ISO form; which attention aligns soon."""
    n_train, n_valid = (200, 50) if quick else (4_000, 1_000)
    settings = DATES | ({"max_epochs": 1} if quick else {})
    rows = []
    for attention in (*ATTENTIONS, None):
        progress(f"dates: attention={attention!r}")
        scores, seconds = [], []
        for seed in seeds:
            X, y = draw_dates(n_train + n_valid, seed)
            found, elapsed = fit_over_seeds(
                lambda seed, attention=attention: Seq2SeqTransformer(
                    attention=attention, **settings, random_state=seed
                ),
                (X[:n_train], y[:n_train]),
                (X[n_train:], y[n_train:]),
                [seed],
                exact_match_score,
            )
            scores += found
            seconds += elapsed
        mean = statistics.fmean(scores)
        each = " ".join(f"{score:.3f}" for score in scores)
        rows.append(
            [repr(attention), f"{mean:.4f}", each, f"{statistics.fmean(seconds):.0f}"]
        )
    print_table(
        f"Dates in words → ISO, {n_train:,} to train: exact match of {n_valid:,} others",
        ("attention", "mean", "by seed", "fit (s)"),
        rows,
        f"From {_described(DATES)}; seeds {', '.join(map(str, seeds))}, which draw the dates, "
        "too.",
    )
    return []


def _translate(
    name,
    splits,
    settings,
    measure,
    quick,
    seeds,
    changes=OF_PAIRS,
    searches=OF_SEARCH,
):
    """Print the validation score of a translator of some pairs, change by change.

    The first translator is measured by other searches, too.
    """
    X, y = splits["train"]
    some = np.random.default_rng(0).permutation(len(X))[: 400 if quick else N_PAIRS]
    train = [X[i] for i in some], [y[i] for i in some]
    X, references = (part[: 100 if quick else N_VALID] for part in splits["valid"])
    rows = []
    for change in changes:
        progress(f"{name}: {_described(change)}")
        given = {**settings, **change, **({"max_epochs": 1} if quick else {})}
        model = Seq2SeqTransformer(**given, random_state=seeds[0])
        _, seconds = timed_call(lambda model=model: model.fit(*train))
        for search in ({}, *searches) if change == changes[0] else ({},):
            searching = deepcopy(model).set_params(**search)
            scores = []
            for beam_size in (1, 5):
                y_pred = searching.set_params(beam_size=beam_size).transform(X).tolist()
                scores.append(
                    f"{measure(references, y_pred, multiple_references=True):.4f}"
                )
            fitted = "" if search else f"{seconds:.0f}"
            rows.append([_described(change | search), *scores, fitted])
            progress(" ".join(rows[-1]))
    print_table(
        f"{name}: {measure.__name__} of {len(X):,} pairs for validation",
        ("changed", "greedy", "beam 5", "fit (s)"),
        rows,
        f"{len(train[0]):,} pairs to train; from {_described(settings)}; one seed "
        f"({seeds[0]}).",
    )


def _described(change):
    return ", ".join(f"{key}={value!r}" for key, value in change.items()) or "nothing"


def _table(name, splits, changes, quick, seeds, **always):
    if quick:
        always["max_epochs"] = 1
    rows = []
    for change in changes:
        text = _described(change)
        progress(f"{name}: {text}")
        scores, seconds = fit_over_seeds(
            lambda seed, change=change: SequenceClassifier(
                **always, **change, random_state=seed
            ),
            splits["train"],
            splits["valid"],
            seeds[:1],
        )
        accuracy, mean_seconds = statistics.fmean(scores), statistics.fmean(seconds)
        rows.append([text, f"{accuracy:.4f}", f"{mean_seconds:.0f}"])
    print_table(
        f"{name}: the validation file",
        HEADER,
        rows,
        f"One seed ({seeds[0]}); seeds alone differ by up to 0.01.",
    )


PARTS = (
    clinc150,
    names,
    japanese_vowels,
    characters,
    units,
    outside,
    spelling,
    few_series,
    recurrent_weights,
    pronunciations,
    translations,
    attentions,
)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
