"""Importing this module registers every layout; each family has its own file."""

from attacks.typographic.datasets import (
    colour_words,
    disentangling,
    distill,
    label_text,
    tables,
    triplets,
    typod,
)

__all__ = [
    "colour_words",
    "disentangling",
    "distill",
    "label_text",
    "tables",
    "triplets",
    "typod",
]
