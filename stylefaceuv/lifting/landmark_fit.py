"""Fits pose, identity and expression to 2D landmarks: damped Gauss–Newton, all faces of a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.lip_landmarks import LOWER_RIM, UPPER_RIM
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.rendering.camera import Camera

OUTER_EYE_CORNERS = (33, 263)
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Landmarks of the outline: they slide over the surface as the head turns."""
EYE_CONTOURS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
)  # fmt: skip
INNER_LIPS = (*LOWER_RIM, *UPPER_RIM[1:-1])
"""The line where the lips meet, corners included."""
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    *INNER_LIPS,
)  # fmt: skip
LIP_GAPS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318))
"""Landmarks of the inner rims that face each other, upper and lower: how far the mouth is open."""
FIRST_IRIS = 468
LANDMARK_COUNT = 478
_BOUND_ROUNDS = 2
_HOLD = 1e6
FIRM_UNITS = ("mouthSmile", "browDown", "browInnerUp", "browOuterUp")
"""Units that landmarks alone would take for a shape (a wide mouth with raised corners, low brows), which then stays on
the neutral head: the detector's score, which looks at the picture, decides them."""
RESTING_SCORES = {
    "eyeSquint": 0.40,
    "eyeBlink": 0.13,
    "eyeLookUp": 0.12,
    "eyeLookOut": 0.09,
    "browDown": 0.09,
    "mouthPress": 0.09,
    "eyeLookDown": 0.08,
    "eyeLookIn": 0.06,
}
"""Median scores of the data set's neutral faces, left and right averaged (printed by training/rest_face.py)."""


@dataclass(frozen=True)
class FitSettings:
    """Weights of the fit. Residuals are measured in units of ``tolerance`` outer-eye distances.

    Attributes:
        tolerance: standard deviation of a landmark, in outer-eye distances.
        oval_weight: of landmarks on the outline, relative to others.
        eye_weight: of lids and iris.
        lip_weight: of the lips.
        gap_weight: of the distance between facing points of the lips: an opening half as high costs each landmark
            little, but shows half of the teeth.
        identity_sigma: prior standard deviation of identity coefficients.
        expression_sigma: prior standard deviation of an ARKit weight around its score.
        firm_sigma: the same for :data:`FIRM_UNITS`.
        other_sigma: the same for units without a score.
        outlier: residual, in tolerances, beyond which a landmark counts less.
    """

    tolerance: float = 0.012
    oval_weight: float = 0.25
    eye_weight: float = 2.0
    lip_weight: float = 1.5
    gap_weight: float = 12.0
    identity_sigma: float = 1.0
    expression_sigma: float = 0.20
    firm_sigma: float = 0.09
    other_sigma: float = 0.08
    outlier: float = 3.0


@dataclass(frozen=True)
class FitState:
    """Unknowns of a batch.

    Attributes:
        identity: (N, 80) float.
        expression: (N, 64) float in [0, 1].
        rotation: (N, 3, 3) float, world from head.
        translation: (N, 3) float, decimetres.
    """

    identity: torch.Tensor
    expression: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor


