"""Moves a stylecode along one direction so that its face turns to an asked yaw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.stylecodes import check_stylecodes
from stylefaceuv.weights_file import load_into

STYLE_SIZE = 512
YAW_LIMIT_DEGREES = 45.0
SMALL_YAW_DEGREES = 15.0
SUBSTITUTE_YAW_DEGREES = 25.0


class YawEditor(nn.Module):
    """w' = w + F_yaw(w, yaw) d, with a unit direction d and a small network F_yaw.

    Source: StyleFaceUV, Eq. 2; the asked yaw is an input, so the symmetric view is one case of many.

    Args:
        hidden: width of the hidden layers of F_yaw.
    """

    direction: torch.Tensor
    mean_stylecode: torch.Tensor
    spread: torch.Tensor

    def __init__(self, hidden: int = 192) -> None:
        super().__init__()
        self.register_buffer("direction", nn.functional.normalize(torch.ones(STYLE_SIZE), dim=0))
        self.register_buffer("mean_stylecode", torch.zeros(STYLE_SIZE))
        self.register_buffer("spread", torch.ones(STYLE_SIZE))
        self.network = nn.Sequential(
            nn.Linear(STYLE_SIZE + 1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def step(self, w: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
        """Return how far to go along the direction.

        Args:
            w: (N, 512) float, stylecodes.
            yaw: (N,) float, degrees.

        Returns:
            (N,) float, in units of W.
        """
        normalised = (w - self.mean_stylecode) / self.spread
        features = torch.cat([normalised, yaw[:, None] / YAW_LIMIT_DEGREES], dim=1)
        return 10 * self.network(features)[:, 0]

    def forward(self, w: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
        """Return stylecodes whose faces look at the asked yaw.

        Args:
            w: (N, 512) float, stylecodes.
            yaw: (N,) float, degrees in [-45, 45].

        Returns:
            (N, 512) float.

        Raises:
            InvalidArgumentError: shapes differ or a yaw is beyond the limit.
        """
        if w.ndim != 2 or w.shape[1] != STYLE_SIZE:
            raise InvalidArgumentError("w", "shape (N, 512)", tuple(w.shape))
        if yaw.shape != w.shape[:1]:
            raise InvalidArgumentError("yaw", f"shape ({len(w)},)", tuple(yaw.shape))
        if not bool((yaw.abs() <= YAW_LIMIT_DEGREES).all()):
            raise InvalidArgumentError("yaw", f"degrees in [-{YAW_LIMIT_DEGREES}, {YAW_LIMIT_DEGREES}]", yaw.tolist())
        return w + self.step(w, yaw)[:, None] * self.direction


def symmetric_yaw(yaw: torch.Tensor) -> torch.Tensor:
    """Return the yaw of the second view: the mirror of the first, or 25 degrees to its other side near the front.

    Args:
        yaw: (N,) float, degrees, of the first view.

    Returns:
        (N,) float, degrees.
    """
    mirrored = (-yaw).clamp(-YAW_LIMIT_DEGREES, YAW_LIMIT_DEGREES)
    sideways = torch.where(yaw >= 0, -SUBSTITUTE_YAW_DEGREES, SUBSTITUTE_YAW_DEGREES).to(yaw)
    return torch.where(yaw.abs() < SMALL_YAW_DEGREES, sideways, mirrored)


def rotate_stylecodes(
    editor: YawEditor | None, w: torch.Tensor | npt.NDArray[np.float32], yaw: float | Sequence[float]
) -> torch.Tensor:
    """Turn faces to an asked yaw by moving their stylecodes.

    Args:
        editor: trained.
        w: (N, 512) or (512,) float32 stylecodes.
        yaw: degrees in [-45, 45], one for all or N.

    Returns:
        Stylecodes of the shape that came.

    Raises:
        InvalidArgumentError: wrong shape or dtype, not finite, or a yaw beyond the limit.
        WeightsError: there is no editor.
    """
    if editor is None:
        raise WeightsError("yaw: expected a bundle with a yaw editor, got one without")
    batch = check_stylecodes(w).to(editor.direction.device)
    try:
        asked = torch.as_tensor(yaw, dtype=torch.float32, device=batch.device)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError("yaw", "a number of degrees, or one for each stylecode", repr(yaw)) from error
    if asked.ndim == 0:
        asked = asked.expand(len(batch))
    turned: torch.Tensor = editor(batch, asked)
    return turned[0] if w.ndim == 1 else turned


def load_yaw_editor(path: str | Path) -> YawEditor:
    """Load a trained yaw editor.

    Args:
        path: a safetensors file.

    Returns:
        The editor, in evaluation mode.

    Raises:
        WeightsError: missing, altered or misshapen tensors.
    """
    editor = YawEditor()
    load_into(editor, path)
    return editor.eval()
