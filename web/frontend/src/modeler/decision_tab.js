/**
 * A DMN file as tables a person can edit: cells are FEEL, rows are rules. Only the text of cells, and whole rows, are
 * changed; the rest of the document stays as it is.
 */
import { el } from '../dom.js';

const HIT_POLICIES = {
  UNIQUE: '唯一：只能有一行符合', FIRST: '首行：取第一个符合的行', PRIORITY: '优先：按结果的优先次序取一行', ANY: '任一：符合的行结果必须相同',
  COLLECT: '收集：取全部符合的行', 'RULE ORDER': '行序：按行的次序取全部', 'OUTPUT ORDER': '果序：按结果的优先次序取全部',
};

export class DecisionTab {
  /** @param {string} path @param {string} text @param {{readonly: boolean, changed: () => void}} context */
  constructor(path, text, context) {
    this.path = path;
    this.context = context;
    this.touched = false;
    this.document = new DOMParser().parseFromString(text, 'application/xml');
    this.heads = text.match(/^\s*<\?xml[^>]*\?>\s*/)?.[0] ?? '';
    this.title = this.all(this.document, 'decision')[0]?.getAttribute('name') ?? path;
    /** @type {HTMLElement|undefined} */
    this.button = undefined;
    this.element = el('div', { class: 'modeler-table', role: 'tabpanel' });
    this.draw();
  }

  /** @param {Document|Element} from @param {string} name @returns {Element[]} */
  all(from, name) {
    return [...from.getElementsByTagNameNS('*', name)];
  }

  draw() {
    const tables = this.all(this.document, 'decision').map((decision) => this.table(decision));
    this.element.replaceChildren(...tables.filter((one) => one !== null));
  }

  /** @param {Element} decision */
  table(decision) {
    const table = this.all(decision, 'decisionTable')[0];
    if (!table) return null;
    const inputs = this.all(table, 'input').map((input) => ({ title: input.getAttribute('label'), name: this.all(input, 'text')[0]?.textContent ?? '' }));
    const outputs = this.all(table, 'output').map((output) => ({ title: output.getAttribute('label'), name: output.getAttribute('name') ?? '' }));
    const heading = (/** @type {{title: string|null, name: string}} */ column, /** @type {string} */ kind) =>
      el('th', { scope: 'col', class: `decision-${kind}` }, el('div', {}, column.title || column.name || '结果'), column.title && column.name ? el('code', { class: 'text-secondary' }, column.name) : null);
    const policy = table.getAttribute('hitPolicy') || 'UNIQUE';
    const aggregation = table.getAttribute('aggregation');
    const rows = this.all(table, 'rule').map((rule, index) => this.row(rule, index + 1));
    return el('section', { class: 'decision', 'data-decision': decision.id },
      el('h3', { class: 'h4 mb-0' }, decision.getAttribute('name') || decision.id),
      el('p', { class: 'text-secondary mb-2' }, (/** @type {any} */ (HIT_POLICIES)[policy] ?? policy) + (aggregation ? `，再取 ${aggregation}` : ''), '。单元格写 FEEL，“-”表示不限。'),
      el('div', { class: 'table-responsive' },
        el('table', { class: 'table decision-table' },
          el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, '行'), ...inputs.map((one) => heading(one, 'input')), ...outputs.map((one) => heading(one, 'output')), el('th', { scope: 'col' }, '说明'), this.context.readonly ? null : el('th', {}, ''))),
          el('tbody', {}, ...rows))),
      this.context.readonly ? null : el('button', { type: 'button', class: 'btn btn-sm', onclick: () => this.addRow(table) }, '增加一行'),
    );
  }

  /** @param {Element} rule @param {number} number */
  row(rule, number) {
    const cell = (/** @type {Element} */ entry, /** @type {string} */ kind) => {
      const text = this.all(entry, 'text')[0];
      const area = /** @type {HTMLTextAreaElement} */ (el('textarea', { class: 'form-control decision-cell', rows: '1', spellcheck: 'false', readonly: this.context.readonly, 'aria-label': `第 ${number} 行${kind}` }));
      area.value = text?.textContent?.trim() ?? '';
      area.addEventListener('change', () => {
        if (text) text.textContent = area.value.trim();
        this.change();
      });
      return el('td', { class: `decision-${kind === '条件' ? 'input' : 'output'}` }, area);
    };
    return el('tr', { 'data-rule': rule.id },
      el('td', { class: 'text-secondary' }, String(number)),
      ...this.all(rule, 'inputEntry').map((entry) => cell(entry, '条件')),
      ...this.all(rule, 'outputEntry').map((entry) => cell(entry, '结果')),
      el('td', { class: 'text-secondary' }, [...rule.children].find((one) => one.localName === 'description')?.textContent ?? ''),
      this.context.readonly ? null : el('td', {}, el('button', { type: 'button', class: 'btn-close', 'aria-label': `删除第 ${number} 行`, onclick: () => {
        rule.remove();
        this.change();
        this.draw();
      } })),
    );
  }

  /** A copy of the last row with empty cells; ids are counted up so that they stay unique. @param {Element} table */
  addRow(table) {
    const last = this.all(table, 'rule').at(-1);
    if (!last) return;
    const added = /** @type {Element} */ (last.cloneNode(true));
    for (const element of [added, ...added.getElementsByTagName('*')]) {
      if (!element.id) continue;
      let number = 1;
      const stem = element.id.replace(/_\d+$/, '');
      while (this.document.querySelector(`[id="${stem}_${number}"]`) || this.all(added, '*').some((other) => other !== element && other.id === `${stem}_${number}`)) number += 1;
      element.id = `${stem}_${number}`;
    }
    for (const note of [...added.children].filter((one) => one.localName === 'description')) note.remove();
    for (const entry of this.all(added, 'inputEntry')) for (const text of this.all(entry, 'text')) text.textContent = '-';
    for (const entry of this.all(added, 'outputEntry')) for (const text of this.all(entry, 'text')) text.textContent = '';
    last.after('\n      ', added);
    this.change();
    this.draw();
  }

  change() {
    this.touched = true;
    this.context.changed();
  }

  show() {}

  /** @returns {string|null} */
  text() {
    if (!this.touched) return null;
    const text = new XMLSerializer().serializeToString(this.document);
    return text.startsWith('<?xml') ? text : this.heads + text;
  }

  has() {
    return true;
  }

  /** @param {any} finding */
  reveal(finding) {
    const place = finding.element && this.element.querySelector(`[data-rule="${CSS.escape(finding.element)}"], [data-decision="${CSS.escape(finding.element)}"]`);
    place?.scrollIntoView({ block: 'center' });
  }
}
