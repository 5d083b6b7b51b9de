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

import numpy as np
import torch
from fits import FITS, make

from skrnn.training.digests import digest_of
from skrnn.training.updates import Updates

#: Epochs enough that the signal comes in the middle.
PARAMETERS = {"max_epochs": 60, "on_interrupt": "keep"}


def fit(name: str, write: int) -> None:
    """Fit, say when the first update is over, and check what is left of the fit."""
    more = {"calibration_fraction": None} if "forecaster" in name else {}
    model, data = make(name, **PARAMETERS, **more)
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
    assert 1 <= model.n_iter_ <= 60
    assert np.isfinite(model.history_["train_loss"]).all()
    predicted = digest_of(model.predict(data[0]))
    loaded = pickle.loads(pickle.dumps(model))
    assert digest_of(loaded.predict(data[0])) == predicted
    loaded.set_params(early_stopping=False).partial_fit(*data)


def interrupt(name: str, share: float, seconds: float) -> int:
    """Return the exit status of a fit that is interrupted after a share of ``seconds``."""
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
    time.sleep(share * seconds)
    os.kill(child, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--interrupts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork after work in several threads hangs
    chance = random.Random(options.seed)
    names, seconds = list(FITS), {}
    good = 0
    for i in range(options.interrupts):
        name = names[i % len(names)]
        if name not in seconds:  # of a whole fit
            more = {"calibration_fraction": None} if "forecaster" in name else {}
            model, data = make(name, **PARAMETERS, **more)
            started = time.perf_counter()
            model.fit(*data)
            seconds[name] = time.perf_counter() - started
        good += interrupt(name, chance.random() * 0.8, seconds[name]) == 0
    sys.stdout.write(f"{good} of {options.interrupts} interrupted fits are usable\n")
    sys.exit(good < options.interrupts)


if __name__ == "__main__":
    main()
