"""
Which digit does a sound file say?
==================================

From a folder of WAV files to a decision: samples become frames of levels in frequency bands, a
recurrent network reads the frames, and a Pipeline holds both, so that it takes raw sound.
"""

# %%
# A folder of recordings
# ----------------------
# The recordings of the Free Spoken Digit Dataset are too large to come with skrnn, their
# spectrograms are not. A noise vocoder makes whispers of them: in each frame it gives white noise the
# levels of the speech. People understand such speech
# (`Shannon and others, 1995 <https://doi.org/10.1126/science.270.5234.303>`_). The rest of the page
# works for any folder of WAV files with one subfolder a class.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.io import wavfile
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from skrnn import FeedForwardClassifier, SequenceClassifier
from skrnn.datasets import load_spoken_digits, read_audio_folder
from skrnn.preprocessing import LogMelFrames

RATE, SIZE, HOP = 8000, 256, 128  # samples a second, of a frame, and between two frames
random = np.random.RandomState(0)


def whisper(levels, centres):
    """Return noise, int16, with levels (n_frames, n_bands) in decibels around centres in Hz."""
    hertz = np.fft.rfftfreq(SIZE, 1 / RATE)
    decibels = np.array([np.interp(hertz, centres, frame) for frame in levels])
    widths = np.interp(
        hertz, centres, np.gradient(centres)
    )  # a level is a sum over its band
    noise = random.normal(size=(2, *decibels.shape))
    spectra = 10 ** (decibels / 20) / np.sqrt(widths) * (noise[0] + 1j * noise[1])
    frames = np.fft.irfft(spectra, axis=1) * np.hanning(SIZE)
    sound = np.zeros(HOP * (len(frames) + 1))
    for start, frame in enumerate(frames):
        sound[HOP * start : HOP * start + SIZE] += frame
    return (20_000 * sound / np.abs(sound).max()).astype(np.int16)


folder = tempfile.TemporaryDirectory()
for subset in ("train", "test"):
    digits = load_spoken_digits(subset=subset)
    centres = [float(name.split()[0]) for name in digits.feature_names]
    rows = zip(digits.data, digits.target, digits.speaker, digits.recording, strict=True)
    for levels, digit, speaker, number in rows:
        path = Path(folder.name, subset, digits.target_names[digit])
        path.mkdir(parents=True, exist_ok=True)
        wavfile.write(path / f"{speaker}_{number}.wav", RATE, whisper(levels, centres))

# %%
# Reading it
# ----------
# The files are read as arrays of samples, each of its own length.

train = read_audio_folder(Path(folder.name, "train"))
test = read_audio_folder(Path(folder.name, "test"))
seconds = [len(x) / train.sample_rate for x in train.X]
print(f"{len(train.X)} files of {min(seconds):.2f} to {max(seconds):.2f} s for training,")
print(f"{len(test.X)} for testing, {train.sample_rate} samples a second")
print(
    f"the first: {train.paths[0].name}, label {str(train.y[0])!r}, {train.X[0].shape[0]} samples"
)

# %%
# Samples are a poor input: thousands of steps, and a voice changes all of them. `LogMelFrames` cuts
# a recording into frames of 32 ms, one each 16 ms, and describes each by its level in 40 bands, narrow
# at low frequencies and wide at high ones. What is said becomes a picture: a vowel is known by the
# heights of its bright bars, the formants, and their movement makes "one" differ from "nine".

frames = LogMelFrames(sample_rate=RATE, frame_seconds=0.032, hop_seconds=0.016).fit(
    train.X
)
shown = [
    int(np.flatnonzero(train.y == name)[0]) for name in ("six", "seven", "one", "nine")
]
spectrograms = frames.transform([train.X[i] for i in shown])

