"""Journeys through the app in a real browser, as a user makes them.

What only a browser shows: that the command serves the app, that addresses open what they name,
that nothing is fetched from elsewhere, that images and charts have texts, that a report works in
its frame and one from a stranger reaches nobody, and that the console stays free of errors.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from clipprobe.runs import Run

pytestmark = pytest.mark.browser

PATIENCE_MS = 180_000  # a busy machine takes its time to import torch
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A page that is opened by its own address asks for these below its name first, and then at the
# root: Streamlit's way of finding where it is mounted. Chromium logs the two misses as errors.
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")


def chromium() -> str:
    """The browser. Without one the test is skipped, and in CI it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    try:
        import playwright  # noqa: F401
    except ImportError:
        found = None
    if found is None:
        message = "NO CHROMIUM OR NO PLAYWRIGHT: the journey through the dashboard did not run"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def stranger() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody should call: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


CALLS_HOME = {
    "loads": "<img src=URL/img><link rel=stylesheet href=URL/css><script src=URL/js></script>"
    "<style>body{background:url(URL/background)}</style><iframe src=URL/frame></iframe>"
    "<script>fetch('URL/fetch');navigator.sendBeacon('URL/beacon');open('URL/open')</script>",
    "refreshes": "<meta http-equiv=refresh content='0;url=URL/refresh'>",
    "goes": "<script>location = 'URL/location'</script>",
    "downloads": "<a id=out download href=URL/x>x</a><script>out.href='URL/x';out.click()</script>",
    "sends": "<form id=f method=post action=URL/form></form><script>f.submit()</script>",
}


