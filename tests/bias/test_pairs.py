"""What is kept for pairing two reports, and that nobody can get a single image out of it."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.bias import Settings, audit_bias, make_column
from attacks.bias.comparison import compare_runs
from attacks.bias.frame import Frame
from attacks.bias.pairs import SECRET_VARIABLE, pair_key, secret_path
from attacks.bias.probes import Sample
from attacks.bias.rates import rate_cells
from clipprobe.runs import RunView, load_run
from tests.bias.conftest import RednessClip

QUICK: dict[str, Any] = {"n_boot": 100, "n_permutations": 199, "workers": 0, "k": 20}
IDS = [f"{i:03d}.png" for i in range(120)]


def framed(key: str) -> Frame:
    column = make_column("perceived_gender", ["man", "woman"] * 60)
    sample = Sample(
        columns=(column,), truth={}, clusters=None, settings=Settings(n_boot=100), pair_key=key
    )
    return sample.framed(np.zeros((120, 1)), column)


def solved(frame: Frame, draws: Any) -> Any:
    """The hits of the 60 women that the resamples of their rate imply: 200 equations."""
    assert frame.pairing is not None
    copies = np.concatenate(list(frame.pairing)).astype(np.float64)[:, frame.labels == 1]
    return np.linalg.lstsq(copies / copies.sum(axis=1, keepdims=True), draws, rcond=None)[0] > 0.5


def test_single_images_can_be_solved_for_with_the_secret_and_not_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, str(tmp_path / "mine"))
    own, note = pair_key(IDS)
    assert len(own) == 64 and not note and pair_key(IDS)[0] == own
    assert pair_key(IDS[1:])[0] != own
    hits = np.random.default_rng(0).random(120) < 0.5
    frame = framed(own)
    cells = rate_cells(frame, hits, probe="p", measure="rate", item="", settings=Settings())
    draws = next(c for c in cells if c.measure == "rate" and c.group == "woman").draws
    assert (solved(frame, draws) == hits[1::2]).all()  # the threat is real
    monkeypatch.setenv(SECRET_VARIABLE, str(tmp_path / "theirs"))
    other, _ = pair_key(IDS)
    right = (solved(framed(other), draws) == hits[1::2]).mean()
    assert other != own and 0.2 < right < 0.8  # no better than a coin


def test_the_secret_is_the_owners_alone_and_no_run_holds_it(
    people: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, str(tmp_path / "state" / "key"))
    folder = people(80)
    run = audit_bias(
        RednessClip(),  # type: ignore[arg-type]
        folder, ["perceived_gender"], out=tmp_path / "run", words=["judge", "pilot"], **QUICK,
    )  # fmt: skip
    assert stat.S_IMODE((tmp_path / "state" / "key").stat().st_mode) == 0o600
    secret = (tmp_path / "state" / "key").read_text(encoding="ascii")
    key, _ = pair_key([f"{i:03d}.png" for i in range(80)])
    for file in run.path.iterdir():
        held = file.read_bytes()
        assert secret.encode() not in held and bytes.fromhex(secret) not in held
        assert key.encode() not in held and bytes.fromhex(key) not in held


def test_the_secret_lies_in_the_state_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_VARIABLE)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert secret_path() == tmp_path / "clipprobe" / "pair-key"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert secret_path() == Path.home() / ".local" / "state" / "clipprobe" / "pair-key"


@pytest.fixture(scope="module")
def two_secrets(
    people: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, RunView]:
    root, folder, patch = tmp_path_factory.mktemp("secrets"), people(80), pytest.MonkeyPatch()
    made = {}
    for name, secret in (("one", "a"), ("two", "b"), ("none", "a/under-a-file")):
        patch.setenv(SECRET_VARIABLE, str(root / secret))
        made[name] = audit_bias(
            RednessClip(),  # type: ignore[arg-type]
            folder, ["perceived_gender"], out=root / name, words=["judge", "pilot"], **QUICK,
        )  # fmt: skip
    patch.undo()
    return made


def test_reports_of_two_secrets_are_compared_as_if_independent(
    two_secrets: dict[str, RunView],
) -> None:
    one, two = two_secrets["one"], two_secrets["two"]
    for file in ("cells.csv", "summary.json", "report.md", "report.html"):  # only draws differ
        assert one.file(file).read_bytes() == two.file(file).read_bytes()
    summary = compare_runs(one, two, out=None, seed=0)
    assert not summary["paired"] and summary["family_size"] == 0
    assert "different pairing keys" in summary["warnings"][0]
    rows = [r for r in summary["differences"] if r["measure"] == "association d"]
    assert rows and all("MOVER" in r["difference"]["method"] for r in rows)


def test_without_a_place_for_the_secret_nothing_is_kept_and_the_report_says_so(
    two_secrets: dict[str, RunView],
) -> None:
    run = load_run(two_secrets["none"].path)
    assert not run.has("draws.safetensors") and run.summary["pairing"] is None
    assert any("cannot be paired" in note for note in run.summary["notes"])
    summary = compare_runs(two_secrets["one"], run, out=None, seed=0)
    assert not summary["paired"] and "keep no resamples" in summary["warnings"][0]
