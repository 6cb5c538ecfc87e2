"""A random day at the office: people, clocks and outside workers do whatever is possible, by a seed."""

from __future__ import annotations

import io
import random
from collections import Counter

from engine import commands as c
from engine.commands import ENGINE, Actor
from engine.definitions.vocabulary import OPINION_FORM
from engine.errors import EngineError
from engine.runtime import external, uploads
from engine.runtime.engine import Engine
from engine.runtime.worker import Worker
from tests import pictures
from tests.engine.office_builder import ANNA, BEN, CHIEF, KEY, later

PEOPLE = (ANNA, BEN, CHIEF)
OPINION = {"加签意见": "同意"}
AGAINST = {"加签意见": "不同意", "加签理由": "数据有误"}


class RandomOffice:
    """Drives an engine with a fixed clock. `refused` counts the refusals by code, `done` what was done."""

    def __init__(self, engine: Engine, seed: int, signing: int = 1) -> None:
        """`signing`: how often signers are added 加签, beside eight times that work is finished."""
        self.engine, self.random = engine, random.Random(seed)
        self.worker = Worker(engine)
        self.signing = signing
        self.cases: list[str] = []
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        if not self.cases:
            self.begin()
        act = self.random.choices(
            (self.begin, self.work, self.wait, self.outside, self.around),
            (1 if len(self.cases) < 6 else 0, 12, 4, 4, 3),
        )[0]
        try:
            act()
        except EngineError as refusal:
            self.refused[refusal.code] += 1

    def begin(self) -> None:
        self.cases.append(self.engine.execute(c.StartCase(KEY, {}), self.random.choice(PEOPLE)).case)
        self.done["begin"] += 1

    def work(self) -> None:
        case = self.random.choice(self.cases)
        state = self.engine.load(case)
        if not state.items:
            return
        item = self.random.choice(list(state.items.values()))
        command = self.random.choices(
            (
                c.FinishItem(case, item.id, self.said() if item.form == OPINION_FORM else {}),
                c.ClaimItem(case, item.id),
                c.ReleaseItem(case, item.id, "另有任务"),
                c.TransferItem(case, item.id, "由他办理", person=self.random.choice(PEOPLE).person),
                c.ReturnItem(case, item.id, "材料不齐"),
                c.WithdrawItem(case, self.random.randrange(1, state.last + 1), "写错了"),
                self.added(case, item.id),
                c.TakeBackSigner(case, self.random.choice([*state.signers] or [item.id]), "不必再签"),
            ),
            (8 + self.signing, 2, 1, 1, 1, 1, self.signing, 1),
        )[0]
        theirs = item.element == "D" or item.role == "AWB" or isinstance(command, c.TakeBackSigner)
        actor: Actor = CHIEF if theirs else self.random.choice((ANNA, BEN))
        self.engine.execute(command, actor)
        self.done[type(command).__name__] += 1

    def said(self) -> dict[str, str]:
        """An added signer's form."""
        return self.random.choice((OPINION, OPINION, AGAINST))

    def added(self, case: str, item: int) -> c.AddSigner:
        """Somebody is asked to sign as well: beside, before or after."""
        way = self.random.choice(("beside", "before", "after"))
        return c.AddSigner(case, item, way, "请会商", person=self.random.choice((*PEOPLE, CHIEF)).person)

    def wait(self) -> None:
        later(self.engine, minutes=self.random.choice((1, 30, 130, 1500)))
        self.done["worker"] += self.worker.step()

    def outside(self) -> None:
        name = self.random.choice(("w1", "w2"))
        for job in external.fetch_and_lock(self.engine, "outside", name, 60, 2):
            if self.random.random() < 0.3:
                external.complete(self.engine, job.case, job.job, name, {"外部结果": "通过"})
            else:
                external.fail(self.engine, job.case, job.job, name, "对方没有回应")
            self.done["job"] += 1

    def around(self) -> None:
        case = self.random.choice(self.cases)
        kind = self.random.choice((0, 1, 2, 3, 3, 3, 3, 4, 5))
        if kind == 0:
            self.engine.execute(c.AddNote(case, "看过了"), self.random.choice(PEOPLE))
        elif kind == 1:
            self.engine.execute(c.CallAction(case, "extension", {}), ANNA)
        elif kind == 2:
            self.engine.execute(c.SuspendCase(case, "不可抗力", None), CHIEF)
        elif kind == 3:
            self.engine.execute(c.ResumeCase(case, "情况消除"), CHIEF)
        elif kind == 4:
            file = uploads.save(self.engine, "现场.png", io.BytesIO(pictures.PNG + case.encode()), ANNA)
            self.engine.execute(c.AttachFile(case, file.id), ANNA)
        elif self.random.random() < 0.2:
            self.engine.execute(c.CancelCase(case, "重复登记"), CHIEF)
        else:
            for incident in list(self.engine.load(case).incidents):
                self.engine.execute(c.RetryIncident(incident), ENGINE, case=case)
        self.done["around"] += 1
