"""One pipeline with the embedded weights, and one head, for all tests of a worker."""

from __future__ import annotations

import pytest
import torch

from stylefaceuv import Face, StyleFaceUV

LONGEST_FIRST = (
    "training/test_smoke.py",
    "test_device.py",
    "training/test_uv_second_stage.py",
    "evaluation/test_cost.py",
)
"""Files that take a minute and more: begun last, they would leave the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first; all else keeps its order."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST_FIRST))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """From the first test to the last: with more threads sums round differently, and heads are compared to the bit."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model() -> StyleFaceUV:
    """The pipeline as a user gets it."""
    return StyleFaceUV.from_pretrained()


@pytest.fixture(scope="session")
def face(model: StyleFaceUV) -> Face:
    """One head."""
    made = model.generate(model.sample(1, seed=7)[0], seed=7, start=0, truncation=0.7)
    assert isinstance(made, Face)
    return made
