"""
Can one word become a sentence, and one note a tune?
====================================================

A language model completes a sequence: a sentence from one word, a tune from one note. The first
step matters up to the last one: the number of a subject, the key of a melody. A network that
reads a short window forgets it.
"""

# %%
# Sentences
# ---------
# A verb agrees with its subject, whatever the distance between them: "the *dogs* near
# the old house *bark*".

# sphinx_gallery_thumbnail_number = 2
import tempfile
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MultipleLocator

from skrnn import FeedForwardGenerator, SequenceGenerator
from skrnn.datasets import read_midi, write_midi

random = np.random.RandomState(0)
SUBJECTS = {
    "dog": "dogs",
    "child": "children",
    "neighbour": "neighbours",
    "bird": "birds",
}
VERBS = {"sings": "sing", "waits": "wait", "smiles": "smile", "sleeps": "sleep"}
PLACES = ["near", "behind", "beside", "opposite"]
THINGS = ["house", "houses", "tree", "trees", "river", "gardens"]
ADJECTIVES = ["old", "quiet", "little", "green"]
PLURALS = {*SUBJECTS.values()}


def make_sentence():
    """Return a sentence of 2 to 12 words."""
    one, many = list(SUBJECTS.items())[random.randint(4)]
    verb_of_one, verb_of_many = list(VERBS.items())[random.randint(4)]
    plural = random.rand() < 0.5
    words = [many if plural else one]
    for _ in range(random.randint(3)):
        words += [random.choice(PLACES), "the"]
        words += random.choice(ADJECTIVES, size=random.randint(3), replace=False).tolist()
        words.append(random.choice(THINGS))
    return " ".join([*words, verb_of_many if plural else verb_of_one])


sentences = [make_sentence() for _ in range(2000)]
settings = {
    "tokenizer": "word",
    "embedding_dim": 16,
    "lr": 0.01,
    "max_epochs": 10,
    "random_state": 0,
}
models = {
    "recurrent": SequenceGenerator(hidden_size=64, **settings).fit(sentences),
    "window of 4": FeedForwardGenerator(window=4, **settings).fit(sentences),
}
for name, model in models.items():
    print(name)
    for word, rest in zip(
        ["dog", "dogs", "children"],
        model.generate(["dog", "dogs", "children"], random_state=4),
        strict=True,
    ):
        print(f"  {word} → {rest}")

# %%
# Does the verb agree? Over 3,000 sentences, each from one word, by the number of words between
# subject and verb:

prompts = [word for pair in SUBJECTS.items() for word in pair] * 375
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
edges = [0, 1, 4, 7, 11]
for name, model in models.items():
    rests = [rest.split() for rest in model.generate(prompts, random_state=0)]
    between = np.array([len(rest) - 1 for rest in rests])
    agrees = np.array(
        [
            bool(rest) and rest[-1] in (VERBS.values() if word in PLURALS else VERBS)
            for word, rest in zip(prompts, rests, strict=True)
        ]
    )
    place = np.digitize(between, edges) - 1
    shares = [agrees[place == i].mean() for i in range(len(edges) - 1)]
    axes.plot(shares, marker="o", label=name)
    print(f"{name}: {agrees.mean():.1%} of the verbs agree")
axes.set_xticks(range(4), ["none", "3", "4 to 6", "7 to 10"])
axes.axhline(0.5, color="grey", linestyle=":", label="by chance")
axes.set(
    xlabel="words between subject and verb",
    ylabel="share of verbs that agree",
    ylim=(0.4, 1.03),
    title="The recurrent network remembers the subject",
)
axes.legend(loc="lower left")
plt.show()

# %%
# Tunes
# -----
# Twelve old songs in letter notation: a capital is in the octave from middle C, a comma marks the
# octave below, a small letter the one above; a number is a length in beats. Each song is
# transposed to all twelve keys, so that the key can only be inferred from the tune. A token is a
# note with its length.

