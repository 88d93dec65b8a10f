"""``clipprobe demo``: the main job, on the bundled model and stimuli drawn on the spot."""

from __future__ import annotations

from attacks.demo.settings import Demo
from clipprobe.cli.common import countdown, load_model, result
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def demo(settings: Demo, model: Model, terminal: Terminal) -> None:
    """Make the run, and print its headline and the page to open."""
    clip = load_model(model)
    from attacks.demo.study import DEMO
    from clipprobe.study.suite.scorecard import headline_lines

    run = make_run(DEMO, settings, clip, countdown("demo, per cent of each stage")).run
    index = (run.path / "index.html").resolve()
    result(
        {"index": str(index), **run.summary},
        as_json=terminal.as_json,
        text=lambda: "\n".join([*headline_lines(run.summary), f"Open {index.as_uri()}"]),
    )


DEMO = Verb(demo, (Demo, Model, Terminal))
