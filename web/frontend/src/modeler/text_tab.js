/** A file of the package that is edited as text: process.toml beyond its parameters. */
import { el } from '../dom.js';

export class TextTab {
  /**
   * @param {string} path @param {string} text @param {{readonly: boolean, changed: () => void}} context
   * @param {string} [title]
   * @param {{source: string, replace: (text: string) => void}} [owner] the tab that holds the same file's text
   */
  constructor(path, text, context, title, owner) {
    this.path = path;
    this.owner = owner;
    this.original = text;
    this.title = title ?? path;
    /** @type {HTMLElement|undefined} */
    this.button = undefined;
    this.area = /** @type {HTMLTextAreaElement} */ (el('textarea', { class: 'form-control modeler-text', spellcheck: 'false', 'aria-label': this.title, readonly: context.readonly }));
    this.area.value = text;
    this.area.addEventListener('change', () => {
      if (owner) owner.replace(this.area.value);
      context.changed();
    });
    this.element = el('div', { class: 'modeler-textplace', role: 'tabpanel' }, this.area);
  }

  show() {
    if (this.owner) this.area.value = this.owner.source;
  }

  text() {
    return this.owner || this.area.value === this.original ? null : this.area.value;
  }

  has() {
    return true;
  }

  /** @param {any} finding */
  reveal(finding) {
    if (!finding.line) return;
    const lines = this.area.value.split('\n');
    const start = lines.slice(0, finding.line - 1).join('\n').length + 1;
    this.area.focus();
    this.area.setSelectionRange(start, start + (lines[finding.line - 1]?.length ?? 0));
    this.area.scrollTop = (finding.line - 5) * 20;
  }
}
