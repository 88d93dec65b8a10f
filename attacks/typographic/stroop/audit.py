"""Does the model name the ink, or read the word?

:func:`audit_stroop` shows colour words in coloured ink (its own cards, or a folder of
``{ink}_{word}.png``), asks for the ink and for the word, and compares with a control word that is
not a colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.rendering.render import Encoder
from attacks.typographic.rendering.unwritten import Unwritten, left_out, require_some, unwritten
from attacks.typographic.stroop.cards import Deck, checked_colours
from attacks.typographic.stroop.report import build_page
from attacks.typographic.stroop.settings import StroopAudit
from attacks.typographic.stroop.sources import CardImage, Cards, cards_of_folder, drawn_cards
from attacks.typographic.stroop.summary import COLUMNS, columns_of, summarise
from clipprobe.arrays import softmax
from clipprobe.data import Failure
from clipprobe.data.images import batches
from clipprobe.data.stream import ahead
from clipprobe.errors import DataError, TextFitError, UnreadableImageError
from clipprobe.memory import fitting_batch
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.stimuli import PILLOW
from clipprobe.stimuli.text import font_info, placeholder
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
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


def cards_of(settings: StroopAudit, side: int = 224) -> Cards:
    """The cards, drawn or those of a folder; refused where they cannot be shown or asked.

    Args:
        side: Of drawn cards, in pixels.
    Raises:
        ConfigError, DataError, GlyphError: see the message.
    """
    inks = checked_colours(settings.colours)
    templates = [check_templates(t) for t in (settings.ink_templates, settings.word_templates)]
    notes: tuple[str, ...] = ()
    if settings.images is None:
        fonts = tuple(font_info(font).name for font in settings.fonts)
        why: Unwritten = {}
        for font in fonts:
            why |= unwritten(TypographicAttack(word=placeholder(font), font=font), inks)
        require_some(inks, why, 2)
        notes = tuple(left_out(why))
        inks = {name: ink for name, ink in inks.items() if name not in why}
        deck = Deck(
            colours=inks,
            control=settings.control,
            nonsense=settings.nonsense,
            presentations=tuple(settings.presentations),
            fonts=fonts,
            sizes=tuple(settings.sizes),
            grounds=tuple(settings.grounds),
            variants=settings.variants,
            seed=settings.seed,
        )
        deck.check()
        cards, words = drawn_cards(deck, side), [*inks, settings.control]  # without nonsense
    else:
        inks_named = None if settings.colours is None else list(inks)
        cards = cards_of_folder(settings.images, inks_named, settings.control)
        words = cards.words
    refuse_person_groups(
        [*in_sentences(cards.inks, templates[0]), *in_sentences(words, templates[1])],
        "audit stroop, which lists every answer,",
    )
    return replace(cards, notes=notes)


def prepare_stroop(settings: StroopAudit, clip: Encoder) -> Plan[None]:
    """Refuse cards that cannot be shown or asked, and plan the audit."""
    cards = cards_of(settings, int(getattr(clip.preprocess, "size", 224)))
    fitting_batch(clip, settings.batch_size, len(cards.cards))
    config = {
        "model": clip.provenance()["model"],
        **cards.config,
        "ink_templates": list(settings.ink_templates),
        "word_templates": list(settings.word_templates),
        **PILLOW,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
    }
    return Plan(
        config=config,
        execute=lambda run: _execute(run, clip, cards, settings),
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=cards.dataset,
        workload=lambda: Workload(
            images=len(cards.cards),
            texts=len(set(cards.inks)) * len(settings.ink_templates)
            + len(set(cards.words)) * len(settings.word_templates),
        ),
    )


def _execute(run: Run, clip: Encoder, cards: Cards, settings: StroopAudit) -> Outcome[None]:
    import pyarrow as pa

    vectors = {
        "ink": class_vectors(clip, cards.inks, settings.ink_templates),
        "word": class_vectors(clip, cards.words, settings.word_templates),
    }
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    tables, failed, step = [], [], settings.batch_size * BATCHES_PER_PART
    for start in range(0, len(cards.cards), step):
        name = f"parts/{start // step:07d}"
        if not run.has(f"{name}.json", f"{name}.parquet"):
            part = replace(cards, cards=cards.cards[start : start + step])
            rows, problems = _rows(clip, part, vectors, settings.batch_size, settings.workers)
            run.write_json(f"{name}.json", problems)
            run.write_table(f"{name}.parquet", pa.Table.from_pylist(rows, schema=schema))
        failed += [Failure(**item) for item in run.read_json(f"{name}.json")]
        tables.append(run.read_table(f"{name}.parquet"))
        if settings.progress is not None:
            settings.progress(min(start + step, len(cards.cards)), len(cards.cards))
    table = pa.concat_tables(tables)
    if not table.num_rows:
        raise DataError(
            f"Not one of {len(cards.cards)} cards could be used ({failed[0].id!r}: "
            f"{failed[0].reason})."
        )
    summary = summarise(columns_of(table.to_pylist()), inks=cards.inks, seed=settings.seed)
    summary["n"].update(failed=len(failed), skipped=len(cards.skipped))
    summary["warnings"] += cards.notes
    return Outcome(
        value=None,
        files=[(RESULTS, table)],
        summary=lambda: summary,
        page=lambda run: build_page(run, cards, clip.provenance()),
        used=table.num_rows,
        skipped=len(cards.skipped),
        failed=len(failed),
        failures=[*failed, *cards.skipped],
    )


def _rows(
    clip: Encoder, cards: Cards, vectors: Mapping[str, Any], batch_size: int, workers: int
) -> tuple[list[dict[str, Any]], list[Failure]]:
    """The rows of some cards in order, and those that could not be shown."""
    problems: list[Failure] = []

    def attempt(card: CardImage) -> tuple[CardImage, Any]:
        try:
            return card, card.image()
        except (UnreadableImageError, TextFitError) as error:
            return card, Failure(card.id, str(error))

    def usable() -> Iterator[tuple[CardImage, Any]]:
        window = batch_size + workers
        for card, image in ahead(attempt, cards.cards, workers=workers, window=window):
            if isinstance(image, Failure):
                problems.append(image)
            else:
                yield card, image

    rows: list[dict[str, Any]] = []
    for batch in batches(usable(), batch_size):
        encoded = clip.encode_images([pixels for _, pixels in batch], batch_size=batch_size)
        logits = {name: clip.logits(encoded, texts) for name, texts in vectors.items()}
        for i, (card, _) in enumerate(batch):
            p = {
                name: dict(zip(answers, softmax(logits[name][i]).tolist(), strict=True))
                for name, answers in (("ink", cards.inks), ("word", cards.words))
            }
            rows.append(
                {
                    **card.facts(),
                    "ink_answer": cards.inks[int(logits["ink"][i].argmax())],
                    "p_ink": p["ink"].get(card.ink),
                    "p_word": p["ink"].get(card.word),
                    "word_answer": cards.words[int(logits["word"][i].argmax())],
                    "p_read": p["word"].get(card.word),
                }
            )
    return rows, problems


STROOP = Study(
    kind="stroop", settings=StroopAudit, prepare=prepare_stroop, headline="reading_effect"
)
