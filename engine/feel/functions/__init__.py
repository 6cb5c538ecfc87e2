"""FEEL's built-in functions, and the working-time functions of this dialect."""

from engine.feel.functions import contexts, conversion, lists, numeric, ranges, strings, times, working_time
from engine.feel.functions.registry import FUNCTIONS, Builtin

__all__ = [
    "FUNCTIONS",
    "Builtin",
    "contexts",
    "conversion",
    "lists",
    "numeric",
    "ranges",
    "strings",
    "times",
    "working_time",
]
