"""How many units reach a score in every modality, beside shuffled concepts and no learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.multimodality.bundled import bundled_probes
from clipprobe.neurons.multimodality.claims import Claim, claims_of
from clipprobe.neurons.multimodality.contents import STRONG
from clipprobe.neurons.multimodality.probes import Concepts, Probes
from clipprobe.neurons.multimodality.result import Multimodality
from clipprobe.neurons.multimodality.run import multimodality
from clipprobe.neurons.multimodality.scoring.shuffles import ShuffledCount
from clipprobe.neurons.multimodality.settings import LATE_CLS
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, wilson

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class MultimodalCount(AsJson):
    """Units whose confirmed AUROC for one concept reaches ``threshold`` in every modality.

    Attributes:
        threshold, alpha: What counts.
        units: Share of units that reach the threshold and have q at most alpha, by the headline
            p (whole concepts and images permuted); ``units.n`` is how many were tested.
        units_images: The same with q by permuting single images only.
        strong: Share of units that reach the threshold, whatever their q.
        n_units, n_units_images, n_strong: The counts behind these shares.
        one_shuffled, all_shuffled: ``n_strong`` with the concepts of the written words shuffled
            (of the last modality where none is called ``word``), and with those of every modality.
            A count that is not beyond these is not evidence of multimodal units.
        claims: ``each``, ``exact`` and ``profile`` (see ``claims``), each beside its controls.
        n_concepts: Concepts whose best unit beats the best of all units under permutation, with q
            at most alpha over the concepts.
        random_units, random_units_images, random_strong: The same for the random twin.
        n_images: Images that were run; half of them chose the concepts.
        provenance: Model, data, settings and versions.
    """

    threshold: float
    alpha: float
    units: Estimate
    units_images: Estimate
    strong: Estimate
    n_units: int
    n_units_images: int
    n_strong: int
    one_shuffled: ShuffledCount
    all_shuffled: ShuffledCount
    claims: Mapping[str, Claim]
    n_concepts: int
    random_units: Estimate
    random_units_images: Estimate
    random_strong: Estimate
    n_images: int
    provenance: dict[str, Any]


def count_multimodal(
    clip: Clip,
    concepts: Concepts | Probes | None = None,
    *,
    sites: Sequence[str] | str | None = None,
    pool: str = LATE_CLS,
    threshold: float = STRONG,
    alpha: float = 0.05,
    per_concept: int = 6,
    n_permutations: int = 2000,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> MultimodalCount:
    """Count the units that reach a score in every modality, with shuffled concepts beside them.

    Args:
        concepts: As for :func:`multimodality`; None draws ``per_concept`` images of every bundled
            concept in each modality.
        sites: None for the neurons of every block of the vision tower.
    Raises:
        As :func:`multimodality`.
    """
    probes: Any = concepts
    if concepts is None:
        size = max(64, clip.image_size)
        probes = bundled_probes(per_concept=per_concept, seed=seed, size_px=size)
    result = multimodality(
        clip,
        probes,
        sites,
        pool=pool,
        alpha=alpha,
        n_permutations=n_permutations,
        controls=["random_weights"],
        min_images=4 if per_concept >= 4 else 2,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
    )
    return count_of(result, threshold)


def count_of(result: Multimodality, threshold: float = STRONG) -> MultimodalCount:
    """The counts of a result that has both controls."""
    assert result.floor is not None and result.shuffles is not None
    units, floor = result.units, result.floor
    own_q, random_q = [units["q"], units["q_images"]], [floor.q, floor.q_images]
    counts, shares = _counted(units["score"], own_q, threshold, result.alpha)
    _, random = _counted(floor.score, random_q, threshold, result.alpha)
    one, every = result.shuffles.reaching(threshold, counts[2])
    return MultimodalCount(
        threshold=threshold,
        alpha=result.alpha,
        units=shares[0],
        units_images=shares[1],
        strong=shares[2],
        n_units=counts[0],
        n_units_images=counts[1],
        n_strong=counts[2],
        one_shuffled=one,
        all_shuffled=every,
        claims={
            name: claim
            for name, claim in claims_of(result).items()
            if name in ("each", "exact", "profile")
        },
        n_concepts=result.n_concepts_found,
        random_units=random[0],
        random_units_images=random[1],
        random_strong=random[2],
        n_images=sum(sum(images) for images in result.n_images.values()),
        provenance=result.provenance,
    )


def _counted(
    score: Any, qs: Sequence[Any], threshold: float, alpha: float
) -> tuple[list[int], list[Estimate]]:
    """Units at the threshold, by each q and by none; and their shares of those tested."""
    reach = score >= threshold
    counts = [*(int((reach & (q <= alpha)).sum()) for q in qs), int(reach.sum())]
    return counts, [wilson(count, int((score == score).sum())) for count in counts]
