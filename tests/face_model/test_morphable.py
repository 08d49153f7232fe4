from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.arkit import EXPRESSION_NAMES
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES

FLIP = torch.tensor([-1.0, 1.0, 1.0])
Coefficients = tuple[torch.Tensor, torch.Tensor]


def part_rows(head: MorphableModel, name: str) -> torch.Tensor:
    return head.quads[head.quad_part == PART_NAMES.index(name)].unique()


def one_hot(name: str) -> torch.Tensor:
    weights = torch.zeros(1, 64)
    weights[0, EXPRESSION_NAMES.index(name)] = 1
    return weights


def test_zero_coefficients_give_the_mean(head: MorphableModel) -> None:
    torch.testing.assert_close(head(torch.zeros(2, 80), torch.zeros(2, 64)), head.mean.expand(2, -1, -1))


def test_linear_in_both(head: MorphableModel, coefficients: Coefficients) -> None:
    identity, expression = coefficients
    offsets = torch.einsum("nk,kvc->nvc", identity.double(), head.identity_basis.double())
    offsets += torch.einsum("nk,kvc->nvc", expression.double(), head.expression_basis.double())
    torch.testing.assert_close(head(identity, expression).double(), head.mean.double() + offsets, atol=3e-6, rtol=0)


def test_batch_equals_singles(head: MorphableModel, coefficients: Coefficients) -> None:
    identity, expression = coefficients
    whole = head(identity, expression)
    for row in range(3):
        single = head(identity[row : row + 1], expression[row : row + 1])
        torch.testing.assert_close(whole[row : row + 1], single, atol=1e-6, rtol=0)
        for level in (0, 1, 2):
            torch.testing.assert_close(head.refine(whole, level)[row : row + 1], head.refine(single, level))
        torch.testing.assert_close(head.landmarks(whole)[row : row + 1], head.landmarks(single))


def test_the_mean_is_exactly_symmetric(head: MorphableModel) -> None:
    assert torch.equal(head.mirror_index[head.mirror_index], torch.arange(len(head.mean)))
    assert torch.equal(head.mean[head.mirror_index] * FLIP, head.mean)
    on_line = head.mirror_index == torch.arange(len(head.mean))
    assert int(on_line.sum()) > 100
    assert float(head.mean[on_line, 0].abs().max()) == 0


def test_mirrored_coefficients_give_the_mirror_image(head: MorphableModel, coefficients: Coefficients) -> None:
    here = head(*coefficients)
    there = head(*head.mirror_coefficients(*coefficients))
    torch.testing.assert_close(there, here[:, head.mirror_index] * FLIP, atol=2e-6, rtol=0)
    assert (here - there).abs().max() > 0.01


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_level_is_symmetric_with_its_triangles(head: MorphableModel, level: int) -> None:
    topology = head.topology(level)
    points = np.zeros((int(topology.geometry_index.max()) + 1, 3))
    points[topology.geometry_index.numpy()] = head.refine(head.mean[None], level)[0].double().numpy()
    middle = points[topology.geometry_index.numpy()][topology.faces.numpy()].mean(axis=1)
    key = np.round(middle / 1e-4)
    mirrored = np.round(middle * [-1, 1, 1] / 1e-4)
    assert nearest(middle, middle * [-1, 1, 1]) < 2e-6, (key.shape, mirrored.shape)


