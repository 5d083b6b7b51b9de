"""MIDI files as tokens, notes or piano rolls, and back, by mido.

Every form is converted through notes: rows of start, end and pitch, in steps of a grid.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import chain, pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_scalar

from skrnn._optional import import_optional

N_PITCHES, DRUMS = 128, 9  # the channel of drums, counted from 0
TICKS_PER_BEAT = 480
FORMS = ("tokens", "notes", "roll")
TOKEN = re.compile(r"(rest|~?\d+(?:\+~?\d+)*):(\d+(?:/[1-9]\d*)?)")


def read_midi(
    path: Any,
    *,
    form: str = "tokens",
    steps_per_beat: int = 12,
    track: int | None = None,
) -> Any:
    """Read the notes of a MIDI file as tokens, as a table or as a piano roll.

    Needs mido, which the extra ``skrnn[midi]`` installs.

    Parameters
    ----------
    path : str or path-like
        A standard MIDI file.
    form : {"tokens", "notes", "roll"}, default="tokens"
        "tokens" is one string a change of the notes, for
        :class:`~skrnn.SequenceGenerator`; "roll" an array of zeros and ones, for the same;
        "notes" a table, for pictures and for features of your own.
    steps_per_beat : int, default=12
        Times are rounded to this part of a beat, at least 1. 12 has sixteenths and
        triplets; for a shorter piano roll take 4, or 2 for quavers.
    track : int, default=None
        The track to read, negative numbers count from the last. None reads all.

    Returns
    -------
    piece : list of str
        With ``form="tokens"``. A token is "pitches:beats": the MIDI pitches that sound
        together, joined by "+" from low to high, until the next change. "60:1" is the C
        of one beat, "60+64+67:3/2" a chord, "rest:1/2" a pause; "~60" holds a note that
        has begun before, as in "60:1", "~60+64:1".
    piece : DataFrame
        With ``form="notes"``, one row a note, by onset and pitch: "onset" and "beats",
        float64, and "pitch", int64.
    piece : uint8 ndarray of shape (n_steps, 128)
        With ``form="roll"``, 1 where a pitch sounds. Two notes of one pitch without a
        pause between them become one.

    Raises
    ------
    ImportError
        If mido is absent; ``pip install "skrnn[midi]"`` installs it.
    ValueError
        If the file is not a MIDI file, has no notes or no beats, or ``track`` or another
        parameter is out of range.

    See Also
    --------
    write_midi : Write such a piece.

    Notes
    -----
    Pitch, onset and length are kept; loudness, tempo, instruments, drums (channel 10) and
    pauses at the end are not. A note without an end lasts to the end of its track.

    References
    ----------
    MIDI Manufacturers Association (1996). Standard MIDI files 1.0, RP-001.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import read_midi, write_midi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "tune.mid")
    ...     write_midi(file, ["60:1", "~60+64:1/2", "rest:1/2", "60+64+67:2"])
    ...     tokens, notes = read_midi(file), read_midi(file, form="notes")
    ...     roll = read_midi(file, form="roll", steps_per_beat=2)
    >>> tokens
    ['60:1', '~60+64:1/2', 'rest:1/2', '60+64+67:2']
    >>> notes.iloc[:2].to_dict("records")
    [{'onset': 0.0, 'beats': 1.5, 'pitch': 60}, {'onset': 1.0, 'beats': 0.5, 'pitch': 64}]
    >>> roll.shape, roll[:, 60].tolist()
    ((8, 128), [1, 1, 1, 0, 1, 1, 1, 1])
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {list(FORMS)}, got {form!r}")
    check_scalar(steps_per_beat, "steps_per_beat", Integral, min_val=1)
    mido = import_optional("mido", "read_midi", "midi")
    try:
        file = mido.MidiFile(path, clip=True)
    except (EOFError, OSError, ValueError, IndexError, KeyError) as error:
        if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
            raise
        reason = str(error) or "it ends too early"
        raise ValueError(f"{path} is not a MIDI file: {reason}") from error
    if file.ticks_per_beat <= 0:
        raise ValueError(f"{path} counts time in frames of film, expected beats")
    notes = _notes_of(file, path, track)
    # to the nearest step, halves up, and at least one step a note
    scaled = 2 * notes[:, :2] * steps_per_beat + file.ticks_per_beat
    notes[:, :2] = scaled // (2 * file.ticks_per_beat)
    notes[:, 1] = np.maximum(notes[:, 1], notes[:, 0] + 1)
    notes = np.unique(notes, axis=0)  # voices in unison, sorted by onset
    if form == "notes":
        notes = notes[np.lexsort((notes[:, 2], notes[:, 0]))]
        return pd.DataFrame(
            {
                "onset": notes[:, 0] / steps_per_beat,
                "beats": (notes[:, 1] - notes[:, 0]) / steps_per_beat,
                "pitch": notes[:, 2],
            }
        )
    sounds, begins = _rolls_of(notes)
    return sounds if form == "roll" else _tokens_of(sounds, begins, steps_per_beat)


