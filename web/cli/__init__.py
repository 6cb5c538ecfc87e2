"""The command `duban` 命令行: one module a subcommand, each with `add_parser(subparsers)` and `run(args) -> int`.

Exit codes: 0 done · 1 a check failed or something was found wrong · 2 refused (wrong usage, refused input) ·
3 a case waits · 4 an incident.
"""
