"""The driver itself, on two small studies: one in pieces, one whose value can be loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from pydantic.dataclasses import dataclass

from clipprobe.data import as_dataset
from clipprobe.errors import ClipprobeError, ConfigError, DataError, RunFolderError
from clipprobe.report import Page
from clipprobe.runs import Run, RunView, load_run
from clipprobe.settings import HOW, PRIVATE, Flag
from clipprobe.settings.shared import Images, Output
from clipprobe.study import STUDIES, Outcome, Plan, Study, carry_out, rerun


@dataclass(frozen=True)
class Brightness(Images, Output):
    """How bright images are."""

    panel: ClassVar[str] = "Brightness"
    images: Annotated[Any, Flag(place=True)]
    """A folder."""
    _: KW_ONLY
    out: Annotated[str | Path | None, HOW] = None
    """The run folder to write."""
    power: float = 1.0
    """What brightness is raised to."""
    groups: Annotated[Any, PRIVATE] = None
    """A column, or image -> group."""
    before: Annotated[Callable[[Run], None] | None, HOW, Flag(where="python")] = None
    """Called with the run before it ends."""


def prepare(settings: Brightness, clip: Any) -> Plan[float]:
    data = as_dataset(settings.images, limit=settings.limit)

    def execute(run: Run) -> Outcome[float]:
        for record in data.records:
            name = f"parts/{record.id}.json"
            if not run.has(name):
                run.write_json(name, clip(record))
        if settings.before is not None:
            settings.before(run)
        found = [run.read_json(f"parts/{record.id}.json") for record in data.records]
        mean = float(np.mean(found) ** settings.power)
        return Outcome(
            value=mean,
            files=[("values.csv", {"value": found}), ("note.txt", "light")],
            summary=lambda: {"kind": "brightness", "headline": [], "mean": mean},
            page=lambda run: Page(title=f"{run.read_json('summary.json')['mean']:.3f}"),
            used=len(found),
        )

    config = {"power": settings.power, "dataset": data.describe()}
    return Plan(config=config, execute=execute, dataset=data.describe())


def load(view: RunView) -> float:
    return float(view.summary["mean"])


STUDY = Study(kind="brightness", settings=Brightness, prepare=prepare, load=load)


class Eye:
    """A model that counts what it sees, and loads again by no name."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, record: Any) -> float:
        self.seen += 1
        return float(np.asarray(Image.open(record.source), np.float64).mean())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for i in range(4):
        Image.new("L", (4, 4), 10 * i).save(folder / f"{i}.png")
    return folder


def test_a_value_is_the_same_made_loaded_and_in_memory(images: Path, tmp_path: Path) -> None:
    eye = Eye()
    made = carry_out(STUDY, Brightness(images, out=tmp_path), eye)
    again = carry_out(STUDY, Brightness(images, out=tmp_path), eye)
    memory = carry_out(STUDY, Brightness(images), eye)
    assert made.value == again.value == memory.value == 15.0
    assert eye.seen == 8 and memory.view is None
    assert made.run.manifest["counts"] == {"used": 4, "skipped": 0, "failed": 0}
    assert set(made.run.manifest["files"]) == {
        "config.json", "note.txt", "report.html", "report.md", "summary.json", "values.csv",
    }  # fmt: skip


def test_parts_are_found_again(images: Path, tmp_path: Path) -> None:
    def killed(run: Run) -> None:
        raise KeyboardInterrupt

    eye = Eye()
    with pytest.raises(KeyboardInterrupt):
        carry_out(STUDY, Brightness(images, out=tmp_path, before=killed), eye)
    assert carry_out(STUDY, Brightness(images, out=tmp_path), eye).value == 15.0
    assert eye.seen == 4


def test_an_execution_writes_nothing_but_parts(images: Path, tmp_path: Path) -> None:
    def early(run: Run) -> None:
        run.write_json("summary.json", {})

    with pytest.raises(RuntimeError, match="parts only"):
        carry_out(STUDY, Brightness(images, out=tmp_path, before=early), Eye())


def test_inputs_that_can_never_be_used_leave_nothing(images: Path, tmp_path: Path) -> None:
    def useless(run: Run) -> None:
        raise DataError("Nothing can be made of this.")

    with pytest.raises(DataError):
        carry_out(STUDY, Brightness(images, out=tmp_path / "run", before=useless), Eye())
    assert not (tmp_path / "run").exists()

    def crash(run: Run) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        carry_out(STUDY, Brightness(images, out=tmp_path / "run", before=crash), Eye())
    assert (tmp_path / "run" / "parts" / "0.png.json").exists()


