"""The least visible text that flips one image's answer: a black-box search within a budget.

Each name loads when it is first asked for.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.typographic.search.result import Flip as Flip
    from attacks.typographic.search.result import SearchResult as SearchResult
    from attacks.typographic.search.run import search_attack as search_attack
    from attacks.typographic.search.space import SearchSpace as SearchSpace

__getattr__, __dir__ = later(__name__)
