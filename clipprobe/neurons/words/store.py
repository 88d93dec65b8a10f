"""The run folder of a word probe, written and read; ``docs/store-format.md`` has the columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.hooks.units import Site
from clipprobe.neurons.instruments.store import Lazy
from clipprobe.neurons.words.result import UNIT_ARRAYS, SiteWords, WordProbe, word_columns

if TYPE_CHECKING:
    from clipprobe.runs import Run, RunView

KIND = "words"
WORDS = "words.parquet"
TOP = "topwords.parquet"
UNITS = "units.parquet"


def values_file(site: str) -> str:
    """The arrays of one hook point: one file each, so that no more need be in memory at once."""
    return f"values/{site}.safetensors"


def values_of(run: Run | RunView, sites: Iterable[str]) -> Mapping[str, SiteWords]:
    """The numbers of each hook point, read from a run folder when asked for and then dropped."""
    return Lazy(sites, lambda site: SiteWords(**run.read_arrays(values_file(site))))


def arrays_of(site: SiteWords) -> dict[str, NDArray[Any]]:
    """The arrays of one hook point by name."""
    return {one.name: getattr(site, one.name) for one in fields(site)}


def word_table(probe: WordProbe) -> dict[str, Any]:
    """One row per word of the list: those that entered, then those left out."""
    import pyarrow as pa

    n_used = len(probe.words)
    return {
        "word": [*probe.words, *(word for word, _ in probe.left_out)],
        "used": [True] * n_used + [False] * len(probe.left_out),
        "n_shrunk": np.concatenate(
            [probe.n_shrunk, np.zeros(len(probe.left_out), np.int32)]
        ).astype(np.int32),
        "reason": pa.array([*[None] * n_used, *(why for _, why in probe.left_out)], pa.string()),
    }


def unit_tables(probe: WordProbe, top: int) -> tuple[Any, Any, list[float]]:
    """``topwords.parquet``, ``units.parquet``, and the highest z of every unit."""
    import pyarrow as pa

    k = min(top, len(probe.words))
    rows: list[dict[str, NDArray[Any]]] = []
    units: list[dict[str, NDArray[Any]]] = []
    for number, site in enumerate(probe.sites.values()):
        values = probe.values[site.name]
        order = np.stack([_ranked(values.value, k, sign) for sign in (-1.0, 1.0)], axis=1)
        unit, end, rank = np.unravel_index(np.arange(order.size), order.shape)
        rows.append(
            {
                "site": np.full(order.size, number, np.int32),
                "unit": unit.astype(np.int32),
                "end": end.astype(np.int8),
                "rank": rank.astype(np.int16),
                "word": order.ravel().astype(np.int32),
                **word_columns(values, order.ravel(), unit, probe.n_fonts),
                "n_fonts": np.full(order.size, probe.n_fonts, np.int16),
                "n_renderings": np.full(order.size, probe.n_renderings, np.int16),
            }
        )
        units.append(
            {
                "site": np.full(site.n_units, number, np.int32),
                "unit": np.arange(site.n_units, dtype=np.int32),
                **{name: getattr(values, name) for name in UNIT_ARRAYS},
            }
        )

    def joined(parts: list[dict[str, NDArray[Any]]], **texts: Iterable[str]) -> Any:
        table: dict[str, Any] = {
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        }
        for name, known in texts.items():
            codes = pa.array(table[name])
            table[name] = pa.DictionaryArray.from_arrays(codes, pa.array(list(known)))
        return pa.table(table)

    highest = [score for part in rows for score in part["z"][:: 2 * k].tolist()]
    tops = joined(rows, site=probe.sites, end=("top", "bottom"), word=probe.words)
    return tops, joined(units, site=probe.sites), highest


def read_run(run: RunView) -> WordProbe:
    """Read a word probe from its run."""
    config = run.manifest["config"]
    sites = {data["name"]: Site.from_json(data) for data in config["sites"]}
    rows = run.read_table(WORDS).to_pylist()
    used = [row for row in rows if row["used"]]
    return WordProbe(
        sites=sites,
        words=tuple(row["word"] for row in used),
        left_out=tuple((row["word"], row["reason"]) for row in rows if not row["used"]),
        n_shrunk=np.array([row["n_shrunk"] for row in used], np.int32),
        n_scrambled=int(run.summary["n_scrambled"]),
        values=values_of(run, sites),
        config=config,
        versions=run.manifest["versions"],
        path=run.path,
        store=run,
    )


def chunk_file(number: int) -> str:
    """Where the results of one chunk of words wait."""
    return f"parts/{number:05d}.safetensors"


def gather(run: Run, n_chunks: int, key: str) -> NDArray[Any]:
    """One array of all chunks, one below the other, without reading the others."""
    return np.concatenate(list(_each_chunk(run, n_chunks, key)))


def gather_reasons(run: Run, n_chunks: int) -> list[str]:
    """Why texts were not drawn, of all chunks."""
    parts = _each_chunk(run, n_chunks, "reasons")
    return [reason for part in parts for reason in json.loads(part.tobytes())]


def _each_chunk(run: Run, n_chunks: int, key: str) -> Iterator[NDArray[Any]]:
    from safetensors import safe_open

    for number in range(n_chunks):
        with safe_open(run.file(chunk_file(number)), framework="numpy") as file:
            yield file.get_tensor(key)


def _ranked(value: NDArray[np.float32], k: int, sign: float) -> NDArray[np.intp]:
    """Rows of the first ``k`` words of each unit ``(u, k)``, ties in order of the list."""
    blocks = [
        np.argsort(sign * value[:, start : start + 256], axis=0, kind="stable")[:k].T
        for start in range(0, value.shape[1], 256)
    ]
    return np.concatenate(blocks)
