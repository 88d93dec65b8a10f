"""Records of settings: one reading for flags, files and Python; one meaning for each flag."""

from __future__ import annotations

import dataclasses
import inspect
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal

import pytest
import typer
from annotated_types import Ge, Gt, Lt
from pydantic import BeforeValidator, TypeAdapter
from pydantic.dataclasses import dataclass
from typer.testing import CliRunner

from clipprobe.cli import app, verbs
from clipprobe.errors import ConfigError, DataError
from clipprobe.settings import (
    HOW,
    PRIVATE,
    Existing,
    Flag,
    Setting,
    Settings,
    Texts,
    lines_if_path,
    marked,
    settings_of,
    takes,
)
from clipprobe.settings.shared import Images, Inference, Model, Output, Progress, Random, Terminal
from clipprobe.settings.wording import WORDED

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Toy(Progress, Random, Inference, Output, Images):
    """Count things [really].

    More about
    it.
    """

    panel: ClassVar[str] = "Toy"
    images: Any = None
    probes: Annotated[Texts, Flag(name="probe")] = ("jobs", "moods")
    """Question to ask; repeat for more."""
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = "runs/toy"
    kind: Literal["cosine", "logit"] = "cosine"
    """What scores are."""
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    """False discovery rate."""
    levels: Annotated[Sequence[Annotated[float, Gt(0), Lt(1)]] | None, Flag(name="level")] = None
    """Of probability; repeat for more."""
    words: Annotated[
        Texts | None, BeforeValidator(lines_if_path("word")), Flag(takes=Path, many=False)
    ] = None
    """A file of words, one a line."""
    labels: Annotated[Path | None, Existing] = None
    """A table."""
    people: Annotated[Mapping[str, str] | None, PRIVATE, Flag(where="file")] = None
    """Group of each person."""


@dataclass(frozen=True)
class Needy(Settings):
    """Need a number."""

    number: Annotated[int, Ge(1), Flag(argument=True)]
    """How many."""
    size: float
    """How large."""


def run(audit: Toy, model: Model, terminal: Terminal) -> None:
    typer.echo(f"{audit.alpha} {audit.probes} {audit.overwrite} {audit.seed} {model.model}")
    typer.echo(f"{terminal.as_json} {audit.words}")


def run_needy(needy: Needy) -> None:
    typer.echo(f"{needy.number} {needy.size}")


