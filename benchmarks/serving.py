"""Serving: latency, throughput, start and size of a model file, beside PyTorch.

Run `python -m benchmarks.serving [--quick] [--seeds ...]`. The classifier has the default
network, trained for a few passes on SNIPS intents; the answers of both sides are compared.
"""

import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

import joblib
import numpy as np
import torch

from skrnn import SequenceClassifier

from ._data import load_snips, shorten
from ._report import (
    Spread,
    at_least,
    at_most,
    child_environment,
    import_peer,
    mean_and_sd,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
    timed_call,
)

N_STEPS = 20
#: Of one side in a row.
CALLS = 20
MAX_EPOCHS = 4
TORCH, ONNX, INT8 = "torch", "onnxruntime", "onnxruntime, int8"
#: Milliseconds that a prediction may take beyond its encoder's own time.
OVERHEAD = {TORCH: 0.5, ONNX: 0.15}

START = {
    "import torch, skorch, pandas": "import pandas, skorch, torch",
    TORCH: "import sys, joblib; joblib.load(sys.argv[1]).predict([sys.argv[3]])",
    ONNX: "import sys; from skrnn.onnx import load; load(sys.argv[2]).predict([sys.argv[3]])",
}


@cache
def _fitted(seed, quick):
    """Return a classifier, its data, and its files by side."""
    onnx = import_peer("skrnn.onnx", "onnx")
    splits = {
        name: ([" ".join(tokens) for tokens in X], y)
        for name, (X, y) in shorten(load_snips(), quick).items()
    }
    model = SequenceClassifier(max_epochs=1 if quick else MAX_EPOCHS, random_state=seed)
    model.fit(*splits["train"])
    folder = Path(tempfile.mkdtemp(prefix="skrnn-serving-"))
    files = {TORCH: folder / "model.joblib", ONNX: folder / "model.onnx"}
    files[INT8] = folder / "int8.onnx"
    joblib.dump(model, files[TORCH])
    onnx.to_onnx(model, files[ONNX])
    onnx.to_onnx(model, files[INT8], quantize="int8")
    return model, splits, files


def _predictors(model, files, n_threads):
    onnx = import_peer("skrnn.onnx", "onnx")
    loaded = {side: onnx.load(files[side], n_threads=n_threads) for side in (ONNX, INT8)}
    return {TORCH: model, **loaded}


def _text(splits):
    """Return a text of ``N_STEPS`` words of the training texts."""
    words = " ".join(splits["train"][0]).split()
    return " ".join(np.random.default_rng(0).choice(words, N_STEPS))


def latency(quick, seeds):
    """Time one text, and the bare encoder of each side beside it."""
    rounds = 2 if quick else 50
    model, splits, files = _fitted(seeds[0], quick)
    predictors = _predictors(model, files, n_threads=1)
    text = [_text(splits)]
    for side in (ONNX, INT8):
        difference = predictors[side].predict_proba(text) - model.predict_proba(text)
        if np.abs(difference).max() > (1e-5 if side == ONNX else 0.1):
            raise AssertionError(f"{side} and torch give different answers")
    encoders = _encoders(model, files)
    tasks = {
        side: partial(predictor.predict_proba, text)
        for side, predictor in predictors.items()
    }
    tasks |= {f"encoder of {side}": task for side, task in encoders.items()}
    progress("latency")
    calls = _milliseconds(tasks, rounds)
    medians = {side: np.median(each, axis=1) for side, each in calls.items()}
    rows, goals = [], []
    for side in predictors:
        whole = calls[side]
        faster = ratio_by_round(medians[TORCH], medians[side])
        own = "–"
        if side in encoders:
            encoder = medians[f"encoder of {side}"]
            beyond = Spread.of((medians[side] - encoder).tolist())
            own = f"{np.median(encoder):.2f}"
            claim = f"one text, {side}: milliseconds beyond the encoder's own"
            goals.append(at_most(claim, beyond.median, OVERHEAD[side], 2))
        median, late = (f"{np.quantile(whole, share):.2f}" for share in (0.5, 0.99))
        rows.append([side, median, late, own, f"{faster.median:.1f}"])
    print_table(
        f"predict_proba of one text of {N_STEPS} words",
        ("side", "median (ms)", "99 % (ms)", "bare encoder (ms)", "torch / it"),
        rows,
        f"{rounds} rounds, in each of which all sides take turns, with {CALLS} calls in a "
        "row; onnxruntime with one thread. The bare encoder is the bidirectional LSTM "
        "alone, on prepared vectors: "
        f"{model.net_.module_.encoder.output_size // 2} units each way.",
    )
    return goals


def _milliseconds(tasks, rounds):
    """Return the milliseconds of each call by task, ``(rounds, CALLS)``.

    As in a server, a task is called again and again before the next one has its turn.
    """
    found = {name: [] for name in tasks}
    for timed in [False] + [True] * rounds:
        for name, task in tasks.items():
            each = [1000 * timed_call(task)[1] for _ in range(CALLS)]
            if timed:
                found[name].append(each)
    return {name: np.array(each) for name, each in found.items()}


