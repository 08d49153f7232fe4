"""Latent codes depend on a seed and a number, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.sampling import sample_latents

FIRST_OF_SEED_7 = [-1.7496944665908813, 0.5745441317558289, 0.6142833828926086]


def test_rows_are_those_of_philox_keyed_by_both_numbers() -> None:
    rows = sample_latents(3, seed=7, start=5)
    for row, index in zip(rows, (5, 6, 7), strict=True):
        bits = np.random.Philox(key=np.array([7, index], np.uint64))
        assert np.array_equal(row, np.random.Generator(bits).standard_normal(512).astype(np.float32))


def test_row_does_not_depend_on_the_batch() -> None:
    whole = sample_latents(10, seed=3)
    assert np.array_equal(whole[4:7], sample_latents(3, seed=3, start=4))
    assert np.array_equal(whole[9], sample_latents(1, seed=3, start=9)[0])


def test_values_never_change() -> None:
    """Seeds in files, papers and issues must mean the same head for ever."""
    row = sample_latents(1, seed=7)[0]
    assert row[:3].tolist() == FIRST_OF_SEED_7


def test_shape_dtype_and_distribution() -> None:
    rows = sample_latents(200, seed=1)
    assert rows.shape == (200, 512)
    assert rows.dtype == np.float32
    assert abs(float(rows.mean())) < 0.02
    assert float(rows.std()) == pytest.approx(1, abs=0.02)
    assert len({row.tobytes() for row in rows}) == 200


def test_no_rows() -> None:
    assert sample_latents(0, seed=1).shape == (0, 512)


def test_seeds_and_neighbours_differ() -> None:
    assert not np.array_equal(sample_latents(1, seed=1), sample_latents(1, seed=2))
    assert not np.array_equal(sample_latents(1, seed=1, start=2), sample_latents(1, seed=2, start=1))


def test_numpy_integers_are_whole_numbers() -> None:
    assert np.array_equal(sample_latents(np.int64(2), np.uint32(7)), sample_latents(2, 7))


@pytest.mark.parametrize("bad", [-1, 1.0, "1", None, True, 2**64])
@pytest.mark.parametrize("name", ["count", "seed", "start"])
def test_bad_numbers_are_named(name: str, bad: object) -> None:
    arguments: dict[str, object] = {"count": 1, "seed": 1, "start": 0, name: bad}
    with pytest.raises(InvalidArgumentError, match=f"^{name}: expected a whole number"):
        sample_latents(**arguments)  # type: ignore[arg-type]
