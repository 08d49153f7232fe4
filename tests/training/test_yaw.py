"""The yaw training on a world where yaw is a linear function of the stylecode."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.networks.mapper import Mapper
from stylefaceuv.networks.yaw import YawEditor
from stylefaceuv.training.yaw import YawConfig, find_direction, mapped_yaw, train_regressor

GAIN = 12.0
YAW_ROW = 80 + 64


def _axis() -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(512, generator=torch.Generator().manual_seed(3)), dim=0)


def _stylecodes(count: int) -> torch.Tensor:
    return torch.randn(count, 512, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def linear_mapper() -> Mapper:
    """A mapper whose yaw is GAIN degrees for each unit along the axis."""
    mapper = Mapper()
    with torch.no_grad():
        for parameter in mapper.parameters():
            parameter.zero_()
        mapper.body.linear.weight[YAW_ROW] = GAIN * _axis()
    return mapper.eval()


def test_the_mapper_of_this_world_sees_the_yaw_that_it_was_given(linear_mapper: Mapper) -> None:
    w = _stylecodes(5000)  # more than one batch
    torch.testing.assert_close(mapped_yaw(linear_mapper, w), GAIN * w @ _axis(), rtol=1e-4, atol=1e-3)


def test_the_direction_is_a_unit_vector_towards_larger_yaw() -> None:
    w = _stylecodes(20_000)
    direction = find_direction(w, GAIN * w @ _axis(), tail=0.1)
    assert float(direction.norm()) == pytest.approx(1, abs=1e-5)
    assert float(direction @ _axis()) > 0.9


def test_yaws_without_relation_to_the_stylecode_give_another_direction() -> None:
    w = _stylecodes(20_000)
    shuffled = (GAIN * w @ _axis())[torch.randperm(len(w), generator=torch.Generator().manual_seed(5))]
    assert abs(float(find_direction(w, shuffled, tail=0.1) @ _axis())) < 0.3


def test_the_regressor_reaches_the_asked_yaw(linear_mapper: Mapper) -> None:
    torch.manual_seed(0)
    editor, w = YawEditor(), _stylecodes(20_000)
    editor.direction.copy_(_axis())
    config = replace(YawConfig(), steps=350, batch=128, learning_rate=3e-3)
    curve = train_regressor(editor, linear_mapper, w, config)
    assert len(curve) == config.steps
    held_out = torch.randn(200, 512, generator=torch.Generator().manual_seed(9))
    for asked in (-30.0, 0.0, 20.0):
        with torch.no_grad():
            seen = mapped_yaw(linear_mapper, editor(held_out, torch.full((200,), asked)))
            before = mapped_yaw(linear_mapper, held_out)
        assert float((seen - asked).abs().mean()) < 0.35 * float((before - asked).abs().mean())
