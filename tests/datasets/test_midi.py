"""MIDI files: every form comes back as it was written, and invalid ones are named."""

from __future__ import annotations

import sys
from fractions import Fraction

import mido
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skrnn import SequenceGenerator
from skrnn.datasets import read_midi, write_midi

TOKENS = ["60:1", "~60+64:1/2", "rest:1/2", "60+64+67:3/2", "67:1/3", "67:2/3"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "piece.mid"


def save(path, *tracks, ticks_per_beat=480, **parameters):
    """Write tracks of (kind, pitch, time, other parameters) by mido alone."""
    file = mido.MidiFile(ticks_per_beat=ticks_per_beat, **parameters)
    for messages in tracks:
        track = mido.MidiTrack()
        for kind, pitch, time, *others in messages:
            extra = others[0] if others else {}
            track.append(mido.Message(kind, note=pitch, time=time, **extra))
        file.tracks.append(track)
    file.save(path)


def test_tokens_come_back(path):
    write_midi(path, TOKENS)
    assert read_midi(path) == TOKENS


def test_a_note_shorter_than_a_tick_ends(path):
    piece = pd.DataFrame({"onset": [0, 0], "beats": [0.001, 8.0], "pitch": [60, 64]})
    write_midi(path, piece)
    notes = read_midi(path, form="notes", steps_per_beat=480)
    beats = notes.set_index("pitch")["beats"]
    assert beats.to_dict() == {60: 1 / 480, 64: 8.0}


def test_notes_of_a_file_by_mido_are_read_as_all_forms(path):
    save(
        path,
        [
            ("note_on", 60, 0),
            ("note_on", 60, 480, {"velocity": 0}),  # ends the note
            ("note_on", 64, 0),
            ("note_off", 64, 240),
        ],
        [("note_on", 48, 240), ("note_off", 48, 480)],
    )
    assert read_midi(path) == ["60:1/2", "48+~60:1/2", "~48+64:1/2"]
    notes = read_midi(path, form="notes")
    assert notes.to_dict("list") == {
        "onset": [0.0, 0.5, 1.0],
        "beats": [1.0, 1.0, 0.5],
        "pitch": [60, 48, 64],
    }
    assert notes.dtypes.astype(str).tolist() == ["float64", "float64", "int64"]
    roll = read_midi(path, form="roll", steps_per_beat=2)
    assert roll.shape == (3, 128)
    assert roll.dtype == np.uint8
    assert np.argwhere(roll).tolist() == [[0, 60], [1, 48], [1, 60], [2, 48], [2, 64]]
    assert read_midi(path, track=1) == read_midi(path, track=-1) == ["rest:1/2", "48:1"]


def slices():
    pitches = st.lists(st.integers(0, 127), max_size=4, unique=True).map(sorted)
    return st.lists(st.tuples(pitches, st.integers(1, 40)), min_size=1, max_size=8)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(slices(), st.randoms(use_true_random=False))
def test_whatever_is_read_comes_back_in_every_form(path, drawn, random):
    tokens, before = [], []
    for pitches, twelfths in drawn:
        names = [
            f"~{p}" if p in before and random.random() < 0.5 else f"{p}" for p in pitches
        ]
        tokens.append(f"{'+'.join(names) or 'rest'}:{Fraction(twelfths, 12)}")
        before = pitches
    if all(not pitches for pitches, _ in drawn):
        return
    write_midi(path, tokens)
    for form in ("tokens", "notes", "roll"):
        piece = read_midi(path, form=form)
        write_midi(path, piece)
        again = read_midi(path, form=form)
        if form == "notes":
            pd.testing.assert_frame_equal(again, piece)
        else:
            assert np.array_equal(again, piece)
        write_midi(path, tokens)
    last = max(i for i, (pitches, _) in enumerate(drawn) if pitches)
    beats = sum(Fraction(token.split(":")[1]) for token in read_midi(path))
    assert beats == Fraction(sum(twelfths for _, twelfths in drawn[: last + 1]), 12)


def test_times_are_rounded_to_the_grid_and_no_note_is_lost(path):
    played = [("note_on", 60, 7), ("note_off", 60, 466), ("note_on", 62, 11)]
    save(
        path, [*played, ("note_off", 62, 3), ("note_on", 64, 480), ("note_off", 64, 480)]
    )
    assert read_midi(path, steps_per_beat=4) == ["60:1", "62:1/4", "rest:3/4", "64:1"]
    assert read_midi(path, steps_per_beat=1, form="roll").shape == (3, 128)


def test_drums_loudness_and_pauses_at_the_end_are_not_read(path):
    save(
        path,
        [
            ("note_on", 36, 0, {"channel": 9}),
            ("note_on", 60, 0, {"velocity": 3}),
            ("note_off", 60, 480),
            ("note_off", 36, 480, {"channel": 9}),
        ],
    )
    assert read_midi(path) == ["60:1"]


def test_a_note_without_an_end_lasts_to_the_end_of_its_track(path):
    save(path, [("note_on", 60, 0), ("note_on", 64, 480), ("note_off", 64, 480)])
    assert read_midi(path) == ["60:1", "~60+64:1"]


def test_unison_of_two_voices_is_one_note(path):
    voice = [("note_on", 60, 0), ("note_off", 60, 480)]
    save(path, voice, voice)
    assert read_midi(path) == ["60:1"]
    assert len(read_midi(path, form="notes")) == 1


def test_the_files_resolution_does_not_matter(path):
    voice = [("note_on", 60, 0), ("note_off", 60, 96)]
    save(path, voice, ticks_per_beat=96)
    assert read_midi(path) == ["60:1"]


def test_a_held_note_that_did_not_begin_begins(path):
    write_midi(path, ["60:1", "~64:1"])
    assert read_midi(path) == ["60:1", "64:1"]


def test_tempo_and_instrument_are_in_the_file(path):
    write_midi(path, ["60:4"], beats_per_minute=60, program=19)
    file = mido.MidiFile(path)
    assert file.length == pytest.approx(4)
    assert [m.program for m in file.tracks[0] if m.type == "program_change"] == [19]


@pytest.mark.parametrize("form", ["tokens", "roll"])
def test_what_a_generator_generates_from_a_form_is_written(form, path):
    write_midi(path, ["60:1", "64:1", "67:2"])
    piece = read_midi(path, form=form, steps_per_beat=1)
    generator = SequenceGenerator(hidden_size=2, max_epochs=1, random_state=0)
    (rest,) = generator.fit([piece] * 2).generate([piece], max_length=5, random_state=0)
    if form == "tokens":
        write_midi(path, piece + rest)
    else:
        write_midi(path, np.concatenate([piece, rest]), steps_per_beat=1)
    again = read_midi(path, form=form, steps_per_beat=1)
    assert np.array_equal(again[: len(piece) - 1], piece[:-1])


# --- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"no music at all", b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0", None],
    ids=["empty", "text", "header", "cut off"],
)
def test_a_file_that_is_no_midi_is_named(content, path):
    write_midi(path, TOKENS)
    path.write_bytes(path.read_bytes()[:40] if content is None else content)
    with pytest.raises(ValueError, match=r"piece\.mid is not a MIDI file: \w+"):
        read_midi(path)


