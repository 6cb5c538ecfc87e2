"""Random block-structured processes, worked off in random order.

Every step: folding the facts gives the state, a snapshot restored gives the state (both asserted by `Play.do`),
everything armed has an owner that lives, and ids are never given twice. Every run ends with nothing left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import commands as c
from engine import facts as f
from tests.engine.builders import Play, diagram

# A block is one entry and one exit. Its tree is drawn first, then written down with fresh ids.
_LEAVES = (
    *("user", "script", "job", "wait", "many", "ladder", "cut", "race", "halts", "undoable"),
    *("several", "link", "gather", "when", "told", "cuts"),
)
_BLOCKS = (
    *("seq", "xor", "and", "or", "fork", "sub", "call", "again", "watched", "caught", "stopped", "each"),
    *("partial", "adhoc", "undone", "saga", "transacted", "bare"),
)


@dataclass
class Block:
    kind: str
    parts: list[Block] = field(default_factory=list)
    choice: int = 0


def blocks() -> st.SearchStrategy[Block]:
    leaf = st.builds(Block, st.sampled_from(_LEAVES), st.just([]), st.integers(0, 3))
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            Block, st.sampled_from(_BLOCKS), st.lists(inner, min_size=1, max_size=3), st.integers(0, 3)
        ),
        max_leaves=8,
    )


class Writer:
    """A block tree → the text form of `builders`."""

    def __init__(self) -> None:
        self.count = 0
        self.called: list[str] = []

    def id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def process(self, block: Block) -> str:
        lines: list[str] = []
        start, end = self.id("start"), self.id("end")
        first, last = self.write(block, lines, "  ")
        body = [f"  start {start}", f"  end {end}", *lines, f"  {start} -> {first}", f"  {last} -> {end}"]
        return "\n".join(["process main", *body, *self.called])

    def write(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        write: Callable[[Block, list[str], str], tuple[str, str]] = getattr(self, f"_{block.kind}")
        return write(block, out, pad)

    # leaves

    def _user(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("user")
        out.append(f"{pad}user {id} groups=DB")
        return id, id

    def _script(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("script")
        out.append(f'{pad}script {id} result=x{block.choice} do="1"')
        return id, id

    def _job(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("job")
        out.append(f"{pad}service {id} topic=t")
        return id, id

    def _wait(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("wait")
        how = ("duration=P1D", "message=m", "signal=s", "date=2020-01-01T00:00:00Z")[block.choice]
        out.append(f"{pad}catch {id} {how}")
        return id, id

    def _many(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("many")
        how = (
            "",
            " sequential",
            ' until="nrOfCompletedInstances = 2"',
            " outputCollection=o outputElement=loopCounter",
        )
        out.append(f"{pad}user {id} times={block.choice}{how[block.choice]}")
        return id, id

    def _ladder(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A user task with a repeating, non-interrupting timer, whose strand listens for the task's end."""
        id, timer, rung, end = self.id("user"), self.id("timer"), self.id("rung"), self.id("end")
        out += [
            f"{pad}user {id}",
            f"{pad}boundary {timer} on={id} cycle=R2/P1D interrupting=false",
            f'{pad}receive {rung} message=工作项已结束 correlationKey="=string(cause.id)"',
            f"{pad}end {end}",
            f"{pad}{timer} -> {rung} -> {end}",
        ]
        return id, id

    def _cut(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id, event, other, join = self.id("user"), self.id("cut"), self.id("user"), self.id("join")
        how = ("duration=P1D", "message=m", "signal=s", "duration=P2D")[block.choice]
        out += [
            f"{pad}user {id}",
            f"{pad}boundary {event} on={id} {how}",
            f"{pad}user {other}",
            f"{pad}xor {join}",
            f"{pad}{id} -> {join}",
            f"{pad}{event} -> {other} -> {join}",
        ]
        return id, join

    def _race(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        gate, one, two, join = self.id("race"), self.id("one"), self.id("two"), self.id("join")
        out += [
            f"{pad}event {gate}",
            f"{pad}catch {one} duration=P1D",
            f"{pad}catch {two} message=m",
            f"{pad}xor {join}",
            f"{pad}{gate} -> {one} -> {join}",
            f"{pad}{gate} -> {two} -> {join}",
        ]
        return gate, join

    def _cuts(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A user task with a multiple boundary event, whose strand ends by itself where it does not interrupt."""
        id, event, other, end = self.id("user"), self.id("cuts"), self.id("user"), self.id("end")
        how = ("", " parallel", " interrupting=false", " parallel interrupting=false")[block.choice]
        out += [
            f"{pad}user {id}",
            f"{pad}boundary {event} on={id} message=m signal=s duration=P1D{how}",
            f"{pad}user {other}",
        ]
        if block.choice > 1:
            out += [f"{pad}end {end}", f"{pad}{event} -> {other} -> {end}"]
            return id, id
        out += [f"{pad}xor {end}", f"{pad}{id} -> {end}", f"{pad}{event} -> {other} -> {end}"]
        return id, end

    def _bare(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A subprocess without a start event: everything in it begins that no flow comes to."""
        id, extra = self.id("sub"), self.id("user")
        out.append(f"{pad}sub {id}")
        self._seq(block, out, pad + "  ")
        out.append(f"{pad}  user {extra}")
        return id, id

    def _halts(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """Something that cannot be computed before a person has supplied `v0` … `v3`; a way out without a default."""
        id, gate, after = self.id("halts"), self.id("gate"), self.id("task")
        out.append(
            pad
            + (
                f"catch {id} date==v0",
                f'script {id} do="v1"',
                f"user {id} each=v2",
                f"catch {id} message=m correlationKey==v3",
            )[block.choice]
        )
        out += [f"{pad}xor {gate}", f"{pad}task {after}", f"{pad}{id} -> {gate}"]
        out.append(f"{pad}{gate} -> {after} if v4")
        return id, after

    def _undoable(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """An activity with a compensation activity: of people, automatic, in rounds, or a subprocess."""
        id, event, handler = self.id("done"), self.id("undo"), self.id("handler")
        how = ("user {}", "script {} result=x do=1", "user {} times=2", "service {} topic=t")[block.choice]
        out += [f"{pad}{how.format(id)}", f"{pad}boundary {event} on={id} compensate"]
        if block.choice == 3:
            out += [f"{pad}sub {handler} undo={event}", f"{pad}  start {handler}s", f"{pad}  user {handler}u"]
            out += [f"{pad}  {handler}s -> {handler}u"]
        else:
            out.append(f"{pad}{('user', 'task', 'user')[block.choice]} {handler} undo={event}")
        if block.choice == 2:  # it may be stopped by a clock, and something else done instead
            late, other, end = self.id("late"), self.id("user"), self.id("end")
            out += [
                f"{pad}boundary {late} on={handler} duration=P1D",
                f"{pad}user {other}",
                f"{pad}end {end}",
            ]
            out.append(f"{pad}{late} -> {other} -> {end}")
        return id, id

    def _several(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A multiple event: waited for, thrown, or at a border; any one or all of it."""
        id, event, other, end = self.id("several"), self.id("event"), self.id("user"), self.id("end")
        match block.choice:
            case 0:
                out.append(f"{pad}catch {id} message=m duration=P1D")
            case 1:
                out.append(f"{pad}catch {id} message=m signal=s parallel")
            case 2:
                out.append(f"{pad}throw {id} signal=t escalation=x")
            case _:
                out += [
                    f"{pad}user {id}",
                    f"{pad}boundary {event} on={id} signal=s message=m interrupting=false",
                ]
                out += [f"{pad}user {other}", f"{pad}end {end}", f"{pad}{event} -> {other} -> {end}"]
        return id, id

    def _link(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        throw, catch = self.id("throw"), self.id("catch")
        out += [f"{pad}throw {throw} link={throw}", f"{pad}catch {catch} link={throw}"]
        return throw, catch

    def _gather(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """Several tokens out of one activity, gathered by the next."""
        one, other = self.id("user"), self.id("user")
        out += [f"{pad}user {one} makes={block.choice + 1}", f"{pad}user {other} needs={block.choice + 1}"]
        out.append(f"{pad}{one} -> {other}")
        return one, other

    def _when(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A conditional event beside work; finishing any work may make it hold."""
        id, event, other, end = self.id("user"), self.id("when"), self.id("user"), self.id("end")
        out += [f"{pad}user {id}", f'{pad}boundary {event} on={id} condition="r != null" interrupting=false']
        out += [f"{pad}user {other}", f"{pad}end {end}", f"{pad}{event} -> {other} -> {end}"]
        return id, id

    def _told(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A multi-instance that tells of its rounds, heard at its border."""
        id, event, other, join = self.id("told"), self.id("event"), self.id("user"), self.id("join")
        how = (
            'none="signal t"',
            'one="signal t" sequential',
            'when="loopCounter = 2 throw signal t"',
            'one="error E2"',
        )
        heard = "error=E2" if block.choice == 3 else "signal=t interrupting=false"
        out += [f"{pad}user {id} times=3 {how[block.choice]}", f"{pad}boundary {event} on={id} {heard}"]
        out += [f"{pad}user {other}", f"{pad}xor {join}", f"{pad}{id} -> {join}"]
        if block.choice == 3:
            out.append(f"{pad}{event} -> {other} -> {join}")
        else:
            out.append(f"{pad}{event} -> {other}")
        return id, join

    # blocks

    def _undone(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """What has completed is undone, with or without waiting."""
        throw = self.id("throw")
        first, last = self._seq(block, out, pad)
        wait = " wait=false" if block.choice == 1 else ""
        out += [f"{pad}throw {throw} compensate{wait}", f"{pad}{last} -> {throw}"]
        return first, throw

    def _saga(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A subprocess with a compensation event subprocess."""
        id, handler, start, work, end = (self.id(n) for n in ("sub", "handler", "start", "user", "end"))
        tail = [
            f"eventsub {handler}",
            f"  start {start} compensate",
            f"  user {work}",
            f"  end {end}" + (" compensate" if block.choice % 2 else ""),
            f"  {start} -> {work} -> {end}",
        ]
        self._inside(f"sub {id}", block, out, pad, tail)
        return id, id

    def _transacted(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A transaction that is cancelled, or not, while something else still goes on in it."""
        id, start, fork, beside = self.id("deal"), self.id("start"), self.id("fork"), self.id("user")
        end, event, other, join = self.id("end"), self.id("cancelled"), self.id("user"), self.id("join")
        many = " times=2" if block.choice == 3 else ""
        out += [
            f"{pad}transaction {id}{many}",
            f"{pad}  start {start}",
            f"{pad}  and {fork}",
            f"{pad}  user {beside}",
        ]
        first, last = self._seq(block, out, pad + "  ")
        out += [
            f"{pad}  end {end}{' cancel' if block.choice else ''}",
            f"{pad}  {start} -> {fork} -> {first}",
            f"{pad}  {fork} -> {beside}",
            f"{pad}  {last} -> {end}",
            f"{pad}boundary {event} on={id} cancel",
            f"{pad}user {other}",
            f"{pad}xor {join}",
            f"{pad}{id} -> {join}",
            f"{pad}{event} -> {other} -> {join}",
        ]
        return id, join

    def _partial(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A complex join that goes on before all have come."""
        fork, join = self.id("fork"), self.id("join")
        enough = min(block.choice, len(block.parts) - 1) + 1
        out += [f"{pad}and {fork}", f'{pad}complex {join} when="activationCount >= {enough}"']
        for part in block.parts:
            first, last = self.write(part, out, pad)
            out += [f"{pad}{fork} -> {first}", f"{pad}{last} -> {join}"]
        return fork, join

    def _adhoc(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("adhoc")
        how = ("", " sequential", f' until="x{block.choice} = 1"', f' keep until="x{block.choice} = 1"')
        out.append(f"{pad}adhoc {id}{how[block.choice]}")
        for part in block.parts:
            self.write(part, out, pad + "  ")
        return id, id

    def _seq(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        ends = [self.write(part, out, pad) for part in block.parts]
        for (_, before), (after, _) in zip(ends, ends[1:], strict=False):
            out.append(f"{pad}{before} -> {after}")
        return ends[0][0], ends[-1][1]

    def _gateway(self, kind: str, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        fork, join = self.id("fork"), self.id("join")
        out += [f"{pad}{kind} {fork}", f"{pad}{kind} {join}"]
        for index, part in enumerate(block.parts):
            first, last = self.write(part, out, pad)
            last_one = index == len(block.parts) - 1
            if kind == "and":
                out.append(f"{pad}{fork} -> {first}")
            elif last_one:
                out.append(f"{pad}{fork} -> {first} default")
            else:
                truth = "true" if (block.choice >> index) & 1 else "false"
                out.append(f"{pad}{fork} -> {first} if {truth}")
            out.append(f"{pad}{last} -> {join}")
        return fork, join

    def _xor(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        return self._gateway("xor", block, out, pad)

    def _and(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        return self._gateway("and", block, out, pad)

    def _or(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        return self._gateway("or", block, out, pad)

    def _fork(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """Several flows out of a task, and an inclusive join that must find out by itself."""
        fork, join = self.id("task"), self.id("join")
        out += [f"{pad}task {fork}", f"{pad}or {join}"]
        for part in block.parts:
            first, last = self.write(part, out, pad)
            out += [f"{pad}{fork} -> {first}", f"{pad}{last} -> {join}"]
        return fork, join

    def _inside(
        self, head: str, block: Block, out: list[str], pad: str, tail: list[str] | None = None
    ) -> None:
        start = self.id("start")
        out += [f"{pad}{head}", f"{pad}  start {start}"]
        first, last = self._seq(block, out, pad + "  ")
        out.append(f"{pad}  {start} -> {first}")
        if block.choice != 1:  # an implicit end otherwise
            end = self.id("end")
            out += [f"{pad}  end {end}", f"{pad}  {last} -> {end}"]
        out += [f"{pad}  {line}" for line in tail or []]

    def _sub(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("sub")
        self._inside(f"sub {id}", block, out, pad)
        return id, id

    def _each(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id = self.id("each")
        order = " sequential" if block.choice % 2 else ""
        self._inside(f'sub {id} each="[1,2]" as=n{order}', block, out, pad)
        return id, id

    def _call(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        id, key = self.id("call"), self.id("process")
        lines: list[str] = []
        start = self.id("start")
        first, last = self._seq(block, lines, "  ")
        end = self.id("end")
        lines += [f"  end {end}", f"  {start} -> {first}", f"  {last} -> {end}"]
        self.called += [f"process {key}", f"  start {start}", *lines]
        out.append(f'{pad}call {id} called={key} in:n="1"')
        return id, id

    def _again(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """Rework: the block twice."""
        enter, count, ask = self.id("again"), self.id("count"), self.id("ask")
        name = f"n{count}"
        out += [
            f"{pad}xor {enter}",
            f"{pad}xor {ask}",
            f'{pad}script {count} result={name} do="if {name} = null then 1 else {name} + 1"',
        ]
        first, last = self._seq(block, out, pad)
        leave = self.id("task")
        out += [
            f"{pad}task {leave}",
            f"{pad}{enter} -> {first}",
            f"{pad}{last} -> {count} -> {ask}",
            f"{pad}{ask} -> {enter} if {name} < 2",
            f"{pad}{ask} -> {leave} default",
        ]
        return enter, leave

    def _watched(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A subprocess with an event subprocess, interrupting or not."""
        id, handler, start, work = self.id("sub"), self.id("handler"), self.id("start"), self.id("user")
        word = "" if block.choice % 2 else " interrupting=false"
        how = ("duration=P1D", "message=m", "cycle=R2/P1D", "signal=s")[block.choice]
        tail = [
            f"eventsub {handler}",
            f"  start {start} {how}{word}",
            f"  user {work}",
            f"  {start} -> {work}",
        ]
        self._inside(f"sub {id}", block, out, pad, tail)
        return id, id

    def _caught(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A subprocess that ends with an error or throws an escalation, caught at its boundary."""
        id, event, other, join = self.id("sub"), self.id("caught"), self.id("user"), self.id("join")
        end = self.id("throw")
        error = block.choice % 2
        start = self.id("start")
        out += [f"{pad}sub {id}", f"{pad}  start {start}"]
        first, last = self._seq(block, out, pad + "  ")
        kind = "error=E1" if error else "escalation=L1 in:n=2"
        out += [f"{pad}  end {end} {kind}", f"{pad}  {start} -> {first}", f"{pad}  {last} -> {end}"]
        word = "" if error else " interrupting=false"
        out += [
            f"{pad}boundary {event} on={id} {'error=*' if error else 'escalation=L1'}{word}",
            f"{pad}user {other}",
            f"{pad}xor {join}",
            f"{pad}{id} -> {join}",
        ]
        if error:
            out.append(f"{pad}{event} -> {other} -> {join}")
        else:
            done = self.id("end")
            out += [f"{pad}end {done}", f"{pad}{event} -> {other} -> {done}"]
        return id, join

    def _stopped(self, block: Block, out: list[str], pad: str) -> tuple[str, str]:
        """A subprocess whose quickest branch terminates it."""
        id, fork, end, start = self.id("sub"), self.id("fork"), self.id("end"), self.id("start")
        out += [
            f"{pad}sub {id}",
            f"{pad}  start {start}",
            f"{pad}  and {fork}",
            f"{pad}  end {end} terminate",
        ]
        out.append(f"{pad}  {start} -> {fork}")
        for index, part in enumerate(block.parts):
            first, last = self.write(part, out, pad + "  ")
            out.append(f"{pad}  {fork} -> {first}")
            if index == block.choice % len(block.parts):
                out.append(f"{pad}  {last} -> {end}")
        return id, id


def check(play: Play) -> None:
    state = play.state
    for incident in state.incidents.values():
        assert incident.id in state.instances[incident.owner].holds
    for armed in (*state.deadlines.values(), *state.subscriptions.values()):
        assert armed.owner in state.instances or (armed.owner == 0 and state.suspended)
    for work in (*state.items.values(), *state.jobs.values()):
        assert state.instances[work.id].element == work.element
    for instance in state.instances.values():
        assert instance.scope in state.instances or instance.id == 1
        for held in instance.holds:
            assert held in state.deadlines or held in state.subscriptions or held in state.incidents
    for undoing in state.undoing.values():
        assert undoing.id in state.instances
        if undoing.awaited_by:  # what has it undone lives, and waits
            assert state.undoing[undoing.awaited_by].queue is not None
        for id in undoing.queue or ():
            assert id in state.compensable
    for record in state.compensable.values():
        assert record.scope in state.instances or record.scope in state.compensable
        assert record.id in state.kept[record.scope]
        assert record.id not in state.instances and not record.children and not record.holds


SUPPLIED = {"v0": "2020-01-01", "v1": {"q": 1}, "v2": [1, 2], "v3": "k", "v4": True}


def one_step(play: Play, draw: st.DataObject) -> None:
    state = play.state
    does: list[tuple[str, int]] = []
    if state.suspended:
        play.do(c.Resume("恢复"))
        return
    does += [("complete", id) for id in state.items]
    does += [("complete", id) for id in state.jobs]
    does += [("retry", id) for id in state.incidents]
    does += [("hear", s.id) for s in state.subscriptions.values() if s.name in ("m", "s")]
    soon = min(((d.due, d.id) for d in state.deadlines.values() if d.due is not None), default=None)
    if soon is not None:
        does.append(("time", soon[1]))
    assert does, f"nothing can happen any more: {state.instances}"
    what, id = draw.draw(st.sampled_from(does))
    if what == "complete":
        if id in state.items:
            play.do(c.CompleteItem(id, {"r": id}, "p"))
        else:
            play.do(c.CompleteJob(id))
    elif what == "retry":
        corrected = len(play.log) > 60 or draw.draw(st.booleans())
        play.do(c.RetryIncident(id, SUPPLIED if corrected else {}))
    elif what == "hear":
        one = state.subscriptions[id]
        play.message("m", "k") if one.what == "message" else play.signal("s")
    else:
        due = state.deadlines[id].due
        assert due is not None
        play.now = max(play.now, due)
        play.do(c.PassDeadline(id))


def ids(facts: list[f.Fact]) -> list[int]:
    made = (f.ElementEntered, f.DeadlineSet, f.Subscribed, f.IncidentRaised)
    return [fact.id for fact in facts if isinstance(fact, made)]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(block=blocks(), draw=st.data(), pause=st.integers(0, 30))
def test_random_processes_in_random_order_end_with_nothing_left(
    block: Block, draw: st.DataObject, pause: int
) -> None:
    text = Writer().process(block)
    play = Play(diagram(text))
    check(play)
    for step in range(600):
        if play.state.ended:
            break
        if step == pause:
            play.do(c.Suspend("挂起"))
            assert all(d.due is None for d in play.state.deadlines.values())
        one_step(play, draw)
        check(play)
    assert play.state.ended == "completed", text
    assert not (play.state.items or play.state.jobs or play.state.deadlines or play.state.subscriptions)
    assert set(play.state.instances) == {1}
    assert not (play.state.compensable or play.state.kept or play.state.undoing)
    assert play.again() == play.facts  # deterministic, and the snapshots between the steps changed nothing
    seen = ids(play.facts)
    assert len(seen) == len(set(seen))
    begun = [fact.id for fact in play.facts if isinstance(fact, f.CompensationBegan)]
    done = {fact.id for fact in play.facts if isinstance(fact, f.ElementCompleted) and fact.compensable}
    assert len(begun) == len(set(begun)) and done >= set(begun)  # only what completed, and once


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(block=blocks(), draw=st.data(), at=st.integers(0, 20))
def test_cancelling_anywhere_leaves_nothing(block: Block, draw: st.DataObject, at: int) -> None:
    play = Play(diagram(Writer().process(block)))
    for _ in range(at):
        if not play.state.ended:
            one_step(play, draw)
    if play.state.ended:
        return
    living = [id for id in play.state.instances if id != 1]
    armed = {*play.state.deadlines, *play.state.subscriptions, *play.state.incidents}
    play.do(c.Cancel("作废"))
    cancelled = [fact.id for fact in play.new if isinstance(fact, f.ElementCancelled | f.CompensationEnded)]
    gone = f.DeadlineDropped | f.Unsubscribed | f.IncidentResolved
    dropped = [fact.id for fact in play.new if isinstance(fact, gone)]
    assert sorted(cancelled) == sorted(living)
    assert sorted(dropped) == sorted(armed)
    assert play.state.ended == "cancelled"
