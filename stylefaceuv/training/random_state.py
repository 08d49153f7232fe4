"""Random weights that depend on a seed alone and leave the caller's random numbers as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block whose global random numbers on the CPU start from a seed; before and after it they are the caller's.

    Modules draw their first weights from the global state and take no generator.

    Args:
        seed: of the block.
    """
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed GPUs too, whose states are not put back.
        torch.default_generator.manual_seed(seed)
        yield
