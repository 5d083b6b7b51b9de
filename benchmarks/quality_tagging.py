"""Test scores of the taggers, beside CRFsuite with hand-made features.

Run `python -m benchmarks.quality_tagging [--quick] [--seeds ...]`. A fit takes minutes, so
two seeds at most are run. The networks see the training file only; the validation file
chooses CRFsuite's penalties, and gives the score that the networks have to match.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from skrnn import FeedForwardTagger, SequenceTagger
from skrnn.datasets import make_switches
from skrnn.metrics import entity_f1_score, step_accuracy_score

from ._crfsuite import fit_crfsuite
from ._data import load_ewt, load_snips_slots, load_wnut17, shorten
from ._goals import SCORES
from ._report import (
    at_least,
    at_most,
    fit_over_seeds,
    mean_and_sd,
    print_table,
    progress,
    run_program,
    timed_call,
)

#: Epochs of the runs that try to match CRFsuite on the validation file.
SHORT_RUNS = (3, 4, 5, 8, 12)


@dataclass(frozen=True)
class Task:
    """One data set: its measure, published figures, changed parameters.

    `measure(y_true, y_pred)` gives the score; `parameters` are those that differ from the defaults.
    """

    name: str
    measured: str
    measure: Callable
    published: str
    parameters: dict[str, Any] = field(default_factory=dict)


SNIPS = Task(
    "SNIPS slots",
    "F1",
    entity_f1_score,
    "published: attention BiRNN (Liu & Lane 2016) 0.878, slot-gated BiLSTM (Goo et al. 2018) "
    "0.888; with pre-trained GloVe vectors, BiLSTM-CRF 0.963, BiLSTM 0.962",
    {"scheme": "IOB2"},
)
EWT = Task(
    "EWT parts of speech",
    "accuracy",
    step_accuracy_score,
    "published: BiLSTMs with pre-trained vectors 0.95 to 0.96, fine-tuned transformer 0.969 "
    "(on other releases of the treebank)",
)
WNUT = Task(
    "W-NUT 2017 entities",
    "F1",
    entity_f1_score,
    "published, all with pre-trained vectors: BiLSTM with transfer learning 0.408, multitask "
    "BiLSTM-CRF (Aguilar et al. 2018) 0.456, Flair 0.496",
    {"scheme": "IOB2"},
)


def snips_slots(quick, seeds):
    """Slots of commands, 72 tags."""
    score, ratio = _compare(SNIPS, load_snips_slots(), quick, seeds)
    return [
        at_least("SNIPS slots: F1", score, SCORES["SNIPS slots"][1]),
        at_most("SNIPS slots: seconds to CRFsuite's F1 / its fit", ratio, 1.0, 2),
    ]


def ewt_parts_of_speech(quick, seeds):
    """Parts of speech of English from the web, 17 tags."""
    score, ratio = _compare(EWT, load_ewt(), quick, seeds)
    claim = "EWT parts of speech: seconds to CRFsuite's accuracy / its fit"
    return [
        at_least("EWT parts of speech: accuracy", score, SCORES["EWT"][1]),
        at_most(claim, ratio, 1.0, 2),
    ]


def wnut17_entities(quick, seeds):
    """Entities that are rare in training, 6 types."""
    score, ratio = _compare(WNUT, load_wnut17(), quick, seeds)
    return [
        at_least("W-NUT 2017 entities: F1", score, SCORES["W-NUT 2017"][1]),
        at_most("W-NUT 2017 entities: seconds to CRFsuite's F1 / its fit", ratio, 1.5, 2),
    ]


def times_to_crfsuite(quick, seeds):
    """Time the tagger to CRFsuite's validation scores, CRFsuite's penalties given."""
    goals = []
    for task, load, bound in ((EWT, load_ewt, 1.0), (WNUT, load_wnut17, 1.5)):
        splits = shorten(load(), quick)
        # what the validation files choose for both
        peer = _fit_peer(task, splits, quick, penalties=(0.1,))
        ratio = _time_to_match(task, splits, peer, quick, seeds[0])
        claim = f"{task.name}: seconds to CRFsuite's {task.measured} / its fit"
        goals.append(at_most(claim, ratio, bound, 2))
    return goals


def switches(quick, seeds):
    """State of a device at each step of a noisy sensor that records its switching."""
    n_sequences, max_epochs = (50, 2) if quick else (1_000, 30)
    make = partial(make_switches, noise=0.1, min_steps=30, max_steps=60)
    train, test = make(n_sequences, random_state=0), make(200, random_state=1)
    rows, measured = [], {}
    for kind in (SequenceTagger, FeedForwardTagger):
        progress(f"switches: {kind.__name__}")
        scores, seconds = fit_over_seeds(
            lambda seed, kind=kind: kind(max_epochs=max_epochs, random_state=seed),
            train,
            test,
            seeds[:2],
        )
        measured[kind] = statistics.fmean(scores)
        rows.append(_row(kind.__name__, scores, seconds))
    labels = np.concatenate(test[1])
    chance = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
    rows.append(["the more frequent label", f"{chance:.4f}", ""])
    print_table(
        f"Switches, {n_sequences:,} numeric sequences of 30 to 60 steps",
        ("method", "test accuracy", "fit (s)"),
        rows,
        f"Default parameters, but max_epochs={max_epochs}. A step's label depends on how many "
        "pulses came before it; FeedForwardTagger sees two steps on either side.",
    )
    return [
        at_least("switches: accuracy", measured[SequenceTagger], 0.95),
        at_most(
            "switches: FeedForwardTagger, above the more frequent label",
            measured[FeedForwardTagger] - chance,
            0.05,
        ),
    ]


def _compare(task, splits, quick, seeds):
    """Print a task's tables; return the mean test score, and the ratio of `_time_to_match`."""
    splits = shorten(splits, quick)
    peer = _fit_peer(task, splits, quick)
    parameters = {**task.parameters, **({"max_epochs": 2} if quick else {})}
    rows, measured = [], {}
    for kind in (SequenceTagger, FeedForwardTagger):
        progress(f"{task.name}: {kind.__name__}")
        scores, seconds = fit_over_seeds(
            lambda seed, kind=kind: kind(**parameters, random_state=seed),
            splits["train"],
            splits["test"],
            seeds[:2],
            task.measure,
        )
        measured[kind] = statistics.fmean(scores)
        rows.append(_row(kind.__name__, scores, seconds))
    X_test, y_test = splits["test"]
    score = task.measure(y_test, peer.tagger.predict(X_test))
    rows.append([str(peer), f"{score:.4f}", f"{peer.seconds:.1f}"])
    changed = ", ".join(f"{key}={value!r}" for key, value in task.parameters.items())
    print_table(
        task.name,
        ("method", f"test {task.measured}", "fit (s)"),
        rows,
        f"Default parameters{', but ' + changed if changed else ''}; no pre-trained vectors. "
        "CRFsuite: L-BFGS, 100 iterations, on one core; its seconds are those of the chosen "
        f"penalties alone, features included. {task.published}.",
    )
    return measured[SequenceTagger], _time_to_match(task, splits, peer, quick, seeds[0])


