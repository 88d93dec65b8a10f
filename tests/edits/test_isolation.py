"""An edit is seen where it was put on and nowhere else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edits.parts import NAMES, POST, images, parts_for, seen

import clipprobe
from clipprobe import Edit, Zero
from clipprobe.edits import Projection
from clipprobe.errors import ConfigError
from clipprobe.models.identity import state_sha256


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_after_an_exception(name: str, clip: Any) -> None:
    edit = parts_for(clip)[name][0]
    before, state = seen(clip), state_sha256(clip.module)
    hooks = n_hooks(clip)
    with pytest.raises(RuntimeError, match="on the way"), edit.on(clip):
        seen(clip)
        raise RuntimeError("on the way")
    edited = edit.of(clip)
    with pytest.raises(Exception, match=r"shape|size|dim|channels"):
        edited.image_embeddings(clip.preprocess(pils())[:, :2])
    assert n_hooks(clip) == n_hooks(edited) == hooks
    assert state_sha256(clip.module) == state
    for what, values in seen(clip).items():
        assert np.array_equal(values, before[what])


def test_two_threads_share_a_model_one_edited_one_not(clip: Any) -> None:
    edit = Edit({f"{POST}:3": Zero()}, Projection.dropping([0, 1], clip.d_embed))
    plain, changed = clip.encode_images(images()), edit.of(clip).encode_images(images())
    assert not np.allclose(plain, changed)
    start = threading.Barrier(2)
    wrong: list[str] = []

    def run(expected: Any, edited: bool) -> None:
        start.wait()
        for _ in range(20):
            if edited:
                with edit.on(clip):
                    found = clip.encode_images(images())
            else:
                found = clip.encode_images(images())
            if not np.array_equal(found, expected):
                wrong.append(f"edited: {edited}")

    threads = [
        threading.Thread(target=run, args=(changed, True)),
        threading.Thread(target=run, args=(plain, False)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_blocks_nest_and_an_edited_model_keeps_what_was_on(clip: Any) -> None:
    first, second = Edit({f"{POST}:3": 2.0}), Edit({f"{POST}:4": 3.0})
    alone = first.of(clip).identity
    with first.on(clip):
        inner = second.of(clip)
        with second.on(clip):
            both = clip.identity
            vectors = clip.encode_images(images())
        assert clip.identity == alone != both
    assert inner.identity == both == (first + second).of(clip).identity
    assert np.array_equal(inner.encode_images(images()), vectors)


def test_who_changes_weights_in_memory_is_seen_under_an_edit(clip: Any) -> None:
    own = clip.running(clip.network.copied())
    edited = Edit({f"{POST}:3": Zero()}).of(own)
    before = edited.identity
    own.module.visual_projection.weight.data[0, 0] += 1e-3
    assert edited.identity != before and edited.identity.edits == before.edits
    assert edited.provenance()["model"]["edited_from"] == clip.source.weights_sha256


def test_an_open_intervention_still_bars_a_run(clip: Any, tmp_path: Path) -> None:
    from runs.kinds import scan

    from clipprobe.testing import image_folder

    folder = image_folder(tmp_path / "images")
    edited = Edit({f"{POST}:3": Zero()}).of(clip)
    with (
        pytest.raises(ConfigError, match="changed by vision"),
        clipprobe.intervene(edited, {f"{POST}:4": "zero"}),
    ):
        scan(edited, folder, tmp_path / "run")


def test_what_is_no_model_takes_no_edit() -> None:
    with pytest.raises(ConfigError, match=r"not a SimpleNamespace"):
        from types import SimpleNamespace

        Edit({f"{POST}:3": Zero()}).of(SimpleNamespace())  # type: ignore[arg-type]


def n_hooks(clip: Any) -> int:
    return sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks) for part in clip.module.modules()
    )


def pils() -> list[Any]:
    from PIL import Image

    return [Image.fromarray(one) for one in images(1)]
