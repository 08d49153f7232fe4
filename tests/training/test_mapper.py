"""The mapper's training: it learns, it can be stopped, and what it ships is what it learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.networks.mapper import COEFFICIENT_COUNT, Mapper, load_mapper
from stylefaceuv.rendering.lighting import Y00
from stylefaceuv.training.mapper import (
    LandmarkLoss,
    MapperConfig,
    MapperData,
    MapperTraining,
    coefficient_loss,
    initialise,
    load_data,
)
from stylefaceuv.types import FaceCoefficients
from stylefaceuv.weights_file import save_tensors
from tests.training.shards import landmarks_of, random_faces, scores_of, write_shard

CONFIG = MapperConfig(steps=60, batch=32, learning_rate=1e-3, landmark_weight=1.0, noise=0.0, ema=0.9)
LIGHT = slice(147, 174)


def faces_of(w: torch.Tensor, seed: int = 0) -> FaceCoefficients:
    """Coefficients that depend on the stylecode, a little bent."""
    source = torch.Generator().manual_seed(seed)
    mix = torch.randn(512, 150, generator=source) / 512**0.5
    code = w @ mix
    code = code + 0.3 * torch.sin(2 * code)
    expression = 0.3 + 0.1 * code[:, 80:144]
    return FaceCoefficients(
        0.5 * code[:, :80], expression, 8 * code[:, 144:147], torch.zeros(len(w), 27), 0.05 * code[:, 147:150]
    )


def data(tiny: MorphableModel, count: int = 200, light: bool = False) -> MapperData:
    w = torch.randn(count, 512, generator=torch.Generator().manual_seed(1))
    faces = faces_of(w)
    lighting = 0.1 * w[:, :27] + 1 if light else torch.full((count, 27), torch.nan)
    target = torch.cat([faces.identity, faces.expression, faces.rotation, lighting, faces.translation], dim=1)
    return MapperData(w, target, landmarks_of(tiny, faces)[..., :2].contiguous())


def test_the_loss_falls(tiny: MorphableModel) -> None:
    training = MapperTraining(CONFIG, data(tiny), tiny)
    before = training.validate()
    losses = [loss for _, loss in training.run(CONFIG.steps)]
    after = training.validate()
    assert training.step == CONFIG.steps == len(losses)
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert after["l1"] < before["l1"]


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tiny: MorphableModel, tmp_path: Path) -> None:
    faces, config = data(tiny), replace(CONFIG, noise=0.05)
    whole = MapperTraining(config, faces, tiny)
    expected = [loss for _, loss in whole.run(8)]
    first = MapperTraining(config, faces, tiny)
    losses = [loss for _, loss in first.run(4)]
    first.save(tmp_path / "run.pt")
    second = MapperTraining(config, faces, tiny)
    second.resume(tmp_path / "run.pt")
    losses += [loss for _, loss in second.run(8)]
    assert losses == expected
    for one, other in ((whole.mapper, second.mapper), (whole.average, second.average)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_deadline_stops_a_run(tiny: MorphableModel) -> None:
    training = MapperTraining(CONFIG, data(tiny), tiny)
    assert list(training.run(10, deadline=0.0)) == []


def test_the_exported_mapper_is_the_averaged_one(tiny: MorphableModel, tmp_path: Path) -> None:
    training = MapperTraining(CONFIG, data(tiny), tiny)
    for _ in training.run(5):
        pass
    training.export(tmp_path / "mapper.safetensors")
    loaded = load_mapper(tmp_path / "mapper.safetensors")
    assert loaded.expression_names == tiny.expression_names
    w = training.validation.w
    for mapper in (training.mapper, training.average, loaded):
        mapper.requires_grad_(False)
    close = {"atol": 0.02, "rtol": 0.01}
    torch.testing.assert_close(loaded.raw(w), training.average.raw(w), **close)
    spread = (loaded.raw(w) - training.mapper.raw(w)) / training.mapper.spread
    assert float(spread.abs().max()) > 0.005, "not the last step's weights"


def test_the_start_is_ridge_regression(tiny: MorphableModel) -> None:
    w = torch.randn(1200, 512, generator=torch.Generator().manual_seed(2))
    linear = torch.randn(512, COEFFICIENT_COUNT, generator=torch.Generator().manual_seed(3)) / 512**0.5
    faces, mapper = MapperData(w, 5 + w @ linear, torch.zeros(1200, 478, 2)), Mapper("compact")
    with torch.no_grad():
        initialise(mapper, faces, ridge=1e-3)
        torch.testing.assert_close(mapper.raw(w), faces.target, atol=0.02, rtol=0)
    torch.testing.assert_close(mapper.style_mean, w.mean(dim=0))


def test_light_that_nobody_knows_is_flat_and_costs_nothing(tiny: MorphableModel) -> None:
    training = MapperTraining(CONFIG, data(tiny), tiny)
    flat = torch.zeros(27)
    flat[:3] = 1 / Y00
    torch.testing.assert_close(training.mapper.mean[LIGHT], flat)
    raw = training.mapper.raw(training.train_data.w[:4])
    torch.testing.assert_close(raw[:, LIGHT], flat.expand(4, 27), atol=0.02, rtol=0)
    moved = raw.clone()
    moved[:, LIGHT] += 100
    target = training.train_data.target[:4]
    assert float(coefficient_loss(training.mapper, raw, target)) == pytest.approx(
        float(coefficient_loss(training.mapper, moved, target))
    )
    moved[:, 0] += training.mapper.spread[0]
    assert float(coefficient_loss(training.mapper, moved, target)) > float(
        coefficient_loss(training.mapper, raw, target)
    )


def test_known_light_is_learned(tiny: MorphableModel) -> None:
    training = MapperTraining(CONFIG, data(tiny, light=True), tiny)
    w, target = training.train_data.w, training.train_data.target
    guess = (target[:, LIGHT].mean(dim=0) - target[:, LIGHT]).abs().mean()
    assert float((training.mapper.raw(w)[:, LIGHT] - target[:, LIGHT]).abs().mean()) < 0.5 * float(guess)


def test_landmark_loss_is_zero_for_the_truth_and_sees_the_pose(tiny: MorphableModel) -> None:
    faces = data(tiny, 5)
    loss, raw = LandmarkLoss(tiny), torch.nan_to_num(faces.target)
    mapper = Mapper("compact", tiny.expression_names)
    assert float(loss(mapper, raw, faces.landmarks).max()) < 1e-4
    raw = raw.clone()
    raw[2, 144] += 5
    raw.requires_grad_()
    errors = loss(mapper, raw, faces.landmarks)
    assert float(errors[2]) > 0.02 > float(errors[[0, 1, 3, 4]].max())
    errors.sum().backward()
    assert raw.grad is not None
    assert float(raw.grad[2, 144]) > 0


def test_data_is_read_from_fitted_shards(tiny: MorphableModel, tmp_path: Path) -> None:
    faces = random_faces(5)
    w = torch.randn(5, 512)
    path = write_shard(tmp_path, 0, w, landmarks_of(tiny, faces), scores_of(tiny, faces))
    fits = {name: getattr(faces, name) for name in ("identity", "expression", "rotation", "translation")}
    error = torch.tensor([0.01, 0.01, 0.2, 0.01, 0.01])
    save_tensors(path.with_name("shard-00000.fits.safetensors"), {**fits, "error": error})
    read = load_data(tmp_path)
    kept = [0, 1, 3, 4]
    assert torch.equal(read.w, w[kept])
    assert torch.equal(read.target[:, :80], faces.identity[kept])
    assert torch.equal(read.target[:, 174:], faces.translation[kept])
    assert bool(torch.isnan(read.target[:, LIGHT]).all())
    torch.testing.assert_close(read.landmarks, landmarks_of(tiny, faces)[kept, :, :2])
    lights = torch.rand(5, 9, 3)
    save_tensors(path.with_name("shard-00000.lights.safetensors"), {"lighting": lights})
    torch.testing.assert_close(load_data(tmp_path).target[:, LIGHT], lights[kept].reshape(4, 27))


def test_a_limit_takes_faces_from_training_and_none_from_the_held_out_ones(tiny: MorphableModel) -> None:
    faces = data(tiny, 20)
    whole, part = (MapperTraining(replace(CONFIG, validation=4), faces, tiny, limit) for limit in (None, 7))
    assert (len(whole.train_data.w), len(part.train_data.w)) == (16, 7)
    assert torch.equal(whole.validation.w, part.validation.w)
    assert torch.equal(part.train_data.w, whole.train_data.w[:7])
