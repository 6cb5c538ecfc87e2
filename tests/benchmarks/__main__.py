"""`make bench`: the figures of every `bench_*` module of this folder as one Markdown table.

A module offers `rows()`: (name, value, unit, note). Arguments choose modules: `python -m tests.benchmarks kernel`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from tests import benchmarks


def main(chosen: list[str]) -> int:
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith("bench_"))
    wanted = [n for n in names if not chosen or n.removeprefix("bench_") in chosen]
    if not wanted:
        print(f"no such benchmark; there are: {', '.join(n.removeprefix('bench_') for n in names)}")
        return 2
    print("| what | value | unit | beside it |\n|---|---:|---|---|")
    for name in wanted:
        for row in importlib.import_module(f"tests.benchmarks.{name}").rows():
            print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
