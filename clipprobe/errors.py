"""One exception per thing a user can do wrong.

Every message says what was asked, what was found and what to do next, in one sentence. The
command line prints the message without a traceback and exits with :attr:`ClipprobeError.exit_code`.
"""

from __future__ import annotations

from collections.abc import Collection


class ClipprobeError(Exception):
    """Base of every error that a user can cause and mend."""

    exit_code = 2


class UnknownModelError(ClipprobeError):
    """The model is not the bundled one, a folder, a reachable hub id, or an open_clip name."""


class UnsupportedModelError(ClipprobeError):
    """The checkpoint was read, but its architecture has no adapter or contradicts its weights."""


class UnsafeWeightsError(ClipprobeError):
    """The checkpoint has no safetensors weights; pickled weights are never loaded."""


class BrokenModelError(ClipprobeError):
    """The model gives vectors that mean nothing: not finite, or of length zero."""


class UnknownHookPointError(ClipprobeError):
    """No hook point of this model has that name."""


class UnsupportedHookError(ClipprobeError):
    """The hook point exists, but not for what was asked of it."""


class HookNeverFiredError(ClipprobeError):
    """A named hook point saw no forward pass, so there is nothing to return."""


class UnknownMethodError(ClipprobeError):
    """No attribution method, probe, protocol or metric has that name."""


class DataError(ClipprobeError):
    """The given data cannot be used as asked."""


class UnreadableImageError(DataError):
    """One image could not be decoded; audits count it and go on."""


class NoReadableImagesError(DataError):
    """Nothing in the given data set could be read."""


class GlyphError(ClipprobeError):
    """The font lacks a glyph of the text."""


class TextFitError(ClipprobeError):
    """The text does not fit the place that it was given."""


class ConfigError(ClipprobeError):
    """A setting has a value that cannot be used."""


class RunFolderError(ClipprobeError):
    """The output folder holds another run, or cannot be written."""


class MissingExtraError(ClipprobeError):
    """An optional dependency is absent; the message holds the command that installs it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional dependency that is not installed: "
            f"run pip install 'clipprobe[{extra}]'."
        )


class ThresholdCrossedError(ClipprobeError):
    """The run is complete, and a threshold given with ``--fail-…`` was crossed."""

    exit_code = 1


def did_you_mean(word: str, known: Collection[str]) -> str:
    """``did you mean 'x'?``, or nothing where no name is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=2)
    if not near and word:
        near = [name for name in known if name.startswith(word)][:2]
    return either(near)


def either(names: Collection[str]) -> str:
    """``did you mean 'x' or 'y'?``, or nothing of no names."""
    return f"did you mean {' or '.join(map(repr, names))}?" if names else ""


def nearest(name: str, known: Collection[str]) -> str:
    """``did you mean 'x'?``, or what is known where nothing is near."""
    if hint := did_you_mean(name, known):
        return hint
    return f"known are {', '.join(known)}." if known else "there are none."
