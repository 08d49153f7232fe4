"""What lies over a face: found through segments, guessed without them."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.dark_features import glasses_over
from stylefaceuv.lifting.occluders import background_on, find_occluders
from stylefaceuv.networks.head_segmenter import SEGMENTS

SIZE = 256
ONE = torch.ones(1, 1, SIZE, SIZE)


def features() -> torch.Tensor:
    made = torch.zeros(1, 4, SIZE, SIZE)
    made[0, 0, 80:110, 70:190] = 1
    made[0, 2, 110:120, 115:141] = 1
    made[0, 3, 120:140, 70:190] = 1
    return made


def segments(**where: tuple[slice, slice]) -> torch.Tensor:
    """(1, S, SIZE, SIZE): face, but for a rectangle of each other segment."""
    made = torch.zeros(1, len(SEGMENTS), SIZE, SIZE)
    made[:, SEGMENTS.index("face")] = 1
    for name, (rows, columns) in where.items():
        made[..., rows, columns] = 0
        made[:, SEGMENTS.index(name), rows, columns] = 1
    return made


def test_without_segments_dark_lines_decide() -> None:
    lines = torch.zeros(1, 1, SIZE, SIZE)
    lines[..., 115:130, :] = 1
    found = find_occluders(None, lines, ONE, ONE, features())
    assert torch.equal(found.glasses, glasses_over(lines, ONE, ONE, features()))
    assert float(found.glasses) == 1
    assert torch.equal(found.over_features, found.glasses)
    assert float(found.rims.max()) == float(found.hair.max()) == 0


def test_clear_glasses_hide_what_is_under_their_rims_alone() -> None:
    shown = segments(glasses=(slice(108, 132), slice(60, 200)))
    found = find_occluders(shown, 0 * ONE, ONE, ONE, features())
    assert float(found.glasses) == 1
    assert float(found.lenses) == 0
    assert float(found.rims[..., 110:130, 70:190].min()) == 1
    assert float(found.rims[..., :100, :].max()) == float(found.rims[..., 140:, :].max()) == 0
    assert float(found.over_features[..., 85:100, :].max()) == 0, "brows above the rims are the face's own"


def test_dark_lenses_hide_the_eyes() -> None:
    explained = ONE.clone()
    explained[..., 110:150, :] = 0
    found = find_occluders(segments(), 0 * ONE, ONE, explained, features())
    assert float(found.lenses) == float(found.glasses) == 1
    assert float(found.over_features.min()) == 1


def test_hair_over_a_brow_hides_it() -> None:
    found = find_occluders(segments(hair=(slice(0, 96), slice(0, 120))), 0 * ONE, ONE, ONE, features())
    assert float(found.hair[..., :96, :120].min()) == 1
    assert float(found.hair[..., 100:, :].max()) == float(found.hair[..., 124:].max()) == 0
    assert float(found.over_features[..., 80:96, 70:120].min()) == 1
    assert float(found.over_features[..., 80:96, 130:].max()) == 0, "the other brow stays"
    assert float(found.glasses) == 0


def test_large_background_counts_and_specks_do_not() -> None:
    shown = segments(background=(slice(200, 256), slice(0, 256)))
    shown[:, :, 50:52, 50:52] = 0
    shown[:, SEGMENTS.index("background"), 50:52, 50:52] = 1
    found = background_on(shown)
    assert float(found[..., 202:, :].min()) == 1
    assert float(found[..., :190, :].max()) == 0
