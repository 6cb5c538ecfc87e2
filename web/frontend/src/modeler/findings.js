/** The list of findings 检查结果 under the diagram; a click leads to the element, numbers tie list and drawing together. */
import { el } from '../dom.js';

export class FindingsPanel {
  /** @param {(finding: any) => void} onJump */
  constructor(onJump) {
    this.onJump = onJump;
    /** @type {any[]} */
    this.findings = [];
    this.element = el('section', { class: 'findings', 'aria-label': '检查结果', hidden: true });
  }

  /** @param {any[]} findings errors first */
  show(findings) {
    this.findings = [...findings].sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
    const errors = this.findings.filter((one) => one.severity === 'error').length;
    const title = this.findings.length ? `检查结果：${errors} 处错误，${this.findings.length - errors} 处提醒` : '检查通过，没有发现问题';
    this.element.hidden = false;
    this.element.replaceChildren(
      el('h3', { class: 'findings-title' }, title),
      el('ol', { class: 'findings-list' }, ...this.findings.map((one, index) => this.line(one, index + 1))),
    );
  }

  /** @param {any} finding @param {number} number */
  line(finding, number) {
    const kind = finding.severity === 'error' ? 'error' : 'warning';
    const where = [finding.file, finding.element, finding.line && `第 ${finding.line} 行`].filter(Boolean).join(' · ');
    return el('li', { 'data-finding': finding.element ?? '', class: `finding finding-line-${kind}` },
      el('button', { type: 'button', onclick: () => this.onJump(finding) },
        el('span', { class: `finding-badge finding-badge-${kind}` }, String(number)),
        el('span', { class: 'finding-kind' }, kind === 'error' ? '错误' : '提醒'),
        el('span', { class: 'finding-text' }, finding.message),
        el('span', { class: 'finding-where' }, where),
      ),
    );
  }

  /** Draw the marks of the tab's file. @param {any} tab */
  async mark(tab) {
    tab.clearMarks?.();
    if (!tab.mark) return;
    const named = (/** @type {string|null} */ file) => !file || file === tab.path || tab.path.endsWith(`/${file}`) || file.endsWith(`/${tab.path}`);
    this.findings.forEach((finding, index) => {
      if (finding.element && named(finding.file)) tab.mark(finding, index + 1, () => this.element.querySelectorAll('li')[index]?.scrollIntoView({ block: 'nearest' }));
    });
  }
}