def write_midi(
    path: Any,
    piece: Any,
    *,
    beats_per_minute: float = 120,
    steps_per_beat: int = 12,
    program: int = 0,
) -> None:
    r"""Write tokens, notes or a piano roll as a MIDI file, which players open.

    Needs mido, which the extra ``skrnn[midi]`` installs.

    Parameters
    ----------
    path : str or path-like
        The file, usually named "\*.mid". It is overwritten.
    piece : list of str, DataFrame or ndarray of shape (n_steps, 128)
        As ``read_midi`` returns it, or as :class:`~skrnn.SequenceGenerator` generates it.
        "~60" where 60 does not sound before begins a note.
    beats_per_minute : float, default=120
        The tempo, 4 to 1000.
    steps_per_beat : int, default=12
        Steps of a piano roll in a beat, at least 1. Tokens and notes are not rounded to
        it.
    program : int, default=0
        The instrument, 0 to 127: 0 is a piano, 19 a church organ, 40 a violin, 73 a flute.

    Raises
    ------
    ImportError
        If mido is absent; ``pip install "skrnn[midi]"`` installs it.
    TypeError
        If the piece has none of the three forms.
    ValueError
        If a token, a note or the shape of the roll is none that ``read_midi`` returns, if
        the piece has no notes, or a parameter is out of range.

    See Also
    --------
    read_midi : Read it again.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skrnn.datasets import write_midi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "tune.mid")
    ...     write_midi(file, ["60:1", "64:1", "67:2"], beats_per_minute=90)
    ...     file.stat().st_size
    63
    """
    check_scalar(beats_per_minute, "beats_per_minute", Real, min_val=4, max_val=1000)
    check_scalar(steps_per_beat, "steps_per_beat", Integral, min_val=1)
    check_scalar(program, "program", Integral, min_val=0, max_val=127)
    notes = _notes_of_piece(piece, steps_per_beat)  # checked before mido is needed
    if not notes:
        content = f"{len(piece)} rests" if len(piece) else "nothing"
        raise ValueError(f"piece holds {content}, expected at least one note")
    mido = import_optional("mido", "write_midi", "midi")
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(beats_per_minute)))
    track.append(mido.Message("program_change", program=int(program)))
    # ends before beginnings, so that a repeated note is struck again
    events = [(start, True, pitch) for start, _, pitch in notes]
    # a note shorter than a tick lasts one, or it would end before it begins
    events += [(max(end, start + 1), False, pitch) for start, end, pitch in notes]
    now = 0
    for tick, begins, pitch in sorted(events):
        kind = "note_on" if begins else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=80, time=tick - now))
        now = tick
    file = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(track)
    file.save(path)


# --- reading -------------------------------------------------------------------------


def _notes_of(file: Any, path: Any, track: int | None) -> NDArray[np.int64]:
    """Return start and end in ticks, and pitch, ``(n_notes, 3)``, of one track or all."""
    tracks = [_notes_of_track(each) for each in file.tracks]
    if track is not None:
        check_scalar(track, "track", Integral)
        if not -len(tracks) <= track < len(tracks):
            raise ValueError(f"track={track}, but {path} has {len(tracks)} tracks")
    notes = list(chain(*tracks)) if track is None else tracks[track]
    if not notes:
        place = path if track is None else f"track {track} of {path}"
        raise ValueError(f"{place} has no notes; its tracks have {[*map(len, tracks)]}")
    return np.array(notes)


def _notes_of_track(track: Any) -> list[tuple[int, int, int]]:
    notes = []
    begun: dict[tuple[int, int], list[int]] = {}  # starts by channel and pitch
    now = 0
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity > 0:
            begun.setdefault(key, []).append(now)
        elif begun.get(key):
            notes.append((begun[key].pop(0), now, message.note))
    notes += [
        (start, now, pitch) for (_, pitch), starts in begun.items() for start in starts
    ]
    return notes


