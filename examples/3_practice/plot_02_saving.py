"""
How is a trained network saved, moved and served?
=================================================

A fitted estimator is saved as any of scikit-learn's: with joblib or pickle, alone or in a
Pipeline. The file holds plain Python and numpy, no optimizer and no device. This page saves a
classifier, loads it in a *new process*, compares the answers, and measures what one request costs.
"""

# %%
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np

from skrnn import SequenceClassifier
from skrnn.datasets import load_japanese_vowels

X, y = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
model = SequenceClassifier(max_epochs=20, random_state=0).fit(X, y)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "speakers.joblib")
joblib.dump(model, path)
print(
    f"{path.name}: {path.stat().st_size / 1000:.0f} kB for {model.n_parameters_:,} "
    f"parameters of 4 bytes; test accuracy {model.score(X_test, y_test):.3f}"
)

# %%
# A new process needs skrnn and the file, nothing else. Its answers are the same.
joblib.dump(X_test, Path(folder.name, "requests.joblib"))
server = """
import joblib, sys
from pathlib import Path
folder = Path(sys.argv[1])
model = joblib.load(folder / "speakers.joblib")
requests = joblib.load(folder / "requests.joblib")
joblib.dump(model.predict_proba(requests), folder / "answers.joblib")
"""
subprocess.run([sys.executable, "-c", server, folder.name], check=True)
answers = joblib.load(Path(folder.name, "answers.joblib"))
difference = np.abs(answers - model.predict_proba(X_test)).max()
print(f"largest difference between the processes: {difference:.1e}")

# %%
# A server answers requests of one sequence, or collects some. A call has a fixed cost,
# so that a batch is much cheaper for each sequence. The answers do not depend on the batch: padding
# and neighbours change nothing.
alone = np.concatenate([model.predict_proba([x]) for x in X_test])
difference = np.abs(alone - model.predict_proba(X_test)).max()
print(f"largest difference between alone and together: {difference:.1e}")

sizes = [1, 4, 16, 64, 256]
milliseconds = []
for size in sizes:
    times = []
    for start in range(30):
        batch = [X_test[(start + i) % len(X_test)] for i in range(size)]
        begin = time.perf_counter()
        model.predict_proba(batch)
        times.append(1000 * (time.perf_counter() - begin) / size)
    milliseconds.append(np.median(times))
    print(f"{size:4} together: {milliseconds[-1]:.2f} ms a sequence")

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
axis.loglog(sizes, milliseconds, "o-")
for size, value in zip(sizes, milliseconds, strict=True):
    axis.annotate(
        f"{value:.2g}", (size, value), textcoords="offset points", xytext=(5, 6)
    )
axis.set(
    xlabel="sequences a call",
    ylabel="milliseconds a sequence",
    title="The time of an answer",
    xlim=(0.8, 400),
    ylim=(min(milliseconds) / 1.5, max(milliseconds) * 1.8),
)
axis.set_xticks(sizes, sizes)
axis.minorticks_off()
plt.show()
folder.cleanup()

# %%
# :doc:`../../user_guide/persistence` says what a file promises, and what versions it needs.
