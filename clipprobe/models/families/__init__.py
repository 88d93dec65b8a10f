"""One adapter per architecture family, and which checkpoint belongs to which.

A Hugging Face checkpoint is recognised by the ``model_type`` of its ``config.json``. A package
outside adds one through the entry-point group ``clipprobe.families``, a script through
``HF_FAMILIES.add``.
"""

from __future__ import annotations

from dataclasses import dataclass

from clipprobe.models.families.base import Family as Family
from clipprobe.models.families.hf_bert import HFAltClip, HFChineseClip
from clipprobe.models.families.hf_clip import HFClip, HFMetaClip2
from clipprobe.models.families.hf_siglip import HFSiglip, HFSiglip2
from clipprobe.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class HFFamily:
    """How one ``model_type`` of transformers is loaded."""

    model_class: str
    """Class in transformers."""
    adapter: type[Family]
    examples: str
    """What a user knows it by."""
    pad_to_context: bool = False
    """Whether texts are padded to the full context (SigLIP), as in training."""


CLIP = HFFamily(
    model_class="CLIPModel",
    adapter=HFClip,
    examples="CLIP: OpenAI, LAION, DFN, MetaCLIP and their fine-tunes",
)
METACLIP_2 = HFFamily(model_class="MetaClip2Model", adapter=HFMetaClip2, examples="MetaCLIP 2")
SIGLIP = HFFamily(
    model_class="SiglipModel",
    adapter=HFSiglip,
    examples="SigLIP, and SigLIP 2 at a fixed resolution",
    pad_to_context=True,
)
SIGLIP_2 = HFFamily(
    model_class="Siglip2Model",
    adapter=HFSiglip2,
    examples="SigLIP 2 NaFlex (any aspect ratio)",
    pad_to_context=True,
)
ALTCLIP = HFFamily(model_class="AltCLIPModel", adapter=HFAltClip, examples="AltCLIP")
CHINESE_CLIP = HFFamily(
    model_class="ChineseCLIPModel", adapter=HFChineseClip, examples="Chinese-CLIP"
)

HF_FAMILIES: Registry[HFFamily] = Registry(
    "model family",
    {
        "clip": f"{__name__}:CLIP",
        "metaclip_2": f"{__name__}:METACLIP_2",
        "siglip": f"{__name__}:SIGLIP",
        "siglip2": f"{__name__}:SIGLIP_2",
        "altclip": f"{__name__}:ALTCLIP",
        "chinese_clip": f"{__name__}:CHINESE_CLIP",
    },
    group="clipprobe.families",
    help="Another package adds one through the entry points of clipprobe.families.",
)
"""``model_type`` -> how it is loaded."""
