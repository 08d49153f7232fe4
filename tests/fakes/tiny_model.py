"""A pipeline of tiny random parts: every stage runs, nothing is read from disk."""

from __future__ import annotations

import torch

from stylefaceuv import StyleFaceUV
from stylefaceuv.components import Components
from stylefaceuv.export.exporter import Exporter
from stylefaceuv.face_model.arkit import EXPRESSION_NAMES
from stylefaceuv.lifting.albedo_model import AlbedoModel
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.head_segmenter import HeadSegmenter, SegmenterConfig
from stylefaceuv.networks.landmarker import LandmarkDetection, Landmarker
from stylefaceuv.networks.mapper import Mapper
from stylefaceuv.networks.stylegan2 import StyleGAN2, StyleGAN2Config
from stylefaceuv.networks.uv_generator import UVGenerator, UVGeneratorConfig
from stylefaceuv.rendering.renderer import Renderer
from tests.reference.tiny_head import tiny_head

IMAGE, ATLAS, TRUNK = 64, 64, 16


class StillLandmarker(Landmarker):
    """Finds the same points in every image, without a network."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def detect(
        self, images: torch.Tensor, initial_crop: torch.Tensor | None = None, refinements: int = 2
    ) -> LandmarkDetection:
        points = 0.5 * torch.rand(1, 478, 3, generator=torch.Generator().manual_seed(3)) + 0.25
        count = len(images)
        scores = torch.full((count, len(BLENDSHAPE_NAMES)), 0.1)
        return LandmarkDetection(images.shape[-1] * points.expand(count, -1, -1), torch.ones(count), scores)


def tiny_model(seed: int = 0, hair: str = "clean") -> StyleFaceUV:
    """Return a pipeline of random parts that makes 64 pixel images and 64 texel maps.

    Args:
        seed: of all weights.
        hair: "clean" or "keep".

    Returns:
        The pipeline, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mapper = Mapper("compact", EXPRESSION_NAMES)
        mapper.spread.fill_(0.05)
        mapper.mean[80 + 64 + 3 : 80 + 64 + 6] = 3.0  # light from all around
        albedo = AlbedoModel(
            0.5 + 0.1 * torch.rand(3, 32, 32), 0.02 * torch.randn(4, 3, 32, 32), torch.full((1, 32, 32), 0.03)
        )
        painter = UVGeneratorConfig(
            trunk_resolution=TRUNK,
            trunk_channels=4,
            haar_bands=False,
            resolution=32,
            displacement_resolution=16,
            widths=(4, 4),
            displacement_widths=(4,),
            components=2,
        )
        parts = Components(
            generator=StyleGAN2(StyleGAN2Config(512, 1, (4,) * 5)).eval(),
            mapper=mapper.eval(),
            face_model=tiny_head(seed),
            landmarker=StillLandmarker(),
            albedo_model=albedo,
            renderer=Renderer(),
            exporter=Exporter(),
            uv_generator=UVGenerator(painter).eval(),
            head_segmenter=HeadSegmenter(SegmenterConfig(resolution=TRUNK, channels=4, hidden=3)).eval(),
        )
        return StyleFaceUV(parts, texture_size=ATLAS, hair=hair)
