"""The page of one image says what the model says; the page of runs says what the reports say."""

from __future__ import annotations

import html
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from clipprobe.runs import Run, load_run
from clipprobe.stimuli import Picture, Scene, render
from clipprobe.zeroshot import (
    TEMPLATES,
    audit_carriers,
    audit_few_shot,
    audit_limits,
    audit_zeroshot,
    build_classifier,
)
from dashboard import one_image
from dashboard.texts import STARTING_CLASSES

VIEW = "views/zeroshot.py"


def base_image(clip: Any) -> Any:
    scene = Scene(items=(Picture(concept="apple"),), size_px=clip.image_size)
    return clip.preprocess.to_grid(render(scene).image)


def noise_files(n: int) -> list[tuple[str, bytes, str]]:
    rng = np.random.default_rng(0)
    files = []
    for i in range(n):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(buffer, "PNG")
        files.append((f"{i}.png", buffer.getvalue(), "image/png"))
    return files


def test_scores_and_their_spread_are_those_of_the_classifier(app: Any, clip: Any) -> None:
    test = app(VIEW)
    assert not test.error
    image = base_image(clip)
    logits = clip.logits([image], build_classifier(clip, STARTING_CLASSES, TEMPLATES))[0]
    alone = np.stack(
        [clip.logits([image], build_classifier(clip, STARTING_CLASSES, [t]))[0] for t in TEMPLATES]
    )
    shares, each = softmax(logits.astype(float)), softmax(alone.astype(float), axis=1)
    table = test.dataframe[0].value.set_index("class")
    for i, name in enumerate(STARTING_CLASSES):
        row = table.loc[name]
        assert row["share"] == pytest.approx(shares[i], abs=1e-5)
        assert row["least share"] == pytest.approx(each[:, i].min(), abs=1e-5)
        assert row["largest share"] == pytest.approx(each[:, i].max(), abs=1e-5)
    others = np.delete(logits, logits.argmax())
    shown = {item.label: item.value for item in test.metric}
    assert shown["Answer"] == STARTING_CLASSES[int(logits.argmax())]
    margin = next(value for label, value in shown.items() if label.startswith("Margin"))
    assert float(margin.replace("−", "-")) == pytest.approx(logits.max() - others.max(), abs=0.01)


def test_percentiles_are_those_of_score_null_texts_in_the_same_prompts(app: Any, clip: Any) -> None:
    from dashboard import explained

    test = app(VIEW)
    test.text_area(key="templates").set_value("look at a {}").run()
    table = test.dataframe[0].value.set_index("class")
    image = base_image(clip)
    texts = explained._null_texts(clip, ("look at a {}",))
    words = texts.words["letters"]
    null = clip.similarity([image], [f"look at a {word}" for word in words])[0]
    own = clip.similarity([image], ["look at a dog"])[0, 0]
    assert table.loc["dog", "among letters"] == pytest.approx((null < own).mean())


def test_a_rival_takes_its_share_from_the_others(app: Any, clip: Any, markup: Any) -> None:
    test = app(VIEW)
    test.text_input(key="rival").set_value("zebra").run()
    names = [*STARTING_CLASSES, "zebra"]
    vectors = build_classifier(clip, names, TEMPLATES)
    expected = softmax(clip.logits([base_image(clip)], vectors)[0].astype(float))
    table = test.dataframe[1].value.set_index("class")
    for name in table.index:
        assert table.loc[name, "share with it"] == f"{expected[names.index(name)]:.1%}"
    (sentence,) = [m.value for m in test.markdown if "zebra gets" in markup(m.value)]
    assert f"{expected[-1]:.3f}" in markup(sentence)
    test.text_input(key="rival").set_value("Dog").run()
    assert "one of the 12 classes already" in markup(test.error[0].value)
    assert len(test.dataframe) == 1


def test_none_of_these_follows_the_calibration(app: Any, clip: Any, charts: Any) -> None:
    test = app(VIEW)
    assert "none of these" not in list(test.dataframe[0].value["class"])
    test.radio(key="calibrate").set_value("bundled things").run()
    assert not test.error
    table = test.dataframe[0].value.set_index("class")
    vectors = build_classifier(clip, STARTING_CLASSES, TEMPLATES)
    unknown, known = one_image.bundled_things(clip, STARTING_CLASSES)
    scores = np.sort((unknown @ vectors.T).max(axis=1))
    place = int(np.ceil(0.95 * (len(scores) + 1)))
    assert table.loc["none of these", "cosine"] == pytest.approx(scores[place - 1], abs=1e-5)
    assert len(known) == len(STARTING_CLASSES)
    best = (clip.similarity([base_image(clip)], vectors)).max()
    answer = next(item.value for item in test.metric if item.label == "Answer")
    assert (answer == "none of these") == (best <= table.loc["none of these", "cosine"])
    assert charts(test)[0]["data"][0]["x"][-1] == "none of these"


def test_own_calibration_images_and_too_few_of_them(app: Any, markup: Any) -> None:
    test = app(VIEW)
    test.radio(key="calibrate").set_value("my images").run()
    assert "needs at least 19 different unknown things" in markup(test.error[0].value)
    assert len(test.dataframe) == 1  # the scores are there all the same
    test.file_uploader(key="unknown").set_value(noise_files(20)).run()
    assert not test.error
    table = test.dataframe[0].value
    assert "none of these" in list(table["class"])
    assert (table["cosine"].diff().dropna() <= 0).all()  # it stands in its place
    test.file_uploader(key="unknown").set_value([("x.png", b"no image", "image/png")]).run()
    assert "cannot be read" in markup(test.error[0].value)


