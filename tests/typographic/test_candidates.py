"""Candidate sets and retrieval against brute force over one table of logits; thresholds; schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import attacks.typographic
from attacks.typographic import audit_typographic
from attacks.typographic.scoring.candidate_sets import other_words, score_pairs, union_names
from attacks.typographic.scoring.pairs import make_pairs
from attacks.typographic.scoring.retrieval import gallery, ranks
from attacks.typographic.scoring.thresholds import check_limits, figures
from clipprobe.errors import ConfigError, ThresholdCrossedError
from clipprobe.runs import Run
from clipprobe.thresholds import enforce
from clipprobe.zeroshot.classes import Classes

NAMES = ["dog", "cat", "ship", "Cat"]  # a class that stands twice under two spellings
WORDS = ["cat", "ship", "meow", "dog", "Meow", "zap"]
KINDS = ["clean", "attack", "nonsense"]
SIZE = 0.2


class Dot:
    def logits(self, images: Any, texts: Any) -> np.ndarray:
        return np.float32(1.0) * (images @ texts.T)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Run, dict[str, Any], np.ndarray, np.ndarray]:
    """A run with 12 images x 3 conditions on disk, in two parts; and the vector of each row."""
    rng = np.random.default_rng(3)
    rows: dict[str, list[Any]] = {k: [] for k in ("image", "cluster", "label", "word", "condition")}
    vectors = []
    for i in range(12):
        for kind in KINDS:
            label = NAMES[i % 3]
            word = WORDS[(i * 5 + 1) % 6]
            word = WORDS[(WORDS.index(word) + 1) % 6] if word == label else word
            for name, value in zip(rows, (f"i{i}", f"i{i}", label, word, kind), strict=True):
                rows[name].append(value)
            # Whole numbers, so that ties happen; the image 1 looks like the image 0.
            vectors.append(rng.integers(-1, 2, 4) if i != 1 else vectors[len(vectors) - 3])
    table = np.array(vectors, np.float32)
    digest = [hashlib.sha256(v.tobytes()).digest()[:16] for v in table]
    data: dict[str, Any] = {name: np.array(values, object) for name, values in rows.items()}
    data["pixels"] = np.array([d.hex() for d in digest], object)
    distinct = list(dict.fromkeys(digest))
    place = {d: i for i, d in enumerate(digest)}
    run = Run.open(tmp_path / "run", kind="typographic", config={})
    half = len(distinct) // 2
    for number, part in enumerate((distinct[:half], distinct[half:])):
        pixels = np.frombuffer(b"".join(part), np.uint8).reshape(-1, 16)
        arrays = {"pixels": pixels, "vectors": np.stack([table[place[d]] for d in part])}
        run.write_arrays(f"parts/{number}.safetensors", arrays)
    texts = rng.integers(-1, 2, (6, 4)).astype(np.float32)
    return run, data, table, texts


def test_three_lists_of_candidates_by_brute_force(stored: Any) -> None:
    run, data, vectors, texts = stored
    classes = Classes(NAMES)
    pairs = make_pairs(data, classes, natural=False)
    words = other_words(pairs, classes)
    assert words == ["Meow", "zap"]  # 'meow' is one of them in another spelling
    union = union_names(pairs)
    assert union == ("Meow", "cat", "dog", "ship", "zap")
    found = score_pairs(run, pairs, classes, Dot(), texts[:4], texts[4:])  # type: ignore[arg-type]
    columns = {"dog": [0], "cat": [1, 3], "ship": [2], "Meow": [4], "zap": [5]}
    for i, row in enumerate(pairs.row):
        logit = {name: max(texts[c] @ vectors[row] for c in own) for name, own in columns.items()}
        word = {"meow": "Meow"}.get(data["word"][row], data["word"][row])
        assert (found.label[i], found.word[i]) == (logit[data["label"][row]], logit[word])
        best = max(logit.values())
        assert found.answer[i] == next(name for name in union if logit[name] == best)


def test_retrieval_by_brute_force(stored: Any) -> None:
    run, data, vectors, texts = stored
    classes = Classes(NAMES)
    shown = gallery(data)
    assert len(shown.images) == 12 and list(shown.rows) == KINDS
    images, by_text = ranks(run, data, shown, classes, Dot(), texts[:4])  # type: ignore[arg-type]
    columns = {"dog": [0], "cat": [1, 3], "ship": [2]}
    for kind in KINDS:
        rows = [r for r in range(36) if data["condition"][r] == kind]
        logit = {
            name: np.array([max(texts[c] @ vectors[r] for c in own) for r in rows])
            for name, own in columns.items()
        }
        labels = data["label"][rows]
        for i, label in enumerate(labels):
            worse = sum(logit[n][i] >= logit[label][i] for n in columns if n != label)
            assert images[kind][i] == 1 + worse
        for q, name in enumerate(("dog", "cat", "ship")):  # in the order of the class list
            best = logit[name][labels == name].max()
            assert by_text[kind][q] == 1 + min(5, int((logit[name][labels != name] >= best).sum()))


@pytest.fixture
def audited(toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path) -> Any:
    """A reader, with a word that is not a class."""
    clip = toy(reads=True)
    words = ["dog", "cat", "meow", "Meow"]
    run = audit_typographic(
        clip, colours(4), [n for n in ("dog", "cat", "ship", "lamp", "tree", "fish")],
        words=words, out=tmp_path / "run", size=SIZE, protocol="zer0int",
    )  # fmt: skip
    return run, clip


def test_an_audit_prints_all_three_and_keeps_to_its_schema(audited: Any) -> None:
    import jsonschema

    run, clip = audited
    sets = run.summary["candidate_sets"]
    assert [sets[n]["n_candidates"] for n in ("pairwise", "union", "full")] == [2, 7, 6]
    assert run.summary["n"]["words_without_class"] == 1
    assert set(clip.texts.values()) == {1}  # 'Meow' and the protocol's sentences once, too
    assert any("Meow" in text for text in clip.texts)
    assert set(clip.seen.values()) == {1}
    full = {item["name"]: item["estimate"] for item in run.summary["headline"]}
    assert all(sets["full"][name] == full[name] for name in full)
    assert sets["pairwise"]["clean_accuracy"]["value"] == 1.0
    assert sets["union"]["reading_effect"]["n"] == 24
    table = run.read_table("results.parquet")
    assert set(table["union_answer"].to_pylist()) <= {*clip_names(), "Meow"}
    assert None not in table["logit_word"].to_pylist()
    drop = run.summary["retrieval"]["image_to_text_drop"]["attack"]["1"]
    assert drop["value"] > 0.5 and drop["low"] > 0
    path = Path(attacks.typographic.__file__).with_name("summary.schema.json")
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    summary = json.loads((run.path / "summary.json").read_text(encoding="utf-8"))
    assert list(validator.iter_errors(summary)) == []
    for broken in (
        {k: v for k, v in summary.items() if k != "candidate_sets"},
        {**summary, "schema_version": 2},
        {**summary, "margin_shift": {**full["reading_effect"], "value": None, "reason": ""}},
    ):
        assert list(validator.iter_errors(broken))
    html = (run.path / "report.html").read_text(encoding="utf-8")
    for text in ("The same answers among three lists", "union", "Retrieval", "zer0int"):
        assert text in html

    # The thresholds, on the same run.
    low = sets["pairwise"]["clean_accuracy"]["low"]
    enforce(figures(summary), {"pairwise.clean_accuracy": low})
    with pytest.raises(ThresholdCrossedError, match=r"pairwise\.clean_accuracy is 1\.000 .*lower"):
        enforce(figures(summary), {"pairwise.clean_accuracy": low + 0.001})
    high = full["targeted_success"]["high"]
    enforce(figures(summary), {}, {"targeted_success": high})
    with pytest.raises(ThresholdCrossedError, match="upper end of its interval is over"):
        enforce(figures(summary), {}, {"targeted_success": high - 0.001})

    from attacks.typographic.terminal import candidate_lines

    text = "\n".join(candidate_lines(summary))
    assert all(part in text for part in ("pairwise (2)", "union (7)", "full (6)", "zer0int"))
    assert "no published row for this model" in text


def clip_names() -> list[str]:
    return ["dog", "cat", "ship", "lamp", "tree", "fish"]


@pytest.mark.parametrize(
    ("thresholds", "over", "message"),
    [
        ({"targeted_success": 0.2}, False, "better when higher"),
        ({"attacked_accuracy": 0.2}, True, "better when lower"),
        ({"some.attacked_accuracy": 0.2}, False, "union"),
        ({"reading_effect": 2}, True, "is not a share"),
    ],
)
def test_a_threshold_on_the_wrong_side_is_refused(
    thresholds: dict[str, float], over: bool, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_limits(None if over else thresholds, thresholds if over else None)
