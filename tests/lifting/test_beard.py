"""Beards on a face of known layout: rough, dark hair on chin and upper lip, and what must not be taken for it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.beard import Beard, BeardPlaces, beard_over, beard_weights
from stylefaceuv.lifting.completion import solid_mask
from tests.lifting.lifted_scene import Scene

SIZE = 256
SKIN, HAIR = 0.75, 0.3
ZONE, CORE = (slice(120, 240), slice(40, 216)), (slice(150, 220), slice(100, 156))
"""Lower face, and chin with the upper lip in it."""
CHEEKS = (slice(80, 110), slice(60, 196))
HIGHER, HIGHEST = (slice(110, 240), slice(40, 216)), (slice(90, 240), slice(40, 216))
"""Where full beards grow, and those that meet the head's hair; its cheeks lie between the sideburns."""
ONE = torch.ones(1, 1, SIZE, SIZE)


@pytest.fixture
def places() -> BeardPlaces:
    masks = [torch.zeros(1, 1, SIZE, SIZE) for _ in range(5)]
    for mask, where in zip(masks, (ZONE, CORE, CHEEKS, HIGHER, HIGHEST), strict=True):
        mask[0, 0][where] = 1
    return BeardPlaces(*masks)


@pytest.fixture
def shaved() -> torch.Tensor:
    return torch.full((1, 3, SIZE, SIZE), SKIN)


def rough(strength: float = 0.06) -> torch.Tensor:
    return strength * torch.randn(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(3))


def bearded(shaved: torch.Tensor, where: tuple[slice, slice], pores: float = 0.06) -> torch.Tensor:
    image = shaved.clone()
    image[0][:, where[0], where[1]] = (HAIR + rough(pores))[0][:, where[0], where[1]]
    return image


def test_a_shaved_face_has_none(shaved: torch.Tensor, places: BeardPlaces) -> None:
    assert not bool(beard_over(shaved, ONE, ONE, places).shown.any())
    assert not bool(beard_over(shaved + rough(), ONE, ONE, places).shown.any()), "rough skin that is not dark"


def test_a_smooth_shadow_is_none(shaved: torch.Tensor, places: BeardPlaces) -> None:
    assert not bool(beard_over(bearded(shaved, ZONE, 0.0), ONE, ONE, places).shown.any())


def test_a_beard_is_found_up_to_its_edge(shaved: torch.Tensor, places: BeardPlaces) -> None:
    upper = (slice(130, 240), slice(50, 206))
    beard = beard_over(bearded(shaved, upper), ONE, ONE, places).shown
    assert float(beard[0, 0][136:234, 56:200].min()) > 0.9
    assert float(beard[0, 0][:108].max()) == 0, "never outside the zone"
    rows = torch.arange(SIZE)[:, None].expand(SIZE, SIZE)
    far = (places.full[0, 0] > 0) & (rows < 124)
    assert float(beard[0, 0][far].max()) == 0, "bare skin above the beard"


def test_hair_that_hangs_beside_a_bare_chin_is_none(shaved: torch.Tensor, places: BeardPlaces) -> None:
    side = (slice(120, 240), slice(40, 80))
    assert not bool(beard_over(bearded(shaved, side), ONE, ONE, places).shown.any())
    both = bearded(bearded(shaved, side), (slice(150, 220), slice(92, 160)))
    beard = beard_over(both, ONE, ONE, places).shown[0, 0]
    assert float(beard[156:214, 100:152].min()) > 0.9
    assert float(beard[130:230, 44:76].max()) == 0, "skin lies between it and the beard"


def test_what_is_not_seen_has_none(shaved: torch.Tensor, places: BeardPlaces) -> None:
    image = bearded(shaved, ZONE)
    assert not bool(beard_over(image, torch.zeros_like(ONE), ONE, places).shown.any())
    half = ONE.clone()
    half[..., 128:] = 0
    beard = beard_over(image, half, ONE, places).shown
    assert float(beard[..., 128:].max()) == 0
    assert float(beard[0, 0][160:210, 104:120].min()) > 0.9
    no_cheeks = torch.zeros_like(ONE)
    assert not bool(beard_over(image, ONE, no_cheeks, places).shown.any()), "nothing tells the tone"


def test_brightness_of_the_skin_does_not_matter(shaved: torch.Tensor, places: BeardPlaces) -> None:
    dark = shaved - 0.3
    assert not bool(beard_over(dark, ONE, ONE, places).shown.any())
    image = dark.clone()
    image[0][:, ZONE[0], ZONE[1]] = (0.2 + rough())[0][:, ZONE[0], ZONE[1]]
    assert float(beard_over(image, ONE, ONE, places).shown[0, 0][160:210, 104:150].min()) > 0.9


