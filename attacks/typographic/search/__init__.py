"""The least visible text that flips one picture's answer: a black-box search within a budget."""

from attacks.typographic.search.result import Found, SearchResult
from attacks.typographic.search.run import search_attack
from attacks.typographic.search.space import SearchSpace

__all__ = ["Found", "SearchResult", "SearchSpace", "search_attack"]
