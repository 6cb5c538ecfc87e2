"""`make bench`: every table of this folder. A module `bench_*` offers `rows()`: name, value, unit, note."""

from __future__ import annotations

import importlib
import pkgutil

from tests import benchmarks

for module in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda m: m.name):
    if module.name.startswith("bench_"):
        bench = importlib.import_module(f"tests.benchmarks.{module.name}")
        print(f"\n{(bench.__doc__ or module.name).splitlines()[0]}")
        for name, value, unit, note in bench.rows():
            print(f"  {name:40} {value!s:>12} {unit:8} {note}")
