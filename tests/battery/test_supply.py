"""The package opens no connection, starts no process and writes no file unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Everything that touches the world outside is an audit event of Python. The hook is there
#: before the first import, and sees what libraries do for skrnn, too.
GUARD = """
import os, sys
events = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    *("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink"),
    *("os.truncate", "os.chmod", "os.chown", "os.utime", "shutil.copyfile"),
    *("shutil.rmtree", "shutil.move", "tempfile.mkstemp", "tempfile.mkdtemp"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("os.forkpty", "os.spawn", "os.startfile"),
}
def hook(event, args):
    if event == "open":
        path, mode, flags = args
        if isinstance(flags, int) and flags & WRITES and str(path) != os.devnull:
            events.append([event, str(path)])
    elif event in CHANGES or event.startswith(("socket.", "http.", "urllib.", "ftplib.",
                                               "smtplib.", "webbrowser.")):
        events.append([event, *map(str, args)])
sys.addaudithook(hook)
"""
FITS = """
import json, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
import skrnn, skrnn.datasets, skrnn.inspection, skrnn.metrics, skrnn.model_selection
import skrnn.persistence, skrnn.preprocessing
imported = len(events)
from fits import FITS, make
from sklearn.preprocessing import StandardScaler
kinds = set()
for name in FITS:
    model, data = make(name, max_epochs=2)
    model.fit(*data).score(*data)
    kinds.add(type(model).__name__)
    for method in ("predict", "predict_proba", "generate", "log_likelihood"):
        if hasattr(model, method):
            getattr(model, method)(*data if method == "log_likelihood" else data[:1])
    repr(model), model._repr_html_(), model.history_
    if hasattr(model, "partial_fit"):
        model.set_params(early_stopping="auto").partial_fit(*data)
X = FITS["classifier of numbers"][2][0]
skrnn.preprocessing.StepwiseTransformer(StandardScaler()).fit_transform(X)
print(json.dumps({"events": events, "imported": imported, "kinds": sorted(kinds)}))
"""


def guarded(program, tmp_path, *arguments):
    """Run a program under the guard, in an empty folder; return its last line's JSON."""
    work, cache, temporary = (tmp_path / name for name in ("work", "cache", "temporary"))
    work.mkdir()
    temporary.mkdir()
    environment = os.environ | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(work),
        "TMPDIR": str(temporary),
    }
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)  # torch sets it in this process
    finished = subprocess.run(
        [sys.executable, "-c", GUARD + program, *map(str, arguments)],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert finished.returncode == 0, finished.stderr
    assert list(work.iterdir()) == []
    return json.loads(finished.stdout.splitlines()[-1]), cache


def test_import_fit_and_predict_of_every_estimator_touch_nothing(tmp_path):
    import skrnn

    found, cache = guarded(FITS, tmp_path, ROOT / "tests" / "soak")
    estimators = [n for n in skrnn.__all__ if hasattr(getattr(skrnn, n), "fit")]
    assert found["kinds"] == sorted(estimators)
    # The compiled kernels of numba are the one exception of skrnn's own. Optimizers of
    # PyTorch, as "sgd", make PyTorch import its compiler, and that makes an empty folder.
    exceptions = (str(cache), str(tmp_path / "temporary"))
    unasked = [
        event
        for event in found["events"]
        if not any(part.startswith(exceptions) for part in event[1:])
    ]
    assert unasked == []
    left = [path.name for path in (tmp_path / "temporary").rglob("*")]
    assert all(name.startswith("torchinductor_") for name in left), left


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import socket; socket.socket()", "socket.__new__"),
        ("open('x', 'w').close(); import os; os.remove('x')", "open"),
        ("import os; os.mkdir('x'); os.rmdir('x')", "os.mkdir"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
    ],
)
def test_what_is_forbidden_is_seen(tmp_path, code, event):
    program = f"import json\n{code}\nprint(json.dumps(events))"
    events, _ = guarded(program, tmp_path)
    assert event in [name for name, *_ in events]
