"""Units whose profile over all concepts agrees between picture, drawing and word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import SEED, Ability

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.multimodality.scoring.profile import ProfileCount

PER_CONCEPT = 6
_TEST = (
    "whose mean activation ranks the concepts alike in picture, drawing and word (Spearman, the "
    "largest of three one-sided p, Benjamini-Hochberg over the units, q < 0.05)"
)


def profiles(clip: Clip) -> list[Ability]:
    """Shares at the embedding and in the residual stream after the last two blocks."""
    from clipprobe.neurons.multimodality import bundled_probes
    from clipprobe.neurons.multimodality.scoring.profile import run_profiles

    size = max(64, clip.image_size)
    probes = bundled_probes(per_concept=PER_CONCEPT, seed=SEED, size_px=size)
    last = len(clip.anatomy.vision.blocks) - 1
    blocks = {
        f"vision.blocks.{last}.resid_post": ("last_residual", "the last block"),
        f"vision.blocks.{last - 1}.resid_post": ("residual_before", "the last block but one"),
    }
    pools = {"vision.projected": "none", **dict.fromkeys(blocks, "cls")}
    embedding, *after = run_profiles(clip, probes, pools, seed=SEED)
    counts = {one.site: one for one in after}
    abilities = _of_count("embedding", f"dimensions of the image embedding {_TEST}", embedding)
    for site, (name, block) in blocks.items():
        what = f"dimensions of the class token after {block} {_TEST}"
        abilities += _of_count(name, what, counts[site])
    return abilities


def _of_count(name: str, what: str, count: ProfileCount) -> list[Ability]:
    n = count.share.n
    random = round(count.random.value * count.random.n)
    rows = [
        ("", f"share of {what}: {count.n_units} of {n}", count.share),
        (
            "_random",
            f"the same share for the same network at random weights: {random} of {count.random.n}",
            count.random,
        ),
    ]
    for suffix, whose, one in (
        ("_words_shuffled", "the concepts of the words", count.one_shuffled),
        ("_all_shuffled", "those of every modality", count.all_shuffled),
    ):
        meaning = (
            f"the same share with {whose} shuffled: {one} of {n}, mean ± sd of {one.share.n} "
            f"shuffles; as many as seen or more: one-sided p = {one.p:.2g}"
        )
        rows.append((suffix, meaning, one.share))
    return [
        Ability(name=f"profile_{name}{suffix}", meaning=meaning, estimate=share)
        for suffix, meaning, share in rows
    ]
