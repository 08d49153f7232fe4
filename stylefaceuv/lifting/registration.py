"""Lays the head exactly over the landmarks of a photo, from the mapper's guess, in a few milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.landmark_fit import (
    LandmarkFitter,
    euler_degrees,
    expression_prior,
    landmark_error,
    start_from,
)
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import FaceCoefficients


@dataclass(frozen=True)
class Registration:
    """Registered faces.

    Attributes:
        coefficients: batched; lighting is passed on unchanged.
        error: (N,) float, mean landmark distance in outer-eye distances.
    """

    coefficients: FaceCoefficients
    error: torch.Tensor


class Registrar:
    """Registers faces on landmarks; the face model's landmark basis is prepared once.

    Args:
        model: the morphable head.
        iterations: Gauss–Newton steps.
    """

    def __init__(self, model: MorphableModel, iterations: int = 6) -> None:
        self.fitter = LandmarkFitter(model)
        self.iterations = iterations

    @torch.no_grad()
    def __call__(
        self,
        guess: FaceCoefficients,
        landmarks: torch.Tensor,
        scores: torch.Tensor,
        score_names: tuple[str, ...],
        size: int,
    ) -> Registration:
        """Register a batch.

        Args:
            guess: batched coefficients to start from.
            landmarks: (N, 478, 2) float, detected, pixels.
            scores: (N, 52) float, detected blendshape scores.
            score_names: their names.
            size: edge of the square photo, pixels.

        Returns:
            Registered coefficients and their error.
        """
        camera = Camera.portrait(size, size)
        fitter = self.fitter
        expected, sigma = expression_prior(scores, score_names, fitter.names, fitter.settings)
        state = start_from(guess.identity, guess.expression, guess.rotation, guess.translation)
        state = fitter.fit(landmarks, camera, state, expected, sigma, 2, shape=False)
        state = fitter.fit(landmarks, camera, state, expected, sigma, self.iterations)
        world = fitter.points(state) @ state.rotation.transpose(1, 2) + state.translation[:, None]
        error = landmark_error(camera.project(world)[..., :2], landmarks)
        rotation = euler_degrees(state.rotation)
        coefficients = FaceCoefficients(
            state.identity, state.expression, rotation, guess.lighting, state.translation, guess.expression_names
        )
        return Registration(coefficients, error)
