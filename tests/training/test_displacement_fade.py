"""Displacement ends where skin meets skin, eye or body."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.face_model.displacement import sample_at_vertices
from stylefaceuv.lifting.landmark_fit import EYE_CONTOURS
from stylefaceuv.networks.uv_generator import load_uv_generator
from stylefaceuv.training.uv_start import main
from stylefaceuv.training.uv_warm_start import LIPS_LINE, displacement_fade


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


def test_lids_and_the_line_between_the_lips_do_not_move(parts: Components, fade: torch.Tensor) -> None:
    vertices, share = at_vertices(parts, fade)
    points = parts.face_model.landmarks(parts.face_model.mean[None])[0]
    for contour in (EYE_CONTOURS, LIPS_LINE):
        near = torch.cdist(vertices, points[list(contour)]).amin(dim=1) < 0.015
        assert int(near.sum()) > 50
        assert float(share[near].max()) < 0.3, "a map of 64 texels ends within one"
        assert float(share[near].mean()) < 0.1


def test_cheeks_nose_and_forehead_move_wholly_and_both_sides_alike(parts: Components, fade: torch.Tensor) -> None:
    vertices, share = at_vertices(parts, fade)
    points = parts.face_model.landmarks(parts.face_model.mean[None])[0]
    for landmark in (4, 10, 50, 280):  # tip of the nose, forehead, cheeks
        assert float(share[(vertices - points[landmark]).norm(dim=1).argmin()]) > 0.95, landmark
    torch.testing.assert_close(fade.flip(-1), fade, atol=1e-3, rtol=0)


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
