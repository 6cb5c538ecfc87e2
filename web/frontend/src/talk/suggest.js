/**
 * Names offered while one types: after an @ in a text (`<textarea data-suggest="/…/people" data-sign="@">`), or for each part
 * of a list (`<input data-suggest="…" data-units>`, which also offers units). What is chosen is written into the field as
 * plain text, so that the server reads the same as from somebody who typed it.
 * Keys: down and up go through the names, Enter or Tab takes one, Escape closes.
 */
import { el } from '../dom.js';

const STOP = '\\s@＠，。、；：！？,;:!?()（）';
const WAIT = 150;

/** @typedef {{name: string, title: string, text: string, sees?: boolean}} Found */

for (const field of /** @type {NodeListOf<HTMLTextAreaElement|HTMLInputElement>} */ (document.querySelectorAll('[data-suggest]'))) equip(field);

/** @param {HTMLTextAreaElement|HTMLInputElement} field */
function equip(field) {
  const id = `${field.id}-names`;
  const list = el('div', { class: 'suggestions', role: 'listbox', id, 'aria-label': '可选的人员和单位' });
  const said = el('div', { class: 'visually-hidden', role: 'status' });
  list.hidden = true;
  field.after(list, said);
  field.setAttribute('aria-autocomplete', 'list');
  field.setAttribute('aria-controls', id);
  field.setAttribute('autocomplete', 'off');
  /** @type {{found: Found[], at: number, from: number}} */
  const shown = { found: [], at: 0, from: 0 };
  let timer = 0;
  let asked = 0;

  const close = () => {
    asked += 1;
    clearTimeout(timer);
    list.hidden = true;
    field.removeAttribute('aria-activedescendant');
  };

  const mark = () => {
    for (const [n, option] of [...list.children].entries()) {
      option.setAttribute('aria-selected', String(n === shown.at));
      if (n === shown.at) option.scrollIntoView({ block: 'nearest' });
    }
    field.setAttribute('aria-activedescendant', `${id}-${shown.at}`);
  };

  /** @param {Found} found */
  const take = (found) => {
    const sign = field.dataset.sign ?? '';
    const caret = field.selectionStart ?? field.value.length;
    const written = sign ? `${sign}${found.text} ` : `${found.text}、`;
    field.setRangeText(written, shown.from, caret, 'end');
    close();
    field.focus();
  };

  /** @param {Found[]} found */
  const offer = (found) => {
    shown.found = found;
    shown.at = 0;
    list.replaceChildren(
      ...found.map((one, n) =>
        el(
          'div',
          { class: 'suggestion', role: 'option', id: `${id}-${n}`, onpointerdown: (/** @type {Event} */ event) => event.preventDefault(), onclick: () => take(one) },
          el('span', {}, one.name),
          el('span', { class: 'text-secondary small' }, one.title),
          one.sees === false && el('span', { class: 'badge bg-secondary-lt' }, '看不到本案'),
        ),
      ),
    );
    list.hidden = found.length === 0;
    said.textContent = found.length ? `${found.length} 个可选，用上下键选择，回车确定` : '';
    if (found.length) mark();
    else field.removeAttribute('aria-activedescendant');
  };

  const look = () => {
    const part = partOf(field);
    if (!part) return close();
    shown.from = part.from;
    const mine = (asked += 1);
    clearTimeout(timer);
    timer = window.setTimeout(async () => {
      const found = await ask(field, part.text).catch(() => []);
      if (mine === asked) offer(found);
    }, WAIT);
  };

  field.addEventListener('input', (event) => /** @type {InputEvent} */ (event).isComposing || look());
  field.addEventListener('compositionend', look);
  field.addEventListener('blur', close);
  field.addEventListener('focus', () => field.setSelectionRange(field.value.length, field.value.length), { once: true });
  field.addEventListener('keydown', (/** @type {any} */ event) => {
    if (list.hidden || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[/** @type {string} */ (event.key)];
    if (step) shown.at = (shown.at + step + shown.found.length) % shown.found.length;
    else if (event.key === 'Enter' || event.key === 'Tab') take(shown.found[shown.at]);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    if (step) mark();
  });
}

/**
 * What is being typed at the caret, and where it begins; null where no name belongs.
 * @param {HTMLTextAreaElement|HTMLInputElement} field
 */
function partOf(field) {
  const before = field.value.slice(0, field.selectionStart ?? field.value.length);
  const match = before.match(field.dataset.sign ? new RegExp(`[@＠]([^${STOP}]{0,12})$`) : /(?:^|[，,、\n])\s*([^，,、\n]*)$/);
  if (!match) return null;
  const text = match[1];
  if (!field.dataset.sign && !text) return null;
  return { text, from: field.dataset.sign ? before.length - text.length - 1 : before.length - text.length };
}

/** @param {HTMLElement} field @param {string} text @returns {Promise<Found[]>} */
async function ask(field, text) {
  const response = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(text)}`, { credentials: 'same-origin' });
  if (!response.ok) return [];
  const { people, units } = await response.json();
  return 'units' in field.dataset ? [...people.slice(0, 8), ...units.slice(0, 8)] : people.slice(0, 8);
}
