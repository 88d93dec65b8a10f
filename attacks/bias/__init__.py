"""Social-bias audits: how image-text scores differ between perceived or annotated groups.

Definitions are in :mod:`~attacks.bias.measures.association` and
:mod:`~attacks.bias.measures.retrieval`; what the numbers cannot say is in
:mod:`~attacks.bias.report.limits` and ``docs/limits-and-ethics.md``. Each name loads when it is
first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.bias.audit import audit_bias as audit_bias
    from attacks.bias.core import cosines as cosines
    from attacks.bias.core import evaluate as evaluate
    from attacks.bias.groups.columns import GroupColumn as GroupColumn
    from attacks.bias.groups.columns import make_column as make_column
    from attacks.bias.measures.cells import Cell as Cell
    from attacks.bias.measures.disaggregated import Disaggregated as Disaggregated
    from attacks.bias.measures.disaggregated import disaggregate as disaggregate
    from attacks.bias.measures.evaluation import Evaluation as Evaluation
    from attacks.bias.measures.inference import Settings as Settings
    from attacks.bias.probes.registry import probe_names as probe_names
    from attacks.bias.report.model_card import export_model_card as export_model_card

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

_LATER = {
    "audit_bias": "attacks.bias.audit",
    **dict.fromkeys(("cosines", "evaluate"), "attacks.bias.core"),
    **dict.fromkeys(("GroupColumn", "make_column"), "attacks.bias.groups.columns"),
    "Cell": "attacks.bias.measures.cells",
    **dict.fromkeys(("Disaggregated", "disaggregate"), "attacks.bias.measures.disaggregated"),
    "Evaluation": "attacks.bias.measures.evaluation",
    "Settings": "attacks.bias.measures.inference",
    "probe_names": "attacks.bias.probes.registry",
    "export_model_card": "attacks.bias.report.model_card",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'attacks.bias' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
