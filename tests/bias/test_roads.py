"""Images, their embeddings, a table of scores and a table of labels give the same numbers."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attacks.bias import audit_bias
from attacks.bias.evidence.answers import FromEmbeddings, FromScores, LabelSet, NotAnswerableError
from attacks.bias.inputs import write_embeddings
from attacks.bias.probes.class_design.answer import TEMPLATES, designs
from attacks.bias.probes.section7.label_sets import DENIGRATION, SECTION_7
from clipprobe.data import open_dataset
from clipprobe.data.decode import decode_image
from clipprobe.errors import DataError

PROBES = ["occupations", "clip-section-7", "class-design", "label-thresholds"]
WORDS = ["judge", "pilot", "artist", "doctor"]
GROUPS = ["perceived_gender", "skin_tone", "perceived_gender x skin_tone"]
QUICK: dict[str, Any] = {"n_boot": 100, "n_permutations": 100, "workers": 0, "groups": GROUPS}
D = 12


class HashClip:
    """Every text has its own direction, every image one made from its colours."""

    id, weights_sha256, d_embed, scale = "hash", "1" * 64, D, 40.0

    def __init__(self) -> None:
        self.preprocess = SimpleNamespace(to_grid=lambda image: image)
        self.mix = np.random.default_rng(7).normal(size=(3, D))

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": self.id, "weights_sha256": self.weights_sha256}}

    def encode_images(self, images: Iterable[Image.Image], *, batch_size: int = 32) -> np.ndarray:
        colours = np.array([np.asarray(i, np.float64).mean(axis=(0, 1)) / 128 - 1 for i in images])
        vectors = np.tanh(4 * colours @ self.mix) + 0.05
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        seeds = [zlib.crc32(text.encode()) for text in texts]
        vectors = np.stack([np.random.default_rng(s).normal(size=D) for s in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def clip() -> HashClip:
    return HashClip()


def label_sets() -> list[LabelSet]:
    return [
        LabelSet(name="words", labels=tuple(WORDS)),
        *SECTION_7,
        *(design.texts for design in designs(TEMPLATES)),
    ]


@pytest.fixture(scope="module")
def roads(clip: HashClip, people: Callable[..., Path], tmp_path_factory: Any) -> dict[str, Any]:
    """The files of each road for one folder of images; ids in another order than the folder's."""
    out = tmp_path_factory.mktemp("roads")
    folder = people(120)
    records = open_dataset(folder).records[::-1]
    vectors = clip.encode_images([decode_image(r.source) for r in records])
    ids = [r.id for r in records]
    evidence = FromEmbeddings(vectors, clip.encode_texts, clip.scale)
    columns = {
        prompt: column
        for one in label_sets()
        for prompt, column in zip(one.prompts, evidence.cosines(one).T, strict=True)
    }
    with (out / "scores.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", *columns])
        for i, one in enumerate(ids):
            writer.writerow([one, *(repr(float(column[i])) for column in columns.values())])
    choices = evidence.choices(DENIGRATION)
    with (out / "labels.csv").open("w", newline="") as handle:
        rows = [[one, DENIGRATION.labels[c]] for one, c in zip(ids, choices, strict=True)]
        csv.writer(handle).writerows([["id", "prediction"], *rows])
    files = {
        e: write_embeddings(out / f"e.{e}", ids, vectors, weights_sha256=clip.weights_sha256)
        for e in ("npz", "safetensors")
    }
    return {"images": folder, "table": folder / "metadata.csv", "out": out, **files}


def test_the_same_audit_by_each_road_gives_the_same_bytes(
    clip: HashClip, roads: dict[str, Any]
) -> None:
    given: dict[str, Any] = {"probes": PROBES, "words": WORDS, "thresholds": [0.2], **QUICK}
    table, out = roads["table"], roads["out"]
    runs = {
        "images": audit_bias(clip, roads["images"], out=out / "a", **given),
        "npz": audit_bias(clip, embeddings=roads["npz"], labels=table, out=out / "b", **given),
        "safetensors": audit_bias(
            clip, embeddings=roads["safetensors"], labels=table, out=out / "c", **given
        ),
        "scores": audit_bias(
            None, predictions=out / "scores.csv", labels=table, scale=clip.scale, out=out / "d",
            **given,
        ),
    }  # fmt: skip
    whole = runs["images"].file("cells.parquet").read_bytes()
    for road, run in runs.items():
        assert run.file("cells.parquet").read_bytes() == whole, road
        assert run.summary["notes"] == runs["images"].summary["notes"]
        assert run.manifest["counts"] == {"used": 120, "skipped": 0, "failed": 0}
    cells = runs["images"].read_table("cells.parquet").to_pylist()
    assert {cell["probe"] for cell in cells} == set(PROBES)
    assert runs["scores"].manifest["model"]["id"] == "predictions in scores.csv"

    said = audit_bias(
        None, predictions=out / "labels.csv", labels=table, out=out / "e", **given
    )  # fmt: skip

    def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        # q and flagged depend on how many tests the report holds.
        return [
            {k: v for k, v in row.items() if k not in ("q", "flagged")}
            for row in rows
            if row["item"].startswith("denigration-21") and "accuracy" not in row["measure"]
        ]

    by_label = said.read_table("cells.parquet").to_pylist()
    theirs = {(c["measure"], c["item"], c["column"], c["group"]): c for c in numbers(cells)}
    ours = numbers(by_label)
    assert len([c for c in ours if c["measure"] != "label rate"]) > 30
    for cell in ours:
        assert cell == theirs[cell["measure"], cell["item"], cell["column"], cell["group"]]
    assert {cell["probe"] for cell in by_label} == {"clip-section-7"}
    notes = " ".join(said.summary["notes"])
    for probe in set(PROBES) - {"clip-section-7"}:
        assert f"The probe {probe} was not asked" in notes


