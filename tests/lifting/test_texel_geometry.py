"""The surface point under each texel, against a loop over all faces."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.texel_geometry import TexelGeometry, texel_geometry
from tests.reference.naive_texels import as_tensor, covering_faces, is_sure

SIZE = 64


@pytest.fixture(scope="module")
def texels(tiny: MorphableModel) -> TexelGeometry:
    return texel_geometry(tiny.topology(0), SIZE)


def test_it_equals_the_naive_loop(tiny: MorphableModel, texels: TexelGeometry) -> None:
    topology = tiny.topology(0)
    naive = covering_faces(topology, SIZE)
    sure = {texel for texel, covering in naive.items() if is_sure(covering)}
    covered = set(texels.flat_index.tolist())
    assert len(sure) > 0.7 * SIZE**2
    assert sure <= covered <= set(naive)
    for row, texel in enumerate(texels.flat_index.tolist()):
        if texel not in sure:
            continue
        corners, weights = as_tensor(topology, naive[texel][0])
        assert torch.equal(texels.corners[row], corners)
        torch.testing.assert_close(texels.barycentric[row], weights, atol=1e-4, rtol=0)
        assert int(texels.part[row]) == int(topology.part[naive[texel][0][0]])


def test_interpolated_coordinates_are_the_texel_s_own(tiny: MorphableModel, texels: TexelGeometry) -> None:
    place = texels.interpolate(tiny.topology(0).uv) * SIZE
    centre = torch.stack([texels.flat_index % SIZE, texels.flat_index // SIZE], dim=1) + 0.5
    torch.testing.assert_close(place, centre.float(), atol=2e-4, rtol=0)
    torch.testing.assert_close(texels.barycentric.sum(dim=1), torch.ones(len(place)))


def test_gather_undoes_scatter(texels: TexelGeometry) -> None:
    values = torch.rand(len(texels.flat_index), 5, generator=torch.Generator().manual_seed(0))
    image = texels.scatter(values, fill=-7.0)
    assert image.shape == (5, SIZE, SIZE)
    assert torch.equal(texels.gather(image), values)
    assert texels.gather(image.contiguous()).is_contiguous(), "rows are read as a whole"
    assert int((image[0] == -7).sum()) == SIZE**2 - len(values)


def test_scatter_puts_a_value_where_its_texel_lies(texels: TexelGeometry) -> None:
    image = texels.scatter(texels.flat_index[:, None].float())
    rows, columns = torch.nonzero(image[0], as_tuple=True)
    assert torch.equal(image[0, rows, columns], (rows * SIZE + columns).float())


def test_some_of_the_texels_are_those_of_the_whole(tiny: MorphableModel, texels: TexelGeometry) -> None:
    values = torch.randn(len(tiny.topology(1).uv), 2, generator=torch.Generator().manual_seed(0))
    for rows in (torch.tensor([7, 3, 12]), texels.part == texels.part[0]):
        some = texels.at(rows)
        assert torch.equal(some.interpolate(values), texels.interpolate(values)[rows])
        assert torch.equal(some.flat_index, texels.flat_index[rows])
        assert torch.equal(some.part, texels.part[rows])


def test_the_real_atlas_is_mirror_symmetric(head: MorphableModel) -> None:
    texels = texel_geometry(head.topology(1), 128)
    covered = texels.scatter(1 + texels.part[:, None].float())[0]
    mirrored = covered.flip(1).clone()
    left, right = 3.0, 4.0  # one more than the eyes' part numbers
    mirrored[covered.flip(1) == left], mirrored[covered.flip(1) == right] = right, left
    assert float((covered != mirrored).float().mean()) < 0.005
    assert float((covered > 0).float().mean()) > 0.8


@pytest.mark.parametrize("resolution", [0, -4])
def test_an_atlas_without_texels_is_refused(tiny: MorphableModel, resolution: int) -> None:
    with pytest.raises(InvalidArgumentError, match="resolution"):
        texel_geometry(tiny.topology(0), resolution)
