"""View consistency of one face: our renders against editing in the same latent space (StyleFaceUV, Fig. 4)."""

from __future__ import annotations

import math
from typing import Any

import torch

from stylefaceuv.evaluation.editing import best_edits
from stylefaceuv.evaluation.subject import Subject

YAWS = (-60.0, -30.0, -15.0, 0.0, 15.0, 30.0, 60.0)
MIRRORED_YAWS = (-60.0, 60.0)
FACE_SCORE = 0.5
"""Score of the landmarker below which an edited image shows no face any more and is not taken."""


def measure_views(subject: Subject) -> dict[str, Any]:
    """Turn a face both ways and judge every view.

    Args:
        subject: the face.

    Returns:
        For "ours", "editing" (where there is a yaw editor) and "mirrored" (the control: our renders flipped): by asked
        yaw the measured yaw of both landmarkers in degrees and the identity distance to the own view.
    """
    renders = [subject.render(yaw=yaw, pitch=0.0, roll=0.0) for yaw in YAWS]
    subject.keep("views_ours", renders)
    result = {"ours": {_key(yaw): _view(subject, image) for yaw, image in zip(YAWS, renders, strict=True)}}
    turned = dict(zip(YAWS, renders, strict=True))
    result["mirrored"] = {_key(yaw): _view(subject, turned[yaw].flip(-1)) for yaw in MIRRORED_YAWS}
    editor = subject.judges.model.components.yaw_editor
    if editor is not None:
        result["editing"] = _editing(subject, editor.direction)
    return result


def _editing(subject: Subject, direction: torch.Tensor) -> dict[str, Any]:
    def yaw_of(image: torch.Tensor) -> float:
        sight = subject.judges.find(image, refinements=2)
        if float(sight.detection.score[0]) < FACE_SCORE:
            return math.nan
        return float(subject.judges.first_pose(sight, subject.points)[0])

    edits = best_edits(subject.w, direction, YAWS, subject.synthesize, yaw_of)
    subject.keep("views_editing", [edit.image for edit in edits])
    result = {}
    for yaw, edit in zip(YAWS, edits, strict=True):
        result[_key(yaw)] = _view(subject, edit.image) | {"step": edit.step}
    return result


def _view(subject: Subject, image: torch.Tensor) -> dict[str, float]:
    sight = subject.judges.look(image)
    return {
        "yaw": float(subject.judges.first_pose(sight.both, subject.points)[0]),
        "yaw_second": float(subject.judges.second_pose(sight, subject.points)[0]),
        "identity": float((sight.embedding - subject.image_sight.embedding).norm()),
    }


def _key(yaw: float) -> str:
    return f"{yaw:+.0f}"
