"""Uploads of the lab are read safely, kept small, and answered as any image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard import state

VIEW = "views/typographic.py"


def test_an_uploaded_picture_and_its_snippet(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied: Any
) -> None:
    picture = Image.radial_gradient("L").resize((90, 60)).convert("RGBA")
    picture.save(tmp_path / "mine.png")
    test = app(VIEW, word="cat")
    test.segmented_control(key="source").set_value("Upload").run()
    assert "No image was uploaded yet" in test.error[0].value
    data = (tmp_path / "mine.png").read_bytes()
    test.file_uploader(key="upload").upload("mine.png", data, "image/png").run()
    assert not test.error and len(test.get("image")) == 4
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    exec(copied(test), space)
    shown = test.dataframe[0].value["attack word"]
    assert np.allclose(shown, space["probabilities"][1], atol=1e-6)


def bad_files() -> dict[str, bytes]:
    """Uploads that cannot be read."""
    jpeg = io.BytesIO()
    Image.effect_noise((64, 64), 40).save(jpeg, "JPEG")
    return {"empty": b"", "text": b"hello", "truncated": jpeg.getvalue()[:200]}


def test_a_very_large_picture_is_refused_before_it_is_decoded(app: Any, markup: Any) -> None:
    data = io.BytesIO()
    Image.new("1", (8000, 4001)).save(data, "PNG")
    test = app(VIEW)
    test.segmented_control(key="source").set_value("Upload").run()
    test.file_uploader(key="upload").upload("a.png", data.getvalue(), "image/png").run()
    assert "more than 32,000,000 pixels" in markup(test.error[0].value)
    assert not test.get("image")


def test_an_upload_is_kept_at_the_models_size(clip: Any) -> None:
    data = io.BytesIO()
    Image.linear_gradient("L").resize((900, 600)).save(data, "PNG")
    seen = state.upload_view(clip, data.getvalue())
    expected = clip.preprocess.to_grid(Image.open(data).convert("RGB"))
    assert seen.size == (clip.image_size, clip.image_size) == expected.size
    assert np.array_equal(np.asarray(seen), np.asarray(expected))


@pytest.mark.parametrize("kind", ["empty", "text", "truncated"])
def test_a_bad_upload_is_one_sentence(app: Any, kind: str) -> None:
    test = app(VIEW)
    test.segmented_control(key="source").set_value("Upload").run()
    test.file_uploader(key="upload").upload("a.png", bad_files()[kind], "image/png").run()
    assert not test.exception
    assert len(test.error) == 1 and "cannot be read" in test.error[0].value
