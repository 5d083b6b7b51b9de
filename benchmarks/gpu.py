"""A GPU against the CPU: equal results, and speed beside PyTorch loops on the same GPU.

Run `python -m benchmarks.gpu [--quick] [--seeds ...]`; it takes at most ten minutes. Without a
GPU it says so and ends; `--quick` then shows on the CPU that the program works.
"""

import json
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

import joblib
import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from skrnn import (
    FeedForwardClassifier,
    FeedForwardForecaster,
    FeedForwardGenerator,
    FeedForwardRegressor,
    FeedForwardTagger,
    Seq2SeqTransformer,
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
)
from skrnn.training.net import resolve_precision

from ._loops import (
    LanguageLoop,
    PackedClassifier,
    PackedLoop,
    PackedSeries,
    PackedTagger,
    PackedTranslator,
    PaddedClassifier,
    PaddedSeries,
    PaddedTagger,
    PaddedTranslator,
    TranslatorLoop,
    WindowClassifier,
    WindowModel,
    WindowSeries,
    WindowTagger,
    collate_steps,
)
from ._report import (
    Goal,
    at_least,
    at_most,
    machine_line,
    make_parser,
    print_goals,
    print_table,
    progress,
    ratio_by_round,
    run_in_child,
    time_alternately,
)
from .generation_speed import BPTT, CHARACTERS, N_STREAMS, as_streams, make_text
from .training_speed import N_CLASSES, N_TOKENS, as_ids, as_words, make_ragged_tokens

PACKED, PADDED, SKRNN, REDUCED = "A: packed", "B: padded", "C: skrnn", "bfloat16"
#: Without TF32 only the rounding of float32 differs: of one pass, and of two epochs.
PASS_DIFFERENCE, TRAINING_DIFFERENCE = 1e-4, 1e-3
#: Of the training loss with `precision="bfloat16"`.
REDUCED_DIFFERENCE = 0.02
#: Seconds after which no estimator is begun: the last one needs less than the rest of 600.
LAST_START = 420
N_TAGS, N_FEATURES, N_SCORED = 9, 8, 256
MAX_PAIR_STEPS = 12
HORIZON, WINDOW, SERIES_STEPS = 3, 12, 60
#: Neighbours that a feed-forward tagger reads on each side.
CONTEXT = 2
#: Sizes of a quick run.
QUICK = {
    "n_sequences": 200,
    "n_epochs": 1,
    "n_rounds": 1,
    "hidden_size": 8,
    "batch_size": 32,
    "n_chunks": 2,
    "n_checked": 40,
}
#: `python -m benchmarks.gpu --child FILE` loads models where no GPU is seen.
CHILD = "--child"


@dataclass(frozen=True)
class Run:
    """Where and with which sizes the estimators are trained."""

    device: str
    seed: int
    n_sequences: int = 10_000
    n_epochs: int = 2
    n_rounds: int = 3
    hidden_size: int = 256
    batch_size: int = 128
    n_chunks: int = 100
    n_checked: int = 200

    embedding_dim: ClassVar[int] = 64  # that of `PackedLoop`

    @property
    def plain(self):
        """The parameters of every estimator."""
        return {
            "device": self.device,
            "random_state": self.seed,
            "max_epochs": self.n_epochs,
            "batch_size": self.batch_size,
            "early_stopping": False,
            "dropout": 0,
        }

    @property
    def recurrent(self):
        """The parameters of recurrent estimators."""
        return self.plain | {"hidden_size": self.hidden_size}

    @property
    def dense(self):
        """The parameters of feed-forward estimators whose network a loop has."""
        return self.plain | {"hidden_layer_sizes": (self.hidden_size,)}

    @property
    def of_words(self):
        """The parameters of estimators of token lists whose network a loop has."""
        return {"embedding_dim": self.embedding_dim, "char_encoder": None}

    @property
    def of_loops(self):
        """The parameters of `PackedLoop`."""
        return {
            "device": self.device,
            "batch_size": self.batch_size,
            "hidden_size": self.hidden_size,
        }


# --- data ------------------------------------------------------------------------------


