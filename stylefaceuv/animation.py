"""Moving pictures: frames of a turning or changing head, and the files that hold them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylefaceuv.errors import InvalidArgumentError, OutputError
from stylefaceuv.files import atomic_path
from stylefaceuv.interpolation import interpolate
from stylefaceuv.plain_values import as_path, is_finite_number, whole
from stylefaceuv.types import Face

Picture = npt.NDArray[np.uint8]

LARGEST_FPS = 1000
VIDEO_SUFFIXES = (".mp4", ".webp", ".gif")


def turntable_frames(
    face: Face, count: int, yaw_range: tuple[float, float] = (-60.0, 60.0), **options: Any
) -> Iterator[Picture]:
    """Render a head that turns to one side, to the other and back; the last frame leads into the first.

    Args:
        face: the face.
        count: number of frames, at least 2.
        yaw_range: yaw of the first frame and of the middle one, degrees; either may be the larger.
        **options: further options of :meth:`stylefaceuv.types.Face.render`.

    Yields:
        (height, width, 3) uint8 sRGB.

    Raises:
        InvalidArgumentError: fewer than 2 frames, or an option is out of range.
    """
    count = whole("count", count, 2)
    low, high = _check_range(yaw_range)
    for frame in range(count):
        swing = 0.5 - 0.5 * math.cos(2 * math.pi * frame / count)
        yield face.render(**{"pitch": 0.0, "roll": 0.0, **options, "yaw": low + (high - low) * swing})


def morph_frames(faces: Sequence[Face], count: int, **options: Any) -> Iterator[Picture]:
    """Render a head that becomes the next, and the next, and at last the first again.

    Args:
        faces: at least two faces of the same model.
        count: frames from one face to the next, at least 1.
        **options: options of :meth:`stylefaceuv.types.Face.render`; yaw, pitch and roll are 0 unless given.

    Yields:
        (height, width, 3) uint8 sRGB.

    Raises:
        InvalidArgumentError: fewer than 2 faces or 1 frame, or an option is out of range.
    """
    if not isinstance(faces, Sequence) or len(faces) < 2 or not all(isinstance(face, Face) for face in faces):
        raise InvalidArgumentError("faces", "a sequence of at least 2 faces", repr(faces)[:60])
    count = whole("count", count, 1)
    view = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, **options}
    for first, second in itertools.pairwise([*faces, faces[0]]):
        for frame in range(count):
            step = frame / count
            yield interpolate(first, second, step * step * (3 - 2 * step)).render(**view)


def check_animation_path(path: str | Path) -> Path:
    """Return the path of an animation.

    Args:
        path: ending in .mp4, .webp or .gif.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: another suffix.
    """
    checked = as_path("path", path)
    if checked.suffix.lower() not in VIDEO_SUFFIXES:
        raise InvalidArgumentError("path", f"a suffix of {', '.join(VIDEO_SUFFIXES)}", repr(checked.name))
    return checked


def write_animation(path: str | Path, frames: Iterable[Picture], fps: int = 30) -> Path:
    """Write frames as they come, to a file that appears whole or not at all.

    Args:
        path: ending in .mp4, .webp or .gif.
        frames: (height, width, 3) uint8 sRGB, all of the same size, which is even for MP4; with alpha, 4, for WebP
            and GIF.
        fps: frames in a second, 1 to 1000.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: unknown suffix, bad fps, no frames, or a frame of another shape, size or dtype.
        OutputError: the file cannot be written.
    """
    target = check_animation_path(path)
    fps = whole("fps", fps, 1, LARGEST_FPS)
    if not isinstance(frames, Iterable):
        raise InvalidArgumentError("frames", "pictures, one after the other", type(frames).__name__)
    frames = _checked(frames, is_video=target.suffix.lower() == ".mp4")
    with atomic_path(target) as temporary:
        if target.suffix.lower() == ".mp4":
            _write_video(temporary, frames, fps)
        else:
            _write_pictures(temporary, frames, fps)
    return target


def _check_range(value: object) -> tuple[float, float]:
    pair = tuple(value) if isinstance(value, tuple | list) else ()
    if len(pair) != 2 or not all(is_finite_number(angle) for angle in pair):
        raise InvalidArgumentError("yaw_range", "two finite numbers of degrees", repr(value)[:60])
    return float(pair[0]), float(pair[1])


def _checked(frames: Iterable[Picture], is_video: bool) -> Iterator[Picture]:
    """Pass frames on; the first decides the shape of all."""
    channels = (3,) if is_video else (3, 4)
    expected = f"uint8 of shape (height, width, {' or '.join(map(str, channels))}), at least 2 x 2"
    shape: tuple[int, ...] | None = None
    for frame in frames:
        well_formed = isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3
        if not well_formed or frame.shape[2] not in channels or min(frame.shape[:2]) < 2:
            found = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise InvalidArgumentError("frames", expected, found)
        if is_video and (frame.shape[0] % 2 or frame.shape[1] % 2):
            raise InvalidArgumentError("frames", "an even height and width in MP4", frame.shape[:2])
        shape = shape or frame.shape
        if frame.shape != shape:
            raise InvalidArgumentError("frames", f"all of shape {shape}", frame.shape)
        yield frame
    if shape is None:
        raise InvalidArgumentError("frames", "at least one frame", "none")


def _write_video(path: Path, frames: Iterable[Picture], fps: int) -> None:
    import imageio.v2 as imageio

    settings: dict[str, Any] = {"fps": fps, "codec": "libx264", "quality": 8, "macro_block_size": 2}
    try:
        writer: Any = imageio.get_writer(path, format="FFMPEG", mode="I", **settings)
        with closing(writer):  # the writer's own exit leaves ffmpeg running when a frame fails
            for frame in frames:
                writer.append_data(np.ascontiguousarray(frame))
    except (ImportError, OSError) as error:
        raise OutputError(f"path: expected a working ffmpeg (imageio-ffmpeg), got {error}") from error


def _write_pictures(path: Path, frames: Iterable[Picture], fps: int) -> None:
    images = (Image.fromarray(np.ascontiguousarray(frame)) for frame in frames)
    first = next(images)  # there is one: _checked sees to it
    more = {"quality": 90, "method": 4} if path.suffix.lower() == ".webp" else {"optimize": False}
    first.save(path, save_all=True, append_images=images, duration=round(1000 / fps), loop=0, **more)
