"""`make bench` and `make bench-full`: the figures of every `bench_*` module of this folder as Markdown tables.

    python -m tests.benchmarks [--full] [NAME …]

What a module offers stands in `table`. Tables go to standard output, how long each module took to standard error.
A module that fails leaves a row that says so, and the exit code 1.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import signal
import sys
import time
import traceback
from typing import Any

from tests import benchmarks
from tests.benchmarks.server import about
from tests.benchmarks.table import HEADER, TABLES, line, not_measured


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--full", action="store_true", help="the sizes and rounds of `make bench-full`")
    parser.add_argument("names", nargs="*", help="modules without `bench_`; all of them when none is named")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers stop and their folders go then too
    there = [m.name.removeprefix("bench_") for m in pkgutil.iter_modules(benchmarks.__path__)
             if m.name.startswith("bench_")]  # fmt: skip
    unknown = sorted(set(options.names) - set(there))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(sorted(there))}")
        return 2
    modules = [importlib.import_module(f"tests.benchmarks.bench_{name}") for name in options.names or there]
    modules.sort(key=lambda module: (TABLES.index(module.TABLE), module.__name__))
    print(machine())
    failed = False
    table = ""
    for module in modules:
        if table != module.TABLE:
            table = module.TABLE
            print(f"\n### {table}\n\n{HEADER}", flush=True)
        failed |= not measured(module, options.full)
    return int(failed)


def measured(module: Any, full: bool) -> bool:
    """Print a module's rows as they come. False: it failed."""
    name = module.__name__.rpartition(".")[2]
    began = time.perf_counter()
    try:
        for row in module.rows(full):
            print(line(row), flush=True)
    except Exception as error:
        traceback.print_exc()
        print(line(not_measured(name, f"the benchmark itself failed: {type(error).__name__}: {error}")))
        return False
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return True


def machine() -> str:
    """What the figures were measured on, for whoever compares them."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    here = f"{os.cpu_count()} cores (load before the run: {load}), Python {platform.python_version()}"
    return f"{here}. {about()} Read the ratios: absolute figures are this machine's, in this hour."


if __name__ == "__main__":
    sys.exit(main())