def _fit_peer(task, splits, quick, **penalties):
    progress(f"{task.name}: CRFsuite")
    iterations = 10 if quick else 100
    data = splits["train"], splits["valid"]
    return fit_crfsuite(*data, task.measure, iterations, **penalties)


def _time_to_match(task, splits, peer, quick, seed):
    """Print the time until short runs match CRFsuite's validation score.

    Returns
    -------
    ratio : float
        Seconds of the first that matches it over those of CRFsuite's fit; inf if none does.
    """
    rows, ratio = [], math.inf
    X, y = splits["valid"]
    for max_epochs in SHORT_RUNS[:1] if quick else SHORT_RUNS:
        progress(f"{task.name}: {max_epochs} epochs")
        tagger = SequenceTagger(
            **task.parameters, max_epochs=max_epochs, random_state=seed
        )
        _, seconds = timed_call(lambda tagger=tagger: tagger.fit(*splits["train"]))
        score = task.measure(y, tagger.predict(X))
        text = f"SequenceTagger, max_epochs={max_epochs}"
        share = seconds / peer.seconds
        rows.append([text, f"{score:.4f}", f"{seconds:.1f}", f"{share:.2f}"])
        if score >= peer.valid_score:
            ratio = share
            break
    rows.append([str(peer), f"{peer.valid_score:.4f}", f"{peer.seconds:.1f}", "1.00"])
    print_table(
        f"{task.name}: time to CRFsuite's {task.measured} on the validation file",
        ("method", f"validation {task.measured}", "fit (s)", "of CRFsuite's"),
        rows,
        f"One seed ({seed}). Each row is a whole run, its learning rate annealed to the end; the "
        "first that is as good as CRFsuite ends the table. Shorter runs before it do not count.",
    )
    return ratio


def _row(name, scores, seconds):
    return [name, mean_and_sd(scores), f"{statistics.fmean(seconds):.1f}"]


PARTS = (snips_slots, ewt_parts_of_speech, wnut17_entities, switches)
SHORT = (times_to_crfsuite,)

if __name__ == "__main__":
    run_program(__doc__, PARTS, short=SHORT)
