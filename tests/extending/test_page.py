"""The page docs/extending.md is a package: installed beside this one as it stands, it works."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipprobe.testing import checkpoints as tiny
from clipprobe.testing import image_folder

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
MODULES = {found[1]: block for block in BLOCKS if (found := re.match(r"# mine/(\w+\.py)\n", block))}
(EDIT,) = [block for block in BLOCKS if not block.startswith("# mine/")]
SAID = """
import sys, json
from pathlib import Path
sys.path.insert(0, {place!r})
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and what an installer writes beside it."""
    place = tmp_path_factory.mktemp("site")
    (place / "mine").mkdir()
    (place / "mine" / "__init__.py").write_text("")
    for name, block in MODULES.items():
        (place / "mine" / name).write_text(block, encoding="utf-8")
    (table,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    groups = tomllib.loads(table)["project"]["entry-points"]
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    info = place / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return place


def ran(mine: Path, script: str, *arguments: str) -> Any:
    """What a script prints as JSON in a process of its own, with the package installed."""
    done = subprocess.run(
        [sys.executable, "-c", SAID.format(place=str(mine)) + script, *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_every_example_is_short_and_a_module() -> None:
    assert len(MODULES) == 8
    for name, block in MODULES.items():
        assert ast.get_docstring(ast.parse(block)), name
        assert len(block.splitlines()) <= 70, name


def test_a_method_a_probe_a_layout_and_a_family_are_known_and_work(
    mine: Path, tmp_path: Path
) -> None:
    from transformers import CLIPSegConfig, CLIPSegModel

    tokenizer = tiny.clip_tokenizer()
    config = CLIPSegConfig(
        text_config={**tiny.clip_text_config(tokenizer), "hidden_act": "quick_gelu"},
        vision_config={**tiny.clip_vision_config(), "hidden_act": "quick_gelu"},
        projection_dim=tiny.D_EMBED,
    )
    model = CLIPSegModel(config)
    folder = tiny.save(tmp_path / "clipseg", model, tokenizer, tiny.clip_processor())
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("dog__cat", "hot_dog__ship", "dog__dog", "plain"):
        Image.new("RGB", (40, 40), "#884422").save(photos / f"{name}.png")
    seen = ran(
        mine,
        """
import clipprobe, numpy as np
from attacks.bias.probes.registry import get_probe, probe_names
from attacks.typographic.datasets import load_attacks
folder, photos = sys.argv[1:]
clip = clipprobe.load(folder)
image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
one = clipprobe.explain(clip, image, "a dog", method="early_patches")
attacks = load_attacks("double-underscore", photos)
json.dump({
    "family": clip.logits([image], ["a dog"]).tolist(),
    "map": np.asarray(one.map).tolist(),
    "named": "early_patches" in clipprobe.attribution_methods(),
    "probe": [get_probe("weather").name, len(probe_names())],
    "words": [[p.label, p.word] for p in attacks.pictures],
    "skipped": [item.id for item in attacks.skipped],
}, sys.stdout)
""",
        str(folder),
        str(photos),
    )
    assert np.isfinite(seen["map"]).all() and np.ptp(seen["map"]) > 0 and seen["named"]
    assert np.isfinite(seen["family"]).all()
    assert seen["probe"] == ["weather", 7]
    assert seen["words"] == [["dog", "cat"], ["hot dog", "ship"]]
    assert seen["skipped"] == ["dog__dog.png", "plain.png"]


def test_a_probe_of_another_package_is_in_a_report(mine: Path, tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    said = ran(
        mine,
        """
import clipprobe
from attacks.bias import audit_bias
clip = clipprobe.load()
run = audit_bias(clip, sys.argv[1], "gender", probes=["weather"], out=sys.argv[2],
                 n_boot=100, n_permutations=100)
json.dump((run.path / "report.md").read_text(), sys.stdout)
""",
        str(images),
        str(tmp_path / "run"),
    )
    assert "To which group's images is it closer" in said or "to which group's images" in said
    assert "snowy" in said


def test_an_audit_of_another_package_is_a_command_like_ours(mine: Path, tmp_path: Path) -> None:
    images, out = image_folder(tmp_path / "images", 6), tmp_path / "run"
    call = "from clipprobe.cli import main; sys.exit(main())"
    given = ("audit", "mirror", "--images", str(images), "--out", str(out), "--json")
    summary = ran(mine, call, *given)
    (headline,) = summary["headline"]
    assert headline["estimate"]["n"] == 6
    assert -1 <= headline["estimate"]["low"] <= headline["estimate"]["value"] <= 1
    assert ran(mine, call, "verify", str(out), "--json")["sound"]
    ran(mine, call, "rerun", str(out), "--out", str(tmp_path / "again"), "--json")
    for name in ("summary.json", "cosines.csv", "report.html"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_the_audit_keeps_the_promises_of_a_study(mine: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "mine/test_mirror.py"],
        cwd=mine,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "15 passed, 1 skipped" in done.stdout


def test_an_edit_of_another_package_is_stored_loaded_and_applied(
    mine: Path, tmp_path: Path
) -> None:
    made = ran(
        mine,
        EDIT.replace('"faded.safetensors"', "sys.argv[1]")
        + "json.dump(clipprobe.Edit(Grey(0.5)).parts[0].share, sys.stdout)",
        str(tmp_path / "faded.safetensors"),
    )
    assert made == 0.5
    seen = ran(
        mine,
        """
import clipprobe, numpy as np
clip = clipprobe.load()
edit = clipprobe.load_edit(sys.argv[1])
colour = np.zeros((64, 64, 3), np.uint8); colour[..., 0] = 200; colour[:, 32:, 1] = 90
pixels = clip.preprocess([colour])
grey = pixels.mean(dim=1, keepdim=True)
by_hand = clip.image_embeddings(pixels + 0.5 * (grey - pixels)).numpy()
edited = edit.of(clip)
json.dump({
    "gap": float(abs(edited.encode_images([colour]) - by_hand).max()),
    "apart": float(abs(clip.encode_images([colour]) - by_hand).max()),
    "known": edited.identity == clip.identity,
    "words": str(edit),
}, sys.stdout)
""",
        str(tmp_path / "faded.safetensors"),
    )
    assert seen["gap"] < 1e-6 < 1e-3 < seen["apart"] and not seen["known"]
    assert "images mixed with grey" in seen["words"]
