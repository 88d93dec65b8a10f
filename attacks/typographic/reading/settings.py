"""Settings of an explanation: which attacks, and how heads and neurons are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from attacks.typographic.attack.knobs import KNOBS
from attacks.typographic.settings import Asking, Candidates, Classes, Writing
from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Images, Output, Random

if TYPE_CHECKING:
    from attacks.typographic.attack.attack import TypographicAttack
    from clipprobe.settings.shared import ImagesLike

    AttackLike = TypographicAttack | Mapping[str, Any]
    #: Told a step's name, the images done in it, and of how many.
    TellStep = Callable[[str, int, int], None]
else:
    ImagesLike = AttackLike = TellStep = Any

LEAST_RANDOM = 20


def knobs_of(attack: Any) -> Any:
    """The knobs of an attack as a mapping; a mapping, and None, are left as they are."""
    if attack is None or isinstance(attack, Mapping):
        return attack
    return {name: getattr(attack, name) for name in KNOBS}


@dataclass(frozen=True)
class ReadingExplanation(Candidates, Asking, Writing, Random, Output, Images):
    """Say which heads and neurons carry a written word to the answer, and check it by ablation.

    Units are ranked on one half of the images and confirmed on the other, against a nonsense
    word in the same place and against random units. Needs a vision transformer whose heads can be
    told apart; a ResNet is refused.
    """

    panel: ClassVar[str] = "Explanation"
    images: ImagesLike
    classes: Classes = None
    _: KW_ONLY
    limit: Annotated[int | None, Ge(1), Flag(default="48")] = 48
    attack: Annotated[AttackLike | None, BeforeValidator(knobs_of), Flag(where="python")] = None
    """How the word is written: an attack (its word is replaced) or its settings."""
    run: Annotated[str | Path | None, Flag(takes=Path)] = None
    """A finished run of `audit typographic`: its classes, words and attacks are explained."""
    heads: Annotated[int, Ge(1)] = 20
    """Heads that are listed and taken out; at most half of all."""
    neurons: Annotated[int, Ge(1)] = 20
    """Neurons that are patched and listed."""
    n_random: Annotated[int, Ge(LEAST_RANDOM), Flag(name="random")] = LEAST_RANDOM
    """Random sets of heads at each number of heads, and random neurons."""
    tokens: Literal["auto", "cls", "all"] = "auto"
    """Where units are patched: cls is what they hand to the class token, auto is cls where the
    model has one."""
    ablation: Literal["zero", "mean"] = "zero"
    """What heads are replaced with."""
    batch_size: Annotated[int, Ge(1)] = 16
    """Images in one forward pass."""
    progress: Annotated[TellStep | None, HOW, Flag(where="python")] = None
    """Called with a step's name, how much of it is done, and of how much."""
