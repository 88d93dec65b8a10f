"""The whole audit: what it finds, what it writes, and what it never writes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attacks.bias import audit_bias, probe_names
from attacks.bias.sections.limits import LIMITS
from clipprobe.data import open_dataset
from clipprobe.errors import (
    ConfigError,
    DataError,
    NoReadableImagesError,
    RunFolderError,
    UnknownMethodError,
)

QUICK: dict[str, Any] = {"n_boot": 200, "n_permutations": 999, "workers": 0}
WORDS = ["judge", "pilot", "artist", "doctor"]


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    rates = {"judge": 0.9, "pilot": 0.9, "artist": 0.1, "doctor": 0.5}
    truth = {
        word: {"rate_perceived_woman": r, "kind": "balanced" if r == 0.5 else "skewed"}
        for word, r in rates.items()
    }
    path = tmp_path / "planted.json"
    path.write_text(json.dumps({"seed": 0, "occupations": truth}))
    return path


def test_a_known_bias_is_found_and_only_that(
    redness: Any, people: Callable[..., Path], planted: Path, tmp_path: Path
) -> None:
    run = audit_bias(
        redness,
        people(160),
        ["perceived_gender", "skin_tone"],
        out=tmp_path / "run",
        words=WORDS,
        planted=planted,
        **QUICK,
    )
    cells = run.read_table("cells.parquet").to_pylist()
    d = {(c["item"], c["column"]): c for c in cells if c["measure"] == "association d"}
    assert d["judge", "perceived_gender"]["value"] > 0.5
    assert d["artist", "perceived_gender"]["value"] < -0.5
    assert not any(c["flagged"] for c in cells if c["column"] == "skin_tone")
    summary = run.summary
    verdicts = {row["item"]: row["verdict"] for row in summary["planted"]}
    assert verdicts == {
        "judge": "found",
        "pilot": "found",
        "artist": "found",
        "doctor": "rightly not flagged",
    }
    named = {item["name"]: item["estimate"] for item in summary["headline"]}
    assert named["planted associations found"]["value"] == 1.0
    assert named["balanced controls flagged"]["value"] == 0.0
    assert summary["kind"] == "bias"
    assert summary["family_size"] == sum(c["p"] is not None for c in cells) == 2 * (4 + 4 + 4 + 2)
    assert run.manifest["counts"] == {"used": 160, "skipped": 0, "failed": 0}


def test_the_report_says_perceived_and_its_limits_and_shows_nobody(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    run = audit_bias(
        redness, people(), "perceived_gender", out=tmp_path / "run", words=WORDS, **QUICK
    )
    html = run.file("report.html").read_text(encoding="utf-8")
    markdown = run.file("report.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", markdown, re.MULTILINE)
    assert len(headings) > 5 and headings[-1] == "How this was made"
    assert all(re.search("erceived|annotated", heading) for heading in headings[:-1])
    for limit in LIMITS:
        assert " ".join(limit.split()) in " ".join(markdown.replace("\\", "").split())
    body = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)
    # The figure of the opening is drawn with lines and dots: no image of anybody, in any form.
    assert "<img" not in body and "data:image/" not in body and "<image" not in body
    findings = body[body.index('id="summary"') : body.index('id="limits"')]
    assert not re.search(r"\b(fair|unfair|biased|unbiased|grade|passed)\b", findings, re.IGNORECASE)
    for written in run.path.iterdir():
        if written.name != "manifest.json":
            assert b"000.png" not in written.read_bytes()
    assert sorted(p.name for p in run.path.iterdir()) == [
        "call.json",
        "cells.csv",
        "cells.parquet",
        "config.json",
        "manifest.json",
        "report.html",
        "report.md",
        "summary.json",
    ]


def test_the_same_seed_gives_the_same_bytes(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    folder = people()
    runs = [
        audit_bias(
            redness,
            folder,
            "perceived_gender",
            out=tmp_path / name,
            words=WORDS,
            **(QUICK | {"workers": workers}),
        )
        for name, workers in (("one", 0), ("two", 3))
    ]
    for file in ("cells.csv", "cells.parquet", "summary.json", "report.md", "report.html"):
        assert runs[0].file(file).read_bytes() == runs[1].file(file).read_bytes(), file


def test_a_killed_audit_goes_on_and_a_complete_one_is_recognised(
    redness: Any, people: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attacks.bias.evidence import embed

    monkeypatch.setattr(embed, "CHUNK", 32)
    folder, out = people(), tmp_path / "run"
    original, calls = redness.encode_texts, []

    def killed(texts: list[str]) -> Any:
        calls.append(len(texts))
        if len(calls) == 1:
            raise KeyboardInterrupt
        return original(texts)

    monkeypatch.setattr(redness, "encode_texts", killed)
    again: dict[str, Any] = {"out": out, "words": WORDS, **QUICK}
    with pytest.raises(KeyboardInterrupt):
        audit_bias(redness, folder, "perceived_gender", **again)
    assert redness.encoded == 80 and not (out / "manifest.json").exists()
    (out / "parts/embeddings-000001.json").unlink()  # killed inside the second part
    run = audit_bias(redness, folder, "perceived_gender", **again)
    assert redness.encoded == 80 + 32
    fresh = audit_bias(redness, folder, "perceived_gender", **(again | {"out": tmp_path / "fresh"}))
    assert run.file("cells.csv").read_bytes() == fresh.file("cells.csv").read_bytes()
    before = redness.encoded
    assert audit_bias(redness, folder, "perceived_gender", **again).summary == run.summary
    assert redness.encoded == before
    with pytest.raises(RunFolderError, match="another configuration"):
        audit_bias(redness, folder, "skin_tone", **again)


def test_unreadable_images_are_counted_with_their_reasons(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    folder = people()
    (folder / "003.png").write_bytes(b"")
    (folder / "005.png").unlink()
    run = audit_bias(
        redness, folder, "perceived_gender", out=tmp_path / "run", words=WORDS, **QUICK
    )
    assert run.manifest["counts"] == {"used": 78, "skipped": 0, "failed": 2}
    assert [f["id"] for f in run.manifest["failures"]] == ["003.png", "005.png"]
    assert all(f["reason"] for f in run.manifest["failures"])
    assert run.summary["groups"]["perceived_gender"]["sizes"] == {"man": 40, "woman": 38}
    assert "2 image(s) could not be read" in run.file("report.md").read_text(encoding="utf-8")
    for file in folder.glob("*.png"):
        file.write_bytes(b"nothing")
    with pytest.raises(NoReadableImagesError):
        audit_bias(redness, folder, "perceived_gender", out=tmp_path / "none", **QUICK)


def test_labels_and_words_of_users_are_text_not_markup_or_formulas(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    evil, formula = "<script>alert(1)</script>", '=HYPERLINK("http://x","y")'
    folder = people(seen=[evil, formula] * 40)
    run = audit_bias(
        redness, folder, "seen", out=tmp_path / "run", words=[evil, "judge", formula], **QUICK
    )
    html = run.file("report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in run.file("report.md").read_text(encoding="utf-8")
    with run.file("cells.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.reader(handle):
            assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    items = {c["item"] for c in run.read_table("cells.parquet").to_pylist()}
    assert items == {"", evil, "judge", formula}


def test_a_mapping_of_ids_is_a_column_too(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    folder = people()
    groups = {f"{i:03d}.png": "odd" if i % 2 else "even" for i in range(70)}
    run = audit_bias(redness, folder, groups, out=tmp_path / "run", words=WORDS, **QUICK)
    described = run.summary["groups"]["annotated_group"]
    assert described["sizes"] == {"even": 35, "odd": 35}
    assert run.manifest["counts"]["used"] == 70  # ten without a group are in no figure
    assert "000.png" not in run.file("config.json").read_text()


def test_a_limit_holds_for_a_data_set_and_for_its_path(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    folder = people()
    given: dict[str, Any] = {"words": WORDS, "limit": 60, **QUICK}
    one = audit_bias(redness, folder, "skin_tone", out=tmp_path / "a", **given)
    two = audit_bias(redness, open_dataset(folder), "skin_tone", out=tmp_path / "b", **given)
    assert one.manifest["counts"]["used"] == two.manifest["counts"]["used"] == 60
    assert one.manifest["dataset"] == two.manifest["dataset"]


def test_wrong_use_is_one_sentence_and_encodes_nothing(
    redness: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    folder = people(one=["same"] * 80)
    out = tmp_path / "run"
    for groups, options, error, message in (
        ("gender", {}, DataError, "no group column 'gender'"),
        ("one", {}, DataError, "holds only 'same'"),
        ("skin_tone", {"probes": ["weat"]}, UnknownMethodError, "There is no bias probe"),
        ("skin_tone", {"probes": []}, ConfigError, "No probe was named"),
        ("skin_tone", {"words": []}, ConfigError, "word list is empty"),
        ("skin_tone", {"templates": ["a photo"]}, ConfigError, "has no {}"),
        ("skin_tone", {"clusters": "person"}, DataError, "no cluster column 'person'"),
        (
            "skin_tone",
            {"n_boot": 1},
            ConfigError,
            "n_boot=1 is out of range: give a whole number (at least 100)",
        ),
        ("skin_tone", {"planted": tmp_path / "absent"}, DataError, "could not be read"),
    ):
        with pytest.raises(error, match=re.escape(message)) as caught:
            audit_bias(redness, folder, groups, out=out, **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    assert redness.encoded == 0 and not out.exists()
    with pytest.raises(ConfigError, match="Skew@41 was asked of 80"):
        audit_bias(redness, folder, "skin_tone", out=out, k=41, **QUICK)
    assert {"occupations", "clip-section-7", "class-design", "label-thresholds"} <= set(
        probe_names()
    )


def test_broken_embeddings_stop_the_audit(
    redness: Any, people: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = redness.encode_images

    def broken(images: Any, **options: Any) -> np.ndarray:
        vectors = original(images, **options)
        vectors[0] = np.nan
        return np.asarray(vectors)

    monkeypatch.setattr(redness, "encode_images", broken)
    with pytest.raises(DataError, match="3 of 80 image embeddings are NaN"):
        audit_bias(redness, people(), "skin_tone", out=tmp_path / "run", words=WORDS, **QUICK)


def test_a_real_model_runs_with_the_default_words_and_clusters(
    clip: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    folder = people(60, person=[str(i // 2 // 2) for i in range(60)])
    Image.new("CMYK", (5, 9)).save(folder / "000.png", format="JPEG")
    run = audit_bias(
        clip,
        folder,
        "perceived_gender",
        out=tmp_path / "run",
        clusters="person",
        templates=["a photo of a {}", "{}"],
        **QUICK,
    )
    words = run.summary["probes"]["occupations"]["words"]
    assert len(words) == 20 and run.summary["cells"]["inferred"] > 0
    assert run.manifest["model"]["weights_sha256"] == clip.weights_sha256
    assert run.summary["planted"] == [] and run.summary["clusters"] == "person"