@pytest.fixture
def known() -> Any:
    STUDIES.add("brightness", STUDY)
    yield
    STUDIES._loaded.pop("brightness")


def test_a_call_keeps_paths_and_says_what_it_cannot_keep(
    images: Path, tmp_path: Path, known: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images.parent)
    near = Brightness(images.name, out=tmp_path / "a", limit=3, groups=["gender"])
    view = carry_out(STUDY, near, Eye()).run
    call = view.read_json("call.json")
    given = {one: value for one, value in call["settings"].items() if value not in (None, False)}
    assert given == {"images": str(images), "limit": 3, "power": 1.0, "groups": ["gender"]}
    assert call["give_again"] == ["model"]
    with pytest.raises(ConfigError, match="clip"):
        rerun(view.path, tmp_path / "b")
    monkeypatch.chdir("/")
    again = rerun(view.path, tmp_path / "b", clip=Eye())
    assert again.file("manifest.json").read_bytes() == view.file("manifest.json").read_bytes()
    assert "call.json" not in view.manifest["files"]


def test_nothing_of_a_single_person_is_kept(images: Path, tmp_path: Path, known: Any) -> None:
    people = {"0.png": "woman", "1.png": "man"}
    view = carry_out(STUDY, Brightness(images, out=tmp_path / "a", groups=people), Eye()).run
    text = view.file("call.json").read_text(encoding="utf-8")
    assert "woman" not in text and view.read_json("call.json")["give_again"][0] == "groups"
    with pytest.raises(ConfigError, match="groups"):
        rerun(view.path, tmp_path / "b", clip=Eye())
    rerun(view.path, tmp_path / "b", clip=Eye(), groups=people)


def test_images_in_memory_must_be_given_again(images: Path, tmp_path: Path, known: Any) -> None:
    data = as_dataset(sorted(images.iterdir()))
    view = carry_out(STUDY, Brightness(data, out=tmp_path / "a"), Eye()).run
    with pytest.raises(ConfigError, match=r"no file holds \(images, clip\)"):
        rerun(view.path, tmp_path / "b")
    again = rerun(view.path, tmp_path / "b", clip=Eye(), images=data)
    assert again.file("values.csv").read_bytes() == view.file("values.csv").read_bytes()
    less = as_dataset(sorted(images.iterdir())[:2])
    with pytest.raises(ConfigError, match=r"dataset\.fingerprint was .*, is "):
        rerun(view.path, tmp_path / "c", clip=Eye(), images=less)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "x", "settings": {}}', '{"settings": 1}'])
def test_a_call_that_is_none_is_refused(
    text: str, images: Path, tmp_path: Path, known: Any
) -> None:
    view = carry_out(STUDY, Brightness(images, out=tmp_path / "a"), Eye()).run
    view.file("call.json").write_text(text)
    with pytest.raises(ClipprobeError) as refused:
        rerun(view.path, tmp_path / "b", clip=Eye())
    assert "\n" not in str(refused.value)
    view.file("call.json").unlink()
    assert load_run(view.path).kind == "brightness"  # a run can be shared without it
    with pytest.raises(RunFolderError, match=r"has no call\.json"):
        rerun(view.path, tmp_path / "b", clip=Eye())


def test_the_verb_makes_a_run_again(clip: Any, checkpoint: Any, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    import clipprobe
    from attacks.typographic import audit_typographic
    from clipprobe.cli import app
    from clipprobe.testing import image_folder

    own = clipprobe.load(checkpoint("clip"))
    folder = image_folder(tmp_path / "images", 6)
    made = audit_typographic(own, folder, ["cat", "dog"], out=tmp_path / "a")
    place = str(tmp_path / "b")
    said = CliRunner().invoke(app, ["rerun", str(made.path), "--out", place, "--json"])
    assert said.exit_code == 0 and json.loads(said.stdout)["kind"] == "typographic"
    for name in made.manifest["files"]:
        assert (tmp_path / "b" / name).read_bytes() == made.file(name).read_bytes()
    said = CliRunner().invoke(app, ["rerun", str(folder), "--out", str(tmp_path / "c")])
    assert said.exit_code == 2 and "holds no run" in said.output
