"""How fast Seq2SeqTransformer trains and writes, against plain PyTorch.

Run `python -m benchmarks.seq2seq_speed [--quick] [--seeds ...]`. The pairs are made up:
letters and phones, as short as the words of a dictionary.
"""

import string

import numpy as np
import torch
from torch.profiler import profile

from skrnn import Seq2SeqTransformer
from skrnn.metrics import exact_match_score

from ._loops import TranslatorLoop
from ._report import (
    at_least,
    print_table,
    progress,
    ratio_by_round,
    run_program,
    time_alternately,
)
from ._workloads import OPERATIONS

LETTERS = string.ascii_lowercase
MIN_LETTERS, MAX_LETTERS, MAX_PHONES = 3, 14, 20
BEAM_SIZE, N_SOURCES = 5, 450
LOOP, FUSED, SKRNN = "A: packed loop", "A, fused Adam", "B: skrnn"

#: Embedding, hidden units and batch: what the other tables of speed use, and the defaults.
SIZES = {"small": (64, 128, 32), "default": (100, 256, 64)}
WANTED = {"small": 3.5, "default": 3.0}


def make_words(n_words, seed):
    """Return words, lists of letters, and phones, lists of strings.

    Lengths are uniform from 3 to 14 letters. Each letter has its phone, another one at the
    beginning of a word; a vowel after a vowel is silent.
    """
    generator = np.random.default_rng(seed)
    words, phones = [], []
    for length in generator.integers(MIN_LETTERS, MAX_LETTERS + 1, size=n_words):
        word = [LETTERS[i] for i in generator.integers(len(LETTERS), size=length)]
        before = ["", *word]
        spoken = [
            letter.upper() if last else f"{letter.upper()}1"
            for last, letter in zip(before, word, strict=False)
            if not (last and last in "aeiouy" and letter in "aeiouy")
        ]
        words.append(word)
        phones.append(spoken)
    return words, phones


def translator(size, n_epochs, **parameters):
    """Return skrnn's side of `PackedTranslator`."""
    embedding_dim, hidden_size, batch_size = SIZES[size]
    return Seq2SeqTransformer(
        embedding_dim=embedding_dim,
        hidden_size=hidden_size,
        batch_size=batch_size,
        attention="general",
        dropout=0,
        label_smoothing=0,
        early_stopping=False,
        max_epochs=n_epochs,
        random_state=0,
        **parameters,
    )


def training(quick, seeds):
    """Compare training on pairs of sequences."""
    n_words, n_epochs, repeats = (200, 1, 1) if quick else (2_000, 1, 3)
    X, y = make_words(n_words, seeds[0])
    n_tokens = n_epochs * sum(len(phones) + 1 for phones in y)  # and the ends
    sources, n_letters = _as_ids(X)
    targets, n_phones = _as_ids([[*phones, "end"] for phones in y])
    rows, bars = [], []
    for size, (embedding_dim, hidden_size, batch_size) in SIZES.items():
        progress(f"training speed of pairs, {size}")

        def loop(fused, size=(embedding_dim, hidden_size), batch_size=batch_size):
            sides = TranslatorLoop(
                n_letters, n_phones, size, batch_size=batch_size, fused=fused
            )
            return sides.fit(sources, targets, n_epochs)

        tasks = {
            LOOP: lambda loop=loop: loop(None),
            FUSED: lambda loop=loop: loop(True),
            SKRNN: lambda size=size: translator(size, n_epochs).fit(X, y),
        }
        seconds = time_alternately(tasks, repeats)
        rates = [f"{n_tokens / np.median(seconds[key]):,.0f}" for key in tasks]
        faster = ratio_by_round(seconds[LOOP], seconds[SKRNN])
        of_fused = ratio_by_round(seconds[FUSED], seconds[SKRNN])
        text = f"{hidden_size} units, vectors of {embedding_dim}, batch {batch_size}"
        rows.append([text, *rates, f"{faster:.2f}", f"{of_fused:.2f}"])
        claim = f"training of pairs, {hidden_size} units: B / A"
        bars.append(at_least(claim, faster.median, WANTED[size], 2))
    print_table(
        f"Training on {n_words:,} pairs of {MIN_LETTERS} to {MAX_LETTERS} letters and their "
        f"phones ({n_tokens:,} target tokens, {n_epochs} epoch)",
        ("sizes", f"{LOOP} (target tokens/s)", FUSED, SKRNN, "B / A", "B / A fused"),
        rows,
        "Both sides: bidirectional LSTM, LSTM decoder, Luong's attention, teacher forcing, no "
        "dropout. A packs the sources, goes step by step through the targets and gets ready "
        "tensors of ids; B is the whole fit on lists of letters and phones. Medians; ratios "
        f"within a round: median (lowest–highest) of {repeats} alternated rounds.",
    )
    return bars


