"""Social-bias audits: how image-text scores differ between perceived or annotated groups.

Definitions are in :mod:`~attacks.bias.association` and :mod:`~attacks.bias.retrieval`; what the
numbers cannot say is in :mod:`~attacks.bias.limits` and ``docs/limits-and-ethics.md``.
"""

from attacks.bias.audit import audit_bias
from attacks.bias.cells import Cell
from attacks.bias.core import Evaluation, cosines, evaluate
from attacks.bias.disaggregated import Disaggregated, disaggregate
from attacks.bias.groups import GroupColumn, make_column
from attacks.bias.model_card import export_model_card
from attacks.bias.probes import probe_names
from attacks.bias.settings import Settings

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
