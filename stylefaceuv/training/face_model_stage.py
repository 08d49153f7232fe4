"""What all stages that change a face model's file share: their command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from stylefaceuv.face_model.makehuman import load_face_model, save_face_model
from stylefaceuv.face_model.morphable import MorphableModel


def stage_parser(description: str | None) -> argparse.ArgumentParser:
    """Declare ``--face-model`` and ``--out``.

    Args:
        description: the stage's module docstring.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    return parser


def change_face_model(options: argparse.Namespace, change: Callable[[MorphableModel], None]) -> None:
    """Read a face model, change it and write it.

    Args:
        options: of :func:`stage_parser`.
        change: works in place.

    Raises:
        WeightsError: the file is no face model.
        OutputError: the new file cannot be written.
    """
    model = load_face_model(options.face_model)
    with torch.no_grad():
        change(model)
    save_face_model(model, options.out)
