"""What an exception means, in the words that the user reads."""

from __future__ import annotations

import errno
import os

import pytest

from core.jobs.errors import error_info


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT"])
def test_full_disk_and_used_up_quota_are_told_as_a_full_disk(name: str) -> None:
    if not hasattr(errno, name):
        pytest.skip(f"this system knows no {name}")
    number = getattr(errno, name)
    info = error_info(OSError(number, os.strerror(number), "result.tif"))
    assert (info.code, info.path) == ("disk-full", "result.tif")


def test_other_errors_of_the_system_are_not() -> None:
    assert error_info(OSError(errno.EIO, os.strerror(errno.EIO))).code == "internal"
