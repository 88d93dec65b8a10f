"""What the dashboard costs, beside what it may cost.

    python benchmarks/dashboard_targets.py                    # all, each in a process of its own
    python benchmarks/dashboard_targets.py --only lab memory
    python benchmarks/dashboard_targets.py --only memory --views 500 --different 500

Processor seconds are of the whole process that runs the app (Streamlit's ``AppTest``: the scripts,
the models and what is sent, without the web server), the median of the rounds with their range.

``fold``: how far down the first image of a unit ends in a window of 1,280 x 900 (Chromium).
``lab``: a knob and a new word in the typographic lab with 300 classes, bundled model.
``switch``: from one unit to another of an atlas at ViT-B/32 size (random weights, 36,864 units,
photos of 1,600 x 1,200), with the thumbnails of the atlas and without.
``large``: a unit's page from an atlas of 100,002 units (random weights, synthetic images).
``memory``: resident memory of the process over many page views, each a session of its own: 100
different ones again and again, so that caches are full after the first round.
``server``: the same of the server that ``clipprobe dashboard`` starts, over its websocket, every
view but the report another one; what it holds after each tenth of them.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "dashboard" / "app.py"
ROUNDS = 7
N_CLASSES, N_PHOTOS, N_SMALL, N_DIFFERENT = 300, 24, 48, 100
WORDS = "fox owl bee ant cow pig hen rat bat elk yak emu eel cod".split()
Line = tuple[str, str, str, bool]


def app(runs: Path, model: str | None) -> Any:
    """The app on a runs folder."""
    from streamlit.testing.v1 import AppTest

    os.environ["CLIPPROBE_RUNS"] = str(runs)
    os.environ.pop("CLIPPROBE_MODEL", None)
    if model is not None:
        os.environ["CLIPPROBE_MODEL"] = model
    test = AppTest.from_file(str(APP), default_timeout=600)
    test.run()
    return test


def opened(runs: Path, model: str | None, view: str, **params: str) -> Any:
    """A page of it."""
    test = app(runs, model)
    test.switch_page(f"views/{view}.py")
    for name, value in params.items():
        test.query_params[name] = value
    return checked(test.run())


def checked(test: Any) -> Any:
    """The page, if it is not an error."""
    troubles = [item.value for item in (*test.exception, *test.error)]
    if troubles:
        raise SystemExit(f"The page shows an error: {troubles}")
    return test


def seconds(rounds: Iterator[Callable[[], Any]]) -> list[float]:
    """Processor seconds of each; the first warms up and is not counted."""
    spent = []
    for work in rounds:
        start = time.process_time()
        checked(work())
        spent.append(time.process_time() - start)
    return spent[1:]


def line(name: str, spent: list[float], limit: float) -> Line:
    """A row of the table."""
    middle = statistics.median(spent)
    value = f"{middle:.3f} [{min(spent):.3f}-{max(spent):.3f}] CPU s, n={len(spent)}"
    return name, value, f"at most {limit:g} CPU s", middle <= limit


def lab(folder: Path) -> list[Line]:
    """A knob, and a new word."""
    classes = [f"thing {i}" for i in range(N_CLASSES - 2)]
    test = opened(folder, None, "typographic", classes="\n".join(["apple", *classes]), word="dog")
    knob = test.slider(key="size")
    sizes = [0.2 + 0.01 * i for i in range(ROUNDS + 1)]
    knobs = seconds((lambda s=size: knob_set(test, knob, s)) for size in sizes)  # type: ignore[misc]
    words = seconds(
        (lambda w=word: test.text_input(key="word").set_value(w).run())  # type: ignore[misc]
        for word in WORDS[: ROUNDS + 1]
    )
    return [
        line(f"a knob of the lab, {N_CLASSES} classes", knobs, 0.2),
        line(f"a new word in the lab, {N_CLASSES} classes", words, 0.15),
    ]


def knob_set(test: Any, knob: Any, value: float) -> Any:
    """Turn a knob."""
    test.slider(key=knob.key).set_value(round(value, 2))
    return test.run()


def photos(folder: Path, n: int, size: tuple[int, int]) -> Path:
    """Images with structure, as JPEG."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(n):
        small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number:03d}.jpg", quality=90)
    return folder


