"""What does this CLIP model see, why, and where does it break?

The public names load lazily: importing this package imports no torch, so that the command line
answers at once.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later
from clipprobe.version import __version__ as __version__

if TYPE_CHECKING:
    from clipprobe.attribution import attribution_methods as attribution_methods
    from clipprobe.attribution import explain as explain
    from clipprobe.attribution import explain_batch as explain_batch
    from clipprobe.attribution import explain_words as explain_words
    from clipprobe.attribution.decomposition import decompose as decompose
    from clipprobe.attribution.faithfulness import faithfulness as faithfulness
    from clipprobe.attribution.interactions import interactions as interactions
    from clipprobe.edits import Edit as Edit
    from clipprobe.edits import direction as direction
    from clipprobe.edits import load_edit as load_edit
    from clipprobe.hooks.capture import capture as capture
    from clipprobe.hooks.changes import At as At
    from clipprobe.hooks.changes import Mean as Mean
    from clipprobe.hooks.changes import Patch as Patch
    from clipprobe.hooks.changes import Scale as Scale
    from clipprobe.hooks.changes import Steer as Steer
    from clipprobe.hooks.changes import Zero as Zero
    from clipprobe.hooks.intervene import intervene as intervene
    from clipprobe.models import Clip as Clip
    from clipprobe.models import load as load
    from clipprobe.models.activations import activations as activations
    from clipprobe.neurons import Atlas as Atlas
    from clipprobe.neurons import scan as scan
    from clipprobe.neurons import scan_texts as scan_texts
    from clipprobe.neurons.captions import text_prompts as text_prompts
    from clipprobe.neurons.captions import vision_captions as vision_captions
    from clipprobe.neurons.circuits import logit_lens as logit_lens
    from clipprobe.neurons.circuits import patch_sweep as patch_sweep
    from clipprobe.neurons.circuits import path_patch as path_patch
    from clipprobe.neurons.effects import attribution_patching as attribution_patching
    from clipprobe.neurons.effects import similar_units as similar_units
    from clipprobe.neurons.effects import total_effects as total_effects
    from clipprobe.neurons.effects.directions import unit_direction as unit_direction
    from clipprobe.neurons.labels import label_units as label_units
    from clipprobe.neurons.multimodality import count_multimodal as count_multimodal
    from clipprobe.neurons.multimodality import multimodality as multimodality
    from clipprobe.neurons.words import word_probe as word_probe
    from clipprobe.zeroshot.scores import score_null as score_null

__getattr__, __dir__ = later(__name__)
