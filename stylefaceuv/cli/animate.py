"""``turntable`` and ``morph``: moving pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stylefaceuv.cli.early import check_even, check_light_of, check_number, check_picture, check_transparency
from stylefaceuv.cli.session import (
    LIGHT_OF,
    STYLECODE_NUMBER,
    TRUNCATION,
    Session,
    common_options,
    make_head,
    one_head,
    with_light_of,
)
from stylefaceuv.cli.view import view, view_options

_DEGREES = check_number("yaw", -36000, 36000, "a finite number of degrees within ±36000")
_FPS = click.option("--fps", type=click.IntRange(1, 120), default=30, help="Frames in a second.")
_OUT_HELP = "MP4, animated WebP or GIF file to write."


@click.command()
@common_options("turntable.mp4", _OUT_HELP)
@one_head
@view_options(("pitch", "roll"), unset="0")
@LIGHT_OF
@click.option("--from", "low", type=float, callback=_DEGREES, default=-60.0, help="Yaw of the first frame, degrees.")
@click.option("--to", "high", type=float, callback=_DEGREES, default=60.0, help="Yaw in the middle, degrees.")
@click.option("--frames", type=click.IntRange(min=2), default=90, help="Number of frames.")
@_FPS
def turntable(session: Session, index: int, truncation: float, stylecode: Any, detail: str, **values: Any) -> None:
    """Film one head that turns from side to side."""
    from stylefaceuv.animation import check_animation_path, turntable_frames, write_animation

    path = check_animation_path(session.target)
    frames, fps, yaw_range = values.pop("frames"), values.pop("fps"), (values.pop("low"), values.pop("high"))
    light_of, options = values.pop("light_of"), view(values)
    check_light_of(options, light_of)
    options = _checked(options, path, session.weights)
    model = session.model()
    options = with_light_of(options, model, session.seed, light_of, truncation)
    face = make_head(model, session.seed, index, truncation, stylecode, detail)
    pictures = session.progress(turntable_frames(face, frames, yaw_range, **options), frames, "frame")
    write_animation(path, pictures, fps)
    session.report({"out": str(path), "frames": frames, "fps": fps}, f"{path}: {frames} frames")


@click.command()
@common_options("morph.mp4", _OUT_HELP)
@click.option("--index", "indices", type=STYLECODE_NUMBER, multiple=True, help="Repeatable.  [default: 0 1 2 3]")
@TRUNCATION
@view_options(unset="0")
@click.option("--frames", type=click.IntRange(min=1), default=30, help="Frames from one head to the next.")
@_FPS
def morph(session: Session, indices: tuple[int, ...], truncation: float, **values: Any) -> None:
    """Film a head that becomes other heads of the seed, and at last the first again."""
    from stylefaceuv.animation import check_animation_path, morph_frames, write_animation

    path = check_animation_path(session.target)
    frames, fps, options = values.pop("frames"), values.pop("fps"), view(values)
    options = _checked(options, path, session.weights)
    indices = indices or (0, 1, 2, 3)
    if len(indices) < 2:
        raise click.UsageError("--index: expected at least two heads, got one")
    model = session.model()
    faces = [
        make_head(model, session.seed, index, truncation) for index in session.progress(indices, len(indices), "head")
    ]
    total = frames * len(faces)
    write_animation(path, session.progress(morph_frames(faces, frames, **options), total, "frame"), fps)
    result = {"out": str(path), "frames": total, "fps": fps, "indices": list(indices)}
    session.report(result, f"{path}: {total} frames")


def _checked(options: dict[str, Any], path: Path, weights: str | None) -> dict[str, Any]:
    """Refuse frames that cannot be before a head is made."""
    check_transparency(options, path, (".webp", ".gif"))
    check_even(options, path)
    return check_picture(options, weights)
