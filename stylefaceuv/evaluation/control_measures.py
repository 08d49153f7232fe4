"""Control of one face: asked against detected pose, expression and light, and what else changes with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.evaluation.fidelity_measures import face_mask
from stylefaceuv.evaluation.judges import Sight
from stylefaceuv.evaluation.subject import FRONTAL, RENDER_SIZE, Subject
from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.lighting_estimation import estimate_lighting
from stylefaceuv.picture import CENTRE
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.types import PART_NAMES

EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "jaw open": ("jawOpen",),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "brows up": ("browInnerUp",),
}
ASKED_WEIGHT = 0.9
LIGHTS = ("left", "right")
PITCHES = (-15.0, 15.0)
_SURE = 0.5


def measure_control(subject: Subject) -> dict[str, Any]:
    """Ask for poses, expressions and lights, and look what came.

    Args:
        subject: the face.

    Returns:
        "pose", "expression", "light" and "baked" figures; angles in degrees, scores in [0, 1].
    """
    neutral = subject.render(**FRONTAL, expression="neutral", lighting="studio")
    sight = subject.judges.look(neutral)
    return {
        "pose": _pose(subject),
        "expression": _expression(subject, neutral, sight),
        "light": _light(subject, sight),
        "baked": _baked(subject),
    }


def _pose(subject: Subject) -> dict[str, Any]:
    """Measured pitch by asked pitch, and the own pose by both landmarkers."""
    result: dict[str, Any] = {}
    judges = subject.judges
    for pitch in PITCHES:
        sight = judges.look(subject.render(yaw=0.0, pitch=pitch, roll=0.0))
        first, second = judges.first_pose(sight.both, subject.points), judges.second_pose(sight, subject.points)
        result[f"{pitch:+.0f}"] = {"pitch": float(first[1]), "pitch_second": float(second[1])}
    return result


def _expression(subject: Subject, neutral: torch.Tensor, base: Sight) -> dict[str, Any]:
    result, pictures = {}, [neutral]
    for name, units in EXPRESSIONS.items():
        wanted = dict.fromkeys(units, ASKED_WEIGHT)
        image = subject.render(**FRONTAL, expression=wanted, lighting="studio")
        pictures.append(image)
        sight = subject.judges.look(image)
        rest, shown = (float(s.detection.arkit_scores(units).mean()) for s in (base, sight))
        result[name] = {"rest": rest, "shown": shown, "drift": _drift(base, sight)}
    subject.keep("expressions", pictures)
    return result


def _light(subject: Subject, base: Sight) -> dict[str, Any]:
    face = replace(
        subject.lifted,
        coefficients=replace(
            subject.lifted.coefficients,
            rotation=torch.zeros(3),
            translation=torch.tensor(CENTRE),
            expression=torch.zeros_like(subject.lifted.coefficients.expression),
        ),
    )
    mask = face_mask(subject, face)
    middle = RENDER_SIZE // 2
    result, pictures = {}, []
    for name in LIGHTS:
        image = subject.render(**FRONTAL, expression="neutral", lighting=name)
        pictures.append(image)
        plane = torch.where(mask, luminance(srgb_to_linear(image), dim=1)[:, None], torch.nan)
        sides = plane[..., :middle].nanmean(), plane[..., middle:].nanmean()
        lit = sides if name == "left" else sides[::-1]
        result[name] = {
            "ratio": float(lit[0] / lit[1]),
            "angle": _light_error(subject, face.coefficients, image, name),
            "drift": _drift(base, subject.judges.look(image)),
        }
    subject.keep("lights", pictures)
    return result


def _light_error(subject: Subject, coefficients: Any, image: torch.Tensor, name: str) -> float:
    """Angle between the asked main direction and that estimated from the picture with one colour of skin, degrees."""
    lifter = subject.judges.model.maker.lifter
    texels = lifter.surface.project(image[0], coefficients, None)
    weights = texels.confidence * (lifter.texels.part == PART_NAMES.index("skin"))
    skin = (weights > _SURE).nonzero()[:, 0]
    colors = srgb_to_linear(texels.color[skin])
    albedo = colors.median(dim=0).values.expand_as(colors)
    found = estimate_lighting(colors, texels.normal[skin], albedo, weights[skin])[1:4, 1]
    asked = light_preset(name)[1:4].mean(1)
    cosine = torch.nn.functional.cosine_similarity(found, asked, dim=0)
    return float(torch.rad2deg(cosine.clamp(-1, 1).arccos()))


def _baked(subject: Subject) -> dict[str, float]:
    """Left-right asymmetry of the albedo, of the photo's own colours (the control), and of the light it was lit by.

    All are natural logarithms of a ratio of sides; the light's is that of its shading of normals 45 degrees to a side.
    """
    face, lifter = subject.lifted, subject.judges.model.maker.lifter
    detected = subject.image_sight.detection.points[0, :, :2]
    texels = lifter.surface.project(subject.image[0], face.coefficients, detected)
    photo = lifter.texels.scatter(luminance(srgb_to_linear(texels.color))[:, None])[0]
    seen = lifter.texels.scatter(texels.confidence[:, None])[0] > _SURE
    albedo = luminance(srgb_to_linear(torch.from_numpy(face.diffuse.copy()).float() / 255))
    where = seen & seen.flip(-1) & (lifter.support[0, 0] > 0.9)
    light = face.coefficients.lighting.reshape(9, 3).mean(1)
    return {
        "albedo": _asymmetry(albedo, where),
        "photo": _asymmetry(photo, where),
        "light": float(light[3] / light[0]),
    }


def _asymmetry(plane: torch.Tensor, where: torch.Tensor) -> float:
    """Mean log ratio of the right half of the atlas to the left one."""
    half = plane.shape[-1] // 2
    right = torch.zeros_like(where)
    right[:, half:] = True
    ratio = (plane.clamp_min(1e-3) / plane.flip(-1).clamp_min(1e-3)).log()
    inside = ratio[where & right]
    return float(inside.mean()) if len(inside) else 0.0


def _drift(base: Sight, sight: Sight) -> float:
    return float((sight.embedding - base.embedding).norm())
