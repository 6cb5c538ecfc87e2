"""A small disk for tests: a file system in memory that is mounted here, filled to the last byte, and made larger."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEGABYTE = 1 << 20


class Disk:
    """A small file system of its own, which can be made larger."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.tablespace = ""

    def sized(self, size: int, *, again: bool = True) -> None:
        options = f"size={size}" + (",remount" if again else "")
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.place)], check=True, capture_output=True
        )

    def filled(self, *, but: int = 0) -> None:
        """Make it so small that only `but` bytes are left."""
        found = os.statvfs(self.place)
        self.sized((found.f_blocks - found.f_bfree) * found.f_frsize + but)

    def roomy(self) -> None:
        self.sized(256 * MEGABYTE)


@contextmanager
def mounted(place: Path) -> Iterator[Disk]:
    """A disk with plenty of room. Skips the test, and says so, where nobody may mount anything."""
    made = Disk(place)
    place.mkdir(exist_ok=True)
    try:
        made.sized(256 * MEGABYTE, again=False)
    except (subprocess.CalledProcessError, FileNotFoundError) as refused:
        pytest.skip(
            f"no small file system can be mounted here ({refused}): only root may, on a machine of its own"
        )
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
