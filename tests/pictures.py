"""Pictures for tests 照片: the smallest that are real, drawn scenes that look like places, and what people do to a photo
before they send it a second time."""

from __future__ import annotations

import io
import random
from datetime import datetime

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps


def saved(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


PNG = saved(Image.new("RGB", (2, 2), (90, 120, 150)), "PNG")
"""A whole picture in some seventy bytes."""

JPEG = saved(Image.new("RGB", (2, 2), (90, 120, 150)))
WEBP = saved(Image.new("RGB", (2, 2), (90, 120, 150)), "WEBP")


def scene(seed: int, size: tuple[int, int] = (960, 720)) -> Image.Image:
    """A place as it might be: sky or wall, ground, machines, pipes, signs; grain of a sensor. The same for the same seed."""
    chance = random.Random(seed)
    width, height = size
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    top, low = (tuple(chance.randint(70, 230) for _ in range(3)) for _ in range(2))
    horizon = int(height * chance.uniform(0.3, 0.7))
    for y in range(height):
        base, part = (top, y / horizon / 3) if y < horizon else (low, (y - horizon) / height / 2)
        draw.line((0, y, width, y), fill=tuple(int(c * (1 - part)) for c in base))
    for _ in range(chance.randint(9, 18)):
        x, y = chance.randint(-80, width), chance.randint(int(height * 0.1), height)
        w, h = chance.randint(40, width // 2), chance.randint(30, height // 2)
        colour = tuple(chance.randint(15, 240) for _ in range(3))
        shape = chance.choice(("box", "pipe", "wheel", "beam"))
        if shape == "box":
            draw.rectangle((x, y - h, x + w, y), fill=colour, outline=(20, 20, 20), width=4)
        elif shape == "pipe":
            draw.line((x, y, x + w * 2, y + chance.randint(-h, h)), fill=colour, width=chance.randint(10, 40))
        elif shape == "wheel":
            draw.ellipse((x, y - h, x + h, y), fill=colour, outline=(30, 30, 30), width=6)
        else:
            draw.polygon(((x, y), (x + w, y - h), (x + w + 30, y - h), (x + 40, y)), fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(1.5))
    grain = Image.frombytes("L", (width // 2, height // 2), chance.randbytes((width // 2) * (height // 2)))
    return Image.blend(picture, grain.resize(size).convert("RGB"), 0.06)


def exif(taken: datetime | None = None, place: tuple[float, float] | None = None, device: str = "") -> bytes:
    """Metadata of a phone: when (its own clock), where (degrees north and east), with what."""
    data = Image.Exif()
    if device:
        data[0x010F], _, data[0x0110] = device.partition(" ")
    if taken is not None:
        data.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if place is not None:
        gps = data.get_ifd(0x8825)
        for tag, value, signs in ((1, place[0], "NS"), (3, place[1], "EW")):
            gps[tag] = signs[value < 0]
            gps[tag + 1] = _parts(abs(value))
    return data.tobytes()


def _parts(degrees: float) -> tuple[float, float, float]:
    whole = int(degrees)
    minutes = (degrees - whole) * 60
    return float(whole), float(int(minutes)), (minutes - int(minutes)) * 60


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Without these parts of its sides."""
    w, h = picture.size
    return picture.crop((int(w * left), int(h * top), int(w * (1 - right)), int(h * (1 - bottom))))


def recompressed(picture: Image.Image, quality: int = 30) -> Image.Image:
    return Image.open(io.BytesIO(saved(picture, quality=quality))).convert("RGB")


def brighter(picture: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(factor)


DOCTORED = {
    "原样再交": lambda p: p,
    "镜像": ImageOps.mirror,
    "裁去四边各 5%": lambda p: cropped(p, 0.05, 0.05, 0.05, 0.05),
    "裁去一边 10%": lambda p: cropped(p, 0.1, 0, 0, 0),
    "裁去四边各 10%": lambda p: cropped(p, 0.1, 0.1, 0.1, 0.1),
    "裁去一角 10%": lambda p: cropped(p, 0, 0.1, 0.1, 0),
    "随手裁（7%、3%、2%、8%）": lambda p: cropped(p, 0.07, 0.03, 0.02, 0.08),
    "JPEG 质量 30": recompressed,
    "缩小到四分之一": lambda p: p.resize((p.width // 4, p.height // 4)),
    "变亮 30%": lambda p: brighter(p, 1.3),
    "变暗 30%": lambda p: brighter(p, 0.7),
    "镜像、裁四边 5%、质量 30": lambda p: recompressed(cropped(ImageOps.mirror(p), 0.05, 0.05, 0.05, 0.05)),
}  # fmt: skip
"""What is done to a photo that is handed in again."""
