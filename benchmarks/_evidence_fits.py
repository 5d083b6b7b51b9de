"""Fits by default parameters for `benchmarks.against`, of work that it prepares.

Run as a file, it imports skrnn from PYTHONPATH alone. Each line of its input names a pickled
job; for each it prints one line, a JSON list of results, one a fit. Jobs hold what every
compared revision knows: names of estimators and parameters, lists and arrays.
"""

import json
import pickle
import sys
import time
import warnings
from pathlib import Path

import skrnn


def run(job):
    """Return CPU seconds and predictions of each fit of a job.

    Parameters
    ----------
    job : dict
        The "estimator" and its "parameters", and "fits": (seed, X, y, X_valid) each.

    Returns
    -------
    results : list of dict
        "fit", CPU seconds, and "predicted" for X_valid; without y its mean
        log-likelihood of a step, in nats.
    """
    results = []
    for seed, X, y, X_valid in job["fits"]:
        estimator = getattr(skrnn, job["estimator"])
        model = estimator(**job["parameters"], random_state=seed)
        start = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - start
        predicted = model.score(X_valid) if y is None else model.predict(X_valid)
        results.append({"fit": seconds, "predicted": predicted})
    return results


def main():
    """Run the jobs that the input names, until it ends."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        job = pickle.loads(Path(line.rstrip("\n")).read_bytes())
        print(json.dumps(run(job), default=lambda array: array.tolist()), flush=True)


if __name__ == "__main__":
    main()
