"""Class names and templates from the forms that users have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.label_text import LabelText
from clipprobe.zeroshot.prompts import TEMPLATES

MARKDOWN = """# Prompts

Some words about `classes = [`.

## Pets

```bash
classes = [
    'cat',
    "owner's dog",
]

templates = [
    'a photo of a {}, a type of pet.',
]
```

## Cars

```bash
classes = [
    'bus',
    'van',
]

templates = [
    'a photo of my {}.',
    'i love my {}!',
]
```
"""


def test_every_form_is_read(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n", encoding="utf-8")
    plain = LabelText.read(tmp_path / "names.txt")
    assert (plain.classes, plain.templates) == (("cat", "dog"), TEMPLATES)

    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "classes.txt").write_text("cat\ndog\n", encoding="utf-8")
    (folder / "templates.txt").write_text("my {}\n", encoding="utf-8")
    assert LabelText.read(folder).templates == ("my {}",)

    data = {"imagenet_classes": ["tench", "crane"], "imagenet_templates": ["a {}."]}
    (tmp_path / "in.json").write_text(json.dumps(data), encoding="utf-8")
    found = LabelText.read(tmp_path / "in.json")
    assert (found.classes, found.templates, found.source) == (
        ("tench", "crane"), ("a {}.",), "in.json",
    )  # fmt: skip

    (tmp_path / "prompts.md").write_text(MARKDOWN, encoding="utf-8")
    pets = LabelText.read(tmp_path / "prompts.md", "Pets")
    assert pets.classes == ("cat", "owner's dog")
    assert pets.templates == ("a photo of a {}, a type of pet.",)
    assert pets.source == "prompts.md, Pets"
    assert len(LabelText.read(tmp_path / "prompts.md", "Cars").templates) == 2


def test_wrong_files_have_their_sentence(tmp_path: Path) -> None:
    (tmp_path / "prompts.md").write_text(MARKDOWN, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"holds 2 data sets and 'Pet' is not one .* Pets"):
        LabelText.read(tmp_path / "prompts.md", "Pet")
    (tmp_path / "broken.md").write_text("## A\nclasses = [\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no list 'classes = \[...\]'"):
        LabelText.read(tmp_path / "broken.md", "A")
    (tmp_path / "a.json").write_text('{"names": []}', encoding="utf-8")
    with pytest.raises(DataError, match="no entry 'classes'"):
        LabelText.read(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"classes": [1, 2]}', encoding="utf-8")
    with pytest.raises(DataError, match="lists of texts"):
        LabelText.read(tmp_path / "b.json")
    with pytest.raises(DataError, match="could not be read"):
        LabelText.read(tmp_path / "none.json")


def test_the_file_of_openai_where_it_is_at_hand() -> None:
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "prompts" / "prompts.md"
    if not path.exists():
        pytest.skip("OpenAI's prompts.md is not beside the repository")
    found = LabelText.read(path, "CIFAR10")
    assert len(found.classes) == 10
    assert len(found.templates) == 18
    assert len(LabelText.read(path, "Kinetics700").classes) == 700