@pytest.fixture(scope="module")
def runs(
    scenery: Any, stranger: tuple[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The runs of the other tests, a second atlas, and reports that call a stranger."""
    folder = tmp_path_factory.mktemp("browser") / "runs"
    shutil.copytree(scenery.runs, folder)
    shutil.copytree(folder / "demo" / "atlas", folder / "later" / "atlas")
    for name, page in CALLS_HOME.items():
        run = Run.open(folder / name, kind="note", config={})
        run.write_text("report.html", f"<h1>Hello</h1>{page.replace('URL', stranger[0])}")
        run.finish(counts={"used": 0}, seed=0)
    return folder


@pytest.fixture(scope="module")
def address(runs: Path, scenery: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, started by its command."""
    chromium()
    from dashboard.verb import free_port

    port = free_port()
    log = tmp_path_factory.mktemp("log") / "server.log"
    command = [sys.executable, "-m", "clipprobe", "dashboard", "--port", str(port)]
    command += ["--runs", str(runs), "--model", str(scenery.model)]
    environment = os.environ | {"STREAMLIT_SERVER_HEADLESS": "true", "CI": ""}
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parents[2],
        ) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
    assert "Traceback" not in log.read_text()


def wait_for(root: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers."""
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{root}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the server does not answer: {log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium."""
    executable = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """A browser window that collects console errors and requests to elsewhere."""
    troubles: list[str] = []
    missed: list[str] = []
    window = browser.new_page(viewport={"width": 1440, "height": 1400})
    window.set_default_timeout(PATIENCE_MS)
    window.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    window.on(
        "console",
        lambda said: (
            troubles.append(f"console: {said.text} {said.location['url']}")
            if said.type == "error" and not PROBES.search(said.location["url"])
            else None
        ),
    )
    window.on(
        "response",
        lambda answer: (
            missed.append(answer.url)
            if answer.status >= 400 and not PROBES.search(answer.url)
            else None
        ),
    )
    window.on(
        "request",
        lambda asked: (
            troubles.append(f"elsewhere: {asked.url}")
            if not asked.url.startswith((address, "data:", "blob:", "about:"))
            else None
        ),
    )
    try:
        yield window
    finally:
        window.screenshot(path=tmp_path / "last.png")
        window.close()
    assert troubles == []
    assert missed == []


def test_a_journey(page: Any, address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.get_by_role("heading", name="What has been run?").wait_for()
    page.get_by_text(f"{4 + len(CALLS_HOME)} complete, 2 not").wait_for()
    name = page.get_by_label("Name contains")
    name.fill("odd")
    name.press("Enter")
    page.get_by_role("heading", name="odd").wait_for()
    page.get_by_text("![x](http").nth(2).wait_for()  # kind, name, reason
    assert page.locator('script:text("alert(1)"), a[href*="example.invalid"]').count() == 0
    name.fill("demo/atlas")
    name.press("Enter")
    page.get_by_role("heading", name="demo/atlas").wait_for()
    page.screenshot(path=tmp_path / "1-overview.png")

    page.locator('a[href*="units?run=demo%2Fatlas"]').click()
    page.get_by_role("heading", name="Which units are there").wait_for()
    page.locator("a.tile").first.click()
    page.wait_for_url("**/unit?*unit=vision.blocks.*")
    heading = page.get_by_role("heading", name=re.compile(r"^vision\.blocks\.\d\.mlp\.post:\d+$"))
    heading.wait_for()
    unit = heading.inner_text()
    settled(page)
    tiles_have_texts(page)
    page.screenshot(path=tmp_path / "2-unit.png", full_page=True)

    shared = page.url
    assert "run=demo%2Fatlas" in shared
    page.goto(address)
    page.goto(shared)  # as somebody else would open it
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    page.get_by_text("Where", exact=True).click()
    page.get_by_text("Pooled as in the atlas").first.wait_for()

    page.get_by_role("link", name="Typographic lab").click()
    page.get_by_text("Reading effect").first.wait_for()
    attacked = page.get_by_alt_text(re.compile("attack word “guitar”"))
    attacked.wait_for()
    before = attacked.get_attribute("src")
    parts = [page.get_by_text(name, exact=True) for name in ("Lettering", "All classes")]
    for part in parts:
        part.click()
    unfolded = page.locator('[data-testid="stMain"] details[open]')
    choose(page, "Place", "where the sliders say")
    page.get_by_role("slider", name="Across").first.wait_for()
    box = page.get_by_label("Write", exact=True)
    for word in ("猫", "—…—", "cat"):  # an error, a word without an effect, a word
        box.fill(word)
        box.press("Enter")
        settled(page)
        assert unfolded.count() == len(parts)
    choose(page, "Place", "center")
    attacked = page.get_by_alt_text(re.compile("attack word “cat”"))
    attacked.wait_for()
    assert attacked.get_attribute("src") != before
    page.wait_for_url("**/typographic?*word=cat*")
    slider = page.get_by_role("slider", name="Size").first
    slider.press("ArrowRight")
    page.wait_for_url("**/typographic?*size=0.31*")
    settled(page)
    everything_has_a_text(page)
    page.screenshot(path=tmp_path / "3-lab.png", full_page=True)

    page.get_by_role("link", name="Reports").click()
    page.get_by_role("heading", name="What does the report say?").wait_for()
    report = page.frame_locator("iframe").frame_locator('iframe[title="report"]')
    report.get_by_role("heading", name="Neuron atlas").wait_for()
    report.locator(".plot-container").first.wait_for()  # its charts are drawn
    frame = page.frames[-1]
    assert frame.evaluate("origin") == "null"
    reached = "() => { try { return !!window.top.document } catch (error) { return false } }"
    assert frame.evaluate(reached) is False
    report.locator("nav a").last.click()
    assert frame.url.startswith("about:srcdoc#") and frame.evaluate("scrollY") > 0
    report.get_by_role("heading", name="Neuron atlas").wait_for()
    page.screenshot(path=tmp_path / "4-reports.png", full_page=True)


def misread(clip: Any) -> tuple[str, str, str]:
    """A bundled image, a word and a place: misread, and repaired by at most four heads."""
    from attacks.typographic import TypographicAttack
    from attacks.typographic.reading.repair import Contest, fewest_heads, repair
    from clipprobe.stimuli import Picture, Scene, render
    from clipprobe.zeroshot import TEMPLATES, build_classifier
    from clipprobe.zeroshot.classes import Classes
    from dashboard.lab.trial import STARTING_CLASSES

    names = list(STARTING_CLASSES)
    vectors = build_classifier(clip, names, TEMPLATES)
    for concept in names:
        scene = Scene(items=(Picture(concept=concept),), size_px=clip.image_size)
        clean = clip.preprocess.to_grid(render(scene).image)
        for word in names:
            for place in ("bottom", "center") if word != concept else ():
                attack = TypographicAttack(
                    word=word, size=0.3, position=place, color="black", outline=None,
                    background="white",
                )  # fmt: skip
                images = {"clean": clean, "attack": attack(clean).image}
                contest = Contest(
                    classes=Classes(names), vectors=vectors, label=names.index(concept),
                    target=names.index(word),
                )  # fmt: skip
                before = repair(clip, images, contest, ()).before
                if not (before["clean"].right and before["attack"].fooled):
                    continue
                heads = fewest_heads(clip, *images.values(), contest)
                after = repair(clip, images, contest, heads, n_random=0).after
                if after["attack"].right and after["clean"].right:
                    return concept, word, place
    pytest.fail("no image of the lab is misread and repaired by four heads")


def test_an_attack_is_made_understood_and_undone(
    page: Any, browser: Any, address: str, tmp_path: Path
) -> None:
    import clipprobe

    concept, word, place = misread(clipprobe.load())
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(f"{address}/typographic?concept={concept}&place={place}")
    page.get_by_text("Reading effect").first.wait_for()
    page.get_by_role("button", name=re.compile("^Model")).or_(
        page.locator('[data-testid="stPopover"] button')
    ).first.click()
    typed = page.get_by_role("textbox", name="Or a checkpoint folder")
    typed.fill("/no/such/folder")
    typed.press("Enter")
    page.get_by_role("button", name="Load it").click()
    page.get_by_text("there is no such folder").wait_for()
    typed.fill("")
    typed.press("Enter")
    choose(page, "Known models", "emoji-clip, bundled")
    page.get_by_role("button", name="Load it").click()
    page.wait_for_url("**/typographic?*model=emoji-clip*")
    settled(page)
    page.keyboard.press("Escape")

    box = page.get_by_label("Write", exact=True)
    box.fill(word)
    box.press("Enter")
    page.get_by_alt_text(re.compile(f"attack word “{word}”; the model answers {word}")).wait_for()
    frame = page.get_by_role("application", name=re.compile(f"The word “{word}”"))
    frame.focus()
    frame.press("ArrowUp")
    page.wait_for_url("**/typographic?*place=where*")
    settled(page)
    choose(page, "Place", place)
    page.get_by_alt_text(re.compile(f"attack word “{word}”; the model answers {word}")).wait_for()

    page.get_by_role("radio", name="Why, and repair").or_(
        page.get_by_role("button", name="Why, and repair")
    ).first.click()
    cell = page.get_by_role("button", name=re.compile(r"^block 3, head 3"))
    cell.wait_for()
    cell.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("Neurons of block 3").wait_for()
    page.get_by_role("button", name=re.compile("^Find the fewest heads")).click()
    page.get_by_text("The right answer is back.").wait_for()
    page.get_by_text(f"“{word}” → “{concept}”").first.wait_for()
    settled(page)
    assert 1 <= page.url.count("heads=") <= 4
    everything_has_a_text(page, charts=False)
    for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"),
                                ("phone", 390, "light")):  # fmt: skip
        view = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
        view.set_default_timeout(PATIENCE_MS)
        view.goto(page.url)  # the address alone says it all
        view.get_by_text("The right answer is back.").wait_for()
        settled(view)
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        view.screenshot(path=tmp_path / f"repair-{name}.png", full_page=True)
        view.close()


def test_a_view_keeps_its_run(page: Any, address: str) -> None:
    def shown(label: str, run: str) -> None:
        chosen = page.get_by_role("combobox", name=label)
        chosen.and_(page.locator(f'[value="{run}"]')).wait_for()

    unit = "vision.blocks.1.mlp.post:5"
    page.goto(f"{address}/unit?run=later/atlas&unit={unit}")
    shown("Atlas", "later/atlas")
    page.get_by_role("heading", name=unit, exact=True).wait_for()  # the page was seen, then left
    page.get_by_role("link", name="Reports").click()
    shown("Run", "demo/atlas")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("heading", name="What has been run?").wait_for()
    page.get_by_role("link", name="Unit", exact=True).click()
    shown("Atlas", "later/atlas")
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    assert "run=later%2Fatlas" in page.url

    page.goto(f"{address}/unit?run=gone&unit={unit}")
    page.get_by_text("There is no run 'gone' to show here.").wait_for()
    settled(page)
    assert page.get_by_role("heading", name=unit).count() == 0 and "run=gone" in page.url
    choose(page, "Atlas", "demo/atlas")
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    assert "run=demo%2Fatlas" in page.url


def test_a_unit_is_found_by_a_word_opened_by_its_address_and_left_by_back(
    browser: Any, page: Any, address: str, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(address)
    page.get_by_role("link", name="Units", exact=True).click()  # the first click
    page.get_by_role("heading", name="Which units are there").wait_for()
    find = page.get_by_label("Find", exact=True)
    find.fill("dog")
    find.press("Enter")
    page.wait_for_url("**/units?*find=dog*")
    tiles = page.locator("a.tile", has_text="label of images: dog")
    tiles.first.wait_for()
    settled(page)
    n_tiles = tiles.count()
    link = tiles.first.get_attribute("href")
    page.screenshot(path=tmp_path / "1-units.png")
    tiles.first.click()  # the second
    heading = page.get_by_role("heading", level=1, name=re.compile(r"^vision\.blocks\.\d"))
    heading.wait_for()
    unit = heading.inner_text()
    page.wait_for_url(f"**{link}")
    settled(page)
    image = page.locator(".tile img").first.bounding_box()
    assert image["y"] + image["height"] < 900
    assert page.title().startswith(unit.rpartition("mlp.")[2].join(["mlp.", " · block "]))

    tab = browser.new_page()
    tab.goto(page.url)
    tab.get_by_role("heading", level=1, name=unit, exact=True).wait_for(timeout=PATIENCE_MS)
    tab.close()

    page.get_by_role("link", name="Next ›").click()
    page.wait_for_url(lambda url: not url.endswith(str(link)))
    page.wait_for_function("unit => document.querySelector('h1').innerText !== unit", arg=unit)
    page.go_back()
    page.get_by_role("heading", level=1, name=unit, exact=True).wait_for()
    page.go_back()
    tiles.first.wait_for()
    settled(page)
    assert find.input_value() == "dog" and tiles.count() == n_tiles


def test_a_point_of_the_map_opens_its_unit(page: Any, address: str) -> None:
    page.goto(f"{address}/units?run=demo/atlas")
    canvas = page.locator('canvas[role="img"]')
    canvas.wait_for()
    settled(page)
    box, said = canvas.bounding_box(), page.locator(".said")
    places = [(x, y) for y in range(10, 410, 12) for x in range(10, int(box["width"]), 12)]
    for x, y in places:
        page.mouse.move(box["x"] + x, box["y"] + y)
        if said.is_visible():
            break
    unit = said.inner_text()
    page.mouse.down()
    page.mouse.up()
    page.get_by_role("heading", level=1, name=unit, exact=True).wait_for()
    settled(page)


@pytest.mark.parametrize("name", CALLS_HOME)
def test_a_stranger_s_report_calls_nobody(
    browser: Any, address: str, stranger: tuple[str, list[str]], name: str
) -> None:
    home, asked = stranger
    window = browser.new_page()
    window.set_default_timeout(PATIENCE_MS)
    said: list[str] = []
    window.on("console", lambda message: said.append(message.text))
    sent: list[str] = []
    # What the policy blocks is announced as a request too, and then as one that failed by it.
    window.on("requestfinished", lambda request: sent.append(request.url))
    failed: dict[str, str | None] = {}
    window.on("requestfailed", lambda request: failed.update({request.url: request.failure}))
    window.goto(f"{address}/reports?run={name}")
    window.locator("iframe").wait_for()
    for _ in range(PATIENCE_MS // 100):
        if any(re.search("Content Security Policy|is sandboxed", text) for text in said):
            break
        window.wait_for_timeout(100)
    else:
        pytest.fail(f"the browser blocked nothing: {said}")
    settled(window)
    window.close()
    assert sent and not any(url.startswith(home) for url in sent)
    assert {why for url, why in failed.items() if url.startswith(home)} <= {"csp"}
    assert asked == []


def choose(page: Any, label: str, option: str) -> None:
    """Take an option of a list; a run of the app that has just begun closes an open list."""
    from playwright.sync_api import TimeoutError as TooLate

    for _ in range(10):
        page.get_by_role("combobox", name=label).click()
        try:
            page.get_by_role("option", name=option, exact=True).click(timeout=10_000)
            break
        except TooLate:
            page.keyboard.press("Escape")
    else:
        pytest.fail(f"the list {label} has no {option}, or does not stay open")
    settled(page)


def settled(page: Any) -> None:
    """Until the app has finished the run that is going on."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(state="attached")


def tiles_have_texts(page: Any) -> None:
    """Every image of a gallery says what it shows to those who cannot see it."""
    images = page.locator(".tile img")
    images.first.wait_for()
    assert all(image.get_attribute("alt") for image in images.all())
    charts = page.locator('[data-testid="stPlotlyChart"]')
    charts.first.locator("svg").first.wait_for()
    assert all(chart.get_attribute("aria-label") for chart in charts.all())


def everything_has_a_text(page: Any, *, charts: bool = True) -> None:
    """Every image and chart says what it shows to those who cannot see it."""
    pictures = page.locator('[data-testid="stMain"] [data-testid="stImage"] img')
    pictures.nth(3).wait_for()
    assert all(image.get_attribute("alt") for image in pictures.all())
    if charts:
        plots = page.locator('[data-testid="stPlotlyChart"]')
        plots.first.locator("svg").first.wait_for()
        assert all(chart.get_attribute("aria-label") for chart in plots.all())
