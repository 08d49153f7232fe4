"""The painter of skin alone: its loss, where it looks, and a stage that leaves all else of a UV generator as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.components import Components
from stylefaceuv.training.hair_targets import HairTargets
from stylefaceuv.training.uv_skin import SkinStage, SkinTraining, face_window, skin_terms
from tests.fakes.tiny_model import tiny_model
from tests.training.painters import fresh, learns_alone, random_targets

SHORT = SkinTraining(steps=3, batch=2, held_out=1, checkpoint_every=3)


def random_maps() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """painted, target, weight of two heads; the map is not square, and a third of it is no chart."""
    source = torch.Generator().manual_seed(5)
    painted, target = (torch.rand(2, 3, 32, 64, dtype=torch.float64, generator=source) for _ in range(2))
    weight = torch.rand(2, 1, 32, 64, dtype=torch.float64, generator=source)
    return painted, target, weight * (weight > 1 / 3)


def naive(painted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> list[torch.Tensor]:
    """The two terms; a doubled texel is three quarters of the nearest one and a quarter of the next."""

    def doubled(line: list[torch.Tensor]) -> list[torch.Tensor]:
        last, made = len(line) - 1, []
        for place, value in enumerate(line):
            for neighbour in (max(place - 1, 0), min(place + 1, last)):
                made.append(0.75 * value + 0.25 * line[neighbour])
        return made

    def mean(error: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        total = sum(error[n, c].abs().mul(weight[n, 0]).sum() for n in range(2) for c in range(3))
        return total / (3 * weight.sum())

    def halved(image: torch.Tensor) -> torch.Tensor:
        return (image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2] + image[..., 1::2, 1::2]) / 4

    error = torch.where(weight > 0, painted - target, torch.zeros_like(painted))
    colour, bands = mean(error, weight), torch.zeros((), dtype=torch.float64)
    for _ in range(5):
        small = halved(error)
        tall = torch.stack(doubled(list(small.unbind(dim=-2))), dim=-2)
        bands = bands + mean(error - torch.stack(doubled(list(tall.unbind(dim=-1))), dim=-1), weight)
        error, weight = small, halved(weight)
    return [colour, bands + mean(error, weight)]


def test_the_loss_is_the_naive_one_in_value_and_gradient() -> None:
    painted, target, weight = random_maps()
    painted.requires_grad_()
    fast, slow = skin_terms(painted, target, weight), naive(painted, target, weight)
    assert list(fast) == ["colour", "bands"]
    for own, expected in zip(fast.values(), slow, strict=True):
        torch.testing.assert_close(own, expected)
        slopes = [torch.autograd.grad(each, painted, retain_graph=True)[0] for each in (own, expected)]
        torch.testing.assert_close(*slopes)


def test_what_is_off_the_charts_costs_nothing() -> None:
    painted, target, weight = random_maps()
    elsewhere = painted + 5 * (weight == 0)
    for own, expected in zip(
        skin_terms(elsewhere, target, weight).values(), naive(painted, target, weight), strict=True
    ):
        torch.testing.assert_close(own, expected)


def test_a_missing_brow_costs_more_than_as_much_noise() -> None:
    target, weight = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    brow, noise = target.clone(), target.clone()
    brow[..., 16:24, 16:48] = 1
    noise += torch.randn(64, 64, generator=torch.Generator().manual_seed(1)).sign() / 16
    one, other = (skin_terms(each, target, weight) for each in (brow, noise))
    torch.testing.assert_close(one["colour"], other["colour"])
    assert float(one["bands"]) > 1.5 * float(other["bands"])


def test_the_window_holds_the_face_and_little_else() -> None:
    support = torch.zeros(1, 64, 64)
    support[0, 20:41, 9:30] = 1  # of 64: texels 80 to 164 and 36 to 120 of 256
    rows, columns = face_window(support, 256)
    assert (rows, columns) == (slice(80, 176), slice(32, 128))


@pytest.fixture(scope="module")
def parts() -> Components:
    return tiny_model().components


@pytest.fixture(scope="module")
def targets() -> HairTargets:
    return random_targets()


class Brightness:
    """Features whose distance is known: two channels whose direction turns with the picture's brightness."""

    name = "brightness"

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        bright = images.mean(dim=1, keepdim=True)
        return [torch.cat([bright, 1 - bright], dim=1)]


def stage(parts: Components, targets: HairTargets, run: Path) -> SkinStage:
    return SkinStage(parts, fresh(parts), targets, SHORT, run, Brightness())


def test_only_the_painter_of_skin_learns(parts: Components, targets: HairTargets, tmp_path: Path) -> None:
    learns_alone(stage(parts, targets, tmp_path), "colour", tmp_path)


def test_features_are_compared_on_seen_skin_of_the_face_only(
    parts: Components, targets: HairTargets, tmp_path: Path
) -> None:
    training = stage(parts, targets, tmp_path)
    training.window = (slice(0, 32), slice(0, 16))
    source = torch.Generator().manual_seed(6)
    painted, target = (torch.rand(2, 3, 32, 32, generator=source) for _ in range(2))
    seen = torch.zeros(2, 1, 32, 32)
    seen[:, :, 4:9, 3:8] = 1
    apart = training._perceptual(painted, target, seen)
    elsewhere = painted + (1 - seen) * torch.rand(painted.shape, generator=source)
    assert float(apart) > 0
    assert float(training._perceptual(elsewhere, target, seen)) == float(apart)
    assert float(training._perceptual(target + (1 - seen) * 0.3, target, seen)) < 1e-12
    beside = painted.clone()
    beside[..., 16:] = 0
    assert float(training._perceptual(beside, target, seen)) == float(apart)


def test_unseen_and_haired_texels_count_less(parts: Components, targets: HairTargets, tmp_path: Path) -> None:
    """With the same error everywhere but where nothing is seen, the loss is that of the sure texels."""
    training = stage(parts, targets, tmp_path)
    training.features = None
    rows = torch.arange(2)
    found = training.terms(rows)
    w = targets.w[rows]
    painted = training.model.paint_skin(training.trunk(w), training.views[rows], w)
    seen = targets.confidence[rows].float() / 255 * (1 - targets.cover[rows].float() / 255)
    weight = (0.5 + 0.5 * seen + 3.0 * training.eyes) * training.chart
    expected = skin_terms(painted, targets.bare[rows].float() / 255, weight)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_the_skin_alone_is_that_of_both_maps(parts: Components, targets: HairTargets, tmp_path: Path) -> None:
    training, rows = stage(parts, targets, tmp_path), torch.arange(2)
    w = targets.w[rows]
    given = training.trunk(w), training.views[rows], w
    assert torch.equal(training.model.paint_skin(*given), training.model(*given).diffuse)
