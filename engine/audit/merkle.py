"""The tree of hashes 存证树: RFC 6962's Merkle tree over a sequence of leaves that only grows.

    leaf = H(0x00 ‖ data)        node = H(0x01 ‖ left ‖ right)

Beside the leaves the roots of full groups of 256, of 65,536, … are kept ("tiles"), so that appending, the root at any size and
a proof of inclusion read some hundreds of hashes, however many leaves there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.audit.chain import Hash

TILE_HEIGHT = 8
"""A tile is the root of 2⁸ nodes of the level below it; level 0 are the leaves."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The root of a full group: number `position` of its `level`, from 0."""

    level: int
    position: int
    hash: bytes


Nodes = Callable[[int, int, int], Sequence[bytes]]
"""`nodes(level, first, beyond)`: the hashes of a level that are kept, in order; of level 0 the leaves' own."""


def leaf_hash(digest: Hash, data: bytes) -> bytes:
    """The hash of a leaf by its data."""
    return digest(b"\x00" + data)


def node_hash(digest: Hash, left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return digest(b"\x01" + left + right)


@dataclass(slots=True)
class Tree:
    """The right edge of the tree: its size and the roots of its full subtrees, the largest first, as (height, hash)."""

    digest: Hash
    size: int = 0
    peaks: list[tuple[int, bytes]] = field(default_factory=list)

    def push(self, hash_: bytes, height: int = 0) -> list[Tile]:
        """Append a leaf's hash, or a full subtree of that height; gives the tiles that are full by it."""
        self.size += 1 << height
        peaks, full = self.peaks, []
        if height == 0 and (not peaks or peaks[-1][0] > 0):
            peaks.append((0, hash_))
            return []
        while True:
            while peaks and peaks[-1][0] == height:
                hash_ = self.digest(b"\x01" + peaks.pop()[1] + hash_)
                height += 1
                if height % TILE_HEIGHT == 0:
                    full.append(Tile(height // TILE_HEIGHT, (self.size >> height) - 1, hash_))
            peaks.append((height, hash_))
            return full

    def root(self) -> bytes:
        """The root of the tree as it stands; of an empty tree H of nothing."""
        if not self.peaks:
            return self.digest(b"")
        found = self.peaks[-1][1]
        for _, hash_ in reversed(self.peaks[:-1]):
            found = self.digest(b"\x01" + hash_ + found)
        return found


def tree_of(digest: Hash, nodes: Nodes, size: int, start: int = 0) -> Tree:
    """The tree over the leaves `start` to `start + size`, read from tiles and leaves. `start` is a multiple of the largest
    power of two that is not larger than `size`."""
    tree, at, end = Tree(digest), start, start + size
    level = max(0, (size.bit_length() - 1) // TILE_HEIGHT) if size else 0
    while level >= 0:
        height = level * TILE_HEIGHT
        beyond = end >> height
        for hash_ in nodes(level, at >> height, beyond) if beyond > at >> height else ():
            tree.push(hash_, height)
        at = beyond << height
        level -= 1
    if tree.size != size:
        raise ValueError(f"the tree has {tree.size} of {size} leaves")
    return tree


def inclusion_path(digest: Hash, nodes: Nodes, position: int, size: int) -> list[bytes]:
    """RFC 6962 2.1.1: what proves that leaf `position` stands in the tree of `size`."""
    if not 0 <= position < size:
        raise ValueError(f"no leaf {position} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if position < middle:
            path.append(tree_of(digest, nodes, end - middle, middle).root())
            end = middle
        else:
            path.append(tree_of(digest, nodes, middle - start, start).root())
            start = middle
    return path[::-1]


def root_by_path(digest: Hash, leaf: bytes, position: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a leaf's hash and its path lead to (RFC 9162 2.1.3.2). Raises `ValueError` for a path of another length."""
    if not 0 <= position < size:
        raise ValueError(f"no leaf {position} in a tree of {size}")
    at, last, found = position, size - 1, leaf
    for one in path:
        if last == 0:
            raise ValueError("the path is too long")
        if at & 1 or at == last:
            found = node_hash(digest, one, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(digest, found, one)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return found


def consistency_path(digest: Hash, nodes: Nodes, old: int, size: int) -> list[bytes]:
    """RFC 6962 2.1.2: what proves that the tree of `size` only added to the one of `old`; empty when they are the same."""
    if not 0 < old <= size:
        raise ValueError(f"a tree of {size} was never one of {old}")
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while old != end:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if old <= middle:
            path.append(tree_of(digest, nodes, end - middle, middle).root())
            end = middle
        else:
            path.append(tree_of(digest, nodes, middle - start, start).root())
            start, whole = middle, False
    if not whole:
        path.append(tree_of(digest, nodes, end - start, start).root())
    return path[::-1]


def grew(digest: Hash, old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a path shows that the one tree grew out of the other (RFC 9162 2.1.4.2). Needs nothing but the two checkpoints."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for one in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(digest, one, before), node_hash(digest, one, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(digest, after, one)
        at, last = at >> 1, last >> 1
    return before == old_root and after == root and last == 0
