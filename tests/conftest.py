"""What every test shares: no network, and tiny checkpoints built once per session.

`clip` is a loaded tiny CLIP; `load_tiny("siglip", dtype="float16")` loads any family;
`checkpoint("clip")` gives its folder (read only: copy it before changing a file).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# No test depends on seconds.
settings.register_profile("clipprobe", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clipprobe")
# The libraries read these once, when they are imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.pop("CLIPPROBE_MODEL", None)
# On some processors several threads split a matrix product by rows, and the last bit of a row then
# depends on its place in the batch. Tests compare bytes between batches, so they run on one thread.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

LOCAL = ("127.0.0.1", "::1", "localhost")
#: The files that take longest, which start first: none of them then runs on alone at the end.
DEAREST = (
    "study/test_every_study.py",
    "pretraining/test_bundled.py",
    "pretraining/test_run.py",
    "packaging/test_readme.py",
    "runs/test_damage.py",
    "neurons/circuits/test_attribution_patching.py",
    "runs/test_lock.py",
    "bias/test_simulation.py",
    "bias/test_disclosure.py",
    "zeroshot/limits/test_limits.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the dearest files first; the others keep their order."""
    places = {Path(__file__).parent / name: n for n, name in enumerate(DEAREST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Fail any test that would reach another machine."""
    patch = pytest.MonkeyPatch()

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            internet = self.family in (socket.AF_INET, socket.AF_INET6)
            if internet and address[0] not in LOCAL:
                raise RuntimeError(f"a test tried to reach {address!r}; tests run offline")
            return original(self, address)

        return connect

    patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    original_lookup = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in (None, "", *LOCAL):
            raise RuntimeError(f"a test tried to look up {host!r}; tests run offline")
        return original_lookup(host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", lookup)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def own_pair_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The key that pairs two bias reports is the user's own: tests make one of theirs."""
    os.environ["CLIPPROBE_PAIR_KEY"] = str(tmp_path_factory.mktemp("key") / "pair-key")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a family's tiny checkpoint."""
    from clipprobe.testing import checkpoints as tiny

    built: dict[str, Path] = {}

    def folder(family: str = "clip") -> Path:
        if family not in built:
            target = tmp_path_factory.mktemp("checkpoints") / f"tiny-{family}"
            built[family] = tiny.BUILDERS[family](target)
        return built[family]

    return folder


@pytest.fixture(scope="session")
def tiny_models() -> dict[Any, Any]:
    """Those that :func:`load_tiny` has loaded, by family and options."""
    return {}


@pytest.fixture(scope="session")
def load_tiny(checkpoint: Callable[[str], Path], tiny_models: dict[Any, Any]) -> Callable[..., Any]:
    """A family's tiny model, loaded once for each way of loading it."""
    import clipprobe

    def load(family: str = "clip", **options: Any) -> Any:
        key = (family, tuple(sorted(options.items())))
        if key not in tiny_models:
            tiny_models[key] = clipprobe.load(checkpoint(family), **options)
        return tiny_models[key]

    return load


@pytest.fixture(scope="session")
def clip(load_tiny: Callable[..., Any]) -> Any:
    """A tiny CLIP, shared by all tests: leave it as it is."""
    return load_tiny("clip")
