"""The errors a user can meet. Each message names the argument, what was expected and what came."""

from __future__ import annotations


class StyleFaceUVError(Exception):
    """Base of every error raised on purpose by this package."""


class InvalidArgumentError(StyleFaceUVError, ValueError):
    """An argument has the wrong value, shape, dtype or name."""

    def __init__(self, argument: str, expected: str, got: object) -> None:
        """Build the message ``argument: expected ..., got ...``."""
        self.argument = argument
        self.expected = expected
        self.got = got
        super().__init__(f"{argument}: expected {expected}, got {got}")


class WeightsError(StyleFaceUVError):
    """A weight file or bundle is missing, truncated, altered, or of an unknown format."""


class DeviceError(StyleFaceUVError):
    """The asked device does not exist on this machine."""


class OutputError(StyleFaceUVError, OSError):
    """An output file or folder cannot be written."""
