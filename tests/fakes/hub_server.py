"""A Hub on the loopback interface: as much of its HTTP interface as one push and one download need."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]


class HubState:
    """What the server holds.

    Attributes:
        blobs: uploaded large files by sha256.
        repositories: for each id, the commits (oid to files) in order; the last one is the main branch.
        served: path of every file that was downloaded.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.repositories: dict[str, dict[str, Files]] = {}
        self.served: list[str] = []
        self.url = ""

    def resolve(self, repository: str, revision: str) -> tuple[str, Files] | None:
        commits = self.repositories[repository]
        oid = list(commits)[-1] if revision == "main" and commits else revision
        return (oid, commits[oid]) if oid in commits else None

    def commit(self, repository: str, operations: list[dict[str, Any]]) -> str:
        commits = self.repositories[repository]
        files = dict(list(commits.values())[-1]) if commits else {}
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self.blobs[value["oid"]]
        oid = hashlib.sha1(json.dumps([len(commits), sorted(files)]).encode()).hexdigest()
        commits[oid] = files
        return oid


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *arguments: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        state, path = self.server.state, unquote(urlsplit(self.path).path)
        body = self._body()
        if path == "/api/repos/create":
            request = json.loads(body)
            name = "/".join(filter(None, (request.get("organization"), request["name"])))
            state.repositories.setdefault(name, {})
            self._json({"url": f"{state.url}/{name}", "name": name})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.endswith("/info/lfs/objects/batch"):
            self._json({"transfer": "basic", "objects": [self._upload(entry) for entry in json.loads(body)["objects"]]})
        elif "/preupload/" in path:
            self._json({"files": [self._mode(entry) for entry in json.loads(body)["files"]]})
        elif "/commit/" in path:
            repository = path.removeprefix("/api/models/").split("/commit/")[0]
            oid = state.commit(repository, [json.loads(line) for line in body.splitlines()])
            self._json({"commitUrl": f"{state.url}/{repository}/commit/{oid}", "commitOid": oid})
        else:
            self._missing("EntryNotFound")

    def do_PUT(self) -> None:
        body = self._body()
        self.server.state.blobs[hashlib.sha256(body).hexdigest()] = body
        self._json({})

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def _get(self) -> None:
        path = unquote(urlsplit(self.path).path)
        for mark, answer in (("/revision/", self._info), ("/tree/", self._tree), ("/resolve/", self._file)):
            if mark in path:
                repository, rest = path.removeprefix("/api/models").strip("/").split(mark)
                revision, _, name = rest.partition("/")
                self._answer(repository, revision, name, answer)
                return
        self._missing("EntryNotFound")

    def _answer(self, repository: str, revision: str, name: str, answer: Any) -> None:
        if repository not in self.server.state.repositories:
            self._missing("RepoNotFound")
            return
        found = self.server.state.resolve(repository, revision)
        if found is None:
            self._missing("RevisionNotFound")
            return
        answer(repository, *found, name)

    def _info(self, repository: str, oid: str, files: Files, name: str) -> None:
        self._json({"id": repository, "sha": oid, "siblings": [{"rfilename": file} for file in files]})

    def _tree(self, repository: str, oid: str, files: Files, name: str) -> None:
        entries = [
            {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for file, data in files.items()
        ]
        self._json(entries)

    def _file(self, repository: str, oid: str, files: Files, name: str) -> None:
        if name not in files:
            self._missing("EntryNotFound")
            return
        if self.command == "GET":
            self.server.state.served.append(name)
        etag = hashlib.sha1(files[name]).hexdigest()
        self._send(200, files[name], {"ETag": f'"{etag}"', "X-Repo-Commit": oid})

    def _mode(self, entry: dict[str, Any]) -> dict[str, Any]:
        large = entry["path"].endswith(".safetensors")
        return {"path": entry["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    def _upload(self, entry: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.server.state.url}/upload/{entry['oid']}"
        return {"oid": entry["oid"], "size": entry["size"], "actions": {"upload": {"href": href}}}

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _missing(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": "not found"})

    def _json(self, content: Any) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = HubState()
        self.state.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub_server() -> Iterator[HubState]:
    """Serve an empty Hub on a free port of the loopback interface while the block runs."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.state
        finally:
            server.shutdown()
            thread.join()
