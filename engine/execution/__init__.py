"""The kernel 流程内核: moves tokens through a compiled package, purely.

`state` holds a case and folds facts into it, `advance` decides what follows from a command, `explain` says what the
case waits for, `play` runs a diagram on a virtual clock.
"""
