/** Small building blocks for islands: elements without markup strings, props, toasts, dialogs. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on…` values are listeners, `class` and others are attributes
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child || child === '') element.append(child);
  return element;
}

/**
 * @param {Element} host
 * @returns {any} the island's properties, from its child `<script type="application/json">`
 */
export function readProps(host) {
  const script = host.querySelector(':scope > script[type="application/json"]');
  return script ? JSON.parse(script.textContent || '{}') : {};
}

/**
 * A message that does not move the page; errors stay until closed.
 * @param {string} text
 * @param {'success'|'danger'|'info'} [kind]
 */
export function toast(text, kind = 'info') {
  let region = document.getElementById('toasts');
  if (!region) {
    region = el('div', { id: 'toasts', class: 'toasts', 'aria-live': 'polite' });
    document.body.append(region);
  }
  const message = el(
    'div',
    { class: `toast-message toast-${kind}`, role: kind === 'danger' ? 'alert' : 'status' },
    el('span', {}, text),
    el('button', { type: 'button', class: 'btn-close', 'aria-label': '关闭', onclick: () => message.remove() }),
  );
  region.append(message);
  if (kind !== 'danger') setTimeout(() => message.remove(), 6000);
}

const SAID = 'duban.said';

/** A message for the page that comes next: what was done is said where one arrives. @param {string} text */
export function toastNext(text) {
  sessionStorage.setItem(SAID, text);
}

/** Say what the page before has left to be said. */
export function toastKept() {
  const said = sessionStorage.getItem(SAID);
  sessionStorage.removeItem(SAID);
  if (said) toast(said, 'success');
}

/**
 * A modal question. The body may hold form fields; `onConfirm` throws (or rejects) to keep it open with a message.
 * @param {{title: string, body: (Node|string)[], confirm: string, danger?: boolean, onConfirm: () => Promise<void>|void, wide?: boolean}} options
 */
export function ask({ title, body, confirm, danger = false, onConfirm, wide = false }) {
  const error = el('p', { class: 'text-danger mb-0', role: 'alert' });
  const yes = el('button', { type: 'submit', class: `btn ${danger ? 'btn-danger' : 'btn-primary'}` }, confirm);
  const no = el('button', { type: 'button', class: 'btn btn-ghost-secondary', onclick: () => dialog.close() }, '取消');
  const form = el(
    'form',
    { method: 'dialog' },
    el('h2', { class: 'dialog-title' }, title),
    el('div', { class: 'dialog-body' }, ...body, error),
    el('div', { class: 'dialog-actions' }, no, yes),
  );
  const dialog = /** @type {HTMLDialogElement} */ (el('dialog', { class: wide ? 'dialog dialog-wide' : 'dialog' }, form));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    error.textContent = '';
    const done = busy(/** @type {HTMLButtonElement} */ (yes));
    try {
      await onConfirm();
      dialog.close();
    } catch (problem) {
      error.textContent = problem.message;
    } finally {
      done();
    }
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Mark a button as working; it keeps its size and cannot be pressed twice.
 * @param {HTMLButtonElement} button
 * @returns {() => void} call when done
 */
export function busy(button) {
  button.disabled = true;
  button.setAttribute('aria-busy', 'true');
  button.classList.add('btn-loading');
  return () => {
    button.disabled = false;
    button.removeAttribute('aria-busy');
    button.classList.remove('btn-loading');
  };
}