def switch(folder: Path) -> list[Line]:
    """Another unit at ViT-B/32 size."""
    import clipprobe
    from clipprobe.testing.checkpoints import vit_b32

    model = vit_b32(folder / "b32")
    images = photos(folder / "photos", N_PHOTOS, (1600, 1200))
    clip = clipprobe.load(model)
    lines = []
    for thumbnails in (True, False):
        runs = folder / f"runs-{thumbnails}"
        clipprobe.scan(clip, images, out=runs / "atlas", workers=1, thumbnails=thumbnails)
        test = opened(runs, str(model), "unit", unit="vision.blocks.3.mlp.post:0")
        units = [f"vision.blocks.{i % 12}.mlp.post:{37 * i}" for i in range(1, ROUNDS + 2)]
        spent = seconds((lambda t=test, u=unit: cold_unit(t, u)) for unit in units)  # type: ignore[misc]
        how = "thumbnails of the atlas" if thumbnails else "without thumbnails"
        name = f"another unit, ViT-B/32 size, {how}"
        lines.append(line(name, spent, 0.6 if thumbnails else float("inf")))
    return lines


def cold_unit(test: Any, unit: str) -> Any:
    """Go to a unit whose images were not shown yet."""
    import streamlit as st

    st.cache_data.clear()
    return unit_set(test, unit)


def unit_set(test: Any, unit: str) -> Any:
    """Go to a unit."""
    test.text_input(key="unit").set_value(unit)
    return test.run()


def large(folder: Path) -> list[Line]:
    """A unit of 100,002."""
    from transformers import CLIPConfig, CLIPModel

    import clipprobe
    from clipprobe.testing import checkpoints as tiny

    tokenizer = tiny.clip_tokenizer()
    vision = {**tiny.clip_vision_config(), "intermediate_size": 33_334}
    config = CLIPConfig(
        text_config=tiny.clip_text_config(tokenizer), vision_config=vision,
        projection_dim=tiny.D_EMBED,
    )  # fmt: skip
    model = tiny.save(folder / "wide", CLIPModel(config), tokenizer, tiny.clip_processor())
    images = photos(folder / "small", N_SMALL, (64, 64))
    atlas = clipprobe.scan(clipprobe.load(model), images, out=folder / "runs" / "atlas", workers=0)
    n_units = sum(site.n_units for site in atlas.sites.values())
    test = opened(folder / "runs", str(model), "unit", unit="vision.blocks.1.mlp.post:0")
    units = [f"vision.blocks.{i % 3}.mlp.post:{4111 * i}" for i in range(ROUNDS + 1)]
    spent, processor = [], []
    for unit in units:
        start, begun = time.perf_counter(), time.process_time()
        checked(unit_set(test, unit))
        spent.append(time.perf_counter() - start)
        processor.append(time.process_time() - begun)
    name = f"a unit's page, atlas of {n_units:,} units"
    middle = statistics.median(spent)
    value = f"{middle:.3f} [{min(spent):.3f}-{max(spent):.3f}] s, n={len(spent)}"
    return [
        (f"{name}, the first of each hook point too", value, "under 1 s", max(spent) < 1),
        line(f"{name}, processor time", processor, 1),
    ]


def memory(folder: Path, views: int, different: int) -> list[Line]:
    """Resident memory over many page views."""
    small_atlas(folder)
    seen = []
    for number in range(views):
        view, params = page_view(number % different)
        opened(folder / "runs", None, view, **params)
        gc.collect()  # sessions that ended are cycles
        seen.append(resident_mb())
    return [
        (f"resident memory, {views} page views, {different} different ones",
         f"{max(seen):,.0f} MB", "at most 1,200 MB",
         max(seen) <= 1200),
        growth(seen),
    ]  # fmt: skip


def small_atlas(folder: Path) -> None:
    """A run of the bundled model on bundled things."""
    import clipprobe
    from clipprobe.stimuli import Picture, Scene, concepts, render

    images = folder / "images"
    images.mkdir()
    for number, concept in enumerate(concepts()[:N_SMALL]):
        scene = Scene(items=(Picture(concept=concept.name),), size_px=64)
        render(scene).image.save(images / f"{number:03d}.png")
    clipprobe.scan(clipprobe.load(), images, out=folder / "runs" / "atlas", workers=0)


