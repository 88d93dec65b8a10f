"""How far the work is: a bar on a terminal, elsewhere lines at growing distances, or nothing."""

from __future__ import annotations

import time

import pytest

from clipprobe.cli import progress as module
from clipprobe.cli.output import output, speaking
from clipprobe.cli.progress import Lines, TimeLeft, about, countdown, progress


def test_the_time_left_goes_by_the_pace_since_the_first_batch() -> None:
    now = [100.0]
    left = TimeLeft(lambda: now[0])
    assert left(10, 100) is None  # loading and drawing ahead were not a pace
    now[0] = 105.0
    assert left(20, 100) == 40.0
    assert left(20, 40) == 10.0  # work that turned out to be none is off
    now[0] = 125.0
    assert left(40, 40) == 0.0
    assert [about(s) for s in (3, 41, 700, 9000)] == ["a few seconds", "40 s", "12 min", "2.5 h"]


def test_lines_come_after_5_s_and_then_ever_less_often() -> None:
    now, said = [0.0], list[tuple[float, str]]()
    lines = Lines("encoding", 600, clock=lambda: now[0], tell=lambda t: said.append((now[0], t)))
    for second in range(121):
        now[0] = float(second)
        lines.report(second, 600)
        lines.tick()
    assert [when for when, _ in said] == [5, 15, 35, 65, 95]
    assert said[0][1] == "encoding: 5 of 600 done, about 10 min left"
    assert said[-1][1] == "encoding: 95 of 600 done, about 8 min left"


def test_a_step_that_tells_nobody_of_its_end_is_not_silent() -> None:
    now, said = [0.0], list[str]()
    lines = Lines("testing", clock=lambda: now[0], tell=said.append)
    now[0] = 40.0
    lines.tick()
    lines.report(0, 8)
    now[0] = 100.0
    lines.tick()
    lines.report(8, 8)
    now[0] = 3000.0
    lines.tick()
    assert said == [
        "testing: 0 done, at work for 40 s",
        "testing: 0 of 8 done, at work for 2 min",
        "testing: 8 of 8 done, working on the results for 50 min",
    ]


def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 0.01)
    monkeypatch.setattr(module, "_TICK", 0.01)


def test_piped_progress_is_lines_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    soon(monkeypatch)
    with progress("encoding", total=3) as advance:
        advance(1)
        advance(1)
        time.sleep(0.3)
    with countdown("auditing") as step:
        step(4, 9)
        time.sleep(0.3)
    out, err = capsys.readouterr()
    assert out == "" and "encoding: 2 of 3 done" in err and "auditing: 4 of 9 done" in err
    time.sleep(0.1)  # nobody speaks after the end
    assert capsys.readouterr() == ("", "")


def test_quiet_progress_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    soon(monkeypatch)
    for terminal in (True, False):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        with speaking(as_json=False):
            output().quiet = True
            with progress("encoding", total=3) as advance, countdown("auditing") as step:
                advance(1)
                step(1, 2)
                time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_progress_is_drawn_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("[red]encoding", total=3) as advance:
        advance(3)
    out, err = capsys.readouterr()
    assert out == "" and "[red]encoding" in err and "3/3" in err
    with countdown("auditing") as step:
        step(1, 400)
        step(2, 400)
        step(100, 200)
    assert "100/200" in capsys.readouterr().err
