"""Every stage of the training on a handful of faces: shows that each runs and that each loss falls."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.components import Components, load_components
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.networks.head_segmenter import HeadSegmenter
from stylefaceuv.networks.mapper import Mapper
from stylefaceuv.networks.uv_generator import load_uv_generator
from stylefaceuv.networks.yaw import YawEditor
from stylefaceuv.training import albedo, segmenter, yaw
from stylefaceuv.training.dataset import FaceShards, write_images
from stylefaceuv.training.dataset_labels import label_all
from stylefaceuv.training.fitting import DatasetFitter, fit_pending
from stylefaceuv.training.hair_targets import HairTargetMaker, join_hair_targets, read_hair_targets
from stylefaceuv.training.image_engines import make_engine
from stylefaceuv.training.mapper import LandmarkLoss, MapperConfig, MapperTraining, load_data
from stylefaceuv.training.mapper_lighting import teach_lighting
from stylefaceuv.training.painter_stage import SUFFIX, PainterStage
from stylefaceuv.training.uv_config import read_config
from stylefaceuv.training.uv_dataset import read_targets
from stylefaceuv.training.uv_hair import HairStage, HairTraining
from stylefaceuv.training.uv_second_stage import SecondStage
from stylefaceuv.training.uv_skin import SkinStage, SkinTraining
from stylefaceuv.training.uv_start import starting_generator
from stylefaceuv.training.uv_targets import TargetMaker, write_targets
from stylefaceuv.training.uv_warm_start import WarmStart, WarmStartConfig

FACES = 4
SEED = 77


def smoke() -> int:
    """Run every stage; say what each loss was and became.

    Returns:
        Exit code: 1 where a loss did not fall.
    """
    parts = load_components(Bundle.open(None), torch.device("cpu"))
    stages: dict[str, Callable[[Components, Path], tuple[float, float]]] = {
        "data set": _data_set,
        "mapper": _mapper,
        "albedo": _albedo,
        "yaw": _yaw,
        "segmenter": _segmenter,
        "targets and light": _targets,
        "uv-warm": _warm_start,
        "uv": _second_stage,
        "uv-hair": _hair,
        "uv-skin": _skin,
    }
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name, stage in stages.items():
            before, after = stage(parts, Path(folder))
            fell = after < before
            sys.stdout.write(f"{name:18} {before:9.4f} -> {after:9.4f} {'' if fell else 'DID NOT FALL'}\n")
            sys.stdout.flush()
            failed += [] if fell else [name]
    return 1 if failed else 0


def _data_set(parts: Components, root: Path) -> tuple[float, float]:
    """Images, labels and fits; the landmark error of the mean head, and of the fits."""
    write_images(root, FACES, SEED, make_engine("torch"), progress=False)
    label_all(root, parts.landmarker, FACES, watch=False, progress=False)
    fit_pending(root, DatasetFitter(parts.face_model))
    data = load_data(root, worst_error=1.0)
    loss = LandmarkLoss(parts.face_model)
    mapper = Mapper(expression_names=tuple(parts.face_model.expression_names))
    mean_head, fitted = torch.zeros(len(data.w), 177), data.target.nan_to_num(0.0)
    before, after = (float(loss(mapper, raw, data.landmarks).median()) for raw in (mean_head, fitted))
    return before, after


def _mapper(parts: Components, root: Path) -> tuple[float, float]:
    data = load_data(root, worst_error=1.0)
    config = replace(MapperConfig(), steps=60, batch=4, learning_rate=3e-4, noise=0.0, validation=0)
    training = MapperTraining(config, data, parts.face_model)
    losses = [loss for _, loss in training.run(60)]
    return sum(losses[:10]) / 10, sum(losses[-10:]) / 10


def _albedo(parts: Components, root: Path) -> tuple[float, float]:
    """How far textures are from the mean, and from the learned span."""
    surface = Surface(parts.face_model, 128)
    with torch.inference_mode():
        lifted = albedo.lift_set(FaceShards(root, labelled=True), surface, FACES, 64)
        regions = albedo.region_maps(surface, 64)
        model = albedo.learn(lifted, regions, components=3, iterations=3)
        delit = albedo.delight_set(lifted, model.mean[None].clamp(0, 1), lifted.weight.float())
        weight = lifted.weight.float() * regions.face
        fit = model.fit(delit, weight)
        far = ((delit - model.mean).abs() * weight).sum() / weight.sum()
        near = ((delit - fit.texture).abs() * weight).sum() / weight.sum()
    return float(far), float(near)


def _yaw(parts: Components, root: Path) -> tuple[float, float]:
    config = replace(yaw.YawConfig(), count=1000, steps=40, batch=64)
    w = yaw.sample_stylecodes(parts.generator, config.count, config.seed).clone()
    editor = YawEditor()
    editor.direction.copy_(yaw.find_direction(w, yaw.mapped_yaw(parts.mapper, w), 0.05))
    editor.mean_stylecode.copy_(w.mean(dim=0))
    editor.spread.copy_(w.std(dim=0))
    curve = yaw.train_regressor(editor, parts.mapper, w, config)
    return curve[0], sum(curve[-5:]) / 5


def _segmenter(parts: Components, root: Path) -> tuple[float, float]:
    model = HeadSegmenter()
    training = replace(segmenter.SegmenterTraining(), count=FACES, pixels=20, steps=40, batch=64)
    photos = segmenter.MarkedPhotos(parts, model.config, resolution=256)
    curve = segmenter.train(model, segmenter.join(list(photos.draw(training))), training)
    return curve[0], sum(curve[-5:]) / 5


def _targets(parts: Components, root: Path) -> tuple[float, float]:
    """Lift both views and teach the light; how far the mean light and the mapper's are from the lifted light."""
    write_targets(root, 64, TargetMaker(parts))
    targets = read_targets(root)
    teach_lighting(parts.mapper, targets, penalty=1.0)
    mean_error = (targets.lighting - targets.lighting.mean(dim=0)).abs().mean()
    with torch.no_grad():
        error = (parts.mapper(targets.w).lighting - targets.lighting).abs().mean()
    return float(mean_error), float(error)


