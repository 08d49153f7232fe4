"""The colour of hair, taught to a segmenter by lifted heads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.head_segmenter import HeadSegmenter, SegmenterConfig, load_head_segmenter
from stylefaceuv.training import hair_tone
from stylefaceuv.training.hair_targets import HairTargets
from stylefaceuv.training.hair_tone import HELD_OUT_EVERY, hair_activations, mean_hair_color, teach_tone
from stylefaceuv.weights_file import save_tensors
from tests.fakes.tiny_model import tiny_model
from tests.training.painters import random_targets


def naive_mean(targets: HairTargets, row: int) -> list[float]:
    """Texel by texel, of one head."""
    total, weight = [0.0, 0.0, 0.0], 0.0
    haired, cover = targets.haired[row].tolist(), targets.cover[row, 0].tolist()
    for y, line in enumerate(cover):
        for x, share in enumerate(line):
            weight += share / 255
            for channel in range(3):
                total[channel] += haired[channel][y][x] / 255 * share / 255
    return [value / weight for value in total]


def test_the_mean_colour_is_the_naive_one_and_bald_heads_are_told() -> None:
    targets = random_targets()
    targets.cover[2] = 0
    color, haired = mean_hair_color(targets)
    assert haired.tolist() == [True, True, False, True]
    for row in (0, 1, 3):
        torch.testing.assert_close(color[row], torch.tensor(naive_mean(targets, row)), atol=1e-4, rtol=0)


def test_a_colour_that_the_activations_tell_is_learnt() -> None:
    source = torch.Generator().manual_seed(1)
    segmenter = HeadSegmenter(SegmenterConfig(resolution=8, channels=6, hidden=3))
    activations = torch.randn(400, 6, generator=source)
    mixing = 0.03 * torch.randn(6, 3, generator=source)
    color = 0.5 + activations @ mixing
    figures = teach_tone(segmenter, activations, color, 1e-6)
    assert figures["heads"] == 400
    assert figures["segmenter"] < 1e-3 < 0.02 < figures["mean_color"]
    torch.testing.assert_close(segmenter.tone.weight, mixing.T, atol=1e-3, rtol=0)
    held = torch.arange(400) % HELD_OUT_EVERY == 0
    other = color.clone()
    other[held] = 1 - other[held]
    again = HeadSegmenter(segmenter.config)
    teach_tone(again, activations, other, 1e-6)
    assert torch.equal(again.tone.weight, segmenter.tone.weight), "what is held out is not learnt"


def test_too_few_heads_are_refused() -> None:
    segmenter = HeadSegmenter(SegmenterConfig(resolution=8, channels=6, hidden=3))
    with pytest.raises(InvalidArgumentError, match="color: expected at least 32 heads"):
        teach_tone(segmenter, torch.randn(31, 6), torch.rand(31, 3), 0.1)


def test_hair_is_read_a_few_heads_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tiny_model().components
    assert parts.head_segmenter is not None
    monkeypatch.setattr("stylefaceuv.networks.head_segmenter._SURELY", 0.2)
    w = torch.randn(5, 512, generator=torch.Generator().manual_seed(2))
    whole = hair_activations(parts.head_segmenter, parts.generator, w)
    assert whole.shape == (5, 4)
    assert whole.any()
    monkeypatch.setattr("stylefaceuv.training.hair_tone._CHUNK", 2)
    torch.testing.assert_close(hair_activations(parts.head_segmenter, parts.generator, w), whole)


def test_the_command_writes_a_segmenter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, few = tiny_model().components, random_targets()
    targets = HairTargets(*(torch.cat([part] * 9) for part in vars(few).values()))
    segmenter = parts.head_segmenter
    assert segmenter is not None
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    save_tensors(old, {name: value.half() for name, value in segmenter.state_dict().items()}, segmenter.header())
    targets.save(tmp_path / "00000.hair.safetensors")
    monkeypatch.setattr(Bundle, "open", lambda *_: None)
    monkeypatch.setattr(hair_tone, "load_components", lambda *_: parts)
    monkeypatch.setattr("stylefaceuv.networks.head_segmenter._SURELY", 0.2)
    options = ["--targets", str(tmp_path), "--segmenter", str(old), "--out", str(new), "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["hair-tone", *options])
    hair_tone.main()
    before, after = (load_head_segmenter(path).state_dict() for path in (old, new))
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed <= {"tone.weight", "tone.bias"}
    assert "tone.bias" in changed
