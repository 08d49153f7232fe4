"""Costs are those of known work, and measuring leaves nothing behind."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
import torch

from stylefaceuv import StyleFaceUV
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.cost import CostReport, CostRow, measure_cost
from stylefaceuv.evaluation.process_cost import cost_of, torch_threads
from stylefaceuv.networks.stylegan2 import StyleGAN2Config
from tests.fakes.tiny_model import tiny_model


def test_sleep_takes_wall_time_but_no_processor_time() -> None:
    cost = cost_of(lambda: time.sleep(0.05), repeats=2)
    assert cost.cpu_seconds < cost.wall_seconds / 2


def test_the_peak_of_memory_is_seen_though_it_is_freed_again() -> None:
    small = cost_of(lambda: bytearray(1000), repeats=1)
    large = cost_of(lambda: torch.ones(16 * 2**20).sum(), repeats=1)  # 64 MB
    if math.isnan(large.peak_mb):
        pytest.skip("this system does not tell the peak of memory")
    assert 60 < large.peak_mb < 100
    assert small.peak_mb < 20


def test_a_call_that_finds_room_in_freed_memory_is_seen_too() -> None:
    torch.ones(6 * 2**20)  # freed mapped memory of 24 MB: the allocator takes what is smaller from its heap from now on
    blocks = [torch.ones(2**20) for _ in range(40)]
    kept = blocks[-1]  # above the others, so that the heap cannot shrink
    del blocks
    large = cost_of(lambda: torch.ones(16 * 2**20).sum(), repeats=1)  # 64 MB
    if math.isnan(large.peak_mb):
        pytest.skip("this system does not tell the peak of memory")
    assert 60 < large.peak_mb < 100
    assert float(kept[0]) == 1


def test_an_earlier_peak_is_not_counted() -> None:
    torch.ones(64 * 2**20).sum()
    assert not cost_of(lambda: None, repeats=1).peak_mb > 20


def test_calls_are_the_warm_up_and_the_repeats() -> None:
    calls: list[int] = []
    cost_of(lambda: calls.append(0), repeats=3)
    cost_of(lambda: calls.append(0), repeats=3, warm_up=False)
    assert len(calls) == 7


def test_threads_come_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    def fail() -> None:
        with torch_threads(before + 1):
            seen.append(torch.get_num_threads())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StyleFaceUV:
    """Tiny, as is its rival: what each stage costs is not asked here."""
    monkeypatch.setattr("stylefaceuv.evaluation.rival_cost.STYLEGAN2_256", StyleGAN2Config(channels=(8,) * 7))
    return tiny_model()


@pytest.mark.parametrize("repeats", [0, -1, 1.5, "2", True])
def test_repeats_that_cannot_be_are_named(model: StyleFaceUV, repeats: object) -> None:
    with pytest.raises(InvalidArgumentError, match="repeats: expected"):
        measure_cost(model, repeats=repeats)  # type: ignore[arg-type]


def test_the_table_has_a_line_for_each_row_and_tells_what_is_missing() -> None:
    report = CostReport((CostRow("render", 8, 2, 0.5, 0.25, 12.0),), {"torch": "1.0"}, ("PyTorch3D: absent",))
    text = report.as_markdown()
    assert "| render | 8 | 2 | 0.5 | 0.25 | 12 |" in text
    assert "torch 1.0" in text
    assert "Not measured: PyTorch3D: absent" in text


def test_every_stage_is_measured_once(model: StyleFaceUV, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    report = measure_cost(model, repeats=1, batches=(1,), threads=(1,), openvino_folder=tmp_path)
    keys = [(row.stage, row.batch, row.threads) for row in report.rows]
    assert len(keys) == len(set(keys))
    stages = " ".join(row.stage for row in report.rows)
    for name in ("mapping", "mapper", "UV generator", "synthesis", "lifting", "mesh", "render", "StyleGAN2-256"):
        assert name in stages
    for name in ("export glb", "export obj", "export ply", "texture 2048", "level 2", "no morphs"):
        assert name in stages
    assert all(row.cpu_seconds > 0 and row.wall_seconds > 0 for row in report.rows)
    assert any("OpenVINO" in reason for reason in report.missing)
    assert torch.get_num_threads() == before