def _warm_start(parts: Components, root: Path) -> tuple[float, float]:
    run = root / "warm"
    run.mkdir()
    config = WarmStartConfig(steps=3, batch=2, checkpoint_every=3)
    stage = WarmStart(parts, read_targets(root), config, run)
    return _fitted(stage, stage.trained[:2])


def _second_stage(parts: Components, root: Path) -> tuple[float, float]:
    """A few steps without perceptual network (its weights are fetched elsewhere), with discriminator."""
    run = root / "second"
    run.mkdir()
    default = read_config()
    config = replace(
        default,
        loss=replace(default.loss, perceptual=0.0, adversarial=0.01),
        schedule=replace(default.schedule, steps=3, checkpoint_every=3, batch=2, learning_rate=4e-4),
        picture=replace(default.picture, size=64),
    )
    model = load_uv_generator(root / "warm" / "uv_generator.safetensors").train()
    stage = SecondStage(parts, model, read_targets(root), root, config, run, None)
    before = float(stage.held_out_errors(stage.model)["own"].mean())
    stage.fit(1e9)
    return before, float(stage.held_out_errors(stage.model)["own"].mean())


def _hair(parts: Components, root: Path) -> tuple[float, float]:
    """A painter of hair that starts anew, on two heads that it learns; a third one is held out."""
    run = root / "hair"
    run.mkdir()
    targets = join_hair_targets(list(HairTargetMaker(parts)(yaw.sample_stylecodes(parts.generator, 3, SEED))))
    targets.save(run / f"00000{SUFFIX}")
    model = starting_generator(root / "second" / "uv_generator.safetensors", hair=True, flat=False).train()
    config = HairTraining(steps=3, batch=2, learning_rate=5e-3, held_out=1, checkpoint_every=3)
    return _fitted(HairStage(parts, model, targets, config, run), torch.arange(2))


def _skin(parts: Components, root: Path) -> tuple[float, float]:
    """The painter of skin, taught by the same heads, without perceptual network (its weights are fetched elsewhere)."""
    run = root / "skin"
    run.mkdir()
    targets = read_hair_targets(root / "hair")
    model = load_uv_generator(root / "second" / "uv_generator.safetensors").train()
    config = SkinTraining(steps=3, batch=2, learning_rate=5e-3, held_out=1, checkpoint_every=3)
    return _fitted(SkinStage(parts, model, targets, config, run), torch.arange(2))


def _fitted(stage: WarmStart | PainterStage, rows: torch.Tensor) -> tuple[float, float]:
    """The loss of some faces before and after a stage."""
    with torch.no_grad():
        before = float(torch.stack(list(stage.terms(rows).values())).sum())
    stage.fit(1e9)
    with torch.no_grad():
        after = float(torch.stack(list(stage.terms(rows).values())).sum())
    return before, after
