"""The yaw editor moves along its direction only, and refuses what cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.yaw import YawEditor, load_yaw_editor, rotate_stylecodes, symmetric_yaw


@pytest.fixture
def editor() -> YawEditor:
    torch.manual_seed(0)
    return YawEditor().eval()


def test_the_move_is_a_multiple_of_the_direction(editor: YawEditor) -> None:
    w, yaw = torch.randn(5, 512), torch.tensor([-45.0, -10.0, 0.0, 10.0, 45.0])
    with torch.no_grad():
        move, step = editor(w, yaw) - w, editor.step(w, yaw)
    torch.testing.assert_close(move, step[:, None] * editor.direction, rtol=1e-3, atol=1e-5)
    assert float(step.abs().min()) > 0


@pytest.mark.parametrize(
    ("yaw", "expected"),
    [(20.0, -20.0), (-30.0, 30.0), (15.0, -15.0), (14.9, -25.0), (0.0, -25.0), (-3.0, 25.0), (60.0, -45.0)],
)
def test_the_symmetric_yaw(yaw: float, expected: float) -> None:
    assert float(symmetric_yaw(torch.tensor([yaw]))) == pytest.approx(expected)


def test_one_stylecode_gives_one_and_numpy_equals_torch(editor: YawEditor) -> None:
    w = np.random.default_rng(0).standard_normal((2, 512)).astype(np.float32)
    with torch.no_grad():
        batch = rotate_stylecodes(editor, w, [10, -10])
        single = rotate_stylecodes(editor, torch.from_numpy(w[1]), -10)
    assert batch.shape == (2, 512)
    assert single.shape == (512,)
    torch.testing.assert_close(single, batch[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("yaw", [46, -1e9, float("nan"), float("inf"), "left", None, [1, 2, 3], [[1.0, 2.0]]])
def test_a_yaw_that_cannot_be_is_named(editor: YawEditor, yaw: object) -> None:
    with pytest.raises(InvalidArgumentError, match="yaw: expected"):
        rotate_stylecodes(editor, torch.zeros(2, 512), yaw)  # type: ignore[arg-type]


def test_without_an_editor_nothing_turns() -> None:
    with pytest.raises(WeightsError, match="yaw"):
        rotate_stylecodes(None, torch.zeros(2, 512), 10)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "yaw.safetensors"
    path.write_bytes(b"\x08\x00\x00\x00")
    with pytest.raises(WeightsError, match=r"yaw\.safetensors"):
        load_yaw_editor(path)
