"""The commands of the README: how they are made, what they print, and how long they take.

``docs/renew.py --type`` types them in order in an empty folder after ``clipprobe demo``, and keeps
the first lines of each one's output in ``examples.json``; the README's blocks are made of both. The
unit and the way to write come from ``evaluation.json``, where a script chose them on other images.
Times are seconds of one processor core, which hardly depend on what else the machine does.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clipprobe.stimuli import concepts

STORED = Path(__file__).parent / "examples.json"
CONCEPTS, PEOPLE = "runs/demo/stimuli/concepts", "runs/demo/stimuli/people"
WIDTH = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One line to type.

    Attributes:
        command: As a shell takes it; or Python, where ``language`` says so.
        lines: How many lines of its output are shown.
        exit: The exit status that it announces.
    """

    command: str
    lines: int = 4
    exit: int = 0
    language: str = "bash"


def examples(chosen: dict[str, Any]) -> dict[str, list[Example]]:
    """The examples of every block of the README, in the order of the page.

    Args:
        chosen: ``examples`` of ``evaluation.json``: a unit with a name, one with an effect, and the
            way to write.
    """
    named = chosen["named"]
    unit, concept = chosen["unit"]["unit"], chosen["unit"]["concept"]
    site, _, number = unit.rpartition(":")
    phrase = next(one.phrase for one in concepts() if one.name == concept)
    image = f"{CONCEPTS}/{concept}-picture-0.png"
    how = {name: value for name, value in chosen["attack"]["how"].items() if value is not None}
    flags = " ".join(f"--{name} {value}" for name, value in how.items())
    held = " ".join(
        f"--set {name}={value}" for name, value in how.items() if name not in ("size", "position")
    )
    code = f"""import clipprobe

clip = clipprobe.load()  # or a folder, "openai/clip-vit-base-patch32", ...
images = ["{image}"]
with clipprobe.capture(clip, ["{site}"], pool="max") as acts:
    clip.encode_images(images)
print(acts["{site}"][0, {number}])  # what the unit does on it
with clipprobe.intervene(clip, {{"{unit}": "zero"}}):
    print(clip.logits(images, ["{phrase}", "a dog"]))  # without the unit
print(clip.logits(images, ["{phrase}", "a dog"]))"""
    lines: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "unit": [
            (f"clipprobe neurons search --atlas runs/demo/atlas --label {named['concept']}", {}),
            (
                f"clipprobe neurons show {named['unit']} --atlas runs/demo/atlas --out sheet.html",
                {"lines": 9},
            ),
        ],
        "why": [
            (f'clipprobe explain {image} "{phrase}" --out map.png', {"lines": 6}),
            (f'clipprobe neurons decompose {image} --text "{phrase}"', {"lines": 6}),
            (
                f"mkdir -p {concept} && cp {CONCEPTS}/{concept}-* {concept}/\n"
                f'clipprobe neurons effect --images {concept} --text "{phrase}" --unit {unit}',
                {},
            ),
        ],
        "python": [(code, {"language": "python"})],
        "attack": [
            (
                f"clipprobe audit typographic --images {CONCEPTS} {flags} --out runs/typo",
                {"lines": 5},
            ),
            (
                f"clipprobe audit typographic --images {CONCEPTS} --sample 200 "
                "--fail-under attacked_accuracy=0.6 --out runs/strict",
                {"exit": 1, "lines": 5},
            ),
            (
                f"clipprobe audit sweep --images {CONCEPTS} --sample 40 "
                f"--factor size=0.1,0.15,0.2,0.3,0.4 {held} --out runs/sweep",
                {"lines": 5},
            ),
            (
                f"clipprobe audit reading --images {CONCEPTS} --run runs/typo --sample 48 "
                "--out runs/reading",
                {"lines": 10},
            ),
        ],
        "zeroshot": [
            (f"clipprobe audit zeroshot --images {CONCEPTS} --out runs/zeroshot", {}),
            ("clipprobe audit few-shot --never-seen --out runs/few-shot", {"lines": 10}),
            ('clipprobe audit limits --task colour --task "left or right" --out runs/limits', {}),
        ],
        "bias": [
            (
                f"clipprobe audit bias --images {PEOPLE} --groups perceived_gender "
                "--groups skin_tone --clusters drawing --out runs/bias",
                {"lines": 8},
            ),
            (
                f"clipprobe audit gap --images {PEOPLE} --groups perceived_gender --word mechanic "
                "--group woman --clusters drawing --kind neuron --out runs/gap",
                {"lines": 4},
            ),
            (
                f"clipprobe audit mitigate --images {PEOPLE} --groups perceived_gender "
                "--other skin_tone --clusters drawing --out runs/mitigated",
                {"lines": 6},
            ),
        ],
    }
    return {
        block: [Example(command=command, **more) for command, more in several]
        for block, several in lines.items()
    }


def type_all(chosen: dict[str, Any], keep: Path | None = None) -> None:
    """Type every example in an empty folder, and store what it printed.

    Args:
        keep: The folder, which stays; without one it is removed.
    Raises:
        SystemExit: an example does not end as it announces, or the folder is not empty.
    """
    stored = []
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            sys.exit(f"{folder} is not empty: times would be those of runs that are there.")
        typed(Example(command="clipprobe demo --out runs/demo"), folder)
        for several in examples(chosen).values():
            for example in several:
                record = typed(example, folder)
                print(f"{record['seconds']:5.0f} s  {example.command.splitlines()[-1]}", flush=True)
                if record["status"] != example.exit:
                    sys.exit(f"ended with {record['status']}:\n{record['error']}")
                stored.append(asdict(example) | {k: record[k] for k in ("seconds", "output")})
    STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def typed(example: Example, folder: Path) -> dict[str, Any]:
    """What an example prints, its exit status, and the seconds of one core that it took."""
    python = Path(sys.executable)
    environment = os.environ | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": str(WIDTH),
    }
    call = [str(python), "-c"] if example.language == "python" else ["bash", "-c"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*call, example.command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "status": done.returncode,
        "output": done.stdout.splitlines()[: example.lines],
        "error": done.stderr[-2000:],
        "seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
    }


def blocks(chosen: dict[str, Any]) -> dict[str, str]:
    """The text of each block: what to type, how long it takes, and the first lines that come."""
    stored = {one["command"]: one for one in json.loads(STORED.read_text(encoding="utf-8"))}
    return {
        name: "\n\n".join(
            _block(example, stored.get(example.command, {"seconds": 0, "output": []}))
            for example in several
        )
        for name, several in examples(chosen).items()
    }


def _block(example: Example, record: dict[str, Any]) -> str:
    notes = [
        waiting(record["seconds"]),
        f"exits with {example.exit}" if example.exit else "",
    ]
    note = ", ".join(one for one in notes if one)
    typed_line = f"{example.command}   # {note}" if note else example.command
    shown = "\n".join(_cut(line) for line in record["output"])
    return f"```{example.language}\n{typed_line}\n```\n```text\n{shown}\n```"


def waiting(seconds: float) -> str:
    """How long, for people: ``20 s``, ``3 minutes``; nothing where nobody notices."""
    if seconds < 8:
        return ""
    if seconds <= 55:
        return f"{5 * math.ceil(seconds / 5)} s"
    minutes = math.ceil(seconds / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1].rstrip() + "…"
