"""A user's Basel Face Model: a synthetic file with the real one's field names and shapes gives the common interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from stylefaceuv.control.rig import FaceRig
from stylefaceuv.errors import InvalidArgumentError, StyleFaceUVError, WeightsError
from stylefaceuv.face_model.bfm import BaselFaceModel, load_basel_face_model
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize

ROWS, COLUMNS = 11, 9
COUNT = ROWS * COLUMNS


def fields(seed: int = 0) -> dict[str, Any]:
    """A curved, mirror-symmetric grid of 99 vertices, a little smaller than a face, off the origin."""
    random = np.random.default_rng(seed)
    y, x = np.meshgrid(np.linspace(1.2, -1.0, ROWS), np.linspace(-0.8, 0.8, COLUMNS), indexing="ij")
    mean = np.stack([x, y, 0.9 - x**2 - 0.3 * y**2], axis=-1).reshape(-1, 3) + np.array([0.0, 0.3, -0.2])
    corner = np.arange(COUNT).reshape(ROWS, COLUMNS)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return {
        "meanshape": mean.reshape(1, -1),
        "idBase": 0.02 * random.standard_normal((3 * COUNT, 80)),
        "exBase": 0.02 * random.standard_normal((3 * COUNT, 64)),
        "meantex": random.uniform(90, 200, (1, 3 * COUNT)),
        "texBase": random.standard_normal((3 * COUNT, 80)),
        "tri": (triangles + 1).astype(np.float64),
        "keypoints": (1 + np.arange(68) % COUNT).reshape(1, -1).astype(np.float64),
        "skinmask": (np.arange(COUNT) % 4 > 0).reshape(1, -1).astype(np.float64),
    }


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "BFM_model_front.mat"
    savemat(path, content)
    return path


@pytest.fixture
def basel(tmp_path: Path) -> BaselFaceModel:
    return load_basel_face_model(written(tmp_path, fields()))


def test_it_adds_what_the_file_says(basel: BaselFaceModel) -> None:
    content, generator = fields(), torch.Generator().manual_seed(1)
    identity, expression = torch.randn(2, 80, generator=generator), torch.rand(2, 64, generator=generator)
    mean = content["meanshape"].reshape(COUNT, 3)
    expected = [
        mean - mean.mean(axis=0) + (content["idBase"] @ i + content["exBase"] @ e).reshape(COUNT, 3)
        for i, e in zip(identity.numpy(), expression.numpy(), strict=True)
    ]
    made = basel(identity, expression)
    torch.testing.assert_close(made, torch.from_numpy(np.stack(expected)).float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(basel(identity[:1], expression[:1]), made[:1])
    torch.testing.assert_close(basel.texture_mean, torch.from_numpy(content["meantex"].reshape(COUNT, 3) / 255).float())
    assert basel.skin_mask.tolist() == (content["skinmask"].ravel() > 0).tolist()


def test_it_has_the_interface_of_the_shipped_head(basel: BaselFaceModel) -> None:
    cage = basel(torch.zeros(2, 80), torch.zeros(2, 64))
    torch.testing.assert_close(cage[0], basel.mean)
    topology = basel.topology(0)
    assert topology.faces.shape == (2 * (ROWS - 1) * (COLUMNS - 1), 3)
    assert float(topology.uv.min()) == 0
    assert float(topology.uv.max()) == 1
    assert torch.equal(basel.refine(cage, 0), cage)
    assert torch.equal(basel.landmarks(cage), cage[:, torch.arange(68) % COUNT])
    mirrored = basel.mean[basel.mirror_index] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, basel.mean, atol=1e-5, rtol=0)
    for call in (basel.topology, lambda level: basel.refine(cage, level)):
        with pytest.raises(InvalidArgumentError, match="level"):
            call(1)


def test_it_renders_from_the_front(basel: BaselFaceModel) -> None:
    screen = Camera.portrait(40, 56).project(pose_vertices(basel.mean[None], torch.zeros(1, 3), torch.zeros(1, 3)))
    seen = rasterize(screen, basel.topology(0).faces, 40, 56).pix_to_face
    assert int((seen >= 0).sum()) > 100


def test_triangles_that_look_backwards_are_turned(tmp_path: Path, basel: BaselFaceModel) -> None:
    content = fields()
    content["tri"] = content["tri"][:, ::-1].copy()
    turned = load_basel_face_model(written(tmp_path, content))
    assert torch.equal(turned.faces.sort(dim=1).values, basel.faces.sort(dim=1).values)
    corner = turned.mean[turned.faces]
    facing = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:, 2]
    assert float(facing.sum()) > 0


def test_guo_s_expressions_take_the_place_of_the_file_s(tmp_path: Path) -> None:
    content = fields()
    own = np.random.default_rng(9).standard_normal((3 * COUNT, 64))
    del content["exBase"]
    model = load_basel_face_model(written(tmp_path, content), own)
    torch.testing.assert_close(model.expression_basis[5].flatten(), torch.from_numpy(own[:, 5]).float())
    with pytest.raises(InvalidArgumentError, match="expression_basis"):
        load_basel_face_model(written(tmp_path, content), own[:, :63])


def test_the_rig_moves_it_linearly(basel: BaselFaceModel) -> None:
    identity, expression = torch.full((80,), 0.3), torch.linspace(-1, 1, 64)
    cage, rest = FaceRig(basel).pose(identity, expression)  # type: ignore[arg-type]
    torch.testing.assert_close(cage, basel(identity[None], expression[None]))
    torch.testing.assert_close(rest, basel(identity[None], torch.zeros(1, 64)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idBase", None),
        ("exBase", np.zeros((3 * COUNT, 63))),
        ("meantex", np.zeros((1, 3 * COUNT - 3))),
        ("meanshape", np.full((1, 3 * COUNT), np.nan)),
        ("tri", np.zeros((4, 3))),
        ("keypoints", np.full((1, 68), COUNT + 1.0)),
        ("keypoints", np.ones((1, 67))),
    ],
)
def test_files_that_are_none_are_refused_by_field(tmp_path: Path, field: str, value: np.ndarray | None) -> None:
    content = fields()
    if value is None:
        del content[field]
    else:
        content[field] = value
    with pytest.raises(WeightsError, match=field):
        load_basel_face_model(written(tmp_path, content))


def test_rubbish_is_refused(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.mat"
    rubbish.write_bytes(bytes(range(256)) * 8)
    for path in (rubbish, tmp_path / "nowhere.mat"):
        with pytest.raises(StyleFaceUVError, match=path.name):
            load_basel_face_model(path)
