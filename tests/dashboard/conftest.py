"""A folder of small runs, and the app on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import clipprobe
from attacks.typographic import audit_typographic
from clipprobe.runs import Run
from clipprobe.stimuli import Picture, Scene, render

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")

CONCEPTS = ("apple", "dog", "cat", "car")
HOSTILE = (
    "<script>alert(1)</script> ![x](http://example.invalid/x.png) `:red[a]` www.example.invalid "
    "a@example.invalid :material/home: :smile:"
)
UNIT = "vision.blocks.1.mlp.post:5"


@dataclass(frozen=True)
class Scenery:
    """Paths of what the tests look at."""

    runs: Path
    images: Path
    model: Path


@pytest.fixture(scope="session")
def scenery(tmp_path_factory: pytest.TempPathFactory, checkpoint: Any, clip: Any) -> Scenery:
    """An atlas and an audit of 8 images, one of them with a hostile label; two broken runs."""
    root = tmp_path_factory.mktemp("dashboard")
    images = root / "images"
    images.mkdir()
    rows = ["file_name,label"]
    for concept in CONCEPTS:
        for style in ("noto", "line"):
            scene = Scene(items=(Picture(concept=concept, style=style),), size_px=64)
            render(scene).image.save(images / f"{concept}-{style}.png")
            rows.append(f"{concept}-{style}.png,{concept}")
    (images / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    runs = root / "runs"
    clipprobe.scan(clip, images, out=runs / "demo" / "atlas", top_k=3, workers=0)
    audit_typographic(clip, images, CONCEPTS, out=runs / "demo" / "typographic", workers=0)
    odd = Run.open(runs / "odd", kind=HOSTILE, config={})
    estimate = {"value": None, "low": None, "high": None, "n": 0, "reason": HOSTILE, "method": ""}
    headline = [{"name": HOSTILE, "estimate": estimate, "meaning": HOSTILE}]
    odd.write_json("summary.json", {"kind": HOSTILE, "headline": headline})
    odd.finish(
        counts={"used": 0, "skipped": 0, "failed": 1},
        failures=[{"id": HOSTILE, "reason": "the file is empty"}],
        seed=0,
    )
    Run.open(runs / "half", kind="atlas", config={})
    (runs / "damaged").mkdir()
    (runs / "damaged" / "manifest.json").write_text("{", encoding="utf-8")
    return Scenery(runs, images, checkpoint("clip"))


@pytest.fixture
def app(scenery: Scenery, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """``app("views/unit.py", unit=…)``: the app on a page, with its address's parameters."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("CLIPPROBE_RUNS", str(scenery.runs))
    monkeypatch.setenv("CLIPPROBE_MODEL", str(scenery.model))
    st.cache_data.clear()
    file = Path(__file__).parents[2] / "dashboard" / "app.py"

    def start(view: str | None = None, **params: str) -> Any:
        test = AppTest.from_file(str(file), default_timeout=120)
        if view is not None:
            test.run()
            test.switch_page(view)
        for name, value in params.items():
            test.query_params[name] = value
        test.run()
        assert not test.exception, [item.value for item in test.exception]
        return test

    yield start
    st.cache_data.clear()


@pytest.fixture(scope="session")
def markup() -> Callable[[str], str]:
    """Text as Markdown shows it: the inverse of escaping."""
    import re

    return lambda text: re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace("\u2060", "")


@pytest.fixture(scope="session")
def charts() -> Callable[[Any], list[dict[str, Any]]]:
    """The Plotly figures of a page, as dictionaries, with their alternative texts."""
    import json

    def read(test: Any) -> list[dict[str, Any]]:
        protos = [item.proto for item in test.get("plotly_chart")]
        return [{**json.loads(proto.spec), "alt": proto.alt} for proto in protos]

    return read


@pytest.fixture(scope="session")
def copied(elements: Callable[[Any, str], list[dict[str, Any]]]) -> Callable[..., str]:
    """What a button of the strip copies; empty where the strip has no such button."""

    def text(test: Any, name: str = "Copy as Python") -> str:
        (strip,) = elements(test, "strip")
        found: str = strip["link"] if name == "Copy link" else strip["texts"].get(name, "")
        return found

    return text


@pytest.fixture(scope="session")
def elements() -> Callable[[Any, str], list[dict[str, Any]]]:
    """``elements(test, "gallery")``: what the elements of a kind were given."""
    import json

    def given(test: Any, name: str) -> list[dict[str, Any]]:
        protos = [item.proto for item in test.get("bidi_component")]
        return [json.loads(one.json) for one in protos if one.component_name == f"clipprobe.{name}"]

    return given


@pytest.fixture(scope="session")
def decoded() -> Callable[[Any], Any]:
    """A Plotly array, which may be packed as base64."""
    import base64

    import numpy as np

    def read(values: Any) -> Any:
        if isinstance(values, dict):
            return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
        return np.array(values)

    return read


@pytest.fixture(scope="session")
def decoded_image() -> Callable[[str], Any]:
    """An image that is a ``data:`` address."""
    import base64
    import io

    from PIL import Image

    return lambda address: Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
