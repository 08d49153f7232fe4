"""The segmenter's training, on activations that tell segments apart and on marks of a photo of known parts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.networks.head_segmenter import SEGMENTS, HeadSegmenter, SegmenterConfig
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.training.segment_labels import BACKGROUND, FACE, HAIR, NO_FACE, UNMARKED, SegmentMarker
from stylefaceuv.training.segmenter import (
    MarkedPixels,
    SegmenterTraining,
    agreement,
    join,
    mark_loss,
    train,
    train_in_rounds,
    without_hidden_hair,
)
from tests.lifting.lifted_scene import Scene, make_scene
from tests.lifting.scenes import neutral

CHANNELS = 12
SHORT = replace(SegmenterTraining(), steps=300, batch=128, learning_rate=1e-2)


def marked(count: int, seed: int, wrong: float = 0.0) -> MarkedPixels:
    """Pixels around one point for each segment, some of them marked as another one."""
    source = torch.Generator().manual_seed(seed)
    middles = 2 * torch.randn(len(SEGMENTS), CHANNELS, generator=torch.Generator().manual_seed(1))
    truth = torch.randint(len(SEGMENTS), (count,), generator=source)
    activations = middles[truth] + torch.randn(count, CHANNELS, generator=source)
    other = torch.randint(len(SEGMENTS), (count,), generator=source)
    mistaken = torch.rand(count, generator=source) < wrong
    return MarkedPixels(5 + 3 * activations, torch.where(mistaken, other, truth))


def fresh() -> HeadSegmenter:
    torch.manual_seed(0)
    return HeadSegmenter(SegmenterConfig(resolution=4, channels=CHANNELS, hidden=16))


def test_it_learns_what_the_marks_agree_on() -> None:
    segmenter = fresh()
    curve = train(segmenter, marked(3000, 2, wrong=0.2), SHORT)
    assert len(curve) == SHORT.steps
    assert sum(curve[-20:]) < 0.85 * sum(curve[:20])
    assert min(agreement(segmenter, marked(1000, 3)).values()) > 0.97


def test_the_loss_of_plain_marks_is_smoothed_cross_entropy() -> None:
    logits = torch.randn(9, len(SEGMENTS), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    marks = torch.arange(9) % len(SEGMENTS)
    logits.requires_grad_()
    own = mark_loss(logits, marks, 0.1)
    expected = torch.nn.functional.cross_entropy(logits, marks, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(own, expected)
    slopes = [torch.autograd.grad(each.sum(), logits, retain_graph=True)[0] for each in (own, expected)]
    torch.testing.assert_close(*slopes)
    few = logits.detach()[:3].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: mark_loss(x, torch.tensor([NO_FACE, 1, 2]), 0.1), (few,))


def test_no_face_allows_hair_and_background() -> None:
    scores = torch.full((len(SEGMENTS), len(SEGMENTS)), -20.0)
    scores[range(len(SEGMENTS)), range(len(SEGMENTS))] = 20.0
    loss = mark_loss(scores, torch.full((len(SEGMENTS),), NO_FACE), 0.0)
    right = [row in (BACKGROUND, HAIR) for row in range(len(SEGMENTS))]
    assert [bool(each < 1e-3) for each in loss] == right


def test_fair_hair_is_told_from_skin_by_where_it_must_not_be() -> None:
    """A kind of hair between hair and skin, which some marks show as face: beside the head it is no face."""
    pixels = marked(4000, 2)
    fair = (pixels.segment == HAIR) & (torch.arange(4000) % 3 > 0)
    pixels.activations[fair] += 1.5 * torch.randn(CHANNELS, generator=torch.Generator().manual_seed(8))
    blind = MarkedPixels(pixels.activations, torch.where(fair, FACE, pixels.segment))
    knowing = MarkedPixels(pixels.activations, torch.where(fair, NO_FACE, pixels.segment))
    said = []
    for each in (blind, knowing):
        segmenter = fresh()
        train(segmenter, each, SHORT)
        shares = segmenter.logits(pixels.activations[fair].float()).softmax(dim=1).detach()
        said.append(float(shares[:, HAIR].mean()))
    assert said[1] > 0.7 > said[0]
    assert agreement(segmenter, knowing)["no face"] > 0.95


def mean_agreement_with_truth(wrong: float) -> float:
    segmenter = fresh()
    train(segmenter, marked(3000, 2, wrong=wrong), SHORT)
    return sum(agreement(segmenter, marked(1000, 3)).values()) / len(SEGMENTS)


def test_marks_without_relation_teach_nothing() -> None:
    assert mean_agreement_with_truth(wrong=1.0) < 0.5
    assert mean_agreement_with_truth(wrong=0.0) > 0.97


def test_segments_without_marks_have_no_share() -> None:
    segmenter, pixels = fresh(), marked(200, 3)
    few = MarkedPixels(*(each[(pixels.segment == FACE) | (pixels.segment == HAIR)] for each in vars(pixels).values()))
    shares = agreement(segmenter, few)
    assert set(shares) == {SEGMENTS[FACE], SEGMENTS[HAIR]}
    said = segmenter.logits(few.activations).argmax(dim=1)
    for row in (FACE, HAIR):
        own = [int(guess) == row for guess, mark in zip(said, few.segment, strict=True) if mark == row]
        assert shares[SEGMENTS[row]] == pytest.approx(sum(own) / len(own))
    assert agreement(segmenter, MarkedPixels(few.activations[:0], few.segment[:0])) == {}


@pytest.mark.parametrize("rounds", [0, -1])
def test_no_rounds_are_refused(rounds: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"rounds: expected at least 1, got {rounds}"):
        SegmenterTraining(rounds=rounds)


def test_the_same_seed_gives_the_same_weights() -> None:
    both = []
    for _ in range(2):
        segmenter = fresh()
        train(segmenter, join([marked(300, 4), marked(200, 5)]), replace(SHORT, steps=5))
        both.append(segmenter.state_dict())
    assert all(torch.equal(both[0][name], both[1][name]) for name in both[0])


def test_hair_that_was_marked_as_background_is_found_in_rounds() -> None:
    truth, pixels = marked(4000, 6), marked(4000, 6)
    beside = (truth.segment == HAIR) & (torch.arange(4000) % 5 < 2)  # two fifths of the hair
    pixels.segment[beside] = BACKGROUND
    torch.manual_seed(0)
    config = SegmenterConfig(resolution=4, channels=CHANNELS, hidden=16)
    segmenter, curve = train_in_rounds(config, pixels, SHORT)
    assert len(curve) == SHORT.steps
    kept = without_hidden_hair(segmenter, pixels, SHORT.doubt)
    assert int((kept.segment == BACKGROUND).sum()) < 1.1 * int((truth.segment == BACKGROUND).sum())
    once = fresh()
    train(once, pixels, SHORT)

    def said_hair(one: HeadSegmenter) -> float:
        shares = one.logits(truth.activations[beside]).softmax(dim=1)
        return float(shares[:, HAIR].detach().mean())

    assert said_hair(segmenter) > 0.8 > said_hair(once) + 0.1
    assert min(agreement(segmenter, marked(1000, 7)).values()) > 0.95


@pytest.fixture(scope="module")
def scene(head: MorphableModel) -> Scene:
    return make_scene(head)


def detected(scene: Scene, photo: Photo) -> torch.Tensor:
    """(478, 2): the head's own landmarks in the photo."""
    own = photo.coefficients
    points = scene.head.landmarks(scene.head(own.identity[None], own.expression[None]))
    camera = Camera.portrait(photo.image.shape[-1], photo.image.shape[-1])
    return camera.project(points + own.translation)[0, :, :2]