def nearest(points: np.ndarray, queries: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    return float(cKDTree(points).query(queries)[0].max())


def test_the_neck_ring_never_moves(head: MorphableModel, coefficients: Coefficients) -> None:
    identity, expression = coefficients
    cage = head(5 * identity, expression)
    assert torch.equal(cage[:, head.neck_ring], head.mean[head.neck_ring].expand(3, -1, -1))
    for level in (1, 2):
        faces = head.topology(level).geometry_index[head.topology(level).faces]
        open_rows = open_vertices(faces)
        rest = head.refine(head.mean[None], level)
        skin = open_rows[unsplit(head, rest, level)[0, open_rows, 1] < -0.8]
        assert len(skin) == len(head.neck_ring) * 2**level
        moved = unsplit(head, head.refine(cage, level), level) - unsplit(head, rest, level)
        assert float(moved[:, skin].abs().max()) < 1e-6


def unsplit(head: MorphableModel, rows: torch.Tensor, level: int) -> torch.Tensor:
    index = head.topology(level).geometry_index
    result = rows.new_zeros(len(rows), int(index.max()) + 1, 3)
    result[:, index] = rows
    return result


def open_vertices(faces: torch.Tensor) -> torch.Tensor:
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(dim=1).values
    unique, counts = edges.unique(dim=0, return_counts=True)
    return unique[counts == 1].unique()


def test_the_neck_fades_smoothly(head: MorphableModel) -> None:
    """Vertices one edge from the ring move far less than those at the chin."""
    ring = set(head.neck_ring.tolist())
    touching = head.quads[(head.quads[..., None] == head.neck_ring).any(-1).any(-1)].unique()
    next_row = torch.tensor([v for v in touching.tolist() if v not in ring])
    size = torch.cat([head.identity_basis[:20], head.expression_basis]).norm(dim=-1).amax(dim=0)
    assert size[next_row].max() < 0.25 * size.max()


def test_identity_components_have_unit_variance_scale(head: MorphableModel) -> None:
    """Component k's size is its standard deviation: sorted, a few millimetres down to fractions of one."""
    size = head.identity_basis.pow(2).sum(-1).mean(-1).sqrt()
    assert 0.02 < float(size[0]) < 0.08
    assert 1e-4 < float(size[-1]) < 5e-3
    assert float(size[:20].mean()) > 4 * float(size[-20:].mean())
    flat = head.identity_basis.flatten(1)
    cosine = torch.nn.functional.normalize(flat) @ torch.nn.functional.normalize(flat).T
    assert float((cosine - torch.eye(80)).abs().max()) < 0.5


def test_eyes_stay_balls_under_identity(head: MorphableModel, coefficients: Coefficients) -> None:
    neutral = head(2 * coefficients[0], torch.zeros(3, 64))
    for name in ("eye_left", "eye_right"):
        rows = part_rows(head, name)
        before = head.mean[rows] - head.mean[rows].mean(0)
        after = neutral[:, rows] - neutral[:, rows].mean(1, keepdim=True)
        scale = (after * before).sum((1, 2), keepdim=True) / before.pow(2).sum()
        assert float((after - scale * before).abs().max()) < 2e-4
        assert float(scale.min()) > 0.7
        assert float(scale.max()) < 1.4


def test_left_is_the_persons_own_left(head: MorphableModel) -> None:
    for index, name in enumerate(EXPRESSION_NAMES):
        if name.endswith(("Left", "Right")) and not name.startswith(("jaw", "mouthLeft", "mouthRight")):
            size = head.expression_basis[index].norm(dim=1)
            side = float((size * head.mean[:, 0]).sum())
            assert (side > 0) == name.endswith("Left"), name
    for name in ("jaw", "mouth"):
        shift = head.expression_basis[EXPRESSION_NAMES.index(f"{name}Left"), :, 0]
        assert float(shift[shift.abs().argmax()]) > 0, name
    assert float(head.mean[part_rows(head, "eye_left"), 0].min()) > 0


def test_jaw_carries_the_lower_teeth_rigidly_and_leaves_the_upper_ones(head: MorphableModel) -> None:
    for name, travel in (("jawOpen", 0.1), ("jawForward", 0.03), ("jawLeft", 0.03), ("jawRight", 0.03)):
        moved = head(torch.zeros(1, 80), one_hot(name))[0]
        lower, upper = part_rows(head, "teeth_lower"), part_rows(head, "teeth_upper")
        before, after = torch.cdist(head.mean[lower], head.mean[lower]), torch.cdist(moved[lower], moved[lower])
        assert float((before - after).abs().max()) < 0.01, name
        assert float((moved[lower] - head.mean[lower]).norm(dim=1).mean()) > travel, name
        assert float((moved[upper] - head.mean[upper]).abs().max()) < 2e-3, name
        tongue = part_rows(head, "tongue")
        assert float((moved[tongue] - head.mean[tongue]).norm(dim=1).mean()) > travel / 2, name


@pytest.mark.parametrize(
    ("name", "axis", "sign"),
    [("eyeLookUpLeft", 1, 1), ("eyeLookDownLeft", 1, -1), ("eyeLookInLeft", 0, -1), ("eyeLookOutLeft", 0, 1),
     ("eyeLookInRight", 0, 1), ("eyeLookOutRight", 0, -1)],
)  # fmt: skip
def test_looking_turns_the_eyeball(head: MorphableModel, name: str, axis: int, sign: int) -> None:
    side = "eye_left" if name.endswith("Left") else "eye_right"
    rows = part_rows(head, side)
    ball = head.mean[rows]
    pupil = rows[ball[:, 2].argmax()]
    moved = head(torch.zeros(1, 80), one_hot(name))[0]
    assert sign * float(moved[pupil, axis] - head.mean[pupil, axis]) > 0.015
    distance = torch.cdist(ball, ball) - torch.cdist(moved[rows], moved[rows])
    assert float(distance.abs().max()) < 0.01


def test_blinking_closes_the_lids_over_the_ball(head: MorphableModel) -> None:
    """Seen from the front, no part of the blinking eye's ball is nearer than the skin."""
    from stylefaceuv.face_model.pose import pose_vertices
    from stylefaceuv.rendering.camera import Camera
    from stylefaceuv.rendering.rasterizer import rasterize

    topology = head.topology(1)
    seen = {}
    for name in (None, "eyeBlinkLeft"):
        weights = one_hot(name) if name else torch.zeros(1, 64)
        surface = head.refine(head(torch.zeros(1, 80), weights), 1)
        world = pose_vertices(surface, torch.zeros(1, 3), torch.zeros(1, 3))
        fragments = rasterize(Camera.portrait(512, 512).project(world), topology.faces, 512, 512)
        part = topology.part[fragments.pix_to_face[fragments.pix_to_face >= 0]]
        seen[name] = {eye: int((part == PART_NAMES.index(eye)).sum()) for eye in ("eye_left", "eye_right")}
    assert seen[None]["eye_left"] > 200
    assert seen[None]["eye_left"] == pytest.approx(seen[None]["eye_right"], rel=0.05)
    assert seen["eyeBlinkLeft"]["eye_left"] <= 0.03 * seen[None]["eye_left"]
    assert seen["eyeBlinkLeft"]["eye_right"] == pytest.approx(seen[None]["eye_right"], rel=0.05)


def test_level_sizes_and_index_ranges(head: MorphableModel) -> None:
    for level, low, high in ((0, 4_000, 6_000), (1, 16_000, 21_000), (2, 65_000, 80_000)):
        topology = head.topology(level)
        assert low < len(topology.uv) < high
        assert topology.faces.shape == (2 * 4**level * len(head.quads), 3)
        assert int(topology.faces.min()) == 0
        assert int(topology.faces.max()) == len(topology.uv) - 1
        assert float(topology.uv.min()) >= 0
        assert float(topology.uv.max()) <= 1
        assert topology.part.shape == (len(topology.faces),)
        assert set(topology.part.tolist()) == set(range(len(PART_NAMES)))


def test_base_vertices_stay_in_makehumans_order(head: MorphableModel) -> None:
    for level in (0, 1, 2):
        index = head.topology(level).makehuman_index
        old = index[index >= 0]
        assert (old.diff() >= 0).all()
        assert torch.equal(old.unique(), head.makehuman_index)


def test_surface_points_outwards(head: MorphableModel) -> None:
    topology = head.topology(1)
    corner = head.refine(head.mean[None], 1)[0][topology.faces]
    volume = torch.linalg.cross(corner[:, 0], corner[:, 1]).mul(corner[:, 2]).sum(-1) / 6
    for name in ("eye_left", "eye_right", "tongue"):
        mask = topology.part == PART_NAMES.index(name)
        assert float(volume[mask].sum()) > 0, name
    normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    front = (topology.part == 0) & (corner.mean(1)[:, 2] > 1.0)
    assert float(normal[front, 2].sum()) > 0


def test_level_0_is_the_cage_with_rows_doubled_at_seams(head: MorphableModel) -> None:
    rows = head.topology(0).geometry_index
    torch.testing.assert_close(head.refine(head.mean[None], 0)[0], head.mean[rows])
    assert len(rows) > len(head.mean)


def test_rows_of_a_seam_lie_together(head: MorphableModel, coefficients: Coefficients) -> None:
    surface = head.refine(head(*coefficients), 1)
    again = unsplit(head, surface, 1)[:, head.topology(1).geometry_index]
    torch.testing.assert_close(surface, again, atol=1e-6, rtol=0)


def test_landmarks_lie_on_the_surface(head: MorphableModel) -> None:
    points = head.landmarks(head.mean[None])[0]
    assert points.shape == (478, 3)
    assert float(head.landmark_weights.min()) >= -1e-6
    torch.testing.assert_close(head.landmark_weights.sum(1), torch.ones(478))
    surface = unsplit(head, head.refine(head.mean[None], 1), 1)[0]
    topology = head.topology(1)
    known = {tuple(sorted(face)) for face in topology.geometry_index[topology.faces].tolist()}
    mirrored_partner = 0
    for row, (corners, weights) in enumerate(zip(head.landmark_vertices, head.landmark_weights, strict=True)):
        torch.testing.assert_close(points[row], weights @ surface[corners], atol=1e-5, rtol=0)
        mirrored_partner += tuple(sorted(corners.tolist())) in known
    assert mirrored_partner == 478


def test_landmarks_are_where_their_names_say(head: MorphableModel) -> None:
    points = head.landmarks(head.mean[None])[0]
    nose, chin, brow, left, right = points[1], points[152], points[10], points[263], points[33]
    assert float(nose[2]) == pytest.approx(float(points[:, 2].max()), abs=0.05)
    assert float(chin[1]) < float(nose[1]) < float(brow[1])
    assert float(left[0]) > 0 > float(right[0])
    for row in (1, 152, 10):
        assert abs(float(points[row, 0])) < 1e-4
    mirrored = points * FLIP
    assert nearest(points.numpy(), mirrored.numpy()) < 1e-4


def test_iris_landmarks_lie_on_the_eyeballs(head: MorphableModel) -> None:
    surface_part = head.landmark_vertices[468:]
    geometry, topology = head.topology(1).geometry_index, head.topology(1)
    left, right = (
        geometry[topology.faces[topology.part == PART_NAMES.index(name)]].unique() for name in ("eye_left", "eye_right")
    )
    sides = [bool(torch.isin(row, left).all()) for row in surface_part]
    assert all(torch.isin(row, torch.cat([left, right])).all() for row in surface_part)
    assert sides == [False] * 5 + [True] * 5


def small_double(head: MorphableModel) -> MorphableModel:
    return copy.deepcopy(head).double()


def test_gradients_of_forward_refine_and_landmarks(head: MorphableModel) -> None:
    model = small_double(head)
    torch.manual_seed(0)
    identity = torch.randn(1, 80, dtype=torch.float64, requires_grad=True)
    expression = torch.rand(1, 64, dtype=torch.float64, requires_grad=True)
    for probe in (lambda v: model.refine(v, 1), lambda v: model.refine(v, 2), model.landmarks, lambda v: v):
        shape = probe(model.mean[None]).shape
        weights = torch.randn(shape, dtype=torch.float64)

        def scalar(i: torch.Tensor, e: torch.Tensor, probe=probe, weights=weights) -> torch.Tensor:  # type: ignore[no-untyped-def]
            return (probe(model(i, e)) * weights).sum()

        assert torch.autograd.gradcheck(scalar, (identity, expression), fast_mode=True)


def test_refine_backward_is_the_transpose(head: MorphableModel) -> None:
    model = small_double(head)
    torch.manual_seed(1)
    cage = torch.randn(2, *model.mean.shape, dtype=torch.float64, requires_grad=True)
    for apply in (lambda v: model.refine(v, 1), model.landmarks):
        out = apply(cage)
        weights = torch.randn_like(out)
        (gradient,) = torch.autograd.grad((out * weights).sum(), cage)
        other = torch.randn_like(cage)
        torch.testing.assert_close((gradient * other).sum(), (weights * apply(other)).sum())


def test_batches_of_none(head: MorphableModel) -> None:
    empty = head(torch.zeros(0, 80), torch.zeros(0, 64))
    assert head.refine(empty, 1).shape == (0, len(head.topology(1).uv), 3)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("identity", lambda h: h(torch.zeros(2, 79), torch.zeros(2, 64))),
        ("identity", lambda h: h(torch.zeros(80), torch.zeros(64))),
        ("expression", lambda h: h(torch.zeros(2, 80), torch.zeros(1, 64))),
        ("vertices", lambda h: h.refine(h.mean, 1)),
        ("vertices", lambda h: h.landmarks(torch.zeros(1, 7, 3))),
        ("level", lambda h: h.refine(h.mean[None], 3)),
        ("level", lambda h: h.topology(-1)),
    ],
)
def test_bad_arguments_are_named(head: MorphableModel, argument: str, call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidArgumentError, match=argument):
        call(head)


def test_landmarks_of_a_surface_are_those_of_its_cage(head: MorphableModel) -> None:
    cage = head(torch.randn(2, 80, generator=torch.Generator().manual_seed(8)), torch.zeros(2, 64))
    torch.testing.assert_close(
        head.landmarks_on(head.refine(cage, head.landmark_level)), head.landmarks(cage), atol=2e-5, rtol=0
    )


def test_landmarks_follow_a_surface_that_moves(head: MorphableModel) -> None:
    surface = head.refine(head.mean[None], head.landmark_level)
    pushed = torch.tensor([0.1, -0.2, 0.3])
    torch.testing.assert_close(head.landmarks_on(surface + pushed), head.landmarks_on(surface) + pushed)


def test_the_landmarks_of_another_level_are_refused(head: MorphableModel) -> None:
    with pytest.raises(InvalidArgumentError, match="surface"):
        head.landmarks_on(head.refine(head.mean[None], 0))
