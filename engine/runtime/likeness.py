"""Likeness 查重: which pictures are the same photo, though mirrored, cut, recompressed or brightened.

Two stages. Each picture has a 64-bit hash (signs of its lowest cosine waves) of the whole and of some cuts of it; hashes that
nearly agree in a quarter of their bits are found by an index, so that a hundred thousand pictures are asked in milliseconds.
What is found is then laid over the other, cut as the hashes say and moved until it fits best; how well it fits, in percent of
the correlation of their greys, is the likeness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageStat

from engine.runtime.pictures import SMALL

Cut = tuple[float, float, float, float]
"""What is taken off, as parts of the sides: left, top, right, bottom."""

CUTS: tuple[Cut, ...] = (
    (0, 0, 0, 0),
    (0.05, 0.05, 0.05, 0.05), (0.1, 0.1, 0.1, 0.1),
    (0.1, 0, 0, 0), (0, 0.1, 0, 0), (0, 0, 0.1, 0), (0, 0, 0, 0.1),
    (0.1, 0.1, 0, 0), (0, 0.1, 0.1, 0), (0, 0, 0.1, 0.1), (0.1, 0, 0, 0.1),
)  # fmt: skip
"""Cuts that are hashed, the whole picture first. One that lies between two of them is still found."""

SIDE, WAVES = 32, 8
NEAR = 16
"""Bits of 64 in which two hashes may differ and be looked at more closely [P]."""

PARTS, PART_BITS = 4, 16
FLAT = 6.0
"""Spread of greys (of 255) below which there is nothing to compare: a wall, a dark lens, a blank sheet [P]."""

_GRID = 64
_STEP, _LEAST_STEP = 0.03, 0.007
_MOST_CUT = 0.35
HOPELESS, PLAIN = 0.4, 0.985
"""A fit so bad that moving the cut will not mend it, and one so good that nothing is left to mend [P]."""

_COSINES = np.cos(np.pi * np.outer(np.arange(WAVES), 2 * np.arange(SIDE) + 1) / (2 * SIDE)).astype(np.float32)

Greys = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a picture is to another: in percent, and what was done to it."""

    percent: int
    mirrored: bool
    cut: bool


def grey(picture: Image.Image) -> Image.Image:
    """The picture as it is compared: upright, grey, small."""
    upright = ImageOps.exif_transpose(picture).convert("L")
    upright.thumbnail((SMALL, SMALL), Image.Resampling.BOX)
    return upright


def is_flat(picture: Image.Image) -> bool:
    return ImageStat.Stat(picture).stddev[0] < FLAT


def hashes(picture: Image.Image, cuts: Iterable[Cut] = CUTS) -> list[int]:
    """The hash of each cut of a grey picture."""
    return [_hash(_without(picture, cut, SIDE)) for cut in cuts]


def keys(hash_: int, *, cut: bool, near: bool = False) -> Iterator[int]:
    """By which a hash is found: its quarters, marked by where they stand and whether it is a cut's. `near`: also what differs
    from them in one bit."""
    for part in range(PARTS):
        value = hash_ >> (part * PART_BITS) & 0xFFFF
        mark = (part << PART_BITS) | (cut << (PART_BITS + 2))
        yield mark | value
        if near:
            yield from (mark | value ^ 1 << bit for bit in range(PART_BITS))


def all_keys(of: list[int]) -> set[int]:
    """The keys under which a picture of these hashes is kept."""
    return {key for n, one in enumerate(of) for key in keys(one, cut=n > 0)}


def asked_keys(of: list[int], mirrored: list[int]) -> set[int]:
    """The keys by which pictures like one of these hashes are asked for: it may be a cut of them, or they of it."""
    whole = {
        key for one in (of[0], mirrored[0]) for cut in (False, True) for key in keys(one, cut=cut, near=True)
    }
    return whole | {key for one in (*of[1:], *mirrored[1:]) for key in keys(one, cut=False, near=True)}


def packed(of: list[int]) -> bytes:
    return b"".join(one.to_bytes(8, "big") for one in of)


def unpacked(content: bytes) -> list[int]:
    return [int.from_bytes(content[n : n + 8], "big") for n in range(0, len(content), 8)]


@dataclass(frozen=True, slots=True)
class Near:
    """Hashes that nearly agree: by how many bits they differ, and which cuts (of the asked one, of the kept one) they are of."""

    bits: int
    mirrored: bool
    asked: Cut
    kept: Cut


def nearest(of: list[int], mirrored: list[int], kept: list[int]) -> Near | None:
    """Where a picture's hashes come nearest to a kept one's; None when nowhere near enough."""
    best: Near | None = None
    for turned, mine in ((False, of), (True, mirrored)):
        pairs = [(0, n) for n in range(len(kept))] + [(n, 0) for n in range(1, len(mine))]
        for a, b in pairs:
            bits = (mine[a] ^ kept[b]).bit_count()
            if bits <= NEAR and (best is None or bits < best.bits):
                best = Near(bits, turned, CUTS[a], CUTS[b])
    return best


def compare(asked: Image.Image, kept: Image.Image, near: Near) -> Likeness:
    """Lay one grey picture over the other as their hashes say, and move the cut until they fit best."""
    mine = ImageOps.mirror(asked) if near.mirrored else asked
    inner, outer, cut = (mine, kept, near.kept) if near.asked == CUTS[0] else (kept, mine, near.asked)
    pattern = _levelled(inner, CUTS[0])
    best = _fits(pattern, outer, cut)
    step = _STEP if best >= HOPELESS else 0.0
    while step >= _LEAST_STEP and best < PLAIN:
        moved = max((_fits(pattern, outer, one), one) for one in _around(cut, step))
        if moved[0] > best:
            best, cut = moved
        else:
            step /= 2
    return Likeness(max(0, round(best * 100)), near.mirrored, max(cut) > 0.02)


def _around(cut: Cut, step: float) -> Iterator[Cut]:
    """Cuts a step away: each side alone, and each two together (a shift, or a zoom)."""
    for one, other in combinations(range(5), 2):  # the fifth is no side
        for sign, opposite in ((1, 1), (-1, -1), (1, -1), (-1, 1)):
            moved = [*cut, 0.0]
            moved[one] += sign * step
            moved[other] += opposite * step
            left, top, right, bottom = (min(max(part, 0.0), _MOST_CUT) for part in moved[:4])
            yield left, top, right, bottom


def _fits(pattern: Greys, outer: Image.Image, cut: Cut) -> float:
    return float(pattern @ _levelled(outer, cut))


def _levelled(picture: Image.Image, cut: Cut) -> Greys:
    """The greys less their mean, as a vector of length one: brightness and contrast do not count."""
    greys: Greys = np.asarray(_without(picture, cut, _GRID), np.float32).ravel()
    greys = greys - np.float32(greys.mean())
    length = float(np.linalg.norm(greys))
    return greys / np.float32(length) if length else greys


def _without(picture: Image.Image, cut: Cut, side: int) -> Image.Image:
    w, h = picture.size
    box = (w * cut[0], h * cut[1], w * (1 - cut[2]), h * (1 - cut[3]))
    return picture.resize((side, side), Image.Resampling.BOX, box=box)


def _hash(small: Image.Image) -> int:
    """The signs of the lowest waves against their median; the mean brightness does not count."""
    waves = (_COSINES @ np.asarray(small, np.float32) @ _COSINES.T).ravel()[1:]
    return int.from_bytes(np.packbits(waves > np.median(waves)).tobytes(), "big")
