from __future__ import annotations

import pytest
import torch

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    """The embedded head; tests must not change it."""
    return load_face_model()


@pytest.fixture
def coefficients() -> tuple[torch.Tensor, torch.Tensor]:
    """Three random heads."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(3, 80, generator=generator), torch.rand(3, 64, generator=generator)
