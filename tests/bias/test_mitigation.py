"""Mitigations do what their papers say, and a run of them reports effect, cost and side effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clipprobe
from attacks.bias.groups.columns import make_column
from attacks.bias.mitigation import clip_clip, mitigate_bias, prompt_projection
from attacks.bias.mitigation.lead import lead_of
from attacks.bias.mitigation.measures import Halves, aligned_change
from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics.halves import permuted, split
from clipprobe.statistics.seeds import generator
from tests.planting import PLANTED

WORDS = ("judge", "pilot", "artist", "cook")


def halves_of(column: Any, fit: Any, clusters: Any = None, *, n_boot: int) -> Halves:
    return Halves(column=column, fit=fit, clusters=clusters, n_boot=n_boot, seed=0)


def test_projection_follows_the_paper() -> None:
    rng = np.random.default_rng(1)
    biased = rng.normal(size=(2, 8))
    pairs = [(rng.normal(size=8), rng.normal(size=8)) for _ in range(3)]
    texts = rng.normal(size=(5, 8))
    p0 = np.eye(8) - biased.T @ np.linalg.inv(biased @ biased.T) @ biased
    m = sum(np.outer(a - b, a - b) for a, b in pairs) / 3
    expected = texts @ (p0 @ np.linalg.inv(np.eye(8) + 7.0 * m)).T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = prompt_projection(biased, pairs, lam=7.0).texts(texts)
    assert np.allclose(found, expected)
    assert np.allclose(prompt_projection(biased, []).texts(texts) @ biased.T, 0)
    with pytest.raises(DataError, match="nothing of 2 dimensions"):
        prompt_projection(np.eye(2), [])


def test_clip_clip_drops_the_dimension_that_tells() -> None:
    rng = np.random.default_rng(2)
    labels = np.arange(200) % 2
    vectors = rng.normal(size=(200, 5))
    vectors[:, 3] += 3 * labels
    transform = clip_clip(vectors, labels, kept=0.8)
    assert transform.fitted["dropped"] == [3]
    assert np.allclose(np.linalg.norm(transform.images(vectors), axis=1), 1)


def test_aligned_d_is_zero_without_association_and_falls_when_it_is_taken_away() -> None:
    rng = np.random.default_rng(3)
    column = make_column("perceived_gender", list(np.resize(["a", "b"], 400)))
    fit = np.arange(400) % 4 < 2
    noise = rng.normal(size=(400, 6))
    lean = np.outer(column.labels, [2.0, -2.0, 2.0, -2.0, 0, 0])
    change = aligned_change(halves_of(column, fit, n_boot=300), noise + lean, noise)
    assert change.before.low > 0.5 and change.difference.high < -0.3
    assert change.after.low < 0 < change.after.high


def test_few_clusters_give_a_value_without_an_interval() -> None:
    """Two people of each group: on the scoring half one, of whom no resample differs."""
    from attacks.bias.mitigation.separability import separability_change

    rng, people = np.random.default_rng(4), np.arange(400) // 100
    column = make_column("perceived_gender", ["ab"[p // 2] for p in people])
    halves = halves_of(column, people % 2 == 0, people, n_boot=100)
    scores = rng.normal(size=(400, 6)) + column.labels[:, None] * np.arange(6)
    for change in (
        aligned_change(halves, scores, 0.5 * scores),
        separability_change(halves, scores, scores[:, ::-1].copy()),
    ):
        for one in (change.before, change.after, change.difference):
            assert np.isfinite(one.value) and np.isnan(one.low) and np.isnan(one.high)
            assert one.reason.startswith("only 1 cluster of a group")
    lead = lead_of(
        {
            "column": "perceived gender",
            "n": {"pictures": 400, "scored": 200},
            "methods": [{"method": "clip-clip", "changes": [change.to_json()]}],
        }
    )
    assert lead.verdict.endswith("cannot be said: only 1 cluster of a group on the scoring half")
    many = halves_of(column, np.arange(400) % 2 == 0, np.arange(400) // 2 % 20, n_boot=100)
    assert aligned_change(many, scores, scores).before.low > 0


def test_a_mitigation_run_reports_effect_cost_and_side_effect(
    planted: Any, redder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "things"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(4):
            Image.open(redder / f"{i:02d}.png").save(folder / name / f"{i}.png")
    run = mitigate_bias(
        planted, redder, "perceived_gender", others=["tone"], out=tmp_path / "run", words=WORDS,
        utility=folder, n_units=60, n_boot=200,
    )  # fmt: skip
    methods = {one["method"]: one for one in run.summary["methods"]}
    assert set(methods) == {"projection", "clip-clip", "ablation"}
    for one in methods.values():
        about = [(c["measure"], c["about"]) for c in one["changes"]]
        assert about[0] == ("aligned d", "perceived gender")
        assert about[1] == ("aligned d", "annotated tone")
        assert about[2:] == [
            ("linear probe AUC", "perceived gender"),
            ("zero-shot accuracy", "things"),
        ]
        auc = one["changes"][2]
        assert 0.9 < auc["before"]["value"] <= 1  # red tells the groups apart
    assert methods["projection"]["changes"][2]["difference"]["reason"].startswith("this method")
    gone = methods["ablation"]["changes"][0]
    assert len(methods["ablation"]["fitted"]["units"]) == 60
    assert gone["before"]["low"] > 0.2 and gone["difference"]["high"] < -0.1
    assert len(methods["ablation"]["fitted"]["random_sets"]) == 5
    _the_edits_do_what_was_measured(planted, redder, run, methods)
    text = run.file("report.md").read_text(encoding="utf-8")
    assert "Control: 5 random sets" in text and "UNDOCUMENTED DATA" in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)[:-1]
    assert all(re.search("erceived|annotated", heading) for heading in headings)
    with pytest.raises(ConfigError, match="groups of 'perceived_gender'"):
        mitigate_bias(
            planted, redder, "perceived_gender", out=tmp_path / "x", words=WORDS,
            group_prompts={"c": "a c"},
        )  # fmt: skip


def test_images_of_a_hidden_group_are_in_no_number_of_a_mitigation(
    planted: Any, redder: Path, tmp_path: Path
) -> None:
    """Five of sixty are of a third group: neither 60 nor the scoring half tells how many."""
    labels = tmp_path / "labels.csv"
    rows = [f"{i:02d}.png,{'c' if i >= 55 else 'ab'[i % 2]},p{i // 2}" for i in range(60)]
    labels.write_text("\n".join(["file_name,hue,person", *rows]) + "\n", encoding="utf-8")
    run = mitigate_bias(
        planted, redder, "hue", labels=labels, out=tmp_path / "run", words=WORDS,
        methods=["projection"], n_boot=100,
    )  # fmt: skip
    scored = run.summary["methods"][0]["changes"][0]["before"]["n"]
    assert run.summary["n"] == {"pictures": 55, "scored": scored, "failed": 0}
    assert run.manifest["counts"]["used"] == 55
    text = run.file("report.md").read_text(encoding="utf-8")
    assert f"Scored on {scored} of 55 images" in text and "share their 'person' with" in text
    assert not re.search(r"\b60 images|of 60\b", text)


def _the_edits_do_what_was_measured(
    planted: Any, redder: Path, run: Any, methods: dict[str, Any]
) -> None:
    """Under the edit of a file the model has the aligned d that the run says of the method."""
    labels = ["ab"[i % 2] for i in range(60)]
    column = make_column("perceived_gender", labels)
    fit = split(np.arange(60), permuted(generator(0, "halves")), strata=column.labels)
    images = sorted(redder.glob("*.png"))

    def cosines(clip: Any) -> Any:
        texts = clip.encode_texts([f"a photo of {'an' if w[0] in 'aeiou' else 'a'} {w}"
                                   for w in WORDS])  # fmt: skip
        return clip.encode_images(images).astype(np.float64) @ texts.astype(np.float64).T

    before = cosines(planted)
    for one in methods.values():
        assert one["edit"] in run.manifest["files"]
        after = cosines(clipprobe.load_edit(run.file(one["edit"])).of(planted))
        change = aligned_change(halves_of(column, fit, n_boot=200), before, after)
        told = one["changes"][0]
        assert change.before.value == pytest.approx(told["before"]["value"], abs=1e-4)
        assert change.after.value == pytest.approx(told["after"]["value"], abs=1e-4)
        assert abs(change.after.value - change.before.value) > 1e-3


def test_the_ablation_looks_at_every_group_and_chooses_how_many(
    planted: Any, tmp_path: Path
) -> None:
    """Of three groups the first is red and the second green; the last by name lies between."""
    labels, rows, rng = tmp_path / "labels.csv", ["file_name,hue"], np.random.default_rng(0)
    people = tmp_path / "people"
    people.mkdir()
    for i in range(90):
        red = (180, 70, 125)[i % 3]
        pixels = np.clip(rng.normal([red, 128, 128], 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(people / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{'abc'[i % 3]}")
    labels.write_text("\n".join(rows) + "\n", encoding="utf-8")
    asked: dict[str, Any] = {
        "labels": labels, "words": WORDS, "methods": ["ablation"], "n_boot": 100,
    }  # fmt: skip
    run = mitigate_bias(planted, people, "hue", out=tmp_path / "one", n_units=1, **asked)
    [one] = run.summary["methods"]
    assert one["fitted"]["units"] == [PLANTED]
    after = one["changes"][0]["after"]["value"]
    assert after < one["changes"][0]["before"]["value"]
    assert after < min(one["fitted"]["random_sets"])
    [chosen] = mitigate_bias(planted, people, "hue", out=tmp_path / "free", **asked).summary[
        "methods"
    ]
    left = {int(k): v for k, v in chosen["fitted"]["left_on_fitting_half"].items()}
    taken = chosen["fitted"]["n_units"]
    assert taken in left and left[taken] == min(left.values())
    assert chosen["fitted"]["units"][0] == PLANTED


def test_the_probes_auc_is_scikit_learns_and_half_where_nothing_is_told() -> None:
    from sklearn.metrics import roc_auc_score

    from attacks.bias.mitigation.separability import _auc, separability_change

    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    scores = rng.normal(size=(90, 3)).round(1)  # with ties
    scores[np.arange(90), labels] += 0.5
    expected = np.mean([roc_auc_score(labels == g, scores[:, g]) for g in range(3)])
    assert _auc(scores, labels, np.ones((1, 90)))[0] == pytest.approx(expected)
    column = make_column("perceived_gender", ["a", "b"] * 200)
    told = rng.normal(size=(400, 6))
    blind = told.copy()
    told[:, 2] += 2.0 * column.labels
    fit = np.arange(400) % 4 < 2
    found = separability_change(halves_of(column, fit, n_boot=200), told, blind)
    assert found.before.low > 0.85 and found.after.low < 0.5 < found.after.high
    assert found.difference.high < -0.2


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("clustered", [False, True])
def test_a_probe_that_tells_all_groups_apart_is_not_certain(groups: int, clustered: bool) -> None:
    from attacks.bias.mitigation.separability import separability_change
    from clipprobe.statistics import wilson

    rng = np.random.default_rng(1)
    n = 80 * groups
    column = make_column("perceived_gender", [str(i % groups) for i in range(n)])
    clusters = np.arange(n) // (4 * groups) * groups + np.arange(n) % groups if clustered else None
    told = rng.normal(size=(n, 6))
    told[np.arange(n), column.labels] += 30.0
    fit = np.arange(n) % (8 * groups) < 4 * groups
    halves = halves_of(column, fit, clusters, n_boot=100)
    found = separability_change(halves, told, told + 1e-3 * rng.normal(size=told.shape))
    smaller = 10 if clustered else 40  # drawings, or images, of a group on the scoring half
    for one in (found.before, found.after):
        assert one.value == one.high == 1
        assert one.low == pytest.approx(wilson(smaller, smaller).low) and "Wilson" in one.method
    far = 1 - found.before.low
    change = found.difference
    assert (change.value, change.low, change.high) == pytest.approx((0, -far, far))
    assert "MOVER" in change.method
