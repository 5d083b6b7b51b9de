"""Cost of ten times the sequences: fit time, and memory beyond the data itself.

Run `python -m benchmarks.scaling [--quick] [--seeds ...]`.
"""

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from skrnn import (
    FeedForwardClassifier,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceGenerator,
    SequenceRegressor,
)

from ._report import (
    at_most,
    peak_memory,
    print_table,
    progress,
    ratio_by_round,
    run_in_child,
    run_program,
    time_alternately,
)
from .training_speed import as_words, make_ragged_tokens

MIB = 2**20
SMALL = {"hidden_size": 64, "max_epochs": 1, "random_state": 0}


def fit(X, y, n_epochs):
    """Fit with a fixed batch size, as "auto" grows with the data."""
    model = SequenceClassifier(
        batch_size=32, max_epochs=n_epochs, early_stopping=False, random_state=0
    )
    return model.fit(X, y)


def fit_time(quick, seeds):
    """Time the same number of epochs on n and on ten times n sequences."""
    n_few, n_epochs, repeats = (200, 1, 1) if quick else (2_000, 2, 3)
    few, many = (_make(n, seeds[0]) for n in (n_few, 10 * n_few))
    progress("fit time of ten times the sequences")
    tasks = {"few": lambda: fit(*few, n_epochs), "many": lambda: fit(*many, n_epochs)}
    seconds = time_alternately(tasks, repeats)
    growth = ratio_by_round(seconds["many"], seconds["few"])
    print_table(
        f"Fit time with default parameters, batch 32, {n_epochs} epochs",
        (f"{n_few:,} sequences (s)", f"{10 * n_few:,} sequences (s)", "ratio"),
        [[*(f"{np.median(seconds[name]):.2f}" for name in tasks), f"{growth:.2f}"]],
        f"Token sequences of mean length 20; median (lowest–highest) of {repeats} alternated rounds.",
    )
    return [at_most("10 × the sequences: fit time ×", growth.median, 11.0, 2)]


def memory(quick, seeds):
    """Measure the peak memory of a fit in a process of its own, for n and for 10 n."""
    n_few = 200 if quick else 2_000
    progress("peak memory of ten times the sequences")
    few, longer, many = (
        run_in_child("benchmarks.scaling", "--child", n_sequences, n_epochs, seeds[0])
        for n_sequences, n_epochs in ((n_few, 1), (n_few, 10), (10 * n_few, 1))
    )
    rows = [
        [
            f"{child['n_sequences']:,}",
            child["n_epochs"],
            *(f"{child[key] / MIB:.1f}" for key in _MEMORY_COLUMNS),
        ]
        for child in (few, longer, many)
    ]
    growth, by_data = (
        100 * (many["beyond"] / other["beyond"] - 1) for other in (few, longer)
    )
    print_table(
        "Memory of a fit with default parameters, batch 32 (MiB)",
        ("sequences", "epochs", *_MEMORY_COLUMNS.values()),
        rows,
        "Beyond the data: the process's peak (interpreter, libraries, network, optimizer, "
        "batches) minus X's own Python objects (the list, its lists, every distinct str once) "
        "and minus the encoded arrays (8 bytes a token, a sequence's offset and its label). "
        f"With ten times the sequences it grows by {growth:.1f} %; against as many updates on "
        f"the few sequences, by {by_data:.1f} %. Added by the fit: the rise over the peak after "
        "building X and a fit of 20 sequences.",
    )
    return [
        at_most(
            "10 × the sequences: memory beyond the data, growth in %", growth, 10.0, 1
        )
    ]


_MEMORY_COLUMNS = {
    "peak": "peak of the process",
    "objects": "X's objects",
    "encoded": "encoded arrays",
    "beyond": "beyond the data",
    "by_fit": "added by the fit",
}


