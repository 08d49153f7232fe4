"""Strict reading and writing of safetensors weight files: exact keys, exact shapes, finite values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stylefaceuv.errors import WeightsError
from stylefaceuv.files import atomic_path

EMBEDDED_WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the weights that come with the package."""

_CONFIG_KEY = "config"


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read every tensor of a safetensors file.

    Args:
        path: the file.

    Returns:
        Tensors by name, on the CPU, in the dtype they are stored in.

    Raises:
        WeightsError: the file is missing, truncated, not a safetensors file, or holds NaN or Inf.
    """
    try:
        with safe_open(str(path), framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{path}: tensor {name!r}: expected finite values, got NaN or Inf")
    return tensors


def load_config(path: str | Path) -> dict[str, object]:
    """Read the JSON configuration that :func:`save_tensors` put in the header.

    Args:
        path: the file.

    Returns:
        The configuration; empty when the file has none.

    Raises:
        WeightsError: the file is missing, truncated or not a safetensors file, or the configuration is not JSON.
    """
    try:
        with safe_open(str(path), framework="pt") as stream:
            metadata = stream.metadata() or {}
        config = json.loads(metadata.get(_CONFIG_KEY, "{}"))
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path}: expected a JSON object as configuration, got {type(config).__name__}")
    return config


def load_into(module: nn.Module, path: str | Path) -> None:
    """Copy a file into a module whose parameters and buffers it must match one to one.

    Values are converted to the dtype the module has (a half-precision file loads into a float32 module).

    Args:
        module: changed in place; untouched when an error is raised.
        path: the file.

    Raises:
        WeightsError: as for :func:`load_tensors`, or a key is missing or unknown, or a shape differs.
    """
    tensors = load_tensors(path)
    own = module.state_dict()
    missing, unknown = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if missing or unknown:
        raise WeightsError(f"{path}: keys differ: missing {_some(missing)}, unknown {_some(unknown)}")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            raise WeightsError(
                f"{path}: tensor {name!r}: expected shape {tuple(own[name].shape)}, got {tuple(tensor.shape)}"
            )
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def save_tensors(
    path: str | Path, tensors: Mapping[str, torch.Tensor], config: Mapping[str, object] | None = None
) -> None:
    """Write tensors to a safetensors file that appears whole or not at all; equal input gives equal bytes.

    Args:
        path: the file that shall appear.
        tensors: tensors by name, stored in the dtype they have.
        config: JSON-serialisable settings for the header.

    Raises:
        WeightsError: a tensor holds NaN or Inf.
        OutputError: the folder cannot be written.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{path}: tensor {name!r}: expected finite values, got NaN or Inf")
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = None if config is None else {_CONFIG_KEY: json.dumps(dict(config), sort_keys=True)}
    with atomic_path(path) as temporary:
        save_file(plain, str(temporary), metadata=metadata)


def _unreadable(path: str | Path, error: Exception) -> WeightsError:
    if isinstance(error, FileNotFoundError):
        return WeightsError(f"{path}: expected a weight file, got no such file")
    return WeightsError(f"{path}: expected a whole safetensors file, got an unreadable one ({error})")


def _some(names: list[str], limit: int = 5) -> str:
    if not names:
        return "none"
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
