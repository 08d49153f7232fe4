"""What every verb shares: its options, the model, progress and results. Heavy imports wait until they are needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from stylefaceuv.cli.early import check_number, read_stylecode

if TYPE_CHECKING:
    import torch
    from tqdm import tqdm

    from stylefaceuv.crowd import HeadModel
    from stylefaceuv.types import Face

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Loader(Protocol):
    """Makes the model; tests put another one in its place."""

    def __call__(self, source: str | None, revision: str | None, device: str | None, hair: str) -> HeadModel:
        """Return a model like :class:`stylefaceuv.StyleFaceUV`."""


def load_pretrained(source: str | None, revision: str | None, device: str | None, hair: str) -> HeadModel:
    """Load the model that the package documents."""
    from stylefaceuv.pipeline import StyleFaceUV

    return StyleFaceUV.from_pretrained(source, revision=revision, device=device, hair=hair)


@dataclass(frozen=True)
class Session:
    """The options that every verb takes.

    Attributes:
        loader: makes the model.
        seed: of the stylecodes.
        device: where to run; None is the CPU.
        out: file or folder to write, None for none.
        as_json: whether the result is printed as JSON.
        weights: bundle folder or Hub id; None for the embedded weights.
        revision: of a Hub id.
        hair: clean or keep.
        quiet: whether the progress bar is left out.
    """

    loader: Loader
    seed: int
    device: str | None
    out: Path | None
    as_json: bool
    weights: str | None
    revision: str | None
    hair: str
    quiet: bool

    @property
    def target(self) -> Path:
        """The file to write, of a verb that has a default for it; a place that can be written."""
        from stylefaceuv.files import check_writable

        path = self.folder
        check_writable(path)
        return path

    @property
    def folder(self) -> Path:
        """The folder to write, of a verb that has a default for it."""
        if self.out is None:
            raise click.UsageError("Missing option '--out'")
        return self.out

    @property
    def silent(self) -> bool:
        """Whether no progress is shown: not wanted, or stderr is closed."""
        return self.quiet or sys.stderr is None

    def model(self) -> HeadModel:
        """Load the model."""
        return self.loader(self.weights, self.revision, self.device, self.hair)

    def bar(self, total: int, unit: str) -> tqdm[Any]:
        """Return a progress bar on stderr."""
        from tqdm import tqdm

        return tqdm(total=total, unit=unit, file=sys.stderr, disable=self.silent, dynamic_ncols=True)

    def progress(self, items: Iterable[Any], total: int, unit: str) -> Iterable[Any]:
        """Pass items on while a progress bar on stderr counts them."""
        from tqdm import tqdm

        return tqdm(items, total=total, unit=unit, file=sys.stderr, disable=self.silent, dynamic_ncols=True)

    def report(self, result: dict[str, Any], line: str) -> None:
        """Print the result on stdout: one JSON object, or a line for a person."""
        click.echo(json.dumps(result, ensure_ascii=False) if self.as_json else line)


class _OutPath(click.Path):
    """A path; a name that no file can have is wrong use."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except ValueError:  # a null byte, or a character that no file name can hold
            self.fail(f"expected a name that files can have, got {value!r}", param, ctx)


def common_options(out: str | None, out_help: str) -> Decorator:
    """Add the options that every verb takes, and pass them on as one :class:`Session`.

    Args:
        out: default of ``--out``.
        out_help: its help text.

    Returns:
        A decorator for a command function whose first argument is the session.
    """
    options = [
        click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, help="Seed of the stylecodes."),
        click.option("--device", default=None, metavar="NAME", help="cpu or cuda.  [default: cpu]"),
        click.option("--out", type=_OutPath(path_type=Path), default=out, help=out_help),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout."),
        click.option("--weights", default=None, metavar="DIR|ORG/NAME", help="Bundle to use.  [default: embedded]"),
        click.option("--revision", default=None, help="Branch, tag or commit of a Hub bundle."),
        click.option(
            "--hair",
            type=click.Choice(["clean", "keep"]),
            default="clean",
            help="clean: bald; keep: the photo's hair, with its volume.",
        ),
        click.option("--quiet", is_flag=True, help="No progress bar."),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**values: Any) -> Any:
            names = ("seed", "device", "out", "as_json", "weights", "revision", "hair", "quiet")
            loader = click.get_current_context().obj
            session = Session(loader, **{name: values.pop(name) for name in names})
            return function(session, **values)

        decorated: Callable[..., Any] = command
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


STYLECODE_NUMBER = click.IntRange(0, 2**64 - 1)
"""What heads of a seed are numbered by."""
TRUNCATION = click.option(
    "--truncation",
    type=click.FloatRange(0, 2),
    callback=check_number("truncation", 0, 2),
    default=0.7,
    help="Psi: 0 is the mean face, 1 the full variety.",
)
START = click.option("--start", type=STYLECODE_NUMBER, default=0, help="Number of the first head of the seed.")
INDEX = click.option("--index", type=STYLECODE_NUMBER, default=0, help="Number of the head of the seed.")
DETAIL = click.option(
    "--detail",
    type=click.Choice(["lifted", "two-views", "generator"]),
    default="lifted",
    help="lifted shows every freckle, two-views those of the far side, too; generator is several times faster.",
)
STYLECODE = click.option(
    "--stylecode",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=read_stylecode,
    default=None,
    help="A .npy file with a (512,) float32 stylecode, instead of seed and index.",
)


LIGHT_OF = click.option(
    "--light-of",
    type=STYLECODE_NUMBER,
    default=None,
    help="Number of another head of the seed, whose light is taken.",
)


def one_head(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose one head."""
    for option in (DETAIL, STYLECODE, TRUNCATION, INDEX):
        function = option(function)
    return function


def make_head(
    model: HeadModel,
    seed: int,
    index: int,
    truncation: float,
    stylecode: torch.Tensor | None = None,
    detail: str = "lifted",
) -> Face:
    """Make the head that the options of :func:`one_head` choose.

    Args:
        model: makes it.
        seed: of the stylecode.
        index: number of the stylecode under the seed.
        truncation: psi.
        stylecode: (512,) float32 to take instead.
        detail: "lifted", "two-views" or "generator".

    Returns:
        The head.
    """
    from stylefaceuv.types import Face

    if stylecode is not None:
        made = model.generate(stylecode, detail=detail)
    else:
        w = model.sample(1, seed, truncation, index)
        made = model.generate(w, detail=detail, seed=seed, start=index, truncation=truncation)
    return made if isinstance(made, Face) else made[0]


def with_light_of(
    options: dict[str, Any], model: HeadModel, seed: int, index: int | None, truncation: float
) -> dict[str, Any]:
    """Put another head's light into the arguments of ``Face.render``.

    Args:
        options: the arguments.
        model: makes the other head.
        seed: of the stylecodes.
        index: number of the other head; None changes nothing.
        truncation: psi.

    Returns:
        The arguments.
    """
    if index is None:
        return options
    return {**options, "lighting": make_head(model, seed, index, truncation, detail="generator")}
