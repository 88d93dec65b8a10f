"""How parts of a model work together: patching, paths, and what each block would answer."""

from clipprobe.neurons.circuits.lens import LogitLens as LogitLens
from clipprobe.neurons.circuits.lens import logit_lens as logit_lens
from clipprobe.neurons.circuits.paths import PathPatch as PathPatch
from clipprobe.neurons.circuits.paths import path_patch as path_patch
from clipprobe.neurons.circuits.sweep import PatchSweep as PatchSweep
from clipprobe.neurons.circuits.sweep import patch_sweep as patch_sweep
