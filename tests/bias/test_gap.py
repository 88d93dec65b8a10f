"""A tiny CLIP with one neuron that carries the gap: it must be found, and nothing else."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clipprobe
from attacks.bias.evidence.answers import LabelSet
from attacks.bias.gap import explain_gap
from attacks.bias.gap.task import gap_task
from attacks.bias.groups.columns import make_column
from attacks.bias.mitigation import clip_clip, mitigate_bias, prompt_projection
from attacks.bias.mitigation.lead import lead_of
from attacks.bias.mitigation.measures import Halves, aligned_change
from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics.halves import permuted, split
from clipprobe.statistics.seeds import generator
from clipprobe.tracing import Score
from clipprobe.tracing.contributions import contributions, means, unit_points
from clipprobe.tracing.removal import encode_without
from tests.planting import PLANTED, one_neuron

WORDS = ("judge", "pilot", "artist", "cook")


def halves_of(column: Any, fit: Any, clusters: Any = None, *, n_boot: int) -> Halves:
    return Halves(column=column, fit=fit, clusters=clusters, n_boot=n_boot, seed=0)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Only neuron 7 of block 1 writes much of what tells images apart."""
    return one_neuron(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty images: one group's are redder."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        red = 70 + 110 * (i % 2)
        pixels = np.clip(rng.normal([red, 128, 128], 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
        tone = ("light", "dark")[int(rng.integers(2))]
        rows.append({"file_name": f"{i:02d}.png", "perceived_gender": "ab"[i % 2], "tone": tone})
    with (folder / "metadata.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_the_planted_neuron_is_ranked_first_and_carries_the_gap(
    planted: Any, people: Path, tmp_path: Path
) -> None:
    run = explain_gap(
        planted, people, "perceived_gender", "judge", "b", out=tmp_path / "gap", words=WORDS,
        n_random=20, n_boot=200,
    )  # fmt: skip
    by_size = {(r["kind"], r["k"]): r for r in run.summary["removals"]}
    one = by_size["neuron", 1]
    assert one["units"] == [PLANTED]
    assert one["removed"]["value"] > 0.8 and one["removed"]["low"] > 0.5
    assert one["random"]["largest"] < 0.5 and one["p"] < 0.06
    assert one["chosen"]
    assert (run.path / "units.csv").read_text().splitlines()[1].split(",")[2] == PLANTED
    page = (run.path / "report.html").read_text()
    assert "Limits of perceived groups" in page and "<img" not in page
    again = explain_gap(
        planted, people, "perceived_gender", "judge", "b", out=tmp_path / "gap2", words=WORDS,
        n_random=20, n_boot=200,
    )  # fmt: skip
    for name in ("summary.json", "units.csv"):
        assert (run.path / name).read_bytes() == (again.path / name).read_bytes()


def test_copies_of_an_image_do_not_narrow_the_gap(planted: Any, tmp_path: Path) -> None:
    """Every drawing is there three times: the interval is that of whole drawings, drawn anew."""
    folder, rng, rows = tmp_path / "copies", np.random.default_rng(1), []
    folder.mkdir()
    for i in range(24):
        pixels = rng.normal([100 + 20 * (i % 2), 128, 128], 40, (32, 32, 3)).clip(0, 255)
        pixels[: 4 + i] //= 2  # drawings differ more than pixels do
        for copy in range(3):
            name = f"{i:02d}-{copy}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
            rows.append({"file_name": name, "gender": "ab"[i % 2], "drawing": f"d{i:02d}"})
    with (folder / "metadata.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run = explain_gap(
        planted, folder, "gender", "judge", "b", out=tmp_path / "gap", words=WORDS,
        clusters="drawing", kinds=["head"], n_random=20, n_boot=400,
    )  # fmt: skip
    labels, drawings = [r["gender"] for r in rows], np.array([int(r["drawing"][1:]) for r in rows])
    texts = LabelSet(name="words", labels=WORDS, templates=run.summary["templates"]).vectors(
        planted.encode_texts, planted
    )
    column = make_column("gender", labels)
    task = gap_task(texts, WORDS, "judge", column, "b", clusters=drawings, seed=0)
    scores = planted.encode_images([folder / r["file_name"] for r in rows]) @ task.score.direction
    sides = [
        np.array([scores[drawings == d].mean() for d in sorted(set(drawings[~task.fit & side]))])
        for side in (np.array(labels) == "b", np.array(labels) == "a")
    ]
    drawn = [rng.choice(one, (4000, len(one))).mean(axis=1) for one in sides]
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    gap = run.summary["gap"]
    assert np.isclose(gap["value"], sides[0].mean() - sides[1].mean(), atol=1e-6)
    assert np.isclose(gap["high"] - gap["low"], high - low, rtol=0.2), (gap, low, high)
    assert "clusters" in gap["method"]
    told = not gap["low"] <= 0 <= gap["high"]
    assert all((r["removed"]["value"] is not None) == told for r in run.summary["removals"])
    assert "nan" not in " ".join(row["meaning"] for row in run.summary["headline"])


def test_a_contribution_is_what_removing_a_weak_unit_changes(planted: Any, people: Path) -> None:
    """To first order: for units that change little, contribution and ablation agree."""
    images = [Image.open(people / f"{i:02d}.png").convert("RGB") for i in range(24)]
    inside = np.arange(24) % 2 == 1
    direction = planted.encode_texts(["judge"])[0].astype(np.float64)
    points = unit_points(planted, "neuron")
    mean = means(planted, images, points, batch_size=8)
    ranked = contributions(
        planted, images, Score(name="gap", direction=direction, inside=inside), "neuron",
        sign=1.0, replacement=mean, batch_size=8,
    )  # fmt: skip
    before = planted.encode_images(images).astype(np.float64) @ direction
    values = dict(zip(ranked.units, ranked.values, strict=True))
    found, expected = [], []
    for unit in [f"vision.blocks.2.mlp.post:{i}" for i in range(0, 64, 4)]:
        after = encode_without(planted, images, [unit], mean, batch_size=8) @ direction
        change = after - before
        expected.append(-(change[inside].mean() - change[~inside].mean()))
        found.append(values[unit])
    assert np.corrcoef(found, expected)[0, 1] > 0.95
    assert np.allclose(found, expected, atol=0.2 * np.abs(expected).max())


def test_no_unit_taken_out_is_the_model_as_it_is(planted: Any, people: Path) -> None:
    images = [Image.open(people / "00.png").convert("RGB")]
    assert np.array_equal(encode_without(planted, images, [], {}), planted.encode_images(images))


def test_halves_keep_clusters_whole_and_groups_even() -> None:
    labels = np.repeat([0, 1], 40)
    clusters = np.repeat(np.arange(20), 4)
    fit = split(clusters, permuted(np.random.default_rng(0)), strata=labels)
    assert all(len(set(fit[clusters == c])) == 1 for c in range(20))
    assert fit[:40].sum() == fit[40:].sum() == 20
    other = split(clusters, permuted(np.random.default_rng(1)), strata=labels)
    assert not np.array_equal(fit, other)


def test_what_cannot_be_explained_is_said(planted: Any, people: Path, tmp_path: Path) -> None:
    def ask(**changed: Any) -> None:
        asked = {"column": "perceived_gender", "word": "judge", "group": "b", **changed}
        explain_gap(planted, people, out=tmp_path / "no", words=WORDS, **asked)

    with pytest.raises(DataError, match=r"'mayor' is not in the list .*--words"):
        ask(word="mayor")
    with pytest.raises(DataError, match="is not a group of 'perceived_gender'"):
        ask(group="c")
    with pytest.raises(ConfigError, match="'dimension' is unknown: known are neuron, head"):
        ask(kinds=["dimension"])
    column = make_column("g", ["a"] * 12 + ["b"] * 12)
    with pytest.raises(DataError, match="each needs 10"):
        gap_task(np.eye(4), WORDS, "judge", column, "b", clusters=None, seed=0)
    column, people = make_column("g", ["a"] * 60 + ["b"] * 60), np.arange(120) // 30
    with pytest.raises(DataError, match=r"only 1 cluster on one side of 'b'.*needs 5"):
        gap_task(np.eye(4), WORDS, "judge", column, "b", clusters=people, seed=0)


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
    planted: Any, people: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "things"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(4):
            Image.open(people / f"{i:02d}.png").save(folder / name / f"{i}.png")
    run = mitigate_bias(
        planted, people, "perceived_gender", others=["tone"], out=tmp_path / "run", words=WORDS,
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
    _the_edits_do_what_was_measured(planted, people, run, methods)
    text = run.file("report.md").read_text(encoding="utf-8")
    assert "Control: 5 random sets" in text and "UNDOCUMENTED DATA" in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)[:-1]
    assert all(re.search("erceived|annotated", heading) for heading in headings)
    with pytest.raises(ConfigError, match="groups of 'perceived_gender'"):
        mitigate_bias(
            planted, people, "perceived_gender", out=tmp_path / "x", words=WORDS,
            group_prompts={"c": "a c"},
        )  # fmt: skip


def test_images_of_a_hidden_group_are_in_no_number_of_a_mitigation(
    planted: Any, people: Path, tmp_path: Path
) -> None:
    """Five of sixty are of a third group: neither 60 nor the scoring half tells how many."""
    labels = tmp_path / "labels.csv"
    rows = [f"{i:02d}.png,{'c' if i >= 55 else 'ab'[i % 2]},p{i // 2}" for i in range(60)]
    labels.write_text("\n".join(["file_name,hue,person", *rows]) + "\n", encoding="utf-8")
    run = mitigate_bias(
        planted, people, "hue", labels=labels, out=tmp_path / "run", words=WORDS,
        methods=["projection"], n_boot=100,
    )  # fmt: skip
    scored = run.summary["methods"][0]["changes"][0]["before"]["n"]
    assert run.summary["n"] == {"pictures": 55, "scored": scored, "failed": 0}
    assert run.manifest["counts"]["used"] == 55
    text = run.file("report.md").read_text(encoding="utf-8")
    assert f"Scored on {scored} of 55 images" in text and "share their 'person' with" in text
    assert not re.search(r"\b60 images|of 60\b", text)


def _the_edits_do_what_was_measured(
    planted: Any, people: Path, run: Any, methods: dict[str, Any]
) -> None:
    """Under the edit of a file the model has the aligned d that the run says of the method."""
    labels = ["ab"[i % 2] for i in range(60)]
    column = make_column("perceived_gender", labels)
    fit = split(np.arange(60), permuted(generator(0, "halves")), strata=column.labels)
    images = sorted(people.glob("*.png"))

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
