"""The main job and the second stage on a CUDA device, against the CPU. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv import Face, StyleFaceUV
from stylefaceuv.rendering.rasterizer import rasterize

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def on_cuda() -> StyleFaceUV:
    return StyleFaceUV.from_pretrained(device="cuda")


@pytest.fixture(scope="module")
def on_cpu() -> StyleFaceUV:
    return StyleFaceUV.from_pretrained()


@pytest.fixture(scope="module")
def haired(on_cuda: StyleFaceUV, on_cpu: StyleFaceUV) -> tuple[StyleFaceUV, StyleFaceUV]:
    """Both, keeping hair."""
    return StyleFaceUV(on_cuda.components, hair="keep"), StyleFaceUV(on_cpu.components, hair="keep")


def _pair(on_cuda: StyleFaceUV, on_cpu: StyleFaceUV, detail: str) -> tuple[Face, Face]:
    faces = [model.generate(model.sample(1, seed=7)[0], detail=detail) for model in (on_cuda, on_cpu)]
    assert all(isinstance(face, Face) for face in faces)
    return faces[0], faces[1]


def test_stylecodes_are_those_of_the_cpu(on_cuda: StyleFaceUV, on_cpu: StyleFaceUV) -> None:
    torch.testing.assert_close(on_cuda.sample(3, seed=7).cpu(), on_cpu.sample(3, seed=7), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("detail", ["generator", "lifted", "two-views"])
def test_heads_are_those_of_the_cpu(on_cuda: StyleFaceUV, on_cpu: StyleFaceUV, detail: str) -> None:
    _assert_alike(*_pair(on_cuda, on_cpu, detail))


@pytest.mark.parametrize("detail", ["generator", "lifted", "two-views"])
def test_heads_with_hair_are_those_of_the_cpu(haired: tuple[StyleFaceUV, StyleFaceUV], detail: str) -> None:
    _assert_alike(*_pair(*haired, detail))


def _assert_alike(ours: Face, theirs: Face) -> None:
    difference = np.abs(ours.diffuse.astype(float) - theirs.diffuse)
    assert difference.mean() < 1.5
    assert np.abs(ours.mesh.vertices - theirs.mesh.vertices).max() < 5e-4
    pictures = [face.render(yaw=30.0, expression="smile", size=256).astype(float) for face in (ours, theirs)]
    assert np.abs(pictures[0] - pictures[1]).mean() < 2


def test_a_head_made_on_cuda_is_exported(on_cuda: StyleFaceUV, tmp_path: Path) -> None:
    face = on_cuda.generate(on_cuda.sample(1, seed=8)[0], detail="generator")
    assert isinstance(face, Face)
    face.export(tmp_path / "head.glb")
    assert (tmp_path / "head.glb").stat().st_size > 100_000


def test_the_torch_rasteriser_sees_on_cuda_what_the_compiled_one_sees(on_cpu: StyleFaceUV) -> None:
    face_model = on_cpu.components.face_model
    topology, mean = face_model.topology(0), face_model.refine(face_model.mean[None], 0)[0]
    points = torch.stack([mean[:, 0] * 150 + 70, mean[:, 1] * -150 + 60, mean[:, 2] + 10], dim=1)[None]
    ours = rasterize(points.cuda(), topology.faces.cuda(), 120, 140)
    theirs = rasterize(points, topology.faces, 120, 140)
    assert int((theirs.pix_to_face >= 0).sum()) > 1000
    assert torch.equal(ours.pix_to_face.cpu(), theirs.pix_to_face)
