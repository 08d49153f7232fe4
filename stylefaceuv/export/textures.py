"""Texture maps as image files in memory; the same pixels always give the same bytes."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

JPEG_QUALITY = 92
WEBP_QUALITY = 90
PNG_COMPRESSION = 6
MIME_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def resize_color(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resample an image to a square.

    Args:
        image: (H, W, 3) uint8.
        size: edge, texels.

    Returns:
        (size, size, 3) uint8; the same array when nothing changes.
    """
    if image.shape[:2] == (size, size):
        return image
    resized = Image.fromarray(np.ascontiguousarray(image)).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized)


def resize_normals(normal_map: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resample a tangent-space normal map to a square and make its normals unit length again.

    Args:
        normal_map: (H, W, 3) uint8, n = 2·c/255 - 1.
        size: edge, texels.

    Returns:
        (size, size, 3) uint8.
    """
    if normal_map.shape[:2] == (size, size):
        return normal_map
    channels = [Image.fromarray(np.ascontiguousarray(normal_map[..., k]).astype(np.float32)) for k in range(3)]
    filtered = [np.asarray(channel.resize((size, size), Image.Resampling.BICUBIC)) for channel in channels]
    return encode_normals(np.stack(filtered, axis=-1) * (2 / 255) - 1)


def encode_normals(normals: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Normals to colours.

    Args:
        normals: (..., 3) float, any positive length.

    Returns:
        (..., 3) uint8, c = round(127.5·(n + 1)) of the unit normal; a zero normal counts as +Z.
    """
    length = np.sqrt(np.einsum("...k,...k->...", normals, normals))[..., None]
    unit = np.where(length > 0, normals / np.maximum(length, np.float32(1e-20)), np.array([0, 0, 1], np.float32))
    colours: npt.NDArray[np.uint8] = (unit * np.float32(127.5) + np.float32(128)).astype(np.uint8)
    return colours


def encode_image(image: npt.NDArray[np.uint8], texture_format: str, lossless: bool = False) -> bytes:
    """Compress an image.

    Args:
        image: (H, W, 3) uint8, or (H, W) for grey.
        texture_format: "jpeg", "png" or "webp".
        lossless: for "webp", keep every pixel.

    Returns:
        The file's bytes, without time or name in it.
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    stream = BytesIO()
    if texture_format == "jpeg":
        picture.save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    elif texture_format == "png":
        picture.save(stream, "PNG", compress_level=PNG_COMPRESSION)
    elif lossless:
        picture.save(stream, "WEBP", lossless=True, quality=20, method=0)
    else:
        picture.save(stream, "WEBP", quality=WEBP_QUALITY, method=2)
    return stream.getvalue()


@dataclass(frozen=True)
class DisplacementImage:
    """A displacement map as a 16-bit picture: millimetres = scale · code + offset.

    Attributes:
        png: the file's bytes, 16 bits a channel, RGB = XYZ.
        scale: millimetres for one code.
        offset: millimetres at code 0; code 32768 is exactly 0 mm.
    """

    png: bytes
    scale: float
    offset: float


def encode_displacement(displacement: npt.NDArray[np.float32]) -> DisplacementImage:
    """Quantise a displacement map to 16 bits.

    Args:
        displacement: (h, w, 3) float, millimetres.

    Returns:
        The picture; its largest error is half of ``scale``.
    """
    reach = float(np.abs(displacement).max()) or 1.0
    scale = reach / 32767
    codes = np.rint(displacement.astype(np.float64) / scale) + 32768
    return DisplacementImage(png_16bit(codes.astype(np.uint16)), scale, -32768 * scale)


def png_16bit(pixels: npt.NDArray[np.uint16]) -> bytes:
    """Write a 16-bit RGB PNG, which Pillow cannot.

    Args:
        pixels: (h, w, 3) uint16.

    Returns:
        The file's bytes. Source: ISO/IEC 15948 (PNG), filter type 2 (Up) on every row but the first.
    """
    height, width, _ = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, width * 6)
    filtered = np.empty((height, width * 6 + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), PNG_COMPRESSION)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
