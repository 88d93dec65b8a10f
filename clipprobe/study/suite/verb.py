"""``clipprobe audit all``: a list of studies on one model, held to a stored run where one is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clipprobe.cli.common import countdown, load_model, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal
from clipprobe.study.suite.settings import Baseline, Suite


def run_all(settings: Suite, against: Baseline, model: Model, terminal: Terminal) -> None:
    """Make the suite, compare it, print the scorecard, and exit as the thresholds say."""
    from clipprobe.runs import load_run
    from clipprobe.study.suite.comparison import against_baseline, refuse_worse, suite_text
    from clipprobe.study.suite.engine import SUITE, refuse_crossed
    from clipprobe.study.suite.entry import with_images_opened
    from clipprobe.study.suite.scorecard import headline_lines

    # What is wrong with the list, the images or the baseline is said before a model is loaded.
    settings = replace(settings, studies=with_images_opened(settings.studies))
    if against.baseline is not None:
        load_run(against.baseline)
    bar = countdown("suite, per cent of each study")
    run = make_run(SUITE, settings, load_model(model), bar).run
    data: dict[str, Any] = {"run": run.path.as_posix(), **run.summary}
    if against.baseline is not None:
        data["baseline"] = against_baseline(run, against.baseline, seed=settings.seed)

    def text() -> str:
        lines = headline_lines(run.summary)
        if "baseline" in data:
            lines += ["", f"against {against.baseline}:", suite_text(data["baseline"])]
        return "\n".join(lines)

    result(data, as_json=terminal.as_json, text=text)
    say(f"report: {run.path / 'report.html'}")
    if against.baseline is not None and against.fail_if_worse:
        refuse_worse(data["baseline"], against.baseline)
    refuse_crossed(run.summary)


ALL = Verb(run_all, (Suite, Baseline, Model, Terminal))
