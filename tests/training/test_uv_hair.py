"""The painter of hair alone: its loss, and a stage that leaves all else of a UV generator as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.uv_generator import HairPrediction, UVGenerator
from stylefaceuv.training.hair_targets import (
    HairTargetMaker,
    HairTargets,
    join_hair_targets,
    read_hair_targets,
)
from stylefaceuv.training.painter_stage import SUFFIX
from stylefaceuv.training.uv_hair import HairStage, HairTraining, hair_terms
from stylefaceuv.weights_file import save_tensors
from tests.fakes.tiny_model import tiny_model
from tests.training.painters import fresh, learns_alone, random_targets

SHORT = HairTraining(steps=4, batch=2, held_out=1, checkpoint_every=2)


def random_maps(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """Colour, cover and cut of painted hair; bare, haired, confidence, cover and cut of two heads, not square."""
    source = torch.Generator().manual_seed(2)
    maps = [torch.rand(2, channels, 5, 7, dtype=dtype, generator=source) for channels in (3, 1, 3, 3, 1, 1)]
    painted_cut, cut = torch.rand(2, 2, dtype=dtype, generator=source)
    return [*maps[:2], painted_cut, *maps[2:], cut]


def cross_entropy(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return -(wanted * found.log() + (1 - wanted) * (1 - found).log())


def naive(
    color: torch.Tensor,
    share: torch.Tensor,
    cut: torch.Tensor,
    bare: torch.Tensor,
    haired: torch.Tensor,
    confidence: torch.Tensor,
    cover: torch.Tensor,
    combed: torch.Tensor,
) -> list[torch.Tensor]:
    """The four terms texel by texel."""
    worn, colour, entropy, grown, weight = [], [], [], [], []
    for n in range(color.shape[0]):
        for y in range(color.shape[2]):
            for x in range(color.shape[3]):
                laid, held = share[n, 0, y, x], cover[n, 0, y, x]
                sure = 0.35 + 0.65 * confidence[n, 0, y, x]
                for c in range(3):
                    mixed = (1 - laid) * bare[n, c, y, x] + laid * color[n, c, y, x]
                    worn.append((mixed - haired[n, c, y, x]).abs() * sure)
                    colour.append((color[n, c, y, x] - haired[n, c, y, x]).abs() * sure * held)
                entropy.append(sure * cross_entropy(laid, held))
                grown.append(sure * held)
                weight.append(sure)
    return [
        torch.stack(worn).mean(),
        torch.stack(colour).sum() / (3 * torch.stack(grown).sum()),
        torch.stack(entropy).sum() / torch.stack(weight).sum(),
        (cross_entropy(cut[0], combed[0]) + cross_entropy(cut[1], combed[1])) / 2,
    ]


def test_the_loss_is_the_naive_one_in_value_and_gradient() -> None:
    maps = random_maps()
    painted = [part.requires_grad_() for part in maps[:3]]
    fast, slow = hair_terms(HairPrediction(*painted), *maps[3:]), naive(*maps)
    assert list(fast) == ["worn", "colour", "cover", "cut"]
    for own, expected in zip(fast.values(), slow, strict=True):
        torch.testing.assert_close(own, expected)
        slopes = [
            torch.autograd.grad(each, painted, retain_graph=True, materialize_grads=True) for each in (own, expected)
        ]
        torch.testing.assert_close(*slopes)


def test_a_cover_that_is_quite_wrong_is_pulled_back() -> None:
    """A sigmoid far out has no slope where the loss is clamped."""
    _, _, cut, bare, haired, confidence, _, combed = random_maps(torch.float32)
    logit = torch.full((2, 1, 5, 7), -9.0, requires_grad=True)
    hair = HairPrediction(haired, torch.sigmoid(logit), cut)
    hair_terms(hair, bare, haired, confidence, torch.ones_like(confidence), combed)["cover"].backward()
    assert logit.grad is not None
    assert float(logit.grad.max()) < 0


def test_right_hair_costs_nothing() -> None:
    _, _, _, bare, _, confidence, cover, _ = random_maps(torch.float32)
    solid, brown, cut = (cover > 0.5).float(), torch.full_like(bare, 0.3), torch.tensor([0.0, 1.0])
    haired = bare + solid * (brown - bare)
    terms = hair_terms(HairPrediction(brown, solid, cut), bare, haired, confidence, solid, cut)
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


def test_targets_of_an_earlier_version_are_named(targets: HairTargets, tmp_path: Path) -> None:
    maps = {name: value for name, value in vars(targets).items() if name != "combed"}
    save_tensors(tmp_path / f"00007{SUFFIX}", maps)
    with pytest.raises(InvalidArgumentError, match=rf"folder: expected tensors .* in 00007{SUFFIX}"):
        read_hair_targets(tmp_path)


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
    assert haired.hair is not None
    assert torch.equal(made.cover[1, 0], (haired.hair * 255 + 0.5).to(torch.uint8))
    assert made.confidence.shape == (2, 1, 32, 32)
    assert made.combed.shape == (2,)
    monkeypatch.setattr("stylefaceuv.training.hair_targets.WORST_ERROR", 0.0)
    assert list(maker(w)) == []
