"""Settings said once: a frozen record gives the Python signature, flags, YAML keys and help.

A record declares each setting with its type, default, limits and a text; what it inherits from
:mod:`clipprobe.settings.shared` means the same in every verb. pydantic reads and checks values,
whoever gives them; a refusal is one sentence of :class:`clipprobe.errors.ConfigError`.
"""

from clipprobe.settings.described import Setting as Setting
from clipprobe.settings.described import marked as marked
from clipprobe.settings.described import settings_of as settings_of
from clipprobe.settings.marks import HOW as HOW
from clipprobe.settings.marks import PRIVATE as PRIVATE
from clipprobe.settings.marks import Flag as Flag
from clipprobe.settings.marks import Mark as Mark
from clipprobe.settings.record import Settings as Settings
from clipprobe.settings.record import check_keys as check_keys
from clipprobe.settings.takes import takes as takes
from clipprobe.settings.values import Existing as Existing
from clipprobe.settings.values import Texts as Texts
from clipprobe.settings.values import lines_if_path as lines_if_path
from clipprobe.settings.values import several as several
