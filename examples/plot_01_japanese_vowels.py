"""
Can a recurrent network tell nine speakers apart?
=================================================

Nine men said the vowels /ae/. Each utterance is a series of 7 to 29 steps with 12 features,
so the sequences have different lengths. Training and test were recorded on different
occasions.

A feed-forward network that sees a fixed window of the same sequences is the baseline.
"""

# %%
# The data come with skrnn: a list of arrays ``(n_steps, 12)``, and a label for each.
from skrnn.datasets import load_japanese_vowels

X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
print(len(X_train), "sequences;", X_train[0].shape, X_train[1].shape, "...", y_train[0])

# %%
# Both networks take that list as it is. The scaler works on the steps of all sequences.
import time

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.preprocessing import StepwiseTransformer

networks = {
    "recurrent": SequenceClassifier(hidden_size=48, max_epochs=40, random_state=0),
    "feed-forward": FeedForwardClassifier(max_epochs=40, random_state=0),
}
models = {}
for name, network in networks.items():
    begin = time.perf_counter()
    model = make_pipeline(StepwiseTransformer(StandardScaler()), network)
    models[name] = model.fit(X_train, y_train)
    print(
        f"{name:>12}: test accuracy {model.score(X_test, y_test):.3f}, "
        f"{network.n_parameters_:,} parameters, "
        f"{time.perf_counter() - begin:.1f} s to fit"
    )

# %%
# Both are right about as often. These utterances are short and alike, and a window holds the
# whole of each, which is not so everywhere: see
# :ref:`sphx_glr_gallery_plot_05_input_length.py`. The recurrent network does it with fewer
# parameters, because it uses the same weights at every step, while the window has weights of
# its own for each step; it takes longer to fit.
#
# Whom do they mistake for whom? Rows are the speakers, columns the answers.
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
