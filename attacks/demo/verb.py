"""``clipprobe demo``: the main job, on the bundled model and stimuli drawn on the spot."""

from __future__ import annotations

from dataclasses import replace

from attacks.demo.settings import Demo
from clipprobe.cli.common import countdown, load_model, result
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def demo(settings: Demo, model: Model, terminal: Terminal) -> None:
    """Make the run, and print its headline and the page to open."""
    clip = load_model(model)
    from attacks.demo.study import DEMO
    from clipprobe.study import carry_out
    from clipprobe.study.suite.scorecard import headline_lines

    with countdown("demo, per cent of each stage") as step:
        run = carry_out(DEMO, replace(settings, progress=step), clip).run
    index = (run.path / "index.html").resolve()
    result(
        {"index": str(index), **run.summary},
        as_json=terminal.as_json,
        text=lambda: "\n".join([*headline_lines(run.summary), f"Open {index.as_uri()}"]),
    )


DEMO = Verb(demo, (Demo, Model, Terminal))