figure, axes = plt.subplots(
    2,
    len(shown),
    figsize=(10, 5),
    sharey="row",
    height_ratios=(1, 2.2),
    layout="constrained",
)
for i, levels, (above, below) in zip(shown, spectrograms, axes.T, strict=True):
    sound = train.X[i]
    above.plot(np.arange(len(sound)) / RATE, sound, lw=0.4, color="tab:blue")
    above.set(
        title=f'"{train.y[i]}", {len(sound):,} samples', xlim=(0, len(sound) / RATE)
    )
    image = below.imshow(
        levels.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-60,
        vmax=0,
        extent=(0, len(sound) / RATE, -0.5, len(levels.T) - 0.5),
    )
    below.set(title=f"{len(levels)} frames", xlabel="seconds")
ticks = np.arange(4, 40, 7)
axes[1, 0].set_yticks(ticks, [frames.get_feature_names_out()[j] for j in ticks])
axes[0, 0].set_ylabel("amplitude")
axes[1, 0].set_ylabel("band")
figure.colorbar(image, ax=axes[1].tolist(), label="level (dB below the peak)")
plt.show()

# %%
# Two classifiers
# ---------------
# The recurrent network reads recordings of any length. The feed-forward baseline sees all frames of
# the longest recording at once, each with weights of its own.

models = {
    "recurrent": SequenceClassifier(lr=0.01, max_epochs=5, random_state=0),
    "feed-forward": FeedForwardClassifier(max_epochs=12, random_state=0),
}
for name, classifier in models.items():
    frames = LogMelFrames(sample_rate=RATE, frame_seconds=0.032, hop_seconds=0.016)
    models[name] = make_pipeline(frames, classifier).fit(train.X, train.y)

for name, model in models.items():
    print(
        f"{name:>12}: accuracy {model.score(test.X, test.y):.3f}, "
        f"{model[-1].n_parameters_:,} parameters"
    )

# %%
# Each row of the matrices is a digit that was said, each column one that was understood:

figure, axes = plt.subplots(1, 2, figsize=(10, 5.4), layout="constrained")
for (name, model), panel in zip(models.items(), axes, strict=True):
    predicted = model.predict(test.X)
    display = ConfusionMatrixDisplay.from_predictions(
        test.y,
        predicted,
        labels=digits.target_names,
        ax=panel,
        cmap="Blues",
        colorbar=False,
        xticks_rotation=45,
    )
    for text in display.text_.flat:
        text.set_visible(text.get_text() != "0")
    errors = int(np.sum(predicted != test.y))
    panel.set(title=f"{name}: {errors} errors in {len(test.y)}", ylabel="said")
    panel.set_xlabel("understood")
plt.show()
folder.cleanup()

# %%
# A new voice
# -----------
# The speakers of the test files were heard in training. Unknown ones are harder: three times, four
# speakers train a model and the other two test it. The names of the files begin with the speaker.

speakers = np.array([path.stem.split("_")[0] for path in train.paths])
names = np.unique(speakers)
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
for (name, model), colour, marker in zip(
    models.items(), ("tab:blue", "tab:orange"), "os", strict=True
):
    predicted = cross_val_predict(
        model, train.X, train.y, groups=speakers, cv=GroupKFold(n_splits=3)
    )
    right = predicted == train.y
    scores = [right[speakers == speaker].mean() for speaker in names]
    axes.plot(names, scores, marker, color=colour, ms=9, label=name)
    axes.axhline(right.mean(), color=colour, ls="--", lw=1)
    print(f"{name:>12}: accuracy on new voices {right.mean():.3f}")
axes.axhline(0.1, color="grey", ls=":", label="chance")
axes.set(
    ylim=(0, 1.03),
    xlabel="speaker, not heard in training",
    ylabel="accuracy",
    title="A new voice is harder; the dashed lines are the means",
)
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
# Your own voice
# --------------
# Record some words as WAV files, one subfolder a word, and change the path. Stereo is averaged, and
# `sample_rate=16000` resamples files of other rates:
#
# .. code-block:: python
#
#     X, y = read_audio_folder("my words", sample_rate=16000)
#     model = make_pipeline(LogMelFrames(sample_rate=16000), SequenceClassifier()).fit(X, y)
#
# On the original recordings of the data set, recurrent networks make a seventh of the errors of
# feed-forward ones: see :doc:`/benchmarks`.
