"""The matrix of images and texts: every image is in it or named, and a cell leads on."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qs

import pytest
from PIL import Image

from clipprobe.models import Clip

VIEW = "views/similarity.py"


def uploads(*names: str) -> list[tuple[str, bytes, str]]:
    files = []
    for number, name in enumerate(names):
        data = io.BytesIO()
        Image.new("RGB", (8, 8), (9 * number, 90, 0)).save(data, "PNG")
        files.append((name, data.getvalue(), "image/png"))
    return files


def test_every_upload_is_a_row_or_is_named(app: Any, elements: Any, markup: Any) -> None:
    test = app(VIEW)
    field = test.file_uploader(key="similar_uploads")
    field.set_value([*uploads("img.png", "img.png"), ("notes.png", b"hello", "image/png")]).run()
    (table,) = elements(test, "table")
    assert table["rows"] == ["apple", "dog", "guitar", "img.png", "img.png (2)"]
    assert table["images"][3] != table["images"][4]
    assert markup(test.error[0].value).startswith("notes.png: The uploaded file cannot be read")
    field = test.file_uploader(key="similar_uploads")
    field.set_value(uploads(*(f"{i}.png" for i in range(26)))).run()
    (table,) = elements(test, "table")
    assert len(table["rows"]) == 3 + 24
    assert "The first 24 of your 26 images are compared." in markup(test.warning[0].value)


def test_a_cell_leads_to_its_explanation_while_it_is_there(app: Any) -> None:
    test = app(VIEW)
    test.session_state["similar cell"] = ("dog", "a dog")
    test.run()
    (link,) = test.get("page_link")  # within the app: a new tab would have the model of the start
    assert link.proto.page == "explain"
    assert parse_qs(link.proto.query_string) == {"concept": ["dog"], "explained": ["a dog"]}
    test.text_area[0].set_value("a cat\na cow").run()
    assert not test.get("page_link")


def test_texts_are_encoded_once(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = Clip.encode_texts

    def counted(self: Any, texts: Any, *more: Any, **named: Any) -> Any:
        calls.append(len(texts))
        return encode(self, texts, *more, **named)

    monkeypatch.setattr(Clip, "encode_texts", counted)
    for view in ("similarity", "explain"):
        test = app(f"views/{view}.py")
        calls.clear()
        test.run()
        assert calls == [], view