def make_classes(n_sequences, seed):
    """Return token lists and their classes."""
    sequences, labels = make_ragged_tokens(n_sequences, seed)
    return as_words(sequences), labels


def make_tags(n_sequences, seed):
    """Return token lists and a tag for each token."""
    sequences, _ = make_ragged_tokens(n_sequences, seed)
    return as_words(sequences), as_words([ids % N_TAGS for ids in sequences])


def make_numbers(n_sequences, seed):
    """Return series and ten times the means of their first feature."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(50, 151, size=n_sequences)
    X = [rng.normal(size=(n, N_FEATURES)).astype(np.float32) for n in lengths]
    return X, np.array([10 * x[:, 0].mean() for x in X])


def make_pairs(n_sequences, seed):
    """Return the beginnings of token lists, and their reverse."""
    sequences, _ = make_ragged_tokens(n_sequences, seed)
    X = as_words([ids[:MAX_PAIR_STEPS] for ids in sequences])
    return X, [x[::-1] for x in X]


def make_sentences(n_sequences, seed):
    """Return token lists; a generator needs no y."""
    return (make_classes(n_sequences, seed)[0],)


def make_series(n_series, seed):
    """Return noisy sines; a forecaster needs no y."""
    rng = np.random.default_rng(seed)
    steps = np.arange(SERIES_STEPS)
    noise = 0.1 * rng.normal(size=(n_series, SERIES_STEPS))
    return (list(np.sin(steps / 4 + np.arange(n_series)[:, None]) + noise),)


# --- results ---------------------------------------------------------------------------


def checked_estimators(run):
    """Return each estimator by name, with the function that makes its data."""
    ahead = {"horizon": HORIZON, "window": WINDOW}
    recurrent, dense = run.recurrent, run.plain
    return {
        "classifier, LSTM": (SequenceClassifier(**recurrent), make_classes),
        "classifier, GRU": (SequenceClassifier(cell="gru", **recurrent), make_classes),
        "regressor": (SequenceRegressor(patch_size=1, **recurrent), make_numbers),
        "tagger": (SequenceTagger(crf=False, **recurrent), make_tags),
        "tagger, CRF": (SequenceTagger(**recurrent), make_tags),
        "seq2seq": (Seq2SeqTransformer(**recurrent), make_pairs),
        "generator": (SequenceGenerator(**recurrent), make_sentences),
        "forecaster": (SequenceForecaster(**ahead, **recurrent), make_series),
        "feed-forward classifier": (FeedForwardClassifier(**dense), make_classes),
        "feed-forward regressor": (FeedForwardRegressor(**dense), make_numbers),
        "feed-forward tagger": (FeedForwardTagger(**dense), make_tags),
        "feed-forward generator": (FeedForwardGenerator(**dense), make_sentences),
        "feed-forward forecaster": (
            FeedForwardForecaster(**ahead, **dense),
            make_series,
        ),
    }


def answers(model, data):
    """Return the numbers that a fitted model gives for sequences, as one flat array."""
    if isinstance(model, Seq2SeqTransformer):
        rows = model.log_likelihood(*data)
    elif hasattr(model, "predict_proba"):
        rows = model.predict_proba(data[0])
    elif hasattr(model, "score_samples"):
        rows = model.score_samples(data[0])
    else:
        rows = model.predict(data[0])
    return np.concatenate([np.ravel(row) for row in rows]).astype(np.float64)


def answer_in_child(fitted):
    """Return the `answers` of models by name, from a process that sees no GPU."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "models.joblib"
        joblib.dump(fitted, path)
        return run_in_child("benchmarks.gpu", CHILD, path, CUDA_VISIBLE_DEVICES="")


def print_answers(path):
    """Print as JSON the `answers` of the models in a file."""
    if torch.cuda.is_available():
        raise AssertionError("the child process sees a GPU")
    print(
        json.dumps({n: answers(*pair).tolist() for n, pair in joblib.load(path).items()})
    )


@contextmanager
def without_tf32():
    """Round no factors to TF32, which PyTorch allows cuDNN's layers, and some set-ups all."""
    backends = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


