"""Shows a GLB to three.js in a headless browser and brings back what it saw."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

HERE = Path(__file__).parent
THREE = HERE.parent / "node_modules" / "three"
PATIENCE_SECONDS = 120
_TYPES = {".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".glb": "model/gltf-binary"}
# Software WebGL: there is no GPU, and the picture must not depend on one.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--no-first-run",
)


@dataclass(frozen=True)
class Seen:
    """What three.js made of a file.

    Attributes:
        morphs: names of the morph targets by mesh.
        nodes: names of all nodes.
        materials: names of the materials.
        attributes: names of the vertex attributes by mesh.
        pictures: (size, size, 3) uint8 by name.
    """

    morphs: dict[str, list[str]]
    nodes: list[str]
    materials: list[str]
    attributes: dict[str, list[str]]
    pictures: dict[str, npt.NDArray[np.uint8]]


def show(glb: Path, pictures: dict[str, dict[str, Any]], size: int) -> Seen:
    """Load a file with GLTFLoader and take pictures of it.

    Args:
        glb: the file.
        pictures: by name what ``viewer.mjs`` reads: position (metres), yaw (radians), morphs, turn, flat.
        size: edge of the pictures, pixels.

    Returns:
        What was found and seen. A missing browser is a failure, not a reason to skip.
    """
    chromium = shutil.which("chromium")
    assert chromium, "chromium is needed: make test installs it"
    assert THREE.exists(), "three is needed: make test installs it"
    results: list[dict[str, Any]] = []
    arrived = threading.Event()
    handler = _handler(glb, json.dumps({"pictures": pictures, "size": size}).encode(), results, arrived)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        address = f"http://127.0.0.1:{server.server_port}/page.html"
        command = [chromium, *_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", address]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert arrived.wait(PATIENCE_SECONDS), "the browser posted nothing"
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
    result = results[0]
    assert result["error"] is None, result["error"]
    return Seen(**result["found"], pictures={name: _decode(data) for name, data in result["pictures"].items()})


def _decode(data_url: str) -> npt.NDArray[np.uint8]:
    content = base64.b64decode(data_url.split(",", 1)[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _handler(
    glb: Path, request: bytes, results: list[dict[str, Any]], arrived: threading.Event
) -> type[BaseHTTPRequestHandler]:
    """Serves the page, three.js, the file and the request; takes the result."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("?")[0].lstrip("/")
            if name == "request.json":
                return self._answer(request, "application/json")
            path = glb if name == "head.glb" else HERE / name
            if name.startswith("three/"):
                path = THREE / name.removeprefix("three/")
            if not path.is_file():
                return self.send_error(404)
            return self._answer(path.read_bytes(), _TYPES.get(path.suffix, "application/octet-stream"))

        def do_POST(self) -> None:
            results.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"", "text/plain")
            arrived.set()

        def _answer(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return None

    return Handler
