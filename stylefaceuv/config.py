"""``config.json`` of a bundle: its format version and its components."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stylefaceuv.errors import WeightsError

FORMAT_VERSION = 1
"""The one layout of bundles that this version of the package reads and writes."""

CONFIG_NAME = "config.json"
WEIGHTS_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ComponentConfig:
    """One component of a bundle.

    Attributes:
        file: name of its weight file in the bundle's folder.
        class_name: name of the class that the weights belong to; for people, nothing is imported by it.
        preset: name of the sizes, such as "compact".
    """

    file: str
    class_name: str
    preset: str


@dataclass(frozen=True)
class BundleConfig:
    """What ``config.json`` says.

    Attributes:
        components: by name, such as "generator".
        format_version: layout of the bundle.
    """

    components: Mapping[str, ComponentConfig]
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Return the text of ``config.json``."""
        return to_json(asdict(self))


def to_json(content: Mapping[str, Any]) -> str:
    """Return JSON as the bundle's files hold it: indented, sorted, one newline at the end."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a bundle.

    Args:
        path: the file.

    Returns:
        The object.

    Raises:
        WeightsError: the file is missing or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: expected a bundle's {path.name}, got no such file") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: expected a JSON object, got an unreadable file ({error})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def read_config(path: Path) -> BundleConfig:
    """Read and check ``config.json``.

    Args:
        path: the file.

    Returns:
        What it says.

    Raises:
        WeightsError: missing, not JSON, of an unknown format version, or without a needed field.
    """
    content = read_json(path)
    check_format_version(path, content)
    components = content.get("components")
    if not isinstance(components, dict):
        raise WeightsError(f"{path}: components: expected a JSON object, got {type(components).__name__}")
    return BundleConfig({name: _component(path, name, entry) for name, entry in components.items()})


def check_format_version(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse layouts that this version of the package does not know.

    Args:
        path: the file, for the message.
        content: what it holds.

    Raises:
        WeightsError: another format version, or none.
    """
    version = content.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise WeightsError(
            f"{path}: format_version: expected {FORMAT_VERSION}, got {version!r}; a newer stylefaceuv may read it"
        )


def check_file_name(path: Path, name: object) -> str:
    """Check that a name which a bundle's JSON holds points into the bundle's own folder.

    Args:
        path: the JSON file, for the message.
        name: what it holds.

    Returns:
        The name.

    Raises:
        WeightsError: not a plain file name.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or any(mark in name for mark in "/\\\0"):
        raise WeightsError(f"{path}: expected a plain file name, got {name!r}")
    return name


def _component(path: Path, name: str, entry: object) -> ComponentConfig:
    fields = entry if isinstance(entry, dict) else {}
    values = [fields.get(key) for key in ("file", "class_name", "preset")]
    if not all(isinstance(value, str) for value in values):
        raise WeightsError(f"{path}: components.{name}: expected file, class_name and preset, got {entry!r}")
    file, class_name, preset = (str(value) for value in values)
    if not check_file_name(path, file).endswith(WEIGHTS_SUFFIX):
        raise WeightsError(f"{path}: components.{name}.file: expected a {WEIGHTS_SUFFIX} file, got {file!r}")
    return ComponentConfig(file, class_name, preset)
