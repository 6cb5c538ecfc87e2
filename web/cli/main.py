"""The door of the command line: reads the arguments, calls the subcommand, turns refusals into exit codes."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import sys

from engine.errors import DefinitionRefused, EngineError

SUBCOMMANDS = (
    "serve",
    "web",
    "worker",
    "settings",
    "deploy",
    "check",
    "scenario",
    "play",
    "decide",
    "case",
    "audit",
    "backup",
    "restore",
    "archive",
    "outbox",
    "import_ledger",
    "calendar",
    "clock",
    "user",
    "token",
    "db",
)


def parser(wanted: str = "") -> argparse.ArgumentParser:
    """`wanted`: the subcommand that is called, so that no other is loaded; any other word loads them all."""
    top = argparse.ArgumentParser(
        prog="duban",
        description="督办：重大事故隐患挂牌督办流程。设置由环境变量和文件给出，用 duban settings 查看。",
        epilog="退出码：0 完成；1 检查未通过；2 被拒绝或用法有误；3 案件在等待；4 出现异常。",
    )
    subparsers = top.add_subparsers(dest="subcommand", required=True, metavar="子命令")
    called = wanted.replace("-", "_")
    for name in (called,) if called in SUBCOMMANDS else SUBCOMMANDS:
        importlib.import_module(f"web.cli.{name}").add_parser(subparsers)
    return top


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    gc.disable()  # what is loaded now stays: no need to look through it again and again meanwhile
    args = parser(given[0] if given else "").parse_args(given)
    gc.enable()
    try:
        return int(args.run(args))
    except EngineError as error:
        if getattr(args, "json", False):
            print(
                json.dumps({"code": error.code, "detail": error.message}, ensure_ascii=False), file=sys.stderr
            )
        else:
            print(error.message, file=sys.stderr)
            if isinstance(error, DefinitionRefused):
                for finding in error.fields.get("findings", []):
                    print(f"  {finding}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
