"""The second stage's loop: rates, resuming, several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stylefaceuv.training.discriminator import discriminator_for
from stylefaceuv.training.uv_second_stage import SecondStage
from tests.training.small_second_stage import STEPS, small_stage, tiny_parts


def fresh_stage(root: Path, run: Path) -> SecondStage:
    root.mkdir(exist_ok=True)
    run.mkdir(exist_ok=True)
    return small_stage(root, tiny_parts(), run=run)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SecondStage:
    """Ran from start to end."""
    root = tmp_path_factory.mktemp("whole")
    stage = fresh_stage(root / "data", root / "run")
    stage.fit(1e9)
    return stage


def test_all_rates_fall_by_a_cosine_to_the_last_share(whole: SecondStage) -> None:
    rates, first = whole.config.schedule, whole.rates
    assert first == [rates.learning_rate, rates.displacement_learning_rate]
    for step, share in ((0, 1.0), (STEPS // 2, (1 + rates.final_rate) / 2), (STEPS, rates.final_rate)):
        whole._set_rates(step)
        now = [group["lr"] for group in whole.optimizer.param_groups]
        assert now == pytest.approx([share * rate for rate in first])


def test_held_out_faces_are_judged_before_the_first_step_and_at_every_checkpoint(whole: SecondStage) -> None:
    lines = [json.loads(line) for line in (whole.run / "metrics.jsonl").read_text().splitlines()]
    judged = [line for line in lines if "held_out_own" in line]
    assert [line["step"] for line in judged] == list(range(STEPS + 1))
    assert all({"held_out_symmetric", "held_out_agreement"} <= set(line) for line in judged)
    assert judged[-1]["held_out_own"] < judged[0]["held_out_own"]
    assert (whole.run / f"samples-{STEPS:06d}.png").exists()


def test_a_killed_run_goes_on_to_the_bit(whole: SecondStage, tmp_path: Path) -> None:
    stopped = fresh_stage(tmp_path / "data", tmp_path / "run")
    stopped._out_of_time = lambda began, minutes: (stopped.run / "checkpoint.pt").exists()  # after the first step
    stopped.fit(1e9)
    before = stopped.model.state_dict()
    assert any(not torch.equal(value, before[name]) for name, value in whole.model.state_dict().items())
    resumed = fresh_stage(tmp_path / "data", tmp_path / "run")
    resumed.fit(1e9)
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, whole.model.state_dict()[name]), name
    for name, value in resumed.averaged().state_dict().items():
        assert torch.equal(value, whole.averaged().state_dict()[name]), name


def test_the_discriminator_starts_from_its_seed_and_the_random_state_is_left_alone(tmp_path: Path) -> None:
    parts = tiny_parts()
    torch.manual_seed(12)
    expected = torch.rand(4)
    torch.manual_seed(12)
    stage = small_stage(tmp_path, parts, adversarial=0.1)
    assert torch.equal(torch.rand(4), expected)
    torch.manual_seed(0)
    known = discriminator_for(stage.config.picture.size).state_dict()
    assert stage.judge is not None
    assert all(torch.equal(value, known[name]) for name, value in stage.judge.state_dict().items())


def test_two_processes_learn_what_one_learns(whole: SecondStage, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "-m", "tests.training.two_processes", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (load_file(tmp_path / f"weights-{rank}-of-2.safetensors") for rank in range(2))
    painter = tiny_parts().uv_generator
    assert painter is not None
    start = painter.state_dict()
    moved = 0
    for name, value in whole.model.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        step = (value - start[name]).abs().max()
        moved += int(step > 0)
        if step > 0:
            assert float((first[name] - value).abs().mean()) < 0.05 * float((value - start[name]).abs().mean()), name
    assert moved > 10
