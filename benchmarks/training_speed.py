"""Speed of training and prediction, compared with a hand-written PyTorch loop.

Run `python -m benchmarks.training_speed [--quick] [--seeds ...]`.
"""

from functools import partial

import numpy as np
import torch

from skrnn import SequenceClassifier, SequenceTagger
from skrnn.data.encoded import EncodedSequences
from skrnn.data.ragged import RaggedArray
from skrnn.training.collate import TrainingBatches, padding_share
from skrnn.training.dataset import EncodedDataset

from ._loops import (
    CELLS,
    DenseLoop,
    PackedLoop,
    PackedSeries,
    PackedTagger,
    collate_steps,
    kernel_batches,
    kernel_pass,
)
from ._report import (
    at_least,
    at_most,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
)

N_TOKENS, N_CLASSES, N_TAGS, BATCH_SIZE = 5_000, 5, 17, 32
LOOP, FUSED, SKRNN, KERNEL = "A: packed loop", "A, fused Adam", "B: skrnn", "C: kernel"
SPEEDUP_GOALS = {"LSTM": 4.5, "BiLSTM": 5.0, "GRU": 3.5, "BiGRU": 4.0}
PREDICTION_GOALS = {"LSTM": 3.0, "BiLSTM": 3.0, "GRU": 2.5, "BiGRU": 2.5}


def make_ragged_tokens(n_sequences, seed):
    """Return ids, a list of (n_steps_i,) int64 arrays, and labels (n_sequences,).

    Lengths are lognormal with mean 20, cut off at 116 steps, as in a corpus of short
    texts. Half the tokens of a sequence come from its class's fifth of the vocabulary, so
    that the labels can be learned.
    """
    generator = np.random.default_rng(seed)
    spread = 0.6
    lengths = generator.lognormal(np.log(20) - spread**2 / 2, spread, n_sequences)
    lengths = np.clip(np.rint(lengths), 1, 116).astype(int)
    labels = generator.integers(N_CLASSES, size=n_sequences)
    share = N_TOKENS // N_CLASSES
    sequences = []
    for length, label in zip(lengths, labels, strict=True):
        anywhere = generator.integers(N_TOKENS, size=length)
        in_class = label * share + generator.integers(share, size=length)
        sequences.append(np.where(generator.random(length) < 0.5, anywhere, in_class))
    return sequences, labels


def as_words(sequences):
    """Return the sequences as a user has them, lists of strings."""
    words = [f"w{index}" for index in range(N_TOKENS)]
    return [[words[i] for i in sequence] for sequence in sequences]


def as_ids(sequences):
    """Return the sequences as tensors of ids; 0 is for padding, 1 for unknown words."""
    return [torch.from_numpy(sequence + 2) for sequence in sequences]


#: The network of `PackedLoop`, as parameters of skrnn.
AS_LOOP = {
    "hidden_size": 128,
    "embedding_dim": 64,
    "char_encoder": None,
    "dropout": 0,
    "batch_size": BATCH_SIZE,
    "early_stopping": False,
    "random_state": 0,
}


def classifier(cell, bidirectional, n_epochs):
    """Return skrnn's side of `PackedClassifier`."""
    return SequenceClassifier(
        cell=cell,
        bidirectional=bidirectional,
        pooling="last",
        max_epochs=n_epochs,
        **AS_LOOP,
    )


def tagger(bidirectional, n_epochs):
    """Return skrnn's side of `PackedTagger`."""
    return SequenceTagger(
        bidirectional=bidirectional, crf=False, max_epochs=n_epochs, **AS_LOOP
    )


#: Cells that are compared, by name: (cell, bidirectional).
KINDS = {
    "LSTM": ("lstm", False),
    "BiLSTM": ("lstm", True),
    "GRU": ("gru", False),
    "BiGRU": ("gru", True),
}


def _ragged_data(quick, seed):
    """Return both sides' data, their number of steps, epochs and rounds."""
    n_sequences, n_epochs, repeats = (1_000, 1, 2) if quick else (4_000, 2, 3)
    sequences, labels = make_ragged_tokens(n_sequences, seed)
    data = {
        "X": as_words(sequences),
        "y": labels,
        "ids": as_ids(sequences),
        "targets": torch.from_numpy(labels),
    }
    return data, sum(map(len, sequences)), n_epochs, repeats