def limit(quick, seeds):
    """Show what two cores could reach if they divided a fit of one thread evenly."""
    n_words, repeats = (200, 1) if quick else (2_000, 3)
    X, y = make_words(n_words, seeds[0])
    sources, n_letters = _as_ids(X)
    targets, n_phones = _as_ids([[*phones, "end"] for phones in y])
    n_threads, rows = torch.get_num_threads(), []
    for size, (embedding_dim, hidden_size, batch_size) in SIZES.items():
        progress(f"limit of the training of pairs, {size}")

        def loop(sizes=(embedding_dim, hidden_size), batch_size=batch_size):
            sides = TranslatorLoop(n_letters, n_phones, sizes, batch_size=batch_size)
            return sides.fit(sources, targets, 1)

        def fit(size=size):
            return translator(size, 1).fit(X, y)

        def fit_alone(fit=fit):
            torch.set_num_threads(1)
            try:
                return fit()
            finally:
                torch.set_num_threads(n_threads)

        tasks = {LOOP: loop, SKRNN: fit, "one thread": fit_alone}
        seconds = time_alternately(tasks, repeats)
        with profile() as found:
            fit_alone()
        of_kernel = 1e-6 * sum(
            event.self_cpu_time_total
            for event in found.key_averages()
            if event.key in OPERATIONS["recurrent layers"]
        )
        medians = {name: np.median(values) for name, values in seconds.items()}
        rows.append(
            [
                f"{hidden_size} units, batch {batch_size}",
                *(f"{value:.2f}" for value in medians.values()),
                f"{of_kernel:.2f}",
                f"{medians[LOOP] / medians[SKRNN]:.2f}",
                f"{2 * medians[LOOP] / medians['one thread']:.2f}",
                f"{2 * medians[LOOP] / of_kernel:.2f}",
            ]
        )
    print_table(
        "The limit of this machine: seconds of the same training",
        (
            "sizes",
            LOOP,
            SKRNN,
            "B, one thread",
            "of it torch's LSTM",
            "B / A",
            "B / A, all work in halves",
            "B / A, the LSTM alone, in halves",
        ),
        rows,
        "The last columns would be reached if two cores divided the work of one thread evenly, at "
        "no loss: all of it, or torch's LSTM kernel as if there were nothing else. Medians of "
        f"{repeats} alternated rounds.",
    )
    return []


