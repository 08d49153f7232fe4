"""A picture that shows heads at a glance: one row a head, one column a view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from stylefaceuv.files import atomic_path
from stylefaceuv.plain_values import whole
from stylefaceuv.types import Face

Picture = npt.NDArray[np.uint8]

SMILE = {
    "mouthSmileLeft": 0.9,
    "mouthSmileRight": 0.9,
    "cheekSquintLeft": 0.4,
    "cheekSquintRight": 0.4,
    "jawOpen": 0.15,
}
"""The expression of the smile column."""

_LARGEST_CELL = 2048
_HEADER, _MARGIN, _GAP = 28, 120, 4
_PAPER, _INK = (250, 250, 250), (40, 40, 40)


def _turned(yaw: float) -> Callable[[Face, int], Picture]:
    return lambda face, size: face.render(size=size, yaw=yaw, pitch=0.0, roll=0.0)


def _smile(face: Face, size: int) -> Picture:
    return face.render(size=size, yaw=0.0, pitch=0.0, roll=0.0, expression=SMILE)


def _clay(face: Face, size: int) -> Picture:
    view = {"yaw": 25.0, "pitch": 0.0, "roll": 0.0}
    return face.render(size=size, **view, expression="neutral", lighting="left", shading="clay")


COLUMNS: tuple[tuple[str, Callable[[Face, int], Picture]], ...] = (
    ("StyleGAN2 image", lambda face, size: face.image),
    ("render, own pose", lambda face, size: face.render(size=size)),
    ("yaw -60°", _turned(-60.0)),
    ("yaw -30°", _turned(-30.0)),
    ("yaw 30°", _turned(30.0)),
    ("yaw 60°", _turned(60.0)),
    ("smile", _smile),
    ("clay", _clay),
    ("diffuse map", lambda face, size: face.diffuse),
)
"""Labels and what each column shows."""


class ContactSheet:
    """Collects rows; holds small pictures only, not the faces.

    Args:
        cell: edge of a picture, pixels.

    Raises:
        InvalidArgumentError: the edge is not a whole number of pixels, 1 to 2048.
    """

    def __init__(self, cell: int = 256) -> None:
        self.cell = whole("cell", cell, 1, _LARGEST_CELL)
        self.rows: dict[int, tuple[str, list[Image.Image]]] = {}

    def add(self, face: Face, index: int) -> None:
        """Draw the row of a face.

        Args:
            face: the face.
            index: its number; rows are sorted by it.
        """
        pictures = [_fit(view(face, self.cell), self.cell) for _, view in COLUMNS]
        self.rows[index] = (_caption(face, index), pictures)

    def draw(self) -> Image.Image:
        """Return the sheet: a header line, then the rows by number."""
        step = self.cell + _GAP
        sheet = Image.new("RGB", (_MARGIN + step * len(COLUMNS), _HEADER + step * max(len(self.rows), 1)), _PAPER)
        pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
        for column, (label, _) in enumerate(COLUMNS):
            pen.text((_MARGIN + step * column + self.cell // 2, _HEADER // 2), label, _INK, font, anchor="mm")
        for row, index in enumerate(sorted(self.rows)):
            caption, pictures = self.rows[index]
            top = _HEADER + step * row
            pen.multiline_text((8, top + 8), caption, _INK, font, spacing=6)
            for column, picture in enumerate(pictures):
                sheet.paste(picture, (_MARGIN + step * column, top))
        return sheet

    def save(self, path: str | Path) -> Path:
        """Write the sheet as PNG, whole or not at all.

        Args:
            path: the file.

        Returns:
            The path.

        Raises:
            OutputError: the folder cannot be written.
        """
        with atomic_path(path) as temporary:
            self.draw().save(temporary, format="PNG")
        return Path(path)


def _fit(picture: Picture, size: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
    return image if image.size == (size, size) else image.resize((size, size), Image.Resampling.LANCZOS)


def _caption(face: Face, index: int) -> str:
    source = face.provenance
    lines = [f"#{index}"]
    lines += [f"seed {source.seed}"] if source.seed is not None else []
    lines += [f"psi {source.truncation:g}"] if source.truncation is not None else []
    lines += [f"fit {face.registration_error:.1%}"] if np.isfinite(face.registration_error) else []
    return "\n".join(lines)
