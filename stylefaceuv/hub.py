"""Bundles on the Hub: download a revision, push a folder. Everything else about a bundle is in ``bundle.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stylefaceuv.errors import InvalidArgumentError, StyleFaceUVError, WeightsError

if TYPE_CHECKING:
    from stylefaceuv.manifest import Licence

_WANTED = ["config.json", "manifest.json", "*.safetensors"]


class HubError(StyleFaceUVError, OSError):
    """A bundle could not be pushed to the Hub."""


def fetch(repository: str, revision: str | None = None) -> Path:
    """Download a bundle, or find it in the Hub's cache on this machine.

    Only JSON and safetensors files are downloaded. Whether they are the right ones is checked by the caller.

    Args:
        repository: a Hub id ("org/name").
        revision: branch, tag or commit; None is the main branch.

    Returns:
        The folder of the snapshot.

    Raises:
        WeightsError: no such repository or revision, no access, or offline and not in the cache.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    where = f"{repository!r} at revision {revision or 'main'!r}"
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=_WANTED))
    except (OSError, HFValidationError) as error:
        raise WeightsError(f"source: expected a Hub repository {where}, got {_reason(error)}") from error


def push(repository: str, files: Mapping[str, Path], card: str, message: str) -> str:
    """Push files to the Hub in one commit.

    Args:
        repository: a Hub id ("org/name"); made when missing.
        files: local files by their name in the repository.
        card: text of the model card.
        message: commit message.

    Returns:
        The commit's hash.

    Raises:
        InvalidArgumentError: not a Hub id.
        HubError: no access or no connection.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HFValidationError

    operations = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
    operations.append(CommitOperationAdd("README.md", card.encode()))
    api = HfApi()
    try:
        api.create_repo(repository, exist_ok=True)
        return str(api.create_commit(repository, operations, commit_message=message).oid)
    except HFValidationError as error:
        raise InvalidArgumentError("push_to_hub", "a Hub id 'org/name'", repr(repository)) from error
    except (OSError, RuntimeError) as error:
        raise HubError(f"push_to_hub: expected to write to {repository!r}, got {_reason(error)}") from error


def model_card(terms: Mapping[str, Licence]) -> str:
    """Return a model card that says for each component where it comes from and what may be done with it.

    Args:
        terms: origin and licence, by component.

    Returns:
        Markdown with the Hub's metadata block.
    """
    restricted = [name for name, entry in terms.items() if not entry.commercial_use]
    notice = f"**Not for commercial use:** {', '.join(restricted)}.\n\n" if restricted else ""
    rows = "".join(
        f"| {name} | {entry.origin} | {entry.licence} | {'yes' if entry.commercial_use else '**no**'} |\n"
        for name, entry in terms.items()
    )
    return (
        "---\nlicense: other\nlibrary_name: stylefaceuv\n---\n\n# stylefaceuv bundle\n\n"
        f"{notice}| component | origin | licence | commercial use |\n|---|---|---|---|\n{rows}"
    )


def _reason(error: Exception) -> str:
    """The first line of what the Hub's client says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
