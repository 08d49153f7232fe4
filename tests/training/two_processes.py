"""The small second stage in as many processes as the launcher starts: run by ``test_uv_second_stage.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from tests.training.small_second_stage import small_stage, tiny_parts

if __name__ == "__main__":
    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    root = Path(sys.argv[1])
    folder = root / f"data-{accelerator.process_index}"
    folder.mkdir(parents=True)
    stage = small_stage(folder, tiny_parts(), accelerator)
    stage.fit(1e9)
    weights = {name: value.contiguous() for name, value in stage.model.state_dict().items()}
    save_file(weights, root / f"weights-{accelerator.process_index}-of-{accelerator.num_processes}.safetensors")