def test_embeddings_of_another_model_and_broken_ones_are_refused(
    clip: HashClip, roads: dict[str, Any], tmp_path: Path
) -> None:
    ids = [f"{i:03d}.png" for i in range(120)]
    vectors = np.ones((120, D), np.float32)
    given: dict[str, Any] = {"labels": roads["table"], "out": tmp_path / "run", **QUICK}
    other = write_embeddings(tmp_path / "o.npz", ids, vectors, weights_sha256="2" * 64)
    with pytest.raises(DataError, match=r"222222222222.*but the model given has 111111111111"):
        audit_bias(clip, embeddings=other, **given)
    vectors[7] = np.nan
    broken = write_embeddings(tmp_path / "n.npz", ids, vectors)
    with pytest.raises(DataError, match="1 of 120 image embeddings are NaN"):
        audit_bias(clip, embeddings=broken, **given)
    wide = write_embeddings(tmp_path / "w.npz", ids, np.ones((120, D + 1), np.float32))
    with pytest.raises(DataError, match="must have one width"):
        audit_bias(clip, embeddings=wide, words=WORDS, **(given | {"out": tmp_path / "w"}))


def test_a_report_without_a_card_is_stamped_and_one_with_a_card_is_not(
    clip: HashClip, roads: dict[str, Any], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"embeddings": roads["npz"], "labels": roads["table"], "words": WORDS}
    given |= QUICK | {"groups": ["skin_tone"]}
    bare = audit_bias(clip, out=tmp_path / "a", **given)
    assert bare.file("report.md").read_text().count("UNDOCUMENTED DATA") == 2
    assert bare.summary["card"].startswith("UNDOCUMENTED DATA")
    card = tmp_path / "card.yaml"
    card.write_text("title: <b>T</b>\nannotation: annotated\nannotators: us\nlicence: ours\n")
    named = audit_bias(clip, out=tmp_path / "b", card=card, **given)
    html = named.file("report.html").read_text()
    assert "UNDOCUMENTED" not in html and "<b>T</b>" not in html and "&lt;b&gt;T" in html


def test_a_column_of_cosines_does_not_depend_on_its_neighbours(clip: HashClip) -> None:
    vectors = np.random.default_rng(0).normal(size=(301, D)).astype(np.float32)
    few = FromEmbeddings(vectors, clip.encode_texts, 1.0)
    many = few.cosines(LabelSet(name="m", labels=tuple(f"word {i}" for i in range(23))))
    one = few.cosines(LabelSet(name="o", labels=("word 17",)))
    assert np.array_equal(one[:, 0], many[:, 17])


def test_a_table_of_scores_answers_what_it_can() -> None:
    columns = {"a photo of a cat": np.array([0.2, 0.3]), "dog": np.array([0.1, 0.4])}
    asked = LabelSet(name="pets", labels=("cat", "dog"))
    table = FromScores(columns, "cosine", 10.0)
    assert table.choices(asked).tolist() == [0, 1]
    p = table.probabilities(asked)
    assert p[0, 0] == pytest.approx(1 / (1 + np.exp(-1.0))) and p.sum() == pytest.approx(2)
    assert np.array_equal(
        FromScores(columns, "logit").probabilities(asked)[:, 0] > 0.5, p[:, 0] > 0.5
    )
    assert FromScores(columns, "probability").probabilities(asked)[1].tolist() == [0.3, 0.4]
    with pytest.raises(NotAnswerableError, match="needs cosines, and the table holds prob"):
        FromScores(columns, "probability").cosines(asked)
    with pytest.raises(NotAnswerableError, match="give it with --scale"):
        FromScores(columns, "cosine").probabilities(asked)
    with pytest.raises(NotAnswerableError, match=r"1 of 3 labels .* 'a photo of an eel'"):
        table.choices(LabelSet(name="more", labels=("cat", "dog", "eel")))
