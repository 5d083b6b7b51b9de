"""
How are preprocessing and network searched together?
====================================================

An estimator of skrnn is a step of a Pipeline, and its parameters are searched by GridSearchCV as
any others: here the number of principal components of each step, the cell and its size, for
spoken vowels of nine speakers.
"""

# %%
# `StepwiseTransformer` applies a transformer of scikit-learn to the steps of all sequences: the
# PCA is fitted on the 3,000 or so steps of the training folds, and every sequence keeps its length.
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from skrnn import SequenceClassifier
from skrnn.datasets import load_japanese_vowels
from skrnn.preprocessing import StepwiseTransformer

X, y = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
pipeline = make_pipeline(
    StepwiseTransformer(PCA()), SequenceClassifier(lr=0.015, max_epochs=8, random_state=0)
)
grid = {
    "stepwisetransformer__transformer__n_components": [2, 4, 12],
    "sequenceclassifier__cell": ["lstm", "gru"],
    "sequenceclassifier__hidden_size": [8, 32],
}
folds = StratifiedKFold(3, shuffle=True, random_state=0)
search = GridSearchCV(pipeline, grid, cv=folds).fit(X, y)
print("best:", search.best_params_)
print(f"accuracy in the folds: {search.best_score_:.3f}")
print(f"test accuracy of the best, fitted again: {search.score(X_test, y_test):.3f}")

# %%
# `cv_results_` has one row a candidate. Two components leave too little of the voice, and
# eight units too little memory; the cell matters less.
import matplotlib.pyplot as plt
import pandas as pd

results = pd.DataFrame(search.cv_results_).rename(
    columns=lambda name: name.rsplit("__", 1)[-1]
)
results["network"] = (
    results["cell"].str.upper() + " " + results["hidden_size"].astype(str)
)
table = results.pivot(index="network", columns="n_components", values="mean_test_score")
spread = results.pivot(index="network", columns="n_components", values="std_test_score")

figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
image = axis.imshow(table, cmap="viridis", aspect="auto")
figure.colorbar(image, label="accuracy, mean of three folds")
axis.set_xticks(range(table.shape[1]), table.columns)
axis.set_yticks(range(table.shape[0]), table.index)
middle = (table.to_numpy().max() + table.to_numpy().min()) / 2
for i, row in enumerate(table.to_numpy()):
    for k, value in enumerate(row):
        axis.text(
            k,
            i,
            f"{value:.3f}\n± {spread.iloc[i, k]:.3f}",
            ha="center",
            va="center",
            color="black" if value > middle else "white",
        )
axis.set(xlabel="principal components of a step")
plt.show()