def measure_fit_memory(n_sequences, n_epochs, seed):
    """Return the bytes that a fit of `n_sequences` needs, in a fresh process."""
    fit(*_make(20, seed), n_epochs=1)  # imports the modules that any fit needs
    X, y = _make(n_sequences, seed)
    n_steps = sum(map(len, X))
    before = peak_memory()
    fit(X, y, n_epochs)
    peak, objects = peak_memory(), _size_of(X)
    encoded = 8 * (n_steps + 2 * n_sequences + 1)
    return {
        "n_sequences": n_sequences,
        "n_epochs": n_epochs,
        "peak": peak,
        "objects": objects,
        "encoded": encoded,
        "beyond": peak - objects - encoded,
        "by_fit": peak - before,
    }


def mapped(quick, seeds):
    """Measure the memory of a fit and a prediction on a memory-mapped Arrow column."""
    n_steps = 100_000 if quick else 10_000_000
    progress("peak memory on a memory-mapped column")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "steps.arrow"
        _write_arrow(path, n_steps, seeds[0])
        found = run_in_child("benchmarks.scaling", "--mapped", path)
    rows = [
        (name, f"{found[name] / MIB:,.0f}")
        for name in ("column", "before", "fit", "predict")
    ]
    print_table(
        f"Anonymous memory (MiB): {n_steps:,} steps of 8 float32 features, mapped",
        ("", "MiB"),
        rows,
        "column: its size on the disk. before: imports and data. fit, predict: the peak.",
    )
    peak = max(found["fit"], found["predict"]) / MIB
    return [at_most("mapped column: peak of anonymous memory (MiB)", peak, 1024.0, 0)]


