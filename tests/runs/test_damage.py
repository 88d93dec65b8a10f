"""Damaged runs: an unfinished one gives the undamaged result, a finished one is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from runs.kinds import KINDS

from clipprobe.errors import RunFolderError
from clipprobe.runs import Run, load_run
from clipprobe.runs.ledger import LEDGER
from clipprobe.testing import image_folder


def typographic(clip: Any, images: Path, out: Path) -> None:
    """In chunks of four images, so that there are several parts of each sort."""
    from attacks.typographic import audit_typographic

    audit_typographic(clip, images, ["cat", "dog"], out=out, batch_size=1)


def scanned(clip: Any, images: Path, out: Path) -> None:
    """With a checkpoint after every batch."""
    import clipprobe

    site = "vision.blocks.0.mlp.post"
    clipprobe.scan(clip, images, sites=site, out=out, batch_size=4, checkpoint_seconds=0)


def swept(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic.sweep import sweep

    sweep(clip, images, ["cat", "dog"], factors={"size": [0.2, 0.3]}, out=out, batch_size=2)


def searched(clip: Any, images: Path, out: Path) -> None:
    from attacks.typographic.search import search_attack

    image, names = images / "00.png", ["cat", "dog", "ship"]
    prompts = [f"a photo of a {name}" for name in names]
    label = names[int(clip.logits([image], prompts)[0].argmax())]
    search_attack(
        clip, image, label, names, out=out, queries=8, batch_size=4, max_area=0.5,
        templates=["a photo of a {}"],
    )  # fmt: skip


def written(clip: Any, images: Path, out: Path) -> None:
    from attacks.bias.written import audit_written

    audit_written(
        clip, images, "gender", ["thief"], out=out, n_boot=100, n_permutations=100, batch_size=1,
        classes=["thief", "person"], size=0.2,
    )  # fmt: skip


#: Kinds that are not in the table of those whose files the page lists, or are but for their parts.
MORE = {
    "atlas": scanned,
    "typographic": typographic,
    "typographic-sweep": swept,
    "typographic-search": searched,
    "bias-written": written,
}


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


class Killed(Exception):
    """Stands for the end of the process."""


def unfinished(make: Callable[[], None]) -> None:
    """Make a run, and stop right before its manifest."""

    def killed(*args: object, **options: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(Run, "finish", killed)
        make()
        raise AssertionError("it never came to the end")


def flip(path: Path, others: list[Path]) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def truncate(path: Path, others: list[Path]) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path, others: list[Path]) -> None:
    path.write_bytes(b"")


def remove(path: Path, others: list[Path]) -> None:
    path.unlink()


def swap(path: Path, others: list[Path]) -> None:
    shutil.copyfile(next(other for other in others if other != path), path)


DAMAGES = (flip, truncate, empty, remove, swap)


@pytest.fixture(scope="module")
def halted(clip: Any, images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same audit finished, and stopped before its end."""
    folder = tmp_path_factory.mktemp("audits")
    typographic(clip, images, folder / "whole")
    unfinished(lambda: typographic(clip, images, folder / "half"))
    return folder / "whole", folder / "half"


@pytest.mark.parametrize("suffix", ["json", "safetensors", "parquet", LEDGER])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_part_is_done_again(
    damage: Callable[[Path, list[Path]], None],
    suffix: str,
    halted: tuple[Path, Path],
    clip: Any,
    images: Path,
    tmp_path: Path,
) -> None:
    whole, half = halted
    shutil.copytree(half, tmp_path / "run")
    parts = tmp_path / "run" / "parts"
    same = sorted(path for path in parts.iterdir() if path.name.endswith(suffix))
    damage(same[0], [*same, *sorted(parts.glob("*.json"))])
    typographic(clip, images, tmp_path / "run")
    assert contents(tmp_path / "run") == contents(whole)


#: Kinds whose run on so few inputs is one piece, with no part to damage.
ONE_PIECE = {"atlas of texts", "captions", "composition", "labels", "mitigation", "similar"}


