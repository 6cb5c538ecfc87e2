"""Everything `make test` (and, with --quick, `make check`) runs, in order, each step with its time.

All steps run even if an earlier one failed, so that one run shows every fault; the exit code is 1 if any failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
CODE = ["engine", "web", "tests", "migrations"]


def steps(quick: bool, workers: str) -> list[tuple[str, list[str]]]:
    python = [sys.executable, "-m"]
    # worksteal: a worker takes what stands together, so that what a module's tests share is made once.
    tests = [*python, "pytest", "-q", "-n", workers, "--dist", "worksteal", "--durations", "30"]
    return [
        ("format", [str(BIN / "ruff"), "format", "--check", "-q", *CODE]),
        ("lint", [str(BIN / "ruff"), "check", "-q", *CODE]),
        ("import contracts", [str(BIN / "lint-imports")]),
        ("types", [str(BIN / "mypy")]),
        ("tests", [*tests, "-m", "not slow and not browser"] if quick else tests),
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    # Both workers and every process the tests start would compile the whole house again.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    failed = []
    for name, command in steps(options.quick, options.workers):
        started = time.monotonic()
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        code = subprocess.run(command, check=False, env=environment).returncode
        sys.stdout.write(
            f"== {name}: {'ok' if code == 0 else f'FAILED ({code})'}, {time.monotonic() - started:.1f} s\n"
        )
        if code:
            failed.append(name)
    if failed:
        sys.stdout.write(f"FAILED: {', '.join(failed)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
