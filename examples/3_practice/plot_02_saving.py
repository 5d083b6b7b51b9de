"""
How is a trained network saved, moved and served?
=================================================

A fitted estimator is saved as any of scikit-learn's: with joblib or pickle, alone or in a
Pipeline. The file holds plain Python and numpy, no optimizer and no device. This page saves a
classifier, loads it in a *new process*, writes it as a *model file* that predicts without PyTorch,
compares the answers, and measures what one request costs.
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
from skrnn.onnx import load, to_onnx

X, y = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
model = SequenceClassifier(max_epochs=12, random_state=0).fit(X, y)

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
# A model file in the ONNX format holds the network as a graph, and what turns X into numbers as JSON,
# but no code. A process that loads it imports onnxruntime in place of PyTorch, and so it starts
# sooner.
model_file = Path(folder.name, "speakers.onnx")
to_onnx(model, model_file)
predictor = load(model_file, n_threads=1)
difference = np.abs(predictor.predict_proba(X_test) - model.predict_proba(X_test)).max()
print(f"{model_file.name}: {model_file.stat().st_size / 1000:.0f} kB")
print(f"largest difference between PyTorch and onnxruntime: {difference:.1e}")

starts = {
    "speakers.joblib": "import joblib, sys; joblib.load(sys.argv[1])",
    "speakers.onnx": "import sys; from skrnn.onnx import load; load(sys.argv[1])",
}
for name, code in starts.items():
    begin = time.perf_counter()
    command = [sys.executable, "-c", code, str(Path(folder.name, name))]
    subprocess.run(command, check=True)
    print(f"{name}: a process has loaded it after {time.perf_counter() - begin:.1f} s")

# %%
# A server answers requests of one sequence, or collects some. A call has a fixed cost,
# so that a batch is much cheaper for each sequence. The answers do not depend on the batch: padding
# and neighbours change nothing.
alone = np.concatenate([model.predict_proba([x]) for x in X_test])
difference = np.abs(alone - model.predict_proba(X_test)).max()
print(f"largest difference between alone and together: {difference:.1e}")

sizes = [1, 4, 16, 64, 256]
answering = {"PyTorch": model, "onnxruntime": predictor}
milliseconds = {name: [] for name in answering}
for size in sizes:
    for name, answerer in answering.items():
        times = []
        for start in range(15):
            batch = [X_test[(start + i) % len(X_test)] for i in range(size)]
            begin = time.perf_counter()
            answerer.predict_proba(batch)
            times.append(1000 * (time.perf_counter() - begin) / size)
        milliseconds[name].append(np.median(times))
        print(f"{size:4} together, {name}: {milliseconds[name][-1]:.2f} ms a sequence")

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
places = {"PyTorch": (5, 6), "onnxruntime": (5, -13)}
for (name, values), marker in zip(milliseconds.items(), "os", strict=True):
    axis.loglog(sizes, values, f"{marker}-", label=name)
    for size, value in zip(sizes, values, strict=True):
        text = f"{value:.2g}"
        axis.annotate(
            text, (size, value), textcoords="offset points", xytext=places[name]
        )
every = np.concatenate(list(milliseconds.values()))
axis.set(
    xlabel="sequences a call",
    ylabel="milliseconds a sequence",
    title="The time of an answer",
    xlim=(0.8, 400),
    ylim=(every.min() / 1.8, every.max() * 1.8),
)
axis.set_xticks(sizes, sizes)
axis.minorticks_off()
axis.legend()
plt.show()
folder.cleanup()

# %%
# :doc:`../../user_guide/persistence` says what a file promises, and what versions it needs;
# :doc:`../../user_guide/serving` which estimators a model file can hold.
