"""Bundles on a Hub that runs on the loopback interface, through the real client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylefaceuv import hub
from stylefaceuv.errors import WeightsError
from stylefaceuv.hub import HubError
from tests.bundles import FREE, RESTRICTED, make_bundle
from tests.fakes.hub_server import HubState, hub_server

REPOSITORY = "org/name"
OPEN = """
import sys
from stylefaceuv.bundle import Bundle
from stylefaceuv.errors import WeightsError
try:
    bundle = Bundle.open(sys.argv[1], revision=sys.argv[2] or None)
except WeightsError as error:
    sys.exit(f"WeightsError: {error}")
print(bundle.directory)
"""
PUSH = """
import sys
from pathlib import Path
from stylefaceuv.bundle import Bundle
Bundle.open(sys.argv[1]).save(sys.argv[2], push_to_hub=sys.argv[3])
"""


@pytest.fixture
def server() -> Iterator[HubState]:
    with hub_server() as state:
        yield state


class Client:
    """Runs Python in a process of its own: the Hub's client reads its settings when it is imported."""

    def __init__(self, url: str, cache: Path) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_ENDPOINT": url,
            "HF_HOME": str(cache),
            "HF_TOKEN": "none",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def open(self, revision: str = "", **environment: str) -> Path:
        result = self.run(OPEN, REPOSITORY, revision, **environment)
        assert result.returncode == 0, result.stderr
        return Path(result.stdout.strip())

    def refused(self, revision: str = "", repository: str = REPOSITORY, **environment: str) -> str:
        result = self.run(OPEN, repository, revision, **environment)
        assert result.returncode == 1
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith("WeightsError: "), result.stderr
        return last


@pytest.fixture
def client(server: HubState, tmp_path: Path) -> Client:
    return Client(server.url, tmp_path / "cache")


def _push(client: Client, tmp_path: Path, value: float) -> Path:
    bundle = make_bundle(tmp_path / f"bundle-{value}", value)
    result = client.run(PUSH, str(bundle.directory), str(tmp_path / f"saved-{value}"), REPOSITORY)
    assert result.returncode == 0, result.stderr
    return bundle.directory


def _content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_push_and_open_by_revision(server: HubState, client: Client, tmp_path: Path) -> None:
    first = _push(client, tmp_path, 1.0)
    second = _push(client, tmp_path, 2.0)
    old, new = server.repositories[REPOSITORY]
    assert _content(client.open(revision=old)) == _content(first)
    assert _content(client.open()) == _content(second)
    assert _content(client.open(revision="main")) == _content(second)
    assert _content(first) != _content(second)
    assert "research only" in server.repositories[REPOSITORY][new]["README.md"].decode()

    offline = {"HF_HUB_OFFLINE": "1"}
    downloads = len(server.served)
    assert _content(client.open(**offline)) == _content(second)
    assert _content(client.open(revision=old, **offline)) == _content(first)
    assert len(server.served) == downloads


def test_only_known_kinds_of_files_are_downloaded(server: HubState, client: Client, tmp_path: Path) -> None:
    _push(client, tmp_path, 1.0)
    newest = list(server.repositories[REPOSITORY].values())[-1]
    newest["model.pkl"] = b"never"
    client.open()
    assert set(server.served) == {"config.json", "manifest.json", "generator.safetensors", "face_model.safetensors"}


def test_altered_on_the_hub(server: HubState, client: Client, tmp_path: Path) -> None:
    _push(client, tmp_path, 1.0)
    newest = list(server.repositories[REPOSITORY].values())[-1]
    newest["generator.safetensors"] = newest["generator.safetensors"][:-4] + b"\0\0\0\0"
    message = client.refused()
    assert "generator.safetensors" in message
    assert "altered" in message


def test_truncated_and_missing_in_the_cache(client: Client, tmp_path: Path) -> None:
    _push(client, tmp_path, 1.0)
    path = client.open() / "face_model.safetensors"
    path.resolve().write_bytes(path.read_bytes()[:-10])
    assert "truncated" in client.refused(HF_HUB_OFFLINE="1")
    path.unlink()
    assert "source" in client.refused(HF_HUB_OFFLINE="1")


def test_missing_on_the_hub(server: HubState, client: Client, tmp_path: Path) -> None:
    _push(client, tmp_path, 1.0)
    del list(server.repositories[REPOSITORY].values())[-1]["face_model.safetensors"]
    assert "face_model.safetensors" in client.refused()


def test_unknown_repository_and_revision(client: Client, tmp_path: Path) -> None:
    assert "'org/other'" in client.refused(repository="org/other")
    _push(client, tmp_path, 1.0)
    assert "'v9'" in client.refused(revision="v9")


def test_offline_without_a_cache(client: Client) -> None:
    assert "'org/name' at revision 'main'" in client.refused(HF_HUB_OFFLINE="1")


def test_unreachable_hub(client: Client) -> None:
    assert "'org/name' at revision 'main'" in client.refused(HF_ENDPOINT="http://127.0.0.1:9")


def test_push_without_access_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*arguments: object, **options: object) -> None:
        raise ConnectionError("no route\nmore")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(HubError, match=r"push_to_hub: expected to write to 'org/name', got no route$"):
        make_bundle(tmp_path / "bundle").push(REPOSITORY)


def test_bad_hub_id_is_refused() -> None:
    with pytest.raises(WeightsError, match="Hub repository"):
        hub.fetch("a--b/..c")


def test_model_card_lists_every_licence() -> None:
    card = hub.model_card({"generator": RESTRICTED, "face_model": FREE})
    assert "**Not for commercial use:** generator." in card
    assert "| face_model | made by a test | CC0-1.0 | yes |" in card
