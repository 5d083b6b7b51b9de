"""
Which words are names?
======================

A tagger gives each word of a sentence a label: here, whether it belongs to the name of a
person, a place or an organisation. A list of known names is not enough: new names occur, and
one name, such as Washington, can be all three.

The sentences here are generated, and their names are composed of syllables. Half of the names
in the test sentences occur in no training sentence. Their characters and their context remain.
"""

# %%
# A sentence has a name, perhaps an aside, and a predicate. Tags mark the first word of a name
# (``B``), its other words (``I``) and its type; all other words are ``O``.
import numpy as np

random = np.random.RandomState(0)

FORMS = {  # the forms of a name
    "PER": ["{}", "Ada {}", "Tom {}", "Dr {}"],
    "LOC": ["{}", "New {}", "{} Bay"],
    "ORG": ["{}", "{} Ltd", "{} and Sons", "Bank of {}", "University of {}"],
}
PREDICATES = {  # of a person, a place, an organisation; PER, LOC and ORG are other names
    "PER": ["went home early", "married a sailor from LOC", "fell ill", "works for ORG"],
    "LOC": ["has two bridges", "lies north of LOC", "was flooded", "had a mild winter"],
    "ORG": ["went bankrupt", "hired PER", "was bought by ORG", "cut all prices"],
}
OPENINGS = ["", "", "Yesterday", "In spring", "The paper says that"]
ASIDES = ["", "", ", as we all know ,", ", so the paper said last week ,"]

BEGINNINGS = [
    "Mar",
    "Thel",
    "Ash",
    "Bran",
    "Cor",
    "Dun",
    "El",
    "Fen",
    "Hol",
    "Kes",
    "Wes",
]
MIDDLES = ["", "a", "er", "in", "o"]
ENDINGS = ["wick", "ton", "by", "ham", "more", "ley", "dale", "ford"]
names = [a + b + c for a in BEGINNINGS for b in MIDDLES for c in ENDINGS]
names = random.permutation(names).tolist()


def make_sentence(names):
    """Return the words of a sentence and their tags."""
    kind = random.choice(list(FORMS))
    parts = [random.choice(OPENINGS), kind, random.choice(ASIDES)]
    words, tags = [], []
    for word in " ".join([*parts, random.choice(PREDICATES[kind]), "."]).split():
        if word not in FORMS:
            words.append(word)
            tags.append("O")
            continue
        name = random.choice(FORMS[word]).format(random.choice(names)).split()
        words += name
        tags += [f"B-{word}"] + [f"I-{word}"] * (len(name) - 1)
    return words, tags


def make_corpus(n_sentences, names):
    """Return sentences as token lists, and their tag lists."""
    X, y = zip(*(make_sentence(names) for _ in range(n_sentences)), strict=True)
    return list(X), list(y)


X_train, y_train = make_corpus(600, names[:100])
X_test, y_test = make_corpus(300, names[50:150])  # names[100:150] are new


def show(words, tags):
    """Print a sentence with its names in brackets."""
    pieces = []
    for word, tag in zip(words, tags, strict=True):
        if tag.startswith("B"):
            pieces.append(f"[{tag[2:]} {word}]")
        elif tag.startswith("I"):
            pieces[-1] = f"{pieces[-1][:-1]} {word}]"
        else:
            pieces.append(word)
    print(" ".join(pieces))


for words, tags in zip(X_train[:6], y_train[:6], strict=True):
    show(words, tags)

# %%
# The recurrent tagger reads each sentence in both directions. The baseline reads a word and two
# neighbours on each side. Both have character features and a conditional random field, which scores
# whole paths of tags, and ``scheme="IOB2"`` forbids invalid paths.
from skrnn import FeedForwardTagger, SequenceTagger

SETTINGS = {
    "scheme": "IOB2",
    "lr": 0.01,
    "batch_size": 16,
    "max_epochs": 10,
    "random_state": 0,
}
models = {
    "recurrent": SequenceTagger(hidden_size=32, **SETTINGS),
    "window": FeedForwardTagger(crf=True, **SETTINGS),
}
predicted = {
    name: model.fit(X_train, y_train).predict(X_test) for name, model in models.items()
}

# %%
# The report of the recurrent tagger. A name counts as found if its type and both ends are correct.
from skrnn.metrics import entity_f1_score, entity_report

print(entity_report(y_test, predicted["recurrent"], scheme="IOB2").round(2))

# %%
# An aside moves the decisive word out of the window. Sentences with and without one:
with_aside = np.array(["," in words for words in X_test])
y_test = np.array(y_test, dtype=object)
for name, y_pred in predicted.items():
    near, far = (
        entity_f1_score(y_test[part], y_pred[part], scheme="IOB2")
        for part in (~with_aside, with_aside)
    )
    print(f"{name:>10}: F1 {near:.2f} without an aside, {far:.2f} with one")

# %%
# Some sentences that the baseline tags wrongly: the recurrent tagger's output, then the baseline's.
wrong = np.flatnonzero(
    [
        list(tags) != list(y_pred)
        for tags, y_pred in zip(y_test, predicted["window"], strict=True)
    ]
)
for i in wrong[:3]:
    show(X_test[i], predicted["recurrent"][i])
    show(X_test[i], predicted["window"][i])
    print()

# %%
# The scores that the conditional random field has learned: of each tag (column) directly after
# another (row).
import matplotlib.pyplot as plt

transitions = models["recurrent"].transitions_
tags = ["O", *(f"{prefix}-{kind}" for kind in FORMS for prefix in "BI")]
scores = transitions.loc[tags, tags].to_numpy()
forbidden = np.isneginf(scores)
scores = np.ma.masked_where(forbidden, scores)
limit = np.abs(scores).max()

figure, axis = plt.subplots(figsize=(7, 5.2), layout="constrained")
axis.set_facecolor("0.93")
image = axis.imshow(scores, cmap="RdBu", vmin=-limit, vmax=limit)
for (i, j), out in np.ndenumerate(forbidden):
    if out:
        axis.text(j, i, "\N{MULTIPLICATION SIGN}", ha="center", va="center", color="0.55")
    else:
        dark = abs(scores[i, j]) > 0.6 * limit
        axis.text(
            j,
            i,
            f"{scores[i, j]:+.2f}".replace("-", "\N{MINUS SIGN}"),
            ha="center",
            va="center",
            color="white" if dark else "0.15",
        )
axis.set_xticks(range(len(tags)), tags)
axis.set_yticks(range(len(tags)), tags)
axis.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
axis.set_xlabel("to (× is forbidden)", labelpad=8)
axis.set_ylabel("from")
axis.xaxis.set_label_position("top")
axis.set_xticks(np.arange(len(tags) - 1) + 0.5, minor=True)
axis.set_yticks(np.arange(len(tags) - 1) + 0.5, minor=True)
axis.grid(which="minor", color="white", linewidth=2)
axis.tick_params(which="minor", length=0, top=False)
axis.spines[:].set_visible(False)
figure.colorbar(image, label="score of the transition", shrink=0.8)
plt.show()

# %%
# Names of persons and places have at most two words here, so the transitions of their ``I`` tags to
# themselves have low scores; names of organisations are longer. The crosses are not learned: ``I``
# of a type may only follow ``B`` or ``I`` of the same type.
