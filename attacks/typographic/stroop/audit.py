"""Does the model name the ink, or read the word?

:func:`audit_stroop` shows colour words in coloured ink (its own cards, or a folder of
``{ink}_{word}.png``), asks for the ink and for the word, and compares with a control word that is
no colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from attacks.typographic.rendering.render import Encoder, ahead
from attacks.typographic.rendering.settings import whole
from attacks.typographic.scoring.rows import class_vectors
from attacks.typographic.stroop.cards import (
    CONTROL,
    FONTS,
    GROUNDS,
    PRESENTATIONS,
    SIZES,
    Deck,
    checked_colours,
)
from attacks.typographic.stroop.report import write_report
from attacks.typographic.stroop.scoring import COLUMNS, columns_of
from attacks.typographic.stroop.sources import Drawn, FromFolder, Shown
from attacks.typographic.stroop.summary import summarise
from clipprobe.data import Failure
from clipprobe.errors import DataError, TextFitError, UnreadableImageError
from clipprobe.memory import fitting_batch
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.runs import Run, RunView, load_run
from clipprobe.stimuli.text.draw import Color
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates

KIND = "stroop"
RESULTS = "results.parquet"
#: The sentence of Goh et al. 2021.
INK_TEMPLATES = ("my favorite word, written in the color {}",)
WORD_TEMPLATES = ("the word {}", "text that reads {}")
BATCHES_PER_PART = 8


def audit_stroop(
    clip: Encoder,
    *,
    out: str | Path,
    images: str | Path | None = None,
    colours: Mapping[str, Color] | Sequence[str] | None = None,
    control: str = CONTROL,
    nonsense: int = 2,
    presentations: Sequence[str] = PRESENTATIONS,
    fonts: Sequence[str] = FONTS,
    sizes: Sequence[float] = SIZES,
    grounds: Sequence[Color] = GROUNDS,
    variants: int = 4,
    ink_templates: Sequence[str] = INK_TEMPLATES,
    word_templates: Sequence[str] = WORD_TEMPLATES,
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 2,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> RunView:
    """Show colour words in coloured ink and ask for the ink, and for the word.

    Every card is encoded once and asked both questions. The same arguments give the same bytes,
    whatever the number of workers; an interrupted audit goes on where it stopped.

    Args:
        clip: A loaded model.
        out: The run folder.
        images: A folder of ``{ink}_{word}.png`` to use instead of drawn cards; its sub-folders
            (``stroop_mir``, ``stroop_inv``) are presentations of their own.
        colours: Names of the inks, or names with values; default: the eight of Goh et al. 2021.
        control: A word that is no colour.
        nonsense: How many nonsense words.
        presentations: Of ``upright``, ``mirrored``, ``inverted`` (upside down) and ``negative``
            (figure and ground exchanged).
        fonts, sizes, grounds: What the variants are made of; sizes are fractions of the side.
        variants: Cards of each ink, word and presentation.
        ink_templates, word_templates: The two questions; ``{}`` is the colour, or the word.
        seed: Decides places and nonsense words.
        batch_size: Cards in one forward pass.
        workers: Threads that draw beside the model.
        overwrite: Empty a folder that holds another run.
        progress: Called with the number of cards that are finished, and of all.
    Returns:
        The finished run; ``run.summary`` holds the numbers, ``results.parquet`` every answer.
    Raises:
        ConfigError, DataError, GlyphError, NoReadableImagesError, RunFolderError: see the message.
    """
    asked = {"ink": check_templates(ink_templates), "word": check_templates(word_templates)}
    inks = checked_colours(colours)
    source: Drawn | FromFolder
    if images is None:
        deck = Deck(
            colours=inks,
            control=control,
            nonsense=whole(nonsense, "nonsense"),
            presentations=tuple(presentations),
            fonts=tuple(fonts),
            sizes=tuple(sizes),
            grounds=tuple(grounds),
            variants=whole(variants, "variants", least=1),
            seed=whole(seed, "seed"),
        )
        deck.check()
        source = Drawn(deck, side=int(getattr(clip.preprocess, "size", 224)))
    else:
        source = FromFolder.open(images, None if colours is None else list(inks), control)
    named = [*source.inks(), control] if images is None else source.words()  # without nonsense
    refuse_person_groups(
        [*in_sentences(source.inks(), asked["ink"]), *in_sentences(named, asked["word"])],
        "audit stroop, which lists every answer,",
    )
    size = whole(batch_size, "batch_size", least=1)
    fitting_batch(clip, size, len(source.shown()))
    config = {
        "model": clip.provenance()["model"],
        **source.config(),
        "ink_templates": list(asked["ink"]),
        "word_templates": list(asked["word"]),
        "pillow": PIL.__version__,
        "batch_size": size,
        "seed": whole(seed, "seed"),
    }
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if not run.complete:
            _execute(run, clip, source, asked, size, whole(workers, "workers"), progress)
        return load_run(run.path)


def _execute(
    run: Run,
    clip: Encoder,
    source: Drawn | FromFolder,
    asked: Mapping[str, Sequence[str]],
    batch_size: int,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    import pyarrow as pa

    shown = source.shown()
    seed = int(run.config["seed"])
    inks, words = source.inks(), source.words()
    vectors = {
        "ink": class_vectors(clip, Classes(inks), asked["ink"]),
        "word": class_vectors(clip, Classes(words), asked["word"]),
    }
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    tables, failed, step = [], [], batch_size * BATCHES_PER_PART
    for start in range(0, len(shown), step):
        part, name = shown[start : start + step], f"parts/{start // step:07d}"
        if not run.has(f"{name}.json", f"{name}.parquet"):
            rows, problems = _rows(clip, source, part, vectors, inks, words, batch_size, workers)
            run.write_json(f"{name}.json", [problem.to_json() for problem in problems])
            run.write_table(f"{name}.parquet", pa.Table.from_pylist(rows, schema=schema))
        failed += [Failure(**item) for item in run.read_json(f"{name}.json")]
        tables.append(run.read_table(f"{name}.parquet"))
        if progress is not None:
            progress(min(start + step, len(shown)), len(shown))
    table = pa.concat_tables(tables)
    if not table.num_rows:
        run.abandon()
        raise DataError(
            f"Not one of {len(shown)} cards could be used ({failed[0].id!r}: {failed[0].reason})."
        )
    run.write_table(RESULTS, table)
    summary = summarise(columns_of(table.to_pylist()), inks=inks, seed=seed)
    skipped = source.skipped()
    summary["n"].update(failed=len(failed), skipped=len(skipped))
    run.write_json("summary.json", summary)
    provenance = clip.provenance()
    write_report(run, source, provenance)
    run.finish(
        provenance=provenance,
        counts={"used": table.num_rows, "skipped": len(skipped), "failed": len(failed)},
        failures=[item.to_json() for item in [*failed, *skipped]],
        seed=seed,
        dataset=source.dataset(),
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
            p = {name: dict(zip((inks, words)[name == "word"], _softmax(found[i]), strict=True))
                 for name, found in logits.items()}  # fmt: skip
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


def _softmax(logits: Any) -> list[float]:
    weights = np.exp(logits.astype(np.float64) - float(logits.max()))
    return [float(p) for p in weights / weights.sum()]
