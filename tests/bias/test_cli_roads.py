"""``clipprobe audit bias`` from tables: no model is loaded, and mistakes are one sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from clipprobe.cli import app

QUICK = ["--n-boot", "100", "--n-permutations", "100"]


def audit(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in ("audit", "bias", *QUICK, *arguments)])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """80 predicted labels; women are called criminal more often; one row has no group."""
    path = tmp_path / "predictions.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "perceived_gender", "prediction"])
        for i in range(80):
            said = "criminal" if i % 8 in (1, 3) else ("man", "woman")[i % 2]
            writer.writerow([f"{i}.jpg", ("man", "woman")[i % 2] if i else "", said])
    return path


def test_a_table_of_labels_is_audited_without_a_model(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPROBE_MODEL", "nothing/at/all")  # would fail if it were loaded
    called = audit(
        "--predictions", table, "--groups", "perceived_gender", "--probe", "clip-section-7",
        "--card", "visogender", "--out", tmp_path / "run", "--json",
    )  # fmt: skip
    assert called.exit_code == 0, called.output
    summary = json.loads(called.stdout)["summary"]
    assert summary["small_cells"]["perceived_gender"]["n_images"] == 79  # one has no gender
    [crime] = summary["headline"][-1:]
    assert crime["name"] == "crime or non-human rate (denigration-21)"
    assert crime["estimate"]["value"] == pytest.approx(20 / 79)
    assert summary["card"]["title"].startswith("VisoGender")
    text = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "a photo of" not in text  # nobody knows the prompts of a table
    assert ".jpg" not in text


def test_wrong_use_of_tables_is_one_sentence(table: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run")
    group = ("--groups", "perceived_gender")
    for arguments, message in (
        ((), "needs --images, --embeddings or --predictions"),
        (("--predictions", table, *group), "needs scores, and the table holds one label each"),
        (("--predictions", table, "--probe", "clip-section-7"), "needs --groups"),
        (("--predictions", table, "--images", tmp_path, *group), "but got images and predictions"),
        (("--predictions", tmp_path / "x.csv", *group), "There is no table"),
        (
            ("--predictions", table, *group, "--threshold", "4"),
            "--threshold 4 is out of range: give a finite",
        ),
        (("--predictions", table, *group, "--card", "nowhere"), "no card 'nowhere'"),
        (
            ("--predictions", table, *group, "--label-format", "coco"),
            "--label-format 'coco' is unknown: known are auto",
        ),
        (
            ("--predictions", table, *group, "--probe", "clip-section-7", "--template", "{}"),
            "have templates of their own",
        ),
    ):
        called = audit(*out, *arguments)
        assert called.exit_code == 2 and message in called.stderr, (message, called.output)
        assert called.stderr.count("\n") == 1 and not (tmp_path / "run").exists()


def test_a_choice_that_nothing_uses_is_refused(table: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text("id,perceived_gender,a photo of a man,a photo of a woman\n", encoding="utf-8")
    asked = ("--predictions", table, "--groups", "perceived_gender", "--probe", "clip-section-7")
    for arguments, message in (
        ((*asked, "--threshold", "0.1"), "A threshold was given, but the probes asked"),
        ((*asked, "--k", "10"), "rank no images"),
        (("--images", tmp_path, "--score-kind", "logit"), "'score_kind' says how to read"),
        (("--images", tmp_path, "--id-column", "x"), "'id_column' says how to read"),
    ):
        called = audit(*arguments, "--out", tmp_path / "run")
        assert called.exit_code == 2 and message in called.stderr, called.output
        assert not (tmp_path / "run").exists()


def test_values_that_no_label_names_are_told_where_accuracy_is_asked_only(tmp_path: Path) -> None:
    path, rng = tmp_path / "t.csv", np.random.default_rng(0)
    rows = ["id,perceived_gender,a photo of a judge,a photo of a cook"]
    for i in range(90):
        one, other = rng.normal(size=2)
        rows.append(f"{i}.jpg,{('woman', 'man', 'nonbinary')[i % 3]},{one:.3f},{other:.3f}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    words = tmp_path / "words.txt"
    words.write_text("judge\ncook\n")
    called = audit(
        "--predictions", path, "--groups", "perceived_gender", "--words", words, "--template",
        "a photo of a {}", "--out", tmp_path / "run",
    )  # fmt: skip
    assert called.exit_code == 0, called.output
    assert "Accuracy on gender" not in called.output
    assert "Accuracy on gender" not in (tmp_path / "run/report.md").read_text("utf-8")


def test_a_headline_is_over_the_column_that_shows_most_images(tmp_path: Path) -> None:
    """Six images of a third gender withhold a whole group, beside a column without small ones."""
    path = tmp_path / "p.csv"
    rows = ["id,perceived_gender,site,prediction"]
    for i in range(146):
        gender = "nonbinary" if i < 6 else ("man", "woman")[i % 2]
        said = gender if i % 4 or i < 6 else "man"
        rows.append(f"{i}.jpg,{gender},{('north', 'south')[i // 2 % 2]},a photo of a "
                    f"white {'man' if said == 'nonbinary' else said}")  # fmt: skip
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    called = audit(
        "--predictions", path, "--groups", "perceived_gender", "--groups", "site", "--probe",
        "clip-section-7", "--out", tmp_path / "run",
    )  # fmt: skip
    assert called.exit_code == 0, called.output
    summary = json.loads((tmp_path / "run/summary.json").read_text("utf-8"))
    [hidden] = summary["groups"]["perceived_gender"]["withheld"]
    said = " ".join(called.stderr.split())
    assert f"By perceived gender '{hidden}' cannot be shown" in said
    assert "images of such small groups are left out of the table" in said
    first = next(row for row in summary["headline"] if row["name"].startswith("gender accuracy"))
    assert first["estimate"]["n"] == 140 and "compared by site" in first["meaning"]


def test_what_a_reader_must_know_of_the_data_is_said(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    rows = ["id,perceived_gender,age,person_id,prediction"]
    for i in range(120):
        gender = ("Woman", "woman", "man", "n/a")[i % 4]
        rows.append(f"{i}.jpg,{gender},{'old' if i < 5 else 'young'},p{i // 2},a photo of a man")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    asked = ("--predictions", path, "--groups", "perceived_gender", "--groups", "age", "--probe",
             "clip-section-7")  # fmt: skip
    called = audit(*asked, "--out", tmp_path / "run")
    assert called.exit_code == 0, called.output
    for message in (
        "Images share their 'person_id' with others, so they are not independent",
        "spells a value in several ways ('Woman', 'woman')",
        "has the value 'n/a', which is taken for a group",
        "By annotated age nothing can be compared: 1 of its 2 groups can be shown",
    ):
        assert message in " ".join(called.stderr.split())
        assert message.split("(")[0] in (tmp_path / "run/report.md").read_text("utf-8").replace(
            "\\", ""
        )
    called = audit(*asked, "--clusters", "person_id", "--out", tmp_path / "clustered")
    assert called.exit_code == 0 and "not independent" not in called.stderr


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("id,gender,gender,prediction\na,x,y,a photo of a man\n", encoding="utf-8")
    called = audit("--predictions", path, "--groups", "gender", "--probe", "clip-section-7")
    assert called.exit_code == 2 and "several columns 'gender'" in called.stderr