def test_an_absent_file_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"piece\.mid"):
        read_midi(path)


def test_tracks_without_notes_are_named_with_those_that_have_some(path):
    save(path, [], [("note_on", 60, 0), ("note_off", 60, 480)])
    with pytest.raises(ValueError, match=r"track 0 of .*has no notes.*\[0, 1\]"):
        read_midi(path, track=0)
    with pytest.raises(ValueError, match=r"track=2, but .* has 2 tracks"):
        read_midi(path, track=2)
    save(path, [])
    with pytest.raises(ValueError, match=r"piece\.mid has no notes"):
        read_midi(path)


def test_time_in_frames_of_film_is_refused(path):
    write_midi(path, TOKENS)
    content = bytearray(path.read_bytes())
    content[12] = 0xE7  # -25 frames a second
    path.write_bytes(content)
    with pytest.raises(ValueError, match="counts time in frames of film"):
        read_midi(path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"form": "abc"}, "form must be one of .*got 'abc'"),
        ({"steps_per_beat": 0}, "steps_per_beat == 0, must be >= 1"),
    ],
    ids=["form", "steps"],
)
def test_a_parameter_of_read_midi_out_of_range_is_refused(parameters, message, path):
    with pytest.raises(ValueError, match=message):
        read_midi(path, **parameters)


@pytest.mark.parametrize(
    "parameters",
    [{"program": 128}, {"beats_per_minute": 0}, {"steps_per_beat": 0}],
    ids=["program", "tempo", "steps"],
)
def test_a_parameter_of_write_midi_out_of_range_is_refused(parameters, path):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} == "):
        write_midi(path, TOKENS, **parameters)


@pytest.mark.parametrize(
    "token", ["60", "60:0", "60:1/0", "128:1", "c:1", "60+:1", "~rest:1", "", 60]
)
def test_what_is_no_token_is_named(token, path):
    with pytest.raises(ValueError, match=r"piece\[1\] is .*expected 'pitches:beats'"):
        write_midi(path, ["60:1", token])


@pytest.mark.parametrize(
    "roll",
    [np.zeros((4, 88)), np.zeros(128), np.full((4, 128), 0.5)],
    ids=["88 keys", "one step", "a half"],
)
def test_what_is_no_piano_roll_is_refused(roll, path):
    with pytest.raises(ValueError, match=r"expected a piano roll \(n_steps, 128\)"):
        write_midi(path, roll)


def test_what_is_no_note_is_named(path):
    notes = pd.DataFrame({"onset": [0.0, 1.0], "beats": [1.0, 0.0], "pitch": [60, 64]})
    with pytest.raises(ValueError, match=r"the note .*'beats': 0\.0.* expected onset"):
        write_midi(path, notes)
    with pytest.raises(ValueError, match="no column 'pitch'"):
        write_midi(path, notes[["onset", "beats"]])


@pytest.mark.parametrize(
    ("piece", "content"),
    [
        ([], "nothing"),
        (["rest:1", "rest:1/2"], "2 rests"),
        (np.zeros((0, 128)), "nothing"),
        (np.zeros((3, 128), np.uint8), "3 rests"),
        (pd.DataFrame({"onset": [], "beats": [], "pitch": []}), "nothing"),
    ],
    ids=["no token", "rests", "no step", "silence", "no row"],
)
def test_a_piece_without_notes_is_refused(piece, content, path):
    with pytest.raises(
        ValueError, match=f"^piece holds {content}, expected at least one"
    ):
        write_midi(path, piece)
    assert not path.exists()


@pytest.mark.parametrize("column", ["onset", "beats"])
def test_an_infinite_time_is_named(column, path):
    notes = pd.DataFrame({"onset": [0.0], "beats": [1.0], "pitch": [60]})
    notes[column] = np.inf
    with pytest.raises(ValueError, match=rf"the note .*'{column}': inf.* expected onset"):
        write_midi(path, notes)


def test_another_kind_of_piece_is_refused(path):
    with pytest.raises(TypeError, match=r"piece must be a list of tokens.*got str"):
        write_midi(path, "60:1 64:1")


def test_without_mido_the_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    for call in (lambda: read_midi(path), lambda: write_midi(path, TOKENS)):
        with pytest.raises(ImportError, match=r'needs mido; pip install "skrnn\[midi\]"'):
            call()
