"""Errors become one line and an exit code; nothing of a user's mistake is a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Annotated

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app as real_app
from clipprobe.cli.boundary import BoundaryGroup, one_line, require_own_package
from clipprobe.cli.lazy import PlainGroup
from clipprobe.cli.run_folder import use_folder
from clipprobe.errors import ClipprobeError, ConfigError, DataError, ThresholdCrossedError

RAISES = {
    "data": DataError("The folder 'a\nb\x1b[31m' is empty: give another."),
    "threshold": ThresholdCrossedError("The success rate 0.4 is over 0.3."),
    "interrupt": KeyboardInterrupt(),
    "bug": ZeroDivisionError("a bug"),
}


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(cls=BoundaryGroup, no_args_is_help=True)
    inner = typer.Typer(cls=PlainGroup, no_args_is_help=True)
    made.add_typer(inner, name="inner", help="More verbs.")

    @made.command("fail")
    @inner.command("fail")
    def fail(how: str, times: int = 1) -> None:
        raise RAISES[how]

    @made.command("save")
    def save(
        out: Annotated[Path, typer.Option(callback=use_folder)], how: str = "interrupt"
    ) -> None:
        out.mkdir()
        (out / "config.json").touch()
        raise RAISES[how]

    @made.command("warn")
    def warn(kind: str = "UserWarning") -> None:
        kinds = {"UserWarning": UserWarning, "Bomb": Image.DecompressionBombWarning}
        warnings.warn("One of two texts\nwas cut.", kinds[kind], stacklevel=1)

    @made.command("work")
    def work() -> None:
        typer.echo("done")

    return made


@pytest.mark.parametrize("prefix", [["fail"], ["inner", "fail"]])
@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("data", 2, "clipprobe: The folder 'a\\nb\\x1b[31m' is empty: give another.\n"),
        ("threshold", 1, "clipprobe: The success rate 0.4 is over 0.3.\n"),
        ("interrupt", 130, "clipprobe: interrupted; nothing was saved.\n"),
    ],
)
def test_one_line_and_an_exit_code(
    app: typer.Typer, prefix: list[str], how: str, code: int, said: str
) -> None:
    result = CliRunner().invoke(app, [*prefix, how])
    assert result.exit_code == code and result.stdout == ""
    assert result.stderr.startswith(said) and result.stderr.count("\n") == 1


def test_what_is_kept_is_said_only_where_it_is(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["save", "--out", str(tmp_path / "run")])
    assert result.exit_code == 130
    assert result.stderr == (
        "clipprobe: interrupted; what was saved is kept, and the same command goes on from there.\n"
    )
    after = CliRunner().invoke(app, ["fail", "interrupt"])  # not the folder of another command
    assert after.stderr == "clipprobe: interrupted; nothing was saved.\n"


@pytest.mark.filterwarnings("default")
def test_warnings_are_sentences(app: typer.Typer) -> None:
    before = warnings.showwarning
    result = CliRunner().invoke(app, ["warn"])
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr == "clipprobe: warning: One of two texts was cut.\n"
    # Such an image is refused, with its own reason.
    assert CliRunner().invoke(app, ["warn", "--kind", "Bomb"]).stderr == ""
    assert warnings.showwarning is before


def test_a_command_is_known_by_its_beginning() -> None:
    said = CliRunner().invoke(real_app, ["audit", "typo"])
    assert said.exit_code == 2 and "did you mean 'typographic'?" in said.stderr
    said = CliRunner().invoke(real_app, ["sim"])
    assert said.exit_code == 2 and "did you mean 'similarity'?" in said.stderr


@pytest.mark.parametrize("place", ["file", "file/run", "full", "/proc/run"])
def test_a_folder_that_cannot_be_used_is_refused_before_the_command(
    app: typer.Typer, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["save", "--out", str(tmp_path / place), "--how", "bug"])
    assert result.exit_code == 2, result.output  # the command itself has a bug
    what = "holds other files ('notes.txt')" if place == "full" else "could not be used"
    assert what in result.stderr and str(tmp_path / place) in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [["fail"], ["fail", "data", "--times", "many"], ["fail", "data", "--nope"], ["nope"]],
)
def test_wrong_use_is_2(app: typer.Typer, arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("clipprobe: ") and result.stderr.count("\n") == 1


def test_a_bug_is_not_hidden(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["fail", "bug"])
    assert isinstance(result.exception, ZeroDivisionError)
    assert CliRunner().invoke(app, ["work"]).exit_code == 0


SCRIPT = """
import signal, sys, time, typer
# A shell starts its background jobs with interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
import clipprobe.cli as cli
@cli.app.command("wait")
def wait():
    print("waiting", flush=True)
    time.sleep(600)
@cli.app.command("crash")
def crash():
    secret = "local variables stay out of the output"
    raise ZeroDivisionError("a bug")
sys.argv[1:] = [sys.argv[1]]
cli.main()
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")],
)
def test_a_signal_in_a_real_process(number: int, code: int, line: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == code
    assert said == f"clipprobe: {line}; nothing was saved.\n"


def test_a_crash_is_told_from_a_threshold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "crash"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert (
        "ZeroDivisionError" in done.stderr and "stay out of" not in done.stderr.split("raise")[-1]
    )


def test_one_line_shows_what_a_terminal_would_obey() -> None:
    assert one_line("a\nb\r\x1b[2J\u202e") == "a\\nb\\r\\x1b[2J\\u202e"
    assert one_line("Grüße\t日本\u3000語 👩\u200d🔬") == "Grüße\t日本\u3000語 👩\u200d🔬"


def test_every_error_has_an_exit_code_of_the_design() -> None:
    def all_below(kind: type[ClipprobeError]) -> list[type[ClipprobeError]]:
        return [kind, *(more for sub in kind.__subclasses__() for more in all_below(sub))]

    assert {kind.exit_code for kind in all_below(ClipprobeError)} == {1, 2}


# Packages with common names


def test_our_own_packages_pass() -> None:
    require_own_package("attacks")


@pytest.mark.parametrize("content", [None, "print('ran')", ""])
def test_an_intruder_is_named_and_not_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
) -> None:
    (tmp_path / "intruder").mkdir()
    if content is not None:
        (tmp_path / "intruder" / "__init__.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="not clipprobe's but the one at") as caught:
        require_own_package("intruder")
    assert str(tmp_path / "intruder") in str(caught.value)
    assert capsys.readouterr().out == "" and "intruder" not in sys.modules
    with pytest.raises(ConfigError, match="was not found"):
        require_own_package("no_such_package_at_all")


def test_commands_check_before_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "__init__.py").write_text("raise SystemExit('the intruder ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "attacks"]:
        monkeypatch.delitem(sys.modules, name)
    for command in (
        ["attack", "a.png", "word"],
        ["audit", "typographic"],
        ["demo"],
        ["export-card", "run"],
    ):
        result = CliRunner().invoke(real_app, command)
        assert result.exit_code == 2 and str(tmp_path / "attacks") in result.stderr
