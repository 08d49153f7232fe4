"""What a training leaves to look at: a metrics log, one JSON object a line, and pictures of its samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image


def log_metrics(path: Path, step: int, metrics: dict[str, float]) -> None:
    """Append one line to a metrics log.

    Args:
        path: the log.
        step: steps done.
        metrics: values by name.
    """
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"step": step, **{name: round(value, 6) for name, value in metrics.items()}}) + "\n")


def save_grid(path: Path, rows: list[torch.Tensor]) -> None:
    """Write a picture of samples.

    Args:
        path: ending in .png or .jpg.
        rows: (n, 3, R, R) float in [0, 1] each; a row of the picture each.
    """
    lines = [torch.cat(list(row.clamp(0, 1)), dim=2) for row in rows]
    pixels = (torch.cat(lines, dim=1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(pixels.cpu().numpy())).save(path)
