/**
 * Small habits of plain pages: a filter box over rows (`<input data-filter="#table">`), filters that submit
 * themselves (`data-autosubmit`), filters that a phone shows when asked for (`data-unfold`), rows that open on click (`<tr data-href>`), printing (`data-print`).
 */

document.addEventListener('input', (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  const selector = input.dataset?.filter;
  if (!selector) return;
  const wanted = input.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(`${selector} tbody tr, ${selector} [data-row]`)) {
    /** @type {HTMLElement} */ (row).hidden = Boolean(wanted) && !row.textContent?.toLowerCase().includes(wanted);
  }
});

document.addEventListener('change', (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  if (input.matches?.('[data-autosubmit]')) input.form?.requestSubmit();
});

document.addEventListener('click', (event) => {
  const target = /** @type {Element} */ (event.target);
  if (target.closest?.('[data-print]')) window.print();
  const unfold = target.closest?.('[data-unfold]');
  if (unfold) unfold.setAttribute('aria-expanded', String(unfold.closest('.folding')?.classList.toggle('unfolded')));
  const row = /** @type {HTMLElement|null} */ (target.closest?.('[data-href]'));
  if (row && !target.closest('a, button, input, select, label, summary, details') && !getSelection()?.toString()) location.assign(row.dataset.href ?? '');
});

/** A link to a closed <details> (`#return`) opens it; one to a place that holds some goes there. */
const openTarget = () => {
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (target instanceof HTMLDetailsElement) target.open = true;
};
window.addEventListener('hashchange', openTarget);
openTarget();

// Tabs that do not fit on the phone begin with the one that is open in sight.
document.querySelector('.worklist-tabs .active')?.scrollIntoView({ inline: 'center', block: 'nearest' });
