"""`duban import-ledger` 补录台账: a workbook as offices keep it becomes cases; what cannot be read is listed, nothing half."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.runtime.ledger_import import already_imported, import_rows, preview_file
from web.cli.terminal import TERMINAL, line, opened

MAIN = "major_hazard_supervision"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "import-ledger",
        help="补录台账",
        description="把台账工作簿补录为案件；读不懂的逐条列出，不会只导入一半。",
    )
    parser.add_argument("file", type=Path, help="台账工作簿（.xlsx）")
    parser.add_argument("--package", default=MAIN, help=f"流程包（缺省 {MAIN}）")
    parser.add_argument("--preview", action="store_true", help="只预览，不写入")
    parser.add_argument("--skip-bad-rows", action="store_true", help="跳过不能读出的行，其余照常导入")
    parser.add_argument("--skip-imported", action="store_true", help="跳过以前已导入的行")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with opened() as engine:
        made = preview_file(engine, args.file.read_bytes(), args.file.name, args.package)
        there = already_imported(engine, made)
        if args.json:
            for row in made.rows:
                problems = [{"column": p.column, "reason": p.reason} for p in row.problems]
                line({"row": row.number, "serial": row.serial, "remarks": row.remarks, "problems": problems})
        else:
            states = "，".join(f"{state} {count}" for state, count in made.states.items())
            print(
                f"读出 {len(made.rows)} 行（{states}），小计 {made.subtotals} 行，以前已导入 {len(there)} 行"
            )
            for problem in made.problems:
                print(f"不能导入  {problem}")
            for row in made.rows:
                for remark in row.remarks:
                    print(f"说明      第 {row.number} 行：{remark}")
            if made.new_units:
                print(f"将新建企业 {len(made.new_units)} 家")
        if args.preview:
            return 1 if made.problems else 0
        report = import_rows(
            engine, made, TERMINAL, skip_bad_rows=args.skip_bad_rows, skip_imported=args.skip_imported
        )
        if args.json:
            line(
                {
                    "imported": len(report.cases),
                    "left_out": report.left_out,
                    "there_before": report.there_before,
                }
            )
        else:
            print(f"已导入 {len(report.cases)} 个案件，新建企业 {len(report.new_units)} 家")
    return 0
