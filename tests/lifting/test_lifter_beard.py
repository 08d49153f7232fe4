"""Lifting bearded men: a full beard reaches ears and kept hair, stubble ends where skin does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.lifting.beard import Beard
from stylefaceuv.rendering.light_presets import light_preset
from tests.lifting.lifted_scene import SKIN, Scene
from tests.lifting.scenes import neutral

TURNED = replace(neutral(35.0), translation=torch.tensor([0.0, -0.12, -1.9]))
FULL, STUBBLE = (0.2, 0.15, 0.13), (0.62, 0.48, 0.42)


def bearded(scene: Scene, tone: tuple[float, float, float], keep_hair: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(T, 3) colours and (T,) confidence of a head whose sideburns, cheeks and jaw have rough hair."""
    lifter, source = scene.lifter, torch.Generator().manual_seed(8)
    hairy = lifter.texels.gather(lifter.beards[0, 4:5])[:, 0] > 0.5
    colors = lifter.texels.gather(scene.albedo(4)).clone()
    rough = 0.06 * torch.randn(len(colors), 1, generator=source)
    colors[hairy] = (torch.tensor(tone) + rough[hairy]).clamp(0.01, 0.99)
    photo = scene.photo(lifter.texels.scatter(colors), light_preset("studio"), TURNED)
    lifted = lifter(photo, keep_hair=keep_hair)
    return lifter.texels.gather(lifted.diffuse), lifter.texels.gather(lifted.confidence[None])[:, 0]


def on(scene: Scene, weights: torch.Tensor) -> torch.Tensor:
    """(T,) bool: texels where (1, 1, R, R) weights are high and which the photo shows."""
    shown = scene.lifter.surface.view(TURNED, 512).confidence > 0.9
    return (scene.lifter.texels.gather(weights[0])[:, 0] > 0.9) & shown


def test_a_full_beard_meets_hair_that_is_kept(scene: Scene) -> None:
    beards = scene.lifter.beards
    above = on(scene, beards[:, 4:5] * (1 - beards[:, 3:4]) * 1.8)
    assert int(above.sum()) > 50
    kept, clean = (bearded(scene, FULL, keep)[0][above].mean(dim=0) for keep in (True, False))
    assert float(kept.mean()) < 0.6 * sum(SKIN) / 3
    assert float(clean.mean()) > 1.25 * float(kept.mean()), "a bald head's fades to skin there"


@pytest.mark.parametrize(("tone", "farther"), [(FULL, True), (STUBBLE, False)])
def test_a_full_beard_is_kept_farther_than_skin_would_be(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tone: tuple[float, float, float], farther: bool
) -> None:
    _, with_mask = bearded(scene, tone, keep_hair=False)
    monkeypatch.setattr(Beard, "mask", lambda self, weights: torch.zeros_like(weights))
    _, without = bearded(scene, tone, keep_hair=False)
    assert bool((with_mask >= without - 1e-6).all())
    assert (int((with_mask > without + 0.2).sum()) > 30) == farther
