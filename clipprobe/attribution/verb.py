"""``clipprobe explain``: where in an image a score, or a neuron's activation, comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clipprobe.attribution.registry import settings_of_each, shared_pass
from clipprobe.attribution.settings import Explaining
from clipprobe.attribution.terminal import (
    faithful_lines,
    interaction_lines,
    numbers,
    part_lines,
    sentences,
    word_lines,
)
from clipprobe.attribution.writing import ScoreFindings, check_suffix, write_explained
from clipprobe.cli.common import load_model, read_image, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.runs.files import check_file
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.attribution.explanation import Explanation
    from clipprobe.models import Clip


def explain(settings: Explaining, model: Model, terminal: Terminal) -> None:
    """Explain one score by one method or several, and print or draw the maps."""
    text, out = list(settings.text), settings.out
    if bool(text) == bool(settings.unit):
        raise ConfigError(
            "Either a text or --unit must be given, and not both: for example "
            '`clipprobe explain dog.png "a dog"`.'
        )
    if not all(one.strip() for one in text):
        raise ConfigError('TEXT is empty: say what the image is explained by, as in "a dog".')
    if out is not None:
        check_suffix(out)
    if settings.unit and (settings.words or settings.interactions or settings.parts):
        raise ConfigError(
            "--words, --interactions and --parts take a text apart, and a unit was given."
        )
    if settings.faithfulness and len(text) != 1:
        raise ConfigError(
            f"--faithfulness measures maps by the cosine with one text, and "
            f"{'a unit was' if settings.unit else f'{len(text)} texts were'} given: give one text."
        )
    refuse_person_groups([*text, *settings.against], "explain")  # before a model is loaded
    # Before a model is loaded: a wrong method, an image or a place that cannot be used.
    method_settings = settings.of_methods()
    methods = settings_of_each(settings.method, method_settings)
    read_image(settings.image)
    if out is not None:
        check_file(out)
    from clipprobe.hooks.names import parse_unit  # which loads torch: not for --help

    target: Any = parse_unit(settings.unit) if settings.unit else text
    clip = load_model(model)
    from clipprobe.attribution.explaining import default_method, explain_many

    methods_used = methods or {default_method(clip, target): method_settings}
    if text and out is not None and out.suffix.lower() == ".html" and not methods:
        # Choosing is what a page is for, and these share one pass.
        methods_used |= {name: {} for name in shared_pass(clip) if name not in methods_used}
    explanations = explain_many(
        clip,
        [settings.image],
        [target],
        methods_used,
        against=list(settings.against) or None,
        centre=settings.centre,
        pool=settings.pool,
    )
    maps = [rows[0] for rows in explanations.values()]
    more = list(_more(clip, settings, (text or [""])[0], maps))
    if out is not None:
        values = {part.field: part.value for part in more}
        write_explained(clip, ScoreFindings(image=settings.image, maps=maps, **values), out)
        say(f"The map is {out}: orange raises the score, blue lowers it.")
    printed_maps = maps if methods else maps[:1]
    for one in printed_maps:
        if one.caution:
            say(f"Caution: {one.caution}.")
    others = {"others": [numbers(one) for one in printed_maps[1:]]} if printed_maps[1:] else {}
    result(
        numbers(printed_maps[0]) | others | {part.key: part.data for part in more},
        as_json=terminal.as_json,
        text=lambda: "\n".join(
            [*(sentences(one) for one in printed_maps), *(part.lines for part in more)]
        ),
    )


class _Part(NamedTuple):
    """One more thing that was asked of a score."""

    field: str
    """Of :class:`ScoreFindings`."""
    key: str
    """In the JSON of the command."""
    value: Any
    data: Any
    lines: str


def _more(
    clip: Clip, settings: Explaining, text: str, maps: Sequence[Explanation]
) -> Iterator[_Part]:
    """Words, pairs of patches and words, parts and faithfulness, as far as they are wanted."""
    image = settings.image
    if settings.words is not None:
        from clipprobe.attribution import explain_words

        words = explain_words(clip, image, text, settings.words)[0]
        yield _Part("words", "words", words, words.to_json(), word_lines(words))
    if settings.interactions:
        from clipprobe.attribution.interactions import interactions

        pairs = interactions(clip, image, text)
        yield _Part("pairs", "interactions", pairs, pairs.to_json(), interaction_lines(pairs))
    if settings.parts:
        from clipprobe.attribution.decomposition import decompose

        parts, direction = decompose(clip, image), clip.encode_texts([text])[0]
        ranked = dict(parts.ranked(direction, 50))
        yield _Part("parts", "parts", parts, ranked, part_lines(parts, direction))
    if settings.faithfulness:
        from clipprobe.attribution.faithfulness import image_faithfulness

        faithful = image_faithfulness(clip, image, text, maps)
        yield _Part(
            "faithful", "faithfulness", faithful, faithful.to_json(), faithful_lines(faithful)
        )


EXPLAIN = Verb(explain, (Explaining, Model, Terminal))
