"""A person at the modeler 流程设计: draws with the mouse, fills in the properties panel, checks and publishes."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.person import PATIENCE, Person

MODELER = "document.querySelector('.modeler-diagram:not([hidden]) .modeler-canvas').modeler"
MIDDLE_OF_FLOW = f"""(id) => {{
  const modeler = {MODELER};
  const canvas = modeler.get('canvas');
  const points = modeler.get('elementRegistry').get(id).waypoints;
  let best = [points[0], points[1]];
  const length = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);
  for (let at = 1; at < points.length; at += 1) if (length([points[at - 1], points[at]]) > length(best)) best = [points[at - 1], points[at]];
  const middle = {{ x: (best[0].x + best[1].x) / 2, y: (best[0].y + best[1].y) / 2 }};
  const size = canvas.viewbox();
  canvas.viewbox({{ x: middle.x - size.outer.width / 2, y: middle.y - size.outer.height / 2, width: size.outer.width, height: size.outer.height }});
  const box = canvas.getContainer().getBoundingClientRect();
  return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
}}"""


class Drawing:
    """The modeler island on the page a person has open."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.page = person.page

    # -- drawing ---------------------------------------------------------------------------------------

    def flow(self, source: str, target: str) -> str:
        """The id of the sequence flow between two elements."""
        found = self.page.evaluate(
            f"([a, b]) => {MODELER}.get('elementRegistry').find((one) => one.type === 'bpmn:SequenceFlow'"
            " && one.source.id === a && one.target.id === b)?.id",
            [source, target],
        )
        assert found, f"no flow from {source} to {target}"
        return str(found)

    def insert_user_task(self, flow: str, name: str, role: str, form: str, due: str) -> str:
        """Drop a new task onto a flow, make it a user task, and fill in its duties. Gives its id."""
        at = self.page.evaluate(MIDDLE_OF_FLOW, flow)
        self.page.locator('[data-action="create.task"]:visible').click()
        self.page.mouse.move(at["x"] - 40, at["y"] - 40, steps=3)
        self.page.mouse.move(at["x"], at["y"], steps=5)
        self.page.mouse.click(at["x"], at["y"])
        self.page.locator('.djs-context-pad [data-action="replace"]:visible').click()
        self.page.locator('.djs-popup [data-id="replace-with-user-task"]').click()
        self.group("基本").get_by_label("名称").fill(name)
        panel = self.group("督办")
        panel.get_by_label("由谁办理").select_option(role)
        panel.get_by_label("表单").select_option(form)
        panel.get_by_label("办理时限").fill(due)
        self.page.keyboard.press("Tab")
        self.page.wait_for_function(
            f"([name, role, due]) => {{ const one = {MODELER}.get('selection').get()[0]?.businessObject;"
            " return one?.name === name && one.get('camunda:candidateGroups') === role && one.get('camunda:dueDate') === due; }",
            arg=[name, role, due],
        )
        return str(self.selected()["id"])

    def undo(self, times: int = 1) -> None:
        """Ctrl+Z on the canvas."""
        self.page.locator(".modeler-diagram:not([hidden]) .djs-container > svg").focus()
        for _ in range(times):
            self.page.keyboard.press("Control+z")

    def selected(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(
            f"() => {{ const one = {MODELER}.get('selection').get()[0]; return one && {{ id: one.id, type: one.type }}; }}"
        )
        return found

    def select(self, element: str) -> None:
        """As the list of findings does: select an element, bring it into view, and wait until the panel shows it.

        The panel begins to listen only some time after it is first drawn, so an early selection is made again.
        """
        self.page.wait_for_function(
            f"""(id) => {{
              const m = {MODELER};
              const one = m.get('elementRegistry').get(id);
              m.get('canvas').scrollToElement(one);
              m.get('selection').select(null);
              m.get('selection').select(one);
              const shown = document.querySelector('.modeler-diagram:not([hidden]) .modeler-panel input[name="id"]');
              return shown?.value === id;
            }}""",
            arg=element,
            polling=250,
        )

    def group(self, title: str) -> Locator:
        """A group of the properties panel, opened."""
        group = self.page.locator(".bio-properties-panel-group:visible").filter(
            has=self.page.locator(
                ".bio-properties-panel-group-header-title", has_text=re.compile(f"^{title}$")
            )
        )
        header = group.locator(".bio-properties-panel-group-header")
        self.page.wait_for_timeout(100)  # a group that opens by itself does so a moment after it is drawn
        if "open" not in (header.get_attribute("class") or "").split():
            header.click()
        return group

    # -- tables ----------------------------------------------------------------------------------------

    def open_tab(self, title: str) -> None:
        self.page.get_by_role("tab", name=title, exact=True).click()

    def set_parameter(self, name: str, value: object) -> None:
        self.open_tab("时限与参数")
        box = self.page.locator(f'[data-parameter="{name}"]')
        box.fill(str(value))
        box.press("Tab")

    # -- checking and publishing -----------------------------------------------------------------------

    def check(self) -> list[str]:
        """Press 检查; gives the findings' lines."""
        self.page.locator('[data-modeler="check"]').click()
        self.page.wait_for_selector('[data-modeler="check"]:not([aria-busy])')
        self.page.locator(".findings:not([hidden])").wait_for(timeout=6 * PATIENCE)
        return self.page.locator(".finding").all_inner_texts()

    def changes(self) -> list[str]:
        """Press 发布 and read the changes; the dialog stays open."""
        self.page.locator('[data-modeler="publish"]').click()
        dialog = self.page.locator("dialog.dialog")
        dialog.wait_for(timeout=6 * PATIENCE)
        return dialog.locator(".change-list li").all_inner_texts()

    def publish(self, note: str) -> list[str]:
        """Press 发布, read the changes, give the note, confirm; gives the changes that were shown."""
        changes = self.changes()
        dialog = self.page.locator("dialog.dialog")
        dialog.locator("#publish-note").fill(note)
        dialog.get_by_role("button", name="确认发布").click()
        expect(dialog).to_have_count(0, timeout=6 * PATIENCE)
        self.person.settle()
        return changes

    def untranslated(self) -> list[str]:
        """English keys the modeler asked for that have no Chinese."""
        found: list[str] = self.page.evaluate(
            "() => JSON.parse(document.documentElement.dataset.untranslated ?? '[]')"
        )
        return found

    def walk(self) -> None:
        """Select one element of every kind on the diagram and open every group of its panel."""
        kinds = self.page.evaluate(
            f"""() => {{
              const kinds = {{}};
              {MODELER}.get('elementRegistry').forEach((one) => {{
                const business = one.businessObject;
                if (one.type === 'label' || !business) return;
                const triggers = (business.eventDefinitions ?? []).map((trigger) => trigger.$type);
                kinds[[one.type, ...triggers, business.loopCharacteristics ? 'loop' : ''].join()] ??= one.id;
              }});
              return Object.values(kinds);
            }}"""
        )
        for element in kinds:
            self.select(element)
            self.page.evaluate(
                "() => document.querySelectorAll('.bio-properties-panel-group-header:not(.open)').forEach((one) => one.click())"
            )
            self.page.wait_for_timeout(40)
