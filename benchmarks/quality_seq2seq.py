"""Test scores of Seq2SeqTransformer: pronunciations, dates, digit strings, translations.

Run `python -m benchmarks.quality_seq2seq [--quick] [--seeds ...] [--parts ...]`. One seed is
run, the first: training for pronunciations alone takes about half an hour, and that of a
translator on all pairs about an hour.
"""

import datetime

import numpy as np

from skrnn import Seq2SeqTransformer
from skrnn.data.tokenizers import WordTokenizer
from skrnn.metrics import bleu_score, chrf_score, exact_match_score, token_error_rate

from ._data import load_cmudict, load_tatoeba, shorten
from ._goals import CMUDICT_ERRORS, TATOEBA_BLEU
from ._report import (
    EpochProgress,
    Goal,
    at_least,
    at_most,
    import_peer,
    print_table,
    progress,
    run_program,
    timed_call,
)

BEAM_SIZES = (1, 5)

#: Locales of the dates, in Latin, Cyrillic, Greek, Japanese and Arabic script.
LOCALES = [
    "en_US",
    "de_DE",
    "fr_FR",
    "es_ES",
    "pl_PL",
    "tr_TR",
    "ru_RU",
    "el_GR",
    "ja_JP",
    "ar_EG",
]
FIRST_DAY, LAST_DAY = datetime.date(1900, 1, 1), datetime.date(2100, 12, 31)
MAX_DIGITS = 12
#: The settings below were chosen with this attention, the former default.
GENERAL = {"attention": "general"}
#: For dates and digits.
SETTINGS = GENERAL | {
    "hidden_size": 128,
    "dropout": 0.1,
    "batch_size": 64,
    "lr": 0.005,
    "max_epochs": 12,
}

#: English tokens of the sentences that are scored together.
SENTENCE_LENGTHS = ((3, 5), (6, 8), (9, 12))
#: As many epochs as half an hour allows on two cores with AVX-512.
CMUDICT = GENERAL | {"num_layers": 2, "dropout": 0.15, "max_epochs": 10}
#: Members have no limit of time.
CMUDICT_MEMBERS = CMUDICT | {"max_epochs": 12}
#: Fewer units, words and epochs than by default: the output layer over all words takes most
#: of the time.
TATOEBA = {"hidden_size": 128, "target_min_count": 2, "max_epochs": 5}
N_RESAMPLES, N_SAMPLES = 1_000, 5
#: A translator of all pairs: subwords, which leave no word unknown.
TRANSLATOR = GENERAL | {
    "tokenizer": "bpe",
    "target_tokenizer": "bpe",
    "max_vocabulary": 4000,
    "target_max_vocabulary": 4000,
    "embedding_dim": 256,
    "dropout": 0.2,
    "batch_size": 128,
    "max_epochs": 12,
    "early_stopping": False,
}
#: All other parameters of a translator of fewer pairs are the defaults.
SUBWORDS = {"tokenizer": "bpe", "target_tokenizer": "bpe"}
N_FEWER = 30_000
N_TRANSLATIONS = 20
MINUTES = 60


def cmudict(quick, seeds):
    """Pronounce English words, 39 phones."""
    errors, seconds = _pronounce(1, quick, seeds[0])
    return [
        at_most("CMUdict: word error rate", errors[max(BEAM_SIZES)], CMUDICT_ERRORS[1]),
        at_most("CMUdict: seconds of training", seconds, 1800, 0),
    ]


def cmudict_members(quick, seeds):
    """Pronounce English words by three members."""
    errors, _ = _pronounce(3, quick, seeds[0])
    of_three = errors[max(BEAM_SIZES)]
    return [at_most("CMUdict, three: word error rate", of_three, CMUDICT_ERRORS[3])]


