"""Wrong inputs, each with its sentence: one line, no traceback, no raw warning, nothing written."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.models import Clip
from clipprobe.testing import image_folder

UNIT, IMAGE = "vision.blocks.1.mlp.post:3", "images/00.png"
SCAN = "neurons scan --images images --out r"
TYPO = "audit typographic --images images --classes classes.txt --out r"
GAP = "audit gap --images images --out r"

#: What is said without a model: none is there.
EARLY = [
    ("explain nofile.png dog", "The image nofile.png could not be read (no such file)"),
    (f"explain {IMAGE} ''", "TEXT is empty: say what the image is explained by"),
    (f"explain {IMAGE} dog --method grad_clip", "did you mean 'grad_eclip'?"),
    (f"explain {IMAGE} dog --method rise --set nmasks=4", "it has n_masks"),
    (f"explain {IMAGE} dog --unit {UNIT}", "Either a text or --unit must be given"),
    (f"explain {IMAGE} --unit nonsense", "add a colon and a number from 0"),
    (f"explain {IMAGE} dog --out /proc/x.png", "The file /proc/x.png could not be written"),
    (f"explain {IMAGE} dog --out x.docx", "name it map.png"),
    ("explain images/broken.png dog", "(the file is empty): give another file"),
    ("explain huge.png dog", "more than 89,478,485 pixels"),
    ("similarity images --text a", "images is a folder"),
    ("similarity nofile.png --text a", "The image nofile.png could not be read"),
    (f"similarity {IMAGE} --text ''", "--text is empty"),
    (f"attack {IMAGE} word", "Attack needs --out: give it"),
    (f"attack {IMAGE} '' --out o.png", "The text to draw is empty"),
    (f"attack {IMAGE} قطة --out o.png", "no bundled font can"),
    (f"attack {IMAGE} 猫 --out o.png", "has no glyph for"),
    (f"attack {IMAGE} word --size 9 --out o.png", "--size 9 is out of range"),
    (f"attack {IMAGE} word --preset stickynote --out o.png", "did you mean 'sticky_note'?"),
    (f"attack {IMAGE} word --font Helvetica --out o.png", "There is no bundled font"),
    (f"attack {IMAGE} word --color octarine --out o.png", "The colour 'octarine' is unknown"),
    ("hooks no-model", "'no-model' is not a folder here"),
    ("verify nowhere", "The folder nowhere holds no run"),
    ("compare nowhere nowhere", "The folder nowhere holds no run"),
    ("rerun nowhere --out r", "The folder nowhere holds no run"),
    ("export-card nowhere", "The folder nowhere holds no run"),
    ("pretrain --out file", "The run folder file could not be used (File exists)"),
    ("pretrain --out r --recipe emoji", "No recipe is called 'emoji'"),
    ("dashboard --runs nowhere", "There is no folder nowhere to show runs of"),
    ("demo --concepts 0 --out r", "--concepts 0 is out of range"),
    (f"{SCAN} --shard 5/2", "--shard '5/2' is not I/N"),
    (f"{SCAN} --limit 0", "--limit 0 is out of range: give a whole number (at least 1)"),
    (f"{SCAN} --seed many", "--seed 'many' is not a whole number"),
    (f"{SCAN} --colour x", "No such option: --colour"),
    ("neurons scan --images empty --out r", "holds no file that could be an image"),
    ("neurons scan --images nowhere --out r", "There are no images at 'nowhere'"),
    ("neurons scan --out r", "either images or texts"),
    ("neurons scna", "did you mean 'scan'?"),
    ("neurons label --images images --scorer pmi --out r", "did you mean 'wpmi'?"),
    ("neurons captions --out r", "No unit was named"),
    ("neurons similar --images images nonsense", "add a colon and a number from 0"),
    ("neurons words --unit nonsense --out r", "add a colon and a number from 0"),
    ("neurons words --words nofile.txt --out r", "The word file nofile.txt could not be read"),
    (f"neurons effect --images images --text ' ' --unit {UNIT}", "--text is empty"),
    ("neurons effect --images images --text a --unit nonsense", "add a colon and a number from 0"),
    (f"neurons effect --images images --text a --unit {UNIT} --method zeroo", "use zero, mean"),
    ("neurons predict --images images --text a --method steer:2 --out r", "known are zero, mean"),
    ("neurons compose --out r", "Give one of --images, --texts and --emotions"),
    ("neurons multimodal --images nofile.csv --out r", "There are no images at 'nofile.csv'"),
    (f"neurons decompose {IMAGE} --text ''", "--text is empty"),
    (f"neurons show {UNIT} --out images", "The file images could not be written (Is a directory)"),
    (f"neurons show {UNIT} --atlas nowhere", "The folder nowhere holds no run"),
    ("neurons search --atlas nowhere --label cat", "The folder nowhere holds no run"),
    ("audit typo", "did you mean 'typographic'?"),
    ("audit typographic --images images --classes empty.txt --out r", "is empty: write one class"),
    ("neurons label --images images --concepts empty.txt --out r", "write one concept per line"),
    (f"neurons captions --unit {UNIT} --captions empty.txt --out r", "one caption per line"),
    ("neurons words --words empty.txt --out r", "write one word per line"),
    ("audit typographic --images images --classes no.txt --out r", "class file no.txt could not"),
    ("audit typographic --images images --classes classes.txt --out /proc/x", "/proc/x could not"),
    (f"{TYPO} --protocol paint", "known are scam"),
    (f"{TYPO} --fail-under accuracy=0.5", "it can be given for clean_accuracy"),
    (f"{TYPO} --fail-under attacked_accuracy", "is not NAME=NUMBER"),
    (f"{TYPO} --fail-under attacked_accuracy=5", "is not a share"),
    (f"{TYPO} --config bad.yaml", "is not valid YAML: expected"),
    (f"{TYPO} --config unknown.yaml", "did you mean 'seed'?"),
    (f"{TYPO} --words randon", "The word file randon could not be read"),
    (f"{TYPO} --template photo", "has no {} where the class name goes"),
    ("audit sweep --images images --classes classes.txt --factor sise --out r", "mean 'size'?"),
    ("audit stroop --colour octarine --out r", "The colour 'octarine' is unknown"),
    ("audit stroop --presentation sideways --out r", "known are upright, mirrored"),
    (f"audit search {IMAGE} --label bird --classes classes.txt --out r", "not among the 2 classes"),
    ("audit bias --images images --groups gender --probe jobs --out r", "There is no bias probe"),
    ("audit bias --images images --groups sex --out r", "they have 'gender', 'label'"),
    ("audit bias --out r", "needs --images, --embeddings or --predictions"),
    (f"{GAP} --groups gender --word unicornist --group man", "a list that holds it (--words FILE"),
    (f"{GAP} --groups sex --word doctor --group man", "they have 'gender', 'label'"),
    (f"{GAP} --groups gender --word doctor --group men", "did you mean 'man'?"),
    ("audit mitigate --images images --groups gender --method magic --out r", "known are projec"),
    ("audit written --images images --groups gender --out r", "give --word, or --words FILE"),
    ("audit written --images images --groups sex --word thief --out r", "they have 'gender'"),
    ("audit zeroshot --images images --fail-under accuracy=1 --out r", "for zero_shot, top_5"),
    ("audit zeroshot --images images --fail-under calibration_error=0.1 --out r", "when higher"),
    ("audit zeroshot --images images --fail-over zero_shot=0.1 --out r", "for calibration_error"),
    ("audit zeroshot --images images --averaging mean --out r", "did you mean 'unit-mean'?"),
    ("audit zeroshot --images images --template photo --out r", "has no {} where the class name"),
    ("audit few-shot --images images --fail-under prob=1 --out r", "zero_shot, probe, lp_plus"),
    ("audit few-shot --images images --shots many --out r", "Shots are positive numbers or 'all'"),
    ("audit limits --task counting_things --out r", "There is no task 'counting_things'"),
    ("audit limits --fail-under nope=0.5 --out r", "A least value was given for 'nope'"),
    ("audit limits --foils nofile.csv --out r", "nofile.csv is not a file"),
    ("audit carriers --out r", "Give labelled images (--images) or a task"),
    ("audit carriers --images images cat --limit 30 --out r", "must be at least 20 of each"),
    ("audit faithfulness --method nothing --out r", "There is no attribution method 'nothing'"),
    ("audit all --out r", "Suite needs 'studies' in a --config file"),
    ("zeroshot --images images --out r", "did you mean 'audit zeroshot'?"),
    ("neurons explain", "did you mean 'explain'?"),
    ("hooks --model no-model", "MODEL is an argument: write it without --model"),
    ("similarity --images images/00.png --text a", "IMAGES is an argument: write it without"),
    ("audit carriers --images images bird --out r", "two or more classes (cat, dog): "),
    ("neurons scan --images semicolons.csv --out r", "its columns are separated by ';'"),
]  # fmt: skip
#: What only the model can tell.
LATE = [
    (f"neurons effect --images images --text a --unit {UNIT[:-1]}99999", "numbered 0 to 63"),
    ("neurons effect --images images --text a --unit vision.blocks.9.mlp.post:3", "nearest are"),
    (f"{SCAN} --sites vision.blocks.9.mlp.post", "`clipprobe hooks model` lists all"),
    (f"{SCAN} --pool maxx", "use one of none, cls, mean, max, eos"),
    ("neurons label --images images --judge column:x --out r", "No image has a column 'x'"),
    ("neurons predict --images images --text a --sites nonsense --out r", "the nearest are"),
    ("neurons compose --images images --target bird --out r", "the labels are cat, dog"),
    ("audit few-shot --images images --shots 500 --out r", "use fewer shots, or more images"),
    ("audit faithfulness --metric nothing --out r", "There is no metric 'nothing'"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, checkpoint: Any) -> Path:
    """A folder with images, a model, and files that cannot be used."""
    folder = tmp_path_factory.mktemp("place")
    image_folder(folder / "images", 48)
    shutil.copytree(checkpoint("clip"), folder / "model")
    texts = {"classes.txt": "cat\ndog\n", "twice.txt": "cat\nCat\ndog\n", "empty.txt": "\n"}
    texts |= {"bad.yaml": "seed: [1", "unknown.yaml": "sede: 1\n", "file": ""}
    texts |= {"semicolons.csv": "file_name;label\n1.png;cat\n"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "empty").mkdir()
    (folder / "huge.png").write_bytes(png_of(12_000, 12_000))
    return folder


def png_of(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds a single row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    row = zlib.compress(bytes(1 + width))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("CLIPPROBE_MODEL", "model")


def refused(place: Path, line: str, sentence: str) -> str:
    """What is said, and that it is no more than a sentence."""
    import shlex

    before = sorted(place.rglob("*"))
    done = CliRunner().invoke(app, shlex.split(line))
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit), done.output
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("clipprobe: ") and sentence in done.stderr
    assert not any(raw in done.stderr for raw in ("Traceback", "Warning", ".py:", "site-packages"))
    assert sorted(place.rglob("*")) == before
    return done.stderr


@pytest.mark.parametrize(("line", "sentence"), EARLY)
@pytest.mark.filterwarnings("default")
def test_it_is_said_without_a_model(
    place: Path, line: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPROBE_MODEL", "no-model")
    refused(place, line, sentence)


@pytest.mark.parametrize(("line", "sentence"), LATE)
@pytest.mark.filterwarnings("default")
def test_it_is_said_before_anything_is_written(place: Path, line: str, sentence: str) -> None:
    refused(place, line, sentence)


def test_the_table_can_fail(place: Path) -> None:
    with pytest.raises(AssertionError):
        refused(place, "models", "")


def done(place: Path, line: str) -> Any:
    result = CliRunner().invoke(app, line.split())
    shutil.rmtree(place / "r", ignore_errors=True)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("size", ["--batch-size 100000000", "--top-k 1000000"])
def test_a_number_beyond_the_images_is_no_mistake(place: Path, size: str) -> None:
    done(place, f"{SCAN} --limit 4 --sites vision.blocks.1.mlp.post {size}")


@pytest.mark.filterwarnings("default")
def test_a_text_that_is_cut_is_said_in_a_sentence(place: Path) -> None:
    text = "_".join(["word"] * 500)
    said = CliRunner().invoke(app, ["similarity", IMAGE, "--text", text.replace("_", " ")])
    assert said.exit_code == 0 and max(map(len, said.stdout.splitlines())) < 120
    assert said.stderr.startswith("clipprobe: warning: 1 of 1 texts")
    assert said.stderr.count("\n") == 1 and ".py" not in said.stderr


def test_a_class_named_twice_is_said(place: Path) -> None:
    line = "audit typographic --images images --limit 4 --classes twice.txt --out r"
    assert "twice.txt names 'cat' more than once" in done(place, line).stderr


@pytest.mark.parametrize(
    "line",
    [f"explain {IMAGE} dog", f"neurons effect --images images --text a --unit {UNIT}"],
)
def test_an_interrupted_verb_without_a_folder_keeps_nothing(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clipprobe, "load", interrupted)
    said = CliRunner().invoke(app, line.split())
    assert said.exit_code == 130 and said.stderr == "clipprobe: interrupted; nothing was saved.\n"


def test_memory_that_runs_out_in_a_run_is_a_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any, **more: Any) -> None:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 4915200000000 bytes. Error code 12 (Cannot allocate)"
        )

    monkeypatch.setattr(Clip, "encode_images", full)
    line = "audit zeroshot --images images --out r --json"
    said = CliRunner().invoke(app, line.split())
    shutil.rmtree(place / "r")
    assert said.exit_code == 2 and "give a smaller --batch-size" in said.stderr
    assert json.loads(said.stdout)["error"]["kind"] == "out-of-memory"
