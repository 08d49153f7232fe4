"""The real head, shared by the tests of what moves it."""

from __future__ import annotations

import pytest

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    return load_face_model()
