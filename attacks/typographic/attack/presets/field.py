"""Presets after the field's generators, and a sticky note as in photographed attacks."""

from __future__ import annotations

from attacks.typographic.attack.presets.record import BUNDLED

DEFENSE_PREFIX = BUNDLED["defense_prefix"]
DYSLEXIFY = BUNDLED["dyslexify"]
MULTI_IMAGE = BUNDLED["multi_image"]
SELF_GENERATED = BUNDLED["self_generated"]
STICKY_NOTE = BUNDLED["sticky_note"]
