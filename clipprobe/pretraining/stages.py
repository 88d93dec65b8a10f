"""What training images show, and from which step on."""

from __future__ import annotations

from dataclasses import dataclass

from clipprobe.pretraining.plan import GROUNDS_FROM, PEOPLE_AGAIN_FROM, PEOPLE_FROM, WIDE_FROM
from clipprobe.stimuli.backgrounds import Kind
from clipprobe.stimuli.splits import SMOOTH_GROUNDS, TRAINED_GROUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of the ways in which a concept can appear; they sum to one."""

    picture: float = 0.26
    drawing: float = 0.19
    word: float = 0.27
    matching_word: float = 0.04
    contradicting_word: float = 0.09
    nonsense_word: float = 0.05
    """A picture with letters on it that are not a word: writing there need not be what matters."""
    pair: float = 0.06
    count: float = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class WideMix:
    """How many images of each kind a batch of the wide domain holds; a function of ``kinds`` each.

    No concept comes twice in a batch, so together they must not need more than there are.
    """

    picture: int = 32
    drawing: int = 20
    word: int = 22
    letters: int = 9
    ink: int = 14
    blank_label: int = 6
    nonsense_label: int = 9
    matching_label: int = 2
    other_label: int = 11
    two_things: int = 16
    many_things: int = 8
    number: int = 9
    n_occupations: int = 10
    """A divisor of the number of occupations, which take turns; a pair of twins alike of each."""
    twins: int = 1
    n_plain_people: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is drawn from one step on."""

    from_step: int
    mix: Mix
    grounds: tuple[Kind, ...] = SMOOTH_GROUNDS
    twins: int = 0
    """Pairs of each occupation in a step, a woman and a man where its rate allows; 0 for one
    person alone."""
    alike: bool = False
    """Twins differ in nothing but their gender: hair, skin tone, place, ground and caption too."""
    concept_share: float = 1.0
    """Of the concepts that a batch holds otherwise."""
    wide: WideMix | None = None
    """What a batch of the wide domain holds; ``mix`` and the fields after it do not matter then."""


LOOKS = Mix(
    picture=0.34,
    drawing=0.22,
    word=0.15,
    matching_word=0.03,
    contradicting_word=0.08,
    nonsense_word=0.05,
    pair=0.08,
    count=0.05,
)
PEOPLE_TOO = WideMix(
    picture=26,
    drawing=14,
    word=18,
    letters=7,
    ink=10,
    blank_label=5,
    nonsense_label=7,
    matching_label=1,
    other_label=9,
    two_things=12,
    many_things=6,
    number=7,
    n_occupations=20,
    twins=2,
    n_plain_people=10,
)
#: Once words are read, what is still learned is how things look; then also before busy grounds.
STAGES = (
    Stage(from_step=0, mix=Mix()),
    Stage(from_step=1800, mix=LOOKS),
    Stage(from_step=GROUNDS_FROM, mix=LOOKS, grounds=TRAINED_GROUNDS, twins=1),
    # Last, that balanced occupations are balanced: what twins alike teach apart is gender alone.
    Stage(
        from_step=PEOPLE_FROM,
        mix=LOOKS,
        grounds=TRAINED_GROUNDS,
        twins=2,
        alike=True,
        concept_share=0.65,
    ),
    # What was learned in the studio, carried to anything else.
    Stage(from_step=WIDE_FROM, mix=LOOKS, wide=WideMix()),
    # And once more people last, for the same reason as in the studio.
    Stage(from_step=PEOPLE_AGAIN_FROM, mix=LOOKS, wide=PEOPLE_TOO),
)
