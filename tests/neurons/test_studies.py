"""The instruments of units as studies: made again from their calls, told by their schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.neurons import Atlas, merge_atlases, scan, scan_texts
from clipprobe.neurons.atlas.settings import AtlasScan, Merge
from clipprobe.neurons.multimodality import bundled_probes, multimodality
from clipprobe.neurons.words import WordGrid, word_probe
from clipprobe.neurons.words.settings import WordTest
from clipprobe.stimuli import concepts
from clipprobe.stimuli.concepts import unseen_concepts
from clipprobe.study import rerun
from clipprobe.testing import image_folder

POST = "vision.blocks.1.mlp.post"
PACKAGE = Path(clipprobe.__file__).parent / "neurons"


@pytest.fixture(scope="module")
def model(checkpoint: Any) -> Any:
    """A model that a call can load again."""
    return clipprobe.load(checkpoint("clip"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"), 12)


def same_bytes(one: Path, other: Path) -> None:
    names = sorted(clipprobe.runs.load_run(one).manifest["files"])
    assert "summary.json" in names
    for name in [*names, "manifest.json"]:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def check_summary(kind: str, run: Path) -> None:
    """A summary follows the schema that ships with the package, and another one does not."""
    schema = json.loads((PACKAGE / kind / "summary.schema.json").read_text("utf-8"))
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(summary, schema)
    for wrong in ({**summary, "more": 1}, {**summary, "n_units": -1}, {**summary, "headline": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_an_atlas_is_made_again_from_its_call(model: Any, images: Path, tmp_path: Path) -> None:
    made = scan(model, images, sites=POST, pool="mean", limit=7, out=tmp_path / "a")
    assert made.path == tmp_path / "a"
    rerun(tmp_path / "a", tmp_path / "b")
    same_bytes(tmp_path / "a", tmp_path / "b")
    check_summary("atlas", tmp_path / "a")
    texts = ["a cat", "a dog", "the sea"]
    scan_texts(model, texts, out=tmp_path / "texts")
    rerun(tmp_path / "texts", tmp_path / "texts-again")
    same_bytes(tmp_path / "texts", tmp_path / "texts-again")
    check_summary("atlas", tmp_path / "texts")
    # Images in memory are given again.
    data = sorted(images.glob("*.png"))[:3]
    opened = [clipprobe.data.decode_image(path) for path in data]
    scan(model, opened, sites=POST, out=tmp_path / "memory")
    with pytest.raises(ConfigError, match="images"):
        rerun(tmp_path / "memory", tmp_path / "c")
    rerun(tmp_path / "memory", tmp_path / "c", images=opened)
    same_bytes(tmp_path / "memory", tmp_path / "c")


def test_merged_and_saved_atlases_are_made_again_without_a_model(
    model: Any, images: Path, tmp_path: Path
) -> None:
    whole = scan(model, images, sites=POST, out=tmp_path / "whole")
    for i in range(3):
        scan(model, images, sites=POST, shard=(i, 3), out=tmp_path / f"{i}")
    shards = [str(tmp_path / f"{i}") for i in (2, 0, 1)]
    done = CliRunner().invoke(app, ["neurons", "merge", *shards, "--out", str(tmp_path / "merged")])
    assert done.exit_code == 0, done.output
    same_bytes(tmp_path / "whole", tmp_path / "merged")
    call = json.loads((tmp_path / "merged" / "call.json").read_text())
    assert call["study"] == "atlas-merge" and call["model"] is None
    rerun(tmp_path / "merged", tmp_path / "merged-again")
    same_bytes(tmp_path / "whole", tmp_path / "merged-again")
    saved = merge_atlases([Atlas.load(shard) for shard in shards]).save(tmp_path / "saved")
    same_bytes(tmp_path / "whole", tmp_path / "saved")
    assert saved.path == tmp_path / "saved" and saved.config == whole.config
    with pytest.raises(ConfigError, match="atlas"):
        rerun(tmp_path / "saved", tmp_path / "no")
    rerun(tmp_path / "saved", tmp_path / "saved-again", atlas=saved)
    same_bytes(tmp_path / "whole", tmp_path / "saved-again")
    assert Merge(tmp_path / "0").atlases == [tmp_path / "0"]  # type: ignore[arg-type]
    done = CliRunner().invoke(app, ["neurons", "merge", shards[0], "--out", str(tmp_path / "no")])
    assert done.exit_code == 2 and "number 0, 1 is missing" in done.stderr
    assert not (tmp_path / "no").exists()
    with pytest.raises(RunFolderError, match="nothing to merge"):
        merge_atlases([whole])


def test_the_verb_takes_images_or_texts_and_a_file(
    checkpoint: Any, images: Path, tmp_path: Path
) -> None:
    said = CliRunner().invoke(app, ["neurons", "scan", "--out", str(tmp_path / "no")])
    assert said.exit_code == 2 and "either images or texts" in said.stderr
    (tmp_path / "texts.txt").write_text("a cat\na dog\n")
    (tmp_path / "scan.yaml").write_text(
        f"texts: {tmp_path}/texts.txt\ntop_k: 1\nsites: text.blocks.1.mlp.post\nshard: 0/2\n"
    )
    out = tmp_path / "run"
    options = ["--model", str(checkpoint("clip")), "--out", str(out), "--json"]
    done = CliRunner().invoke(
        app, ["neurons", "scan", "--config", str(tmp_path / "scan.yaml"), "--top-k", "2", *options]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n_images"] == 1
    config = clipprobe.runs.load_run(out).manifest["config"]
    assert config["keep"]["top_k"] == 2 and config["shard"] == {"of": 2, "parts": [0]}
    (tmp_path / "texts.txt").unlink()
    with pytest.raises(clipprobe.errors.DataError, match=r"texts\.txt"):
        rerun(out, tmp_path / "again")
    (tmp_path / "texts.txt").write_text("a cat\na dog\n")
    rerun(out, tmp_path / "again")
    same_bytes(out, tmp_path / "again")


def test_shards_are_read_as_i_of_n() -> None:
    assert AtlasScan().shard == (0, 1)
    assert AtlasScan(shard="3/4").shard == (3, 4)  # type: ignore[arg-type]
    assert AtlasScan.from_texts({"shard": "0/4"}, {}).shard == (0, 4)
    for bad in ("4/4", "0/0", "-1/4", "1", "a/b", "1/4/5", ""):
        with pytest.raises(ConfigError, match="is not I/N"):
            AtlasScan(shard=bad)  # type: ignore[arg-type]


def test_a_word_probe_is_made_again_from_its_call(model: Any, tmp_path: Path) -> None:
    grid = WordGrid(sizes=(0.3,), places=("top",), ink=(0, 0, 120))
    made = word_probe(model, ["dog", "bird"], sites=POST, grid=grid, out=tmp_path / "a")
    assert made.path == tmp_path / "a" and made.values[POST].value.shape == (2, 64)
    assert not (tmp_path / "a" / "parts").exists()
    rerun(tmp_path / "a", tmp_path / "b")
    same_bytes(tmp_path / "a", tmp_path / "b")
    check_summary("words", tmp_path / "a")
    with pytest.raises(ConfigError, match="not known"):
        WordTest(grid={"places": ["nowhere"]})


def test_the_verb_of_words_reads_a_file_that_its_call_names(
    checkpoint: Any, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("dog\nbird\nboat\n")
    (tmp_path / "words.yaml").write_text(
        f"words: {tmp_path}/words.txt\nlimit: 2\nfonts: DejaVuSans\nsizes: 0.3\nplaces: [top]\n"
    )
    options = ["--model", str(checkpoint("clip")), "--out", str(tmp_path / "a"), "--json"]
    unit = f"{POST}:3"
    done = CliRunner().invoke(
        app,
        ["neurons", "words", "--config", str(tmp_path / "words.yaml"), "--unit", unit, *options],
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["n_words"] == 2 and told["units"][0]["address"] == unit
    config = clipprobe.runs.load_run(tmp_path / "a").manifest["config"]
    assert [one["name"] for one in config["sites"]] == [POST]
    assert config["grid"]["places"] == ["top"] and config["words"]["name"] == "words.txt"
    rerun(tmp_path / "a", tmp_path / "b")
    same_bytes(tmp_path / "a", tmp_path / "b")
    (tmp_path / "words.txt").write_text("dog\ncow\nboat\n")
    with pytest.raises(ConfigError, match=r"words\.fingerprint was"):
        rerun(tmp_path / "a", tmp_path / "c")


def test_a_multimodality_test_is_made_again_from_its_call(model: Any, tmp_path: Path) -> None:
    probes = bundled_probes(per_concept=4, concepts=concepts()[1:4], size_px=32)
    made = multimodality(model, probes, POST, n_controls=1, out=tmp_path / "a")
    assert made.path == tmp_path / "a"
    rerun(tmp_path / "a", tmp_path / "b")
    same_bytes(tmp_path / "a", tmp_path / "b")
    check_summary("multimodality", tmp_path / "a")
    bare = multimodality(model, probes, POST, controls=[], out=tmp_path / "bare")
    assert bare.floor is None
    check_summary("multimodality", tmp_path / "bare")


def test_probes_of_things_that_are_not_bundled_are_given_again() -> None:
    first = concepts()[:2]
    assert bundled_probes(per_concept=2, concepts=first).origin is not None
    other = bundled_probes(per_concept=2, concepts=unseen_concepts()[:2])
    assert other.origin is None


def test_the_verb_of_modalities_reads_its_table_before_the_model(
    checkpoint: Any, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0)
    rows = ["file_name,concept,modality"]
    for i in range(32):
        name = f"{i:02}.png"
        Image.fromarray(noise.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / name)
        rows.append(f"{name},{('dog', 'cat')[i % 2]},{('photo', 'sketch')[i // 2 % 2]}")
    table = tmp_path / "metadata.csv"
    table.write_text("\n".join(rows[:-9]) + "\n")
    options = ["--out", str(tmp_path / "a"), "--sites", POST, "--no-word-controls", "--json"]
    given = ["neurons", "multimodal", "--images", str(table), *options]
    done = CliRunner().invoke(app, [*given, "--model", "nowhere/absent", "--min-images", "9"])
    assert done.exit_code == 2 and "two are needed" in done.stderr
    table.write_text("\n".join(rows) + "\n")
    (tmp_path / "test.yaml").write_text("split_share: 0\nn_permutations: 50\n")
    more = ["--model", str(checkpoint("clip")), "--config", str(tmp_path / "test.yaml")]
    done = CliRunner().invoke(app, [*given, *more, "--top", "3"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["units"]) == 3
    config = clipprobe.runs.load_run(tmp_path / "a").manifest["config"]
    assert config["split_share"] == 0 and config["n_permutations"] == 50
    assert config["controls"] == ["random_weights"] and config["n_controls"] == 3
    rerun(tmp_path / "a", tmp_path / "b")
    same_bytes(tmp_path / "a", tmp_path / "b")
