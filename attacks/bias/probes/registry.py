"""The probes by name, as text: a probe is imported when it is asked for."""

from __future__ import annotations

from attacks.bias.probe import Probe
from clipprobe.registry import Registry

#: Every probe, and where it stands; packages outside add theirs as entry points of this group.
_PROBES: Registry[Probe] = Registry(
    "bias probe",
    {
        "association": "attacks.bias.probes.association_tests:ASSOCIATION_TESTS",
        "class-design": "attacks.bias.probes.class_design:CLASS_DESIGN",
        "clip-section-7": "attacks.bias.probes.section7:SECTION_7_PROBE",
        "label-thresholds": "attacks.bias.probes.thresholds:LABEL_THRESHOLDS",
        "occupations": "attacks.bias.probes.occupations:OCCUPATIONS",
        "retrieval": "attacks.bias.probes.retrieval:RETRIEVAL",
    },
    group="clipprobe.bias_probes",
)


def register(probe: Probe) -> Probe:
    """Make a probe known by its name."""
    return _PROBES.add(probe.name, probe)


def probe_names() -> tuple[str, ...]:
    """Names of every probe there is."""
    return tuple(_PROBES)


def get_probe(name: str) -> Probe:
    """The probe of that name.

    Raises:
        UnknownMethodError: there is none; lists those that exist.
    """
    return _PROBES[name]
