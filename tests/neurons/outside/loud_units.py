"""An instrument of another package: how loud each unit is, its root mean square over images."""

import numpy as np
from pydantic.dataclasses import dataclass

import clipprobe
from clipprobe.data import as_dataset
from clipprobe.neurons.instruments.instrument import Instrument, Property
from clipprobe.neurons.instruments.rows import UnitRows
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.report import Page
from clipprobe.settings.shared import Images, Output, Pool, Sites
from clipprobe.study import Outcome, Plan, Study
from clipprobe.study.verb import verb_of


@dataclass(frozen=True, kw_only=True)
class LoudnessTest(Output, Pool, Sites, Images):
    """How loud each unit is: the root mean square of its activation."""


class Loudness(UnitValue):
    instrument = "loud"


def prepare(settings, clip):
    data = as_dataset(settings.images, limit=settings.limit)
    config = {"model": clip.provenance()["model"], "data": data.describe(), "pool": settings.pool}

    def execute(run):
        n, squares, rows = 0, {}, []
        for block in clipprobe.activations(clip, data, settings.sites, settings.pool):
            n += len(block.rows)
            for site, values in block.values.items():
                squares[site] = squares.get(site, 0) + (values.astype(float) ** 2).sum(axis=0)
        for site, total in squares.items():
            rows += [{"site": site, "unit": i, "rms": v} for i, v in enumerate(np.sqrt(total / n))]
        page = Page(title="Loud units", subtitle="", sections=[], provenance=config)
        summary = {"kind": "loud", "headline": [], "n_units": len(rows)}
        return Outcome(value=None, files=[("loud.parquet", rows)], summary=lambda: summary,
                       page=lambda run: page, used=n)  # fmt: skip

    return Plan(config=config, execute=execute, provenance=clip.provenance())


def view(store, found):
    rows = tuple((row["rms"],) for row in found["loud.parquet"])
    return [UnitRows(caption="Root mean square.", columns=("rms",), rows=rows)]


STUDY = Study(kind="loud", settings=LoudnessTest, prepare=prepare, load=Loudness)
VERB = verb_of(STUDY)
RMS = Property(name="loud", meaning="rms >= 1", table="loud.parquet", columns=("rms",), least=1.0)
LOUD = Instrument(
    name="loud", kind="loud", title="Loudness", question="How loud is it over all images?",
    verb="neurons loud", flags={"images": "IMAGES"}, tables=("loud.parquet",), view=view,
    properties=(RMS,),
)  # fmt: skip
