"""What is refused, in which words: one sentence that says what to give."""

from __future__ import annotations

from typing import Any

import pytest
from settings.toys import Needy, Several, Toy

from clipprobe.errors import ConfigError, DataError
from clipprobe.settings.wording import WORDED


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
    with pytest.raises(ConfigError, match=r"^No setting .* give each by name, as in files=…$"):
        Several("a")  # type: ignore[call-arg, misc]
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
