"""The tree of hashes against RFC 6962's own definition, at every size where its shape changes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import pytest

from engine.audit.merkle import (
    Tree,
    consistency_path,
    grew,
    inclusion_path,
    leaf_hash,
    root_by_path,
    tree_of,
)

LEAVES = 66_000
SIZES = [1, 2, 3, 7, 8, 9, 255, 256, 257, 300, 511, 512, 513, 65_535, 65_536, 65_537, LEAVES]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@functools.cache
def leaves() -> list[bytes]:
    return [leaf_hash(sha256, str(n).encode()) for n in range(LEAVES)]


@functools.cache
def by_the_book(start: int, end: int) -> bytes:
    """MTH of RFC 6962 2.1, word for word."""
    if end - start == 0:
        return sha256(b"")
    if end - start == 1:
        return leaves()[start]
    k = 1
    while k * 2 < end - start:
        k *= 2
    return sha256(b"\x01" + by_the_book(start, start + k) + by_the_book(start + k, end))


@functools.cache
def tiles() -> dict[tuple[int, int], bytes]:
    tree, found = Tree(sha256), {}
    for leaf in leaves():
        found |= {(tile.level, tile.position): tile.hash for tile in tree.push(leaf)}
    return found


def nodes(level: int, first: int, beyond: int) -> Sequence[bytes]:
    return leaves()[first:beyond] if level == 0 else [tiles()[level, n] for n in range(first, beyond)]


def test_the_root_after_every_leaf() -> None:
    tree = Tree(sha256)
    assert tree.root() == by_the_book(0, 0)
    for n, leaf in enumerate(leaves()[:700], 1):
        tree.push(leaf)
        assert tree.size == n and tree.root() == by_the_book(0, n)


def test_the_roots_that_everybody_knows() -> None:
    """Of certificate transparency's own tests: eight given leaves."""
    given = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    tree = Tree(sha256)
    for text in given:
        tree.push(leaf_hash(sha256, bytes.fromhex(text)))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", SIZES)
def test_the_root_by_tiles(size: int) -> None:
    assert tree_of(sha256, nodes, size).root() == by_the_book(0, size)


@pytest.mark.parametrize("size", SIZES)
def test_inclusion(size: int) -> None:
    root = by_the_book(0, size)
    for position in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
        path = inclusion_path(sha256, nodes, position, size)
        assert root_by_path(sha256, leaves()[position], position, size, path) == root
        if size > 1:
            assert root_by_path(sha256, leaves()[position - 1], position, size, path) != root
            with pytest.raises(ValueError, match="short"):
                root_by_path(sha256, leaves()[position], position, size, path[:-1])
        with pytest.raises(ValueError, match="long"):
            root_by_path(sha256, leaves()[position], position, size, [*path, root])
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(sha256, nodes, size, size)


@pytest.mark.parametrize("size", SIZES)
def test_growth(size: int) -> None:
    root = by_the_book(0, size)
    for old in [n for n in SIZES if n <= size]:
        path = consistency_path(sha256, nodes, old, size)
        before = by_the_book(0, old)
        assert grew(sha256, old, before, size, root, path)
        assert not grew(sha256, old, sha256(before), size, root, path)
        assert not grew(sha256, old, before, size, sha256(root), path)
        if path:
            assert not grew(sha256, old, before, size, root, path[:-1])
            assert not grew(sha256, old, before, size, root, [*path[:-1], sha256(path[-1])])
        assert not grew(sha256, old, before, size, root, [*path, root])
    assert not grew(sha256, 0, by_the_book(0, 0), size, root, [])


def test_growth_at_all_small_sizes() -> None:
    for size in range(1, 70):
        for old in range(1, size + 1):
            path = consistency_path(sha256, nodes, old, size)
            assert grew(sha256, old, by_the_book(0, old), size, by_the_book(0, size), path), (old, size)
