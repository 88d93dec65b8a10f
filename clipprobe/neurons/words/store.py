"""The run folder of a word probe, written and read; ``docs/store-format.md`` has the columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.hooks.units import Site
from clipprobe.neurons.instruments.store import Lazy
from clipprobe.neurons.words.result import SiteWords, WordProbe, half_width, zscores

if TYPE_CHECKING:
    from clipprobe.runs import Run, RunView

KIND = "words"
WORDS = "words.parquet"
TOP = "topwords.parquet"
UNITS = "units.parquet"
_UNIT_ARRAYS = ("mean", "std", "blank", "scrambled_mean", "scrambled_high")


def values_file(site: str) -> str:
    """The arrays of one hook point: one file each, so that no more need be in memory at once."""
    return f"values/{site}.safetensors"


def values_of(run: Run | RunView, sites: Iterable[str]) -> Mapping[str, SiteWords]:
    """The numbers of each hook point, read from a run folder when asked for and then dropped."""
    return Lazy(sites, lambda site: SiteWords(**run.read_arrays(values_file(site))))


def arrays_of(site: SiteWords) -> dict[str, NDArray[Any]]:
    """The arrays of one hook point by name."""
    return {
        "value": site.value,
        "standard_error": site.standard_error,
        **{name: getattr(site, name) for name in _UNIT_ARRAYS},
    }


def word_table(probe: WordProbe) -> dict[str, Any]:
    """One row per word of the list: those that entered, then those left out."""
    n_used = len(probe.words)
    return {
        "word": [*probe.words, *(word for word, _ in probe.left_out)],
        "used": [True] * n_used + [False] * len(probe.left_out),
        "n_shrunk": np.concatenate(
            [probe.n_shrunk, np.zeros(len(probe.left_out), np.int32)]
        ).astype(np.int32),
        "reason": _texts([None] * n_used + [reason for _, reason in probe.left_out]),
    }


def unit_tables(probe: WordProbe, top: int) -> tuple[Any, Any, list[float]]:
    """``topwords.parquet``, ``units.parquet``, and the highest z of every unit."""
    import pyarrow as pa

    rows: dict[str, list[Any]] = {}
    units: dict[str, list[Any]] = {}
    highest: list[float] = []

    def add(into: dict[str, list[Any]], **columns: Any) -> None:
        for name, column in columns.items():
            into.setdefault(name, []).append(column)

    for number, site in enumerate(probe.sites.values()):
        values = probe.values[site.name]
        n_units, k = site.n_units, min(top, len(probe.words))
        add(
            units,
            site=np.full(n_units, number, np.int32),
            unit=np.arange(n_units, dtype=np.int32),
            **{name: getattr(values, name) for name in _UNIT_ARRAYS},
        )
        for end, sign in (("top", -1.0), ("bottom", 1.0)):
            order = _ranked(values.value, k, sign)  # unit rank
            unit = np.arange(n_units)[:, None]
            value = values.value[order, unit]
            centred = value - values.mean[:, None]
            half = half_width(values.standard_error[order, unit], probe.n_fonts)
            scores = zscores(values, value.T).T
            if end == "top":
                highest += scores[:, 0].tolist()
            add(
                rows,
                site=np.full(order.size, number, np.int32),
                unit=np.repeat(np.arange(n_units, dtype=np.int32), k),
                end=np.full(order.size, int(end == "bottom"), np.int8),
                rank=np.tile(np.arange(k, dtype=np.int16), n_units),
                word=order.ravel().astype(np.int32),
                value=value.ravel(),
                centred=centred.ravel(),
                z=scores.ravel(),
                low=(centred - half).ravel(),
                high=(centred + half).ravel(),
            )
    joined = {name: np.concatenate(parts) for name, parts in rows.items()}
    n_rows = len(joined["site"])
    order = np.lexsort((joined["rank"], joined["end"], joined["unit"], joined["site"]))
    table: dict[str, Any] = {name: column[order] for name, column in joined.items()}
    names = pa.array(list(probe.sites))
    table["site"] = pa.DictionaryArray.from_arrays(pa.array(table["site"]), names)
    table["end"] = pa.DictionaryArray.from_arrays(
        pa.array(table["end"]), pa.array(["top", "bottom"])
    )
    table["word"] = pa.DictionaryArray.from_arrays(
        pa.array(table["word"]), pa.array(list(probe.words))
    )
    table["n_fonts"] = np.full(n_rows, probe.n_fonts, np.int16)
    table["n_renderings"] = np.full(n_rows, probe.n_renderings, np.int16)
    merged: dict[str, Any] = {name: np.concatenate(parts) for name, parts in units.items()}
    merged["site"] = pa.DictionaryArray.from_arrays(pa.array(merged["site"]), names)
    return pa.table(table), pa.table(merged), highest


def read_run(run: RunView) -> WordProbe:
    """Read a word probe from its run."""
    config = run.manifest["config"]
    sites = {data["name"]: Site.from_json(data) for data in config["sites"]}
    table = run.read_table(WORDS)
    used = np.asarray(table.column("used").to_pylist(), bool)
    words = table.column("word").to_pylist()
    reasons = table.column("reason").to_pylist()
    return WordProbe(
        sites=sites,
        words=tuple(word for word, usable in zip(words, used, strict=True) if usable),
        left_out=tuple(
            (word, reason)
            for word, reason, usable in zip(words, reasons, used, strict=True)
            if not usable
        ),
        n_shrunk=table.column("n_shrunk").to_numpy()[used],
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


def _texts(values: list[str | None]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())