def difference(values, expected):
    """Return the largest difference, relative to values above 1."""
    values, expected = np.asarray(values), np.asarray(expected)
    return float(np.max(np.abs(values - expected) / np.maximum(1, np.abs(expected))))


def results(run):
    """Compare training and predictions with those of the CPU."""
    fitted, losses, exact, rounded = {}, {}, {}, {}
    for name, (model, make) in checked_estimators(run).items():
        progress(f"results: {name}")
        data = make(run.n_checked, run.seed)
        few = tuple(part[:20] for part in data)
        with without_tf32():
            model.set_params(max_epochs=2, batch_size=32).fit(*data)
            exact[name] = answers(model, few)
        rounded[name] = answers(model, few)
        fitted[name] = model, few
        again = clone(model).set_params(device="cpu").fit(*data)
        found = [m.history_["train_loss"].to_numpy() for m in (model, again)]
        losses[name] = float(np.max(np.abs(found[0] / found[1] - 1)))
    progress("results: the models in a process without a GPU")
    expected = answer_in_child(fitted)
    rows, goals = [], []
    for name, loss in losses.items():
        of_pass = difference(exact[name], expected[name])
        with_tf32 = difference(rounded[name], expected[name])
        rows.append([name, f"{loss:.1e}", f"{of_pass:.1e}", f"{with_tf32:.1e}"])
        claim = f"{name}: training loss, {run.device} and CPU"
        goals.append(at_most(claim, loss, TRAINING_DIFFERENCE, 6))
        claim = f"{name}: predictions, {run.device} and CPU"
        goals.append(at_most(claim, of_pass, PASS_DIFFERENCE, 6))
    print_table(
        f"Results on {run.device} and on the CPU, largest relative differences",
        ("estimator", "training loss", "predictions", "predictions, TF32"),
        rows,
        f"Two epochs on {run.n_checked} sequences without dropout, from the same random state. "
        "Predictions: probabilities, log-likelihoods or numbers of the model that was trained "
        f"on {run.device}, there and in a process that loads it and sees no GPU. TF32 is off, but "
        "in the last column, where PyTorch's default holds.",
    )
    return goals


# --- speed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """An estimator and its data, and loops of the same network on prepared tensors."""

    name: str
    model: BaseEstimator
    data: tuple
    loops: dict = field(default_factory=dict)
    prepared: tuple = ()
    predicts: bool = False


def packed_loops(run, networks, n_inputs, n_outputs, cell="lstm", **settings):
    """Return a loop with each of two networks, packed and padded."""
    return {
        name: PackedLoop(
            cell, n_inputs, n_outputs, network=network, **run.of_loops, **settings
        )
        for name, network in zip((PACKED, PADDED), networks, strict=True)
    }


def window_loop(run, network, n_inputs, n_outputs, window, **settings):
    """Return the loop of a network without recurrence, which reads padded batches."""
    settings |= {"network": network, "window": window}
    return {PADDED: PackedLoop(None, n_inputs, n_outputs, **run.of_loops, **settings)}


def classifiers(run):
    """Yield classifiers of token lists."""
    sequences, labels = make_ragged_tokens(run.n_sequences, run.seed)
    data = as_words(sequences), labels
    prepared = as_ids(sequences), torch.from_numpy(labels)
    networks = PackedClassifier, PaddedClassifier
    plain = {"bidirectional": False, "pooling": "last"} | run.of_words
    for cell in ("lstm", "gru"):
        model = SequenceClassifier(cell=cell, **plain, **run.recurrent)
        loops = packed_loops(run, networks, N_TOKENS + 2, N_CLASSES, cell)
        yield Case(f"classifier, {cell.upper()}", model, data, loops, prepared, True)
    model = FeedForwardClassifier(window=WINDOW, **run.of_words, **run.dense)
    loops = window_loop(run, WindowClassifier, N_TOKENS + 2, N_CLASSES, WINDOW)
    yield Case("feed-forward classifier", model, data, loops, prepared, True)


