"""The whole way from a photo to a diffuse map, on rendered heads whose albedo is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.displacement import displace
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.face_model.pose import pose_vertices
from stylefaceuv.lifting.atlas_view import AtlasViewer
from stylefaceuv.lifting.delighting import luminance
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.photo import LiftedFace, Photo
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.cast_light import under_cast_light
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.rendering.lighting import ambient_light, directional_light
from stylefaceuv.rendering.renderer import Renderer
from stylefaceuv.types import PART_NAMES, FaceCoefficients
from tests.lifting.lifted_scene import ATLAS, HAIR, PHOTO, SKIN, SMALL, Scene
from tests.lifting.scenes import mirrored, neutral, photograph, smooth_image


def own_pose(yaw: float = 10.0) -> FaceCoefficients:
    return replace(neutral(yaw=yaw), translation=torch.tensor([0.0, -0.12, -1.9]))


def unevenness(colors: torch.Tensor, albedo: torch.Tensor) -> float:
    """Spread of what is left of the light, whatever its gain."""
    ratio = (luminance(colors) / luminance(albedo)).log()
    return float((ratio - ratio.median()).abs().mean())


@pytest.fixture(scope="module")
def lit(scene: Scene) -> tuple[torch.Tensor, Photo, LiftedFace]:
    albedo = scene.albedo(1)
    photo = scene.photo(albedo, light_preset("studio"), own_pose())
    return albedo, photo, scene.lifter(photo)


def test_a_known_albedo_comes_back_without_its_light(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    albedo, photo, lifted = lit
    raw = scene.lifter.surface.project(photo.image, photo.coefficients, None)
    seen = raw.confidence[scene.face] > 0.9
    assert float(seen.float().mean()) > 0.5
    as_photographed = srgb_to_linear(raw.color[scene.face])[seen]
    before = unevenness(as_photographed, scene.at(albedo)[seen])
    after = unevenness(scene.at(lifted.diffuse)[seen], scene.at(albedo)[seen])
    assert after < 0.5 * before
    assert after < 0.06
    ratio = (scene.at(lifted.diffuse)[seen] / scene.at(albedo)[seen]).median(dim=0).values
    assert float(ratio.max() / ratio.min()) < 1.15, "no colour cast"


def test_freckles_are_kept(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    albedo, _, lifted = lit

    def detail(image: torch.Tensor) -> torch.Tensor:
        fine = image.mean(dim=0, keepdim=True)[None]
        smooth = functional.avg_pool2d(fine, 9, stride=1, padding=4)
        return scene.lifter.texels.gather((fine - smooth)[0])[scene.face & sure, 0]

    sure = scene.lifter.texels.gather(lifted.confidence[None])[:, 0] > 0.9
    both = torch.stack([detail(albedo), detail(lifted.diffuse)])
    assert float(torch.corrcoef(both)[0, 1]) > 0.7


def test_the_map_is_complete_and_says_what_it_saw(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    _, _, lifted = lit
    assert lifted.diffuse.shape == (3, ATLAS, ATLAS)
    assert bool(torch.isfinite(lifted.diffuse).all())
    assert 0 <= float(lifted.diffuse.min()) <= float(lifted.diffuse.max()) <= 1
    rest, texels = scene.lifter.surface.rest_positions, scene.lifter.texels
    confidence = texels.gather(lifted.confidence[None])[:, 0]
    back = (texels.part == 0) & (rest[:, 2] < -0.4)
    assert float(confidence[back].max()) == 0
    assert float(confidence[scene.face].median()) > 0.8
    skin = texels.gather(lifted.diffuse)[texels.part == 0]
    assert float(skin.mean(dim=1).min()) > 0.2, "no black"
    tone, own = texels.gather(lifted.diffuse)[back].median(0).values, texels.gather(lifted.diffuse)[scene.face]
    torch.testing.assert_close(tone, own.median(dim=0).values, atol=0.08, rtol=0)


def test_the_light_that_is_told_makes_the_photo_again(
    scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]
) -> None:
    _, photo, lifted = lit
    again = photograph(scene.head, photo.coefficients, lifted.diffuse, lifted.lighting, PHOTO)
    raw, new = (scene.lifter.surface.project(one, photo.coefficients, None) for one in (photo.image, again))
    seen = scene.face & (raw.confidence > 0.95)
    assert float((raw.color - new.color)[seen].abs().mean()) < 0.03


def test_the_cast_light_that_is_told_brings_a_shadow_back(scene: Scene) -> None:
    """A shadow over one cheek is no albedo and in no harmonic; with it the photo is made again."""
    albedo, own = scene.albedo(1), own_pose(0.0)
    column = torch.arange(ATLAS, dtype=torch.float32) / ATLAS
    shadow = (1 - 0.4 * torch.exp(-(((column - 0.42) / 0.05) ** 2))).expand(3, ATLAS, ATLAS)
    photo = scene.photo(linear_to_srgb(srgb_to_linear(albedo) * shadow), light_preset("studio"), own)
    lifted = scene.lifter(photo)
    assert lifted.cast_light.shape == (3, 128, 128)
    assert 0 < float(lifted.cast_light.min()) < 0.95

    def miss(share: float) -> float:
        linear = under_cast_light(srgb_to_linear(lifted.diffuse)[None], lifted.cast_light[None], share)[0]
        again = photograph(scene.head, own, linear_to_srgb(linear.clamp(0, 1)), lifted.lighting, PHOTO)
        raw, new = (scene.lifter.surface.project(one, own, None) for one in (photo.image, again))
        return float((raw.color - new.color)[scene.face & (raw.confidence > 0.95)].abs().mean())

    assert miss(1) < 0.6 * miss(0)


def test_far_from_what_is_seen_little_light_is_cast(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    back = scene.lifter.surface.rest_positions[:, 2] < -0.6
    large = functional.interpolate(lit[2].cast_light[None], (ATLAS, ATLAS), mode="nearest")[0]
    torch.testing.assert_close(
        scene.lifter.texels.gather(large)[back], torch.ones(int(back.sum()), 3), atol=0.06, rtol=0
    )


def wrinkles() -> torch.Tensor:
    """(3, R, R) millimetres: folds across the face, at the front of the atlas."""
    rows = torch.arange(ATLAS, dtype=torch.float32)
    fold = 0.8 * torch.sin(rows * (2 * torch.pi / 24))[:, None].expand(ATLAS, ATLAS)
    return torch.stack([torch.zeros(ATLAS, ATLAS), torch.zeros(ATLAS, ATLAS), fold])


def photograph_of_wrinkles(scene: Scene, albedo: torch.Tensor, own: FaceCoefficients) -> torch.Tensor:
    """(3, PHOTO, PHOTO): the head with that relief, under light from above."""
    head, topology, renderer = scene.head, scene.head.topology(1), Renderer(supersample=2)
    vertices = head.refine(head(own.identity[None], own.expression[None]), 1)
    normals = renderer.vertex_normals(vertices, topology)
    moved = displace(vertices, normals, normals, wrinkles()[None], topology)
    world = pose_vertices(moved, own.rotation[None], own.translation[None])
    light = directional_light((0.2, 1.0, 0.7)) + 0.3 * ambient_light()
    output = renderer.render(world, topology, srgb_to_linear(albedo)[None], light[None], Camera.portrait(PHOTO, PHOTO))
    return linear_to_srgb((output.color + (1 - output.alpha) * 0.2).clamp(0, 1))[0]


def test_shading_of_wrinkles_is_no_colour(scene: Scene) -> None:
    albedo, own = scene.albedo(1), own_pose(0.0)
    photo = Photo(photograph_of_wrinkles(scene, albedo, own), own)
    knowing = replace(photo, displacement=wrinkles())
    blind, told = (unevenness(scene.at(scene.lifter(each).diffuse), scene.at(albedo)) for each in (photo, knowing))
    assert told < 0.8 * blind


def test_no_displacement_is_a_flat_map(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    _, photo, lifted = lit
    flat = scene.lifter(replace(photo, displacement=torch.zeros(3, 32, 32)))
    torch.testing.assert_close(flat.diffuse, lifted.diffuse, atol=2e-3, rtol=0)
    torch.testing.assert_close(flat.lighting, lifted.lighting, atol=2e-3, rtol=0)


def test_a_side_light_leaves_no_dark_side(scene: Scene) -> None:
    albedo = scene.albedo(1)
    light = 0.6 * ambient_light() + 0.5 * directional_light((0.8, 0.2, 0.6))
    photo = scene.photo(albedo, light, own_pose(0.0))
    raw = scene.lifter.surface.project(photo.image, photo.coefficients, None)
    lifted, x = scene.at(scene.lifter(photo).diffuse), scene.lifter.surface.rest_positions[scene.face, 0]

    def sides(colors: torch.Tensor) -> float:
        return float((luminance(colors[x > 0.15]).median() / luminance(colors[x < -0.15]).median()).log().abs())

    assert sides(srgb_to_linear(raw.color[scene.face])) > 0.25
    assert sides(lifted) < 0.3 * sides(srgb_to_linear(raw.color[scene.face]))


def test_dark_skin_stays_dark_and_light_skin_light(scene: Scene) -> None:
    medians = []
    for skin in (SKIN, (0.36, 0.25, 0.20)):
        albedo = scene.albedo(2, skin)
        lifted = scene.lifter(scene.photo(albedo, light_preset("studio"), own_pose()))
        medians.append(
            (float(luminance(scene.at(lifted.diffuse)).median()), float(luminance(scene.at(albedo)).median()))
        )
    (light, true_light), (dark, true_dark) = medians
    assert dark / light == pytest.approx(true_dark / true_light, rel=0.2)


def test_a_turned_face_takes_its_hidden_side_from_the_seen_one(scene: Scene) -> None:
    albedo = scene.albedo(3)
    photo = scene.photo(albedo, ambient_light(), own_pose(40.0))
    lifted = scene.lifter(photo)
    confidence = scene.lifter.texels.gather(lifted.confidence[None])[:, 0]
    x = scene.lifter.surface.rest_positions[:, 0]
    hidden = scene.face & (confidence == 0) & (x > 0)
    assert int(hidden.sum()) > 300
    assert int((scene.face & (confidence == 0) & (x < -0.2)).sum()) < int(hidden.sum()) / 4
    values, wanted = (scene.lifter.texels.gather(one)[hidden] for one in (lifted.diffuse, albedo))
    assert float((values - wanted).abs().mean()) < 0.06


def test_hair_over_the_face_is_no_skin(scene: Scene) -> None:
    albedo = scene.albedo(4)
    rest, texels = scene.lifter.surface.rest_positions, scene.lifter.texels
    strand = (texels.part == 0) & (rest[:, 0] > 0.25) & (rest[:, 0] < 0.45) & (rest[:, 2] > 0.3)
    colors = texels.gather(albedo).clone()
    colors[strand] = torch.tensor(HAIR)
    lifted = scene.lifter(scene.photo(texels.scatter(colors), light_preset("studio"), own_pose(0.0)))
    covered = scene.face & strand
    assert float(texels.gather(lifted.confidence[None])[covered].mean()) < 0.05
    found, wanted = texels.gather(lifted.diffuse)[covered], texels.gather(albedo)[covered]
    assert float((found - wanted).abs().mean()) < 0.1
    assert float((wanted - torch.tensor(HAIR)).abs().mean()) > 0.4


def test_the_mirrored_photo_gives_about_the_mirrored_map(scene: Scene) -> None:
    own, photo = own_pose(18.0), smooth_image(PHOTO, 4, cells=6) * 0.15 + 0.5
    first = scene.lifter(Photo(photo, own)).diffuse
    second = scene.lifter(Photo(photo.flip(-1), mirrored(scene.head, own))).diffuse
    skin = scene.lifter.skin_chart[0, 0] > 0
    difference = (first - second.flip(-1)).abs()[:, skin]
    assert float(difference.mean()) < 0.02
    assert float(difference.mean()) < 0.5 * float((first - second).abs()[:, skin].mean())


def test_a_second_view_shows_what_the_first_hides(scene: Scene) -> None:
    albedo = scene.albedo(5)
    texels, rest = scene.lifter.texels, scene.lifter.surface.rest_positions
    mole = scene.face & (rest[:, 0] > 0.5) & (rest[:, 1] < 0)
    colors = texels.gather(albedo).clone()
    colors[mole] *= 0.93
    albedo = texels.scatter(colors)
    own, other = (scene.photo(albedo, ambient_light(), own_pose(yaw)) for yaw in (35.0, -35.0))
    alone, both = scene.lifter(own), scene.lifter(own, other)
    confidence = [texels.gather(one.confidence[None])[mole].mean() for one in (alone, both)]
    assert float(confidence[1]) > float(confidence[0]) + 0.2


def test_a_painted_map_decides_the_tone_and_the_light_takes_up_the_rest(scene: Scene) -> None:
    photo = scene.photo(scene.albedo(6), ambient_light(), own_pose(0.0))
    plain = scene.lifter(photo)
    tint = torch.tensor([0.8, 1.0, 1.1])
    goal = scene.at(plain.diffuse).median(dim=0).values * tint
    flat = linear_to_srgb(goal).reshape(3, 1, 1).expand(3, 2 * SMALL, 2 * SMALL)
    painted = scene.lifter(photo, painted=flat)
    torch.testing.assert_close(scene.at(painted.diffuse).median(dim=0).values, goal, atol=0.02, rtol=0)
    torch.testing.assert_close((plain.lighting / painted.lighting)[0], tint, atol=0.05, rtol=0)
    back = (scene.lifter.texels.part == 0) & (scene.lifter.surface.rest_positions[:, 2] < -0.4)
    behind = srgb_to_linear(scene.lifter.texels.gather(painted.diffuse)[back]).median(dim=0).values
    torch.testing.assert_close(behind, goal, atol=0.02, rtol=0)


def test_a_painted_map_of_the_photos_own_tone_leaves_what_was_seen(scene: Scene) -> None:
    photo = scene.photo(scene.albedo(6), ambient_light(), own_pose(0.0))
    plain = scene.lifter(photo)
    same = scene.lifter(photo, painted=functional.adaptive_avg_pool2d(plain.diffuse[None], SMALL)[0])
    front = [scene.at(one.diffuse) for one in (plain, same)]
    assert float((front[0] - front[1]).abs().median()) < 0.02


def test_a_photo_of_nothing_gives_a_plain_head(scene: Scene) -> None:
    far = replace(own_pose(), translation=torch.tensor([30.0, 0.0, -2.0]))
    lifted = scene.lifter(Photo(smooth_image(PHOTO), far))
    assert bool(torch.isfinite(lifted.diffuse).all())
    assert float(lifted.confidence.max()) == 0
    torch.testing.assert_close(
        scene.lifter.texels.gather(lifted.diffuse)[scene.face].median(dim=0).values,
        torch.tensor(SKIN),
        atol=0.05,
        rtol=0,
    )


def test_atlas_and_photo_of_the_wrong_size_are_refused(scene: Scene) -> None:
    with pytest.raises(InvalidArgumentError, match="resolution"):
        Lifter(scene.head, scene.lifter.albedo_model, SMALL + 1)
    with pytest.raises(InvalidArgumentError, match="image"):
        scene.lifter(Photo(torch.zeros(1, 3, 64, 64), own_pose()))


def test_atlas_views_are_what_lifting_sees(head: MorphableModel, scene: Scene) -> None:
    first, second = own_pose(25.0), own_pose(-10.0)
    names = ("identity", "expression", "rotation", "lighting", "translation")
    batch = FaceCoefficients(*(torch.stack([getattr(first, name), getattr(second, name)]) for name in names))
    view = AtlasViewer(head, ATLAS)(batch)
    assert view.grid.shape == (2, ATLAS, ATLAS, 2)
    image = smooth_image(512, 7)
    for row, own in enumerate((first, second)):
        lifted = scene.lifter.surface.project(image, own, None)
        texels = scene.lifter.texels
        read = functional.grid_sample(image[None], view.grid[row : row + 1], align_corners=False)[0]
        seen = lifted.confidence > 0.5
        torch.testing.assert_close(texels.gather(read)[seen], lifted.color[seen], atol=1e-4, rtol=0)
        torch.testing.assert_close(texels.gather(view.visibility[row])[:, 0], lifted.confidence, atol=1e-5, rtol=0)
    outside = scene.lifter.covered[0, 0] == 0
    assert (view.grid[0, outside] == 2).all()


def test_the_matte_map_holds_mouth_and_eyes_and_marks_the_forehead_alone(scene: Scene) -> None:
    support, forehead = scene.lifter.matte_map()[0]
    part, rest = scene.lifter.texels.part, scene.lifter.surface.rest_positions

    def on(mask: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        large = functional.interpolate(mask[None, None], (ATLAS, ATLAS), mode="nearest")[0]
        return scene.lifter.texels.gather(large)[rows, 0]

    for name in ("eye_left", "teeth_upper", "mouth"):
        assert float(on(support, part == PART_NAMES.index(name)).min()) == 1, name
    skin = part == PART_NAMES.index("skin")
    assert float(on(forehead, skin & (rest[:, 1] < 0)).max()) == 0
    assert float(on(forehead, skin & (rest[:, 1] > 0.8)).mean()) > 0.9


def test_both_heads_of_one_photo_are_those_of_two_calls(
    scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]
) -> None:
    _, photo, lifted = lit
    bare, haired = scene.lifter.both(photo)
    assert torch.equal(bare.diffuse, lifted.diffuse)
    assert torch.equal(haired.diffuse, scene.lifter(photo, keep_hair=True).diffuse)


def segments_of(rows: slice, columns: slice, kind: str) -> torch.Tensor:
    """(S, 128, 128): face everywhere, but for one rectangle."""
    made = torch.zeros(len(SEGMENTS), 128, 128)
    made[SEGMENTS.index("face")] = 1
    made[:, rows, columns] = 0
    made[SEGMENTS.index(kind), rows, columns] = 1
    return made


def test_background_is_not_painted_on_skin(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    _, photo, lifted = lit
    where = scene.lifter.surface.view(photo.coefficients, 128).pixel
    middle = where[scene.face].median(dim=0).values.long()
    block = (slice(int(middle[1]), 128), slice(0, int(middle[0])))
    hidden = scene.lifter(replace(photo, segments=segments_of(*block, "background")))
    inside = scene.face & (where[:, 1] > middle[1] + 3) & (where[:, 0] < middle[0] - 3)
    outside = scene.face & (where[:, 1] < middle[1] - 8)
    confidence = scene.lifter.texels.gather(hidden.confidence[None])[:, 0]
    assert int(inside.sum()) > 50
    assert float(confidence[inside].max()) < 0.05
    before = scene.lifter.texels.gather(lifted.confidence[None])[:, 0]
    torch.testing.assert_close(confidence[outside], before[outside], atol=0.05, rtol=0)
    assert float(hidden.diffuse.min()) >= 0


def test_all_face_changes_nothing(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    _, photo, lifted = lit
    same = scene.lifter(replace(photo, segments=segments_of(slice(0, 0), slice(0, 0), "hair")))
    torch.testing.assert_close(same.diffuse, lifted.diffuse)


def test_rims_of_glasses_are_taken_off(scene: Scene, lit: tuple[torch.Tensor, Photo, LiftedFace]) -> None:
    _, photo, lifted = lit
    view, rest = scene.lifter.surface.view(photo.coefficients, 128), scene.lifter.surface.rest_positions
    points = scene.head.landmarks(scene.head.mean[None])[0]
    bridge, under = (int(view.pixel[(rest - points[row]).norm(dim=1).argmin(), 1]) for row in (168, 119))
    middle, column = (bridge + under) // 2, int(view.pixel[scene.face, 0].median())
    painted = photo.image.clone()
    painted[:, 4 * middle : 4 * middle + 8, 4 * column - 60 : 4 * column + 60] *= 0.75  # metal
    frame = (slice(bridge - 1, under + 3), slice(column - 24, column + 24))
    knowing = scene.lifter(replace(photo, image=painted, segments=segments_of(*frame, "glasses")))
    blind = scene.lifter(replace(photo, image=painted))
    inside = scene.face & (view.confidence > 0.9)
    inside &= (view.pixel[:, 1] - middle - 1).abs() < 0.8
    inside &= (view.pixel[:, 0] - column).abs() < 14
    assert int(inside.sum()) > 20

    def error(face: LiftedFace) -> float:
        under = scene.lifter.texels.scatter(inside.float()[:, None])[0] > 0
        return float((face.diffuse - lifted.diffuse)[:, under].abs().mean())

    assert error(knowing) < 0.4 * error(blind)
    away = scene.face & (view.pixel[:, 1] > under + 10)
    where = scene.lifter.texels.scatter(away.float()[:, None])[0] > 0
    torch.testing.assert_close(knowing.diffuse[:, where], lifted.diffuse[:, where], atol=0.03, rtol=0)