def _rolls_of(notes: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return where pitches sound and where they begin, both ``(n_steps, 128)``."""
    sounds = np.zeros((notes[:, 1].max(), N_PITCHES), np.uint8)
    begins = np.zeros_like(sounds)
    for start, end, pitch in notes:
        sounds[start:end, pitch] = 1
    begins[notes[:, 0], notes[:, 2]] = 1
    return sounds, begins


def _tokens_of(sounds: NDArray, begins: NDArray, steps_per_beat: int) -> list[str]:
    changed = np.any(np.diff(sounds, axis=0, prepend=0) | begins, axis=1)
    starts = np.union1d(0, np.flatnonzero(changed))  # a pause may come first
    tokens = []
    for start, end in pairwise([*starts, len(sounds)]):
        pitches = [
            str(pitch) if begins[start, pitch] else f"~{pitch}"
            for pitch in np.flatnonzero(sounds[start])
        ]
        beats = Fraction(int(end - start), int(steps_per_beat))
        tokens.append(f"{'+'.join(pitches) or 'rest'}:{beats}")
    return tokens


# --- writing -------------------------------------------------------------------------


def _notes_of_piece(piece: Any, steps_per_beat: int) -> list[tuple[int, int, int]]:
    """Return start and end in ticks, and pitch, of each note of any form."""
    if isinstance(piece, pd.DataFrame):
        return _notes_of_table(piece)
    if isinstance(piece, np.ndarray) and piece.dtype.kind in "buif":
        return _notes_of_roll(piece, TICKS_PER_BEAT / steps_per_beat)
    if isinstance(piece, list | tuple | np.ndarray):
        return _notes_of_tokens(list(piece))
    raise TypeError(
        f"piece must be a list of tokens, a DataFrame of notes or a piano roll, got "
        f"{type(piece).__name__}"
    )


def _notes_of_table(table: pd.DataFrame) -> list[tuple[int, int, int]]:
    absent = [name for name in ("onset", "beats", "pitch") if name not in table]
    if absent:
        raise ValueError(f"piece has no column {absent[0]!r}, its notes need one")
    onset, beats, pitch = (table[name] for name in ("onset", "beats", "pitch"))
    valid = (
        (onset >= 0)
        & (beats > 0)
        & np.isfinite(onset + beats)
        & pitch.isin(range(N_PITCHES))
    )
    if not valid.all():
        row = table.loc[~valid, ["onset", "beats", "pitch"]].iloc[0]
        raise ValueError(
            f"piece has the note {row.to_dict()}, expected onset >= 0, beats > 0 and a "
            "pitch from 0 to 127"
        )
    starts = (onset * TICKS_PER_BEAT).round().astype(int)
    ends = ((onset + beats) * TICKS_PER_BEAT).round().astype(int)
    return list(zip(starts, ends, pitch.astype(int), strict=True))


def _notes_of_roll(roll: NDArray, ticks: float) -> list[tuple[int, int, int]]:
    if roll.ndim != 2 or roll.shape[1] != N_PITCHES or not np.isin(roll, (0, 1)).all():
        raise ValueError(
            f"piece has shape {roll.shape}, expected a piano roll (n_steps, {N_PITCHES}) of "
            "zeros and ones"
        )
    edges = np.diff(
        roll.astype(np.int8), axis=0, prepend=0, append=0
    )  # (n_steps + 1, 128)
    pitches, starts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    return [
        (round(start * ticks), round(end * ticks), int(pitch))
        for start, end, pitch in zip(starts, ends, pitches, strict=True)
    ]


def _notes_of_tokens(tokens: list) -> list[tuple[int, int, int]]:
    notes = []
    begun: dict[int, Fraction] = {}
    now = Fraction(0)
    for i, token in enumerate(tokens):
        found = TOKEN.fullmatch(token) if isinstance(token, str) else None
        names = found[1].split("+") if found and found[1] != "rest" else []
        pitches = [int(name.removeprefix("~")) for name in names]
        if not found or not Fraction(found[2]) or max(pitches, default=0) >= N_PITCHES:
            raise ValueError(
                f"piece[{i}] is {token!r}, expected 'pitches:beats' such as '60:1', "
                "'60+64+67:3/2' or 'rest:1/2', with pitches from 0 to 127"
            )
        held = {p for p, name in zip(pitches, names, strict=True) if name[0] == "~"}
        for pitch in [each for each in begun if each not in held]:
            notes.append((begun.pop(pitch), now, pitch))
        for pitch in pitches:
            begun.setdefault(pitch, now)
        now += Fraction(found[2])
    notes += [(start, now, pitch) for pitch, start in begun.items()]
    return [
        (round(start * TICKS_PER_BEAT), round(end * TICKS_PER_BEAT), pitch)
        for start, end, pitch in notes
    ]
