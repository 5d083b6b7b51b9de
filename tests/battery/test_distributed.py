"""Searches, cross-validation and ensembles on workers of dask."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("distributed")

# A worker that a fit kills takes with it what it had not sent back; the fits that were
# lost run again on the others.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import Callback
from skrnn import SequenceClassifier

class KillOnce(Callback):
    def __init__(self, path):
        self.path = path

    def on_train_begin(self, net, **kwargs):
        try:
            Path(self.path).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

def results(callbacks):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)).tolist() for n in rng.integers(1, 6, size=24)]
    y = np.arange(24) % 2
    model = SequenceClassifier(
        hidden_size=4, max_epochs=3, random_state=0, callbacks=callbacks
    )
    search = GridSearchCV(model, {"lr": [0.01, 0.1, 1.0]}, cv=2).fit(X, y)
    found = {
        "search": search.cv_results_["mean_test_score"].tolist(),
        "best": search.predict_proba(X).tolist(),
    }
    if callbacks is not None:
        return found
    seeds = [(str(i), SequenceClassifier(hidden_size=4, max_epochs=3, random_state=i))
             for i in range(2)]
    vote = VotingClassifier(seeds, voting="soft", n_jobs=2).fit(X, y)
    several = SequenceClassifier(
        hidden_size=4, max_epochs=3, random_state=0, n_estimators=2, n_jobs=2
    )
    return found | {
        "members": several.fit(X, y).predict_proba(X).tolist(),
        "folds": cross_val_score(model, X, y, cv=3).tolist(),
        "vote": vote.predict_proba(X).tolist(),
    }

if __name__ == "__main__":
    marker = Path(sys.argv[1])
    found = {"alone": results(None)}
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client, parallel_config(backend="dask"):
        before = set(client.scheduler_info()["workers"])
        found["together"] = results(None)
        found["after a loss"] = results([KillOnce(str(marker))])
        after = set(client.scheduler_info()["workers"])
    found["lost"] = len(before - after)
    print(json.dumps(found))
"""


@pytest.mark.slow
def test_workers_of_dask_find_what_one_process_does_and_a_killed_one_loses_nothing(
    tmp_path,
):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    finished = subprocess.run(
        [sys.executable, program, tmp_path / "killed"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    assert (tmp_path / "killed").exists()
    assert found["lost"] == 1
    assert found["together"] == found["alone"]
    for name in ("search", "best"):
        assert found["after a loss"][name] == found["alone"][name]
