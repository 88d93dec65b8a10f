"""What a user can get wrong on each page is one sentence, and the page stands."""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

UNIT = "vision.blocks.1.mlp.post:5"
#: One word of many scripts, then what scripts do not hold: joined emoji, marks, control signs.
SCRIPTS = (
    "dog собака σκύλος كلب כלב कुत्ता কুকুর நாய் สุนัข ခွေး 狗 いぬ 개 ძაღლი շուն ውሻ ᎩᏟ ᠨᠣᠬᠠᠢ ཁྱི 👩‍👩‍👧 "
    "á̂̃ \u202eevil\u202c \u200b \x07 ﷽ 𝔡𝔬𝔤 \U0001f9a9"
)
#: View -> the address that says it, with SCRIPTS where a text is.
TYPED: dict[str, dict[str, str]] = {
    "units": {"run": "demo/atlas", "find": f'"{SCRIPTS}"'},
    "unit": {"run": "demo/atlas", "unit": UNIT, "part": "Captions", "texts": f"{SCRIPTS}\ndog"},
    "explain": {"explained": SCRIPTS, "against": "猫\nقط", "methods": "gradient_x_input"},
    "similarity": {"similar_texts": f"{SCRIPTS}\n猫\n개"},
    "zeroshot": {"classes": f"{SCRIPTS}\n猫\n개", "rival": "собака", "templates": "фото {}"},
    "typographic": {"classes": f"{SCRIPTS}\napple\n개", "word": "σκύλος"},
}
UPLOADS = {
    "image": "upload",
    "explain": "upload",
    "zeroshot": "upload",
    "typographic": "upload",
    "similarity": "similar_uploads",
    "unit": "own_picture",
}


@pytest.mark.filterwarnings("ignore:.*have more than the .* tokens:UserWarning")
@pytest.mark.parametrize("view", TYPED)
def test_every_script_of_the_world_can_be_typed(
    app: Any, elements: Any, copied: Any, view: str
) -> None:
    test = app(f"views/{view}.py", **TYPED[view])
    assert not test.exception and not test.error, [one.value for one in test.error]
    assert len(elements(test, "strip")) == 1
    if view not in ("units", "unit"):
        compile(copied(test), "snippet", "exec")


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that would be ``side`` x ``side`` pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        mark = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", mark)

    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("view", UPLOADS)
def test_an_upload_that_is_too_large_is_refused_before_it_is_decoded(
    app: Any, markup: Any, view: str
) -> None:
    given = {"run": "demo/atlas", "unit": UNIT, "part": "Where"} if view == "unit" else {}
    test = app(f"views/{view}.py", **given)
    if view == "unit":
        test.segmented_control(key="where_source").set_value("an image of mine").run()
    elif view != "similarity":
        test.segmented_control(key="source").set_value("Upload").run()
    for side in (6_000, 60_000):  # 36 and 3,600 megapixels
        file = ("large.png", bomb(side), "image/png")
        field = test.file_uploader(key=UPLOADS[view])
        field.set_value([file] if view == "similarity" else file).run()
        (error,) = test.error
        assert "cannot be read" in markup(error.value) and "32 megapixels" in markup(error.value)
        assert not test.exception


@pytest.mark.parametrize("view", ["image", "reports", "units", "unit", "overview"])
def test_a_run_that_was_cut_short_is_said_and_not_shown(
    app: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any,
    view: str,
) -> None:  # fmt: skip
    shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / "atlas")
    manifest = tmp_path / "atlas" / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8")[:200], encoding="utf-8")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test = app(f"views/{view}.py", run="atlas", unit=UNIT)
    said = [markup(one.value) for one in (*test.error, *test.warning, *test.info)]
    assert said and not test.exception
    assert any("atlas" in one or "the page Runs" in one for one in said)


def test_a_model_that_is_not_there_leaves_every_page_its_own(app: Any, markup: Any) -> None:
    for view in ("explain", "typographic", "unit"):
        test = app(f"views/{view}.py", model="/no/such/folder")
        assert not test.exception
        said = [markup(one.value) for one in (*test.error, *test.warning)]
        assert any("/no/such/folder" in one for one in said)
        buttons = [one.label for one in test.button]
        assert any(one.startswith("Go on with") or one == "Load it" for one in buttons)
