/** Marks on diagram elements: colours by CSS marker, counts and words by overlay, so that colour never speaks alone. */
import { el } from '../dom.js';

const KINDS = [
  ['active', '正在办理'],
  ['overdue', '逾期'],
  ['incident', '异常'],
  ['completed', '已办'],
  ['next', '下一步'],
];

/** @param {any} viewer @param {any} marks */
export function drawMarks(viewer, marks) {
  const canvas = viewer.get('canvas');
  const overlays = viewer.get('overlays');
  const registry = viewer.get('elementRegistry');
  const each = (/** @type {string[]} */ ids, /** @type {(element: any) => void} */ draw) => {
    for (const id of ids ?? []) {
      const element = registry.get(id);
      if (element) draw(element);
    }
  };
  each(marks.completed, (element) => canvas.addMarker(element, 'mark-completed'));
  each(marks.next, (element) => canvas.addMarker(element, 'mark-next'));
  each(Object.keys(marks.active ?? {}), (element) => {
    canvas.addMarker(element, 'mark-active');
    if (!element.waypoints) overlays.add(element, 'token', { position: { top: -12, left: -12 }, html: badge('token', String(marks.active[element.id])) });
  });
  each(marks.overdue, (element) => {
    canvas.addMarker(element, 'mark-overdue');
    overlays.add(element, 'word', { position: { top: -14, right: 26 }, html: badge('overdue', '逾期') });
  });
  each(marks.incident, (element) => {
    canvas.addMarker(element, 'mark-incident');
    overlays.add(element, 'word', { position: { bottom: 8, right: 26 }, html: badge('incident', '异常') });
  });
}

/** @param {string} kind @param {string} text */
function badge(kind, text) {
  return el('div', { class: `mark-badge mark-badge-${kind}` }, text);
}

/** Only what is on this diagram is explained. @param {any} marks */
export function legend(marks) {
  const present = KINDS.filter(([kind]) => (Array.isArray(marks[kind]) ? marks[kind].length : Object.keys(marks[kind] ?? {}).length));
  if (!present.length) return null;
  return el('ul', { class: 'diagram-legend', 'aria-label': '图例' }, ...present.map(([kind, word]) => el('li', {}, el('i', { class: `swatch swatch-${kind}` }), word)));
}