class LandmarkFitter:
    """Holds what all fits of a face model share.

    Args:
        model: with registered landmarks.
        settings: weights.
    """

    def __init__(self, model: MorphableModel, settings: FitSettings | None = None) -> None:
        self.settings = settings or FitSettings()
        self.names = tuple(model.expression_names)
        self.mean = model.landmarks(model.mean[None])[0]  # (478, 3)
        bases = torch.cat([model.identity_basis, model.expression_basis])
        self.basis = model.landmarks(bases)  # (144, 478, 3)
        self.identity_size = len(model.identity_basis)
        self.weights = self._landmark_weights()

    def _landmark_weights(self) -> torch.Tensor:
        weights = self.mean.new_ones(LANDMARK_COUNT)
        weights[list(LIPS)] = self.settings.lip_weight
        weights[list(EYE_CONTOURS)] = self.settings.eye_weight
        weights[FIRST_IRIS:] = self.settings.eye_weight
        weights[list(FACE_OVAL)] = self.settings.oval_weight
        return weights

    def initial(self, landmarks: torch.Tensor, camera: Camera) -> FitState:
        """Return a frontal mean head at the size and place of the landmarks.

        Args:
            landmarks: (N, 478, 2) float, pixels.
            camera: of the photo.

        Returns:
            The start of a fit from nothing.
        """
        count = len(landmarks)
        span = landmarks.std(dim=1).norm(dim=1)
        own_span = self.mean[:, :2].std(dim=0).norm()
        depth = camera.focal_px * own_span / span
        centre = landmarks.mean(dim=1) - landmarks.new_tensor([camera.width / 2, camera.height / 2])
        flat = centre * (depth / camera.focal_px)[:, None] * landmarks.new_tensor([1.0, -1.0])
        middle = self.mean.mean(dim=0)
        translation = torch.stack([flat[:, 0], flat[:, 1], camera.distance - depth], dim=1) - middle
        zeros = landmarks.new_zeros
        rotation = torch.eye(3, dtype=landmarks.dtype, device=landmarks.device).expand(count, 3, 3)
        sizes = self.identity_size, len(self.names)
        return FitState(zeros(count, sizes[0]), zeros(count, sizes[1]), rotation, translation)

    def fit(
        self,
        landmarks: torch.Tensor,
        camera: Camera,
        start: FitState,
        expected: torch.Tensor,
        sigma: torch.Tensor,
        iterations: int,
        shape: bool = True,
    ) -> FitState:
        """Run damped Gauss–Newton steps.

        Args:
            landmarks: (N, 478, 2) float, pixels.
            camera: of the photo.
            start: unknowns to start from.
            expected: (N, 64) float, prior mean of the expression.
            sigma: (64,) float, prior standard deviation of each expression weight.
            iterations: number of steps.
            shape: False moves the pose alone.

        Returns:
            The unknowns after the last step.
        """
        if landmarks.ndim != 3 or landmarks.shape[1:] != (LANDMARK_COUNT, 2):
            raise InvalidArgumentError("landmarks", "shape (N, 478, 2)", tuple(landmarks.shape))
        unit = self.settings.tolerance * outer_eye_distance(landmarks)
        state = start
        for _ in range(iterations):
            state = self._step(state, landmarks, camera, unit, expected, sigma, shape)
        return state

    def points(self, state: FitState) -> torch.Tensor:
        """Return the (N, 478, 3) landmark points in the head frame."""
        codes = torch.cat([state.identity, state.expression], dim=1)
        return self.mean + torch.einsum("nk,kpc->npc", codes, self.basis)

    def _step(
        self,
        state: FitState,
        landmarks: torch.Tensor,
        camera: Camera,
        unit: torch.Tensor,
        expected: torch.Tensor,
        sigma: torch.Tensor,
        shape: bool,
    ) -> FitState:
        turned = self.points(state) @ state.rotation.transpose(1, 2)
        world = turned + state.translation[:, None]
        residual, by_world = _projection(world, landmarks, camera)
        residual, by_world = residual / unit[:, None, None], by_world / unit[:, None, None, None]
        length = residual.norm(dim=-1)
        weight = self.weights / (1 + (length / self.settings.outlier) ** 2)  # (N, 478)
        jacobian = self._jacobian(state, turned, by_world, shape)  # (N, 478, 2, P)
        jacobian, residual, weight = self._with_gaps(jacobian, residual, weight)
        weighted = (jacobian * weight[..., None, None]).flatten(1, 2)
        flat = jacobian.flatten(1, 2)
        normal = flat.transpose(1, 2) @ weighted
        right = -(weighted.transpose(1, 2) @ residual.flatten(1)[..., None])[..., 0]
        damping = normal.diagonal(dim1=1, dim2=2) * 1e-4 + 1e-4
        diagonal, pull = self._priors(state, expected, sigma, shape)
        normal = normal + torch.diag_embed(damping + diagonal)
        step = self._bounded(state, normal, right + pull, shape)
        return self._apply(state, step, shape)

    def _bounded(self, state: FitState, normal: torch.Tensor, right: torch.Tensor, shape: bool) -> torch.Tensor:
        """(N, P) step that keeps expression weights in [0, 1]: those that would leave are held at their bound and the
        others solved again. Clamping alone would let a weight below 0 take over work that is then not done."""
        step = _solve(normal, right)
        if not shape:
            return step
        start = step.shape[1] - state.expression.shape[1]
        held = torch.zeros_like(step, dtype=torch.bool)
        to_bound = torch.zeros_like(step)
        for _ in range(_BOUND_ROUNDS):
            wanted = state.expression + step[:, start:]
            held[:, start:] |= (wanted < 0) | (wanted > 1)
            to_bound[:, start:] = torch.where(held[:, start:], wanted.clamp(0, 1) - state.expression, 0.0)
            stiff = normal + torch.diag_embed(_HOLD * held)
            step = _solve(stiff, right + _HOLD * to_bound)
        return step

    def _with_gaps(
        self, jacobian: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Append the residuals of the lips' gaps, and their derivatives, to those of the landmarks."""
        upper, lower = (list(column) for column in zip(*LIP_GAPS, strict=True))
        gaps = residual[:, lower] - residual[:, upper]
        by_gaps = jacobian[:, lower] - jacobian[:, upper]
        heavy = weight.new_full((len(weight), len(LIP_GAPS)), self.settings.gap_weight)
        return torch.cat([jacobian, by_gaps], 1), torch.cat([residual, gaps], 1), torch.cat([weight, heavy], 1)

    def _jacobian(self, state: FitState, turned: torch.Tensor, by_world: torch.Tensor, shape: bool) -> torch.Tensor:
        """(N, 478, 2, P): by rotation vector, translation, and shape when it moves."""
        zero = torch.zeros_like(turned[..., 0])
        x, y, z = turned.unbind(-1)
        rows = ([zero, z, -y], [-z, zero, x], [y, -x, zero])
        by_rotation = torch.stack([torch.stack(row, -1) for row in rows], -2)  # d world / d omega
        parts = [by_world @ by_rotation, by_world]
        if shape:
            by_head = by_world @ state.rotation[:, None]  # (N, 478, 2, 3)
            parts.append(torch.einsum("npic,kpc->npik", by_head, self.basis))
        return torch.cat(parts, dim=-1)

    def _priors(
        self, state: FitState, expected: torch.Tensor, sigma: torch.Tensor, shape: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Diagonal and right-hand side of the priors, (N, P)."""
        pose = state.translation.new_zeros(len(state.translation), 6)
        if not shape:
            return pose, pose
        identity = torch.full_like(state.identity, self.settings.identity_sigma**-2)
        expression = (sigma**-2).expand_as(state.expression)
        diagonal = torch.cat([pose, identity, expression], dim=1)
        pull = [pose, -identity * state.identity, expression * (expected - state.expression)]
        return diagonal, torch.cat(pull, dim=1)

    def _apply(self, state: FitState, step: torch.Tensor, shape: bool) -> FitState:
        rotation = torch.linalg.matrix_exp(_skew(step[:, :3].clamp(-0.5, 0.5))) @ state.rotation
        translation = state.translation + step[:, 3:6]
        if not shape:
            return FitState(state.identity, state.expression, rotation, translation)
        identity = (state.identity + step[:, 6 : 6 + self.identity_size]).clamp(-3.5, 3.5)
        expression = (state.expression + step[:, 6 + self.identity_size :]).clamp(0, 1)
        return FitState(identity, expression, rotation, translation)


def expression_prior(
    scores: torch.Tensor, score_names: Sequence[str], names: Sequence[str], settings: FitSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn blendshape scores into a prior, matched by name.

    Args:
        scores: (N, 52) float in [0, 1].
        score_names: their names; "_neutral" has no unit and is passed over.
        names: the 64 units.
        settings: weights.

    Returns:
        (N, 64) prior means, and (64,) standard deviations. A score counts from what a resting face scores, since the
        model's zero is the resting face. Units without a score are expected at 0; tongueOut has
        no detector and stays near 0 unless the landmarks insist.
    """
    expected = scores.new_zeros(len(scores), len(names))
    resting = {f"{unit}{side}": score for unit, score in RESTING_SCORES.items() for side in ("Left", "Right")}
    sigma = scores.new_full((len(names),), settings.other_sigma)
    for column, name in enumerate(score_names):
        if name in names:
            row = list(names).index(name)
            floor = resting.get(name, 0.0)
            expected[:, row] = ((scores[:, column] - floor) / (1 - floor)).clamp_min(0)
            sigma[row] = settings.firm_sigma if name.startswith(FIRM_UNITS) else settings.expression_sigma
    for row, name in enumerate(names):
        if name.startswith("eyeLook"):
            sigma[row] = 2 * settings.expression_sigma
    if "tongueOut" in names:
        sigma[list(names).index("tongueOut")] = 0.02
    return expected, sigma


def outer_eye_distance(landmarks: torch.Tensor) -> torch.Tensor:
    """Return the distance of the outer eye corners, (N,), in the landmarks' unit."""
    first, second = OUTER_EYE_CORNERS
    return (landmarks[:, first, :2] - landmarks[:, second, :2]).norm(dim=-1)


def landmark_error(projected: torch.Tensor, landmarks: torch.Tensor) -> torch.Tensor:
    """Return the mean landmark distance in outer-eye distances.

    Args:
        projected: (N, 478, 2) float, pixels.
        landmarks: (N, 478, 2) float, pixels, detected.

    Returns:
        (N,) float.
    """
    return (projected - landmarks).norm(dim=-1).mean(dim=1) / outer_eye_distance(landmarks)


def euler_degrees(rotation: torch.Tensor) -> torch.Tensor:
    """Invert :func:`stylefaceuv.face_model.pose.rotation_matrix` for abs(yaw) < 90 degrees.

    Args:
        rotation: (N, 3, 3) float.

    Returns:
        (N, 3) float, yaw, pitch, roll in degrees.
    """
    yaw = torch.asin((-rotation[:, 2, 0]).clamp(-1, 1))
    pitch = -torch.atan2(rotation[:, 2, 1], rotation[:, 2, 2])
    roll = torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return torch.rad2deg(torch.stack([yaw, pitch, roll], dim=1))


def start_from(
    identity: torch.Tensor, expression: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor
) -> FitState:
    """Make a state of coefficients; rotation in degrees, (N, 3)."""
    return FitState(identity, expression, rotation_matrix(rotation), translation)


def _projection(world: torch.Tensor, landmarks: torch.Tensor, camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    """Residual (N, 478, 2) in pixels and its derivative by the world point (N, 478, 2, 3), frontal camera."""
    projected = camera.project(world)
    scale = camera.focal_px / projected[..., 2]
    zero = torch.zeros_like(scale)
    x = (projected[..., 0] - camera.width / 2) / projected[..., 2]
    y = (projected[..., 1] - camera.height / 2) / projected[..., 2]
    by_world = torch.stack([torch.stack([scale, zero, x], -1), torch.stack([zero, -scale, y], -1)], dim=-2)
    return projected[..., :2] - landmarks, by_world


def _solve(normal: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Solve (N, P, P) x = (N, P)."""
    return torch.cholesky_solve(right[..., None], torch.linalg.cholesky(normal))[..., 0]


def _skew(vector: torch.Tensor) -> torch.Tensor:
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = ([zero, -z, y], [z, zero, -x], [-y, x, zero])
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
