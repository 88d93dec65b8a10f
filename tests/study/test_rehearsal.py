"""A dry run announces the passes of the real run: what is counted by hooks on the modules."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from study.making import MAKE
from torch import nn

from clipprobe.errors import ClipprobeError, ConfigError, RunFolderError
from clipprobe.study import STUDIES, Workload, carry_out, rehearse
from clipprobe.study.calibration import Pace
from clipprobe.study.rehearsal import is_rehearsed
from clipprobe.testing import image_folder
from clipprobe.testing.cases import contents
from clipprobe.zeroshot import audit_zeroshot

#: Studies whose number of images, or of texts, nobody knows before; each says why.
UNKNOWN = {"captions", "faithfulness", "why"}
#: Batches that divide the 48 images: a last, smaller one is filled up, and hooks would count that.
BATCH = {"words": 5, "atlas": 4}
#: Studies that ask two models alike; the hooks count the texts of the first.
TWO_MODELS = {"bias-against", "limits"}


@contextmanager
def counted(clip: Any) -> Iterator[dict[str, int]]:
    """Rows through the first layer of any vision tower, and through any text projection.

    The hook hangs on no module, so that no run takes it for a change of the model.
    """
    rows, texts = {"images": 0, "texts": 0}, clip.module.text_projection

    def hook(module: nn.Module, given: Any, made: Any) -> None:
        if isinstance(module, nn.Conv2d):
            rows["images"] += len(given[0])
        elif module is texts:
            rows["texts"] += len(given[0])

    handle = torch.nn.modules.module.register_module_forward_hook(hook)
    try:
        yield rows
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 images that can be read."""
    folder = image_folder(tmp_path_factory.mktemp("data") / "images")
    (folder / "broken.png").unlink()
    table = folder / "metadata.csv"
    table.write_text(table.read_text().replace("broken.png,cat,man\n", ""))
    return folder


def settings_of_small(kind: str, images: Path, out: Path | None, **more: Any) -> Any:
    given = {**MAKE[kind].settings(images), **more}
    if kind in BATCH:
        given["batch_size"] = BATCH[kind]
    return STUDIES[kind].settings(**given, out=out)


@pytest.mark.parametrize("kind", sorted(MAKE))
def test_what_is_announced_is_what_is_counted(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    study, settings = STUDIES[kind], settings_of_small(kind, images, tmp_path / "run")
    model = clip if MAKE[kind].passes else None
    rehearsal = rehearse(carry_out, study, settings, model)
    assert not (tmp_path / "run").exists()
    work = rehearsal.workload
    with counted(clip) as rows:
        carry_out(study, settings, model)
    assert work.reason or not (work.at_most or kind in UNKNOWN)
    for what, number in (("images", work.images), ("texts", work.texts)):
        if number is None:
            assert kind in UNKNOWN, what
        elif work.at_most:
            assert rows[what] <= number <= 4 * rows[what] + 200, (what, rows[what], number)
        elif what == "texts" and kind in TWO_MODELS:
            assert 2 * rows[what] == number, what
        else:
            assert rows[what] == number, what
    assert (work.images is None or work.texts is None) == (kind in UNKNOWN)
    again = rehearse(carry_out, study, settings, model)
    assert again.state == "complete" and again.seconds == 0.0 and again.pace is None


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("effects", {"probes": 2}),
        ("effects", {"steps": 2}),
        ("bias-mitigation", {"methods": ["projection", "clip-clip"]}),
    ],
)
def test_settings_that_cost_passes_are_counted(
    kind: str, more: dict[str, Any], clip: Any, images: Path, tmp_path: Path
) -> None:
    settings = settings_of_small(kind, images, tmp_path / "run", **more)
    work = rehearse(carry_out, STUDIES[kind], settings, clip).workload
    with counted(clip) as rows:
        carry_out(STUDIES[kind], settings, clip)
    assert not work.at_most and rows == {"images": work.images, "texts": work.texts}


