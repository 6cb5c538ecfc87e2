/** The table of time limits and other parameters 时限与参数, which live in process.toml with their source. */
import { el } from '../dom.js';
import { readParameters, writeValue } from './toml.js';

export class ParametersTab {
  /** @param {string} path @param {string} text @param {{readonly: boolean, changed: () => void}} context */
  constructor(path, text, context) {
    this.path = path;
    this.title = '时限与参数';
    this.source = text;
    this.original = text;
    this.context = context;
    /** @type {HTMLElement|undefined} */
    this.button = undefined;
    this.element = el('div', { class: 'modeler-table', role: 'tabpanel' });
    this.draw();
  }

  show() {}

  draw() {
    const parameters = readParameters(this.source);
    const search = el('input', { type: 'search', class: 'form-control', placeholder: '查找参数', 'aria-label': '查找参数', 'data-filter': '#parameters' });
    const rows = parameters.map((one) => {
      const input = /** @type {HTMLInputElement} */ (el('input', {
        class: 'form-control parameter-value', 'aria-label': one.title, 'data-parameter': one.name, disabled: this.context.readonly,
        type: typeof one.value === 'number' ? 'number' : 'text', step: 'any',
        value: Array.isArray(one.value) ? one.value.join('，') : String(one.value),
        onchange: () => this.change(one, input),
      }));
      return el('tr', {},
        el('td', {}, el('div', { class: 'fw-medium' }, one.title), el('code', { class: 'text-secondary' }, `p.${one.name}`)),
        el('td', {}, input, el('div', { class: 'invalid-feedback' })),
        el('td', { class: 'text-nowrap' }, one.unit),
        el('td', { class: 'text-secondary' }, one.source),
      );
    });
    this.element.replaceChildren(
      el('div', { class: 'modeler-table-head' }, el('p', { class: 'mb-0 text-secondary' }, '改动只用于发布后新立的案件。以“，”分开多个值。'), search),
      el('table', { class: 'table', id: 'parameters' },
        el('thead', {}, el('tr', {}, ...['名称', '取值', '单位', '依据'].map((text) => el('th', { scope: 'col' }, text)))),
        el('tbody', {}, ...rows)),
    );
  }

  /** @param {any} parameter @param {HTMLInputElement} input */
  change(parameter, input) {
    const value = valueLike(parameter.value, input.value.trim());
    const feedback = /** @type {HTMLElement} */ (input.nextElementSibling);
    input.classList.toggle('is-invalid', value === null);
    feedback.textContent = value === null ? '请填写数字。' : '';
    if (value === null) return;
    this.source = writeValue(this.source, parameter.name, value);
    input.closest('tr')?.classList.toggle('changed', JSON.stringify(value) !== JSON.stringify(readParameters(this.original).find((one) => one.name === parameter.name)?.value));
    this.context.changed();
  }

  /** @param {string} text taken over from the text view */
  replace(text) {
    this.source = text;
    this.draw();
    this.context.changed();
  }

  /** As they stand now, also changed and not yet kept. */
  parameters() {
    return readParameters(this.source);
  }

  text() {
    return this.source === this.original ? null : this.source;
  }

  /** @param {any} finding */
  has(finding) {
    return readParameters(this.source).some((one) => (finding.message ?? '').includes(one.name) || finding.element === one.name);
  }

  /** @param {any} finding */
  reveal(finding) {
    const one = readParameters(this.source).find((parameter) => finding.element === parameter.name || (finding.message ?? '').includes(parameter.name));
    /** @type {HTMLElement|null} */ (one && this.element.querySelector(`[data-parameter="${CSS.escape(one.name)}"]`))?.focus();
  }
}

/** @param {any} old @param {string} text @returns {any} null when a number was wanted */
function valueLike(old, text) {
  if (typeof old === 'number') return text !== '' && Number.isFinite(Number(text)) ? Number(text) : null;
  if (typeof old === 'boolean') return text === 'true' || text === '是';
  if (Array.isArray(old)) {
    const parts = text.split(/[,，、]/).map((part) => part.trim()).filter(Boolean);
    if (!old.every((one) => typeof one === 'number')) return parts;
    const numbers = parts.map(Number);
    return numbers.every(Number.isFinite) ? numbers : null;
  }
  return text;
}
