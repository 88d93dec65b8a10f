"""Notes about units are kept whole, by whoever writes, and a broken file is left alone."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path

import pytest

from clipprobe.errors import ConfigError, DataError, RunFolderError
from clipprobe.identity import Identity
from clipprobe.neurons import notes as module
from clipprobe.neurons.notes import MOST_TEXT, UnitNote, UnitNotes, change_note, read_notes

MODEL, OTHER = Identity("ab" * 32), Identity("ab" * 32, ("cd" * 32,))
UNIT = "vision.blocks.3.mlp.post:17"


def test_what_is_noted_is_read_back_and_belongs_to_its_model(tmp_path: Path) -> None:
    file = tmp_path / "notes" / "units.json"
    assert read_notes(file) == UnitNotes()
    change_note(file, MODEL, UNIT, star=True)
    change_note(file, MODEL, UNIT, add=["dogs", " my  dogs "], text="fires on\nears ")
    change_note(file, OTHER, UNIT, text="=1+1")
    note = UnitNote(star=True, text="fires on\nears", lists=("dogs", "my dogs"))
    notes = read_notes(file)
    assert notes.of(MODEL) == {UNIT: note}
    assert notes.of(OTHER) == {UNIT: UnitNote(text="=1+1")} and not notes.of(Identity(""))
    assert notes.saved(MODEL) == {
        "starred": [UNIT], "with a note": [UNIT], "dogs": [UNIT], "my dogs": [UNIT]
    }  # fmt: skip
    assert UnitNotes.from_json(json.loads(json.dumps(notes.to_json()))) == notes
    rows = list(csv.reader(io.StringIO(notes.to_csv())))
    assert rows[1] == [MODEL.key, UNIT, "1", "dogs; my dogs", "fires on\nears"]
    assert rows[2][-1] == "'=1+1"  # no spreadsheet runs it
    change_note(file, MODEL, UNIT, star=False, remove=["dogs", "my dogs"], text="",
                seen=note.text)  # fmt: skip
    assert list(read_notes(file).models) == [OTHER.key]
    assert [one.name for one in file.parent.iterdir()] == ["units.json"]  # no lock is left


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "units.json"
    failures: list[Exception] = []

    def write(who: int) -> None:
        try:
            for number in range(8):
                unit = f"vision.blocks.{who}.mlp.post:{number}"
                change_note(file, MODEL, unit, text=f"{who} {number}")
                change_note(file, MODEL, UNIT, add=[f"list {who} {number}"])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failures == []
    own = read_notes(file).of(MODEL)
    assert len(own) == 33 and len(own[UNIT].lists) == 32
    assert own["vision.blocks.2.mlp.post:5"].text == "2 5"


def test_both_texts_stay_where_two_changed_one(tmp_path: Path) -> None:
    file = tmp_path / "units.json"
    change_note(file, MODEL, UNIT, text="first")
    change_note(file, MODEL, UNIT, text="hers", seen="first")
    change_note(file, MODEL, UNIT, text="his", seen="first")  # had not seen hers
    assert read_notes(file).of(MODEL)[UNIT].text == "hers\n\nhis"
    change_note(file, MODEL, UNIT, text="mine", seen="hers\n\nhis")
    assert read_notes(file).of(MODEL)[UNIT].text == "mine"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "its format is not clipprobe-notes"),
        ('{"format": "clipprobe-notes", "version": 9, "models": {}}', "its version is 9"),
        ('{"format": "clipprobe-notes", "version": 1, "models": {"a": 3}}', "its models"),
        (
            '{"format": "clipprobe-notes", "version": 1, "models": {"a": {"u:1": {"star": 1}}}}',
            "the note of 'u:1'",
        ),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_file_is_one_sentence_and_stays(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "units.json"
    file.write_text(content)
    with pytest.raises(DataError, match=why):
        read_notes(file)
    with pytest.raises(DataError, match="left as they are"):
        change_note(file, MODEL, UNIT, star=True)
    assert file.read_text() == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    (tmp_path / "units.json").symlink_to(tmp_path / "other")
    with pytest.raises(DataError, match="links are not followed"):
        change_note(tmp_path / "units.json", MODEL, UNIT, star=True)


def test_everything_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "units.json"
    with pytest.raises(ConfigError, match="4,001 characters"):
        change_note(file, MODEL, UNIT, text="x" * (MOST_TEXT + 1))
    for name in ("y" * 61, "starred"):
        with pytest.raises(ConfigError, match="cannot be called"):
            change_note(file, MODEL, UNIT, add=[name])
    with pytest.raises(ConfigError, match="41 were named"):
        change_note(file, MODEL, UNIT, add=[f"l{i}" for i in range(41)])
    assert not file.exists()
    change_note(file, MODEL, UNIT, star=True)
    monkeypatch.setattr(module, "MOST_UNITS", 1)
    with pytest.raises(ConfigError, match="notes of 1 units"):
        change_note(file, MODEL, "vision.blocks.0.mlp.post:1", star=True)
    change_note(file, MODEL, UNIT, text="still")
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(DataError, match="more than 0 MB"):
        read_notes(file)


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("a file")
    with pytest.raises(RunFolderError, match="beside the runs"):
        change_note(tmp_path / "notes" / "units.json", MODEL, UNIT, star=True)
