"""Small cases in which something is undone, for the tests of compensation."""

from engine import facts as f
from tests.engine.builders import Play, diagram


def play(text, **variables):
    return Play(diagram(text), **variables)


def entered(game):
    return [fact.element for fact in game.facts if isinstance(fact, f.ElementEntered)]


def undoable(*names, kind="task"):
    """Activities with a compensation activity each: A, its boundary event AB, its handler AU."""
    lines = []
    for name in names:
        lines += [f"task {name}", f"boundary {name}B on={name} compensate", f"{kind} {name}U undo={name}B"]
    return "\n".join(lines)


def indent(text, pad="  "):
    return "\n".join(pad + line for line in text.splitlines())


NESTED = f"""
start S
{undoable("A")}
sub P
  start s
{indent(undoable("B", "C"))}
  sub Q
    start q
{indent(undoable("D"), "    ")}
    q -> D
  s -> B -> Q -> C
{undoable("Z")}
end E compensate
S -> A -> P -> Z -> E
"""

WHITE_BOX = """
start S
sub P in:x="1"
  start s
{inner}
  s -> B
  eventsub F
    start f compensate
    {way}
{own}
end E compensate
S -> P -> E
"""
