"""What commands share: data on stdout, words on stderr, files of lines, settings."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from clipprobe.cli import common
from clipprobe.cli.adapter import read_mapping
from clipprobe.errors import ConfigError, DataError


def test_data_to_stdout_words_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    common.say("two\nlines \x1b[31m")
    common.result({"b": math.nan, "a": "ü"}, as_json=True, text="not asked for")
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": "ü", "b": None} and err == "two\nlines \\x1b[31m\n"
    common.result({}, as_json=False, text=lambda: "name\tvalue\n\x07")
    assert capsys.readouterr() == ("name\tvalue\n\\x07\n", "")


def test_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes("\ufeff cat \r\n\r\ndog\n".encode())
    assert common.read_lines(path, "class") == ["cat", "dog"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, r"class file .* could not be read \(No such file"),
        (b"\xff\xfe", "is not UTF-8"),
        (b" \n\n", "is empty"),
        (b"cat\ndog\ncat\n", "says 'cat' twice"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, data: bytes | None, message: str) -> None:
    path = tmp_path / "classes.txt"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        common.read_lines(path, "class")
    with pytest.raises(DataError, match="could not be read"):
        common.read_lines(tmp_path, "class")


def test_settings_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text("seed: 3\nwords: [a, b]\n")
    assert read_mapping(path) == {"seed": 3, "words": ["a", "b"]}
    path.write_text("")
    assert read_mapping(path) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 3", "holds a list"),
        ("a: [", "not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("seed: " + "[" * 3000 + "]" * 3000, "not valid YAML: it is nested too deep"),
        ("seed: " + "7" * 5000, "not valid YAML: it holds a number or a date that cannot"),
        ("seed: 2026-13-45", "not valid YAML: it holds a number or a date that cannot"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="could not be read"):
        read_mapping(tmp_path / "absent.yaml")