def ragged_tokens(quick, seeds):
    """Compare training and prediction on ragged token sequences."""
    data, n_steps, n_epochs, repeats = _ragged_data(quick, seeds[0])
    n_sequences = len(data["X"])
    training, prediction, goals = [], [], []
    for name, (cell, bidirectional) in KINDS.items():
        progress(f"training and prediction speed: {name}")
        sides = LOOP, SKRNN, KERNEL
        rates = _training_rates(name, sides, data, n_steps, n_epochs, repeats)
        speedup = ratio_by_round(rates[SKRNN], rates[LOOP])
        of_kernel = ratio_by_round(rates[SKRNN], rates[KERNEL])
        medians = [f"{np.median(rates[side]):,.0f}" for side in sides]
        training.append([name, *medians, f"{speedup:.2f}", f"{of_kernel:.2f}"])
        goals.append(
            at_least(f"training, {name}: B / A", speedup.median, SPEEDUP_GOALS[name], 2)
        )
        if cell == "lstm":
            goals.append(at_least(f"training, {name}: B / C", of_kernel.median, 0.60, 2))

        rows, faster = _time_prediction(cell, bidirectional, data, repeats, n_steps)
        prediction.append([name, *rows])
        claim = f"prediction, {name}: B / A at batch 256"
        goals.append(at_least(claim, faster.median, PREDICTION_GOALS[name], 2))
    print_table(
        f"Training on {n_sequences:,} ragged token sequences ({n_steps:,} tokens, {n_epochs} epochs)",
        ("cell", f"{LOOP} (tokens/s)", SKRNN, KERNEL, "B / A", "B / C"),
        training,
        "Real tokens a second, medians; ratios within a round: median (lowest–highest) of "
        f"{repeats} alternated rounds. A gets prepared tensors of ids; B is the whole fit on lists of "
        "words, vocabulary and encoding included, which is to B's disadvantage. C is the recurrent "
        "layer alone, forward and backward, over prepared dense batches sorted by length.",
    )
    print_table(
        f"Prediction of the same {n_sequences:,} sequences",
        (
            "cell",
            "A: packed, batch 32 (tokens/s)",
            "A, batch 256",
            SKRNN,
            "B / A",
            "B / A at 256",
        ),
        prediction,
        "B starts from lists of words, A from prepared tensors of ids.",
    )
    return goals


def fused_adam(quick, seeds):
    """Compare the same training with a loop that asks for Adam's fused kernel."""
    data, n_steps, n_epochs, repeats = _ragged_data(quick, seeds[0])
    rows = []
    for name in KINDS:
        progress(f"training speed beside fused Adam: {name}")
        sides = FUSED, SKRNN
        rates = _training_rates(name, sides, data, n_steps, n_epochs, repeats)
        medians = [f"{np.median(rates[side]):,.0f}" for side in sides]
        rows.append([name, *medians, f"{ratio_by_round(rates[SKRNN], rates[FUSED]):.2f}"])
    print_table(
        f"Training on {len(data['X']):,} ragged token sequences, beside a loop with Adam's fused "
        f"kernel ({n_epochs} epochs)",
        ("cell", f"{FUSED} (tokens/s)", SKRNN, "B / A"),
        rows,
        "Real tokens a second, medians; ratios within a round: median (lowest–highest) of "
        f"{repeats} alternated rounds. Few loops ask for that kernel.",
    )
    return []


def _training_rates(name, sides, data, n_steps, n_epochs, repeats):
    """Return the tokens a second of every side and round."""
    cell, bidirectional = KINDS[name]

    def packed_loop(fused):
        loop = PackedLoop(
            cell, N_TOKENS + 2, N_CLASSES, bidirectional=bidirectional, fused=fused
        )
        return loop.fit(data["ids"], data["targets"], n_epochs)

    layers = [CELLS[cell](64, 128, batch_first=True) for _ in range(1 + bidirectional)]
    batches = kernel_batches([len(ids) for ids in data["ids"]], BATCH_SIZE, 64, 128)
    tasks = {
        LOOP: lambda: packed_loop(None),
        FUSED: lambda: packed_loop(True),
        SKRNN: lambda: classifier(cell, bidirectional, n_epochs).fit(
            data["X"], data["y"]
        ),
        KERNEL: lambda: kernel_pass(layers, batches),
    }
    seconds = time_alternately({side: tasks[side] for side in sides}, repeats)
    return {
        side: [n_steps * (1 if side == KERNEL else n_epochs) / s for s in seconds[side]]
        for side in sides
    }


