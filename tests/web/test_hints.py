"""Hints at false fixes: what is noticed, who is told, and who is never told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps

from engine.audit.rebuild import rebuild
from engine.clock import SHANGHAI, FixedClock
from engine.commands import Actor
from engine.errors import InputInvalid
from engine.runtime import comparing, evidence_rules, hints, looking, uploads
from engine.store import tables as t
from tests import pictures, stores
from tests.web.builder import Site, User, files

pytestmark = stores.both

ADDED = """
[parameters.evidence_review]
title = "复核环节"
value = ["A"]
unit = "环节"
source = "试验"

[parameters.evidence_place]
title = "现场坐标取自"
value = ["来源渠道"]
unit = "变量"
source = "试验"

[parameters.evidence_order]
title = "督办日期取自"
value = "发现日期"
unit = "变量"
source = "试验"
"""
BEFORE = datetime(2026, 9, 1, 8, 0, tzinfo=SHANGHAI)
AFTER = datetime(2026, 9, 27, 8, 0, tzinfo=SHANGHAI)


@pytest.fixture
def site(site: Site) -> Iterator[Site]:
    given = files()
    given["process.toml"] = given["process.toml"].replace(b"[register]", ADDED.encode() + b"[register]")
    site.engine.publish(given, Actor("zhao", "赵立新"), "试验")
    yield site


def attach(
    site: Site,
    account: str,
    case: str,
    picture: Image.Image,
    name: str = "现场.jpg",
    item: int = 0,
    **more: Any,
) -> str:
    """A photo, handed in by the API."""
    user = site.user(account)
    assert isinstance(site.engine.clock, FixedClock)
    site.engine.clock.at += timedelta(minutes=1)
    content = io.BytesIO(pictures.saved(picture, quality=88, **more))
    info = uploads.save(site.engine, name, content, Actor(account))
    answer = user.post(f"/api/v1/cases/{case}/files", {"file": info.id, "item": item})
    assert answer.status_code == 201, answer.text
    return info.id


def told(user: User, case: str) -> list[dict[str, Any]]:
    answer = user.get(f"/api/v1/cases/{case}/hints")
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def test_a_photo_of_another_case_is_noticed_and_told_to_reviewers_only(site: Site) -> None:
    theirs = site.begin("liu", 名称="脚手架未验收", 企业="二号工地", 行业="建筑施工", 属地="城川镇")
    mine = site.begin("wang")
    first = attach(site, "liu", theirs, pictures.scene(1), "旧照.jpg")
    second = attach(site, "gao", mine, ImageOps.mirror(pictures.scene(1)))
    attach(site, "gao", mine, pictures.scene(2), "另一张.jpg")
    assert looking.look_at_new(site.engine) == 3
    assert looking.look_at_new(site.engine) == 0, "each once"

    zhao, wang, gao = site.user("zhao"), site.user("wang"), site.user("gao")
    (hint,) = told(zhao, mine)
    assert (hint["kind"], hint["file"], hint["other"], hint["other_case"]) == (
        "duplicate",
        second,
        first,
        theirs,
    )
    assert "镜像后相同" in hint["said"]
    assert told(zhao, theirs) == [], "the earlier one is not the suspicious one"
    (shown,) = told(wang, mine)
    assert shown["said"] == "“现场.jpg”与另一案件的照片相同，请联系安委办核对。"
    assert (shown["other"], shown["other_case"], shown["other_title"]) == ("", "", ""), (
        "a case wang may not see"
    )
    page = wang.get(f"/cases/{mine}").text
    assert "疑似虚假整改提示" in page and first not in page and theirs not in page and "脚手架" not in page
    assert f"/api/v1/files/{first}/small" in zhao.get(f"/cases/{mine}").text, "side by side, for the office"

    assert told(gao, mine) == [] and "疑似虚假" not in gao.get(f"/cases/{mine}").text, "who handed it in"
    assert told(site.user("mutu"), mine) == [], "reads the case, reviews nothing"
    said = {"verdict": "confirmed", "reason": "试一试"}
    for account in ("gao", "mutu", "liu"):
        answer = site.user(account).post(f"/api/v1/cases/{mine}/hints/{hint['id']}", said)
        assert answer.status_code == 404, account


def test_what_a_reviewer_says_of_a_hint_is_a_fact_that_who_handed_it_in_never_reads(site: Site) -> None:
    theirs, mine = site.begin("wang"), site.begin("wang")
    attach(site, "gao", theirs, pictures.scene(1))
    attach(site, "gao", mine, pictures.scene(1))
    looking.look_at_new(site.engine)
    wang = site.user("wang")
    (hint,) = told(wang, mine)
    address = f"/api/v1/cases/{mine}/hints/{hint['id']}"
    assert wang.post(address, {"verdict": "dismissed", "reason": " "}).status_code == 400
    assert wang.post(address, {"verdict": "maybe", "reason": "两案同一现场"}).status_code == 400
    for _ in range(2):
        assert wang.post(address, {"verdict": "dismissed", "reason": "两案同一现场"}).status_code == 200
    (judged,) = told(wang, mine)
    assert (judged["verdict"], judged["reason"], judged["judged_by"]) == ("dismissed", "两案同一现场", "wang")

    def sentences(account: str) -> list[str]:
        lines = site.user(account).get(f"/api/v1/cases/{mine}/timeline").json["items"]
        return [x["sentence"] for x in lines if x["kind"] == "HintJudged"]

    assert len(sentences("zhao")) == len(sentences("wang")) == 1, "said twice, it is one fact"
    assert "排除了疑似虚假整改提示" in sentences("zhao")[0] and "两案同一现场" in sentences("zhao")[0]
    for account in ("gao", "mutu"):
        assert sentences(account) == []
        assert "两案同一现场" not in site.user(account).get(f"/cases/{mine}").text
    engine = site.engine
    with engine.database.write() as c:
        before = c.execute(sa.select(t.hints).order_by(t.hints.c.id)).all()
        rebuild(c, engine.package, engine.calendar())
        assert c.execute(sa.select(t.hints).order_by(t.hints.c.id)).all() == before


def test_the_after_that_is_the_before_an_old_photo_and_a_far_one(site: Site) -> None:
    case = site.begin("wang", 来源渠道="东经107°30′00″ 北纬38°30′00″", 发现日期="2026-09-20")
    item = site.item(case, "A")
    attach(site, "gao", case, pictures.scene(1), "整改前.jpg")
    attach(site, "gao", case, pictures.cropped(pictures.scene(1), 0.05, 0.05, 0.05, 0.05), "整改后.jpg", item)
    attach(site, "gao", case, pictures.scene(2), "旧照.jpg", item, exif=pictures.exif(BEFORE))
    attach(site, "gao", case, pictures.scene(3), "远照.jpg", item, exif=pictures.exif(AFTER, (39.5, 107.5)))
    attach(
        site, "gao", case, pictures.scene(4), "真照.jpg", item, exif=pictures.exif(AFTER, (38.501, 107.501))
    )
    attach(site, "gao", case, pictures.recompressed(pictures.scene(4)), "又一张.jpg", item)
    looking.look_at_new(site.engine)
    found = {(h["kind"], h["name"]): h["said"] for h in told(site.user("zhao"), case)}
    assert set(found) == {("unchanged", "整改后.jpg"), ("older", "旧照.jpg"), ("far", "远照.jpg")}
    assert "整改前后可能用了同一张照片" in found["unchanged", "整改后.jpg"]
    assert "拍摄于 2026-09-01，早于督办日期 2026-09-20" in found["older", "旧照.jpg"]
    assert "约 111.2 公里" in found["far", "远照.jpg"]
    evidence_rules.change(site.engine, {"far_metres": 50}, Actor("zhao", "赵立新"))
    attach(site, "gao", case, pictures.scene(5), "较远.jpg", item, exif=pictures.exif(AFTER, (38.502, 107.5)))
    looking.look_at_new(site.engine)
    assert "较远.jpg" in [h["name"] for h in told(site.user("zhao"), case) if h["kind"] == "far"]


def test_pictures_that_cannot_be_compared_stop_nobody(site: Site) -> None:
    one, two = site.begin("wang"), site.begin("wang")
    wall = Image.new("RGB", (640, 480), (200, 200, 196))
    for case in (one, two):
        attach(site, "gao", case, wall, "白墙.jpg")
    lost = attach(site, "gao", one, pictures.scene(1))
    spoilt = attach(site, "gao", two, pictures.scene(1))
    Path(site.engine.data_folder, "files", lost).unlink()
    Path(site.engine.data_folder, "files", spoilt).write_bytes(b"spoilt")
    skipped: dict[str, float] = {}
    assert looking.look_at_new(site.engine, skipped=skipped) == 3
    assert list(skipped) == [lost], "tried again later: a restore may bring it back"
    assert looking.look_at_new(site.engine, skipped=skipped) == 0
    assert told(site.user("zhao"), two) == []


def test_a_looker_that_dies_at_any_step_leaves_nothing_undone_and_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    one, two = site.begin("wang"), site.begin("wang")
    attach(site, "gao", one, pictures.scene(1))
    attach(site, "gao", two, pictures.scene(1))
    for name in ("_see", "_candidates", "_alike", "_write"):
        right = getattr(comparing, name)

        def die(*given: Any, right: Any = right) -> Any:
            right(*given)
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(comparing, name, die)
            with pytest.raises(Killed):
                looking.look_at_new(site.engine)
    looking.look_at_new(site.engine)
    assert [h["kind"] for h in told(site.user("zhao"), two)] == ["duplicate"]
    with site.engine.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(t.pictures)).scalar() == 2
        assert c.execute(sa.select(sa.func.count()).select_from(t.hints)).scalar() == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("38.2001,107.4832", (38.2001, 107.4832)), ("107.4832，38.2001", (38.2001, 107.4832)),
        ("上海庙镇3号井口 北纬38.2° 东经107.5°", (38.2, 107.5)), ("E107°30′00″ N38°15′36″", (38.26, 107.5)),
        ("井口北侧20.5米，2.5米高", None), ("", None), (None, None), (["38.2,107.4"], None), ("138.2,107.4", None),
    ],
)  # fmt: skip
def test_coordinates_in_words(store: str, text: Any, place: tuple[float, float] | None) -> None:
    assert hints.coordinates(text) == (pytest.approx(place, abs=1e-6) if place else None)


def test_the_offices_settings(site: Site) -> None:
    zhao, wang = site.user("zhao"), site.user("wang")
    assert wang.put("/api/v1/evidence/rules", {"far_metres": 100}).status_code == 403
    assert "50 到 100000 米" in zhao.put("/api/v1/evidence/rules", {"far_metres": 1}).json["detail"]
    assert zhao.put("/api/v1/evidence/rules", {"kinds": ["exe"]}).status_code == 400
    assert zhao.put("/api/v1/evidence/rules", {}).status_code == 400
    assert zhao.put("/api/v1/evidence/rules", {"kinds": ["jpeg"], "picture_mb": 3}).json["picture_mb"] == 3
    with pytest.raises(InputInvalid, match="不接受“.pdf”"):
        uploads.save(site.engine, "a.pdf", io.BytesIO(b"%PDF-"), Actor("wang"))
    page = zhao.get("/admin/evidence").text
    assert "拍摄地点离现场多远提示" in page and "[P]" in page
