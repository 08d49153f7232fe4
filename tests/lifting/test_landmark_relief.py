"""The relief that moves a registered head onto the landmarks of its photo."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.displacement import sample_at_vertices
from stylefaceuv.face_model.lid_landmarks import LOWER_LIDS, UPPER_LIDS
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices, rotation_matrix
from stylefaceuv.lifting.landmark_fit import FACE_OVAL
from stylefaceuv.lifting.landmark_relief import LandmarkRelief, across_outline
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.types import PART_NAMES, FaceCoefficients

SIZE = 1024
INNER = [index for index in range(468) if index not in FACE_OVAL]


@pytest.fixture(scope="module")
def relief(head: MorphableModel) -> LandmarkRelief:
    return LandmarkRelief(Surface(head, 256))


def person(
    head: MorphableModel, *, smile: float = 0.0, rotation: tuple[float, ...] = (12.0, -5.0, 3.0)
) -> FaceCoefficients:
    source = torch.Generator().manual_seed(3)
    expression = torch.zeros(64)
    for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen"):
        expression[head.expression_names.index(name)] = smile
    identity = 0.7 * torch.randn(80, generator=source)
    return FaceCoefficients(
        identity, expression, torch.tensor(rotation), torch.zeros(27), torch.tensor([0.02, 0.03, 0.0])
    )


def shown(
    head: MorphableModel, surface: Surface, who: FaceCoefficients, moved: torch.Tensor | None = None
) -> torch.Tensor:
    """(478, 2) landmarks of a displaced head, pixels."""
    points = head.landmarks_on(surface.shape(who, moved))
    return Camera.portrait(SIZE, SIZE).project(pose_vertices(points, who.rotation[None], who.translation[None]))[
        0, :, :2
    ]


def smooth_residual(points: torch.Tensor) -> torch.Tensor:
    """(478, 2) of a few pixels, changing slowly over the face."""
    x, y = (points - points.mean(dim=0)).mul(1 / 200).unbind(-1)
    return torch.stack([3 * torch.sin(2 * y), 3 * torch.cos(1.5 * x) - 1], dim=1)


def test_a_head_on_its_landmarks_is_left_alone(head: MorphableModel, relief: LandmarkRelief) -> None:
    who = person(head, smile=0.6)
    assert float(relief(who, shown(head, relief.surface, who), SIZE).abs().max()) < 1e-3


@pytest.mark.parametrize("smile", [0.0, 0.7])
def test_landmarks_come_nearer(head: MorphableModel, relief: LandmarkRelief, smile: float) -> None:
    who = person(head, smile=smile)
    start = shown(head, relief.surface, who)
    wanted = start + smooth_residual(start)
    left = wanted - shown(head, relief.surface, who, relief(who, wanted, SIZE))
    before, after = (part[INNER].norm(dim=1).mean() for part in (wanted - start, left))
    assert float(before) > 2
    assert float(after) < 0.3 * float(before)


def test_what_the_head_is_displaced_by_already_counts(head: MorphableModel, relief: LandmarkRelief) -> None:
    """A millimetre to the left that are there are taken back, if the photo shows the plain head."""
    who = person(head, rotation=(0.0, 0.0, 0.0))
    pushed = torch.zeros(3, 64, 64)
    pushed[0] = 1.0
    back = relief(who, shown(head, relief.surface, who), SIZE, pushed)
    left = shown(head, relief.surface, who, back + 1.0 * torch.tensor([1.0, 0, 0])[:, None, None])
    plain, moved = (shown(head, relief.surface, who, m) for m in (None, pushed))
    assert float((left - plain)[INNER].norm(dim=1).mean()) < 0.35 * float((moved - plain)[INNER].norm(dim=1).mean())


def test_depth_of_the_photo_is_left_as_it_is(head: MorphableModel, relief: LandmarkRelief) -> None:
    who = person(head)
    start = shown(head, relief.surface, who)
    moved = relief(who, start + smooth_residual(start), SIZE)
    turned = torch.einsum("ij,jhw->ihw", rotation_matrix(who.rotation[None])[0], moved)
    assert float(turned[:2].abs().max()) > 0.5
    assert float(turned[2].abs().max()) < 1e-5


def test_no_shift_is_longer_than_the_limit(head: MorphableModel, relief: LandmarkRelief) -> None:
    who = person(head)
    wanted = shown(head, relief.surface, who) + torch.tensor([60.0, -40.0])
    length = relief(who, wanted, SIZE).norm(dim=0)
    assert 1.3 < float(length.max()) <= 1.5


def test_eyes_move_as_wholes(head: MorphableModel, relief: LandmarkRelief) -> None:
    """Ball and lids keep their places to each other, whatever single landmarks of the lids say."""
    who = person(head, rotation=(0.0, 0.0, 0.0))
    noise = torch.randn(478, 2, generator=torch.Generator().manual_seed(5))
    moved = relief(who, shown(head, relief.surface, who) + 4 * noise, SIZE)
    at_vertices = sample_at_vertices(moved[None], relief.surface.topology)[0]
    points = head.landmarks(head.mean[None])[0]
    rest, topology = head.refine(head.mean[None], relief.surface.level)[0], relief.surface.topology
    for side in ("left", "right"):
        ball = topology.faces[topology.part == PART_NAMES.index(f"eye_{side}")].unique()
        lids = torch.cdist(points[[*UPPER_LIDS[side], *LOWER_LIDS[side]]], rest).argmin(dim=1)
        together = at_vertices[torch.cat([ball, lids])]
        assert float(together.mean(dim=0).norm()) > 0.02
        assert float((together - together.mean(dim=0)).norm(dim=1).max()) < 0.06


def test_the_neck_ring_stays(head: MorphableModel, relief: LandmarkRelief) -> None:
    who = person(head)
    start = shown(head, relief.surface, who)
    moved = sample_at_vertices(relief(who, start + smooth_residual(start), SIZE)[None], relief.surface.topology)[0]
    ring = torch.isin(relief.surface.topology.geometry_index, head.neck_ring)
    assert int(ring.sum()) >= len(head.neck_ring)
    assert float(moved[ring].abs().max()) < 1e-4


def test_the_mirrored_face_has_the_mirrored_relief(head: MorphableModel, relief: LandmarkRelief) -> None:
    who = person(head)
    start = shown(head, relief.surface, who)
    residual = smooth_residual(start)
    identity, expression = head.mirror_coefficients(who.identity[None], who.expression[None])
    flip = torch.tensor([-1.0, 1.0, -1.0])
    twin = FaceCoefficients(
        identity[0], expression[0], who.rotation * flip, who.lighting, who.translation * torch.tensor([-1.0, 1.0, 1.0])
    )
    other = shown(head, relief.surface, twin)
    partner = torch.cdist(
        head.landmarks(head.mean[None])[0] * torch.tensor([-1.0, 1, 1]), head.landmarks(head.mean[None])[0]
    )
    moved = relief(who, start + residual, SIZE)
    back = residual[partner.argmin(dim=1)] * torch.tensor([-1.0, 1.0])
    mirrored = relief(twin, other + back, SIZE).flip(-1) * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    texels = relief.surface.texels
    covered = texels.scatter(torch.ones_like(texels.barycentric[:, :1]))[0] > 0
    apart = (moved - mirrored).abs()[:, covered & covered.flip(-1)]
    assert float(apart.max()) < 0.1
    assert float(apart.mean()) < 0.01


def test_outlines_slide_along_themselves() -> None:
    """Against one landmark at a time; all others are passed on."""
    source = torch.Generator().manual_seed(1)
    detected, residual = 900 * torch.rand(478, 2, generator=source), torch.randn(478, 2, generator=source)
    left = across_outline(residual, detected)
    for place, index in enumerate(FACE_OVAL):
        before, after = FACE_OVAL[place - 1], FACE_OVAL[(place + 1) % len(FACE_OVAL)]
        dx, dy = (detected[after] - detected[before]).tolist()
        across = torch.tensor([-dy, dx]) / (dx * dx + dy * dy) ** 0.5
        torch.testing.assert_close(left[index], across * float(residual[index] @ across), atol=1e-5, rtol=1e-4)
    assert torch.equal(left[INNER], residual[INNER])


def test_a_model_without_the_478_landmarks_is_refused(tiny: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    surface = Surface(tiny, 32)
    monkeypatch.setattr(tiny, "landmarks", lambda cage: cage[:, :68])
    with pytest.raises(InvalidArgumentError, match="478 landmarks"):
        LandmarkRelief(surface)
