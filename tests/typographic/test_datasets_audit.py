"""Audits of attack data sets: twins paired, synthetic twins their own condition, licence shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from attacks.typographic import TypographicAttack, audit_typographic, load_attacks
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError
from clipprobe.runs.tables import read_parquet

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
COLORS = ["#c81e1e", "#1ea01e", "#2828c8", "#beb414", "#9614a0", "#00a0aa"]


def bytes_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def scam(tmp_path: Path) -> Path:
    """Six triplets; the synthetic twin of the first shows nothing, as if it had failed."""
    rows = []
    for i, (name, color) in enumerate(zip(NAMES, COLORS, strict=True)):
        ground, word = Image.new("RGB", (96, 96), color), NAMES[i - 1]
        written = TypographicAttack(word=word, size=0.2)(ground).image
        shown = {"SCAM": written, "NoSCAM": ground, "SynthSCAM": written if i else ground}
        for kind, picture in shown.items():
            rows.append(
                {
                    "type": kind,
                    "id": f"{kind}_img_{i}",
                    "object_label": name,
                    "attack_word": word,
                    "image": {"bytes": bytes_of(picture), "path": None},
                }
            )
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "scam.parquet", row_group_size=4)
    return tmp_path / "scam.parquet"


def test_triplets_are_compared_within_the_triplet(
    toy: Callable[..., Any], scam: Path, tmp_path: Path
) -> None:
    clip = toy(reads=True)
    run = audit_typographic(clip, load_attacks("scam", scam), out=tmp_path / "run", batch_size=4)
    summary = run.summary
    # Equal images are encoded once: the synthetic twins are pixels that were there already.
    assert summary["n"] | {"encoded": 12, "clusters": 6, "images": 18} == summary["n"]
    assert set(clip.seen.values()) == {1} and len(clip.seen) == 12
    rates = summary["conditions"]
    assert rates["clean"]["accuracy"]["all"]["value"] == 1.0
    assert (
        rates["clean"]["pairwise_accuracy"]["all"] | {"value": 1.0, "n": 6}
        == (rates["clean"]["pairwise_accuracy"]["all"])
    )
    for condition, hits in (("attack", 6), ("synth", 5)):
        success = rates[condition]["targeted_success"]
        assert (success["all"]["value"], success["all"]["n"]) == (hits / 6, 6)
        assert success["clean_right"]["n"] == success["not_already_target"]["n"] == 6
        assert success["all"]["method"].startswith("Wilson")
        assert rates[condition]["pairwise_accuracy"]["all"]["value"] == (6 - hits) / 6
    effects = summary["effects"]
    assert effects["effect_over_clean"]["estimate"]["value"] == 1.0
    assert effects["synthetic_effect_over_clean"]["estimate"]["value"] == 5 / 6
    assert effects["photographed_over_synthetic"]["estimate"]["value"] == pytest.approx(1 / 6)
    assert effects["photographed_over_synthetic"]["estimate"]["n"] == 6
    # Twins know the logit of their attack's word: it rises by the whole scale, the label's falls.
    assert summary["margin_shift"]["value"] == pytest.approx(20.0)
    assert summary["source"]["noncommercial"] is True
    assert "CC-BY-NC-4.0" in summary["warnings"][0]
    page = (run.path / "report.md").read_text()
    assert "CC-BY-NC-4.0" in page and "synthetic twin" in page and "not allowed" in page


def test_the_layout_can_be_named(toy: Callable[..., Any], scam: Path, tmp_path: Path) -> None:
    a = audit_typographic(toy(reads=True), scam, layout="scam", out=tmp_path / "a")
    b = audit_typographic(toy(reads=True), scam, layout="auto", out=tmp_path / "b", workers=0)
    assert (a.path / "results.parquet").read_bytes() == (b.path / "results.parquet").read_bytes()
    assert a.summary == b.summary
    with pytest.raises(ConfigError, match="leave name_pattern"):
        audit_typographic(
            toy(reads=True), scam, out=tmp_path / "c", layout="scam", name_pattern="{label}"
        )
    with pytest.raises(DataError, match="holds Parquet files and no images beside them"):
        audit_typographic(toy(reads=True), scam.parent, out=tmp_path / "c")
    (tmp_path / "loose").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "loose" / "a.png")
    with pytest.raises(DataError, match="has a label: put them"):
        audit_typographic(toy(reads=True), tmp_path / "loose", out=tmp_path / "c")


def test_planned_words_are_written_with_their_controls(
    toy: Callable[..., Any], tmp_path: Path
) -> None:
    lines = []
    for i, (name, color) in enumerate(zip(NAMES, COLORS, strict=True)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("RGB", (96, 96), color).save(tmp_path / "pets" / name / f"{name}{i}.png")
        lines.append(f"{name}{i}.png,{NAMES[i - 2]}")
    (tmp_path / "pets" / "random.txt").write_text("\n".join(lines))
    run = audit_typographic(
        toy(reads=True), tmp_path / "pets", NAMES, layout="self-gen", out=tmp_path / "run", size=0.2
    )
    table = read_parquet(run.path / "results.parquet")
    attacked = [row for row in table.to_pylist() if row["condition"] == "attack"]
    assert [(r["label"], r["word"]) for r in attacked] == sorted(
        (name, NAMES[i - 2]) for i, name in enumerate(NAMES)
    )
    headline = {item["name"]: item["estimate"] for item in run.summary["headline"]}
    assert headline["reading_effect"]["value"] == 1.0


def test_left_out_files_are_in_the_manifest(toy: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "rta"
    folder.mkdir()
    for i, (name, color) in enumerate(zip(NAMES, COLORS, strict=True)):
        ground = Image.new("RGB", (96, 96), color)
        picture = TypographicAttack(word=NAMES[i - 1], size=0.2)(ground).image
        picture.save(folder / f"label={name}_text={NAMES[i - 1]}.png")
    (folder / "label=dog_text=dog.png").write_bytes(b"")
    (folder / "label=dog_text=fish_2.png").write_bytes(b"broken")
    run = audit_typographic(toy(reads=True), folder, layout="rta-100", out=tmp_path / "run")
    assert run.manifest["counts"] == {"used": 6, "skipped": 1, "failed": 1}
    assert [f["id"] for f in run.manifest["failures"]] == [
        "label=dog_text=dog.png",
        "label=dog_text=fish_2.png",
    ]
    assert any("1,000 images as published" in text for text in run.summary["warnings"])


def test_the_command_detects_the_layout_and_says_so(
    scam: Path, checkpoint: Callable[[], Path], tmp_path: Path
) -> None:
    arguments = ["audit", "typographic", "--model", str(checkpoint()), "--images", str(scam)]
    runner = CliRunner()
    done = runner.invoke(app, [*arguments, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "read as the layout 'scam'" in done.stderr
    assert "CC-BY-NC-4.0" in done.stdout
    same = runner.invoke(app, [*arguments, "--out", str(tmp_path / "run"), "--layout", "scam"])
    assert same.exit_code == 0 and "read as the layout" not in same.stderr
    plain = runner.invoke(app, [*arguments, "--out", str(tmp_path / "b"), "--layout", "none"])
    assert plain.exit_code == 2 and "None of the 18 images" in plain.output
    wrong = runner.invoke(app, [*arguments, "--out", str(tmp_path / "b"), "--layout", "scan"])
    assert wrong.exit_code == 2 and "did you mean 'scam'" in wrong.output


def test_a_table_without_a_word_is_refused(toy: Callable[..., Any], tmp_path: Path) -> None:
    Image.new("RGB", (96, 96), COLORS[1]).save(tmp_path / "a.png")
    (tmp_path / "table.csv").write_text("image,label,word\na.png,cat,\n")
    audit: dict[str, Any] = {"layout": "table", "out": tmp_path / "run"}
    with pytest.raises(DataError, match="has a word, so there is no attack to measure"):
        audit_typographic(toy(reads=True), tmp_path / "table.csv", NAMES, **audit)
    assert not (tmp_path / "run").exists()
    (tmp_path / "table.csv").write_text("image,label,word\na.png,cat,cat\n")  # its own name only
    run = audit_typographic(toy(reads=True), tmp_path / "table.csv", NAMES, **audit)
    assert run.summary["candidate_sets"]["pairwise"]["attacked_accuracy"]["value"] is None