def page_view(number: int) -> tuple[str, dict[str, str]]:
    """A page and its parameters, others for each number."""
    views: list[tuple[str, dict[str, str]]] = [
        ("unit", {"run": "atlas", "unit": f"vision.blocks.{number % 6}.mlp.post:{number}"}),
        ("units", {"run": "atlas", "sheet": str(1 + number // 5)}),
        ("typographic", {"word": WORDS[number % len(WORDS)], "size": f"{0.1 + number / 2e3:g}"}),
        ("similarity", {"similar_texts": f"a dog\nthing {number}"}),
        ("reports", {"run": "atlas"}),
    ]
    return views[number % len(views)]


def server(folder: Path, views: int) -> list[Line]:
    """Resident memory of the server that the command starts."""
    small_atlas(folder)
    seen = []
    with served(folder / "runs") as (address, process):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for number in range(views):
            browse(address, *page_view(number))
            seen.append(resident_mb(children[0]))
    tenth = max(1, views // 10)
    after = ", ".join(f"{seen[i]:,.0f} after {i + 1}" for i in range(tenth - 1, views, tenth))
    return [
        (f"resident memory of the server, {views} different views, MB", after,
         "at most 1,200 MB", max(seen) <= 1200),
        growth(seen),
    ]  # fmt: skip


def browse(address: str, view: str, params: dict[str, str]) -> None:
    """Open a page as a browser does, in a session of its own that ends with it."""
    from streamlit.proto.Alert_pb2 import Alert
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    question = BackMsg()
    question.rerun_script.page_name = view
    question.rerun_script.query_string = urlencode(params)
    place = f"{address.replace('http', 'ws')}/_stcore/stream"
    kind = [Subprotocol("streamlit")]
    with connect(place, subprotocols=kind, max_size=None, ping_interval=None) as socket:
        socket.send(question.SerializeToString())
        n_elements = 0
        while True:
            answer = ForwardMsg.FromString(socket.recv(timeout=300))
            if answer.WhichOneof("type") == "script_finished":
                break
            element = answer.delta.new_element
            n_elements += element.WhichOneof("type") is not None
            if element.HasField("exception") or element.alert.format == Alert.ERROR:
                raise SystemExit(f"The page {view} shows an error: {element}")
    if n_elements < 5:
        raise SystemExit(f"The page {view} shows {n_elements} elements only.")


def growth(seen: list[float]) -> Line:
    """From the second fifth of the views to the last."""
    fifth = max(1, len(seen) // 5)
    early, late = max(seen[fifth : 2 * fifth]), max(seen[-fifth:])
    return (
        "its growth from the second fifth of the views to the last",
        f"{late - early:+,.0f} MB ({early:,.0f} to {late:,.0f})", "at most 5 %",
        late <= 1.05 * early,
    )  # fmt: skip


def resident_mb(process: str = "self") -> float:
    """Of a process, now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def fold(folder: Path) -> list[Line]:
    """Where the first image of a unit ends."""
    import clipprobe

    name = "the first image of a unit ends at, 1,280 x 900"
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        raise SystemExit(f"{name}: not measured, there is no Chromium")
    from playwright.sync_api import sync_playwright

    images = photos(folder / "images", N_SMALL, (64, 64))
    clipprobe.scan(clipprobe.load(), images, out=folder / "runs" / "atlas", workers=0)
    with served(folder / "runs") as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/unit?run=atlas&unit=vision.blocks.3.mlp.post:17")
        first = page.locator(".tile img").first
        first.wait_for(timeout=300_000)
        page.wait_for_timeout(1500)
        box = first.bounding_box()
        browser.close()
    assert box is not None
    end = box["y"] + box["height"]
    return [(name, f"{end:.0f} px (begins at {box['y']:.0f})", "at most 900 px", end <= 900)]


@contextmanager
def served(runs: Path) -> Iterator[tuple[str, int]]:
    """The app, started by its command: its address, and the command's process."""
    from dashboard.verb import free_port

    port = free_port()
    command = [sys.executable, "-m", "clipprobe", "dashboard", "--port", str(port)]
    environment = os.environ | {"STREAMLIT_SERVER_HEADLESS": "true"}
    with subprocess.Popen(
        [*command, "--runs", str(runs)], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5)
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


PARTS: dict[str, Callable[..., list[Line]]] = {
    "fold": fold, "lab": lab, "switch": switch, "large": large, "memory": memory,
    "server": server,
}  # fmt: skip


def main() -> int:
    """Measure and print; 1 where a part could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--views", type=int, default=500, help="page views of memory and server")
    parser.add_argument("--different", type=int, default=N_DIFFERENT, help="of memory's, at most")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.here:
        codes = [
            subprocess.run(
                [sys.executable, __file__, "--here", "--only", part, "--views", str(given.views),
                 "--different", str(given.different)],
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                check=False,
            ).returncode
            for part in given.only
        ]
        return max(codes)
    for part in given.only:
        with tempfile.TemporaryDirectory() as place:
            options = {"memory": (given.views, given.different), "server": (given.views,)}
            for name, value, limit, met in PARTS[part](Path(place), *options.get(part, ())):
                print(f"{'ok    ' if met else 'MISSED'}  {name}: {value}; {limit}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
