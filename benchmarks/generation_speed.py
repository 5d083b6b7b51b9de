"""Speed of training and generation of SequenceGenerator, and memory of endless generation.

Run `python -m benchmarks.generation_speed [--quick] [--seeds ...]`. The text is
artificial: each character depends on the one before.
"""

import json
import string
import sys
from itertools import islice

import numpy as np
import torch

from skrnn import SequenceGenerator

from ._keras import KerasLanguageModel
from ._loops import LanguageLoop
from ._report import (
    PeerAbsent,
    at_least,
    at_most,
    peak_memory,
    print_table,
    progress,
    ratio_by_round,
    run_in_child,
    run_program,
    time_alternately,
    timed_call,
)

CHARACTERS = string.printable[:65]
SIZES = (100, 256)  # embedding and hidden units, the defaults
N_STREAMS, BPTT = 32, 128
GENERATION_SIZES, N_PROMPTS = (64, 128), 64
KIB = 1024


def make_text(n_characters, seed):
    """Return a text in which each character may be followed by 8."""
    generator = np.random.default_rng(seed)
    n = len(CHARACTERS)
    following = generator.integers(n, size=(n, 8))
    ids, choices = [0], generator.integers(8, size=n_characters - 1)
    for choice in choices.tolist():
        ids.append(following[ids[-1], choice])
    return "".join(CHARACTERS[i] for i in ids)


def generator(sizes, n_epochs):
    """Return skrnn's side of `LanguageLoop`."""
    embedding_dim, hidden_size = sizes
    return SequenceGenerator(
        embedding_dim=embedding_dim,
        hidden_size=hidden_size,
        batch_size=N_STREAMS,
        bptt=BPTT,
        dropout=0,
        early_stopping=False,
        max_epochs=n_epochs,
        random_state=0,
    )


def training(quick, seeds):
    """Compare training on a book."""
    n_chunks, n_epochs, repeats = (2, 1, 1) if quick else (12, 2, 5)
    n_characters = N_STREAMS * BPTT * n_chunks
    text = make_text(n_characters, seeds[0])
    inputs, targets = as_streams(text)
    n_tokens = len(CHARACTERS) + 3  # padding, unknown, end
    progress("training speed on a book")
    tasks = {
        "bare": lambda: LanguageLoop(n_tokens, SIZES, bptt=BPTT).fit(
            inputs, targets, n_epochs
        ),
        "skrnn": lambda: generator(SIZES, n_epochs).fit([text]),
    }
    goals, peer = [], _keras_or_none(n_tokens)
    if peer is not None:
        arrays = inputs.numpy(), targets.numpy()
        tasks["keras"] = lambda: peer.fit(*arrays, n_epochs)
    seconds = time_alternately(tasks, repeats)
    of_bare = ratio_by_round(seconds["bare"], seconds["skrnn"])
    goals.append(
        at_least("training on a book: skrnn / bare loop", of_bare.median, 0.85, 2)
    )
    rates = {
        key: f"{n_epochs * n_characters / np.median(seconds[key]):,.0f}" for key in tasks
    }
    of_keras = "not installed"
    if peer is not None:
        ratio = ratio_by_round(seconds["keras"], seconds["skrnn"])
        of_keras = f"{ratio:.2f}"
        claim = f"training on a book: skrnn / Keras ({peer.backend})"
        goals.append(at_least(claim, ratio.median, 3.0, 2))
    print_table(
        f"Training on a book of {n_characters:,} characters, {n_epochs} epochs (characters/s)",
        ("bare loop", "Keras", "skrnn", "skrnn / bare loop", "skrnn / Keras"),
        [
            [
                rates["bare"],
                rates.get("keras", ""),
                rates["skrnn"],
                f"{of_bare:.2f}",
                of_keras,
            ]
        ],
        f"All: LSTM of {SIZES[1]} units, vectors of {SIZES[0]}, {N_STREAMS} streams, chunks of "
        f"{BPTT} steps, the state carried along, clipping, no dropout. The bare loop (fused "
        "AdamW) and Keras's stateful LSTM get prepared tensors, and Keras is built and compiled "
        "before; skrnn's is the whole fit on the string. Medians; ratios within a round: "
        f"median (lowest–highest) of {repeats} alternated rounds.",
    )
    return goals


def _keras_or_none(n_tokens):
    try:
        return KerasLanguageModel(n_tokens, SIZES, n_streams=N_STREAMS, bptt=BPTT)
    except PeerAbsent as absent:
        progress(f"without Keras, which {absent}")
        return None


def without_end(model):
    """Return the fitted generator with an end that is never generated."""
    model.net_.module_.head.bias.data[-1] = -1e9
    return model


