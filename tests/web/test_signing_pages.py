"""会签、加签、减签 on the pages and in the API: who has signed, what it stands at, who may be asked, and who reads what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.commands import Actor
from tests.engine.builders import xml
from tests.web.builder import START_FORM, TOML, Site

SIGN_FORM: dict[str, Any] = {
    "schemaVersion": 19, "type": "default", "id": "sign", "title": "会签",
    "components": [
        {"type": "radio", "key": "意见", "id": "o1", "label": "意见", "validate": {"required": True},
         "values": [{"label": w, "value": w} for w in ("同意", "不同意")]},
    ],
}  # fmt: skip

TOGETHER = """
process signing name=会签流程
    start S name=登记
    user A name=方案会签 form=sign each="[\\"DB@能源局\\", \\"DB@住建局\\", \\"AWB@安委办\\"]" as=岗位 groups==[岗位] \
outputCollection=会签意见 outputElement="{岗位: 岗位, 意见: form.意见}" passAt=2/3 veto=true due=workdays(now(),3)
    user B name=归档 groups=AWB
    end E name=已办结
    S -> A -> B -> E
"""


@pytest.fixture
def together(site: Site) -> str:
    """A case in which three sign together."""
    toml = TOML.replace('"tiny"', '"signing"').replace("小流程", "会签流程")
    toml = toml[: toml.index("[actions")] + toml[toml.index("[start.S]") :]
    site.engine.publish(
        {
            "process.toml": toml.encode(),
            "signing.bpmn": xml(TOGETHER),
            "forms/sign.json": json.dumps(SIGN_FORM, ensure_ascii=False).encode(),
            "forms/enter.json": json.dumps(START_FORM, ensure_ascii=False).encode(),
        },
        Actor("zhao", "赵立新"),
        "试验",
    )
    values = {"名称": "备用风机停用", "企业": "一号煤矿", "行业": "煤矿", "属地": "上海庙镇"}
    begun = site.user("wang").post("/api/v1/cases", {"package": "signing", "start": "S", "form": values})
    assert begun.status_code == 201, begun.text
    return str(begun.json["case"])


def held_by(site: Site, case: str, unit: str, word: str = "") -> int:
    items = site.engine.load(case).items.values()
    return next(i.id for i in items if i.unit == unit and word in i.name)


def sign(site: Site, case: str, account: str, unit: str, opinion: str) -> None:
    url = f"/api/v1/cases/{case}/items/{held_by(site, case, unit)}/finish"
    answer = site.user(account).post(url, {"form": {"意见": opinion}})
    assert answer.status_code == 200, answer.text


def test_the_count_and_what_it_needs_stand_on_the_case_and_on_the_item(site: Site, together: str) -> None:
    sign(site, together, "wang", "能源局", "同意")
    for page in (f"/cases/{together}", f"/cases/{together}/items/{held_by(site, together, '住建局')}"):
        shown = site.user("liu").get(page).text
        assert "1/3 已签，1 同意" in shown and "达到 2/3（2 方）同意即通过，一票否决" in shown
        assert "王建军" in shown and "未签" in shown
    said = site.user("liu").get(f"/api/v1/cases/{together}/explain").json["items"]
    assert any("会签“方案会签”：1/3 已签，1 同意" in line["text"] for line in said)


def test_one_more_signs_and_is_taken_back(site: Site, together: str) -> None:
    item = held_by(site, together, "能源局")
    base = f"/api/v1/cases/{together}/items/{item}"
    asked = site.user("wang").get(f"{base}/signers").json
    assert [w["key"] for w in asked["ways"]] == ["beside", "before", "after"]
    ids = {x["id"] for x in asked["signers"]}
    assert {"li", "SD@上海庙镇", "gao"} <= ids and "sun" not in ids and "wang" not in ids
    body = {"way": "beside", "signer": "SD@上海庙镇", "reason": "属地也要签", "until": "2026-09-30"}
    assert site.user("wang").post(f"{base}/signers", body).status_code == 200
    added = held_by(site, together, "上海庙镇")
    page = site.user("wang").get(f"/cases/{together}").text
    assert "0/4 已签" in page and "并加签" in page and "王建军加签：属地也要签" in page
    assert (
        "派单依据：王建军加签：属地也要签" in site.user("mutu").get(f"/cases/{together}/items/{added}").text
    )
    refused = site.user("liu").post(f"/api/v1/cases/{together}/items/{added}/take-back", {"reason": "不必了"})
    assert refused.status_code == 403 and "王建军" in refused.json["detail"]
    taken = site.user("wang").post(f"/api/v1/cases/{together}/items/{added}/take-back", {"reason": "不必了"})
    assert taken.status_code == 200, taken.text
    page = site.user("wang").get(f"/cases/{together}").text
    assert "0/3 已签" in page and "已减签" in page


def test_decided_early_the_others_are_told(site: Site, together: str) -> None:
    left = held_by(site, together, "安委办")
    sign(site, together, "wang", "能源局", "同意")
    sign(site, together, "liu", "住建局", "同意")
    page = site.user("zhao").get(f"/cases/{together}/items/{left}").text
    assert "不用再签" in page and "通过" in page
    timeline = site.user("zhao").get(f"/cases/{together}").text
    assert "“方案会签”会签已有结论：通过（2/3 已签，2 同意），未签的 1 方不用再签" in timeline


def test_the_holder_waits_for_an_opinion_and_reads_it(site: Site) -> None:
    case = site.begin()
    item = site.item(case, "A")
    base = f"/api/v1/cases/{case}/items/{item}"
    body = {"way": "before", "signer": "liu", "reason": "请核对结构", "until": ""}
    assert site.user("wang").post(f"{base}/signers", body).status_code == 200
    page = site.user("wang").get(f"/cases/{case}/items/{item}").text
    assert "还在等刘洋（住建局）的意见" in page and "前加签" in page
    form = {"form": {"说明": "属实", "结论": "属实"}}
    assert site.user("wang").post(f"{base}/finish", form).status_code == 409
    asked = held_by(site, case, "住建局", "征求意见")
    opened = site.user("liu").get(f"/cases/{case}/items/{asked}").text
    assert "加签意见" in opened and "王建军加签：请核对结构" in opened
    worklist = site.user("liu").get("/worklist").text
    assert "征求意见：核实" in worklist
    url = f"/api/v1/cases/{case}/items/{asked}/finish"
    assert site.user("liu").post(url, {"form": {"加签意见": "不同意"}}).status_code == 422
    opinion = {"加签意见": "不同意", "加签理由": "基础未验收"}
    assert site.user("liu").post(url, {"form": opinion}).status_code == 200
    page = site.user("wang").get(f"/cases/{case}/items/{item}").text
    assert "基础未验收" in page and "还在等" not in page
    assert "基础未验收" not in site.user("gao").get(f"/cases/{case}").text  # not the enterprise's to read
    assert site.user("wang").post(f"{base}/finish", form).status_code == 200


def test_one_who_is_to_sign_after_can_be_taken_back_before_the_turn(site: Site) -> None:
    case = site.begin()
    item = site.item(case, "A")
    body = {"way": "after", "signer": "AWB@安委办", "reason": "请把关"}
    assert site.user("wang").post(f"/api/v1/cases/{case}/items/{item}/signers", body).status_code == 200
    (signer,) = site.engine.load(case).signers.values()
    page = site.user("wang").get(f"/cases/{case}").text
    assert "待签" in page and "办结之后，还要" in page
    gone = site.user("wang").post(f"/api/v1/cases/{case}/items/{signer.id}/take-back", {"reason": "不必了"})
    assert gone.status_code == 200, gone.text
    assert not site.engine.load(case).signers
