"""Read the tensors of StyleGAN2-ADA pickles without running any code that they name.

A pickle is a program: it imports what it names and calls it. Here every name that those files are known to use is
mapped to an inert stand-in that only holds data, and any other name is refused before it is looked up.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from stylefaceuv.errors import WeightsError


class Inert(dict[Any, Any]):
    """Stands in for an object whose content does not matter; keeps mapping items, drops all else."""

    def __init__(self, *_args: object) -> None:
        """Ignore what the original would have been built from."""
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Ignore the state."""


class StoredModule:
    """Stands in for a ``torch_utils.persistence`` object.

    Attributes:
        class_name: name of the original class.
        state: its attributes.
    """

    def __init__(self, meta: object) -> None:
        """Keep the class name and the attributes; the embedded source code is dropped unread.

        Args:
            meta: the mapping that ``persistence`` writes.
        """
        if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
            raise pickle.UnpicklingError("a persistent object without state")
        self.class_name = str(meta.get("class_name"))
        self.state: dict[str, Any] = meta["state"]

    def __setstate__(self, state: object) -> None:
        """Refuse: these objects are complete when made."""
        raise pickle.UnpicklingError("a persistent object with a second state")

    def child(self, name: str) -> StoredModule:
        """The submodule of that name."""
        found = self.state.get("_modules", {}).get(name)
        if not isinstance(found, StoredModule):
            raise WeightsError(f"{self.class_name}: expected a submodule {name!r}, got {type(found).__name__}")
        return found

    def tensors(self, prefix: str = "") -> dict[str, torch.Tensor]:
        """Parameters and buffers by dotted name, as ``state_dict`` would give them."""
        result: dict[str, torch.Tensor] = {}
        for group in ("_parameters", "_buffers"):
            named = self.state.get(group, {}).items()
            result |= {f"{prefix}{name}": t for name, t in named if isinstance(t, torch.Tensor)}
        for name, child in self.state.get("_modules", {}).items():
            if isinstance(child, StoredModule):
                result |= child.tensors(f"{prefix}{name}.")
        return result


def load_modules(path: Path) -> dict[str, StoredModule]:
    """Read a StyleGAN2-ADA network pickle.

    Args:
        path: the ``.pkl`` file.

    Returns:
        The networks by name (``G``, ``D``, ``G_ema``, ...).

    Raises:
        WeightsError: the file is missing or damaged, or names anything that these files have no need of.
    """
    try:
        with path.open("rb") as stream:
            content = _Unpickler(stream).load()
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except Exception as error:  # a hostile pickle may raise anything at all
        raise WeightsError(f"{path}: expected a StyleGAN2-ADA pickle, got an unreadable file ({error!r})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: expected a dictionary of networks, got {type(content).__name__}")
    return {str(name): module for name, module in content.items() if isinstance(module, StoredModule)}


class _Call:
    """A callable that cannot be altered by the pickle that calls it."""

    __slots__ = ("_function",)

    _function: Callable[..., object]

    def __init__(self, function: Callable[..., object]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError("an attempt to alter a function")

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("an attempt to alter a function")


def _storage(data: bytes) -> torch.Tensor:
    """The flat content of a pickled torch storage; the inner file is read by torch's own weights-only reader."""
    storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return torch.empty(0, dtype=storage.dtype).set_(storage)


def _tensor(storage: object, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> torch.Tensor:
    if not isinstance(storage, torch.Tensor):
        raise pickle.UnpicklingError("a tensor without storage")
    return torch.as_strided(storage, size, stride, offset).clone()


def _parameter(data: object, *_: object) -> object:
    return data


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding}")
    return text.encode("latin1")


_CALLS = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _Call(StoredModule),
    ("torch.storage", "_load_from_bytes"): _Call(_storage),
    ("torch._utils", "_rebuild_tensor_v2"): _Call(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Call(_parameter),
    ("_codecs", "encode"): _Call(_encode),
}
_INERT_CALLS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "dtype"),
}
_INERT_CLASSES = {("dnnlib.util", "EasyDict"), ("dnnlib", "EasyDict"), ("numpy", "ndarray")}
_CONTAINERS: dict[tuple[str, str], type] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        key = (module, name)
        if key in _CALLS:
            return _CALLS[key]
        if key in _INERT_CALLS:
            return _Call(Inert)
        if key in _INERT_CLASSES:
            return type("Inert", (Inert,), {})
        if key in _CONTAINERS:
            return _CONTAINERS[key]
        raise WeightsError(f"expected only the names that StyleGAN2-ADA pickles use, got {module}.{name}")

    def persistent_load(self, pid: object) -> object:
        raise WeightsError("expected a self-contained pickle, got an outside reference")