@pytest.mark.parametrize("kind", sorted({*KINDS, *MORE} - ONE_PIECE))
def test_every_kind_does_damaged_parts_again(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    make, run = {**KINDS, **MORE}[kind], tmp_path / "run"
    make(clip, images, tmp_path / "whole")
    unfinished(lambda: make(clip, images, run))
    parts = [path for path in sorted((run / "parts").iterdir()) if path.name != LEDGER]
    assert parts, "this kind has no parts to damage"
    for number, path in enumerate(parts):
        DAMAGES[number % 3](path, parts)
    make(clip, images, run)
    assert contents(run) == contents(tmp_path / "whole")


def test_parts_of_another_run_are_not_taken(
    halted: tuple[Path, Path], clip: Any, images: Path, tmp_path: Path
) -> None:
    """All of ``parts/``, its ledger included, from a run on other images."""
    other = image_folder(tmp_path / "images")
    (other / "00.png").write_bytes((other / "01.png").read_bytes())
    unfinished(lambda: typographic(clip, other, tmp_path / "other"))
    shutil.copytree(halted[1], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "parts")
    shutil.copytree(tmp_path / "other" / "parts", tmp_path / "run" / "parts")
    typographic(clip, images, tmp_path / "run")
    assert contents(tmp_path / "run") == contents(halted[0])


def test_a_row_without_its_vector_is_an_error(tmp_path: Path) -> None:
    import numpy as np

    from attacks.typographic.rendering.stored import VectorStore

    run = Run.open(tmp_path / "run", kind="typographic", config={})
    names = [f"{i:032x}" for i in range(3)]
    pixels = np.array([list(bytes.fromhex(name)) for name in names], np.uint8)
    run.write_arrays("parts/0.safetensors", {"pixels": pixels, "vectors": np.eye(3)})
    assert [len(rows) for rows, _, _ in VectorStore(run, names)] == [3]
    with pytest.raises(RunFolderError, match=r"2 of 5 rows .* have no stored vector"):
        list(VectorStore(run, [*names, "f" * 32, "f" * 32]))
    assert not list(VectorStore(run, []))


@pytest.mark.parametrize("damage", (flip, truncate, empty, remove))
@pytest.mark.parametrize(
    "name", ["results.parquet", "summary.json", "config.json", "report.html", "manifest.json"]
)
def test_a_damaged_run_is_refused(
    name: str,
    damage: Callable[[Path, list[Path]], None],
    halted: tuple[Path, Path],
    clip: Any,
    images: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(halted[0], tmp_path / "run")
    damage(tmp_path / "run" / name, [])
    with pytest.raises(RunFolderError) as refused:
        load_run(tmp_path / "run")
    assert "\n" not in str(refused.value)
    if (name, damage) == ("manifest.json", remove):  # as if it had been killed before its end
        typographic(clip, images, tmp_path / "run")
        assert contents(tmp_path / "run") == contents(halted[0])
    else:
        with pytest.raises(RunFolderError):
            typographic(clip, images, tmp_path / "run")


def test_an_edited_summary_meets_no_threshold(
    halted: tuple[Path, Path], clip: Any, images: Path, tmp_path: Path
) -> None:
    from attacks.typographic import audit_typographic

    shutil.copytree(halted[0], tmp_path / "run")
    text = (tmp_path / "run" / "summary.json").read_text(encoding="utf-8")
    (tmp_path / "run" / "summary.json").write_text(text.replace('"low": 0', '"low": 1'))
    with pytest.raises(RunFolderError, match=r"damaged \(summary.json has other content\)"):
        audit_typographic(
            clip, images, ["cat", "dog"], out=tmp_path / "run", batch_size=1,
            fail_under={"attacked_accuracy": 0.9},
        )  # fmt: skip


def test_links_inside_a_run_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with Run.open(tmp_path / "run", kind="k", config={}) as run:
        run.write_table("parts/0.parquet", {"x": [1]})
    shutil.move(tmp_path / "run" / "parts", tmp_path / "outside" / "parts")
    (tmp_path / "run" / "parts").symlink_to(tmp_path / "outside" / "parts")
    with pytest.raises(RunFolderError, match="links inside a run folder are not followed"):
        Run.open(tmp_path / "run", kind="k", config={})
    with Run.open(tmp_path / "run", kind="k", config={}, overwrite=True) as run:
        run.write_json("summary.json", {"headline": []})
        run.finish(counts={}, seed=0)
    assert sorted(contents(tmp_path / "outside")) == ["parts/.ledger", "parts/0.parquet"]
    (tmp_path / "run" / "summary.json").rename(tmp_path / "outside" / "summary.json")
    (tmp_path / "run" / "summary.json").symlink_to(tmp_path / "outside" / "summary.json")
    with pytest.raises(RunFolderError, match=r"summary.json is a link"):
        load_run(tmp_path / "run")


def test_overwrite_leaves_what_is_not_the_run_s(tmp_path: Path) -> None:
    with Run.open(tmp_path, kind="k", config={"a": 1}) as run:
        run.write_arrays("values/a.safetensors", {})
        run.write_json("parts/0.json", 0)
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / "values" / "mine.txt").write_text("mine")
        run.finish(counts={}, seed=0)
    assert sorted(load_run(tmp_path).manifest["files"]) == ["config.json", "values/a.safetensors"]
    (tmp_path / "notes.txt").write_text("more of mine")  # is no damage
    load_run(tmp_path)
    for _ in range(2):  # a finished run, and an unfinished one
        with Run.open(tmp_path, kind="k", config={"a": 2}, overwrite=True) as run:
            assert sorted(contents(tmp_path)) == [
                ".lock", "config.json", "notes.txt", "values/mine.txt"
            ]  # fmt: skip
            run.write_json("other.json", 1)
            run.write_json("parts/0.json", 0)
    run = Run.open(tmp_path, kind="k", config={"a": 2})
    run.abandon()
    assert sorted(contents(tmp_path)) == ["config.json", "notes.txt", "values/mine.txt"]


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (["headline"], "it is not an object"),
        ({"headline": "all fine"}, "its headline is not a list"),
        ({"headline": [{"name": "accuracy"}]}, "'accuracy' has no estimate"),
        ({"headline": [{"name": "a", "estimate": {"value": "high"}}]}, "'a' has no estimate that"),
    ],
)
def test_a_summary_that_cannot_be_shown_is_refused(summary: Any, said: str, tmp_path: Path) -> None:
    with Run.open(tmp_path, kind="typographic", config={}) as run:
        run.write_json("summary.json", summary)
        run.finish(counts={}, seed=0)
    with pytest.raises(RunFolderError, match=said):
        load_run(tmp_path)
