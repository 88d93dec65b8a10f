"""How parts of a model work together: patching, paths, and what each block would answer."""

from clipprobe.neurons.circuits.lens import LogitLens, logit_lens
from clipprobe.neurons.circuits.paths import PathPatch, path_patch
from clipprobe.neurons.circuits.sweep import PatchSweep, patch_sweep

__all__ = ["LogitLens", "PatchSweep", "PathPatch", "logit_lens", "patch_sweep", "path_patch"]
