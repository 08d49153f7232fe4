"""Seeds of the trainings: their first weights are those of the seed, and the caller's random numbers stay its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.networks.head_segmenter import SegmenterConfig
from stylefaceuv.networks.mapper import Mapper
from stylefaceuv.networks.uv_generator import UVGenerator, config_to_dict
from stylefaceuv.training.mapper import MapperTraining
from stylefaceuv.training.random_state import seeded
from stylefaceuv.training.segmenter import train_in_rounds
from stylefaceuv.training.uv_start import refit_base, starting_generator
from stylefaceuv.training.uv_warm_start import new_generator
from stylefaceuv.weights_file import save_tensors
from tests.fakes.tiny_model import tiny_model
from tests.networks.test_uv_generator import trained
from tests.training.test_mapper import CONFIG, data
from tests.training.test_segmenter import CHANNELS, SHORT, marked


def left_alone(work: Callable[[], object]) -> bool:
    """Whether a call leaves the next global random numbers as they were."""
    torch.manual_seed(12)
    expected = torch.rand(4)
    torch.manual_seed(12)
    work()
    return torch.equal(torch.rand(4), expected)


def test_a_seeded_block_draws_what_the_global_seed_draws() -> None:
    torch.manual_seed(5)
    expected = torch.randn(3)
    with seeded(5):
        assert torch.equal(torch.randn(3), expected)


def test_a_block_that_fails_leaves_the_random_state_alone() -> None:
    def fails() -> None:
        with seeded(5):
            raise KeyError(float(torch.rand(7).sum()))

    def is_caught() -> None:
        with pytest.raises(KeyError):
            fails()

    assert left_alone(is_caught)
    assert not left_alone(lambda: torch.rand(7))


def test_the_mapper_starts_from_its_seed_and_leaves_the_random_state_alone(tiny: MorphableModel) -> None:
    made: list[MapperTraining] = []
    assert left_alone(lambda: made.append(MapperTraining(CONFIG, data(tiny), tiny)))
    torch.manual_seed(CONFIG.seed)
    expected = Mapper(CONFIG.preset).state_dict()
    for name in ("body.first.weight", "body.second.weight"):  # the linear part is regressed
        assert torch.equal(made[0].mapper.state_dict()[name], expected[name])


def test_the_segmenter_leaves_the_random_state_alone() -> None:
    config = SegmenterConfig(resolution=4, channels=CHANNELS, hidden=16)
    brief = SHORT.__class__(steps=3, batch=16)
    assert left_alone(lambda: train_in_rounds(config, marked(200, 4), brief))


def test_the_start_of_a_second_stage_leaves_the_random_state_alone(tmp_path: Path) -> None:
    path, generator = tmp_path / "uv_generator.safetensors", trained()
    save_tensors(path, generator.state_dict(), config_to_dict(generator.config))
    assert left_alone(lambda: starting_generator(path, hair=True, flat=True))
    source = torch.Generator().manual_seed(0)
    codes = torch.randn(20, generator.config.style_dim, generator=source)
    maps = torch.randint(256, (20, 3, 32, 32), generator=source, dtype=torch.uint8)
    assert left_alone(lambda: refit_base(generator, codes, maps))


def test_a_new_generator_starts_from_its_seed_and_leaves_the_random_state_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts, small = tiny_model().components, tiny_model(1).components.uv_generator
    assert small is not None
    monkeypatch.setattr("stylefaceuv.training.uv_warm_start.UVGenerator", lambda: UVGenerator(small.config))
    fade = torch.ones_like(small.fade)
    codes = torch.randn(4, 512, generator=torch.Generator().manual_seed(2))
    made: list[UVGenerator] = []
    assert left_alone(lambda: made.append(new_generator(parts, codes, fade)))
    torch.manual_seed(0)
    assert torch.equal(made[0].place, UVGenerator(small.config).place)