def _pronounce(n_estimators, quick, seed):
    """Return the test file's word error rates by beam size, and seconds of training."""
    splits = shorten(load_cmudict(), quick)
    settings = CMUDICT if n_estimators == 1 else CMUDICT_MEMBERS
    name = "CMUdict" if n_estimators == 1 else f"CMUdict, {n_estimators} members"
    model = Seq2SeqTransformer(
        **(settings | ({"max_epochs": 2} if quick else {})),
        n_estimators=n_estimators,
        n_jobs=n_estimators,
        callbacks=[EpochProgress(name)],
        random_state=seed,
    )
    _, seconds = timed_call(lambda: model.fit(*splits["train"]))
    rows, errors = [], {}
    for beam_size in BEAM_SIZES:
        model.set_params(beam_size=beam_size)
        row = [_search_name(beam_size)]
        for split in ("valid", "test"):
            progress(f"{name}: {row[0]}, {split}")
            X, references = splits[split]
            y_pred = model.transform(X)
            right, phone_error = (
                score(references, y_pred, multiple_references=True)
                for score in (exact_match_score, token_error_rate)
            )
            row += [f"{1 - right:.4f}", f"{phone_error:.4f}"]
            if split == "test":
                errors[beam_size] = 1 - right
        rows.append([*row, f"{seconds:.0f}"])
    n_train, n_test = len(splits["train"][0]), len(splits["test"][0])
    print_table(
        f"{name}; {n_train:,} pronunciations without stress, {n_test:,} words to test",
        ("search", "validation WER", "PER", "test WER", "PER", "fit (s)"),
        rows,
        f"Default parameters, but {', '.join(f'{k}={v}' for k, v in settings.items())}; "
        f"{model.n_parameters_:,} parameters, one seed. Word error rate (WER): words whose "
        "pronunciation is none of the dictionary's; phone error rate (PER) against the "
        "nearest. Published WER, on another split of an older release: encoder and decoder "
        "LSTMs 0.286, BiLSTM on aligned input (Yao & Zweig 2015) 0.2355, five LSTMs with "
        "attention together (Toshniwal & Livescu 2016) 0.2024.",
    )
    return errors, seconds


def dates(quick, seeds):
    """Convert dates in words, in ten languages, to ISO format."""
    n_train, n_test = (400, 100) if quick else (10_000, 1_000)
    X, y = draw_dates(n_train + n_test, seeds[0])
    row, score = _match("dates", X, y, n_train, quick, seeds[0])
    _print_matches(
        f"Dates in words → ISO, {n_train:,} to train, {n_test:,} to test",
        [row],
        f"Full and long forms of days from {FIRST_DAY} to {LAST_DAY}, no day twice, in the "
        f"locales {', '.join(LOCALES)}; for example {', '.join(X[:5])}.",
    )
    return [at_least("dates: exact match", score, 0.99)]


def reverse_and_sort(quick, seeds):
    """Reverse, and sort, the digits of a string."""
    n_train, n_test = (400, 100) if quick else (10_000, 1_000)
    X = draw_digits(n_train + n_test, seeds[0])
    rows, goals = [], []
    for name, change in (("reverse", reversed), ("sort", sorted)):
        y = ["".join(change(text)) for text in X]
        row, score = _match(name, X, y, n_train, quick, seeds[0])
        rows.append(row)
        goals.append(at_least(f"{name} digits: exact match", score, 0.99))
    _print_matches(
        f"Strings of 1 to {MAX_DIGITS} digits, {n_train:,} to train, {n_test:,} to test",
        rows,
        "No string twice.",
    )
    return goals


def draw_dates(n_dates, seed):
    """Return days in words, by Babel, and in ISO format, lists of strings."""
    format_date = import_peer("babel.dates", "babel").format_date
    generator = np.random.default_rng(seed)
    days = np.arange(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1)
    chosen = map(
        datetime.date.fromordinal, generator.choice(days, n_dates, False).tolist()
    )
    X, y = [], []
    for day in chosen:
        form = ("full", "long")[generator.integers(2)]
        locale = LOCALES[generator.integers(len(LOCALES))]
        X.append(format_date(day, format=form, locale=locale))
        y.append(day.isoformat())
    return X, y


def draw_digits(n_strings, seed):
    """Return strings of digits; all lengths are equally frequent but the few short ones."""
    generator = np.random.default_rng(seed)
    distinct = {}
    while len(distinct) < n_strings:
        digits = generator.integers(10, size=generator.integers(1, MAX_DIGITS + 1))
        distinct["".join(map(str, digits))] = None
    return generator.permutation(list(distinct)).tolist()  # the short ones came first


def _match(name, X, y, n_train, quick, seed):
    """Fit on the first strings and predict the others; return a table's row and the score."""
    model = Seq2SeqTransformer(
        **{**SETTINGS, **({"max_epochs": 2} if quick else {})},
        tokenizer="char",
        target_tokenizer="char",
        callbacks=[EpochProgress(name)],
        random_state=seed,
    )
    _, seconds = timed_call(lambda: model.fit(X[:n_train], y[:n_train]))
    true, scores = y[n_train:], []
    for beam_size in BEAM_SIZES:
        model.set_params(beam_size=beam_size)
        scores.append(exact_match_score(true, model.transform(X[n_train:])))
    return [name, *(f"{score:.4f}" for score in scores), f"{seconds:.0f}"], scores[-1]


