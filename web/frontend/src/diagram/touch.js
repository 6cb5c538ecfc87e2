/**
 * Fingers on a diagram. diagram-js moves by mouse only. One finger moves the diagram sideways and lets the page
 * scroll up and down; two fingers move and zoom; in full screen one finger moves freely (see touch-action in the CSS).
 */

/** @param {any} viewer @param {HTMLElement} place */
export function enableTouch(viewer, place) {
  const canvas = viewer.get('canvas');
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();

  place.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'touch' || /** @type {Element} */ (event.target).closest('a, button')) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  place.addEventListener('pointermove', (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    const share = other ? 0.5 : 1;
    canvas.scroll({ dx: (now.x - before.x) * share, dy: (now.y - before.y) * share });
    if (other) {
      const stretched = distance(now, other) / Math.max(1, distance(before, other));
      const box = place.getBoundingClientRect();
      const centre = { x: (now.x + other.x) / 2 - box.left, y: (now.y + other.y) / 2 - box.top };
      canvas.zoom(Math.min(3, Math.max(0.1, canvas.zoom() * stretched)), centre);
    }
    fingers.set(event.pointerId, now);
  });
  for (const end of ['pointerup', 'pointercancel', 'pointerleave']) {
    place.addEventListener(end, (event) => fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
  }
}

/** @param {{x: number, y: number}} a @param {{x: number, y: number}} b */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
