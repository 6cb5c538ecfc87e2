"""Play one seed again and tell what happened: `python -m tests.faults.simulation --seed 4711`."""

from __future__ import annotations

import argparse
import logging
import sys

from tests import stores
from tests.faults.simulation.run import DRAWINGS, explained, play


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--store", default=stores.SQLITE, choices=[stores.SQLITE, stores.POSTGRESQL])
    parser.add_argument("--drawings", type=int, default=DRAWINGS)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    played = play(options.seed, options.store, drawings=options.drawings)
    sys.stdout.write(played.world.drawing.text + "\n\n")
    if played.fault is None:
        sys.stdout.write("\n".join(played.world.trace) + "\nno fault\n")
        return 0
    sys.stdout.write(explained(played, options.store, options.drawings) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
