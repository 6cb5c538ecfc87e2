"""What a server costs: CPU seconds and memory of a process with all its children, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
USER, SYSTEM, ENDED_USER, ENDED_SYSTEM = 11, 12, 13, 14
"""Fields of /proc/PID/stat after the name, counted from 0 (proc(5): utime, stime, cutime, cstime)."""


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for one in found:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            for task in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, task.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the family, with children that have ended and been waited for."""
    ticks = 0
    for one in reversed(
        family(pid)
    ):  # parents last: what a child that ends meanwhile has used is then theirs
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(fields[n]) for n in (USER, SYSTEM, ENDED_USER, ENDED_SYSTEM))
    return ticks / TICK


def memory(pid: int) -> int:
    """Bytes the family holds in memory; a page that several share counts once in all (PSS)."""
    total = 0
    for one in family(pid):
        for entry in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if entry.startswith("Pss:"):
                total += int(entry.split()[1]) * 1024
    return total
