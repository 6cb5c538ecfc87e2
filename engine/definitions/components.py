"""Strongly connected parts of a graph 强连通分量: what leads to each other, so that one can go round in it."""

from __future__ import annotations

from collections.abc import Sequence


def components(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """The strongly connected parts of a graph (Tarjan, without recursion)."""
    number = [-1] * len(after)
    low = [0] * len(after)
    on_stack = [False] * len(after)
    stack: list[int] = []
    found: list[list[int]] = []
    count = 0
    for root in range(len(after)):
        if number[root] >= 0:
            continue
        work = [(root, iter(after[root]))]
        number[root] = low[root] = count
        count += 1
        stack.append(root)
        on_stack[root] = True
        while work:
            node, following = work[-1]
            for target in following:
                if number[target] < 0:
                    number[target] = low[target] = count
                    count += 1
                    stack.append(target)
                    on_stack[target] = True
                    work.append((target, iter(after[target])))
                    break
                if on_stack[target]:
                    low[node] = min(low[node], number[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    part: list[int] = []
                    while True:
                        member = stack.pop()
                        on_stack[member] = False
                        part.append(member)
                        if member == node:
                            break
                    found.append(sorted(part))
    return found
