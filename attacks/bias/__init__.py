"""Social-bias audits: how image-text scores differ between perceived or annotated groups.

Definitions are in :mod:`~attacks.bias.measures.association` and
:mod:`~attacks.bias.measures.retrieval`; what the numbers cannot say is in
:mod:`~attacks.bias.report.limits` and ``docs/limits-and-ethics.md``.
"""

from attacks.bias.audit import audit_bias
from attacks.bias.core import cosines, evaluate
from attacks.bias.groups.columns import GroupColumn, make_column
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.disaggregated import Disaggregated, disaggregate
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.probes.registry import probe_names
from attacks.bias.report.model_card import export_model_card

__all__ = [
    "Cell",
    "Disaggregated",
    "Evaluation",
    "GroupColumn",
    "Settings",
    "audit_bias",
    "cosines",
    "disaggregate",
    "evaluate",
    "export_model_card",
    "make_column",
    "probe_names",
]
