"""What all tests begin with: property tests draw the same examples in every run, so that a red run is red again.

`HYPOTHESIS_PROFILE=exploring pytest …` draws new ones; what it finds becomes a test of its own.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("exploring", settings.get_profile("default"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
