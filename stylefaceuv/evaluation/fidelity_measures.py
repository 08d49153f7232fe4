"""Fidelity of one face: its render against the StyleGAN2 image it came from, and against that of its other side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from stylefaceuv.evaluation.image_metrics import masked_psnr, masked_ssim, perceptual_distance
from stylefaceuv.evaluation.judges import Sight
from stylefaceuv.evaluation.second_landmarker import DLIB_IN_MEDIAPIPE, INNER
from stylefaceuv.evaluation.subject import RENDER_SIZE, Subject
from stylefaceuv.evaluation.tensors import Picture, shrink
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.yaw import rotate_stylecodes, symmetric_yaw
from stylefaceuv.types import Face

_BLOCK = 64
_SHUFFLE_KEY = 77
_EYES = (36, 45)
_FLAT_SH = 1 / 0.28209479


def measure_fidelity(subject: Subject) -> dict[str, Any]:
    """Compare renders with images.

    Args:
        subject: the face.

    Returns:
        For "lifted", "generator" (where the model has it) and "shuffled" (the control: blocks of the lifted map change
        places): "own" and "symmetric", each with psnr (dB), ssim, perceptual, and landmark errors by both landmarkers
        in outer-eye distances. There is no "symmetric" without a yaw editor.
    """
    faces = {"lifted": subject.lifted, "shuffled": shuffled(subject.lifted)}
    if subject.painted is not None:
        faces["generator"] = subject.painted
    result: dict[str, Any] = {
        name: {"own": _compare(subject, face, subject.image, subject.image_sight)} for name, face in faces.items()
    }
    if subject.judges.model.components.yaw_editor is not None:
        sight = subject.judges.look(subject.symmetric_image)
        for name, face in faces.items():
            turned = _seen_from_other_side(subject, face)
            result[name]["symmetric"] = _compare(subject, turned, subject.symmetric_image, sight)
    return result


def shuffled(face: Face) -> Face:
    """The same head with 64-texel blocks of its diffuse map in random order, the same order for every face."""
    rows, columns = (side // _BLOCK for side in face.diffuse.shape[:2])
    blocks = face.diffuse[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK, 3)
    flat = blocks.swapaxes(1, 2).reshape(rows * columns, _BLOCK, _BLOCK, 3)
    order = np.random.Generator(np.random.Philox(key=_SHUFFLE_KEY)).permutation(len(flat))
    mixed = flat[order].reshape(rows, columns, _BLOCK, _BLOCK, 3).swapaxes(1, 2)
    diffuse: Picture = np.ascontiguousarray(mixed.reshape(rows * _BLOCK, columns * _BLOCK, 3))
    return replace(face, maps=replace(face.maps, diffuse=diffuse))


def face_mask(subject: Subject, face: Face) -> torch.Tensor:
    """(1, 1, 256, 256) bool: the face from brows to chin as the head itself shows it."""
    support = subject.judges.model.components.albedo_model.support[None]
    edge = face.diffuse.shape[0]
    wide = functional.interpolate(support, (edge, edge), mode="bilinear", align_corners=False)[0, 0]
    white: Picture = np.repeat((wide * 255).to(torch.uint8).numpy()[..., None], 3, axis=2)
    flat = np.zeros((9, 3), np.float32)
    flat[0] = _FLAT_SH
    painted = replace(face, maps=replace(face.maps, diffuse=white))
    return subject.render(painted, lighting=flat, background=(0.0, 0.0, 0.0))[:, :1] > 0.5


def landmark_errors(render: Sight, image: Sight) -> dict[str, float]:
    """Mean distance of 51 inner points between two pictures, in outer-eye distances, by both landmarkers."""
    scale = image.size / render.size
    pairs = {
        "landmarks": tuple(s.detection.points[0, list(DLIB_IN_MEDIAPIPE), :2] for s in (render, image)),
        "landmarks_second": (render.second, image.second),
    }
    result = {}
    for name, (moved, still) in pairs.items():
        eyes = (still[_EYES[0]] - still[_EYES[1]]).norm()
        result[name] = float((moved * scale - still)[INNER].norm(dim=1).mean() / eyes)
    return result


def _compare(subject: Subject, face: Face, image: torch.Tensor, sight: Sight) -> dict[str, float]:
    render, goal, mask = subject.render(face), shrink(image, RENDER_SIZE), face_mask(subject, face)
    network = subject.judges.perceptual
    return {
        "psnr": masked_psnr(render, goal, mask),
        "ssim": masked_ssim(render, goal, mask),
        "perceptual": perceptual_distance(render, goal, mask, network),
        **landmark_errors(subject.judges.look(render), sight),
    }


def _seen_from_other_side(subject: Subject, face: Face) -> Face:
    """The head with its own identity, maps and light, in the pose and expression of the symmetric image."""
    model = subject.judges.model
    yaw = float(symmetric_yaw(face.coefficients.rotation[:1]))
    guess = model.components.mapper(rotate_stylecodes(model.components.yaw_editor, subject.w, yaw)[None])
    found = model.components.landmarker.detect(subject.symmetric_image)
    points, scores = found.points[..., :2], found.blendshapes
    view = model.maker.registrar(guess, points, scores, BLENDSHAPE_NAMES, subject.symmetric_image.shape[-1])
    seen = view.coefficients[0]
    own = face.coefficients
    return replace(face, coefficients=replace(seen, identity=own.identity, lighting=own.lighting))
