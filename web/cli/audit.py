"""`duban audit` 审计: recompute every chain and the tree over them; make, show and hand out checkpoints."""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

from engine.audit import checkpoint, proof, signing
from engine.audit.archives import verify_archives
from engine.audit.verify import Progress, verify
from engine.audit.verify_tree import verify_tree
from engine.errors import InputInvalid
from engine.runtime import checkpoints
from engine.runtime.engine import Engine
from engine.runtime.settings import Settings
from web.cli.terminal import TERMINAL, instant_of, line, opened, shown

BAR = 30
"""Characters of the progress bar."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "audit",
        help="审计",
        description="重新核算台账的每条链和整棵存证树，指出第一处不符；生成和导出检查点。",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="操作")
    check = actions.add_parser("verify", help="核验全部案件的事实链和存证树")
    check.add_argument("--case", default="", help="只核验一个案件（标识）")
    check.add_argument("--fold", action="store_true", help="同时由事实重放出状态，与快照比对")
    check.add_argument(
        "--checkpoint", type=Path, metavar="文件", help="与另存的检查点比对（旁边有存证序列的一并比对）"
    )
    check.add_argument("--key", type=Path, metavar="文件", help="检查点的公钥；缺省取数据目录中的")
    check.add_argument(
        "--archive",
        type=Path,
        metavar="文件",
        action="append",
        default=[],
        help="一并核验的存档文件，可以给几次",
    )
    check.add_argument("--json", action="store_true", help="输出 JSON")
    check.set_defaults(run=run_verify)
    sign = actions.add_parser("checkpoint", help="显示、生成、导出检查点，或设置间隔与另存目录")
    sign.add_argument("--now", action="store_true", help="立即生成一个")
    sign.add_argument("--export", type=Path, metavar="目录", help="把最新的检查点、公钥和存证序列导出到目录")
    sign.add_argument("--every", type=int, metavar="分钟", help="每隔多少分钟自动生成一个")
    sign.add_argument("--folder", metavar="目录", help="每次生成后另存到的目录（完整路径；空文字表示不另存）")
    sign.add_argument("--json", action="store_true", help="输出 JSON")
    sign.set_defaults(run=run_checkpoint)
    proof = actions.add_parser("proof", help="给出证明（JSON），收到的人凭公钥离线核对")
    proof.add_argument("case", nargs="?", help="案件（标识）：证明它在检查点里")
    proof.add_argument("--checkpoint", type=Path, metavar="文件", help="哪个检查点；缺省取最新的")
    proof.add_argument("--since", type=Path, metavar="文件", help="另一个更早的检查点：证明此后只有追加")
    proof.add_argument("--check", type=Path, metavar="文件", help="核对收到的证明，不需要数据库")
    proof.add_argument("--key", type=Path, metavar="文件", help="检查点的公钥；缺省取数据目录中的")
    proof.set_defaults(run=run_proof)


def run_verify(args: argparse.Namespace) -> int:
    with opened() as engine:
        outside = None
        if args.checkpoint is not None:
            outside = _trusted(engine, args.checkpoint, args.key)
        with engine.read() as connection:
            bar = None if args.json or not sys.stderr.isatty() else _bar()
            report = verify(connection, case=args.case, fold=args.fold, progress=bar)
            if outside is not None or not args.case:
                kept = None
                if outside is not None:
                    kept = partial(checkpoints.exported_leaves, args.checkpoint.parent)
                verify_tree(connection, report, outside=outside, kept=kept)
                verify_archives(connection, args.archive, report)
    if args.json:
        line(report.to_data())
        return 0 if report.ok else 1
    print(
        f"核验 {report.cases} 个案件、{report.facts} 条事实、{report.office_facts} 条内务记录，"
        f"存证序列 {report.leaves} 项、检查点 {report.checkpoints} 个"
    )
    if report.archived:
        print(f"其中存档文件里 {report.archived} 个案件")
    if report.away:
        print(f"另有 {report.away} 个案件已封存，存档文件没有给出（--archive），只核对了它们的末尾")
    for found in report.breaks:
        print(f"断裂：案件 {found.case} 第 {found.seq} 条：{found.reason}")
    print("全部相符" if report.ok else f"{len(report.breaks)} 处不符")
    if outside is None and not args.case:
        print("没有给出库外的检查点（--checkpoint）：整条链连同存证序列被一起改写的，这样查不出来。")
    return 0 if report.ok else 1


def _trusted(engine: Engine, file: Path, key: Path | None) -> checkpoint.Checkpoint:
    """The checkpoint in a file, its signature checked."""
    key = key or engine.data_folder / signing.PUBLIC_FILE
    note = _text(file)
    found = checkpoint.read(note)
    if not signing.check(note, _keys(key)):
        raise InputInvalid(f"检查点 {file} 的签名与公钥 {key} 不符：文件被改动，或不是本系统签的。")
    return found


def _keys(file: Path) -> list[str]:
    return [one for one in _text(file).splitlines() if one.strip()]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputInvalid(f"没有找到文件 {file}。检查点用 --checkpoint 给出，公钥用 --key 给出。") from None
    except (OSError, UnicodeDecodeError):
        raise InputInvalid(f"读不出文件 {file}，请检查文件和权限。") from None


def run_proof(args: argparse.Namespace) -> int:
    if args.check is not None:
        return _check_proof(args.check, args.key)
    if (args.case is None) == (args.since is None):
        raise InputInvalid("请给出一个案件，或用 --since 给出更早的检查点。")
    with opened() as engine, engine.read() as connection:
        against = checkpoint.latest(connection)
        if args.checkpoint is not None:
            against = _trusted(engine, args.checkpoint, args.key)
        if against is None:
            raise InputInvalid("还没有检查点。先执行 duban audit checkpoint --now，或等后台任务生成。")
        if args.since is not None:
            line(proof.of_growth(connection, _trusted(engine, args.since, args.key), against))
        else:
            line(proof.of_case(connection, args.case, against))
    return 0


def _check_proof(file: Path, key: Path | None) -> int:
    key = key or Settings.from_environment().data / signing.PUBLIC_FILE
    try:
        data = json.loads(_text(file))
    except ValueError:
        raise InputInvalid(f"{file} 不是 duban audit proof 给出的证明。") from None
    good = proof.holds(data, _keys(key))
    if good and "case" in data:
        print(f"成立：案件 {data['case']} 当时有 {data['seq']} 条记录，最后一条的校验值 {data['head']}")
    else:
        print("成立：两个检查点之间只有追加" if good else "不成立")
    return 0 if good else 1


def run_checkpoint(args: argparse.Namespace) -> int:
    with opened() as engine:
        if args.every is not None or args.folder is not None:
            checkpoints.set_plan(engine, TERMINAL, minutes=args.every, folder=args.folder)
        if args.now:
            checkpoints.make(engine)
        file = checkpoints.export(engine, args.export) if args.export is not None else None
        with engine.read() as connection:
            latest, kept = checkpoint.latest(connection), checkpoints.plan(connection)
    if args.json:
        data = (
            {"size": latest.size, "root": latest.root.hex(), "at": latest.at, "note": latest.note}
            if latest
            else {}
        )
        line(
            data
            | {
                "minutes": kept.minutes,
                "folder": kept.folder,
                "export_error": kept.export_error,
                "file": file,
            }
        )
        return 0
    if latest is None:
        print("还没有检查点。")
    else:
        print(f"最新的检查点（{shown(instant_of(latest.at))}）：\n\n{latest.note}")
    print(
        f"每 {kept.minutes} 分钟一个，"
        + (f"另存到 {kept.folder}" if kept.folder else "没有设置另存目录（--folder）")
    )
    if kept.export_error:
        print(f"最近一次没有存成：{kept.export_error}")
    if file is not None:
        print(f"已导出：{file}")
    return 0


def _bar() -> Progress:
    begun = time.monotonic()

    def show(done: int, total: int) -> None:
        part = done / total if total else 1.0
        bar = "█" * round(part * BAR) + "░" * (BAR - round(part * BAR))
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{bar} {part:4.0%} {done} 条 {time.monotonic() - begun:.0f} 秒{end}")
        sys.stderr.flush()

    return show
