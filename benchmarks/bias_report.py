"""What a bias report costs on embeddings that are there already: each probe, and all together.

    python benchmarks/bias_report.py              # 10,954 rows, as FairFace's validation set
    python benchmarks/bias_report.py --rows 2000 --probes retrieval association
    python benchmarks/bias_report.py --again      # each twice: the same bytes, or it fails

Embeddings and texts are random, labels are drawn with about the shares of FairFace and written in
its layout, so the columns are the default ones: perceived race, gender, age and race x gender.
One run is the whole of `audit_bias`: reading both files, cosines, resampling, tests, correction
over the report, tables, both reports. Wall time and processor time of this process are given (the
latter is steadier where other work runs on the machine), the number of figures, and the peak of
memory, which only grows from line to line. Set `OMP_NUM_THREADS=1` for the time of one core.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attacks.bias import audit_bias
from attacks.bias.inputs import write_embeddings
from attacks.bias.probes.registry import probe_names

SHARES = {
    "age": {"0-2": 2, "3-9": 12, "10-19": 11, "20-29": 30, "30-39": 21, "40-49": 12, "50-59": 7,
            "60-69": 3, "more than 70": 1.1},
    "gender": {"Female": 47, "Male": 53},
    "race": {"Black": 14, "East Asian": 14, "Indian": 14, "Latino_Hispanic": 15,
             "Middle Eastern": 11, "Southeast Asian": 13, "White": 19},
}  # fmt: skip
DATA = ("cells.csv", "summary.json")


class RandomTexts:
    """Every sentence has a direction of its own; there is nothing to find."""

    id, weights_sha256, scale = "random", "0" * 64, 100.0

    def __init__(self, width: int) -> None:
        self.width = width

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": self.id, "weights_sha256": self.weights_sha256}}

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        rows = [
            np.random.default_rng(zlib.crc32(t.encode())).normal(size=self.width) for t in texts
        ]
        return np.stack(rows).astype(np.float32)


def write_inputs(folder: Path, rows: int, width: int) -> tuple[Path, Path]:
    """Random embeddings and labels of ``n`` images."""
    rng = np.random.default_rng(0)
    ids = [f"val/{i + 1}.jpg" for i in range(rows)]
    vectors = rng.normal(size=(rows, width)).astype(np.float32)
    embeddings, labels = folder / "vectors.npz", folder / "labels.csv"
    write_embeddings(embeddings, ids, vectors)
    drawn = [
        rng.choice(list(of), size=rows, p=np.array(list(of.values())) / sum(of.values()))
        for of in SHARES.values()
    ]
    with labels.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["file", *SHARES, "service_test"])
        writer.writerows([*row, "True"] for row in zip(ids, *drawn, strict=True))
    return embeddings, labels


def audit(
    probes: Sequence[str], out: Path, files: tuple[Path, Path], width: int, **more: Any
) -> int:
    """One whole audit; the number of its figures."""
    run = audit_bias(
        RandomTexts(width),  # type: ignore[arg-type]  # a model is asked for texts only
        embeddings=files[0], labels=files[1], probes=probes, out=out, overwrite=True, **more,
    )  # fmt: skip
    return len(run.read_table("cells.parquet"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_954)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--probes", nargs="+", default=[*probe_names(), "all"])
    parser.add_argument("--draws", type=int, help="of bootstrap and permutation; default: theirs")
    parser.add_argument("--again", action="store_true", help="run each twice and compare bytes")
    parser.add_argument("--out", type=Path, help="keep the runs in this folder")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    out = given.out or folder / "runs"
    files = write_inputs(folder, given.rows, given.width)
    more = {} if given.draws is None else {"n_boot": given.draws, "n_permutations": given.draws}
    print(f"{given.rows:,} rows x {given.width}, load {os.getloadavg()[0]:.1f}")
    print(f"{'probe':18} {'wall s':>8} {'processor s':>12} {'figures':>8} {'peak MB':>8}")
    different = []
    for name in given.probes:
        probes = list(probe_names()) if name == "all" else [name]
        wall, own = time.perf_counter(), time.process_time()
        figures = audit(probes, out / name, files, given.width, **more)
        wall, own = time.perf_counter() - wall, time.process_time() - own
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name:18} {wall:8.1f} {own:12.1f} {figures:8,} {peak:8.0f}", flush=True)
        if given.again:
            audit(probes, folder / "again", files, given.width, **more)
            different += [
                f"{name}/{file}"
                for file in DATA
                if (out / name / file).read_bytes() != (folder / "again" / file).read_bytes()
            ]
    shutil.rmtree(folder)
    if different:
        sys.exit(f"the same seed gave other bytes: {', '.join(different)}")
    if given.again:
        print("the same seed gave the same bytes")


if __name__ == "__main__":
    main()
