"""What one face adds to the figures of the whole set: image features, embedding, apparent age and gender, skin tone."""

from __future__ import annotations

import math
from typing import Any

import torch

from stylefaceuv.colour import srgb_to_lab
from stylefaceuv.evaluation.fidelity_measures import shuffled
from stylefaceuv.evaluation.identity import chip_crops
from stylefaceuv.evaluation.records import Vectors
from stylefaceuv.evaluation.subject import Subject
from stylefaceuv.networks.landmarker import cut_crops

_FACE_SHARE, _FACE_SIZE = 0.8, 224


def measure_crowd(subject: Subject) -> tuple[dict[str, Any], Vectors]:
    """Measure what is compared between faces.

    Args:
        subject: the face.

    Returns:
        Apparent age (years) and gender of image and render, individual typology angle of the albedo (degrees); and
        embeddings (128,) and features (1280,) of the image, of another StyleGAN2 image, of the composite and of the
        composite with shuffled maps (the control), of the whole frame and of the face alone.
    """
    other = subject.synthesize(subject.other_w)
    composite = subject.render(background="image")
    pictures = {
        "image": subject.image,
        "other": other,
        "composite": composite,
        "shuffled": subject.render(shuffled(subject.lifted), background="image"),
    }
    subject.keep("composites", [subject.image, composite, pictures["shuffled"]])
    crops = {"other": _face_crop(subject.judges.look(other).detection.points)}
    own_crop = _face_crop(subject.image_sight.detection.points)
    vectors: Vectors = {
        "embedding_image": subject.image_sight.embedding.numpy(),
        "embedding_render": subject.own_sight.embedding.numpy(),
    }
    for name, image in pictures.items():
        crop = crops.get(name, own_crop).clone()
        crop[:, :3] *= image.shape[-1] / subject.image.shape[-1]
        for part, seen in (("frame", image), ("face", cut_crops([image], crop, _FACE_SIZE))):
            vectors[f"{part}_{name}"] = subject.judges.features.embed(seen)[0].numpy()
    sights = {"image": (subject.image, subject.image_sight), "render": (subject.own_render, subject.own_sight)}
    figures: dict[str, Any] = {}
    for name, (image, sight) in sights.items():
        apparent = subject.judges.age_gender(image, sight.detection.points)
        figures[name] = {"age": apparent.age, "female": apparent.female}
    return figures | {"ita": skin_tone(subject)}, vectors


def skin_tone(subject: Subject) -> float:
    """Individual typology angle of the albedo's median skin, degrees: above 55 very light, below -30 dark."""
    lifter = subject.judges.model.maker.lifter
    skin = torch.from_numpy(subject.lifted.diffuse.copy())[lifter.support[0, 0] > 0.9].float() / 255
    return typology_angle(skin.median(dim=0).values)


def typology_angle(srgb: torch.Tensor) -> float:
    """Individual typology angle of one colour, atan2(L* - 50, b*) in degrees; srgb is (3,) in [0, 1]."""
    lightness, _, yellow = srgb_to_lab(srgb[None])[0].tolist()
    return math.degrees(math.atan2(lightness - 50, yellow))


def _face_crop(landmarks: torch.Tensor) -> torch.Tensor:
    crop = chip_crops(landmarks)
    crop[:, 2] *= _FACE_SHARE
    return crop