@pytest.mark.parametrize(
    ("classes", "templates", "said"),
    [
        ("dog", None, "give at least two"),
        ("", None, "give at least two"),
        ("a woman\na man", None, "the page Zero-shot & limits answers for single images"),
        (
            "\n".join(f"c{i}" for i in range(1001)),
            None,
            "& limits takes 1,000: shorten it, or use clipprobe audit zeroshot",
        ),
        (None, "a photo", "has no {} where the class name goes"),
        (None, "", "No template was given"),
    ],
)
def test_a_wrong_list_has_its_sentence_and_nothing_else_breaks(
    app: Any, markup: Any, classes: str | None, templates: str | None, said: str
) -> None:
    test = app(VIEW)
    if classes is not None:
        test.text_area(key="classes").set_value(classes).run()
    if templates is not None:
        test.text_area(key="templates").set_value(templates).run()
    assert said in markup(test.error[0].value)
    assert not test.exception and not test.dataframe


def test_an_upload_is_needed_and_must_be_an_image(app: Any, markup: Any) -> None:
    test = app(VIEW)
    test.segmented_control(key="source").set_value("Upload").run()
    assert "No image was uploaded yet" in markup(test.error[0].value)
    test.file_uploader(key="upload").upload("x.png", b"hello", "image/png").run()
    assert "cannot be read" in markup(test.error[0].value) and not test.exception
    name, data, kind = noise_files(1)[0]
    test.file_uploader(key="upload").upload(name, data, kind).run()
    assert not test.error and test.dataframe


def test_the_code_gives_the_same_shares_and_percentiles(app: Any, copied: Any, capsys: Any) -> None:
    test = app(VIEW)
    test.text_area(key="templates").set_value("look at a {}").run()
    space: dict[str, Any] = {}
    exec(copied(test), space)
    table = test.dataframe[0].value.set_index("class")
    below = space["null"].below(space["encoded"][0], space["cosines"], space["classes"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("apple ") and len(printed) > len(space["classes"])
    columns = dict(zip(below, table.columns[-len(below) :], strict=True))
    for i, name in enumerate(space["classes"]):
        assert table.loc[name, "share"] == pytest.approx(space["shares"][i], abs=1e-5)
        for kind, column in columns.items():
            assert table.loc[name, column] == pytest.approx(below[kind][i]), (name, kind)


@pytest.fixture(scope="module")
def audited(clip: Any, scenery: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small run of each of the audits, and one of another form."""
    runs = tmp_path_factory.mktemp("audited")
    audit_zeroshot(clip, scenery.images, out=runs / "zero")
    labelled = tmp_path_factory.mktemp("labelled")
    for i, (name, data, _) in enumerate(noise_files(16)):
        folder = labelled / ("a", "b")[i % 2]
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    audit_few_shot(clip, labelled, shots=[1, 2], draws=2, iterations=3, out=runs / "few")
    audit_limits(clip, tasks=["style"], scenes=1, out=runs / "limits")
    audit_carriers(
        clip, task="left or right", scenes=1, kinds=["head"], n_random=20, out=runs / "carriers"
    )
    other = Run.open(runs / "other", kind="limits", config={})
    other.write_json("summary.json", {"headline": [], "tasks": 3})
    other.finish(counts={"used": 0, "skipped": 0, "failed": 0}, failures=[], seed=0)
    return runs


@pytest.fixture
def runs_page(app: Any, audited: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def start(run: str) -> Any:
        monkeypatch.setenv("CLIPPROBE_RUNS", str(audited))
        return app(VIEW, part="Runs", run=run)

    return start


@pytest.mark.parametrize("kind", ["zero", "few", "limits", "carriers"])
def test_a_run_is_shown_as_its_report_shows_it(
    runs_page: Any, audited: Path, markup: Any, charts: Any, kind: str
) -> None:
    test = runs_page(kind)
    assert not test.error
    report = (audited / kind / "report.md").read_text(encoding="utf-8")
    titles = [markup(item.value) for item in test.subheader]
    assert titles and all(f"## {title}" in report for title in titles)
    for frame in test.dataframe:
        assert all(str(column) in report for column in frame.value.columns)
    shown = [chart["alt"] for chart in charts(test)]
    assert bool(shown) == (kind in ("few", "carriers"))
    plain_report = html.unescape(markup(report))
    assert all(alt in plain_report for alt in shown)


def test_a_run_of_another_form_has_its_sentence(runs_page: Any, markup: Any) -> None:
    test = runs_page("other")
    assert "has another form than this version reads" in markup(test.error[0].value)
    gone = runs_page("nowhere")
    assert any("There is no run 'nowhere'" in markup(item.value) for item in gone.warning)


def test_without_such_a_run_the_page_says_how_to_make_one(app: Any, markup: Any) -> None:
    test = app(VIEW, part="Runs")
    assert "clipprobe audit zeroshot" in markup(test.info[0].value)


def test_the_summary_alone_makes_the_report(audited: Path) -> None:
    from clipprobe.report.markdown import render_markdown
    from clipprobe.report.page import Page
    from clipprobe.zeroshot.limits.report import sections_of

    run = load_run(audited / "limits")
    text = render_markdown(Page(title="Limits", sections=sections_of(json.loads(
        (run.path / "summary.json").read_text(encoding="utf-8")))))  # fmt: skip
    report = (run.path / "report.md").read_text(encoding="utf-8")
    start = text.index("## ")
    assert text[start : start + 1500] in report
