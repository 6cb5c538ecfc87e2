"""What would keep somebody from using the page that is open 无障碍: axe-core's rules, targets for a thumb, the width of the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.person import Person

AXE = Path(__file__).parents[2] / "web" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]},
    "resultTypes": ["violations"],
}

_RUN = """async ([where, rules]) => {
  const drawings = [...document.querySelectorAll('.djs-container > svg')].map((one) => [one, document.createComment('')]);
  for (const [one, place] of drawings) one.replaceWith(place);
  const exclude = ['.djs-container', '.fjs-powered-by', '.fjs-dropdownlist', '.bio-properties-panel'].map((one) => [one]);
  try {
    return await axe.run({ include: [[where]], exclude }, rules);
  } finally {
    for (const [one, place] of drawings) place.replaceWith(one);
  }
}"""
"""The drawings and the libraries' own widgets are left out (one goes through the options of form-js with the arrow keys); drawings are taken away meanwhile, for axe reads what it leaves out."""


def violations(person: Person, where: str = "html") -> list[str]:
    """Serious and critical findings on the page that is open, or in one part of it."""
    if not person.page.evaluate("window.axe !== undefined"):
        person.page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = person.page.evaluate(_RUN, [where, _RULES])
    return [
        f"{person.page.url} {one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


_SMALLEST = """() => [...document.querySelectorAll('main a.btn, main button, main summary, main select, main textarea,'
  + ' main input:not([type=hidden], [type=file], [type=radio], [type=checkbox])')]
  .filter((one) => one.checkVisibility() && one.offsetParent && !one.closest('.djs-container, [data-island="diagram"], .fjs-input-group, .fjs-taglist'))
  .map((one) => [one.getBoundingClientRect().height, (one.textContent || one.getAttribute('aria-label') || one.id).trim().slice(0, 30)])
  .filter(([height]) => height < 43.5)"""

_SMALL_FIELDS = """() => [...document.querySelectorAll('.fjs-input-group, .fjs-taglist, .fjs-inline-label, .fjs-repeat-row-remove')]
  .filter((one) => one.checkVisibility() && one.offsetParent)
  .map((one) => [one.getBoundingClientRect(), one.className])
  .filter(([box, name]) => box.height < 43.5 || name.includes('remove') && box.width < 43.5)
  .map(([box, name]) => [box.width, box.height, name])"""
"""What form-js draws itself: fields in frames, the lines of choices, the crosses of rows."""

_BESIDE = """() => {
  const root = document.documentElement;
  const within = (one) => one.parentElement && one !== root && (/auto|scroll/.test(getComputedStyle(one.parentElement).overflowX) || within(one.parentElement));
  const out = [...document.querySelectorAll('main *')]
    .filter((one) => one.checkVisibility() && !one.closest('.djs-container, .diagram, .visually-hidden') && !within(one))
    .filter((one) => { const box = one.getBoundingClientRect(); return box.width && (box.right > root.clientWidth + 1 || box.left < -1); })
    .map((one) => `${one.tagName}.${one.className}`).slice(0, 5);
  return root.scrollWidth > root.clientWidth ? [`${root.scrollWidth} of ${root.clientWidth} pixels`, ...out] : out;
}"""


def too_small(person: Person) -> list[list[Any]]:
    """What is lower than a thumb is wide (44 px): buttons and fields of the page, then what form-js draws itself."""
    found: list[list[Any]] = person.page.evaluate(_SMALLEST) + person.page.evaluate(_SMALL_FIELDS)
    return found


def beside_the_screen(person: Person) -> list[str]:
    """What sticks out of the screen and is not within something that scrolls; how wide the page is where it can be scrolled sideways."""
    found: list[str] = person.page.evaluate(_BESIDE)
    return found
