"""Hub ids, through the real huggingface_hub client: a hub on 127.0.0.1, and its cache offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SCRIPT = """
import json, sys
import clipprobe
from clipprobe.errors import ClipprobeError
for model, revision in json.loads(sys.argv[1]):
    try:
        clip = clipprobe.load(model, revision=revision)
    except ClipprobeError as error:
        print(json.dumps({"error": type(error).__name__, "says": str(error)}))
    else:
        vector = clip.encode_texts(["a dog"])[0].tolist()
        print(json.dumps({"id": clip.id, "revision": clip.revision, "vector": vector}))
"""


class Hub(BaseHTTPRequestHandler):
    """The four answers of a hub that loading needs, for the repositories in ``folders``."""

    folders: dict[str, Path]
    served: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.api("/".join(parts[2:4]), parts[4:])
            return
        repository, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        path = self.folders.get(repository, Path("/nowhere")) / name
        if revision not in (COMMIT, "main"):
            self.fail(404, "RevisionNotFound")
        elif not path.is_file():
            self.fail(404, "EntryNotFound")
        else:
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("ETag", f'"{name}-{len(content)}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.served.append(name)
                self.wfile.write(content)

    def api(self, repository: str, rest: list[str]) -> None:
        if repository == "owner/gated":
            self.fail(403, "GatedRepo")
        elif repository not in self.folders:
            self.fail(404, "RepoNotFound")
        elif rest[:1] in (["revision"], ["tree"]) and rest[1] not in (COMMIT, "main"):
            self.fail(404, "RevisionNotFound")
        else:
            folder = self.folders[repository]
            names = sorted(path.name for path in folder.iterdir())
            if rest[:1] == ["tree"]:
                self.json(
                    [
                        {
                            "type": "file",
                            "path": name,
                            "size": (folder / name).stat().st_size,
                            "oid": "0" * 40,
                        }
                        for name in names
                    ]
                )
            else:
                siblings = [{"rfilename": name} for name in names]
                self.json({"id": repository, "sha": COMMIT, "siblings": siblings})

    def json(self, data: Any) -> None:
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def fail(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(checkpoint: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Loads models in a process of its own against a hub on this machine."""
    pickles = tmp_path / "pickles"
    pickles.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (pickles / name).write_bytes((checkpoint("clip") / name).read_bytes())
    (pickles / "pytorch_model.bin").write_bytes(b"never fetched")
    full = tmp_path / "full"
    full.mkdir()
    for path in checkpoint("clip").iterdir():
        (full / path.name).write_bytes(path.read_bytes())
    for name in ("pytorch_model.bin", "flax_model.msgpack", "open_clip_model.safetensors"):
        (full / name).write_bytes(b"never fetched")
    served: list[str] = []
    folders = {"owner/clip": full, "owner/pickles": pickles}
    handler = type("Handler", (Hub,), {"folders": folders, "served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def load(*models: tuple[str, str | None], offline: bool = False) -> list[dict[str, Any]]:
        environment = {
            **os.environ,
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_OFFLINE": str(int(offline)),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(models)],
            env=environment,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    load.served = served  # type: ignore[attr-defined]
    yield load
    server.shutdown()
    server.server_close()
    thread.join()


REFUSED = {
    ("owner/absent", None): ("UnknownModelError", "neither a folder here nor a model on the"),
    ("owner/gated", None): ("UnknownModelError", "is gated: ask for access on its page"),
    ("owner/clip", "v9"): ("UnknownModelError", "has no revision 'v9'"),
    ("owner/pickles", None): ("UnsafeWeightsError", "hf download owner/pickles --local-dir"),
}


@pytest.mark.slow
def test_a_hub_model_is_fetched_once_and_then_works_offline(hub: Any, clip: Any) -> None:
    (absent,) = hub(("owner/clip", None), offline=True)
    assert absent["error"] == "UnknownModelError"
    assert "`hf download owner/clip --local-dir FOLDER`" in absent["says"]

    fetched, *refused = hub(("owner/clip", None), *REFUSED)
    assert fetched["id"] == "owner/clip"
    assert fetched["revision"] == COMMIT
    assert np.allclose(fetched["vector"], clip.encode_texts(["a dog"])[0], atol=1e-6)
    for found, (error, says) in zip(refused, REFUSED.values(), strict=True):
        assert found["error"] == error
        assert says in found["says"]
        assert "\n" not in found["says"]
    # The weights for other libraries, and the pickles, stay where they are.
    assert "model.safetensors" in hub.served
    others = {"pytorch_model.bin", "flax_model.msgpack", "open_clip_model.safetensors"}
    assert not others & set(hub.served)

    assert hub(("owner/clip", None), ("owner/clip", COMMIT), offline=True) == [fetched] * 2
