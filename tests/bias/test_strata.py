"""Comparisons within strata: what a control column explains is not a finding about the groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.groups.strata import check_controls, strata_ids
from attacks.bias.measures.cells import Key
from attacks.bias.measures.draws import generator, permuted_labels
from attacks.bias.measures.rates import rate_cells
from attacks.bias.probe import Sample
from clipprobe.cli import app
from clipprobe.errors import DataError

SETTINGS = Settings(n_boot=200, n_permutations=1500, min_effect=0.0)


def confounded(n: int = 400) -> tuple[list[str], list[str], np.ndarray]:
    """Scores depend on age alone; women are older more often."""
    rng = np.random.default_rng(0)
    gender = np.resize(["man", "woman"], n)
    old = rng.random(n) < np.where(gender == "woman", 0.75, 0.25)
    scores = rng.normal(size=n) + 1.2 * old
    return gender.tolist(), np.where(old, "old", "young").tolist(), scores[:, None]


def test_permuted_labels_keep_every_stratum_as_it_is() -> None:
    rng = np.random.default_rng(1)
    labels, strata = rng.integers(0, 3, 90), rng.integers(0, 4, 90)
    for row in np.concatenate(list(permuted_labels(labels, None, 50, generator(0), strata))):
        for s in range(4):
            assert Counter(row[strata == s].tolist()) == Counter(labels[strata == s].tolist())
    assert (row != labels).any()
    clusters = np.repeat(np.arange(30), 3)
    of_cluster, by_cluster = rng.integers(0, 2, 30), rng.integers(0, 2, 30)
    labels, strata = of_cluster[clusters], by_cluster[clusters]
    for row in np.concatenate(list(permuted_labels(labels, clusters, 20, generator(0), strata))):
        assert all(len(set(row[clusters == c].tolist())) == 1 for c in range(30))
        for s in (0, 1):
            assert row[strata == s].sum() == labels[strata == s].sum()
    with pytest.raises(DataError, match="cluster lies in several strata"):
        list(permuted_labels(labels, clusters, 1, generator(0), rng.integers(0, 2, 90)))


def test_clusters_of_one_group_move_whole_beside_those_that_span_groups() -> None:
    """Cluster 0 spans groups; 1 and 2 lie in several strata, and so keep their label."""
    clusters = np.repeat(np.arange(20), 3)
    labels, strata = (np.arange(20) % 2)[clusters], (np.arange(20) // 10)[clusters]
    labels[0], strata[[3, 6]] = 1, 1
    rows = np.concatenate(list(permuted_labels(labels, clusters, 200, generator(0), strata)))
    assert all((row[3:9] == labels[3:9]).all() for row in rows)
    assert Counter(map(tuple, rows[:, :3].tolist())).keys() == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    later = rows[:, 9:].reshape(200, 17, 3)
    assert (later == later[:, :, :1]).all() and 0.3 < later[:, 0, 0].mean() < 0.7
    assert (later[:, :7, 0].sum(axis=1) == 4).all() and (later[:, 7:, 0].sum(axis=1) == 5).all()
    strata = np.tile([0, 1, 0], 20)
    with pytest.raises(DataError, match="cluster lies in several strata"):
        list(permuted_labels(labels, clusters, 1, generator(0), strata))


def test_what_age_explains_is_not_flagged_within_ages() -> None:
    gender, age, scores = confounded()
    column = make_column("perceived_gender", gender)
    plain = evaluate({"occupations": (["x"], scores)}, [column], settings=SETTINGS)
    within = evaluate(
        {"occupations": (["x"], scores)}, [column], strata=strata_ids([age]), settings=SETTINGS
    )
    before, after = (found.select("association d")[0] for found in (plain, within))
    assert before.value == after.value > 0.3 and before.flagged
    assert after.p > 0.1 and not after.flagged
    assert after.null_mean == pytest.approx(after.value, abs=0.2)  # age makes all of it
    assert "within strata" in after.method
    hits = scores[:, 0] > 1
    for strata, flagged in ((None, True), (strata_ids([age]), False)):
        asked = Sample(columns=(column,), truth={}, clusters=None, settings=SETTINGS, strata=strata)
        cells = rate_cells(asked.subjects("p", column), hits, Key("rate"), "")
        tested = {c.measure: c.p for c in cells if not np.isnan(c.p)}
        assert (tested["rate difference"] < 0.01) == flagged
        assert (tested["rate gap"] < 0.01) == flagged


def test_what_age_does_not_explain_is_still_found() -> None:
    gender, age, scores = confounded()
    scores = scores + 0.8 * (np.array(gender) == "woman")[:, None]
    found = evaluate(
        {"occupations": (["x"], scores)}, [make_column("perceived_gender", gender)],
        strata=strata_ids([age]), settings=SETTINGS,
    )  # fmt: skip
    assert found.select("association d")[0].flagged


def test_controls_that_leave_nothing_are_refused() -> None:
    groups = {"perceived_gender": ["a", "b"] * 10}
    with pytest.raises(DataError, match="control column and a group column at once"):
        check_controls({"perceived_gender": ["a", "b"] * 10}, groups)
    with pytest.raises(DataError, match="nothing is left to compare"):
        check_controls({"source": ["x", "y"] * 10}, groups)
    check_controls({"source": ["x", "x", "y", "y"] * 5}, groups)
    assert strata_ids([]) is None
    assert strata_ids([["a", None, "a"], ["b", "b", "c"]]).tolist() == [1, 0, 2]


def test_controls_and_pictures_from_the_command_line(
    checkpoint: Callable[[str], Path], people: Callable[..., Path], tmp_path: Path
) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("title: t\nannotation: generated\nannotators: nobody\nlicence: CC0 1.0\n")
    config = tmp_path / "audit.yaml"
    config.write_text("controls: skin_tone\ninclude_images: true\nwords: [judge, pilot]\n")
    given = ["audit", "bias", "--model", checkpoint("clip"), "--images", people(), "--groups",
             "perceived_gender", "--n-boot", "100", "--n-permutations", "100"]  # fmt: skip

    def call(*more: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in (*given, *more)])

    called = call("--config", config, "--card", card, "--out", tmp_path / "a")
    assert called.exit_code == 0, called.output
    text = (tmp_path / "a/report.md").read_text(encoding="utf-8")
    assert "permuted only among images that agree in skin\\_tone" in text
    assert "Images of the annotated data set" in text
    cells = (tmp_path / "a/cells.csv").read_text(encoding="utf-8")
    assert "permutations within strata" in cells
    refused = call("--control", "perceived_gender", "--out", tmp_path / "b")
    assert refused.exit_code == 2 and "control column and a group column" in refused.stderr
    refused = call("--control", "nothing", "--out", tmp_path / "c")
    assert refused.exit_code == 2 and "no control column 'nothing'" in refused.stderr
    refused = call("--include-images", "--out", tmp_path / "d")
    assert refused.exit_code == 2 and "licence" in refused.stderr
    config.write_text("include_images: often\n")
    refused = call("--config", config, "--out", tmp_path / "e")
    assert refused.exit_code == 2 and "true or false" in refused.stderr
    assert not (tmp_path / "b").exists() and not (tmp_path / "d").exists()