SONGS = {
    "Ode to Joy": "E E F G G F E D C C D E E3/2 D1/2 D2 E E F G G F E D C C D E D3/2 C1/2 C2",
    "Twinkle": "C C G G A A G2 F F E E D D C2 G G F F E E D2 G G F F E E D2 "
    "C C G G A A G2 F F E E D D C2",
    "Frère Jacques": "C D E C C D E C E F G2 E F G2 G1/2 A1/2 G1/2 F1/2 E C "
    "G1/2 A1/2 G1/2 F1/2 E C C G, C2 C G, C2",
    "Mary Had a Little Lamb": "E D C D E E E2 D D D2 E G G2 E D C D E E E E D D E D C4",
    "London Bridge": "G3/2 A1/2 G F E F G2 D E F2 E F G2 G3/2 A1/2 G F E F G2 D2 G2 E C3",
    "Au clair de la lune": "C C C D E2 D2 C E D D C4 C C C D E2 D2 C E D D C4 "
    "D D D D A,2 A,2 D C B, A, G,4 C C C D E2 D2 C E D D C4",
    "Row Your Boat": "C3/2 C3/2 C D1/2 E3/2 E D1/2 E F1/2 G3 c1/2 c1/2 c1/2 G1/2 G1/2 "
    "G1/2 E1/2 E1/2 E1/2 C1/2 C1/2 C1/2 G F1/2 E D1/2 C3",
    "Hot Cross Buns": "E D C2 E D C2 C1/2 C1/2 C1/2 C1/2 D1/2 D1/2 D1/2 D1/2 E D C2",
    "Aunt Rhody": "E2 E D C2 C2 D2 D2 F E D C G2 G F E2 E2 D C D E C4",
    "Lightly Row": "G E E2 F D D2 C D E F G G G2 G E E2 F D D2 C E G G C4",
    "When the Saints": "C E F G4 C E F G4 C E F G2 E2 C2 E2 D4 E E D C3 C E2 G2 G F3 "
    "E F G2 E2 C2 D2 C4",
    "Jingle Bells": "E E E2 E E E2 E G C3/2 D1/2 E4 F F F3/2 F1/2 F E E E1/2 E1/2 G G F D C4",
}
KEYS = range(-5, 7)  # semitones
SEMITONES = dict(zip("CDEFGAB", (60, 62, 64, 65, 67, 69, 71), strict=True))


def parse(note):
    """Return a note's MIDI pitch and beats."""
    octave = 12 * (note[0].islower() - ("," in note))
    beats = note[1:].replace(",", "") or "1"
    return SEMITONES[note[0].upper()] + octave, Fraction(beats)


def as_tokens(notes, semitones=0):
    """Return notes as strings, transposed by a number of semitones."""
    return [f"{pitch + semitones}:{beats}" for pitch, beats in notes]


songs = {name: [parse(note) for note in text.split()] for name, text in SONGS.items()}
tunes = [as_tokens(notes, key) for notes in songs.values() for key in KEYS]
print(f"{len(tunes)} tunes, {sum(map(len, tunes)):,} notes; one begins {tunes[0][:6]}")

composer = SequenceGenerator(
    hidden_size=128,
    batch_size=16,
    lr=0.02,
    dropout=0.1,
    max_epochs=60,
    random_state=0,
).fit(tunes)
print(f"perplexity {composer.perplexity(tunes):.2f}")

# %%
# Three tunes from the same note, which occurs in many songs and keys. They are drawn at random;
# `random_state` makes them reproducible.

start = ["64:1"]
completions = composer.generate(
    [start] * 3, max_length=60, temperature=0.9, random_state=3
)
compositions = [
    [(int(pitch), Fraction(beats)) for pitch, beats in (note.split(":") for note in tune)]
    for tune in (start + rest for rest in completions)
]

figure, panels = plt.subplots(
    3, 1, figsize=(8, 6.5), sharex=True, sharey=True, layout="constrained"
)
for number, (notes, axes) in enumerate(zip(compositions, panels, strict=True), start=1):
    beats = np.array([float(length) for _, length in notes])
    onsets = np.cumsum(beats) - beats
    pitches = [pitch for pitch, _ in notes]
    axes.barh(pitches, beats * 0.92, left=onsets, height=0.9, color="tab:blue")
    axes.barh(pitches[:1], beats[:1] * 0.92, height=0.9, color="tab:orange")
    axes.set(ylabel="MIDI pitch", title=f"tune {number}: {len(notes)} notes")
    axes.yaxis.set_major_locator(MultipleLocator(2))
    axes.grid(axis="y", alpha=0.3)
panels[-1].set_xlabel("beats")
figure.suptitle("The orange note was given, the blue ones were generated")
plt.show()

# %%
# How much is memorised? The longest part of each tune that also occurs in a song, in any key. The
# network has memorised these few songs, and joins them where they share notes.


def intervals(notes):
    """Return the interval to each next note, with the beats: the same in all keys."""
    pitches = [pitch for pitch, _ in notes]
    return [
        (b - a, beats)
        for a, b, (_, beats) in zip(pitches, pitches[1:], notes, strict=False)
    ]


def longest_common_part(first, second):
    """Return the length of the longest contiguous part that both lists have."""
    longest, ending = 0, np.zeros(len(second) + 1, int)
    for step in first:
        same = np.array([step == other for other in second])
        ending[1:] = np.where(same, ending[:-1] + 1, 0)
        longest = max(longest, ending.max())
    return longest


for number, notes in enumerate(compositions, start=1):
    parts = {
        name: longest_common_part(intervals(notes), intervals(song))
        for name, song in songs.items()
    }
    name = max(parts, key=parts.get)
    print(f"tune {number}: {parts[name]} of {len(notes) - 1} steps in a row from {name}")

# %%
# A MIDI file
# -----------
# The tokens are those of MIDI files: `write_midi` saves a tune, and players and notation programs open
# it. :ref:`sphx_glr_gallery_2_data_plot_06_music.py` reads such files.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "tune.mid")
    write_midi(path, as_tokens(compositions[0]), beats_per_minute=110)
    print(f"{path.name}: {path.stat().st_size} bytes, {len(read_midi(path))} notes")