def test_beards_grow_on_the_lower_face(head: MorphableModel, scene: Scene) -> None:
    surface, texels = scene.lifter.surface, scene.lifter.texels
    points = head.landmarks(head.mean[None])[0]
    weights = beard_weights(surface.rest_positions, texels.part == 0, points)
    assert weights.shape == (len(surface.rest_positions), 5)

    def at(landmark: int) -> list[float]:
        on_skin = torch.where(texels.part == 0, 0.0, 9.0)
        nearest = (surface.rest_positions - points[landmark]).norm(dim=1).add(on_skin).argmin()
        return weights[nearest].tolist()

    assert at(152)[:2] == [1, 1], "chin"
    assert at(164)[0] > 0.5
    assert at(164)[1] == 1, "upper lip"
    assert at(172)[0] > 0.9, "jaw"
    assert at(172)[1] == 0
    for bare in (1, 10, 159, 105):
        assert at(bare)[:2] == [0, 0], "nose, forehead, lid, brow"
    assert at(205)[2] == 1 or at(50)[2] == 1, "cheek"
    assert float(weights[texels.part != 0].max()) == 0
    zone, full, sideburns = weights[:, 0], weights[:, 3], weights[:, 4]
    assert bool((zone <= full + 1e-6).all())
    assert bool((full <= sideburns + 1e-6).all())
    assert at(34)[3] < 0.5 < at(34)[4], "before the ear, above the eyes"
    assert at(156)[4] == 0, "end of a brow"


def test_dark_hair_before_the_ears_is_no_stubble(shaved: torch.Tensor, places: BeardPlaces) -> None:
    """Stubble on chin and cheeks, a dark moustache, and black sideburns that touch the stubble."""
    image = shaved.clone()
    for where, tone in (((slice(130, 240), slice(44, 212)), 0.55), ((slice(156, 166), slice(104, 152)), 0.2)):
        image[0][:, where[0], where[1]] = (tone + rough())[0][:, where[0], where[1]]
    plain = beard_over(image, ONE, ONE, places).shown[0, 0]
    image[0][:, 130:170, 44:64] = (0.15 + rough())[0][:, 130:170, 44:64]
    burned = beard_over(image, ONE, ONE, places).shown[0, 0]
    assert float(plain[136:164, 50:58].min()) > 0.9
    assert float(burned[136:164, 50:58].max()) == 0
    assert float(burned[140:230, 80:176].min()) > 0.9, "the moustache and the stubble stay"


@pytest.mark.parametrize(("tone", "stays"), [(0.3, True), (0.58, False)])
def test_stubble_seen_along_the_cheek_may_be_shade(
    shaved: torch.Tensor, places: BeardPlaces, tone: float, stays: bool
) -> None:
    image = shaved.clone()
    where = (slice(130, 240), slice(44, 212))
    image[0][:, where[0], where[1]] = (tone + rough())[0][:, where[0], where[1]]
    frontal = ONE.clone()
    frontal[..., :80] = 0
    beard = beard_over(image, ONE, ONE, places, frontal=frontal).shown[0, 0]
    assert (float(beard[140:220, 52:72].min()) > 0.9) == stays
    assert (float(beard[140:220, 52:72].max()) == 0) != stays
    assert float(beard[156:210, 104:150].min()) > 0.9


def sideburns(shaved: torch.Tensor, tone: float) -> torch.Tensor:
    """A beard with bare cheeks above its middle, which goes up to row 94 on both sides."""
    image = shaved.clone()
    for where in (
        (slice(130, 240), slice(44, 212)),
        (slice(94, 140), slice(44, 58)),
        (slice(94, 140), slice(198, 212)),
    ):
        image[0][:, where[0], where[1]] = (tone + rough())[0][:, where[0], where[1]]
    return image


def test_a_full_beard_goes_up_to_the_hair_that_is_kept(shaved: torch.Tensor, places: BeardPlaces) -> None:
    """Stubble ends where it always did, a full beard higher, and with hair above it nowhere before that."""
    full, stubble = sideburns(shaved, 0.3), sideburns(shaved, 0.58)
    ends = {}
    for name, image, where in (
        ("stubble", stubble, places),
        ("stubble below hair", stubble, places.below_hair()),
        ("full", full, places),
        ("full below hair", full, places.below_hair()),
    ):
        beard = beard_over(image, ONE, ONE, where)
        assert float(beard.full) == (1 if "full" in name else 0)
        ends[name] = int((beard.shown[0, 0, :, 50] > 0.5).nonzero()[0])
    assert ends["stubble"] == pytest.approx(120, abs=3)
    assert ends["stubble below hair"] == ends["stubble"]
    assert ends["full"] == pytest.approx(110, abs=3)
    assert ends["full below hair"] == pytest.approx(94, abs=3)


def test_a_full_beard_is_kept_nearly_to_where_it_is_seen(shaved: torch.Tensor, places: BeardPlaces) -> None:
    seen = ONE.clone()
    seen[..., :64] = 0
    for tone, kept in ((0.3, True), (0.58, False)):
        beard = beard_over(sideburns(shaved, tone), seen, ONE, places)
        mask = beard.mask(seen)
        assert float(mask[..., :64].max()) == 0
        assert float(mask[beard.shown == 0].amax()) == 0
        assert (float(mask[0, 0, 150:230, 72].min()) > 0.9) == kept
        assert bool(mask.any()) == kept
    seen = functional.interpolate(seen, scale_factor=4.0)  # at the size of a lifter's maps
    full = beard_over(sideburns(shaved, 0.3), ONE, ONE, places)
    large = Beard(functional.interpolate(full.shown, scale_factor=4.0), full.full)
    skin, kept_beard = solid_mask(seen, 4, 3)[0, 0, 640:880], large.mask(seen)[0, 0, 640:880]
    assert int((kept_beard > 0.9).all(dim=0).nonzero()[0]) < int((skin > 0.9).all(dim=0).nonzero()[0])
    half = Beard(large.shown, torch.tensor(0.5)).mask(seen)[0, 0, 640:880]
    torch.testing.assert_close(half, 0.5 * kept_beard)
