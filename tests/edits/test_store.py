"""An edit on disk is the edit, and whatever is not one is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edits.parts import NAMES, POST, parts_for
from safetensors.numpy import load_file, save_file

import clipprobe
from clipprobe import Edit, Zero
from clipprobe.edits import CentredClasses, Mask, Projection, TextPrefix, Views, WeightDifference
from clipprobe.errors import ConfigError, UnknownHookPointError
from clipprobe.identity import Identity


@pytest.mark.parametrize("name", NAMES)
def test_a_round_trip_keeps_the_identity(name: str, clip: Any, tmp_path: Path) -> None:
    edit = parts_for(clip)[name][0].named("some edit").fitted_to(clip)
    for place in (tmp_path / "one.safetensors", tmp_path / "folder"):
        saved = edit.save(place)
        assert saved.place == place and saved == edit
        read = clipprobe.load_edit(place)
        assert read == edit and (read.name, read.made_for) == (edit.name, edit.made_for)
        assert str(read) == str(edit)
        assert read.of(clip).identity == edit.of(clip).identity != clip.identity
    assert (tmp_path / "one.safetensors").read_bytes() == edit.to_bytes() == read.to_bytes()


def test_a_whole_number_is_read_back_and_is_the_same_edit(tmp_path: Path) -> None:
    edit = Edit(CentredClasses(1))
    assert edit == Edit(CentredClasses(1.0))
    assert clipprobe.load_edit(edit.save(tmp_path / "edit").place) == edit


def test_each_kind_of_edit_has_an_identity_of_its_own(clip: Any) -> None:
    keys = [edit.of(clip).identity.key for edit, _ in parts_for(clip).values()]
    assert len({clip.identity.key, *keys}) == len(keys) + 1
    one, other = Edit({f"{POST}:3": Zero()}), Edit({f"{POST}:4": Zero()})
    assert one != other and hash(one) == hash(Edit({f"{POST}:3": "zero"}))
    assert (one + other).of(clip).identity == other.of(one.of(clip)).identity
    assert (one + other) != (other + one)
    under = one.of(clip).identity
    assert Identity.read(under.key) == under and Identity.of(one.of(clip)) == under
    assert clip.identity.key == clip.weights_sha256 and clip.weights_sha256 in under.key
    assert under.edits[0][:12] in str(under)
    assert Edit(Projection(np.eye(4))) != Edit(Projection(np.eye(4), "text"))


def test_what_is_not_an_edit_is_refused(clip: Any, tmp_path: Path) -> None:
    def refused(place: Path, words: str) -> None:
        with pytest.raises(ConfigError, match=words) as error:
            clipprobe.edits.load(place)
        assert str(place) in str(error.value)

    refused(tmp_path / "nowhere", "There is no edit")
    refused(tmp_path, "holds no edit")
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3)}, other)
    refused(other, "is not an edit")
    pickled = tmp_path / "weights.bin"
    pickled.write_bytes(b"\x80\x04K\x01.")
    refused(pickled, "damaged or is not one")


def test_a_damaged_edit_is_refused(clip: Any, tmp_path: Path) -> None:
    edit = Edit(Projection(np.random.default_rng(0).normal(size=(clip.d_embed,) * 2)))
    whole = edit.to_bytes()
    file, folder = tmp_path / "cut.safetensors", tmp_path / "folder"
    file.write_bytes(whole[:-10])
    with pytest.raises(ConfigError, match="damaged"):
        clipprobe.load_edit(file)
    changed = bytearray(whole)
    changed[-3] ^= 0x40
    file.write_bytes(bytes(changed))
    with pytest.raises(ConfigError, match="hash that it was saved with"):
        clipprobe.load_edit(file)
    edit.save(folder)
    good = json.loads((folder / "edit.json").read_text())

    def told(words: str, **fields: Any) -> None:
        (folder / "edit.json").write_text(json.dumps(good | fields))
        with pytest.raises(ConfigError, match=words):
            clipprobe.load_edit(folder)

    told("version 2", version=2)
    told("another format", format="x")
    told("0 parts", parts=[])
    told("damaged", parts=[{"kind": "projection"}])
    told("arrays of its part views", parts=[{"kind": "views", "fields": {"views": [
        {"box": [0, 0, 1, 1], "mirrored": m} for m in (False, True)
    ]}, "sha256": clipprobe.edits.part.sha256_of(Views.mirrored())}])  # fmt: skip
    with pytest.raises(clipprobe.errors.UnknownMethodError, match="part of an edit 'spell'"):
        (folder / "edit.json").write_text(
            json.dumps(good | {"parts": [{"kind": "spell", "fields": {}, "sha256": ""}]})
        )
        clipprobe.load_edit(folder)
    (folder / "edit.json").write_text(json.dumps(good))
    arrays = load_file(folder / "edit.safetensors")
    save_file({name: array + 1 for name, array in arrays.items()}, folder / "edit.safetensors")
    with pytest.raises(ConfigError, match="hash"):
        clipprobe.load_edit(folder)


def test_an_edit_of_another_model_is_refused(clip: Any, load_tiny: Any, tmp_path: Path) -> None:
    other = load_tiny("metaclip_2")
    edit = Edit({f"{POST}:3": Zero()}, name="calm").fitted_to(clip)
    with pytest.raises(ConfigError, match=r"The edit calm was made for tiny-clip \(weights \w{12}"):
        edit.of(other)
    with pytest.raises(ConfigError, match="was made for"), edit.on(other):
        raise AssertionError
    assert edit.for_any_model().of(other).identity != other.identity
    with pytest.raises(ConfigError, match="made for different models"):
        edit + Edit({f"{POST}:3": Zero()}).fitted_to(other)


def test_an_edit_of_other_sizes_is_refused(clip: Any) -> None:
    d = clip.d_embed
    for edit, words in (
        (Edit(Projection(np.eye(d + 1))), f"has {d} dimensions"),
        (Edit(TextPrefix(np.ones((1, 7)))), "7 wide"),
        (Edit(Mask(np.ones((3, 3), bool))), "3 rows and 3 columns"),
        (Edit(WeightDifference({"nowhere": [1.0]})), "not there"),
        (Edit(WeightDifference({"logit_scale": [1.0, 2.0]})), "of shape"),
    ):
        with pytest.raises(ConfigError, match=words):
            edit.of(clip)
    with pytest.raises(UnknownHookPointError, match="earest"):
        Edit({"vision.blocks.9.mlp.post:1": Zero()}).of(clip)


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(ConfigError, match="A function was given for vision"):
        Edit({f"{POST}:3": lambda value: value})
    with pytest.raises(ConfigError, match="A str is not a part of an edit"):
        Edit("vision.blocks.1")
    with pytest.raises(ConfigError, match="at least one part"):
        Edit()
    with pytest.raises(ConfigError, match="not finite"):
        Edit(Projection(np.full((2, 2), np.nan)))
    with pytest.raises(ConfigError, match="must be square"):
        Edit(Projection(np.ones((2, 3))))
    with pytest.raises(ConfigError, match="at least two views"):
        Views([])


def test_an_edit_is_frozen(clip: Any) -> None:
    matrix = np.eye(clip.d_embed)
    edit = Edit(Projection(matrix))
    before = edit.sha256
    matrix[0, 0] = 5
    [part] = edit.parts
    with pytest.raises(ValueError, match="read-only"):
        part.matrix[0, 0] = 5  # type: ignore[attr-defined]
    assert edit.sha256 == before