def as_streams(text):
    """Return ids (n_streams, n_steps) and the ids that follow them, int64 tensors."""
    places = {character: i for i, character in enumerate(CHARACTERS, 2)}
    targets = torch.tensor([places[character] for character in text])
    inputs = targets.roll(1)
    inputs[0] = 0
    return inputs.reshape(N_STREAMS, -1), targets.reshape(N_STREAMS, -1)


def generation(quick, seeds):
    """Compare generation with a kept state and with a prefix that is read again."""
    n_steps = 50 if quick else 1_000
    model = without_end(generator(GENERATION_SIZES, 1).fit([make_text(20_000, seeds[0])]))
    loop = LanguageLoop(len(CHARACTERS) + 3, GENERATION_SIZES, bptt=BPTT)
    prompts = list(CHARACTERS[:N_PROMPTS])
    ids = torch.arange(2, 2 + N_PROMPTS)[:, None]
    progress("generation, the state kept")
    repeats = 1 if quick else 3
    fast = time_alternately(
        {"skrnn": lambda: model.generate(prompts, n_steps, random_state=0)}, repeats
    )["skrnn"]
    progress("generation, the prefix read again")
    loop.generate(ids, 5)
    _, slow = timed_call(lambda: loop.generate(ids, n_steps))
    generated = model.generate(prompts, n_steps, random_state=0)
    if set(map(len, generated)) != {n_steps}:
        raise AssertionError("some prompts were not continued to the last step")
    n_characters = N_PROMPTS * n_steps
    ratio = slow / np.median(fast)
    print_table(
        f"Generating {n_steps:,} characters for {N_PROMPTS} prompts",
        ("prefix read again (characters/s)", "skrnn", "ratio"),
        [
            [
                f"{n_characters / slow:,.0f}",
                f"{n_characters / np.median(fast):,.0f}",
                f"{ratio:.1f}",
            ]
        ],
        f"The same sizes, {GENERATION_SIZES[1]} units; all prompts in one batch on both sides. The "
        f"loop's one run took {slow:.0f} s; skrnn's is the median of {repeats}, and samples its "
        "characters where the loop takes the most probable. The end token is forbidden.",
    )
    return [at_least("generation: state kept / prefix read again", ratio, 20.0, 1)]


def stream_memory(quick, seeds):
    """Measure the memory of one long stream."""
    n_few, n_many = (200, 2_000) if quick else (1_000, 100_000)
    progress("memory of a long stream")
    child = run_in_child(
        "benchmarks.generation_speed", "--child", n_few, n_many, seeds[0]
    )
    print_table(
        "Memory of `stream`",
        (
            f"peak after {n_few:,} steps (KiB)",
            f"peak after {n_many:,} steps",
            "growth",
            "steps/s",
        ),
        [
            [
                f"{child['few'] / KIB:,.0f}",
                f"{child['many'] / KIB:,.0f}",
                f"{child['growth'] / KIB:,.0f}",
                f"{child['rate']:,.0f}",
            ]
        ],
        "One stream in one process, whose end token is forbidden; the state is "
        f"{child['state']:,} bytes at both points.",
    )
    return [
        at_most(
            f"{n_many:,} steps: growth of the peak (KiB)",
            child["growth"] / KIB,
            1024,
            0,
        )
    ]


def _stream_without_end(n_few, n_many, seed):
    """Print as JSON the peaks of memory after few and after many steps."""
    model = without_end(generator(SIZES, 1).fit([make_text(20_000, seed)]))
    sizes = []
    network = model.net_.module_
    read = network.read

    def watched(inputs, state):
        logits, state = read(inputs, state)
        sizes.append(sum(part.untyped_storage().nbytes() for part in state))
        del sizes[:-1]
        return logits, state

    network.read = watched
    steps = model.stream("", max_length=n_many, random_state=seed)
    n_generated = sum(1 for _ in islice(steps, n_few))
    few, state = peak_memory(), sizes[-1]
    more, seconds = timed_call(lambda: sum(1 for _ in steps))
    many = peak_memory()
    if n_generated + more != n_many:
        raise AssertionError(f"{n_generated + more} steps were generated, not {n_many}")
    if sizes[-1] != state:
        raise AssertionError(f"the state grew from {state} to {sizes[-1]} bytes")
    figures = {"few": few, "many": many, "growth": many - few, "state": state}
    print(json.dumps({**figures, "rate": (n_many - n_few) / seconds}))


PARTS = (training, generation, stream_memory)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _stream_without_end(*map(int, sys.argv[2:]))
    else:
        run_program(__doc__, PARTS)
