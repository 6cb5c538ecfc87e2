"""Pictures 照片: opened safely, asked where and when they were taken, and made small. The original stays as it came.

The place and the camera are in the original only and beside it in `files`: what is made from it carries no metadata.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.clock import SHANGHAI
from engine.errors import InputInvalid

if TYPE_CHECKING:
    from PIL import Image

SMALL, LARGE = 360, 1600
"""Longest side of a thumbnail 缩略图 and of what the viewer shows, in pixels."""

WHOLE = 50
"""Millions of pixels a picture may have that is unpacked whole; a JPEG is unpacked at a fraction [P]."""

FOLDER = "thumbnails"
"""In the data folder. Everything in it can be made again."""

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/heic": "HEIF"}

_EXIF, _GPS = 0x8769, 0x8825
_TAKEN, _OFFSET, _MAKE, _MODEL = 0x9003, 0x9011, 0x010F, 0x0110


@dataclass(frozen=True, slots=True)
class Shot:
    """What a picture says of itself 拍摄信息. `taken_at` is an instant (a camera's clock without zone is taken for
    Shanghai's), places are in millionths of a degree (WGS 84)."""

    width: int
    height: int
    taken_at: datetime | None = None
    latitude: int | None = None
    longitude: int | None = None
    device: str = ""
    stated: bool = False
    """Whether the time or the place is what the uploader's browser said, because the picture says none."""

    def completed(self, said: Mapping[str, str]) -> Shot:
        """With what the browser said when it took the picture (`taken_at` with zone, `latitude` and `longitude` in degrees), where
        the picture itself says nothing. Nonsense is left out."""
        taken = self.taken_at or _stated_instant(said.get("taken_at", ""))
        place = self.latitude, self.longitude
        if place == (None, None):
            place = _stated_place(said.get("latitude", ""), said.get("longitude", ""))
        stated = (taken, place) != (self.taken_at, (self.latitude, self.longitude))
        return replace(self, taken_at=taken, latitude=place[0], longitude=place[1], stated=stated)


@contextmanager
def opened(file: Path, media_type: str, megapixels: int) -> Iterator[Image.Image]:
    """The picture, not yet unpacked. Raises `InputInvalid` for one that is none or too large."""
    import pillow_heif  # with Pillow a large library, which processes that see no picture need not hold
    from PIL import Image

    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None  # asked by ourselves, before anything is unpacked
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what counts is raised
            with Image.open(file, formats=[FORMATS[media_type]]) as picture:
                most = megapixels if picture.format == "JPEG" else min(megapixels, WHOLE)
                if picture.width * picture.height > most * 1_000_000:
                    said = f"照片有 {picture.width}×{picture.height} 像素，超过 {most} 百万，请缩小后再上传。"
                    raise InputInvalid(said)
                yield picture
    except InputInvalid:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the picture's
        raise InputInvalid("照片打不开，文件可能不完整，请重新选择或重拍。") from None


def read_shot(file: Path, media_type: str, megapixels: int) -> Shot:
    """Open a picture to its end and read when, where and with what it was taken. Raises `InputInvalid`."""
    with opened(file, media_type, megapixels) as picture:
        size = picture.size
        picture.draft("L", (512, 512))  # a JPEG is unpacked at an eighth
        picture.load()
        try:
            return _shot(size, picture.getexif())
        except Exception:  # odd metadata is no reason to refuse a photo
            return Shot(*size)


def _shot(size: tuple[int, int], exif: Image.Exif) -> Shot:
    own, gps = exif.get_ifd(_EXIF), exif.get_ifd(_GPS)
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    device = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    latitude, longitude = _degrees(gps, 1, "S", 90), _degrees(gps, 3, "W", 180)
    if latitude is None or longitude is None or (latitude, longitude) == (0, 0):
        latitude = longitude = None
    return Shot(
        *size,
        _instant(_text(own.get(_TAKEN)), _text(own.get(_OFFSET))),
        latitude,
        longitude,
        device.strip()[:100],
    )


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    return "".join(c for c in text if c.isprintable()).strip()


def _instant(taken: str, offset: str) -> datetime | None:
    try:
        local = datetime.strptime(taken[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        zone = datetime.strptime(offset, "%z").tzinfo if offset else SHANGHAI
        found = local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= 1990 else None


def _degrees(gps: dict[int, Any], tag: int, negative: str, most: int) -> int | None:
    value = gps.get(tag + 1)
    if not isinstance(value, tuple) or len(value) != 3:
        return None
    try:
        degrees: float = sum(float(part) / 60.0**n for n, part in enumerate(value))
        if not 0 <= degrees <= most:
            return None
        return round(degrees * 1_000_000) * (-1 if _text(gps.get(tag)).upper() == negative else 1)
    except (ZeroDivisionError, OverflowError, ValueError, TypeError):
        return None


def _stated_instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None and 1990 <= found.year < 9999 else None


def _stated_place(north: str, east: str) -> tuple[int | None, int | None]:
    try:
        degrees = float(north), float(east)
    except ValueError:
        return None, None
    if not (abs(degrees[0]) <= 90 and abs(degrees[1]) <= 180):  # also where it is no number
        return None, None
    return round(degrees[0] * 1_000_000), round(degrees[1] * 1_000_000)


def small(folder: Path, id_: str, side: int, media_type: str, megapixels: int) -> Path:
    """The picture at `SMALL` or `LARGE` as a JPEG without metadata, turned upright: as it was made before, or made now.
    `folder` is the data folder. Raises `InputInvalid`, `OSError`."""
    made = folder / FOLDER / f"{id_}-{side}.jpg"
    if made.exists():
        return made
    from PIL import Image, ImageOps

    with opened(folder / "files" / id_, media_type, megapixels) as picture:
        picture.draft("RGB", (side, side))
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((side, side), Image.Resampling.LANCZOS)
        plain = Image.new("RGB", upright.size, "white")
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            layer = upright.convert("RGBA")
            plain.paste(layer, mask=layer.getchannel("A"))
        else:
            plain.paste(upright.convert("RGB"))
        made.parent.mkdir(parents=True, exist_ok=True)
        draft = made.with_name(f".{made.name}.{secrets.token_hex(4)}")
        try:
            plain.save(draft, "JPEG", quality=80, optimize=True)
            draft.replace(made)
        finally:
            draft.unlink(missing_ok=True)
    return made


def forget(folder: Path, id_: str) -> None:
    """Take away what was made from a picture."""
    for side in (SMALL, LARGE):
        (folder / FOLDER / f"{id_}-{side}.jpg").unlink(missing_ok=True)