def _time_prediction(cell, bidirectional, data, repeats, n_steps):
    """Return the table's cells and the ratio B / A at batch 256; A need not be trained."""
    loop = PackedLoop(cell, N_TOKENS + 2, N_CLASSES, bidirectional=bidirectional)
    fitted = classifier(cell, bidirectional, 1).fit(data["X"], data["y"])
    tasks = {
        "A": lambda: loop.predict(data["ids"], data["targets"]),
        "A256": lambda: loop.predict(data["ids"], data["targets"], 256),
        "B": lambda: fitted.predict(data["X"]),
    }
    seconds = time_alternately(tasks, repeats)
    faster = ratio_by_round(seconds["A"], seconds["B"])
    faster_256 = ratio_by_round(seconds["A256"], seconds["B"])
    rates = [f"{n_steps / np.median(seconds[key]):,.0f}" for key in tasks]
    return [*rates, f"{faster:.2f}", f"{faster_256:.2f}"], faster_256


def tagging(quick, seeds):
    """Compare training on the same ragged tokens with a tag for every step."""
    n_sequences, n_epochs, repeats = (1_000, 1, 2) if quick else (4_000, 2, 3)
    sequences, _ = make_ragged_tokens(n_sequences, seeds[0])
    n_steps = sum(map(len, sequences))
    tags = [sequence % N_TAGS for sequence in sequences]
    X, y = as_words(sequences), as_words(tags)
    ids, targets = as_ids(sequences), [torch.from_numpy(row) for row in tags]

    def packed_loop(bidirectional, fused):
        loop = PackedLoop(
            "lstm",
            N_TOKENS + 2,
            N_TAGS,
            network=PackedTagger,
            collate=collate_steps,
            bidirectional=bidirectional,
            fused=fused,
        )
        return loop.fit(ids, targets, n_epochs)

    rows, goals = [], []
    for name, bidirectional in (("LSTM", False), ("BiLSTM", True)):
        progress(f"training speed with tags: {name}")
        tasks = {
            LOOP: partial(packed_loop, bidirectional, None),
            FUSED: partial(packed_loop, bidirectional, True),
            SKRNN: lambda both=bidirectional: tagger(both, n_epochs).fit(X, y),
        }
        seconds = time_alternately(tasks, repeats)
        rates = [f"{n_epochs * n_steps / np.median(seconds[key]):,.0f}" for key in tasks]
        speedup = ratio_by_round(seconds[LOOP], seconds[SKRNN])
        of_fused = ratio_by_round(seconds[FUSED], seconds[SKRNN])
        rows.append([name, *rates, f"{speedup:.2f}", f"{of_fused:.2f}"])
        goals.append(
            at_least(f"training with tags, {name}: B / A", speedup.median, 4.0, 2)
        )
    print_table(
        f"Training a tag for every step ({N_TAGS} tags, crf=False) on {n_sequences:,} ragged "
        f"token sequences ({n_steps:,} tokens, {n_epochs} epochs)",
        ("cell", f"{LOOP} (tokens/s)", FUSED, SKRNN, "B / A", "B / A fused"),
        rows,
        "As above: A gets prepared tensors of ids and tags, B lists of words and tags.",
    )
    return goals


