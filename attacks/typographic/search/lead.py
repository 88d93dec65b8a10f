"""The opening of a search: the text that was found, or that none was."""

from __future__ import annotations

from PIL import Image

from attacks.typographic.search.result import SearchResult
from clipprobe.report import Images, Lead
from clipprobe.report.words import counted, share


def lead_of(result: SearchResult, base: Image.Image, best: Image.Image | None) -> Lead:
    """The verdict of a search.

    Args:
        best: The image that was found; None where none was.
    """
    flip, nonsense = result.words.found, result.nonsense
    chance = f"Of the random tries at the largest size {counted(result.words.coarse)} flip it"
    if nonsense is not None:
        chance += f", with nonsense words {counted(nonsense.coarse)} ({share(nonsense.coarse)})"
    items = [(base, f"clean: “{result.clean_answer}”")]
    if flip is None:
        verdict = (
            f"No text of at most {result.max_area:.1%} of the pixels was found that changes the "
            f"answer “{result.clean_answer}”"
        )
        evidence = f"{result.words.queries:,} queries. {chance}. That is not proof that none does."
    else:
        text = f"“{flip.text}” turns “{result.clean_answer}” into “{flip.answer}” "
        text += f"with ink on {100 * flip.ink:.2g} % of the pixels"
        verdict = (
            f"{text}, and nonsense flips it with no more: this need not be reading"
            if result.nonsense_suffices
            else text
        )
        evidence = (
            f"The best of {result.words.queries:,} queries on one image (n = 1): such a text "
            f"exists, which says nothing about a random one. {chance}."
        )
        if best is not None:
            items.append((best, f"with “{flip.text}”: “{flip.answer}”"))
    return Lead(verdict=verdict, evidence=evidence, figure=Images(items, columns=2))
