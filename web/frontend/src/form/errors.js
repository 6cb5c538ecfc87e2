/** The list of what is wrong above a form; each line leads to its field. */
import { el } from '../dom.js';

/**
 * The server speaks of fields by key, form-js keeps errors by field id (and row number inside lists).
 * @param {any} form
 * @param {Record<string, string[]>} errors
 * @returns {{byField: Record<string, any>, other: string[]}} `other`: sentences whose field is not on the form
 */
export function errorsById(form, errors) {
  /** @type {Record<string, any>} */
  const byField = {};
  const other = [];
  const instances = form.get('formFieldInstanceRegistry').getAllKeyed();
  for (const [name, sentences] of Object.entries(errors)) {
    const list = [sentences].flat().map(String);
    const path = name.split('.').join('/');
    const instance = instances.find((/** @type {any} */ one) => one.valuePath.join('/') === path);
    if (!instance) {
      other.push(...list.map((text) => (/^[\w.]+$/.test(name) ? text : `${name}：${text}`)));
      continue;
    }
    let place = byField;
    const steps = [instance.id, ...Object.values(instance.indexes ?? {})];
    for (const step of steps.slice(0, -1)) place = place[step] ??= {};
    place[/** @type {any} */ (steps.at(-1))] = list;
  }
  return { byField, other };
}

export class ErrorSummary {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.host = host;
    this.element = el('div', { class: 'alert alert-danger error-summary', role: 'alert', tabindex: '-1', hidden: true });
  }

  hide() {
    this.element.hidden = true;
  }

  /** @param {string} text */
  text(text) {
    this.element.replaceChildren(text);
    this.element.hidden = false;
    this.element.focus();
    this.element.scrollIntoView({ block: 'center' });
  }

  /** The session is over: the way back to this very form, which finds its draft again. */
  expired() {
    const address = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
    this.element.replaceChildren('登录已超时，没有提交。填写的内容已存在本机，', el('a', { href: address }, '重新登录'), '后回到这里，核对再提交。');
    this.element.hidden = false;
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'center' });
  }

  /**
   * @param {any} form
   * @param {Record<string, any>} errors by field id, as form-js keeps them
   * @param {string} title
   * @param {string[]} [other]
   */
  show(form, errors, title, other = []) {
    const registry = form.get('formFieldRegistry');
    const lines = other.map((text) => el('li', {}, text));
    for (const [id, found] of Object.entries(errors)) {
      const field = registry.get(id);
      for (const [suffix, text] of flatten(found)) {
        const name = field?.label || field?.dateLabel || field?.key || id;
        const jump = (/** @type {Event} */ event) => {
          event.preventDefault();
          focusField(this.host, id + suffix);
        };
        lines.push(el('li', {}, el('a', { href: '#', onclick: jump }, `${name}${row(suffix)}`), `：${text}`));
      }
    }
    this.element.replaceChildren(el('strong', {}, title), lines.length ? el('ul', {}, ...lines) : '');
    this.element.hidden = false;
    // The cursor stays at the list: a select that gets it opens over the very sentences, and the page runs down to it.
    this.element.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'start' });
  }
}

/** @param {any} found @param {string} [suffix] @returns {[string, string][]} */
function flatten(found, suffix = '') {
  if (Array.isArray(found) && found.every((one) => typeof one === 'string')) return [[suffix, found.join(' ')]];
  return Object.entries(found ?? {}).flatMap(([index, inner]) => (inner ? flatten(inner, `${suffix}_${index}`) : []));
}

/** @param {string} suffix */
function row(suffix) {
  return suffix ? `（第 ${suffix.split('_').filter(Boolean).map((n) => Number(n) + 1).join('-')} 行）` : '';
}

/** @param {HTMLElement} host @param {string} idEnd */
function focusField(host, idEnd) {
  const target = /** @type {HTMLElement|null} */ (
    [...host.querySelectorAll('input, textarea, select, button, [tabindex]')].find((node) => {
      const id = node.id.replace(/-(search|date|time|\d+)$/, '');
      return id.endsWith(`-${idEnd}`);
    })
  );
  if (!target) return;
  target.focus();
  target.scrollIntoView({ block: 'center', behavior: 'smooth' });
}
