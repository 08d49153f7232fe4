"""A pretended second device: tensors on it compute on the CPU, but mixing them with CPU tensors is an error.

That is the mistake which a machine without a GPU never shows: ``torch.zeros(3)`` where ``x.new_zeros(3)`` was meant.
Used within ``with simulated_device():``; the device is :data:`DEVICE`. Imports must follow :func:`prepare`, because a
tensor subclass can't live in inference mode, nor under autocast of a device that is none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("lazy", 0)
"""A device type that torch knows by name but has no kernels for in a CPU build."""

_INDEXING = {  # CUDA takes CPU indices into CUDA tensors, not the other way round
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
    torch.ops.aten.index_put.default,
}


def prepare() -> None:
    """Replace what a simulated device cannot run under. Call before the package is imported."""
    torch.inference_mode = lambda mode=True: torch.no_grad()
    torch.autocast = lambda *arguments, **options: contextlib.nullcontext()


class OnDevice(torch.Tensor):
    """A CPU tensor that says it is on :data:`DEVICE`."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> OnDevice:
        place: dict[str, Any] = {}
        if inner.layout is torch.strided:
            place = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        shown = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), dtype=inner.dtype, device=DEVICE, requires_grad=inner.requires_grad, **place
        )
        shown.inner = inner
        return shown

    def __repr__(self) -> str:
        return f"OnDevice({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


@torch.no_grad()
def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operation: check where its tensors are, compute, say where the result is."""
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
    ours = [one for one in tensors if isinstance(one, OnDevice)]
    elsewhere = [one for one in tensors if not isinstance(one, OnDevice) and one.ndim > 0]
    if ours and elsewhere and not _may_mix(func, args):
        raise RuntimeError(f"{func}: tensors on two devices")
    target, on_device = kwargs.get("device"), bool(ours)
    if target is not None:
        kwargs, on_device = {**kwargs, "device": torch.device("cpu")}, torch.device(target).type == DEVICE.type
    plain_args, plain_kwargs = tree_map(lambda one: one.inner if isinstance(one, OnDevice) else one, (args, kwargs))
    result = func(*plain_args, **plain_kwargs)
    if func._schema.is_mutable and args and isinstance(args[0], torch.Tensor) and result is plain_args[0]:
        return args[0]
    return tree_map(lambda one: _shown(one) if on_device else one, result)


def _may_mix(func: Any, args: Any) -> bool:
    """Whether CUDA runs an operation on tensors of both devices: copies, and CPU indices into a CUDA tensor."""
    if func is torch.ops.aten.copy_.default:
        return True
    # What is indexed, and the values that are put there; one number may be anywhere.
    kept = [one for one in (args[0], *args[2:3]) if isinstance(one, torch.Tensor) and one.ndim > 0]
    return func in _INDEXING and all(isinstance(one, OnDevice) for one in kept)


def _shown(one: Any) -> Any:
    return OnDevice(one) if isinstance(one, torch.Tensor) and not isinstance(one, OnDevice) else one


class _Dispatch(TorchDispatchMode):
    """Sees what is made on the device from nothing: ``torch.zeros(3, device=DEVICE)``."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Calls that go round the dispatcher in Python's bindings."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        first = args[0] if args else None
        if func is torch.tensor and kwargs.get("device") is not None:
            place = kwargs.pop("device")
            return torch.tensor(*args, **kwargs).to(place)
        if not isinstance(first, OnDevice):
            return func(*args, **kwargs)
        if func is torch.Tensor.tolist:
            return first.inner.tolist()
        if func is torch.Tensor.new_tensor:
            return torch.tensor(args[1], dtype=kwargs.get("dtype", first.dtype)).to(DEVICE)
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            args = (first, _as_index(args[1]), *args[2:])
        if func is torch.Tensor.__setitem__ and not isinstance(args[2], torch.Tensor):
            args = (*args[:2], torch.tensor(args[2], dtype=first.dtype))
        return func(*args, **kwargs)


def _as_index(index: Any) -> Any:
    """Lists as tensors, which the bindings would make on the device themselves."""
    if isinstance(index, tuple):
        return tuple(_as_index(one) for one in index)
    return torch.tensor(index) if isinstance(index, list) else index


@contextlib.contextmanager
def simulated_device() -> Iterator[torch.device]:
    """Run a block in which :data:`DEVICE` exists."""
    with _Functions(), _Dispatch():
        yield DEVICE
