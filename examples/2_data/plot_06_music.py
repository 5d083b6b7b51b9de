"""
Can a network compose a canon?
==============================

In a canon the second voice repeats what the first one sang a bar before: whoever continues it has to
remember every note for a bar. From a folder of MIDI files to a new MIDI file, with two voices.
"""

# %%
# A folder of MIDI files
# ----------------------
# The first voice walks over a pentatonic scale, whose tones sound well together, in a rhythm of three
# notes a bar; the second voice follows a bar later, two octaves lower. `write_midi` makes the files.
# A token is what sounds together until the next change, and its beats: "48+72:1/2" are two notes of
# half a beat.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skrnn import FeedForwardGenerator, SequenceGenerator
from skrnn.datasets import read_midi, write_midi

SCALE = (67, 69, 72, 74, 76, 79, 81, 84)  # MIDI pitches, G4 to C6
RHYTHM = ("1", "1", "2")  # beats of the notes of a bar
N_BARS, LOWER = 7, 24  # semitones
random = np.random.RandomState(0)


def make_canon():
    """Return a canon as tokens; its last bar is the second voice alone."""
    steps = random.choice([-2, -1, -1, 1, 1, 2], size=len(RHYTHM) * N_BARS)
    place, first = random.randint(len(SCALE)), []
    for step in steps:
        first.append(str(SCALE[place]))
        place += step if 0 <= place + step < len(SCALE) else -step  # turn at the ends
    second = [str(int(pitch) - LOWER) for pitch in first]
    together = [f"{low}+{high}" for low, high in zip(second, first[3:], strict=False)]
    beats = RHYTHM * (N_BARS + 1)
    names = first[:3] + together + second[-3:]
    return [f"{name}:{each}" for name, each in zip(names, beats, strict=True)]


folder = tempfile.TemporaryDirectory()
for number in range(600):
    write_midi(Path(folder.name, f"canon {number:03d}.mid"), make_canon())

# %%
# Reading it
# ----------

paths = sorted(Path(folder.name).glob("*.mid"))
canons = [read_midi(path) for path in paths]
print(f"{len(canons)} files, {sum(map(len, canons)):,} tokens, the first:")
print(*canons[0][:10], "...")

# %%
# The same file as a table of notes gives the picture, a piano roll. Every group of orange notes comes
# back in blue.


def echoed(notes):
    """Return whether each note of the second voice was in the first one a bar before."""
    first = {(onset, pitch) for onset, _, pitch in notes.itertuples(index=False)}
    before = zip(notes["onset"] - 4, notes["pitch"] + LOWER, strict=True)
    return np.array([each in first for each in before])


def draw(axes, notes):
    """Draw a piano roll; wrong notes of the second voice are black."""
    second = (notes["pitch"] < SCALE[0]).to_numpy()
    right = echoed(notes)
    for chosen, name, colour in (
        (~second, "first voice", "tab:orange"),
        (second & right, "second voice", "tab:blue"),
        (second & ~right, "wrong note", "black"),
    ):
        part = notes[chosen]
        beats, onset = part["beats"] - 0.1, part["onset"]
        axes.barh(part["pitch"], beats, left=onset, height=1.9, color=colour)
        axes.plot([], [], lw=6, color=colour, label=name)
    axes.set_yticks([48, 60, 72, 84], ["C3", "C4", "C5", "C6"])
    axes.set(ylim=(40, 87), ylabel="pitch")
    axes.set_xticks(np.arange(0, 64, 4))
    axes.grid(alpha=0.4)


figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
draw(axes, read_midi(paths[0], form="notes"))
axes.set(title="The first file", xlabel="beats", xlim=(0, 4 * N_BARS + 4))
figure.legend(handles=axes.lines[:2], loc="outside lower center", ncols=2)
plt.show()

# %%
# Composing
# ---------
# Each network composes from the first bar of new canons. The recurrent one keeps the notes of the last
# bar in its state, and counts the bars: its canons have eight, as all canons have. A feed-forward
# network sees a window of tokens. With 2 it cannot know what to repeat. With 3 it sees the whole bar,
# because somebody chose the right window, but not how many bars there were.

settings = {"batch_size": 32, "lr": 0.02, "max_epochs": 12, "random_state": 0}
models = {
    "recurrent": SequenceGenerator(hidden_size=128, **settings),
    "window of 3": FeedForwardGenerator(window=3, **settings),
    "window of 2": FeedForwardGenerator(window=2, **settings),
}
starts = [make_canon()[:3] for _ in range(200)]
figure, panels = plt.subplots(
    len(models), 1, figsize=(9, 7), sharex=True, sharey=True, layout="constrained"
)
for (name, model), axes in zip(models.items(), panels, strict=True):
    model.fit(canons)
    right, lengths = [], []
    path = Path(folder.name, f"{name}.mid")
    for start, rest in zip(
        starts, model.generate(starts, max_length=40, random_state=0), strict=True
    ):
        write_midi(path, start + rest, beats_per_minute=100)
        notes = read_midi(path, form="notes")
        right.extend(echoed(notes)[notes["pitch"] < SCALE[0]])
        lengths.append(notes["onset"].max() // 4 + 1)
        if start is starts[0]:
            draw(axes, notes)
    whole = np.mean(np.equal(lengths, N_BARS + 1))
    axes.axvspan(0, 4, color="grey", alpha=0.2, label="given")
    axes.set_title(
        f"{name}: of {len(starts)} canons, {np.mean(right):.0%} of the second voice is right, "
        f"{whole:.0%} end after {N_BARS + 1} bars",
        fontsize="medium",
    )
panels[-1].set(xlabel="beats", xlim=(0, 36))
handles, _ = panels[0].get_legend_handles_labels()
figure.legend(handles=handles, loc="outside lower center", ncols=4)
plt.show()
folder.cleanup()

# %%
# Players and notation programs open the files that `write_midi` writes; give it a path of your own to
# keep them, and `program=73` for a flute.