def beam(quick, seeds):
    """Compare writing with a beam, all sources at once and one by one."""
    n_words, n_epochs, repeats = (200, 1, 1) if quick else (2_000, 10, 3)
    n_sources = 20 if quick else N_SOURCES
    X, y = make_words(n_words + n_sources, seeds[0])
    progress("beam: fit")
    model = translator("default", n_epochs, beam_size=BEAM_SIZE, max_length=MAX_PHONES)
    model.set_params(length_penalty=0)  # as one by one: the sum of log-probabilities
    model.set_params(batch_size=32)  # more updates
    model.fit(X[:n_words], y[:n_words])
    sources = X[n_words:]
    _check_same(model, sources)
    tasks = {
        "one": lambda: beam_one_by_one(model, sources),
        "all": lambda: model.predict_n_best(sources, BEAM_SIZE),
    }
    progress("beam: writing")
    seconds = time_alternately(tasks, repeats)
    faster = ratio_by_round(seconds["one"], seconds["all"])
    rates = [f"{n_sources / np.median(seconds[key]):,.0f}" for key in tasks]
    right = exact_match_score(y[n_words:], model.transform(sources))
    print_table(
        f"Beam search of width {BEAM_SIZE} for {n_sources} sources",
        ("one by one (sources/s)", "skrnn, all at once (sources/s)", "ratio"),
        [[*rates, f"{faster:.2f}"]],
        "The same fitted network, 256 units, and the same results: all "
        f"{BEAM_SIZE} hypotheses of every source. One by one, the hypotheses of a source still "
        f"share each call of the network. It writes {right:.0%} of the sources rightly. Median "
        f"(lowest–highest) of {repeats} alternated rounds.",
    )
    return [at_least("beam 5: one by one / all at once", faster.median, 10.0, 1)]


@torch.inference_mode()
def beam_one_by_one(model, sources):
    """Return [(log-probability, tokens)] of each source, the best first."""
    network, tokens = model.net_.module_, ["", "", *model.target_vocabulary_]
    end = len(tokens)
    found = []
    for source in sources:
        ids = torch.tensor([[model.vocabulary_[letter] for letter in source]])
        lengths = torch.tensor([len(source)])
        state = network.encode({"tokens": ids, "lengths": lengths})
        best = _search_one(network, state, end)
        found.append([(total, [tokens[i] for i in row]) for total, row in best])
    return found


def _search_one(network, state, end):
    """Return [(log-probability, ids)], the best first, for one source."""
    live, finished = [(0.0, [])], []
    last = torch.zeros((1, 1), dtype=torch.int64)
    for t in range(MAX_PHONES + 1):
        scores, state = network.step(last, state)  # (1, K, V)
        totals = scores[0].double() + torch.tensor([[total] for total, _ in live])
        if t == MAX_PHONES:  # nothing but the end may follow
            totals[:, :end] = -torch.inf
        n_candidates = min(2 * BEAM_SIZE, totals.numel())
        values, indices = totals.flatten().topk(n_candidates)
        going, parents = [], []
        for rank in range(n_candidates):
            value, index = values[rank].item(), indices[rank].item()
            parent, token = divmod(index, scores.shape[2])
            if token != end:
                going.append((value, [*live[parent][1], token]))
                parents.append(parent)
            elif rank < BEAM_SIZE:
                finished.append((value, live[parent][1]))
        finished = sorted(finished, key=lambda pair: -pair[0])[:BEAM_SIZE]
        live, parents = going[:BEAM_SIZE], parents[:BEAM_SIZE]
        worst = finished[-1][0] if len(finished) == BEAM_SIZE else -np.inf
        if t == MAX_PHONES or live[0][0] <= worst:
            break
        state = state.take(torch.tensor([0]), torch.tensor([parents]))
        last = torch.tensor([[ids[-1] for _, ids in live]])  # (1, K)
    return finished


def _check_same(model, sources):
    """Raise unless both sides write the same, in float64, where none are even."""
    network = model.net_.module_.double()
    targets, log_probabilities = model.predict_n_best(sources, BEAM_SIZE)
    found = beam_one_by_one(model, sources)
    network.float()
    for i, pairs in enumerate(found):
        if [tokens for _, tokens in pairs] != targets[i]:
            raise AssertionError(f"other hypotheses for {''.join(sources[i])}")
        totals = [total for total, _ in pairs]
        np.testing.assert_allclose(totals, log_probabilities[i, : len(pairs)], rtol=1e-6)


def _as_ids(sequences):
    """Return ready tensors of ids from 1 on, and how many ids there are with padding."""
    ids = {
        token: i for i, token in enumerate(sorted({t for s in sequences for t in s}), 1)
    }
    rows = [torch.tensor([ids[token] for token in sequence]) for sequence in sequences]
    return rows, len(ids) + 1


PARTS = (training, limit, beam)

if __name__ == "__main__":
    run_program(__doc__, PARTS)
