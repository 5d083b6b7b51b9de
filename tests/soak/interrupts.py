"""Press Ctrl-C at random moments of trainings with ``on_interrupt="keep"``.

``python tests/soak/interrupts.py --interrupts 50`` takes some minutes. Each fit runs in a
process of its own, forked from this one, and gets SIGINT at a random moment after its first
update. It must warn, and leave a fitted estimator that predicts, pickles and trains on.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import signal
import sys
import time
import traceback
import warnings
from typing import Any

import numpy as np
import torch
from fits import FITS, make

from skrnn.training.digests import digest_of
from skrnn.training.updates import Updates

#: More epochs than are over before the signal comes, seconds after the first update.
PARAMETERS = {"max_epochs": 10**6, "on_interrupt": "keep"}
SECONDS = 1.5


def make_kept(name: str) -> tuple[Any, tuple[Any, ...]]:
    """Return an estimator that trains until it is interrupted, and its data."""
    model, data = make(name, **PARAMETERS)
    for parameter, value in (("calibration_fraction", None), ("n_iter_no_change", 10**6)):
        if parameter in model.get_params():
            model.set_params(**{parameter: value})
    return model, data


def fit(name: str, write: int) -> None:
    """Fit, say when the first update is over, and check what is left of the fit."""
    model, data = make_kept(name)
    step, said = Updates.step, [False]

    def saying(self: Updates, batch: object) -> object:
        if not said[0] and self.net.history[-1]["batches"][1:]:
            said[0] = True
            os.write(write, b"1")
        return step(self, batch)

    Updates.step = saying
    before = signal.getsignal(signal.SIGINT)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(*data)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert before is signal.default_int_handler
    messages = [str(one.message) for one in found]
    assert any("Ctrl-C" in message for message in messages), messages
    assert 1 <= model.n_iter_ < 10**6
    assert np.isfinite(model.history_["train_loss"]).all()
    predicted = digest_of(model.predict(data[0]))
    loaded = pickle.loads(pickle.dumps(model))
    assert digest_of(loaded.predict(data[0])) == predicted
    loaded.set_params(early_stopping=False).partial_fit(*data)


def interrupt(name: str, seconds: float) -> int:
    """Return the exit status of a fit that is interrupted after its first update."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read)
            fit(name, write)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as file:
        file.read(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--interrupts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork after work in several threads hangs
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background ignores it
    chance = random.Random(options.seed)
    names, good = list(FITS), 0
    for i in range(options.interrupts):
        name = names[i % len(names)]
        if i < len(names):  # what the first fit loads is then there
            model, data = make(name, max_epochs=1)
            model.fit(*data)
        good += interrupt(name, SECONDS * chance.random()) == 0
    sys.stdout.write(f"{good} of {options.interrupts} interrupted fits are usable\n")
    sys.exit(good < options.interrupts)


if __name__ == "__main__":
    main()