def regressors(run):
    """Yield regressors of series."""
    X, y = make_numbers(run.n_sequences // 2, run.seed)
    prepared = [torch.from_numpy(x) for x in X], torch.from_numpy(y).float()[:, None]
    networks, loss = (PackedSeries, PaddedSeries), torch.nn.functional.mse_loss
    loops = packed_loops(run, networks, N_FEATURES, 1, loss=loss)
    model = SequenceRegressor(patch_size=1, **run.recurrent)
    yield Case("regressor", model, (X, y), loops, prepared, True)
    model = FeedForwardRegressor(window=WINDOW, **run.dense)
    loops = window_loop(run, WindowSeries, N_FEATURES, 1, WINDOW, loss=loss)
    yield Case("feed-forward regressor", model, (X, y), loops, prepared, True)


def taggers(run):
    """Yield taggers of token lists; no loop has a conditional random field."""
    sequences, _ = make_ragged_tokens(run.n_sequences, run.seed)
    data = make_tags(run.n_sequences, run.seed)
    prepared = as_ids(sequences), [torch.from_numpy(ids % N_TAGS) for ids in sequences]
    networks, kind = (PackedTagger, PaddedTagger), {"collate": collate_steps}
    loops = packed_loops(run, networks, N_TOKENS + 2, N_TAGS, bidirectional=True, **kind)
    model = SequenceTagger(crf=False, **run.of_words, **run.recurrent)
    yield Case("tagger", model, data, loops, prepared, True)
    yield Case("tagger, CRF", clone(model).set_params(crf=True), data, predicts=True)
    model = FeedForwardTagger(crf=False, context=CONTEXT, **run.of_words, **run.dense)
    width = 2 * CONTEXT + 1
    loops = window_loop(run, WindowTagger, N_TOKENS + 2, N_TAGS, width, **kind)
    yield Case("feed-forward tagger", model, data, loops, prepared, True)


def translator(run):
    """Yield a translator of short token lists."""
    sequences, _ = make_ragged_tokens(run.n_sequences // 2, run.seed)
    sources = as_ids([ids[:MAX_PAIR_STEPS] for ids in sequences])
    end = torch.tensor([N_TOKENS + 2])
    prepared = sources, [torch.cat([ids.flip(0), end]) for ids in sources]
    loops = {
        name: TranslatorLoop(
            N_TOKENS + 2,
            N_TOKENS + 3,
            (run.embedding_dim, run.hidden_size),
            batch_size=run.batch_size,
            network=network,
            device=run.device,
        )
        for name, network in ((PACKED, PackedTranslator), (PADDED, PaddedTranslator))
    }
    model = Seq2SeqTransformer(
        attention="general", label_smoothing=0, **run.of_words, **run.recurrent
    )
    data = make_pairs(run.n_sequences // 2, run.seed)
    yield Case("seq2seq", model, data, loops, prepared)


def generators(run):
    """Yield generators of sentences and of long texts, which are read in chunks."""
    sequences, _ = make_ragged_tokens(run.n_sequences, run.seed)
    sentences = as_ids(sequences)
    begin, end = torch.tensor([0]), torch.tensor([N_TOKENS + 2])
    inputs = [torch.cat([begin, ids]) for ids in sentences]
    prepared = inputs, [torch.cat([ids, end]) for ids in sentences]
    networks, kind = (PackedTagger, PaddedTagger), {"collate": collate_steps}
    loops = packed_loops(run, networks, N_TOKENS + 3, N_TOKENS + 3, **kind)
    sizes = run.recurrent | {"embedding_dim": run.embedding_dim, "bptt": BPTT}
    model = SequenceGenerator(**sizes)
    data = make_sentences(run.n_sequences, run.seed)
    yield Case("generator, sentences", model, data, loops, prepared)
    words = {"embedding_dim": run.embedding_dim, "window": WINDOW, "bptt": BPTT}
    model = FeedForwardGenerator(**words, **run.dense)
    loops = window_loop(run, WindowModel, N_TOKENS + 3, N_TOKENS + 3, WINDOW, **kind)
    yield Case("feed-forward generator", model, data, loops, prepared)

    n_steps = BPTT * run.n_chunks
    text = make_text(N_STREAMS * n_steps, run.seed)
    streams = tuple(ids.to(run.device) for ids in as_streams(text))
    texts = [text[i : i + n_steps] for i in range(0, len(text), n_steps)]
    n_tokens, units = len(CHARACTERS) + 3, (run.embedding_dim, run.hidden_size)
    loop = LanguageLoop(n_tokens, units, bptt=BPTT, device=run.device)
    model = SequenceGenerator(**sizes | {"batch_size": N_STREAMS})
    yield Case("generator, long texts", model, (texts,), {PADDED: loop}, streams)


def forecasters(run):
    """Yield forecasters of many series."""
    (series,) = make_series(max(20, run.n_sequences * 3 // 100), run.seed)
    inputs, targets = [], []
    for values in torch.tensor(np.array(series), dtype=torch.float32):
        for now in range(WINDOW // 2, SERIES_STEPS - HORIZON + 1):
            relative = values - values[now - 1]
            inputs.append(relative[max(0, now - WINDOW) : now, None])
            targets.append(relative[now : now + HORIZON])
    networks, loss = (PackedSeries, PaddedSeries), torch.nn.functional.mse_loss
    loops = packed_loops(run, networks, 1, HORIZON, loss=loss)
    ahead = {"horizon": HORIZON, "window": WINDOW, "calibration_fraction": None}
    model = SequenceForecaster(decoder="direct", **ahead, **run.recurrent)
    prepared = inputs, torch.stack(targets)
    yield Case("forecaster", model, (series,), loops, prepared)
    model = FeedForwardForecaster(**ahead, **run.dense)
    loops = window_loop(run, WindowSeries, 1, HORIZON, WINDOW, loss=loss)
    yield Case("feed-forward forecaster", model, (series,), loops, prepared)


def awaited(task, device):
    """Return a task that ends when the device has finished its work."""

    def run():
        task()
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def time_case(case, run, with_reduced):
    """Return the seconds of `fit` and of prediction by side, and the fitted models."""
    models = {SKRNN: case.model}
    if with_reduced:
        models[REDUCED] = clone(case.model).set_params(precision=REDUCED)
    fits = {
        name: partial(loop.fit, *case.prepared, run.n_epochs)
        for name, loop in case.loops.items()
    }
    fits |= {name: partial(model.fit, *case.data) for name, model in models.items()}
    fits = {name: awaited(task, run.device) for name, task in fits.items()}
    seconds = {"fit": time_alternately(fits, run.n_rounds)}
    if case.predicts:
        reads = {
            name: lambda loop=loop: [
                part.cpu() for part in loop.outputs(*case.prepared, 256)
            ]
            for name, loop in case.loops.items()
        }
        reads[SKRNN] = lambda: case.model.predict(case.data[0])
        reads = {name: awaited(task, run.device) for name, task in reads.items()}
        seconds["predict"] = time_alternately(reads, run.n_rounds)
    return seconds, models


def score(model, data):
    """Return the score of some training sequences, of a translator the log-likelihood."""
    few = [part[:N_SCORED] for part in data]
    if isinstance(model, Seq2SeqTransformer):
        return float(model.log_likelihood(*few).mean())
    return model.score(*few)


def speed_row(name, seconds):
    """Return the cells of the table of speed: medians, and ratios within a round."""
    cells = [
        f"{np.median(seconds[side]):.3f}" if side in seconds else ""
        for side in (PACKED, PADDED, SKRNN)
    ]
    ratios = {
        side: ratio_by_round(seconds[side], seconds[SKRNN])
        for side in (PACKED, PADDED)
        if side in seconds
    }
    faster = [
        f"{ratios[side]:.2f}" if side in ratios else "" for side in (PACKED, PADDED)
    ]
    goals = [
        at_least(f"{name}: seconds of {side[3:]} loop / skrnn", ratio.median, 1.0, 2)
        for side, ratio in ratios.items()
    ]
    return [name, *cells, *faster], goals


def reduced_row(name, seconds, models, data):
    """Return the cells of the table of bfloat16, and the goal of its training loss."""
    losses = {key: m.history_["train_loss"].iloc[-1] for key, m in models.items()}
    change = abs(losses[REDUCED] / losses[SKRNN] - 1)
    ratio = ratio_by_round(seconds[SKRNN], seconds[REDUCED])
    medians = [f"{np.median(seconds[key]):.3f}" for key in (SKRNN, REDUCED)]
    scores = [f"{score(models[key], data):.4f}" for key in (SKRNN, REDUCED)]
    claim = f"{name}: training loss, bfloat16 and float32"
    return (
        [name, *medians, f"{ratio:.2f}", *scores, f"{change:.1e}"],
        at_most(claim, change, REDUCED_DIFFERENCE, 4),
    )


def speed(run, began):
    """Compare training and prediction with packed and padded loops on the same device."""
    try:
        with_reduced = resolve_precision(REDUCED, run.device) == REDUCED
    except ValueError as refused:
        with_reduced = False
        print(f"\nskipped the table of bfloat16: {refused}")
    rows, reduced, speed_goals, goals = [], [], [], []
    for make in (classifiers, regressors, taggers, translator, generators, forecasters):
        for case in make(run):
            if time.perf_counter() - began > LAST_START:
                print(f"\nskipped {case.name}: {LAST_START} seconds have passed")
                continue
            progress(f"speed: {case.name}")
            try:
                seconds, models = time_case(case, run, with_reduced)
            except RuntimeError as error:  # of the device, as where its memory is full
                goals.append(
                    Goal(f"{case.name}: runs", "no error", str(error)[:80], False)
                )
                continue
            for what, of_sides in seconds.items():
                row, found = speed_row(f"{case.name}, {what}", of_sides)
                rows.append(row)
                speed_goals += found
            if with_reduced:
                row, goal = reduced_row(case.name, seconds["fit"], models, case.data)
                reduced.append(row)
                goals.append(goal)
    print_table(
        f"Speed on {run.device}: {run.n_sequences:,} sequences, {run.hidden_size} units, "
        f"batch {run.batch_size}, max_epochs={run.n_epochs}",
        ("", PACKED, PADDED, SKRNN, "A / C", "B / C"),
        rows,
        "Seconds. A and B: the layers of C, trained by the usual loop of PyTorch on prepared "
        "tensors, each batch moved to the device; B reads padding as if it were steps. C is "
        "the whole fit on lists. A network without recurrence has nothing to pack, and no loop has "
        "a conditional random field. Series and pairs are half as many. The long texts, "
        f"{N_STREAMS} of {BPTT * run.n_chunks:,} characters in one batch, need no padding: B is "
        "a bare loop over chunks. Every side runs once before; clocks are read when the device "
        f"has finished. Medians; ratios: median (lowest–highest) of the rounds ({run.n_rounds}).",
    )
    if reduced:
        print_table(
            f'Products in bfloat16 on {run.device}: `precision="bfloat16"`',
            (
                "",
                "float32: fit (s)",
                "bfloat16: fit (s)",
                "ratio",
                "float32: score",
                "bfloat16: score",
                "training loss, relative difference",
            ),
            reduced,
            f"The same fits; the score is that of {N_SCORED} training sequences, of seq2seq the "
            "mean log-likelihood.",
        )
    return goals if run.device == "cpu" else goals + speed_goals


def main(argv=None):
    """Run both parts on the GPU; a quick run takes the CPU where there is none."""
    began = time.perf_counter()
    arguments = make_parser(__doc__, prog="python -m benchmarks.gpu").parse_args(argv)
    found = torch.cuda.is_available()
    if not found and not arguments.quick:
        print("torch finds no GPU here: nothing is measured")
        return
    seed = (arguments.seeds or [0])[0]
    device = "cuda" if found else "cpu"
    run = Run(device, seed, **(QUICK if arguments.quick else {}))
    print(machine_line())
    if found:
        print(f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}")
    else:
        print(
            "torch finds no GPU here: the CPU takes its place, and no figure is of a GPU"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small data, few epochs
        goals = results(run) + speed(run, began)
    print_goals(goals, arguments.quick)
    print(f"\n{time.perf_counter() - began:.0f} seconds")


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        print_answers(sys.argv[2])
    else:
        main()