def _print_matches(title, rows, note):
    searches = [f"{_search_name(beam_size)}, exact match" for beam_size in BEAM_SIZES]
    changed = ", ".join(f"{key}={value!r}" for key, value in SETTINGS.items())
    print_table(
        title,
        ("task", *searches, "fit (s)"),
        rows,
        'One seed. Default parameters, but both tokenizers "char" and, chosen on other draws, '
        f"{changed}. {note}",
    )


def tatoeba(quick, seeds):
    """Translate English sentences into German, with and without attention."""
    import_peer("sacrebleu.metrics", "sacrebleu")
    splits = shorten(load_tatoeba(), quick)
    X, references = splits["test"]
    translated, summaries = {}, []
    for attention in ("general", None):
        name = f"attention={attention!r}"
        model = Seq2SeqTransformer(
            attention=attention,
            **(TATOEBA | ({"max_epochs": 2} if quick else {})),
            callbacks=[EpochProgress(f"tatoeba, {name}")],
            random_state=seeds[0],
        )
        _, seconds = timed_call(lambda model=model: model.fit(*splits["train"]))
        progress(f"tatoeba, {name}: test")
        translated[name] = model.transform(X).tolist()
        summaries.append((f"{model.n_parameters_:,}", f"{seconds:.0f}"))
    _print_by_length(splits, translated, summaries)
    _print_translations(X, references, translated)
    p = _share_not_better(references, *translated.values(), seeds[0])
    claim = "Tatoeba: p that attention's BLEU is not higher"
    return [Goal(claim, "< 0.010", f"{p:.3f}", p < 0.01)]


def translator(quick, seeds):
    """Translate English sentences into German, trained on all pairs."""
    splits = shorten(load_tatoeba(every_pair=True), quick)
    scores, seconds = _translate("all pairs", splits, TRANSLATOR, quick, seeds[0])
    beam, greedy = (scores["test", beam_size] for beam_size in BEAM_SIZES[::-1])
    return [
        at_least("Tatoeba, all pairs: BLEU", beam, TATOEBA_BLEU, 1),
        at_least(
            "Tatoeba, all pairs: BLEU of a beam above greedy", beam - greedy, 0.0, 1
        ),
        at_most("Tatoeba, all pairs: seconds of training", seconds, 60 * MINUTES, 0),
    ]


def small_translator(quick, seeds):
    """Translate English sentences into German, trained on 30,000 pairs by defaults."""
    splits = shorten(load_tatoeba(every_pair=True), quick)
    X, y = splits["train"]
    some = np.random.default_rng(0).permutation(len(X))[:N_FEWER].tolist()
    splits["train"] = [X[i] for i in some], [y[i] for i in some]
    _, seconds = _translate(f"{len(some):,} pairs", splits, SUBWORDS, quick, seeds[0])
    return [
        at_most("Tatoeba, 30,000 pairs: seconds by defaults", seconds, 60 * MINUTES, 0)
    ]


def _translate(name, splits, settings, quick, seed):
    """Fit a translator and print what it reaches; return BLEU and seconds of training.

    BLEU is by split and size of the beam.
    """
    import_peer("sacrebleu.metrics", "sacrebleu")
    model = Seq2SeqTransformer(
        **(settings | ({"max_epochs": 2} if quick else {})),
        callbacks=[EpochProgress(name)],
        random_state=seed,
    )
    _, seconds = timed_call(lambda: model.fit(*splits["train"]))
    rows, scores, translated = [], {}, {}
    for beam_size in BEAM_SIZES:
        model.set_params(beam_size=beam_size)
        row = [_search_name(beam_size)]
        for split in ("valid", "test"):
            X, references = splits[split]
            translated[beam_size], decoding = timed_call(lambda X=X: model.transform(X))
            texts = translated[beam_size].tolist()
            row.append(_bleu_and_chrf(references, texts, np.full(len(texts), True)))
            scores[split, beam_size] = bleu_score(
                references, texts, multiple_references=True
            )
        rows.append([*row, f"{decoding:.1f}"])
    print_table(
        f"Tatoeba, English → German, {name}",
        ("search", "validation", "test", "translating the test file (s)"),
        rows,
        f"sacreBLEU / chrF, with case, against all translations of a sentence. Fit "
        f"{seconds:.0f} s, {model.n_iter_} passes in batches of {model.batch_size_}; "
        f"{model.n_parameters_:,} parameters; default parameters, but "
        f"{', '.join(f'{k}={v!r}' for k, v in settings.items())}; one seed.",
    )
    X, references = splits["test"]
    _print_from_best_to_worst(X, references, translated)
    return scores, seconds


