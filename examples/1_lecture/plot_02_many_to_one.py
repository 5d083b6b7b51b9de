"""
Can a recurrent network recognise nine speakers?
================================================

Nine men said the vowels /ae/. Each utterance is a series of 7 to 29 steps with 12 features,
so the sequences have different lengths. Training and test were recorded on different
occasions.

The baseline is a feed-forward network that reads a window of the same sequences.
"""

# %%
# The data comes with skrnn: a list of arrays ``(n_steps, 12)``, and a label for each.
from skrnn.datasets import load_japanese_vowels

X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
print(len(X_train), "sequences;", X_train[0].shape, X_train[1].shape, "...", y_train[0])

# %%
# Both networks accept that list, and scale the features themselves.
import time

from skrnn import FeedForwardClassifier, SequenceClassifier

models = {
    "recurrent": SequenceClassifier(hidden_size=48, max_epochs=40, random_state=0),
    "feed-forward": FeedForwardClassifier(max_epochs=40, random_state=0),
}
for name, model in models.items():
    begin = time.perf_counter()
    model.fit(X_train, y_train)
    print(
        f"{name:>12}: test accuracy {model.score(X_test, y_test):.3f}, "
        f"{model.n_parameters_:,} parameters, "
        f"{time.perf_counter() - begin:.1f} s to fit"
    )

# %%
# Both are about equally accurate. These utterances are short and of similar length, so that a
# window holds the whole of each. Elsewhere it does not: see
# :ref:`sphx_glr_gallery_1_lecture_plot_08_input_length.py`. The recurrent network has fewer parameters,
# because it applies the same weights at every step, while the feed-forward network has weights of
# its own for each step of the window. It takes longer to fit.
#
# Which speakers are confused? Rows are the speakers, columns the predictions.
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

figure, axes = plt.subplots(1, 2, figsize=(9, 5), layout="constrained")
for axis, (name, model) in zip(axes, models.items(), strict=True):
    ConfusionMatrixDisplay.from_estimator(
        model, X_test, y_test, ax=axis, cmap="Blues", colorbar=False
    )
    for text in axis.texts:
        if text.get_text() == "0":
            text.set_visible(False)
    axis.set_title(f"{name}: {model.score(X_test, y_test):.1%} right")
plt.show()
