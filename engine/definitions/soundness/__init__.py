"""Soundness 可靠性: whether a case can get stuck, by exploring every marking a definition can come to.

`net` is one scope of a process with its data left out, `exploration` its markings, `analysis` the scopes of a package one
by one and what is wrong with them, `findings` the sentences. `concurrency` and `catching` are read off the drawing.
"""

from engine.definitions.soundness.analysis import MOST_STATES, Analysis, Fault
from engine.definitions.soundness.findings import check

__all__ = ["MOST_STATES", "Analysis", "Fault", "check"]
