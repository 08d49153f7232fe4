"""Registration finds a head that it was shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lifting.registration import Registrar
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import FaceCoefficients
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS


@pytest.fixture(scope="module")
def head() -> MorphableModel:
    return load_face_model(EMBEDDED_WEIGHTS / "face_model.safetensors")


def shown(head: MorphableModel, count: int) -> tuple[FaceCoefficients, torch.Tensor, torch.Tensor]:
    """Coefficients of random heads, their landmarks in a 1024 picture, and what a detector would score."""
    source = torch.Generator().manual_seed(6)
    expression = torch.zeros(count, 64)
    names = [name for name in head.expression_names if name in BLENDSHAPE_NAMES]
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp"):
        expression[:, head.expression_names.index(name)] = 0.6 * torch.rand(count, generator=source)
    truth = FaceCoefficients(
        identity=0.8 * torch.randn(count, 80, generator=source),
        expression=expression,
        rotation=torch.randn(count, 3, generator=source) * torch.tensor([18.0, 8.0, 4.0]),
        lighting=torch.zeros(count, 27),
        translation=torch.randn(count, 3, generator=source) * 0.05,
    )
    cage = head(truth.identity, truth.expression)
    world = pose_vertices(head.landmarks(cage), truth.rotation, truth.translation)
    scores = torch.zeros(count, len(BLENDSHAPE_NAMES))
    for name in names:
        scores[:, BLENDSHAPE_NAMES.index(name)] = expression[:, head.expression_names.index(name)]
    return truth, Camera.portrait(1024, 1024).project(world)[..., :2], scores


def mean_heads(truth: FaceCoefficients) -> FaceCoefficients:
    return replace(truth, **{n: torch.zeros_like(getattr(truth, n)) for n in ("identity", "expression", "rotation")})


def test_it_finds_pose_and_points_from_the_mean_head(head: MorphableModel) -> None:
    truth, points, scores = shown(head, 3)
    found = Registrar(head, iterations=12)(mean_heads(truth), points, scores, BLENDSHAPE_NAMES, 1024)
    assert float(found.error.max()) < 0.01
    assert float((found.coefficients.rotation - truth.rotation).abs().max()) < 2.5
    assert float(found.coefficients.expression.min()) >= 0
    assert float(found.coefficients.expression.max()) <= 1


def test_a_batch_equals_its_singles(head: MorphableModel) -> None:
    truth, points, scores = shown(head, 3)
    registrar, guess = Registrar(head), mean_heads(truth)
    batch = registrar(guess, points, scores, BLENDSHAPE_NAMES, 1024).coefficients
    for n in range(3):
        part = slice(n, n + 1)
        one = FaceCoefficients(
            *(getattr(guess, k)[part] for k in ("identity", "expression", "rotation", "lighting", "translation"))
        )
        single = registrar(one, points[part], scores[part], BLENDSHAPE_NAMES, 1024).coefficients
        torch.testing.assert_close(single.identity[0], batch.identity[n], atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(single.rotation[0], batch.rotation[n], atol=2e-2, rtol=1e-3)


def test_a_larger_picture_of_the_same_head_gives_the_same_head(head: MorphableModel) -> None:
    truth, points, scores = shown(head, 2)
    registrar, guess = Registrar(head), mean_heads(truth)
    first = registrar(guess, points, scores, BLENDSHAPE_NAMES, 1024)
    second = registrar(guess, points / 2, scores, BLENDSHAPE_NAMES, 512)
    torch.testing.assert_close(first.error, second.error, atol=1e-4, rtol=1e-2)
    torch.testing.assert_close(first.coefficients.rotation, second.coefficients.rotation, atol=5e-2, rtol=0)
