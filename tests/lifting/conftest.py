from __future__ import annotations

import pytest

from stylefaceuv.face_model.makehuman import load_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from tests.lifting.lifted_scene import Scene, make_scene
from tests.reference.tiny_head import tiny_head


@pytest.fixture(scope="session")
def head() -> MorphableModel:
    """The embedded head; tests must not change it."""
    return load_face_model()


@pytest.fixture(scope="session")
def tiny() -> MorphableModel:
    """A head of some 170 quads; tests must not change it."""
    return tiny_head()


@pytest.fixture(scope="session")
def scene(head: MorphableModel) -> Scene:
    """A lifter on the embedded head; tests must not change it."""
    return make_scene(head)