TOY = verbs.Verb(run, (Toy, Model, Terminal))
NEEDY = verbs.Verb(run_needy, (Needy,))


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The toy verb, as another package would add it."""
    monkeypatch.setitem(sys.modules, "toy_records", SimpleNamespace(TOY=TOY, NEEDY=NEEDY))
    found = EntryPoints(
        EntryPoint(name, f"toy_records:{name.upper()}", verbs.GROUP) for name in ("toy", "needy")
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found.select(group=group))
    monkeypatch.setenv("COLUMNS", "200")
    verbs.all_verbs.cache_clear()
    yield lambda *given, **env: CliRunner().invoke(app, [*map(str, given)], env=env)
    verbs.all_verbs.cache_clear()


# Every verb that is made from records


def records() -> list[tuple[str, Any]]:
    found = []
    for name, entry in verbs.VERBS.items():
        thing = verbs.load(entry.place) if entry.place else None
        if isinstance(thing, verbs.Verb):
            found += [(name, record) for record in thing.records]
    return found


#: (flag, what) that differs between verbs, and why. At most ten.
APART = {
    ("out", "shown"): "each kind of run has a folder of its own",
    ("images", "required"): "few-shot can render its own",
    ("images", "help"): "some take attack data sets, some need labels",
    ("classes", "help"): "zero-shot reads class names with their templates",
    ("fail-under", "help"): "each audit has figures of its own",
}
ALIKE = ("type", "many", "choices", "source", "shown", "help", "required", "limits", "env")


def has_flag(one: Setting) -> bool:
    return one.where in ("anywhere", "flag", "terminal")


def disagreeing(found: list[tuple[str, Any]]) -> dict[tuple[str, str], dict[Any, set[str]]]:
    seen: dict[tuple[str, str], dict[Any, set[str]]] = defaultdict(lambda: defaultdict(set))
    for verb, record in found:
        for one in filter(has_flag, settings_of(record)):
            for what in ALIKE:
                seen[one.flag, what][getattr(one, what)].add(verb)
    return {key: dict(values) for key, values in seen.items() if len(values) > 1}


def test_flags_of_one_name_agree() -> None:
    assert len(APART) <= 10
    apart = disagreeing(records())
    assert {key: values for key, values in apart.items() if key not in APART} == {}


def test_the_comparison_can_fail() -> None:
    @dataclass(frozen=True)
    class Other(Settings):
        seed: int = 1
        """Another seed."""

    apart = disagreeing([("toy", Toy), ("other", Other)])
    assert set(apart) == {("seed", "shown"), ("seed", "help"), ("seed", "limits")}


@pytest.mark.parametrize(("verb", "record"), [*records(), ("toy", Toy)])
def test_defaults_spelled_out_make_the_record(verb: str, record: Any) -> None:
    needed = [one.name for one in settings_of(record) if one.required]
    spelled = {one.name: one.default for one in settings_of(record) if not one.required}
    made = record(**spelled, **{name: "1" for name in needed})
    assert made == record(**{name: "1" for name in needed})


def test_no_verb_has_two_flags_of_one_name() -> None:
    flags: dict[str, list[str]] = defaultdict(list)
    for verb, record in records():
        flags[verb] += [one.flag for one in settings_of(record) if has_flag(one)]
    assert all(len(names) == len(set(names)) for names in flags.values())


# What a record says of itself


def test_a_setting_is_described_once() -> None:
    found = {one.name: one for one in settings_of(Toy)}
    assert found["limit"].shown == "all" and found["limit"].limits == "at least 1"
    assert found["probes"].flag == "probe" and found["probes"].many
    assert found["probes"].shown == "jobs, moods"
    assert found["kind"].choices == ("cosine", "logit")
    assert found["levels"].limits == "above 0, below 1" and found["levels"].type is float
    assert found["words"].type is Path and not found["words"].many
    assert found["out"].help == "The run folder to write." and found["out"].shown == "runs/toy"
    assert found["images"].panel == "Images" and found["kind"].panel == "Toy"
    assert marked(Toy, HOW) == {"out", "overwrite", "workers", "progress"}
    assert marked(Toy, PRIVATE) == {"people"}


def test_a_record_must_be_declared_as_one() -> None:
    @dataclass(frozen=True)
    class Silent(Settings):
        number: int = 1

    with pytest.raises(TypeError, match="needs a text"):
        settings_of(Silent)

    @dataclasses.dataclass(frozen=True)
    class Plain(Settings):
        number: int = 1
        """A number."""

    with pytest.raises(TypeError, match="decorator of pydantic"):
        settings_of(Plain)


def test_a_record_comes_back_from_json() -> None:
    toy = Toy("faces/", ["a"], levels=[0.5], limit=3)
    adapter = TypeAdapter(Toy)
    assert adapter.validate_json(adapter.dump_json(toy)) == toy
    assert toy.levels == [0.5] and toy.probes == ("a",)


# What is refused, in which words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": "many"}, "seed='many' is not a whole number (at least 0)."),
        ({"seed": 2.5}, "seed=2.5 is not a whole number (at least 0)."),
        ({"seed": None}, "seed=None is not a whole number (at least 0)."),
        ({"seed": True}, "seed=True is not a whole number (at least 0)."),
        ({"seed": -1}, "seed=-1 is out of range: give a whole number (at least 0)."),
        ({"alpha": 0}, "alpha=0 is out of range: give a finite number (above 0, below 1)."),
        ({"alpha": 1}, "alpha=1 is out of range: give a finite number (above 0, below 1)."),
        ({"alpha": float("nan")}, "alpha=nan is out of range: give a finite number (above 0, "),
        ({"alpha": "wide"}, "alpha='wide' is not a finite number (above 0, below 1)."),
        ({"alpha": None}, "alpha=None is not a finite number (above 0, below 1)."),
        ({"levels": [0.5, 2]}, "levels=2 is out of range: give a finite number (above 0, below"),
        ({"levels": 0.5}, "levels=0.5 is not a list."),
        ({"probes": "jobs"}, "probes='jobs' is not a list."),
        ({"probes": [1]}, "probes=1 is not a text."),
        ({"kind": "cosin"}, "kind='cosin' is unknown: did you mean 'cosine'?"),
        ({"kind": "q"}, "kind='q' is unknown: known are cosine, logit."),
        ({"overwrite": 3}, "overwrite=3 is not true or false."),
        ({"overwrite": None}, "overwrite=None is not true or false."),
        ({"out": 3}, "out=3 is not a path."),
        ({"labels": "nope.csv"}, "labels: 'nope.csv' does not exist: give the path of a file."),
        ({"probs": ["x"]}, "There is no setting 'probs': did you mean 'probes' or 'progress'?"),
        ({"people": {"Ann": 3}}, "people=(not repeated here) is not a text."),
        ({"people": "Ann"}, "people=(not repeated here) is not a list."),
    ],
)
def test_what_python_gives_is_refused_in_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Toy(**given)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_places_and_what_is_needed() -> None:
    with pytest.raises(ConfigError, match="At most 2 settings"):
        Toy("a", ["b"], 3)  # type: ignore[misc]
    with pytest.raises(ConfigError, match=r"probes=3 is not a list\."):
        Toy("a", 3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'size' is needed: How large"):
        Needy(number=1)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="needs --size: give it, or write it into the --config"):
        Needy.from_texts({"number": "1"}, {})
    with pytest.raises(DataError, match="nope"):
        Toy(words="nope.txt")  # type: ignore[arg-type]


def test_the_types_of_errors_are_those_of_pydantic() -> None:
    from typing import get_args

    from pydantic_core.core_schema import ErrorType

    made_in_python = {"path_type", "sequence_str"}  # pydantic's own; refused above
    assert WORDED - made_in_python <= set(get_args(ErrorType))


# Flags, files, Python: one reading


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")
    config = {
        "seed": 3, "alpha": 0.1, "probes": "one", "levels": 0.5, "words": ["c"], "overwrite": True,
    }  # fmt: skip
    given = {"seed": "4", "levels": ["0.2", "0.3"], "words": str(tmp_path / "words.txt")}
    made = Toy.from_texts({**given, "overwrite": False}, config, "run.yaml")
    assert made == Toy(
        seed=4, alpha=0.1, probes=["one"], levels=[0.2, 0.3], words=["a", "b"], overwrite=False
    )
    from_file = Toy.from_texts({}, config, "run.yaml")
    assert from_file.words == ("c",) and from_file.overwrite and from_file.levels == [0.5]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seed", "many", "In run.yaml the setting 'seed' (--seed) 'many' is not a whole number"),
        ("seed", True, "In run.yaml the setting 'seed' (--seed) True is not a whole number"),
        ("overwrite", "yes", "In run.yaml the setting 'overwrite' (--overwrite) 'yes' is not true"),
        ("alpha", 2, "In run.yaml the setting 'alpha' (--alpha) 2 is out of range"),
        ("kind", "cosin", "In run.yaml the setting 'kind' (--kind) 'cosin' is unknown"),
        ("probes", {"a": 1}, "In run.yaml the setting 'probes' (--probe) {'a': 1} is not a list"),
        ("people", 3, "In run.yaml the setting 'people' (not repeated here) is not"),
    ],
)
def test_what_a_file_gives_is_named_by_its_key(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Toy.from_texts({}, {key: value}, "run.yaml")
    assert str(caught.value).startswith(said)


# The command


def test_a_command_is_cut_from_records(invoke: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("alpha: 0.2\nprobes: [x]\noverwrite: true\nmodel: there\n")
    assert invoke("toy").stdout == "0.05 ('jobs', 'moods') False 0 None\nFalse None\n"
    done = invoke("toy", "--config", file, "--probe", "y", "--probe", "z", "--json")
    assert done.stdout == "0.2 ('y', 'z') True 0 there\nTrue None\n", done.stderr
    assert " False 0 mine" in invoke(
        "toy", "--config", file, "--no-overwrite", CLIPPROBE_MODEL="mine"
    ).stdout  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--seed", "many"], "--seed 'many' is not a whole number (at least 0)."),
        (["--limit", "0"], "--limit 0 is out of range: give a whole number (at least 1)."),
        (["--kind", "cosin"], "--kind 'cosin' is unknown: did you mean 'cosine'?"),
        (["--labels", "no.csv"], "--labels 'no.csv' does not exist: give the path of a file."),
        (["--sed", "1"], "No such option: --sed: did you mean '--seed'?"),
        (["--people", "x"], "No such option: --people: did you mean '--probe'?"),
        (["--config", "no.yaml"], "The config file no.yaml could not be read"),
    ],
)
def test_wrong_flags(invoke: Callable[..., Any], given: list[str], said: str) -> None:
    result = invoke("toy", *given)
    assert result.exit_code == 2 and result.stdout == "" and result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"clipprobe: {said}")


def test_wrong_files(invoke: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    for text, said in [
        ("sed: 1", "has the unknown setting 'sed': did you mean 'seed'?"),
        ("as_json: true", "has the unknown setting 'as_json'"),
        ("progress: 1", "has the unknown setting 'progress'"),
        ("[1]", "holds a list"),
        ("a: [", "is not valid YAML"),
    ]:
        file.write_text(text)
        result = invoke("toy", "--config", file)
        assert result.exit_code == 2 and said in result.stderr
    file.write_text("")
    assert invoke("toy", "--config", file).exit_code == 0


def test_help_shows_every_default(invoke: Callable[..., Any]) -> None:
    shown = " ".join(invoke("toy", "--help").stdout.replace("│", " ").split())
    assert "Count things [really]. More about it." in shown
    for part in (
        "<whole> Use at most so many images, spread over the data set. [at least 1; default: all]",
        "<text> What scores are. [cosine or logit; default: cosine]",
        "<number> False discovery rate. [above 0, below 1; default: 0.05]",
        "Question to ask; repeat for more. [default: jobs, moods]",
        "--out <path> The run folder to write. [default: runs/toy]",
        "--overwrite --no-overwrite",
        "[default: the bundled model]",
        "CLIPPROBE_MODEL",
    ):
        assert part in shown, part
    assert "--progress" not in shown and "--people" not in shown
    for panel in ("Images", "Run", "Toy", "Model", "Command line"):
        assert f"─ {panel} ─" in shown
    assert "[required]" in invoke("needy", "--help").stdout


def test_arguments_by_place(invoke: Callable[..., Any]) -> None:
    assert invoke("needy", "3", "--size", "2").stdout == "3 2.0\n"
    result = invoke("needy", "0", "--size", "2")
    assert result.stderr == (
        "clipprobe: NUMBER 0 is out of range: give a whole number (at least 1).\n"
    )
    assert invoke("needy", "3").stderr.startswith("clipprobe: Settings needs --size")
    assert invoke("needy", "--size", "1").exit_code == 2


# The function


@takes(Toy)
def count(clip: int, settings: Toy) -> tuple[int, Toy]:
    """Count."""
    return clip, settings


def test_a_function_takes_the_fields_or_the_record() -> None:
    assert count(1, "faces/", seed=2) == (1, Toy("faces/", seed=2))
    record: Any = Toy(seed=5)
    assert count(1, record)[1] is record
    with pytest.raises(ConfigError, match="There is no setting 'sed': did you mean 'seed'"):
        count(1, sed=3)  # type: ignore[call-arg]
    names = list(inspect.signature(count).parameters)
    assert names[:4] == ["clip", "images", "probes", "limit"]
    assert inspect.signature(count).parameters["alpha"].default == 0.05
    assert "alpha: False discovery rate." in (count.__doc__ or "")


def test_type_checkers_see_the_settings(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "from pydantic.dataclasses import dataclass\n"
        "from clipprobe.settings import Settings, takes\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass S(Settings):\n    n_boot: int = 3\n\n"
        "@takes(S)\ndef f(clip: int, settings: S) -> int:\n    return settings.n_boot\n\n"
        "f(1, n_boot=4)\nf(1, n_boots=3)\nf(1, n_boot='x')\nreveal_type(f)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir",
         str(tmp_path / "cache"), "--follow-imports=silent", "use.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    found = done.stdout
    assert 'use.py:13: error: Unexpected keyword argument "n_boots"' in found
    assert 'did you mean "n_boot"?' in found
    assert 'use.py:14: error: Argument "n_boot" to "f" has incompatible type "str"' in found
    assert "n_boot: int =" in found and found.count("error:") == 2


def test_importing_settings_loads_nothing_heavy() -> None:
    script = "import sys, clipprobe.settings.shared; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pydantic" in loaded and not {"torch", "numpy", "yaml", "typer", "PIL"} & set(loaded)