def test_marks_are_true(scene: Scene) -> None:
    own = replace(neutral(), translation=torch.tensor([0.0, -0.35, -1.0]))
    texels, places = scene.lifter.texels, scene.lifter.hair_places
    grown = (texels.gather(places.scalp[0])[:, 0] > 0.3).float()[:, None]
    hairy = scene.albedo(1) * (1 - texels.scatter(grown)) + 0.08 * texels.scatter(grown)
    photo = scene.photo(hairy, light_preset("studio"), own)
    photo = replace(photo, detected=detected(scene, photo))
    size = 128
    marks = SegmentMarker(scene.lifter, size)(photo)
    assert marks.shape == (size, size)
    counts = {row: int((marks == row).sum()) for row in (UNMARKED, BACKGROUND, FACE, HAIR, NO_FACE)}
    assert counts[NO_FACE] > 100
    assert counts[BACKGROUND] > 1000
    assert counts[FACE] > 500
    assert counts[HAIR] > 20
    head = scene.lifter.surface.silhouette(own, size) > 0
    assert not bool(head[(marks == BACKGROUND) | (marks == NO_FACE)].any())
    assert bool(head[(marks == FACE) | (marks == HAIR)].all())
    dark = torch.nn.functional.adaptive_avg_pool2d(photo.image, size).mean(dim=0) < 0.4
    assert bool(dark[marks == HAIR].all())
    assert float(dark[marks == FACE].float().mean()) < 0.02


def test_a_bald_head_has_no_hair(scene: Scene) -> None:
    own = replace(neutral(), translation=torch.tensor([0.0, -0.35, -1.0]))
    photo = scene.photo(scene.albedo(1), light_preset("studio"), own)
    marks = SegmentMarker(scene.lifter, 128)(replace(photo, detected=detected(scene, photo)))
    assert int((marks == HAIR).sum()) == 0
    assert int((marks == FACE).sum()) > 500


def test_a_photo_without_landmarks_is_refused(scene: Scene) -> None:
    photo = scene.photo(scene.albedo(1), light_preset("studio"), neutral())
    with pytest.raises(InvalidArgumentError, match=r"photo\.detected: expected"):
        SegmentMarker(scene.lifter, 128)(replace(photo, detected=None))
