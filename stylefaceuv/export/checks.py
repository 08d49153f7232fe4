"""Refuses what cannot be written, before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import is_whole
from stylefaceuv.types import PART_NAMES, FaceMesh, MorphTargets, UVMaps

TEXTURE_FORMATS = ("jpeg", "png", "webp")
TEXTURE_SIZE_RANGE = (16, 8192)


def check_export(mesh: FaceMesh, maps: UVMaps, morphs: MorphTargets | None) -> None:
    """Check everything a writer is handed.

    Args:
        mesh: the head, metres.
        maps: its textures.
        morphs: its morph targets, or None.

    Raises:
        InvalidArgumentError: a wrong shape or dtype, NaN or infinity, an index out of range.
    """
    check_mesh(mesh)
    check_maps(maps)
    if morphs is not None:
        check_morphs(morphs, len(mesh.vertices))


def check_mesh(mesh: FaceMesh) -> None:
    """Check a mesh.

    Args:
        mesh: the head, metres.

    Raises:
        InvalidArgumentError: as in :func:`check_export`.
    """
    _float_array("mesh.vertices", mesh.vertices, (None, 3))
    count = len(mesh.vertices)
    for name, width in (("uv", 2), ("uv_makehuman", 2), ("normals", 3)):
        _float_array(f"mesh.{name}", getattr(mesh, name), (count, width))
    _float_array("mesh.occlusion", mesh.occlusion, (count,))
    if count and not 0 <= float(mesh.occlusion.min()) <= float(mesh.occlusion.max()) <= 1:
        got = (float(mesh.occlusion.min()), float(mesh.occlusion.max()))
        raise InvalidArgumentError("mesh.occlusion", "shares from 0 to 1", got)
    _indices("mesh.faces", mesh.faces, (None, 3), count)
    _indices("mesh.part", mesh.part, (len(mesh.faces),), len(PART_NAMES))
    _indices("mesh.geometry_index", mesh.geometry_index, (count,), None)
    _indices("mesh.makehuman_index", mesh.makehuman_index, (count,), None, lowest=-1)
    if not len(mesh.faces):
        raise InvalidArgumentError("mesh.faces", "at least one triangle", "none")


def check_maps(maps: UVMaps) -> None:
    """Check the textures.

    Args:
        maps: diffuse (H, W, 3) uint8, displacement (h, w, 3) float, finite.

    Raises:
        InvalidArgumentError: as in :func:`check_export`.
    """
    check_image("maps.diffuse", maps.diffuse)
    _float_array("maps.displacement", maps.displacement, (None, None, 3))
    if maps.displacement.size == 0:
        raise InvalidArgumentError("maps.displacement", "at least one texel", maps.displacement.shape)


def check_image(argument: str, image: npt.NDArray[np.uint8]) -> None:
    """Check an (H, W, 3) uint8 image.

    Args:
        argument: its name, for the message.
        image: what came.

    Raises:
        InvalidArgumentError: it is something else.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise InvalidArgumentError(argument, "a NumPy array of uint8", _kind(image))
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidArgumentError(argument, "shape (H, W, 3)", image.shape)


def check_occlusion_map(image: npt.NDArray[np.uint8]) -> None:
    """Check an (s, s) uint8 occlusion map.

    Args:
        image: what came.

    Raises:
        InvalidArgumentError: it is something else.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 2 or image.size == 0:
        got = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else _kind(image)
        raise InvalidArgumentError("occlusion_map", "a NumPy array of uint8 of shape (s, s)", got)


def check_morphs(morphs: MorphTargets, vertex_count: int) -> None:
    """Check morph targets against their mesh.

    Args:
        morphs: names (K,) and deltas (K, V, 3), metres.
        vertex_count: V.

    Raises:
        InvalidArgumentError: as in :func:`check_export`, or a name twice.
    """
    _float_array("morphs.deltas", morphs.deltas, (len(morphs.names), vertex_count, 3))
    if len(set(morphs.names)) != len(morphs.names):
        twice = sorted({name for name in morphs.names if morphs.names.count(name) > 1})
        raise InvalidArgumentError("morphs.names", "each name once", twice)


def check_texture_options(texture_size: int, texture_format: str) -> int:
    """Check the texture options.

    Args:
        texture_size: edge in texels, a power of two.
        texture_format: one of ``TEXTURE_FORMATS``.

    Returns:
        The edge.

    Raises:
        InvalidArgumentError: they are something else.
    """
    low, high = TEXTURE_SIZE_RANGE
    if not is_whole(texture_size) or not low <= texture_size <= high or texture_size & (texture_size - 1):
        raise InvalidArgumentError("texture_size", f"a power of two from {low} to {high}", repr(texture_size)[:60])
    if texture_format not in TEXTURE_FORMATS:
        raise InvalidArgumentError("texture_format", f"one of {TEXTURE_FORMATS}", repr(texture_format)[:60])
    return int(texture_size)


def _float_array(argument: str, value: Any, shape: tuple[int | None, ...]) -> None:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        raise InvalidArgumentError(argument, "a NumPy array of floats", _kind(value))
    _shape(argument, value, shape)
    if not np.isfinite(value).all():
        raise InvalidArgumentError(argument, "finite numbers", f"{int((~np.isfinite(value)).sum())} NaN or infinite")


def _indices(argument: str, value: Any, shape: tuple[int | None, ...], stop: int | None, lowest: int = 0) -> None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
        raise InvalidArgumentError(argument, "a NumPy array of integers", _kind(value))
    _shape(argument, value, shape)
    if value.size and (value.min() < lowest or (stop is not None and value.max() >= stop)):
        expected = f"from {lowest}" + (f" to {stop - 1}" if stop is not None else "")
        raise InvalidArgumentError(argument, expected, f"{value.min()} to {value.max()}")


def _shape(argument: str, value: npt.NDArray[Any], shape: tuple[int | None, ...]) -> None:
    matches = value.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, value.shape, strict=True)
    )
    if not matches:
        wanted = ", ".join("any" if edge is None else str(edge) for edge in shape)
        raise InvalidArgumentError(argument, f"shape ({wanted})", value.shape)


def _kind(value: Any) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
