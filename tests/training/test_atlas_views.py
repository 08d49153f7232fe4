"""Views of a whole set against those of one face at a time."""

from __future__ import annotations

import torch

from stylefaceuv import StyleFaceUV
from stylefaceuv.lifting.atlas_view import AtlasViewer
from stylefaceuv.training.atlas_views import AtlasViews
from stylefaceuv.types import PART_NAMES


def test_views_of_a_set_are_those_of_its_faces(model: StyleFaceUV) -> None:
    parts, w = model.components, model.sample(3, seed=5)
    views = AtlasViews(parts, w, 64)[torch.tensor([2, 0])]
    viewer = AtlasViewer(parts.face_model, 64)
    for place, row in enumerate((2, 0)):
        with torch.inference_mode():
            alone = viewer(parts.mapper(w[row][None]))
        torch.testing.assert_close(views.visibility[place], alone.visibility[0], atol=2e-3, rtol=0)
        seen = alone.visibility[0, 0] > 0
        assert int(seen.sum()) > 500
        torch.testing.assert_close(views.grid[place][seen], alone.grid[0][seen], atol=2e-3, rtol=0)
        torch.testing.assert_close(views.normal[place][:, seen], alone.normal[0][:, seen], atol=2e-3, rtol=0)


def test_eyes_are_islands_of_the_charts(model: StyleFaceUV) -> None:
    views = AtlasViews(model.components, model.sample(0, seed=5), 64)
    chart, eyes = views.chart_and_eyes()
    texels, names = views.texels, [PART_NAMES[part] for part in views.part.tolist()]
    assert chart.shape == eyes.shape == (1, 1, 64, 64)
    assert int(chart.sum()) == len(names)
    assert texels.gather(chart[0])[:, 0].eq(1).all()
    assert texels.gather(eyes[0])[:, 0].bool().tolist() == [name.startswith("eye_") for name in names]
