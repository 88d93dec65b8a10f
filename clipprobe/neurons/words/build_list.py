"""Rebuild the bundled word list and the list of blocked words from their sources.

A maintainer's tool, not needed to use clipprobe: what it writes is part of the package. Give it a
folder with three unchanged package files, whose hashes are pinned below:

    pip download --no-deps symspellpy==6.10.1
    npm pack naughty-words@1.2.0 cuss@2.2.0
    python -m clipprobe.neurons.words.build_list PACKAGES_DIR [--out DIR]

The same files give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tarfile
import zipfile
from pathlib import Path

from clipprobe.blocked import FILE, digest, is_blocked, normalised
from clipprobe.neurons.words.lists import FOLDER, WORDS

N_WORDS = 10_000
PACKAGES = {
    "symspellpy-6.10.1-py3-none-any.whl": (
        "a653a6c125839a21ada87c3e044d690fc3b39872efbd7b7270db3de9471315e1"
    ),
    "naughty-words-1.2.0.tgz": ("c34b05e10a97ec7b9e0c3dd91d09888187c0f08d0812eaea79679795585b217e"),
    "cuss-2.2.0.tgz": ("66b19c6086d3fb3eac3769daf97dd695290ecc24b0fddbc30688418c629b776f"),
}
FREQUENCIES = "symspellpy/frequency_dictionary_en_82_765.txt"
#: Rated "likely profane" by cuss, and ordinary words, names or health words all the same.
HARMLESS = frozenset(
    "barf chunky dix dumb fatah flange gables geez geezer hobo idiot jeez jig jigs kwa looser "
    "loser pollock pom poms puke slave spit stringer stupid sucker tang tinker triplex vomit "
    "welfare willie yank yanks".split()
)
_ENTRY = re.compile(r"""^\s+(?:'([^']+)'|"([^"]+)"|([\w-]+)): ([012])""", re.MULTILINE)
_WORD = re.compile(r"[a-z]{2,}")


def read_packages(folder: Path) -> tuple[list[str], list[str], dict[str, int]]:
    """Words by frequency, the naughty words, and cuss's words with their ratings."""
    wheel, naughty, cuss = (folder / name for name in PACKAGES)
    for path in (wheel, naughty, cuss):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != PACKAGES[path.name]:
            raise SystemExit(f"{path} has the sha256 {digest}, not {PACKAGES[path.name]}.")
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(FREQUENCIES).decode("utf-8-sig").splitlines()
    ranked = sorted((line.split() for line in lines), key=lambda row: -int(row[1]))
    ratings = {
        a or b or c: int(rating)
        for a, b, c, rating in _ENTRY.findall(_member(cuss, "package/index.js"))
    }
    return [row[0] for row in ranked], json.loads(_member(naughty, "package/en.json")), ratings


def _member(path: Path, name: str) -> str:
    with tarfile.open(path) as archive:
        file = archive.extractfile(name)
        if file is None:
            raise SystemExit(f"{path} holds no file {name}.")
        return file.read().decode("utf-8")


def blocked_phrases(naughty: list[str], ratings: dict[str, int]) -> set[str]:
    """All of the first list, and what the second rates as likely profane (2)."""
    likely = {word for word, rating in ratings.items() if rating == 2} - HARMLESS
    phrases = (re.findall(r"[^\W_]+", normalised(entry)) for entry in {*naughty, *likely})
    return {" ".join(tokens) for tokens in phrases if tokens}


def main() -> None:
    """Write ``english.txt`` and ``blocked.txt``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    ranked, naughty, ratings = read_packages(options.packages)
    digests = {digest(phrase) for phrase in blocked_phrases(naughty, ratings)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / FILE.name).write_text("\n".join(sorted(digests)) + "\n", encoding="ascii")
    blocked = frozenset(digests)
    words = [word for word in ranked if _WORD.fullmatch(word) and not is_blocked(word, blocked)]
    (options.out / WORDS).write_text("\n".join(words[:N_WORDS]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