def series(quick, seeds):
    """Compare training on series of unequal length."""
    n_sequences, n_epochs, repeats = (100, 1, 2) if quick else (600, 3, 3)
    generator = np.random.default_rng(seeds[0])
    lengths = generator.integers(50, 151, size=n_sequences)
    X = [generator.normal(size=(n, 8)).astype(np.float32) for n in lengths]
    y = np.array([x[:, 0].mean() > 0 for x in X]).astype(np.int64)
    inputs, targets = [torch.from_numpy(x) for x in X], torch.from_numpy(y)
    settings = AS_LOOP | {"hidden_size": 64, "max_epochs": n_epochs, "pooling": "last"}
    settings["patch_size"] = 1
    rows, goals = [], []
    for cell, bidirectional in (("lstm", False), ("gru", False), ("gru", True)):
        name = ("Bi" if bidirectional else "") + cell.upper()
        progress(f"training speed on series: {name}")
        model = SequenceClassifier(cell=cell, bidirectional=bidirectional, **settings)
        tasks = {
            LOOP: lambda cell=cell, both=bidirectional: PackedLoop(
                cell, 8, 2, network=PackedSeries, bidirectional=both, hidden_size=64
            ).fit(inputs, targets, n_epochs),
            SKRNN: lambda model=model: model.fit(X, y),
        }
        seconds = time_alternately(tasks, repeats)
        rates = [
            f"{n_epochs * lengths.sum() / np.median(seconds[key]):,.0f}" for key in tasks
        ]
        speedup = ratio_by_round(seconds[LOOP], seconds[SKRNN])
        rows.append([name, *rates, f"{speedup:.2f}"])
        if name == "GRU":
            goals.append(at_least("training, series, GRU: B / A", speedup.median, 4.0, 2))
    print_table(
        f"Training on {n_sequences} series of 50 to 150 steps, 8 features, 64 units, {n_epochs} epochs",
        ("cell", f"{LOOP} (steps/s)", SKRNN, "B / A"),
        rows,
    )
    return goals


def padding(quick, seeds):
    """Count the steps of an epoch's training batches that are padding."""
    sequences, _ = make_ragged_tokens(1_000 if quick else 4_000, seeds[0])
    lengths = [len(sequence) for sequence in sequences]
    steps = RaggedArray.from_lengths(np.concatenate(sequences), lengths)
    examples = EncodedDataset(EncodedSequences(steps))
    rows, shares = [], {}
    for batch_size in (32, 64, 128):
        generator = torch.Generator().manual_seed(seeds[0])
        shares[batch_size] = 100 * padding_share(
            TrainingBatches(examples, batch_size, generator)
        )
        shuffled = np.random.default_rng(seeds[0]).permutation(lengths)
        batches = [
            shuffled[i : i + batch_size] for i in range(0, len(shuffled), batch_size)
        ]
        padded = sum(len(batch) * batch.max() for batch in batches)
        plain = 100 * (1 - sum(lengths) / padded)
        rows.append([batch_size, f"{shares[batch_size]:.1f}", f"{plain:.1f}"])
    print_table(
        "Padding in the training batches (% of their steps)",
        ("batch size", "skrnn's batches", "batches drawn at random"),
        rows,
    )
    return [at_most("padding of the training batches in %", shares[BATCH_SIZE], 10.0, 1)]


def small_data(quick, seeds):
    """Compare a fit on small data of equal lengths with the bare loop."""
    n_sequences, n_steps, n_features, hidden_size, n_epochs = 500, 10, 8, 64, 10
    generator = np.random.default_rng(seeds[0])
    X = generator.normal(size=(n_sequences, n_steps, n_features)).astype(np.float32)
    y = (X[:, :, 0].sum(axis=1) > 0).astype(np.int64)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)

    def fit_skrnn():
        model = SequenceClassifier(
            cell="lstm",
            hidden_size=hidden_size,
            bidirectional=False,
            pooling="last",
            dropout=0,
            batch_size=BATCH_SIZE,
            early_stopping=False,
            max_epochs=n_epochs,
            random_state=0,
        )
        return model.fit(X, y)

    tasks = {
        "bare loop": lambda: DenseLoop(n_features, hidden_size, 2).fit(
            inputs, targets, n_epochs
        ),
        "skrnn": fit_skrnn,
    }
    progress("small data")
    seconds = time_alternately(tasks, 3 if quick else 9)
    slower = ratio_by_round(seconds["skrnn"], seconds["bare loop"])
    milliseconds = [f"{1000 * np.median(seconds[name]):.0f}" for name in tasks]
    print_table(
        f"Small data: {n_sequences} sequences of {n_steps} steps and {n_features} features, "
        f"LSTM of {hidden_size} units, {n_epochs} epochs, batch {BATCH_SIZE}",
        ("bare loop (ms)", "skrnn fit (ms)", "skrnn / bare"),
        [[*milliseconds, f"{slower:.2f}"]],
    )
    return [at_most("small data: fit / bare loop", slower.median, 1.1, 2)]


PARTS = (ragged_tokens, fused_adam, series, tagging, padding, small_data)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
