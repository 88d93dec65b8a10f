"""Social-bias audits: how image-text scores differ between perceived or annotated groups.

Definitions are in :mod:`~attacks.bias.measures.association` and
:mod:`~attacks.bias.measures.retrieval`; what the numbers cannot say is in
:mod:`~attacks.bias.sections.limits` and ``docs/limits-and-ethics.md``. Each name loads when it is
first asked for.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

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

__getattr__, __dir__ = later(__name__)
