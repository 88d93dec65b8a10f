"""``--help`` of every verb: nothing is swallowed, and the defaults shown are the real ones."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from attacks.bias.groups.vocabulary import HARM, PEOPLE
from attacks.typographic.attack.knobs import KNOBS
from clipprobe.cli import app

#: Options that do something only when given: nothing stands in their place.
OPTIONAL = {
    "explain": {"text", "unit", "out", "against", "words", "extra"},
    "attack": {"mask_out", "controls", "true_word", "object_mask", "preset", "contrast"},
    "compare": {"out"},
    "similarity": {"out"},
    "evaluate": {"out"},
    "pretrain": {"pairs", "continue_from"},
    "neurons scan": {"images", "texts"},
    "neurons show": {"out"},
    "neurons compose": {"images", "texts", "out"},
    "neurons similar": {"out"},
    "neurons where": {"out"},
    "neurons search": {"find", "kind", "word", "concept", "label", "where"},
    "neurons words": {"unit", "distill"},
    "neurons captions": {"units"},
    "audit all": {"images", "baseline"},
    "audit typographic": {
        "file", "word", "forbidden", "allowed", "synonyms", "name_pattern",
        "word_column", "protocol", "fail_under", "fail_over", "config", "preset", "contrast",
    },
    "audit sweep": {
        "base", "file", "word", "synonyms", "name_pattern", "fail_under", "fail_over",
    },
    "audit stroop": {"images"},
    "audit search": {"file", "word", "synonyms", "forbidden", "allowed"},
    "audit zeroshot": {"label_set", "other_names", "fail_under", "fail_over"},
    "audit few-shot": {"images", "label_set", "shifted", "fail_under"},
    "audit limits": {"tasks", "foils", "fail_under"},
    "audit carriers": {"images", "label_set", "name", "task", "fail_under"},
    "audit faithfulness": {"images", "boxes", "coco", "masks", "classes", "prompts", "extra"},
    "audit bias": {
        "images", "embeddings", "predictions", "card", "scale", "clusters", "controls",
        "config", "against",
    },
    "audit gap": {"clusters", "card", "config"},
    "audit mitigate": {
        "others", "group_prompts", "clusters", "card", "utility", "config",
    },
    "audit reading": {
        "contrast", "file", "name_pattern", "preset", "run", "synonyms", "word",
    },
    "audit written": {
        "words", "file", "watch", "card", "clusters", "preset", "contrast", "config",
    },
}  # fmt: skip
#: Verb -> what it calls, whose defaults its help repeats.
_ATTACK = "attacks.typographic:TypographicAttack"
FUNCTIONS = {
    "audit faithfulness": ["clipprobe.attribution.faithfulness:audit_faithfulness",
                           "clipprobe.attribution.faithfulness:Protocol"],
    "explain": ["clipprobe.attribution.methods.paths:integrated_gradients"],
    "audit typographic": ["attacks.typographic:audit_typographic", _ATTACK],
    "audit sweep": ["attacks.typographic.sweep:sweep"],
    "audit reading": ["attacks.typographic.reading:explain_reading", _ATTACK],
    "audit stroop": ["attacks.typographic:audit_stroop"],
    "audit search": ["attacks.typographic.search:search_attack",
                     "attacks.typographic.search:SearchSpace"],
    "audit bias": ["attacks.bias:audit_bias"],
    "audit gap": ["attacks.bias.gap:explain_gap"],
    "audit mitigate": ["attacks.bias.mitigation:mitigate_bias"],
    "audit written": ["attacks.bias.written:audit_written", _ATTACK],
    "attack": [_ATTACK],
    "neurons scan": ["clipprobe.neurons:scan"],
    "neurons label": ["clipprobe.neurons.labels:label_units"],
    "neurons words": ["clipprobe.neurons.words:word_probe",
                      "clipprobe.neurons.words.grid:WordGrid"],
    "neurons captions": ["clipprobe.neurons.captions:captions_run"],
    "neurons multimodal": ["clipprobe.neurons.multimodality:multimodality"],
    "neurons effect": ["clipprobe.neurons.effects:total_effects"],
    "neurons predict": ["clipprobe.neurons.effects.store:compare_effects"],
    "neurons compose": ["clipprobe.neurons.effects:compose"],
    "neurons similar": ["clipprobe.neurons.effects:similar_units"],
}  # fmt: skip
#: Name of an option -> that of the parameter, where they differ.
ALIASES = {
    "template": "templates", "probe": "probes", "control": "controls", "colour": "colours",
    "presentation": "presentations", "font": "fonts", "size": "sizes", "ground": "grounds",
    "ink_template": "ink_templates", "word_template": "word_templates", "strategy": "words",
    "method": "methods", "kind": "kinds", "permutations": "n_permutations",
    "scrambled": "n_scrambled", "random": "n_random",
}  # fmt: skip
#: Defaults that the help says in other words than the code.
IN_WORDS = {
    ("audit faithfulness", "methods"): ("all that support the model", ()),
    ("audit faithfulness", "metrics"): ("all", ()),
    ("neurons scan", "pool"): ("max; of texts the token that the model reads", "max"),
    ("neurons scan", "shard"): ("all images", (0, 1)),
    ("audit sweep", "controls"): ("none", ("nonsense",)),
    ("audit stroop", "presentations"): ("all", ("upright", "mirrored", "inverted", "negative")),
    ("audit stroop", "grounds"): (
        "white and three greys", ("white", (128, 128, 128), (24, 24, 24), (205, 205, 205)),
    ),
    ("audit search", "sizes"): (
        "nine from 0.07 to 0.3", (0.07, 0.085, 0.1, 0.12, 0.145, 0.175, 0.21, 0.25, 0.3),
    ),
    ("audit written", "classes"): (
        "the 21 labels of the CLIP paper's denigration probe", (*PEOPLE, *HARM),
    ),
}  # fmt: skip


def commands() -> Iterator[tuple[str, Any]]:
    def below(command: Any, path: list[str]) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "list_commands"):
            yield " ".join(path), command
            return
        for name in command.list_commands(None):
            yield from below(command.get_command(None, name), [*path, name])

    yield from below(typer.main.get_command(app), [])


COMMANDS = dict(commands())


def said_default(parameter: Any) -> str | None:
    """The default that the help tells in words."""
    found = re.search(r"\\\[(?:[^\[\]]*; )?default: (.*)\]$", parameter.help or "")
    return None if found is None else found[1]


def shown_default(parameter: Any) -> str | None:
    """The default in the help, in words or by Typer itself; None where it shows none."""
    if (said := said_default(parameter)) is not None:
        return said
    if parameter.default is None or callable(parameter.default):
        return None
    return str(parameter.default)


def in_words(value: Any) -> str:
    if isinstance(value, tuple):
        texts = [in_words(one) for one in value]
        return ("; " if any("{}" in one for one in texts) else ", ").join(texts)
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_help_shows_every_word_and_every_default(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    done = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert done.exit_code == 0
    said = " ".join(done.output.replace("│", " ").split())
    for parameter in COMMANDS[verb].params:
        if parameter.name == "help":
            continue
        text = " ".join((parameter.help or "").replace("\\[", "[").split())
        assert re.sub(r" \[[^\[]*\]$", "", text).endswith("."), parameter.name
        default = shown_default(parameter)
        if parameter.envvar is None:
            assert text in said, parameter.name
        if default is not None and not isinstance(parameter.default, bool):
            assert f"default: {default}]" in said, parameter.name
        needed = (
            "required here or in --config" in parameter.help,
            "[required]" in str(parameter.metavar),
            "[required]" in text,
        )
        required = parameter.required or any(needed)
        off = getattr(parameter, "is_flag", False) and not parameter.secondary_opts
        if not required and not off and default is None:
            optional = {"config", *OPTIONAL.get(verb, set())}
            assert parameter.name in optional, f"{parameter.name} has no default in the help"


def test_nothing_is_written_outside_runs_unless_asked() -> None:
    for verb, command in COMMANDS.items():
        out = next((p for p in command.params if p.name == "out"), None)
        default = None if out is None else shown_default(out)
        if default is not None:
            assert default.startswith("runs/") or default == "RUN/model-card.json", verb


def test_nothing_is_called_optional_that_shows_a_default() -> None:
    for verb, names in OPTIONAL.items():
        known = {p.name: p for p in COMMANDS[verb].params}
        for name in names:
            assert shown_default(known[name]) is None, (verb, name)


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_the_defaults_in_the_help_are_the_real_ones(verb: str) -> None:
    real: dict[str, Any] = {}
    for place in reversed(FUNCTIONS[verb]):
        module, name = place.split(":")
        signature = inspect.signature(getattr(importlib.import_module(module), name))
        real |= {k: p.default for k, p in signature.parameters.items() if p.default is not p.empty}
    checked = 0
    for parameter in COMMANDS[verb].params:
        name = parameter.name
        key = name if name in real and name != "words" else ALIASES.get(name, name)
        default = shown_default(parameter)
        if key not in real or default is None or name in ("overwrite", "as_json", "random_weights"):
            continue
        value = real[key]
        if (verb, name) in IN_WORDS:
            assert (default, value) == IN_WORDS[verb, name]
        elif isinstance(value, bool):
            words = ("yes",) if value else ()
            assert default in (str(value), f"no-{name.replace('_', '-')}", *words)
        elif value is not None or name in KNOBS:
            given = parameter.default if parameter.default is not None else default
            assert in_words(given) == in_words(value), name
        checked += 1
    assert checked >= 2