def _encoders(model, files):
    """Return a task a side: its recurrent layer alone, over random vectors."""
    import onnx
    import onnxruntime

    encoder = model.net_.module_.encoder
    x = np.random.default_rng(0).normal(
        size=(1, N_STEPS, encoder.forward_layers[0].input_size)
    )
    x = torch.from_numpy(x.astype(np.float32))
    lengths = torch.tensor([N_STEPS])

    def of_torch():
        with torch.inference_mode():
            return encoder(x, lengths)

    graph = onnx.load(files[ONNX]).graph
    node = next(node for node in graph.node if node.op_type == "LSTM")
    names = set(node.input)
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    bare = helper.make_graph(
        [node],
        "encoder",
        [
            helper.make_tensor_value_info(node.input[0], floats, ["T", "B", x.shape[2]]),
            helper.make_tensor_value_info(node.input[4], onnx.TensorProto.INT32, ["B"]),
        ],
        [helper.make_tensor_value_info(name, floats, None) for name in node.output[:2]],
        [weights for weights in graph.initializer if weights.name in names],
    )
    alone = helper.make_model(bare, opset_imports=[helper.make_opsetid("", 17)])
    alone.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        alone.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = {
        node.input[0]: x.numpy().transpose(1, 0, 2).copy(),
        node.input[4]: np.array([N_STEPS], np.int32),
    }
    return {TORCH: of_torch, ONNX: partial(session.run, None, inputs)}


def throughput(quick, seeds):
    """Time all test texts in one call."""
    repeats = 3 if quick else 9
    model, splits, files = _fitted(seeds[0], quick)
    texts = splits["test"][0]
    predictors = _predictors(model, files, torch.get_num_threads())
    progress("throughput")
    seconds = time_alternately(
        {side: partial(p.predict_proba, texts) for side, p in predictors.items()}, repeats
    )
    rows = []
    for side in predictors:
        faster = ratio_by_round(seconds[TORCH], seconds[side])
        rate = len(texts) / np.median(seconds[side])
        rows.append([side, f"{rate:,.0f}", f"{faster:.2f}"])
    print_table(
        f"{len(texts):,} texts in one call",
        ("side", "texts a second", "torch / it"),
        rows,
        f"Median (lowest–highest) of {repeats} alternated rounds.",
    )
    return []


def start(quick, seeds):
    """Time a fresh process from its start to the first answer; and the files."""
    repeats = 1 if quick else 5
    _, splits, files = _fitted(seeds[0], quick)
    arguments = [str(files[TORCH]), str(files[ONNX]), _text(splits)]
    tasks = {
        side: partial(
            subprocess.run,
            [sys.executable, "-c", code, *arguments],
            check=True,
            env=child_environment(),
        )
        for side, code in START.items()
    }
    progress("fresh processes")
    seconds = time_alternately(tasks, repeats)
    rows = []
    for side in tasks:
        size = f"{files[side].stat().st_size / 1e6:.2f}" if side in files else "–"
        median = f"{np.median(seconds[side]):.2f}"
        share = ratio_by_round(seconds[side], seconds[TORCH])
        rows.append([side, median, f"{share:.2f}", size])
    rows.append([INT8, "–", "–", f"{files[INT8].stat().st_size / 1e6:.2f}"])
    print_table(
        "A fresh process to its first answer, and the file",
        ("process", "seconds", "it / torch", "file (MB)"),
        rows,
        f"{repeats} alternated rounds, files in the system's cache.",
    )
    ratio = ratio_by_round(seconds[ONNX], seconds[TORCH]).median
    return [at_most("fresh process: onnxruntime / torch", ratio, 0.5, 2)]


def integers(quick, seeds):
    """Compare the accuracy of integer weights with that of the estimator."""
    onnx = import_peer("skrnn.onnx", "onnx")
    plain, small, agree, far = [], [], [], []
    for seed in seeds:
        progress(f"int8, seed {seed}")
        model, splits, files = _fitted(seed, quick)
        X, y = splits["test"]
        predictor = onnx.load(files[INT8])
        plain.append(model.score(X, y))
        small.append(predictor.score(X, y))
        expected, got = model.predict_proba(X), predictor.predict_proba(X)
        agree.append(float((expected.argmax(1) == got.argmax(1)).mean()))
        far.append(float(np.abs(expected - got).max()))
    print_table(
        "Integer weights, SNIPS intents, test accuracy",
        ("float32", "int8", "same class", "largest difference of probabilities"),
        [[mean_and_sd(plain), mean_and_sd(small), mean_and_sd(agree), f"{max(far):.3f}"]],
        f"{MAX_EPOCHS} passes, {len(seeds)} seeds.",
    )
    lost = float(np.mean(small) - np.mean(plain))
    return [at_least("int8 - float32, accuracy", lost, -0.005)]


PARTS = (latency, throughput, start, integers)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
