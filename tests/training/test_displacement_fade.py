"""Displacement ends where skin meets skin, eye or body."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.face_model.displacement import displace, sample_at_vertices
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lifting.landmark_fit import EYE_CONTOURS, INNER_LIPS
from stylefaceuv.networks.uv_generator import load_uv_generator
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.training.uv_start import main
from stylefaceuv.training.uv_warm_start import displacement_fade


@pytest.fixture(scope="module")
def parts() -> Components:
    return load_components(Bundle.open(None), torch.device("cpu"))


@pytest.fixture(scope="module")
def fade(parts: Components) -> torch.Tensor:
    return displacement_fade(parts, 64)


def at_vertices(parts: Components, fade: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (V, 3) of the refined mean head, and the fade there (V,)."""
    model = parts.face_model
    return model.refine(model.mean[None], 1)[0], sample_at_vertices(fade, model.topology(1))[0, :, 0]


def test_lids_and_the_line_between_the_lips_hardly_move(parts: Components, fade: torch.Tensor) -> None:
    vertices, share = at_vertices(parts, fade)
    points = parts.face_model.landmarks(parts.face_model.mean[None])[0]
    for contour in (EYE_CONTOURS, INNER_LIPS):
        near = torch.cdist(vertices, points[list(contour)]).amin(dim=1) < 0.015
        assert int(near.sum()) > 50
        assert float(share[near].max()) < 0.3, "a map of 64 texels ends within one"
        assert float(share[near].mean()) < 0.2


def test_cheeks_nose_and_forehead_move_wholly_and_both_sides_alike(parts: Components, fade: torch.Tensor) -> None:
    vertices, share = at_vertices(parts, fade)
    points = parts.face_model.landmarks(parts.face_model.mean[None])[0]
    for landmark in (4, 10, 50, 280):  # tip of the nose, forehead, cheeks
        assert float(share[(vertices - points[landmark]).norm(dim=1).argmin()]) > 0.95, landmark
    torch.testing.assert_close(fade.flip(-1), fade, atol=1e-3, rtol=0)


def test_displaced_lids_stay_shut(parts: Components, fade: torch.Tensor) -> None:
    """Regression: a blink turned displaced lids, and they tore open."""
    model, expression = parts.face_model, torch.zeros(1, 64)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        expression[0, model.expression_names.index(name)] = 1
    still, shut = (model.refine(model(torch.zeros(1, 80), one), 1) for one in (expression * 0, expression))
    normals, topology, camera = VertexNormals(model.topology(1)), model.topology(1), Camera.portrait(512, 512)
    inwards = torch.tensor([0.0, 0.0, -2.0]).reshape(1, 3, 1, 1) * torch.ones(1, 1, 64, 64)
    balls, seen = topology.faces[torch.isin(topology.part.long(), torch.tensor([2, 3]))].unique(), []
    for relief in (0 * inwards, inwards * fade, inwards):
        vertices = displace(shut, normals(shut), normals(still), relief, topology)
        vertices[:, balls] = shut[:, balls]
        faces = rasterize(camera.project(pose_vertices(vertices, *torch.zeros(2, 1, 3))), topology.faces, 512, 512)
        part = topology.part[faces.pix_to_face.clamp_min(0)] * (faces.pix_to_face >= 0)
        seen.append(int(torch.isin(part.long(), torch.tensor([2, 3])).sum()))
    assert seen[1] <= seen[0] + 10
    assert seen[2] > seen[1] + 20, "without the fade the balls show"


def test_the_shipped_generator_fades_so_and_the_stage_makes_it(
    parts: Components, fade: torch.Tensor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shipped = parts.uv_generator
    assert shipped is not None
    torch.testing.assert_close(shipped.fade, fade, atol=2e-3, rtol=0)
    out = tmp_path_factory.mktemp("fade") / "uv_generator.safetensors"
    main(["--start", str(Bundle.open(None).path("uv_generator")), "--out", str(out)])
    for name, value in load_uv_generator(out).state_dict().items():
        torch.testing.assert_close(value, shipped.state_dict()[name], atol=2e-3, rtol=1e-3)
