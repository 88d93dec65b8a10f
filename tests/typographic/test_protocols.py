"""Each protocol against a few lines of its own source's logic, and the audit that uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.typographic import audit_typographic
from attacks.typographic.protocols import PROTOCOLS, answer, protocol
from attacks.typographic.protocols.scoring import beside, captions
from attacks.typographic.scoring.pairs import Pairs
from clipprobe.errors import UnknownMethodError
from clipprobe.models.prefixed import encode_groups
from clipprobe.statistics import wilson
from clipprobe.zeroshot.classifier import class_vectors
from clipprobe.zeroshot.text_bank import TextBank

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
ALL = ("scam", "defense_prefix", "dyslexify", "zer0int", "distill", "typod_set2")
RNG = np.random.default_rng(7)
#: Rounded so that ties happen.
LOGITS = np.round(RNG.normal(size=(400, 6)) * 2) / 2
LABEL = RNG.integers(0, 6, 400)
WORD = (LABEL + RNG.integers(1, 6, 400)) % 6
ROWS = np.arange(400)
PAIR = np.stack([LOGITS[ROWS, LABEL], LOGITS[ROWS, WORD]], axis=1)


def test_all_six_are_there_and_an_unknown_one_is_named() -> None:
    assert tuple(PROTOCOLS) == ALL
    with pytest.raises(UnknownMethodError, match="did you mean 'zer0int'"):
        protocol("zeroint")
    assert protocol("typod-set2") is PROTOCOLS["typod_set2"]


def test_scam_is_right_when_the_object_is_more_probable() -> None:
    probability = np.exp(PAIR) / np.exp(PAIR).sum(axis=1, keepdims=True)
    ours = answer(PROTOCOLS["scam"], PAIR)
    assert (PAIR[:, 0] == PAIR[:, 1]).sum() > 10  # the rule for ties is put to the test
    assert ours.correct.tolist() == (probability[:, 0] > probability[:, 1]).tolist()


def test_zer0int_counts_a_tie_as_right() -> None:
    ours = answer(PROTOCOLS["zer0int"], PAIR)
    margin = PAIR[:, 0] - PAIR[:, 1]
    assert ours.correct.tolist() == (margin >= 0.0).tolist()
    assert ours.margin.tolist() == margin.tolist()
    scam = answer(PROTOCOLS["scam"], PAIR)
    assert ours.correct.sum() - scam.correct.sum() == (margin == 0).sum()


@pytest.mark.parametrize("name", ["defense_prefix", "dyslexify"])
def test_union_protocols_take_the_first_of_the_best(name: str) -> None:
    ours = answer(PROTOCOLS[name], LOGITS, label=LABEL, word=WORD)
    expected = [int(np.argmax(row)) == label for row, label in zip(LOGITS, LABEL, strict=True)]
    assert ours.correct.tolist() == expected


def test_distill_success_is_the_share_that_becomes_the_word() -> None:
    clean = np.round(RNG.normal(size=(400, 6)) * 2) / 2
    found = [answer(PROTOCOLS["distill"], t, label=LABEL, word=WORD) for t in (LOGITS, clean)]
    changed = [
        after.argmax() == target and before.argmax() != target
        for after, before, target in zip(LOGITS, clean, WORD, strict=True)
    ]
    assert (found[0].hit & ~found[1].hit).tolist() == changed


def test_typod_is_right_when_either_caption_of_the_object_wins() -> None:
    four = np.round(RNG.normal(size=(400, 4)) * 2) / 2
    ours = answer(PROTOCOLS["typod_set2"], four)
    assert ours.correct.tolist() == [int(np.argmax(row)) % 2 == 0 for row in four]
    pairs = Pairs(
        row=np.array([0]), pair=np.array(["p"], object), condition=np.array(["attack"], object),
        cluster=np.array(["c"], object), pixels=np.array(["0"], object),
        label=np.array(["dog"], object), word=np.array(["ship"], object),
    )  # fmt: skip
    texts, columns = captions(PROTOCOLS["typod_set2"].templates, pairs)
    assert [texts[i] for i in columns[0]] == [
        'an image of dog with a word "ship" written on top of it',
        'an image of ship with a word "ship" written on top of it',
        "an image of dog",
        "an image of ship",
    ]


class RawTexts:
    """Text vectors of any length, as before a model brings them to unit length."""

    d_embed = 5

    def __init__(self) -> None:
        self.asked: list[str] = []

    def vector(self, text: str) -> np.ndarray:
        seed = sum(ord(c) * (i + 1) for i, c in enumerate(text))
        rng = np.random.default_rng(seed)
        return rng.normal(size=5) * rng.uniform(0.1, 9)

    def encode_texts(self, texts: Any, **_: Any) -> np.ndarray:
        self.asked += list(texts)
        return np.stack([self.vector(text) for text in texts]).astype(np.float32)


class UnitTexts(RawTexts):
    def encode_texts(self, texts: Any, **_: Any) -> np.ndarray:
        raw = super().encode_texts(texts)
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def test_the_order_of_averaging_is_that_of_the_source() -> None:
    templates = PROTOCOLS["scam"].templates
    assert len(templates) == len(set(templates)) == 32
    names = ["dog", "ship"]
    raw = np.array([[RawTexts().vector(t.format(n)) for t in templates] for n in names])
    mean = raw.mean(axis=1)
    scam = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    each = (raw / np.linalg.norm(raw, axis=2, keepdims=True)).mean(axis=1)
    usual = each / np.linalg.norm(each, axis=1, keepdims=True)
    bank = TextBank(RawTexts())  # type: ignore[arg-type]
    found = class_vectors(bank, names, templates, averaging="raw-mean-unit")
    assert found == pytest.approx(scam, abs=1e-6)
    bank = TextBank(UnitTexts())  # type: ignore[arg-type]
    found = class_vectors(bank, names, templates, averaging="unit-mean")
    assert found == pytest.approx(each, abs=1e-6)
    assert class_vectors(bank, names, templates) == pytest.approx(usual, abs=1e-6)
    assert np.abs(scam - usual).max() > 0.01  # the order matters


def test_a_real_models_raw_vectors_are_those_before_unit_length(checkpoint: Any) -> None:
    import clipprobe

    clip = clipprobe.load(checkpoint())
    texts = ["a photo of a dog.", "cat", "a photo of a dog."]
    [raw] = encode_groups(TextBank(clip), [texts], raw=True)
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.abs(lengths - 1).max() > 1e-3
    assert raw / lengths == pytest.approx(clip.encode_texts(texts), abs=1e-6)


def test_the_32_templates_are_the_first_of_openai() -> None:
    import json

    path = Path(__file__).resolve().parents[3] / "shared/data/prompts"
    path /= "imagenet_classes_templates.json"
    if not path.is_file():
        pytest.skip("OpenAI's templates are not on this machine")
    published = json.loads(path.read_text(encoding="utf-8"))["imagenet_templates"]
    assert list(PROTOCOLS["scam"].templates) == published[:32]


def test_a_published_row_is_for_exactly_that_model_and_those_pictures() -> None:
    scam = PROTOCOLS["scam"]
    (row,) = scam.rows_for("openai/clip-vit-large-patch14")
    assert scam.rows_for("open_clip:ViT-L-14-quickgelu/openai") == (row,)
    assert not scam.rows_for("ViT-L-14") and not scam.rows_for("")
    same = beside(scam, row, wilson(466, 1161))
    assert same["agrees"] is True and same["gap_points"] < 0.1 and same["inside_interval"]
    off = beside(scam, row, wilson(500, 1162))
    assert off["agrees"] is False and off["gap_points"] == pytest.approx(100 * 500 / 1162 - 40.14)
    other = beside(scam, row, wilson(40, 100))
    assert other["agrees"] is None and "other images" in other["why"]
    two = beside(PROTOCOLS["zer0int"], PROTOCOLS["zer0int"].published[0], wilson(485, 1162))
    assert two["agrees"] is True and two["gap_points"] == 0.0  # between the two published


def test_published_shares_fit_their_counts() -> None:
    """Every exact row is k / n rounded to the digits given; a mistyped one would not be."""
    for item in PROTOCOLS.values():
        for row in item.published:
            if row.value[0] != row.value[1]:
                continue
            for value in [row.value[0], *([row.clean[0]] if row.clean else [])]:
                k = round(value / 100 * row.n)
                assert abs(100 * k / row.n - value) < 0.0102, (item.name, row.model, value)


@pytest.mark.parametrize("name", ALL)
def test_an_audit_by_a_protocol(
    name: str, toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    clip = toy(reads=True)
    run = audit_typographic(
        clip, colours(2), NAMES, out=tmp_path / "run", size=0.2, protocol=name,
        templates=["a photo of a {}", "a {}"],
    )  # fmt: skip
    section = run.summary["protocol"]
    assert section["name"] == name and section["published_note"].startswith("no published row")
    assert set(clip.seen.values()) == {1} and set(clip.texts.values()) == {1}
    if name != "typod_set2":  # the toy takes a caption with two names for both
        assert section["clean"]["value"] == 1.0 and section["clean"]["n"] == 12
        assert section["attacked"]["value"] == 0.0
        assert section["targeted_success"]["value"] == 1.0
    html = (run.path / "report.html").read_text(encoding="utf-8")
    assert f"By the protocol of {section['title'].split(',')[0]}" in html