def test_every_setting_that_refuses_the_run_refuses_the_dry_run(
    clip: Any, images: Path, tmp_path: Path
) -> None:
    study = STUDIES["zeroshot"]
    settings = settings_of_small("zeroshot", images, tmp_path / "run", classes=["tree", "rock"])
    with pytest.raises(ClipprobeError) as said:
        rehearse(carry_out, study, settings, clip)
    with pytest.raises(type(said.value)) as refused:
        carry_out(study, settings, clip)
    assert str(said.value) == str(refused.value)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="other files"):
        rehearse(carry_out, study, replace(settings, classes=None, out=tmp_path / "full"), clip)


def test_states_of_the_folder(clip: Any, images: Path, tmp_path: Path) -> None:
    study, out = STUDIES["zeroshot"], tmp_path / "run"
    settings = settings_of_small("zeroshot", images, out)
    assert rehearse(carry_out, study, settings, clip).state == "new"
    calls: list[int] = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(study, replace(settings, progress=stop), clip)
    before = contents(out)
    found = rehearse(carry_out, study, settings, clip)
    assert found.state == "resumes" and found.parts == len(list(out.glob("parts/[!.]*"))) > 0
    assert f"({found.parts} of its parts are kept)" in found.text()
    assert contents(out) == before
    carry_out(study, settings, clip)
    assert rehearse(carry_out, study, replace(settings, overwrite=True), clip).state == "overwrites"
    with pytest.raises(RunFolderError, match="another configuration"):
        rehearse(carry_out, study, replace(settings, seed=3), clip)
    shutil.rmtree(out)


def test_the_driver_ends_before_it_writes(clip: Any, images: Path, tmp_path: Path) -> None:
    settings = settings_of_small("zeroshot", images, tmp_path / "run")
    rehearsal = rehearse(carry_out, STUDIES["zeroshot"], settings, clip)
    assert rehearsal.workload.images == 48 and not (tmp_path / "run").exists()
    data = rehearsal.to_json()
    assert data["encodings"]["images"] == 48 and data["seconds"] > 0 and data["dry_run"] is True
    assert data["memory_bytes"] > 1e7 and "4 batches of 2 images" in data["measured"]["on"]


def test_a_public_function_is_rehearsed_as_its_verb_is(
    clip: Any, images: Path, tmp_path: Path
) -> None:
    rehearsal = rehearse(audit_zeroshot, clip, images, out=tmp_path / "run")
    assert rehearsal.workload.images == 48 and not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="in a way of its own"):
        rehearse(clip.encode_texts, ["a dog"])
    with pytest.raises(ConfigError, match="seed"):
        rehearse(audit_zeroshot, clip, images, seed="one", out=tmp_path / "run")
    assert not is_rehearsed()


def test_time_grows_with_the_work() -> None:
    pace = Pace(image=0.5, gradient=2.0, text=0.1, memory=1e9, tried="")
    work = Workload(images=10, texts=20, gradients=4)
    assert pace.seconds(work) == 6 * 0.5 + 4 * 2.0 + 20 * 0.1
    assert pace.seconds(work + work) == 2 * pace.seconds(work)
    assert pace.seconds(Workload(images=10)) == 5.0  # texts of unknown number
    assert pace.seconds(Workload(texts=10)) != pace.seconds(Workload(texts=10))  # NaN


def test_what_is_unknown_stays_unknown() -> None:
    assert Workload().reason == "the study does not say it"
    both = Workload(images=1, texts=1) + Workload(reason="nobody knows")
    assert (both.images, both.texts, both.reason) == (None, None, "nobody knows")


def test_a_wrong_setting_costs_no_calibration(clip: Any, images: Path, tmp_path: Path) -> None:
    settings = settings_of_small("few-shot", images, tmp_path / "run", shots=[500])
    with counted(clip) as rows, pytest.raises((ConfigError, ClipprobeError)):
        rehearse(carry_out, STUDIES["few-shot"], settings, clip)
    assert rows == {"images": 0, "texts": 0}
