"""Hair that is kept: on a head of known layout, with hair, background and glasses of known colours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.hair_places import (
    HairPlaces,
    before_face,
    beside_face,
    ear_weights,
    hung,
    scalp_weights,
    short_hair_volume,
    strand_edge,
)
from stylefaceuv.lifting.hair_texture import KeptHair, _filled, keep_hair_of
from tests.lifting.lifted_scene import Scene
from tests.reference.naive_hair import painted

SIZE = 256
SKIN, HAIR, BACKDROP = (0.8, 0.6, 0.5), (0.2, 0.12, 0.08), (0.1, 0.5, 0.9)
FOREHEAD, CROWN, FACE = slice(0, 80), slice(0, 40), slice(64, 192)
"""Rows above the brows, rows of the crown, columns of the face."""


def color(values: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(values).reshape(3, 1, 1)


@pytest.fixture
def places() -> HairPlaces:
    masks = [torch.zeros(1, 1, SIZE, SIZE) for _ in range(5)]
    forehead, crown, beside, scalp, front = masks
    forehead[..., FOREHEAD, :] = 1
    crown[..., CROWN, :] = 1
    beside[..., 80:160, :] = 1
    beside[..., FACE] = 0
    scalp[..., :60, :] = 1
    front[..., 80:200, FACE] = 1
    streaks = torch.randn(1, 1, 1, SIZE, generator=torch.Generator().manual_seed(0)).expand(1, 1, SIZE, SIZE)
    return HairPlaces(forehead, crown, scalp, beside, beside, streaks, streaks, torch.zeros_like(scalp), front)


@pytest.fixture
def photo() -> torch.Tensor:
    """Skin, hair on the crown and down both sides to row 120, background beside the rest of the face."""
    image = color(SKIN).expand(3, SIZE, SIZE).clone()
    image[:, CROWN] = color(HAIR)
    for side in (slice(0, 64), slice(192, SIZE)):
        image[:, 40:120, side] = color(HAIR)
        image[:, 120:, side] = color(BACKDROP)
    return image[None]


def keep(photo: torch.Tensor, places: HairPlaces, seen: torch.Tensor | None = None) -> KeptHair:
    ones = torch.ones(1, 1, SIZE, SIZE)
    explained = torch.zeros_like(ones)
    explained[..., 80:160, FACE] = 1
    return keep_hair_of(photo, ones if seen is None else seen, explained, color(SKIN)[None] * ones, places)


def test_hair_beside_the_face_stays_and_background_does_not(photo: torch.Tensor, places: HairPlaces) -> None:
    kept = keep(photo, places).kept[0, 0]
    assert float(kept[FOREHEAD].min()) == 1
    assert float(kept[84:112, :58].min()) == 1
    assert float(kept[130:, :].max()) == 0
    assert float(kept[84:, FACE].max()) == 0, "the face itself is not beside it"


def test_what_hangs_below_bare_skin_is_no_hair(photo: torch.Tensor, places: HairPlaces) -> None:
    photo[:, :, 56:96, 192:] = color(SKIN)  # the temple is bare, and below it the arm of a pair of glasses
    kept = keep(photo, places).kept[0, 0]
    assert float(kept[100:116, 200:].max()) == 0
    assert float(kept[84:112, :58].min()) == 1


def test_the_unseen_scalp_has_hair_of_that_colour(photo: torch.Tensor, places: HairPlaces) -> None:
    seen = torch.ones(1, 1, SIZE, SIZE)
    seen[..., :, 200:] = 0
    photo[..., :, 200:] = 0.5  # arbitrary where nothing is seen
    texture = keep(photo, places, seen).texture[0]
    unseen = texture[:, :40, 210:]
    torch.testing.assert_close(unseen.mean((1, 2)), torch.tensor(HAIR), atol=0.02, rtol=0)
    torch.testing.assert_close(texture[:, 200, 100], torch.tensor(SKIN))


def test_an_unseen_hairline_is_that_of_the_other_side(photo: torch.Tensor, places: HairPlaces) -> None:
    """The seen half has hair down to row 40, then a bare forehead; where hair grows on every head ends at row 60."""
    seen = torch.ones(1, 1, SIZE, SIZE)
    seen[..., 128:] = 0
    known = torch.zeros_like(seen)
    known[..., CROWN, :] = 1
    skin = color(SKIN)[None] * torch.ones_like(seen)
    texture = keep_hair_of(photo, seen, 1 - known, skin, places, known).texture[0]
    unseen = slice(150, 185)
    torch.testing.assert_close(texture[:, :34, unseen].mean((1, 2)), torch.tensor(HAIR), atol=0.03, rtol=0)
    torch.testing.assert_close(texture[:, 47:80, unseen].mean((1, 2)), torch.tensor(SKIN), atol=0.03, rtol=0)


def test_background_along_the_head_s_edge_is_no_bald_patch(photo: torch.Tensor, places: HairPlaces) -> None:
    """The outermost columns of the seen half show a wall: neither hair nor skin."""
    seen, known, explained = (torch.zeros(1, 1, SIZE, SIZE) for _ in range(3))
    seen[..., :128] = 1
    known[..., CROWN, 40:128] = 1
    explained[..., 40:160, 40:128] = 1
    skin = color(SKIN)[None] * torch.ones_like(seen)
    texture = keep_hair_of(photo, seen, explained, skin, places, known).texture[0]
    beyond = slice(SIZE - 30, SIZE)
    torch.testing.assert_close(texture[:, :34, beyond].mean((1, 2)), torch.tensor(HAIR), atol=0.03, rtol=0)
    bare = texture[:, 46:56, 150:200].mean((1, 2))
    torch.testing.assert_close(bare, torch.tensor(SKIN), atol=0.03, rtol=0, msg="the forehead seen on the other side")


def test_what_completes_hair_has_its_line(photo: torch.Tensor, places: HairPlaces) -> None:
    """Hair lower than on every head is no hole in the texture, or what is filled in beside it gets black."""
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., :100, :] = 1
    ones, skin = torch.ones_like(known), color(SKIN)[None] * torch.ones_like(known)
    low = keep_hair_of(photo, ones, 1 - known, skin, places, known).texture[0]
    torch.testing.assert_close(low[:, 60:66].mean((1, 2)), torch.tensor(HAIR), atol=0.05, rtol=0)


def test_bare_temples_stay_bare_where_hair_usually_grows(photo: torch.Tensor, places: HairPlaces) -> None:
    """A shaved temple that a photo surely shows: no hair, and skin to the albedo model. Without the albedo model's word
    it may be anything."""
    ones = torch.ones(1, 1, SIZE, SIZE)
    known, scalp, beside = torch.zeros_like(ones), places.scalp.clone(), places.beside.clone()
    known[..., CROWN, :] = 1
    scalp[..., :140, :60] = 1
    beside[..., :160, :60] = 1
    wide = replace(places, scalp=scalp, beside=beside, temples=beside)
    temple = (slice(90, 130), slice(10, 50))
    skin = color(SKIN)[None] * ones
    sure = keep_hair_of(photo, ones, 1 - known, skin, wide, known).filled[0, 0][temple]
    unsure = keep_hair_of(photo, ones, torch.zeros_like(ones), skin, wide, known).filled[0, 0][temple]
    told = keep_hair_of(photo, ones, torch.zeros_like(ones), skin, wide, known, known_skin=1 - known).filled[0, 0]
    assert float(sure.max()) == 0
    assert float(unsure.min()) > 0.9
    assert float(told[temple].max()) == 0, "whatever that model thinks, a segmenter sees a face"


def test_a_fringe_falls_over_the_brows_and_brows_are_no_hair(photo: torch.Tensor, places: HairPlaces) -> None:
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., CROWN, :] = 1
    known[..., :110, 80:120] = 1  # the fringe
    known[..., 86:92, 140:180] = 1  # a brow that the segmenter takes for hair, below a bare forehead
    photo[:, :, 40:110, 80:120] = color(HAIR)
    ones, skin = torch.ones_like(known), color(SKIN)[None] * torch.ones_like(known)
    explained = 1 - known
    result = keep_hair_of(photo, ones, explained, skin, places, known, known_skin=1 - known)
    told, other_brow = result.kept[0, 0], result.texture[0, :, 84:104, 140:172]
    assert float(told[84:104, 84:116].min()) > 0.99
    assert float(told[84:, 130:190].max()) == 0
    torch.testing.assert_close(other_brow, skin[0, :, 84:104, 140:172], msg="over one brow, not over both")
    untold = keep_hair_of(photo, ones, explained, skin, places).kept[0, 0]
    assert float(untold[84:, FACE].max()) == 0, "by its colour alone it might be a brow"


def test_pieces_that_hang_from_no_scalp_are_not_kept(photo: torch.Tensor, places: HairPlaces) -> None:
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., CROWN, :] = 1
    known[..., :120, :20] = 1  # a lock
    known[..., 90:120, 230:250] = 1  # and a dark piece below a little bare skin
    known[..., :86, 230:250] = 1
    ones, skin = torch.ones_like(known), color(SKIN)[None] * torch.ones_like(known)
    result = keep_hair_of(photo, ones, torch.zeros_like(known), skin, places, known)
    assert float(result.kept[0, 0, 92:115, 4:16].min()) > 0.9
    assert float(result.kept[0, 0, 92:125, 225:255].max()) == 0
    assert result.color is not None


@pytest.mark.parametrize("strand", [-9.0, -1.0, 0.0, 0.7, 9.0])
def test_each_strand_has_its_own_edge(strand: float) -> None:
    ramp = torch.linspace(1, 0, 41).view(1, 1, 41, 1).expand(1, 1, 41, 2)
    values = ramp[0, 0, :, 0].tolist()
    found = strand_edge(ramp, torch.full_like(ramp, strand))[0, 0, :, 0]
    expected = torch.tensor([painted(value, strand) for value in values])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert float(found[-1]) == 0, "never where no hair hangs"
    assert float(found[0]) == 1, "no gap where all of it does"
    plain = strand_edge(ramp, torch.zeros_like(ramp))[0, 0, :, 0]
    torch.testing.assert_close(plain, torch.tensor([painted(value, 0.0) for value in values]))


def test_an_edge_along_strands_is_smooth() -> None:
    ramp = torch.linspace(0, 1, 41).view(1, 1, 1, 41).expand(1, 1, 30, 41)
    strands = torch.randn(1, 1, 30, 41, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(strand_edge(ramp, strands), strand_edge(ramp, torch.zeros_like(ramp)))


@pytest.mark.parametrize(("gap", "filled"), [(6, True), (24, False)])
def test_slits_between_hair_are_filled(gap: int, filled: bool) -> None:
    """A lock hangs beside other hair; the photo shows skin between them for sure, and below."""
    shown = torch.zeros(1, 1, SIZE, SIZE)
    shown[..., :120, :20] = 1
    shown[..., :120, 20 + gap : 60] = 1
    nowhere = torch.zeros_like(shown)
    found = _filled(shown, nowhere, bare=1 - shown, sure_skin=nowhere)[0, 0]
    inside = found[10:110, 20 : 20 + gap]
    assert float(_filled(shown, nowhere, bare=1 - shown, sure_skin=1 - shown).max()) == 0, "skin that is known for it"
    assert float(inside.min() if filled else 1 - inside.max()) == 1
    assert float(found[130:].max()) == 0
    assert float(found[:, 70:].max()) == 0


def test_hair_over_ears_is_not_looked_for_in_the_photo(places: HairPlaces) -> None:
    ears = torch.zeros_like(places.scalp)
    ears[..., 100:140, :20] = 1
    everywhere, plain = torch.ones_like(ears), torch.zeros_like(ears)
    own = hung(replace(places, ears=ears), everywhere, plain, strand_edge(everywhere, plain))
    assert float((own.scalp - 1).abs().max()) == 0, "it grows there"
    for where in (own.beside, own.temples):
        assert float(where[..., 180:, :].min()) == 1
        assert torch.equal(where[ears > 0], places.beside[ears > 0])


def test_hair_that_stands_out_is_painted_however_little_of_it_is_seen(photo: torch.Tensor, places: HairPlaces) -> None:
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., :2, 100:130] = 1
    ones, skin = torch.ones_like(known), color(SKIN)[None] * torch.ones_like(known)
    flat, standing = (
        keep_hair_of(photo, ones, 1 - known, skin, places, known, standing=there) for there in (False, True)
    )
    assert torch.equal(flat.texture, skin)
    painted = standing.texture[0, :, 10:30].mean((1, 2))
    torch.testing.assert_close(painted, torch.tensor(HAIR), atol=0.05, rtol=0)
    none = keep_hair_of(photo, ones, ones, skin, places, torch.zeros_like(known), standing=True)
    assert torch.equal(none.texture, skin), "no hair, no colour"


def test_a_bald_head_gets_no_hair(photo: torch.Tensor, places: HairPlaces) -> None:
    bald = color(SKIN)[None].expand(1, 3, SIZE, SIZE).clone()
    result = keep(bald, places)
    assert torch.equal(result.texture, color(SKIN)[None] * torch.ones(1, 1, SIZE, SIZE))
    assert torch.equal(result.kept, places.forehead)
    few = replace(places, crown=torch.zeros_like(places.crown))
    assert torch.equal(keep(photo, few).kept, places.forehead)


def test_hair_of_the_skins_colour_is_hair_where_it_is_known_to_be(photo: torch.Tensor, places: HairPlaces) -> None:
    skin = color(SKIN).expand(1, 3, SIZE, SIZE)
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., CROWN, :] = 1
    blond, seen = 0.97 * skin, torch.ones_like(known)
    unsaid = keep_hair_of(blond, seen, 1 - known, skin, places)
    assert torch.equal(unsaid.texture, skin), "taken for a bald head"
    said = keep_hair_of(blond, seen, 1 - known, skin, places, known)
    assert float((said.texture - skin)[..., CROWN, :].std()) > 0.002, "combed"
    assert torch.equal(said.texture[..., 200:, 100:150], skin[..., 200:, 100:150])


def test_much_hair_around_a_crown_that_hardly_shows_is_no_bald_head(photo: torch.Tensor, places: HairPlaces) -> None:
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., CROWN, :] = 1
    corner = torch.zeros_like(places.crown)
    corner[..., :2, :2] = 1
    ones, skin = torch.ones_like(known), color(SKIN).expand(1, 3, SIZE, SIZE)
    hidden = replace(places, crown=corner, scalp=torch.maximum(places.scalp, known))
    assert keep_hair_of(photo, ones, 1 - known, skin, hidden, known).color is not None


def test_thin_hair_is_hair_too(photo: torch.Tensor, places: HairPlaces) -> None:
    known = torch.zeros(1, 1, SIZE, SIZE)
    known[..., CROWN, :] = 0.6  # nowhere more
    ones = torch.ones_like(known)
    kept = keep_hair_of(photo, ones, 1 - known, color(SKIN)[None] * ones, places, known)
    assert bool(torch.isfinite(kept.texture).all())
    crown = kept.texture[0, :, CROWN].mean(dim=(1, 2))
    torch.testing.assert_close(crown, torch.tensor(HAIR), atol=0.05, rtol=0)


def test_hair_grows_above_the_brows_and_hangs_beside_the_eyes() -> None:
    points = torch.zeros(478, 3)
    points[[33, 263]] = torch.tensor([[-0.45, 0.3, 0.8], [0.45, 0.3, 0.8]])
    points[[105, 334]] = torch.tensor([[-0.3, 0.55, 0.95], [0.3, 0.55, 0.95]])
    points[[234, 454]] = torch.tensor([[-0.7, 0.2, 0.0], [0.7, 0.2, 0.0]])
    points[0], points[10] = torch.tensor([0.0, -0.3, 1.0]), torch.tensor([0.0, 0.85, 1.0])
    crown, brow, lens, cheek, temple, nape, chin = torch.tensor(
        [
            [0.0, 1.6, 0.2],
            [0.2, 0.4, 0.9],
            [0.6, 0.3, 0.7],
            [0.72, 0.0, 0.4],
            [-0.6, 0.7, 0.5],
            [0.1, 0.0, -0.9],
            [0.0, -0.9, 0.8],
        ]
    )
    grown = scalp_weights(torch.stack([crown, brow, chin]), points)[:, 0]
    assert grown.tolist() == [1.0, pytest.approx(0, abs=0.2), 0.0]
    forehead, above, before_ear = torch.tensor([[0.1, 0.8, 0.98], [0.1, 1.3, 0.9], [0.6, 0.65, 0.3]])
    grown = scalp_weights(torch.stack([forehead, above, before_ear]), points)[:, 0]
    assert grown.tolist() == [0.0, 1.0, pytest.approx(0.7, abs=0.3)], "a hairline, and sideburns"
    beside = beside_face(torch.stack([lens, cheek, temple, nape, chin, brow]), points)[:, 0]
    assert beside.tolist() == [0, 1, 1, 1, 0, 0]
    neck, hairline = torch.tensor([[0.5, -0.25, -0.2], [0.5, 0.1, -0.2]])
    assert beside_face(torch.stack([neck, hairline]), points)[:, 0].tolist() == [0, 1], "a collar below the ear"


def test_locks_fall_beside_eyes_and_over_brows_not_over_noses(head: MorphableModel) -> None:
    points = head.landmarks(head.mean[None])[0]
    nose, mouth, ear = points[1], points[13], points[[234, 454]].mean(dim=0)
    lid, corner, cheek, chin = points[159], points[33], points[132], points[152]
    above_lid = lid + torch.tensor([0.0, 0.04, 0.0])
    forehead, nape = points[10], ear + torch.tensor([0.6, -0.3, -0.6])
    beside_eye = corner + torch.tensor([-0.06, -0.02, 0.0])
    found = before_face(torch.stack([nose, mouth, above_lid, beside_eye, cheek, chin, forehead, nape]), points)[:, 0]
    assert found.tolist() == [0, 0, 1, 1, 1, 0, 0, 0]


def test_short_hair_has_its_volume_above_its_line_and_over_the_forehead(head: MorphableModel) -> None:
    points = head.landmarks(head.mean[None])[0]
    ear, forehead = points[[234, 454]].mean(dim=0), points[10]
    above_ear, crown = ear + torch.tensor([0.7, 0.2, -0.2]), ear + torch.tensor([0.5, 1.2, -0.2])
    nape = ear + torch.tensor([0.2, -0.35, -0.9])
    fringe = forehead + torch.tensor([0.0, 0.2, 0.0])
    found = short_hair_volume(torch.stack([above_ear, nape, crown, fringe]), points)[:, 0]
    assert found[0] < 0.35
    assert found[1] < 0.6
    assert found[2:].tolist() == [1.0, 1.0]


def test_no_hair_grows_on_ears(head: MorphableModel, scene: Scene) -> None:
    surface, skin = scene.lifter.surface, scene.lifter.texels.part == 0
    rest, points = surface.rest_positions, head.landmarks(head.mean[None])[0]
    ears = ear_weights(rest, points)
    front = points[[234, 454]].mean(dim=0)
    # What stands out beyond the skull behind the landmark before the ear is the ear.
    skull = rest[skin & (rest[:, 1] > front[1] + 0.5), 0].abs().max()
    outer = skin & (rest[:, 0].abs() > skull) & (rest[:, 2] < front[2]) & ((rest[:, 1] - front[1]).abs() < 0.2)
    assert int(outer.sum()) > 50
    assert float((ears[outer] > 0.5).float().mean()) > 0.95
    level = (rest[:, 1] - front[1] - 0.1).abs() < 0.1
    behind = skin & level & (rest[:, 0].abs() > 0.5) & (rest[:, 2] < front[2] - 0.55)
    assert int(behind.sum()) > 50
    assert float(ears[behind].max()) == 0, "a centimetre behind the rim"
    assert float(scalp_weights(rest, points)[behind].mean()) > 0.8
    for hair in (scalp_weights(rest, points), beside_face(rest, points)):
        assert float(hair[outer].mean()) < 0.05
    middle = rest[:, 0].abs() < 0.4
    assert float(ears[middle].max()) == 0, "face, crown and nape"
    crown = skin & (rest[:, 1] > front[1] + 0.9)
    assert float(ears[crown].max()) == 0
