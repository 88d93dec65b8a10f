"""Does the model name the ink, or read the word?

:func:`audit_stroop` shows colour words in coloured ink (its own cards, or a folder of
``{ink}_{word}.png``), asks for the ink and for the word, and compares with a control word that is
no colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from attacks.typographic.rendering.render import PILLOW, Encoder, ahead
from attacks.typographic.stroop.cards import Deck, checked_colours
from attacks.typographic.stroop.report import build_page
from attacks.typographic.stroop.scoring import COLUMNS, columns_of
from attacks.typographic.stroop.settings import StroopAudit
from attacks.typographic.stroop.sources import Drawn, FromFolder, Shown
from attacks.typographic.stroop.summary import summarise
from clipprobe.arrays import softmax
from clipprobe.data import Failure
from clipprobe.errors import DataError, TextFitError, UnreadableImageError
from clipprobe.memory import fitting_batch
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, carry_out
from clipprobe.zeroshot.classifier import class_vectors
from clipprobe.zeroshot.prompts import check_templates

RESULTS = "results.parquet"
BATCHES_PER_PART = 8


@takes(StroopAudit)
def audit_stroop(clip: Encoder, settings: StroopAudit) -> RunView:
    """Show colour words in coloured ink and ask for the ink, and for the word.

    Every card is encoded once and asked both questions. The same arguments give the same bytes,
    whatever the number of workers; an interrupted audit goes on where it stopped.

    Returns:
        The finished run; ``run.summary`` holds the numbers, ``results.parquet`` every answer.
    Raises:
        ConfigError, DataError, GlyphError, NoReadableImagesError, RunFolderError: see the message.
    """
    return carry_out(STROOP, settings, clip).run


def cards_of(settings: StroopAudit) -> Deck | FromFolder:
    """The cards that are drawn, or those of a folder; refused where they cannot be shown or asked.

    Raises:
        ConfigError, DataError, GlyphError: see the message.
    """
    inks = checked_colours(settings.colours)
    asked = {
        "ink": check_templates(settings.ink_templates),
        "word": check_templates(settings.word_templates),
    }
    cards: Deck | FromFolder
    if settings.images is None:
        cards = Deck(
            colours=inks,
            control=settings.control,
            nonsense=settings.nonsense,
            presentations=tuple(settings.presentations),
            fonts=tuple(settings.fonts),
            sizes=tuple(settings.sizes),
            grounds=tuple(settings.grounds),
            variants=settings.variants,
            seed=settings.seed,
        )
        cards.check()
        colours, words = list(inks), [*inks, settings.control]  # without nonsense
    else:
        named = None if settings.colours is None else list(inks)
        cards = FromFolder.open(settings.images, named, settings.control)
        colours, words = cards.inks(), cards.words()
    refuse_person_groups(
        [*in_sentences(colours, asked["ink"]), *in_sentences(words, asked["word"])],
        "audit stroop, which lists every answer,",
    )
    return cards


def prepare_stroop(settings: StroopAudit, clip: Encoder) -> Plan[None]:
    """Refuse cards that cannot be shown or asked, and plan the audit."""
    cards = cards_of(settings)
    source: Drawn | FromFolder = (
        Drawn(cards, side=int(getattr(clip.preprocess, "size", 224)))
        if isinstance(cards, Deck)
        else cards
    )
    fitting_batch(clip, settings.batch_size, len(source.shown()))
    config = {
        "model": clip.provenance()["model"],
        **source.config(),
        "ink_templates": list(settings.ink_templates),
        "word_templates": list(settings.word_templates),
        **PILLOW,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
    }
    return Plan(
        config=config,
        execute=lambda run: _execute(run, clip, source, settings),
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=source.dataset(),
    )


def _execute(
    run: Run, clip: Encoder, source: Drawn | FromFolder, settings: StroopAudit
) -> Outcome[None]:
    import pyarrow as pa

    shown = source.shown()
    inks, words = source.inks(), source.words()
    vectors = {
        "ink": class_vectors(clip, inks, settings.ink_templates),
        "word": class_vectors(clip, words, settings.word_templates),
    }
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    tables, failed, step = [], [], settings.batch_size * BATCHES_PER_PART
    for start in range(0, len(shown), step):
        part, name = shown[start : start + step], f"parts/{start // step:07d}"
        if not run.has(f"{name}.json", f"{name}.parquet"):
            rows, problems = _rows(
                clip, source, part, vectors, inks, words, settings.batch_size, settings.workers
            )
            run.write_json(f"{name}.json", [problem.to_json() for problem in problems])
            run.write_table(f"{name}.parquet", pa.Table.from_pylist(rows, schema=schema))
        failed += [Failure(**item) for item in run.read_json(f"{name}.json")]
        tables.append(run.read_table(f"{name}.parquet"))
        if settings.progress is not None:
            settings.progress(min(start + step, len(shown)), len(shown))
    table = pa.concat_tables(tables)
    if not table.num_rows:
        raise DataError(
            f"Not one of {len(shown)} cards could be used ({failed[0].id!r}: {failed[0].reason})."
        )
    summary = summarise(columns_of(table.to_pylist()), inks=inks, seed=settings.seed)
    skipped = source.skipped()
    summary["n"].update(failed=len(failed), skipped=len(skipped))
    return Outcome(
        value=None,
        files=[(RESULTS, table)],
        summary=lambda: summary,
        page=lambda run: build_page(run, source, clip.provenance()),
        used=table.num_rows,
        skipped=len(skipped),
        failed=len(failed),
        failures=[*failed, *skipped],
    )


def _rows(
    clip: Encoder,
    source: Drawn | FromFolder,
    shown: Sequence[Shown],
    vectors: Mapping[str, Any],
    inks: Sequence[str],
    words: Sequence[str],
    batch_size: int,
    workers: int,
) -> tuple[list[dict[str, Any]], list[Failure]]:
    """The rows of some cards in order, and those that could not be shown."""
    problems: list[Failure] = []

    def attempt(card: Shown) -> tuple[Shown, Any]:
        try:
            return card, source.picture(card)
        except (UnreadableImageError, TextFitError) as error:
            return card, Failure(card.id, str(error))

    def usable() -> Iterator[tuple[Shown, Any]]:
        for card, picture in ahead(attempt, shown, workers=workers, window=batch_size + workers):
            if isinstance(picture, Failure):
                problems.append(picture)
            else:
                yield card, picture

    rows: list[dict[str, Any]] = []
    pictures = usable()
    while batch := list(islice(pictures, batch_size)):
        encoded = clip.encode_images([picture for _, picture in batch], batch_size=batch_size)
        logits = {name: clip.logits(encoded, found) for name, found in vectors.items()}
        for i, (card, _) in enumerate(batch):
            p = {
                name: dict(zip(answers, softmax(logits[name][i]).tolist(), strict=True))
                for name, answers in (("ink", inks), ("word", words))
            }
            rows.append(
                {
                    **card.facts(),
                    "ink_answer": inks[int(logits["ink"][i].argmax())],
                    "p_ink": p["ink"].get(card.ink),
                    "p_word": p["ink"].get(card.word),
                    "word_answer": words[int(logits["word"][i].argmax())],
                    "p_read": p["word"].get(card.word),
                }
            )
    return rows, problems


STROOP = Study(
    kind="stroop", settings=StroopAudit, prepare=prepare_stroop, headline="reading_effect"
)
