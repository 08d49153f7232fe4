"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stylefaceuv.errors import OutputError
from stylefaceuv.plain_values import as_path


def check_writable(path: str | Path) -> None:
    """Refuse a place that cannot be written, before any work is done for it; nothing is left there.

    Args:
        path: the file that shall appear.

    Raises:
        OutputError: a folder of that name is there, or what its folder would be made in is no writable folder.
    """
    target = as_path("path", path)
    try:
        if target.is_dir():
            raise IsADirectoryError("it is a folder")
        parent = next(folder for folder in target.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=parent):  # permissions alone do not tell it
            pass
    except OSError as error:
        raise OutputError(f"path: expected a writable place, got {target} ({error.strerror or error})") from error
    except ValueError as error:  # a null byte, or a character that no file name can hold
        raise OutputError(f"path: expected a name that files can have, got {str(target)!r}") from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success sync it and rename it into place, else remove it.

    Args:
        path: the file that shall appear; its folder is made when missing.

    Yields:
        A path in the same folder, with the same suffix, to write to.

    Raises:
        OutputError: the folder cannot be made or written, or a folder of that name is there.
    """
    target = as_path("path", path)
    try:
        if target.is_dir():
            raise IsADirectoryError("it is a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise OutputError(f"path: expected a writable place, got {target} ({error.strerror or error})") from error
    except ValueError as error:  # a null byte, or a character that no file name can hold
        raise OutputError(f"path: expected a name that files can have, got {str(target)!r}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _put_in_place(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _put_in_place(temporary: Path, target: Path) -> None:
    try:
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"path: expected a writable place, got {target} ({error.strerror or error})") from error


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old file or the whole new one.

    Args:
        path: the file that shall appear.
        data: its content.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
