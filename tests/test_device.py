"""No tensor is made on the wrong device: the main job and the training on a simulated second device."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tests.simulated_device import DEVICE, OnDevice, simulated_device


def test_the_simulation_notices_tensors_on_two_devices() -> None:
    with simulated_device():
        there, here = torch.ones(3, device=DEVICE), torch.ones(3)
        assert isinstance(there + there, OnDevice)
        assert there.device.type == DEVICE.type
        assert (there.cpu() + here).tolist() == [2, 2, 2]
        with pytest.raises(RuntimeError, match="two devices"):
            there + here


def test_only_indices_may_be_on_the_cpu() -> None:
    rows, mask = torch.tensor([2, 0]), torch.tensor([True, False, True])
    with simulated_device():
        there, here = torch.arange(3.0, device=DEVICE), torch.arange(3.0)
        assert there[rows].tolist() == [2, 0]
        there[mask] = 5
        there[rows] = torch.ones(2, device=DEVICE)
        assert there.tolist() == [1, 1, 1]
        for index in (rows.to(DEVICE), mask.to(DEVICE)):
            with pytest.raises(RuntimeError, match="two devices"):
                here[index]
            with pytest.raises(RuntimeError, match="two devices"):
                here[index] = 5
        with pytest.raises(RuntimeError, match="two devices"):
            there[rows] = torch.ones(2)


def test_heads_are_made_and_the_painter_is_taught_on_another_device() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.device_run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["generator", "lifted"] * 2 + ["marks", "second"]
    assert [line.split()[1] for line in lines[:4]] == ["clean", "clean", "keep", "keep"]
    assert lines[0].split()[-1] != lines[2].split()[-1], "hair is not kept"
    assert lines[-1] == "second stage 2"
