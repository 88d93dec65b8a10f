"""A written word on one image, its controls, and the answers."""

from __future__ import annotations

from collections.abc import Sequence

from attacks.typographic import TypographicAttack
from dashboard.snippets.images import ImageSource, ModelSource, opening, repeated, shell
from dashboard.snippets.scores import MOST_SENTENCES, sentences


def trial_code(
    *,
    model: ModelSource,
    image: ImageSource,
    attack: TypographicAttack,
    nonsense: str | None,
    classes: Sequence[str],
    templates: Sequence[str],
    repair: tuple[Sequence[str], float, Sequence[str]] | None = None,
) -> str:
    """The images of the lab and their probabilities.

    Args:
        repair: Units, what they are multiplied by, and files of edits that come before.
    """
    settings = ", ".join(f"{name}={value!r}" for name, value in attack.to_json().items())
    lines = [
        *opening(
            model,
            image,
            "import numpy as np",
            "from attacks.typographic import TypographicAttack",
            "from clipprobe.zeroshot import build_classifier",
            name="base",
        ),
        f"attack = TypographicAttack({settings})",
        "attacked = attack(base)",
        "images = {",
        '    "clean": base,',
        '    "attack": attacked.image,',
        '    "blank": attack.blank(attacked, base).image,',
        "}",
    ]
    if nonsense is not None:
        lines += [
            f"nonsense = attack.with_word({nonsense!r})",
            'images["nonsense"] = nonsense.in_place_of(attacked, base, kind="nonsense").image',
        ]
    lines += [
        f"classes = {list(classes)!r}",
        f"vectors = build_classifier(clip, classes, {list(templates)!r})",
        "logits = clip.logits(list(images.values()), vectors).astype(np.float64)",
        "weights = np.exp(logits - logits.max(axis=1, keepdims=True))",
        "probabilities = weights / weights.sum(axis=1, keepdims=True)",
        "for name, row in zip(images, probabilities):",
        "    print(name, classes[row.argmax()], row.max())",
    ]
    if repair is not None:
        units, factor, stored = repair
        change = "'zero'" if factor == 0 else f"clipprobe.Scale({factor!r})"
        parts = [f"clipprobe.load_edit({place!r})" for place in stored]
        parts += [f"dict.fromkeys({list(units)!r}, {change})"] if units else []
        lines += [
            f"edited = clipprobe.Edit({', '.join(parts)}).of(clip)",
            f"vectors = build_classifier(edited, classes, {list(templates)!r})",
            "repaired = edited.logits(list(images.values()), vectors)",
            "for name, row in zip(images, repaired):",
            "    print(name, 'repaired:', classes[row.argmax()])",
        ]
    return "\n".join(lines) + "\n"


def trial_command(
    *,
    model: ModelSource,
    image: ImageSource,
    attack: TypographicAttack,
    classes: Sequence[str],
    templates: Sequence[str],
) -> str:
    """Write the word, and the cosines of both images with every class in every prompt.

    The words are written at the model's size, so the image is brought to it first.
    """
    base, attacked = "base.png", "attacked.png"
    lines = ["import clipprobe", *image.lines, ModelSource(spec=model.spec).line]
    lines.append(f"clip.preprocess.to_grid(image).save({base!r})")
    default = TypographicAttack(word=attack.word).to_json()
    knobs: list[str] = []
    for name, value in attack.to_json().items():
        if name != "word" and value != default[name]:
            knobs += [f"--{name.replace('_', '-')}", _knob(value)]
    flags = [*repeated("--text", sentences(classes, templates)), *model.flags, "--json"]
    asked = ["clipprobe", "similarity", *flags, base, attacked]
    return shell(
        ["python", "-c", "; ".join(lines)],
        ["clipprobe", "attack", *knobs, "--out", attacked, "--", base, attack.word],
        asked if len(classes) * len(templates) <= MOST_SENTENCES else [],
    )


def _knob(value: object) -> str:
    """A knob as the command line reads it."""
    if value is None:
        return "none"
    if isinstance(value, list):
        pairs = value if value and isinstance(value[0], list) else [value]
        return ";".join(",".join(f"{number:g}" for number in pair) for pair in pairs)
    return f"{value:g}" if isinstance(value, float) else str(value)
