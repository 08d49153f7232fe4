"""From photo to texels: a rendered head gives its texture back, and what is hidden is known to be hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lifting.projection import LiftedTexels, lift_texels, view_texels
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.lifting.texel_geometry import texel_geometry
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.lighting import ambient_light
from stylefaceuv.types import MeshTopology
from tests.lifting.scenes import mirrored, neutral, photograph, smooth_image

SIZE, ATLAS = 384, 128


@pytest.fixture(scope="module")
def surface(tiny: MorphableModel) -> Surface:
    return Surface(tiny, ATLAS)


def two_squares(near: float, width: float) -> tuple[torch.Tensor, torch.Tensor, MeshTopology]:
    """A square at z = 0 and a smaller one before it, side by side in the atlas: (V, 3), normals, topology."""
    corners = torch.tensor([[-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]])
    depth = torch.tensor([0.0] * 4 + [near] * 4)[:, None]
    vertices = torch.cat([torch.cat([0.8 * corners, width * corners]), depth], dim=1)
    square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.5, 1.0], [0.5, 0.0]])
    uv = torch.cat([square, square + torch.tensor([0.5, 0.0])])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    rows = torch.arange(8)
    topology = MeshTopology(faces, uv, uv, rows, torch.zeros(4, dtype=torch.uint8), rows)
    return vertices, torch.tensor([0.0, 0.0, 1.0]).expand(8, 3), topology


def squares_seen(vertices: torch.Tensor, normals: torch.Tensor, topology: MeshTopology) -> LiftedTexels:
    texels = texel_geometry(topology, 64)
    image = smooth_image(256)
    return lift_texels(image, vertices, normals, torch.zeros(8, 2), topology, texels, Camera.portrait(256, 256))


def test_a_rendered_head_gives_its_texture_back(tiny: MorphableModel, surface: Surface) -> None:
    texture, own = smooth_image(ATLAS, cells=8), neutral(yaw=12.0)
    own = replace(own, identity=torch.randn(80, generator=torch.Generator().manual_seed(3)))
    photo = photograph(tiny, own, texture, ambient_light(), SIZE)
    lifted = surface.project(photo, own, None)
    rest = surface.rest_positions
    eyes = torch.tensor([[-0.3, 0.15, 0.66], [0.3, 0.15, 0.66]])
    sure = (lifted.confidence > 0.9) & (torch.cdist(rest, eyes).amin(dim=1) > 0.3)  # the balls poke through the skin
    assert float(sure.float().mean()) > 0.1
    error = (lifted.color - surface.texels.gather(texture))[sure].abs()
    assert float(error.mean()) < 0.008
    assert float(error.quantile(0.99)) < 0.04
    wrong = replace(own, rotation=own.rotation + torch.tensor([6.0, 0.0, 0.0]))
    shifted = (surface.project(photo, wrong, None).color - surface.texels.gather(texture))[sure].abs()
    assert float(shifted.mean()) > 3 * float(error.mean())


def test_what_looks_away_has_no_confidence(tiny: MorphableModel, surface: Surface) -> None:
    own = neutral(yaw=30.0)
    view = surface.view(own, SIZE)
    world = pose_vertices(tiny.refine(tiny.mean[None], 1), own.rotation[None], own.translation[None])[0]
    position = surface.texels.interpolate(world)
    direction = torch.nn.functional.normalize(torch.tensor([0.0, 0.0, 10.0]) - position, dim=1)
    facing = (view.normal * direction).sum(dim=1)
    assert float(view.confidence[facing < 0.08].max()) == 0
    skin = surface.texels.part == 0
    assert float(view.confidence[skin & (facing > 0.8)].median()) > 0.95
    torch.testing.assert_close(view.normal.norm(dim=1), torch.ones(len(facing)))


def test_what_stands_behind_the_skin_is_not_seen(tiny: MorphableModel, surface: Surface) -> None:
    inside = surface.texels.part > 3
    assert int(inside.sum()) > 50
    assert float(surface.view(neutral(), SIZE).confidence[inside].max()) == 0


def test_a_square_before_another_hides_its_middle() -> None:
    vertices, normals, topology = two_squares(near=0.5, width=0.3)
    lifted = squares_seen(vertices, normals, topology)
    confidence = texel_geometry(topology, 64).scatter(lifted.confidence[:, None])[0]
    column, row = torch.meshgrid(torch.arange(32), torch.arange(64), indexing="xy")
    x, y = 0.8 * ((column + 0.5) / 16 - 1), 0.8 * (1 - (row + 0.5) / 32)
    far = torch.maximum(x.abs(), y.abs())
    back, front = confidence[:, :32], confidence[:, 32:]
    assert float(back[far < 0.3].max()) == 0
    assert float(back[(far > 0.42) & (far < 0.7)].min()) > 0.99
    assert float(front[16:48, 8:24].min()) > 0.99


def test_squares_apart_do_not_hide_each_other() -> None:
    vertices, normals, topology = two_squares(near=0.5, width=0.3)
    vertices[4:, 0] += 20
    confidence = texel_geometry(topology, 64).scatter(squares_seen(vertices, normals, topology).confidence[:, None])
    assert float(confidence[0, 8:-8, 4:28].min()) > 0.99
    assert float(confidence[0, :, 32:].max()) == 0, "outside the picture"


def test_the_mirrored_photo_gives_the_mirrored_lift(tiny: MorphableModel, surface: Surface) -> None:
    source = torch.Generator().manual_seed(5)
    own = replace(
        neutral(),
        identity=torch.randn(80, generator=source),
        rotation=torch.tensor([20.0, -6.0, 4.0]),
        translation=torch.tensor([0.05, -0.02, 0.1]),
    )
    photo = smooth_image(SIZE, seed=2)
    first, second = surface.project(photo, own, None), surface.project(photo.flip(-1), mirrored(tiny, own), None)
    maps = [surface.texels.scatter(torch.cat([o.color, o.confidence[:, None]], 1)) for o in (first, second)]
    difference = (maps[0] - maps[1].flip(-1)).abs()
    assert float(difference[:3].mean()) < 1e-3
    assert float(difference[3].mean()) < 5e-3
    assert float((maps[0] - maps[1]).abs().mean()) > 0.02


def test_pixel_offsets_move_where_colours_are_read(tiny: MorphableModel, surface: Surface) -> None:
    own, camera = neutral(), Camera.portrait(SIZE, SIZE)
    world = pose_vertices(tiny.refine(tiny.mean[None], 1), own.rotation[None], own.translation[None])[0]
    normals = surface.normals(world[None])[0]
    offset = torch.tensor([7.0, -4.0])
    still = view_texels(world, normals, torch.zeros(len(world), 2), surface.topology, surface.texels, camera)
    moved = view_texels(world, normals, offset.expand(len(world), 2), surface.topology, surface.texels, camera)
    torch.testing.assert_close(moved.pixel - still.pixel, offset.expand(len(still.pixel), 2), atol=1e-3, rtol=0)


def test_landmarks_found_in_the_photo_pull_the_lift(head: MorphableModel) -> None:
    surface, own = Surface(head, 64), neutral(depth=-2.0)
    points = pose_vertices(head.landmarks(head.mean[None]), own.rotation[None], own.translation[None])
    detected = Camera.portrait(256, 256).project(points)[0, :, :2]
    still = surface.project(smooth_image(256), own, detected)
    alone = surface.project(smooth_image(256), own, None)
    torch.testing.assert_close(still.color, alone.color, atol=1e-3, rtol=0)
    shift = torch.tensor([4.0, 2.0])
    ramp = torch.arange(256.0).expand(256, 256)
    image = torch.stack([ramp, ramp.T, 0 * ramp])
    read = [surface.project(image, own, one).color for one in (detected, detected + shift)]
    moved = (read[1] - read[0])[:, :2]
    cheeks = (surface.rest_positions[:, 2] > 0.7) & (surface.texels.part == 0)
    assert float((moved[cheeks] - shift).norm(dim=1).median()) < 0.5
    neck = surface.rest_positions[:, 1] < surface.rest_positions[:, 1].min() + 0.2
    assert float(moved[neck].abs().max()) < 0.2


def test_segments_are_read_where_colours_are(tiny: MorphableModel, surface: Surface) -> None:
    own = neutral(yaw=15.0)
    photo = smooth_image(SIZE, 4)
    small = torch.nn.functional.adaptive_avg_pool2d(smooth_image(SIZE, 4, channels=5), SIZE // 4)
    lifted = surface.project(photo, own, None, segments=small)
    large = torch.nn.functional.interpolate(small[None, :3], (SIZE, SIZE), mode="bilinear")[0]
    as_colour = surface.project(large, own, None)
    assert lifted.segments is not None
    assert lifted.segments.shape == (len(lifted.color), 5)
    inside = lifted.confidence > 0.5
    torch.testing.assert_close(lifted.segments[inside, :3], as_colour.color[inside], atol=0.02, rtol=0)
    assert surface.project(photo, own, None).segments is None


def test_volume_moves_where_colours_are_read_and_relief_only_turns_normals(
    tiny: MorphableModel, surface: Surface
) -> None:
    photo, own = smooth_image(SIZE, 5), neutral()
    outwards = torch.zeros(3, 16, 16)
    outwards[0] = 20.0
    plain, relief, volume = (
        surface.project(photo, own, None, *maps) for maps in ((None, None), (outwards, None), (None, outwards))
    )
    seen = plain.confidence > 0.5
    torch.testing.assert_close(relief.color[seen], plain.color[seen])
    assert float((volume.color - plain.color)[seen].abs().mean()) > 0.01
    aside = replace(own, translation=own.translation + torch.tensor([0.2, 0.0, 0.0]))
    moved = surface.project(photo, aside, None)
    both = seen & (volume.confidence > 0.5) & (moved.confidence > 0.5)
    torch.testing.assert_close(volume.color[both], moved.color[both], atol=0.03, rtol=0)


def test_the_silhouette_is_that_of_the_render(tiny: MorphableModel, surface: Surface) -> None:
    own = neutral(yaw=25.0)
    white = photograph(tiny, own, torch.ones(3, ATLAS, ATLAS), 2 * ambient_light(), SIZE)
    covered = surface.silhouette(own, SIZE)
    assert covered.shape == (SIZE, SIZE)
    background = (white - white[:, :1, :1]).abs().amax(dim=0) < 1e-3
    assert float((background == (covered > 0)).float().mean()) < 0.01
    assert 0.05 < float(covered.mean()) < 0.9
