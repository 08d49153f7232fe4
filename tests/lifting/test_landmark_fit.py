"""Gauss-Newton on landmarks, against heads whose coefficients are known."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import lsq_linear

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.arkit import EXPRESSION_NAMES
from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.lifting.landmark_fit import (
    LIP_GAPS,
    RESTING_SCORES,
    FitSettings,
    FitState,
    LandmarkFitter,
    _projection,
    euler_degrees,
    expression_prior,
    landmark_error,
    outer_eye_distance,
    start_from,
)
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.rendering.camera import Camera
from tests.reference.tiny_head import tiny_head

CAMERA = Camera.portrait(1024, 1024)
KNOWN_IDENTITY, KNOWN_EXPRESSION = 12, 8


def fitter_of(settings: FitSettings | None = None) -> LandmarkFitter:
    """Double precision; the units that smooth landmarks could not tell apart are empty."""
    fitter = LandmarkFitter(tiny_head().double(), settings)
    fitter.basis[KNOWN_IDENTITY:80] = 0
    fitter.basis[80 + KNOWN_EXPRESSION :] = 0
    return fitter


def some_heads(count: int, seed: int = 0) -> FitState:
    source = torch.Generator().manual_seed(seed)
    identity, expression = torch.zeros(count, 80), torch.zeros(count, 64)
    identity[:, :KNOWN_IDENTITY] = torch.randn(count, KNOWN_IDENTITY, generator=source)
    expression[:, :KNOWN_EXPRESSION] = 0.1 + 0.8 * torch.rand(count, KNOWN_EXPRESSION, generator=source)
    rotation = torch.randn(count, 3, generator=source) * torch.tensor([18.0, 8.0, 5.0])
    translation = 0.1 * torch.randn(count, 3, generator=source)
    return start_from(*(value.double() for value in (identity, expression, rotation, translation)))


def seen(fitter: LandmarkFitter, state: FitState) -> torch.Tensor:
    world = fitter.points(state) @ state.rotation.transpose(1, 2) + state.translation[:, None]
    return CAMERA.project(world)[..., :2]


def fit(fitter: LandmarkFitter, landmarks: torch.Tensor, pose_steps: int = 5, steps: int = 15) -> FitState:
    expected, sigma = torch.zeros(len(landmarks), 64).double(), torch.full((64,), 1e3).double()
    state = fitter.initial(landmarks, CAMERA)
    state = fitter.fit(landmarks, CAMERA, state, expected, sigma, pose_steps, shape=False)
    return fitter.fit(landmarks, CAMERA, state, expected, sigma, steps)


def test_coefficients_of_synthetic_landmarks_are_recovered() -> None:
    fitter, truth = fitter_of(FitSettings(identity_sigma=1e3)), some_heads(3)
    found = fit(fitter, seen(fitter, truth))
    torch.testing.assert_close(found.identity, truth.identity, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.expression, truth.expression, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.rotation, truth.rotation, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.translation, truth.translation, atol=2e-3, rtol=0)


def test_the_jacobian_is_the_finite_difference_of_the_residual() -> None:
    fitter, state = fitter_of(), some_heads(2)
    landmarks = seen(fitter, some_heads(2, seed=9))

    def residual(at: FitState) -> torch.Tensor:
        world = fitter.points(at) @ at.rotation.transpose(1, 2) + at.translation[:, None]
        return _projection(world, landmarks, CAMERA)[0]

    turned = fitter.points(state) @ state.rotation.transpose(1, 2)
    by_world = _projection(turned + state.translation[:, None], landmarks, CAMERA)[1]
    jacobian = fitter._jacobian(state, turned, by_world, shape=True)
    assert jacobian.shape == (2, 478, 2, 150)
    used = [*range(6), *range(6, 6 + KNOWN_IDENTITY), *range(86, 86 + KNOWN_EXPRESSION)]
    for column in used:
        step = torch.zeros(2, 150).double()
        step[:, column] = 1e-5
        ahead, behind = fitter._apply(state, step, shape=True), fitter._apply(state, -step, shape=True)
        numeric = (residual(ahead) - residual(behind)) / 2e-5
        torch.testing.assert_close(jacobian[..., column], numeric, atol=1e-4, rtol=1e-6)


def test_a_batch_equals_its_singles() -> None:
    fitter, truth = fitter_of(), some_heads(3)
    landmarks = seen(fitter, truth)
    together = fit(fitter, landmarks)
    for row in range(3):
        alone = fit(fitter, landmarks[row : row + 1])
        for name in ("identity", "expression", "rotation", "translation"):
            torch.testing.assert_close(getattr(together, name)[row], getattr(alone, name)[0])


def test_a_lost_landmark_counts_little() -> None:
    fitter, truth = fitter_of(FitSettings(identity_sigma=1e3)), some_heads(1)
    landmarks = seen(fitter, truth)
    dirty = landmarks.clone()
    dirty[:, 100:103] += 300
    moved = (seen(fitter, fit(fitter, dirty)) - landmarks).norm(dim=-1)
    plain = fitter_of(FitSettings(identity_sigma=1e3, outlier=1e9))
    pulled = (seen(plain, fit(plain, dirty)) - landmarks).norm(dim=-1)
    assert float(moved.mean()) < 2
    assert float(moved.mean()) < 0.2 * float(pulled.mean())


def test_without_shape_only_the_pose_moves() -> None:
    fitter, truth = fitter_of(), some_heads(2)
    start = start_from(truth.identity, truth.expression, torch.zeros(2, 3).double(), torch.zeros(2, 3).double())
    expected, sigma = torch.zeros(2, 64).double(), torch.ones(64).double()
    found = fitter.fit(seen(fitter, truth), CAMERA, start, expected, sigma, 10, shape=False)
    assert torch.equal(found.identity, truth.identity)
    assert torch.equal(found.expression, truth.expression)
    torch.testing.assert_close(found.rotation, truth.rotation, atol=1e-3, rtol=0)


def test_results_stay_in_their_bounds() -> None:
    fitter = fitter_of(FitSettings(identity_sigma=1e3))
    found = fit(fitter, 600 * torch.rand(2, 478, 2, generator=torch.Generator().manual_seed(1)).double())
    assert 0 <= float(found.expression.min()) <= float(found.expression.max()) <= 1
    assert float(found.identity.abs().max()) <= 3.5
    identity = found.rotation @ found.rotation.transpose(1, 2)
    torch.testing.assert_close(identity, torch.eye(3).double().expand(2, 3, 3), atol=1e-6, rtol=0)


def test_the_start_has_the_size_and_place_of_the_landmarks() -> None:
    fitter = fitter_of()
    zeros = torch.zeros(1, 80).double(), torch.zeros(1, 64).double(), torch.zeros(1, 3).double()
    truth = start_from(*zeros, torch.tensor([[0.3, -0.2, -1.0]]).double())
    start = fitter.initial(seen(fitter, truth), CAMERA)
    assert float((seen(fitter, start) - seen(fitter, truth)).norm(dim=-1).mean()) < 10


@pytest.mark.parametrize("shape", [(478, 2), (1, 468, 2), (1, 478, 3)])
def test_landmarks_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    fitter, one = fitter_of(), some_heads(1)
    with pytest.raises(InvalidArgumentError, match="landmarks"):
        fitter.fit(torch.zeros(shape).double(), CAMERA, one, one.expression, torch.ones(64).double(), 1)


def test_scores_become_priors_by_name() -> None:
    names, settings = EXPRESSION_NAMES, FitSettings()
    scores = torch.rand(2, len(BLENDSHAPE_NAMES), generator=torch.Generator().manual_seed(0))
    expected, sigma = expression_prior(scores, BLENDSHAPE_NAMES, names, settings)
    for row, name in enumerate(names):
        known = name in BLENDSHAPE_NAMES
        floor = RESTING_SCORES.get(name.removesuffix("Left").removesuffix("Right"), 0.0)
        wanted = torch.zeros(2)
        if known:
            wanted = ((scores[:, BLENDSHAPE_NAMES.index(name)] - floor) / (1 - floor)).clamp_min(0)
        torch.testing.assert_close(expected[:, row], wanted, atol=1e-6, rtol=0, msg=name)
    assert float(expected[:, names.index("jawOpen")].min()) > 0, "no floor: the score itself"
    assert float(sigma[names.index("jawOpen")]) == pytest.approx(settings.expression_sigma)
    assert float(sigma[names.index("noseCompression")]) == pytest.approx(settings.other_sigma)
    assert float(sigma[names.index("tongueOut")]) == sigma.min()
    shuffled = torch.randperm(len(BLENDSHAPE_NAMES), generator=torch.Generator().manual_seed(1)).tolist()
    again, _ = expression_prior(scores[:, shuffled], [BLENDSHAPE_NAMES[i] for i in shuffled], names, settings)
    assert torch.equal(again, expected)


def test_a_resting_face_is_expected_at_zero_and_a_full_score_at_one() -> None:
    for score, wanted in ((0.40, 0.0), (0.2, 0.0), (1.0, 1.0)):
        expected, _ = expression_prior(torch.full((1, 1), score), ["eyeSquintLeft"], EXPRESSION_NAMES, FitSettings())
        assert float(expected[0, EXPRESSION_NAMES.index("eyeSquintLeft")]) == pytest.approx(wanted, abs=1e-6)


def test_angles_survive_the_rotation_matrix() -> None:
    angles = torch.tensor([[40.0, -20.0, 10.0], [-85.0, 30.0, -40.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(euler_degrees(rotation_matrix(angles)), angles, atol=1e-3, rtol=0)


def test_error_is_in_eye_distances() -> None:
    landmarks = 100 * torch.rand(2, 478, 2, generator=torch.Generator().manual_seed(0))
    landmarks[:, 33], landmarks[:, 263] = torch.tensor([10.0, 20.0]), torch.tensor([40.0, 60.0])
    torch.testing.assert_close(outer_eye_distance(landmarks), torch.full((2,), 50.0))
    shifted = landmarks + torch.tensor([3.0, 4.0])
    torch.testing.assert_close(landmark_error(shifted, landmarks), torch.full((2,), 0.1))


def test_bounded_steps_are_those_of_bounded_least_squares() -> None:
    fitter, source = fitter_of(), torch.Generator().manual_seed(3)
    expression = torch.zeros(3, 64).double()
    expression[:, ::3] = 0.4
    state = start_from(torch.zeros(3, 80).double(), expression, torch.zeros(3, 3).double(), torch.zeros(3, 3).double())
    rows = torch.randn(3, 300, 150, generator=source).double()
    target = torch.randn(3, 300, generator=source).double()
    normal, right = rows.transpose(1, 2) @ rows, (rows.transpose(1, 2) @ target[..., None])[..., 0]
    step = fitter._bounded(state, normal, right, shape=True)
    reached = state.expression + step[:, 86:]
    assert float(reached.min()) > -1e-4
    assert float(reached.max()) < 1 + 1e-4
    for n in range(3):
        free = torch.full((86,), torch.inf).double()
        low, high = torch.cat([-free, -expression[n]]), torch.cat([free, 1 - expression[n]])
        best = lsq_linear(rows[n].numpy(), target[n].numpy(), (low.numpy(), high.numpy())).cost
        plain = torch.linalg.solve(normal[n], right[n])
        clamped = torch.maximum(torch.minimum(plain, high), low)
        cost, clamped_cost = (0.5 * float((rows[n] @ x - target[n]).square().sum()) for x in (step[n], clamped))
        assert cost - best < 0.25 * (clamped_cost - best)


def test_an_open_mouth_opens_as_wide_as_its_landmarks() -> None:
    model = load_face_model()
    fitter, names = LandmarkFitter(model), list(model.expression_names)
    expression = torch.zeros(2, 64)
    for name, weight in {"jawOpen": 0.25, "mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6}.items():
        expression[:, names.index(name)] = torch.tensor([weight, weight / 2])
    turned = torch.tensor([[0.0, 0.0, 0.0], [20.0, 5.0, 0.0]])
    truth = start_from(torch.zeros(2, 80), expression, turned, torch.zeros(2, 3))
    landmarks = seen(fitter, truth)
    expected, sigma = expression_prior(torch.zeros(2, 52), BLENDSHAPE_NAMES, names, fitter.settings)
    state = fitter.fit(landmarks, CAMERA, fitter.initial(landmarks, CAMERA), expected, sigma, 5, shape=False)
    found = seen(fitter, fitter.fit(landmarks, CAMERA, state, expected, sigma, 10))
    upper, lower = (list(column) for column in zip(*LIP_GAPS, strict=True))
    opened, wanted = (points[:, lower, 1] - points[:, upper, 1] for points in (found, landmarks))
    assert float(wanted.mean()) > 10
    assert torch.allclose(opened, wanted, atol=0.1 * float(wanted.mean()))


def test_a_smile_stays_in_the_expression() -> None:
    """A real head: of a broad smile and a mouth that could be the person's own, the score decides which it is."""
    head = load_face_model()
    names = list(head.expression_names)
    smiles = [names.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    expression, scores = torch.zeros(1, 64), torch.zeros(1, len(BLENDSHAPE_NAMES))
    expression[0, smiles] = 0.8
    scores[0, [BLENDSHAPE_NAMES.index(names[unit]) for unit in smiles]] = 0.8
    pose = start_from(torch.zeros(1, 80), expression, torch.zeros(1, 3), torch.zeros(1, 3))

    def corners(settings: FitSettings, seen_scores: torch.Tensor) -> float:
        """How far the neutral mouth of the fit is raised, mm."""
        fitter = LandmarkFitter(head, settings)
        expected, sigma = expression_prior(seen_scores, BLENDSHAPE_NAMES, names, settings)
        found = fitter.fit(seen(fitter, pose), CAMERA, fitter.initial(seen(fitter, pose), CAMERA), expected, sigma, 10)
        neutral = fitter.mean + torch.einsum("nk,kpc->npc", found.identity, fitter.basis[:80])
        return 100 * float((neutral[0, [61, 291], 1] - fitter.mean[[61, 291], 1]).mean())

    firm, loose = FitSettings(), FitSettings(firm_sigma=FitSettings().expression_sigma)
    sober = torch.zeros_like(scores)
    assert abs(corners(firm, scores)) < 0.5
    assert corners(firm, sober) > 1.2 * corners(loose, sober) > 0
