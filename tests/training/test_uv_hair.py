"""The painter of hair alone: its loss, and a stage that leaves all else of a UV generator as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.uv_generator import UVGenerator
from stylefaceuv.training.hair_targets import (
    HairTargetMaker,
    HairTargets,
    join_hair_targets,
    read_hair_targets,
)
from stylefaceuv.training.painter_stage import SUFFIX
from stylefaceuv.training.uv_hair import HairStage, HairTraining, hair_terms
from tests.fakes.tiny_model import tiny_model
from tests.training.painters import fresh, learns_alone, random_targets

SHORT = HairTraining(steps=4, batch=2, held_out=1, checkpoint_every=2)


def random_maps(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """hair, bare, haired, confidence, cover of two heads on a map that is not square."""
    source = torch.Generator().manual_seed(2)
    return [torch.rand(2, channels, 5, 7, dtype=dtype, generator=source) for channels in (4, 3, 3, 1, 1)]


def naive(
    hair: torch.Tensor, bare: torch.Tensor, haired: torch.Tensor, confidence: torch.Tensor, cover: torch.Tensor
) -> list[torch.Tensor]:
    """The three terms texel by texel."""
    worn, colour, entropy, grown = [], [], [], []
    for n in range(hair.shape[0]):
        for y in range(hair.shape[2]):
            for x in range(hair.shape[3]):
                share, sure, held = hair[n, 3, y, x], confidence[n, 0, y, x], cover[n, 0, y, x]
                for c in range(3):
                    mixed = (1 - share) * bare[n, c, y, x] + share * hair[n, c, y, x]
                    worn.append((mixed - haired[n, c, y, x]).abs() * (0.35 + 0.65 * sure))
                    colour.append((hair[n, c, y, x] - haired[n, c, y, x]).abs() * sure * held)
                entropy.append(-sure * (held * share.log() + (1 - held) * (1 - share).log()))
                grown.append(sure * held)
    total = torch.stack(grown).sum()
    return [
        torch.stack(worn).mean(),
        torch.stack(colour).sum() / (3 * total),
        torch.stack(entropy).sum() / confidence.sum(),
    ]


def test_the_loss_is_the_naive_one_in_value_and_gradient() -> None:
    maps = random_maps()
    hair = maps[0].requires_grad_()
    fast, slow = hair_terms(*maps), naive(*maps)
    assert list(fast) == ["worn", "colour", "cover"]
    for own, expected in zip(fast.values(), slow, strict=True):
        torch.testing.assert_close(own, expected)
        slopes = [torch.autograd.grad(each, hair, retain_graph=True)[0] for each in (own, expected)]
        torch.testing.assert_close(*slopes)


def test_a_cover_that_is_quite_wrong_is_pulled_back() -> None:
    """A sigmoid far out has no slope where the loss is clamped."""
    _, bare, haired, confidence, _ = random_maps(torch.float32)
    logit = torch.full((2, 1, 5, 7), -9.0, requires_grad=True)
    hair = torch.cat([haired, torch.sigmoid(logit)], dim=1)
    hair_terms(hair, bare, haired, confidence, torch.ones_like(confidence))["cover"].backward()
    assert logit.grad is not None
    assert float(logit.grad.max()) < 0


def test_right_hair_costs_nothing() -> None:
    _, bare, _, confidence, cover = random_maps(torch.float32)
    solid, brown = (cover > 0.5).float(), torch.full_like(bare, 0.3)
    haired = bare + solid * (brown - bare)
    terms = hair_terms(torch.cat([brown, solid], dim=1), bare, haired, confidence, solid)
    assert all(float(term) < 1e-6 for term in terms.values())


@pytest.fixture(scope="module")
def parts() -> Components:
    """Tiny parts whose UV generator paints hair."""
    made = tiny_model().components
    assert made.uv_generator is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        painter = UVGenerator(replace(made.uv_generator.config, hair_widths=(4, 4)))
    return replace(made, uv_generator=painter)


@pytest.fixture(scope="module")
def targets() -> HairTargets:
    return random_targets()


def stage(parts: Components, targets: HairTargets, run: Path, config: HairTraining = SHORT) -> HairStage:
    run.mkdir(exist_ok=True)
    return HairStage(parts, fresh(parts), targets, config, run)


def test_only_the_painter_of_hair_learns(parts: Components, targets: HairTargets, tmp_path: Path) -> None:
    learns_alone(stage(parts, targets, tmp_path), "hair", tmp_path)


def test_a_run_that_was_cut_goes_on_as_if_it_had_not(parts: Components, targets: HairTargets, tmp_path: Path) -> None:
    whole = stage(parts, targets, tmp_path / "whole")
    whole.fit(1e9)
    first = stage(parts, targets, tmp_path / "cut", replace(SHORT, steps=4))
    first.fit(0)  # writes a checkpoint of no step
    for step in range(2):
        first._step(step)
    first._save(2, {"model": first.painter, "optimizer": first.optimizer, "average": first.average})
    second = stage(parts, targets, tmp_path / "cut")
    second.fit(1e9)
    for name, value in whole.painter.state_dict().items():
        torch.testing.assert_close(second.painter.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_what_cannot_be_trained_is_refused(parts: Components, targets: HairTargets, tmp_path: Path) -> None:
    bald = tiny_model().components
    assert bald.uv_generator is not None
    with pytest.raises(InvalidArgumentError, match="model: expected a UV generator that paints hair"):
        HairStage(bald, bald.uv_generator, targets, SHORT, tmp_path)
    with pytest.raises(InvalidArgumentError, match="targets: expected more than the 4 held out"):
        HairStage(parts, fresh(parts), targets, replace(SHORT, held_out=4), tmp_path)
    with pytest.raises(InvalidArgumentError, match="parts: expected components with a head segmenter"):
        HairTargetMaker(replace(parts, head_segmenter=None), 32)
    with pytest.raises(InvalidArgumentError, match="folder: expected files"):
        read_hair_targets(tmp_path)


def test_targets_are_read_as_they_were_written(targets: HairTargets, tmp_path: Path) -> None:
    halves = [HairTargets(*(part[rows] for part in vars(targets).values())) for rows in (slice(0, 1), slice(1, 4))]
    for number, half in enumerate(halves):
        half.save(tmp_path / f"{number:05d}{SUFFIX}")
    for found in (read_hair_targets(tmp_path), join_hair_targets(halves)):
        assert len(found) == 4
        assert all(torch.equal(*pair) for pair in zip(vars(found).values(), vars(targets).values(), strict=True))


def test_targets_are_the_lifted_heads(parts: Components, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = HairTargetMaker(parts, 32)
    monkeypatch.setattr("stylefaceuv.training.hair_targets.WORST_ERROR", 10.0)
    w = torch.randn(2, 512, generator=torch.Generator().manual_seed(8))
    made = join_hair_targets(list(maker(w)))
    assert torch.equal(made.w, w)
    seen = maker.maker.look(w[1])
    bare, haired = maker.maker.lifter.both(seen.photo, painted=seen.guess)
    for found, expected in ((made.bare, bare.diffuse), (made.haired, haired.diffuse)):
        assert torch.equal(found[1], (expected * 255 + 0.5).to(torch.uint8))
    assert made.cover.shape == made.confidence.shape == (2, 1, 32, 32)
    monkeypatch.setattr("stylefaceuv.training.hair_targets.WORST_ERROR", 0.0)
    assert list(maker(w)) == []
