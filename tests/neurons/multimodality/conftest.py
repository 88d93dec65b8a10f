"""Five bundled concepts, and a run of the whole test on them."""

from __future__ import annotations

from typing import Any

import pytest

from clipprobe.neurons.multimodality import Multimodality, bundled_probes, multimodality
from clipprobe.stimuli import concepts

SITE = "vision.blocks.1.mlp.post"
FEW = concepts()[:5]


@pytest.fixture(scope="session")
def probes() -> Any:
    return bundled_probes(per_concept=4, concepts=FEW, size_px=64)


@pytest.fixture(scope="session")
def made(clip: Any, probes: Any, tmp_path_factory: pytest.TempPathFactory) -> Multimodality:
    out = tmp_path_factory.mktemp("multimodal") / "run"
    return multimodality(clip, probes, sites=[SITE], n_controls=2, out=out)
