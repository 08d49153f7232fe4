"""Constants of the UV generator's second stage, read from one TOML file that names their sources."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stylefaceuv.errors import InvalidArgumentError

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "uv_generator.toml"


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses; see the TOML file for their sources."""

    perceptual: float
    reconstruction: float
    symmetric_view: float
    r1_gamma: float
    adversarial: float
    albedo_prior: float
    displacement_size: float
    displacement_roughness: float
    target: float
    view_agreement: float
    hair: float


@dataclass(frozen=True)
class Schedule:
    """Steps, rates and rhythm."""

    r1_every: int
    generator_per_discriminator: int
    batch: int
    learning_rate: float
    displacement_learning_rate: float
    discriminator_learning_rate: float
    average: float
    final_rate: float
    steps: int
    checkpoint_every: int


@dataclass(frozen=True)
class Picture:
    """What is rendered and compared."""

    size: int
    perceptual_network: str
    mesh_level: int


@dataclass(frozen=True)
class UVTrainingConfig:
    """The whole file."""

    loss: LossWeights
    schedule: Schedule
    picture: Picture


def read_config(path: Path = DEFAULT_CONFIG) -> UVTrainingConfig:
    """Read a configuration.

    Args:
        path: a TOML file with the tables of the default one, complete.

    Returns:
        The constants.

    Raises:
        InvalidArgumentError: a table or a key is missing, unknown or of the wrong type.
    """
    content = tomllib.loads(path.read_text("utf-8"))
    tables: dict[str, type[Any]] = {"loss": LossWeights, "schedule": Schedule, "picture": Picture}
    if set(content) != set(tables):
        raise InvalidArgumentError("config", f"tables {sorted(tables)}", sorted(content))
    return UVTrainingConfig(**{name: _table(name, kind, content[name]) for name, kind in tables.items()})


def _table(name: str, kind: type[Any], values: dict[str, Any]) -> Any:
    expected = {field.name: field.type for field in fields(kind)}
    if set(values) != set(expected):
        raise InvalidArgumentError(f"config [{name}]", f"keys {sorted(expected)}", sorted(values))
    for key, kind_name in expected.items():
        value = values[key]
        fits = {"float": isinstance(value, int | float), "int": isinstance(value, int), "str": isinstance(value, str)}
        if not fits[str(kind_name)] or isinstance(value, bool):
            raise InvalidArgumentError(f"config [{name}] {key}", str(kind_name), repr(value))
    return kind(**values)
