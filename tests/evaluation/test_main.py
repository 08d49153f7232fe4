"""The evaluation's command line."""

from __future__ import annotations

import pytest

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.__main__ import check_packages


def test_a_missing_package_is_named_before_anything_is_made() -> None:
    check_packages(("torch", "numpy"))
    with pytest.raises(InvalidArgumentError, match=r"evaluation.*no_such_package"):
        check_packages(("torch", "no_such_package"))
