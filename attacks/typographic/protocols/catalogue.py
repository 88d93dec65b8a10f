"""The six protocols of the field. Every entry was read in its source; numbers that could not be
checked there are not in here.
"""

from __future__ import annotations

from attacks.typographic.protocols.record import Protocol
from attacks.typographic.protocols.tables import (
    DISTILL_ROWS,
    DYSLEXIFY_ROWS,
    SCAM_ROWS,
    ZER0INT_ROWS,
)
from clipprobe.errors import UnknownMethodError, nearest

#: The 32 templates of SCAM: the first 32 of the 80 that OpenAI published for ImageNet.
SCAM_TEMPLATES = (
    "a bad photo of a {}.", "a photo of many {}.", "a sculpture of a {}.",
    "a photo of the hard to see {}.", "a low resolution photo of the {}.", "a rendering of a {}.",
    "graffiti of a {}.", "a bad photo of the {}.", "a cropped photo of the {}.",
    "a tattoo of a {}.", "the embroidered {}.", "a photo of a hard to see {}.",
    "a bright photo of a {}.", "a photo of a clean {}.", "a photo of a dirty {}.",
    "a dark photo of the {}.", "a drawing of a {}.", "a photo of my {}.", "the plastic {}.",
    "a photo of the cool {}.", "a close-up photo of a {}.", "a black and white photo of the {}.",
    "a painting of the {}.", "a painting of a {}.", "a pixelated photo of the {}.",
    "a sculpture of the {}.", "a bright photo of the {}.", "a cropped photo of a {}.",
    "a plastic {}.", "a photo of the dirty {}.", "a jpeg corrupted photo of a {}.",
    "a blurry photo of the {}.",
)  # fmt: skip

_ALL = (
    Protocol(
        name="scam",
        title="SCAM",
        source="Westerhoff et al. 2025, arXiv:2504.04893; main_vlm_openclip.py of Bliss-e-V/SCAM",
        candidates="pairwise",
        templates=SCAM_TEMPLATES,
        averaging="raw-mean-unit",
        ties="wrong",
        definition="share of images whose object is more similar than the attack word",
        data=("SCAM",),
        unknown="The code gives probabilities and no rule for a tie; here it counts as wrong. The "
        "published numbers were made with mixed precision and fit n=1161, one image fewer than "
        "the released data.",
        published=SCAM_ROWS,
    ),
    Protocol(
        name="defense_prefix",
        title="Defense-Prefix",
        source="Azuma and Matsui 2023, arXiv:2304.04512; eval.py of azuma164/Defense-Prefix",
        candidates="union",
        templates=("a photo of a {}.",),
        ties="first",
        definition="share of images answered with their label among all labels and words",
        data=("RTA-100", "Disentangling", "PAINT"),
        unknown="Its list of candidates stands in the order of a Python set, which is random; here "
        "it is sorted. Its table could not be checked in the source and is not shown.",
        tolerance=0.2,
    ),
    Protocol(
        name="dyslexify",
        title="Dyslexify",
        source="ICLR 2026; dyslexify/zeroshot.py and dataset/rta100.py of lowlorenz/dyslexify",
        candidates="union",
        templates=("a photo of a {}.",),
        averaging="unit-mean",
        ties="first",
        definition="share of images answered with their label among all labels and words",
        data=("RTA-100", "Disentangling", "PAINT"),
        unknown="Its list of candidates stands in the order of a Python set, which is random; here "
        "it is sorted. Its numbers were made in bfloat16.",
        tolerance=0.5,
        published=DYSLEXIFY_ROWS,
    ),
    Protocol(
        name="zer0int",
        title="zer0int typo benchmark",
        source="benchmarks/typo.py of zer0int/CLIP-fine-tune-cross-attention-read-noread",
        candidates="pairwise",
        templates=("a photo of a {}",),
        ties="right",
        definition="share of images whose object has at least the logit of the attack word",
        data=("SCAM", "RTA-100-Triplet"),
        unknown="Its numbers were made with mixed precision.",
        tolerance=0.5,
        slack=0,
        published=ZER0INT_ROWS,
    ),
    Protocol(
        name="distill",
        title="Distill (Goh et al.)",
        source="Goh et al. 2021, doi:10.23915/distill.00030; small_attacks.json and the "
        "in_the_wild files of distillpub/post--multimodal",
        candidates="full",
        templates=(),
        ties="first",
        measure="targeted_success",
        definition="share of images with a target whose answer becomes the target and was not "
        "the target when clean, where there is a clean image",
        data=("Distill in the wild",),
        unknown="The sentences of its zero-shot classifier were not published; here they are the "
        "audit's own. Its nine attacks on 1000 ImageNet images (36.4 to 95.4 %) were scored with "
        "a linear probe, so no zero-shot number stands beside them.",
        tolerance=1.5,
        slack=0,
        published=DISTILL_ROWS,
    ),
    Protocol(
        name="typod_set2",
        title="TypoD, informative captions (Set 2)",
        source="Cheng et al. 2024, arXiv:2402.19150; utils/clip_complete_semantics.py of "
        "ChaduCheng/TypoDeceptions",
        candidates="captions",
        templates=(
            'an image of {} with a word "{word}" written on top of it',
            'an image of {word} with a word "{word}" written on top of it',
            "an image of {}",
            "an image of {word}",
        ),
        ties="first",
        definition="share of images whose best of four captions names the object",
        data=("TypoD",),
        unknown="Published are gains over plain labels (30 points for ViT-B/32, 58 for ViT-L/14, "
        "n=500), no accuracies, so no row stands beside the number.",
    ),
)  # fmt: skip

PROTOCOLS: dict[str, Protocol] = {item.name: item for item in _ALL}


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownMethodError: there is none; the message lists them.
    """
    known = PROTOCOLS.get(str(name).replace("-", "_").lower())
    if known is None:
        raise UnknownMethodError(
            f"The protocol {name!r} is unknown: {nearest(str(name), PROTOCOLS)}"
        )
    return known