def _write_arrow(path, n_steps, seed):
    """Write a column of sequences of 50 to 150 steps of eight features."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(50, 151, size=n_steps // 50)
    ends = np.cumsum(lengths)
    offsets = np.append(0, ends[ends <= n_steps])
    values = rng.normal(size=8 * int(offsets[-1])).astype(np.float32)
    steps = pa.FixedSizeListArray.from_arrays(pa.array(values), 8)
    table = pa.table(
        {"x": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), steps)}
    )
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)


def multiples(quick, seeds):
    """Measure the peak of a fit and a prediction as a multiple of the data."""
    rows, goals = [], []
    for name, n_sequences, n_steps, patch_size in (
        ("short", 200_000, 10, 1),
        ("long", 2_000, 2_000, 1),
        ("long patched", 2_000, 2_000, 32),  # by default
    ):
        n_sequences //= 20 if quick else 1
        progress(f"peak memory at {n_sequences:,} {name} sequences")
        found = run_in_child(
            *("benchmarks.scaling", "--multiple", n_sequences, n_steps),
            *(patch_size, seeds[0]),
        )
        data = found["data"]
        by_part = {part: found[part] / data for part in ("fit", "predict")}
        rows.append(
            (
                f"{n_sequences:,} of {n_steps // 2} to {3 * n_steps // 2} steps"
                + (f", {patch_size} read as one" if patch_size > 1 else ""),
                f"{data / MIB:,.0f}",
                *(f"{multiple:.1f}" for multiple in by_part.values()),
            )
        )
        bounds = {"fit": 3.5, "predict": 6.5}
        goals += [
            at_most(f"{name} sequences: peak of {part} / data", multiple, bounds[part], 1)
            for part, multiple in by_part.items()
        ]
    print_table(
        "Peak memory of a network of 4 units as a multiple of X (4 float32 features a step)",
        ("sequences", "X (MiB)", "fit", "predict"),
        rows,
        "Anonymous memory beyond what the process held with X and after a small fit.",
    )
    return goals


def measure_multiple(n_sequences, n_steps, patch_size, seed):
    """Return the bytes of X, and the rise of memory in a fit and a prediction."""
    rng = np.random.default_rng(seed)
    small = {"hidden_size": 4, "patch_size": patch_size, "max_epochs": 1}
    small |= {"batch_size": 256, "random_state": 0}
    model = SequenceClassifier(**small, bidirectional=False, early_stopping=False)
    model.fit(rng.normal(size=(20, 5, 4)), np.arange(20) % 2)
    lengths = rng.integers(n_steps // 2, 3 * n_steps // 2 + 1, size=n_sequences)
    X = [rng.normal(size=(n, 4)).astype(np.float32) for n in lengths]
    y = np.arange(n_sequences) % 2
    found = {"data": sum(x.nbytes for x in X)}
    tasks = (("fit", lambda: model.fit(X, y)), ("predict", lambda: model.predict(X)))
    for name, task in tasks:
        before = _anonymous_memory()
        found[name] = _peak_of(task) - before
    return found


def decoding(quick, seeds):
    """Measure the peak of decoding for n and for ten times n sources."""
    n_few = 200 if quick else 3_000
    rows, goals = [], []
    for name in DECODERS:
        progress(f"peak memory of decoding, {name}")
        few, many = (
            run_in_child("benchmarks.scaling", "--decoding", name, n, seeds[0])
            for n in (n_few, 10 * n_few)
        )
        rows.append(
            (
                name,
                *(f"{child['peak'] / MIB:,.1f}" for child in (few, many)),
                f"{many['results'] / MIB:,.1f}",
            )
        )
        growth = (many["peak"] - many["results"]) / few["peak"]
        claim = f"{name}: memory for ten times the sources, without their results ×"
        goals.append(at_most(claim, growth, 1.5, 2))
    print_table(
        "Peak memory of decoding (MiB beyond what the process held before)",
        ("", f"{n_few:,} sources", f"{10 * n_few:,} sources", "results of the latter"),
        rows,
        "Sources of 5 to 15 words of 2,000, results of up to 15; 64 units. Anonymous memory, "
        "by sampling. Results: the Python objects that decoding returns.",
    )
    return goals


#: What decodes for `decoding`: the estimator, and a call with sources.
DECODERS = {
    "search of 5": (
        lambda: Seq2SeqTransformer(beam_size=5, max_length=15, **SMALL),
        lambda model, X: model.predict(X),
    ),
    "sampled targets": (
        lambda: Seq2SeqTransformer(max_length=15, **SMALL),
        lambda model, X: model.sample(X, random_state=0),
    ),
    "continuations": (
        lambda: SequenceGenerator(tokenizer="word", max_length=15, **SMALL),
        lambda model, X: model.generate(X, random_state=0),
    ),
    "samples": (
        lambda: SequenceGenerator(tokenizer="word", max_length=15, **SMALL),
        lambda model, X: model.sample(len(X), random_state=0),
    ),
}


def measure_decoding(name, n_sources, seed):
    """Return the bytes that decoding takes at its peak, and those of the results."""
    make_model, decode = DECODERS[name]
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(2_000)], dtype=object)

    def draw(n):
        lengths = rng.integers(5, 16, size=n)
        return [words[rng.integers(len(words), size=k)].tolist() for k in lengths]

    X = [words.tolist(), *draw(500)]
    model = make_model()
    model.fit(X, X) if isinstance(model, Seq2SeqTransformer) else model.fit(X)
    decode(model, draw(20))
    X = draw(n_sources)
    before = _anonymous_memory()
    found = []
    peak = _peak_of(lambda: found.extend(decode(model, X)))
    return {"peak": peak - before, "results": _size_of(found)}


def outlier(quick, seeds):
    """Measure what one very long sequence among short ones costs a fit."""
    n_steps = 5_000 if quick else 50_000
    rows, goals = [], []
    for name in OUTLIER_FITS:
        progress(f"one sequence of {n_steps:,} steps, {name}")
        without, with_it = (
            run_in_child("benchmarks.scaling", "--outlier", name, n, seeds[0])
            for n in (0, n_steps)
        )
        added = (with_it["peak"] - without["peak"]) / MIB
        growth = with_it["seconds"] / without["seconds"]
        rows.append(
            (
                name,
                *(f"{child['peak'] / MIB:,.0f}" for child in (without, with_it)),
                *(f"{child['seconds']:.2f}" for child in (without, with_it)),
                f"{growth:.2f}",
            )
        )
        goals += [
            at_most(f"{name}, {n_steps:,} steps: memory added (MiB)", added, 300.0, 0),
            at_most(f"{name}, {n_steps:,} steps: fit time ×", growth, 2.0, 2),
        ]
    print_table(
        f"One sequence of {n_steps:,} steps among {N_SHORT:,} of 50 to 150",
        ("fit", "MiB without", "MiB with", "s without", "s with", "time ×"),
        rows,
        "Three epochs at default sizes, 4 features. Anonymous memory beyond what the process "
        "held before, by sampling; processor time.",
    )
    return goals


#: Short sequences beside the long one of `outlier`, and the estimators that read them.
N_SHORT = 1_000
OUTLIER_FITS = {
    "feed-forward": (FeedForwardClassifier, {}),
    "LSTM": (SequenceClassifier, {}),
    "GRU": (SequenceClassifier, {"cell": "gru"}),
    "LSTM, features normalized": (
        SequenceRegressor,
        {"instance_norm": "standard", "target_feature": 0},
    ),
    "pairs": (Seq2SeqTransformer, {}),
}


def measure_outlier(name, n_steps, seed):
    """Return the peak of memory and the processor seconds of a fit."""
    kind, parameters = OUTLIER_FITS[name]
    rng = np.random.default_rng(seed)
    X = [
        rng.normal(size=(n, 4)).astype(np.float32)
        for n in rng.integers(50, 151, size=N_SHORT)
    ]
    y = np.arange(N_SHORT + 1) % 2
    if kind is Seq2SeqTransformer:
        y = [["no", "yes"][i] for i in y]
        y = [[word] * 5 for word in y]
    if n_steps:
        X.append(rng.normal(size=(n_steps, 4)).astype(np.float32))
    model = kind(max_epochs=3, random_state=0, **parameters)
    model.fit(X[:20], y[:20])
    before, start = _anonymous_memory(), time.process_time()
    peak = _peak_of(lambda: model.fit(X, y[: len(X)]))
    return {"peak": peak - before, "seconds": time.process_time() - start}


def measure_mapped(path):
    """Return the bytes of a column, and the peaks of anonymous memory, by sampling."""
    X = pa.ipc.open_file(pa.memory_map(path)).read_all()["x"]
    y = np.arange(len(X)) % 2
    small = {"hidden_size": 2, "patch_size": 1, "max_epochs": 1, "batch_size": 4096}
    model = SequenceClassifier(**small, bidirectional=False, early_stopping=False)
    found = {"column": X.nbytes, "before": _anonymous_memory()}
    for name, task in (
        ("fit", lambda: model.fit(X, y)),
        ("predict", lambda: model.predict(X)),
    ):
        found[name] = _peak_of(task)
    return found


def _peak_of(task):
    """Return the peak of anonymous memory while a task runs."""
    samples, done = [_anonymous_memory()], threading.Event()
    sampler = threading.Thread(target=_sample, args=(samples, done))
    sampler.start()
    try:
        task()
    finally:
        done.set()
        sampler.join()
    return max(samples)


def _sample(samples, done):
    while not done.wait(0.01):
        samples.append(_anonymous_memory())


def _anonymous_memory():
    """Return the bytes of this process that no file backs (Linux)."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if "RssAnon" in line) * 1024


def _make(n_sequences, seed):
    sequences, labels = make_ragged_tokens(n_sequences, seed)
    return as_words(sequences), labels


def _size_of(X):
    """Return the bytes of a list of token lists, a shared string counted once."""
    words = {id(word): word for tokens in X for word in tokens}
    return (
        sys.getsizeof(X)
        + sum(map(sys.getsizeof, X))
        + sum(map(sys.getsizeof, words.values()))
    )


PARTS = (fit_time, memory, multiples, outlier, decoding, mapped)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure_fit_memory(*map(int, sys.argv[2:]))))
    elif sys.argv[1:2] == ["--multiple"]:
        print(json.dumps(measure_multiple(*map(int, sys.argv[2:]))))
    elif sys.argv[1:2] in (["--decoding"], ["--outlier"]):
        measure = {"--decoding": measure_decoding, "--outlier": measure_outlier}
        name, *sizes = sys.argv[2:]
        print(json.dumps(measure[sys.argv[1]](name, *map(int, sizes))))
    elif sys.argv[1:2] == ["--mapped"]:
        print(json.dumps(measure_mapped(sys.argv[2])))
    else:
        run_program(__doc__, PARTS)
