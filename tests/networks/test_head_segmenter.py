"""The segmenter looks at each pixel alone, and its file is checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.head_segmenter import SEGMENTS, HeadSegmenter, SegmenterConfig, load_head_segmenter
from stylefaceuv.weights_file import save_tensors

SMALL = SegmenterConfig(resolution=6, channels=5, hidden=7)


@pytest.fixture
def segmenter() -> HeadSegmenter:
    torch.manual_seed(0)
    made = HeadSegmenter(SMALL)
    made.mean.copy_(torch.randn(5))
    made.spread.copy_(0.5 + torch.rand(5))
    return made.eval()


def naive_segments(segmenter: HeadSegmenter, trunk: torch.Tensor) -> torch.Tensor:
    """Pixel after pixel."""
    first, _, last = segmenter.layers
    shares = torch.zeros(len(trunk), len(SEGMENTS), *trunk.shape[2:])
    for n in range(len(trunk)):
        for row in range(trunk.shape[2]):
            for column in range(trunk.shape[3]):
                x = (trunk[n, :, row, column] - segmenter.mean) / segmenter.spread
                scores = last.weight @ (first.weight @ x + first.bias).clamp_min(0) + last.bias
                shares[n, :, row, column] = scores.exp() / scores.exp().sum()
    return shares


@torch.no_grad()
def test_it_equals_the_naive_one(segmenter: HeadSegmenter) -> None:
    trunk = torch.randn(3, 5, 6, 6)
    shares = segmenter(trunk)
    assert shares.shape == (3, len(SEGMENTS), 6, 6)
    torch.testing.assert_close(shares, naive_segments(segmenter, trunk))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3, 6, 6))
    torch.testing.assert_close(segmenter(trunk[1:2]), shares[1:2])


@torch.no_grad()
def test_the_colour_of_hair_is_told_by_the_pixels_that_show_it(segmenter: HeadSegmenter) -> None:
    """Pixel after pixel; an image without hair has a usual colour, and a batch is its singles."""
    segmenter.tone.weight.copy_(0.05 * torch.randn(3, 5))
    trunk, segments = torch.randn(3, 5, 6, 6), torch.rand(3, len(SEGMENTS), 6, 6)
    hair = SEGMENTS.index("hair")
    segments[1, hair] = 0.6
    found = segmenter.hair_color(trunk, segments)
    for n in (0, 2):
        rows = [trunk[n, :, y, x] for y in range(6) for x in range(6) if segments[n, hair, y, x] > 0.7]
        assert len(rows) > 3
        pooled = (sum(rows, torch.zeros(5)) / len(rows) - segmenter.mean) / segmenter.spread
        torch.testing.assert_close(found[n], segmenter.tone.weight @ pooled + segmenter.tone.bias)
        torch.testing.assert_close(segmenter.hair_color(trunk[n : n + 1], segments[n : n + 1])[0], found[n])
    assert torch.equal(found[1], segmenter.tone.bias)
    segmenter.tone.bias.fill_(7.0)
    assert float(segmenter.hair_color(trunk, segments).max()) == 1
    with pytest.raises(InvalidArgumentError, match="trunk: expected"):
        segmenter.hair_color(trunk[..., :4], segments)
    with pytest.raises(InvalidArgumentError, match="segments: expected"):
        segmenter.hair_color(trunk, segments[:1])


@torch.no_grad()
def test_a_file_holds_all_of_it(segmenter: HeadSegmenter, tmp_path: Path) -> None:
    path, trunk = tmp_path / "head_segmenter.safetensors", torch.randn(2, 5, 6, 6)
    save_tensors(path, segmenter.state_dict(), segmenter.header())
    loaded = load_head_segmenter(path)
    assert loaded.config == SMALL
    assert torch.equal(loaded(trunk), segmenter(trunk))
    for name, value in segmenter.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


@pytest.mark.parametrize("shape", [(5, 6, 6), (1, 4, 6, 6), (1, 5, 6, 7), (1, 5, 3, 3)])
def test_activations_of_another_shape_are_named(segmenter: HeadSegmenter, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match="trunk: expected"):
        segmenter(torch.zeros(shape))


@pytest.mark.parametrize(
    "header", [{}, {"resolution": 6, "channels": 5}, {"resolution": 6, "channels": "5", "hidden": 7}]
)
def test_a_header_without_the_sizes_is_refused(
    segmenter: HeadSegmenter, tmp_path: Path, header: dict[str, object]
) -> None:
    path = tmp_path / "head_segmenter.safetensors"
    save_tensors(path, segmenter.state_dict(), header)
    with pytest.raises(WeightsError, match="resolution, channels, hidden"):
        load_head_segmenter(path)


def test_sizes_that_do_not_fit_the_tensors_are_refused(segmenter: HeadSegmenter, tmp_path: Path) -> None:
    path = tmp_path / "head_segmenter.safetensors"
    save_tensors(path, segmenter.state_dict(), {**segmenter.header(), "hidden": 8})
    with pytest.raises(WeightsError):
        load_head_segmenter(path)