def _print_from_best_to_worst(X, references, translated):
    """Print some translations, evenly from the whole test file, the best by chrF first."""
    greedy, beam = (translated[beam_size].tolist() for beam_size in BEAM_SIZES)
    some = range(0, len(X), -(-len(X) // N_TRANSLATIONS))
    quality = {
        i: chrf_score([references[i]], [beam[i]], multiple_references=True) for i in some
    }
    rows = [
        [X[i], references[i][0], greedy[i], beam[i], f"{quality[i]:.0f}"]
        for i in sorted(some, key=quality.get, reverse=True)
    ]
    header = ("source", "a reference", "greedy", "beam", "chrF")
    print_table("Samples of the test file, from the best to the worst", header, rows)


def _print_by_length(splits, translated, summaries):
    """Print BLEU and chrF of all sentences, and by the number of English tokens."""
    X, references = splits["test"]
    lengths = np.array([len(WordTokenizer().split(text)) for text in X])
    groups = {f"{len(X):,} sentences": np.full(len(X), True)}
    for shortest, longest in SENTENCE_LENGTHS:
        inside = (shortest <= lengths) & (lengths <= longest)
        groups[f"{inside.sum()} of {shortest} to {longest} tokens"] = inside
    rows = [
        [
            name,
            *(_bleu_and_chrf(references, texts, some) for some in groups.values()),
            *rest,
        ]
        for (name, texts), rest in zip(translated.items(), summaries, strict=True)
    ]
    print_table(
        f"Tatoeba, English → German, {len(splits['train'][0]):,} pairs to train",
        ("network", *groups, "parameters", "fit (s)"),
        rows,
        "sacreBLEU / chrF of the test file, with case, against all translations of a sentence. "
        f"Words, beam_size=5, {', '.join(f'{k}={v}' for k, v in TATOEBA.items())}, one "
        "seed. There is no published score on this sample.",
    )


def _bleu_and_chrf(references, texts, some):
    chosen = np.flatnonzero(some)
    true, pred = [references[i] for i in chosen], [texts[i] for i in chosen]
    scores = (
        score(true, pred, multiple_references=True) for score in (bleu_score, chrf_score)
    )
    return " / ".join(f"{score:.1f}" for score in scores)


def _print_translations(X, references, translated):
    """Print some of the translations, evenly from the whole test file."""
    rows = [
        [X[i], references[i][0], *(texts[i] for texts in translated.values())]
        for i in range(0, len(X), -(-len(X) // N_SAMPLES))
    ]
    print_table("Samples of the test file", ("source", "a reference", *translated), rows)


def _share_not_better(references, texts, others, seed):
    """Return the share of resampled test files on which texts' BLEU is not above others'.

    References
    ----------
    Koehn (2004). Statistical significance tests for machine translation evaluation.
    EMNLP, section 4.
    """
    n_sentences = len(references)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(
        n_sentences, np.full(n_sentences, 1 / n_sentences), N_RESAMPLES
    )
    scores = []
    for pred in (texts, others):
        counts = _bleu_counts(references, pred)  # (n_sentences, 10)
        whole = bleu_score(references, pred, multiple_references=True)
        np.testing.assert_allclose(
            _bleu_of(counts.sum(0)), whole, err_msg="BLEU's counts"
        )
        scores.append(np.array([_bleu_of(row) for row in drawn @ counts]))
    return float(np.mean(scores[0] <= scores[1]))


def _bleu_counts(references, texts):
    """Return the counts behind BLEU, int64 (n_sentences, 10).

    Matches of the four orders, n-grams of the four orders, length, reference length.
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True)  # it warns about single sentences otherwise
    scores = map(metric.sentence_score, texts, references)
    return np.array([[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in scores])


def _bleu_of(counts):
    """Return the BLEU of summed counts ``(10,)``."""
    from sacrebleu.metrics import BLEU

    right, total = counts[:4].tolist(), counts[4:8].tolist()
    lengths = counts[8:].tolist()
    return BLEU.compute_bleu(right, total, *lengths, smooth_method="exp").score


def _search_name(beam_size):
    return "greedy" if beam_size == 1 else f"beam {beam_size}"


PARTS = (
    cmudict,
    cmudict_members,
    dates,
    reverse_and_sort,
    tatoeba,
    translator,
    small_translator,
)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
