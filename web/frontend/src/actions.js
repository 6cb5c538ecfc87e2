/**
 * Plain pages act through the API without a line of script of their own:
 *
 *   <button data-post="/api/v1/…" data-body='{"…": 1}' data-confirm="确定退回？" data-next="/worklist">退回</button>
 *   <form data-post="/api/v1/…" data-next="…" data-method="PUT" data-done="已保存">…fields…</form>
 *
 * Fields become JSON: numbers from number inputs, true/false from a lone checkbox, a list from several boxes of one
 * name or a multiple select, a list from `data-list`, parsed JSON from `data-json`; a dot in a name nests
 * (`form.处理`). Empty values are left out unless `data-keep-empty`.
 * A form with a chosen file is sent as multipart. `data-next`: where to go afterwards; "reload" or nothing reloads,
 * "stay" does not; `{case}`-like parts are taken from the answer. `data-done`: what is said there.
 */
import { ask, busy, toast, toastNext } from './dom.js';
import { Action, csrfToken, Problem } from './http.js';

/** @type {WeakMap<Element, Action>} */
const actions = new WeakMap();

/** @param {Element} element */
function actionOf(element) {
  let action = actions.get(element);
  if (!action) actions.set(element, (action = new Action()));
  return action;
}

export function listen() {
  document.addEventListener('click', onClick);
  document.addEventListener('submit', onSubmit);
}

/** @param {MouseEvent} event */
function onClick(event) {
  const button = /** @type {HTMLButtonElement|null} */ (/** @type {Element} */ (event.target).closest?.('button[data-post], a[data-post]'));
  if (!button || button.closest('form[data-post]') === button) return;
  event.preventDefault();
  run(button, button, () => JSON.parse(button.dataset.body || '{}'));
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches?.('form[data-post]')) return;
  event.preventDefault();
  const button = /** @type {HTMLButtonElement} */ (event.submitter ?? form.querySelector('button[type=submit], button:not([type])'));
  run(form, button, () => fields(form, button));
}

/**
 * @param {HTMLElement} source the element that carries the data-* attributes
 * @param {HTMLButtonElement} button
 * @param {() => any} makeBody
 */
function run(source, button, makeBody) {
  const question = button?.dataset.confirm ?? source.dataset.confirm;
  const send = async () => {
    const body = makeBody();
    const url = /** @type {string} */ (source.dataset.post);
    const method = source.dataset.method || 'POST';
    const answer = hasFile(source)
      ? await sendMultipart(url, /** @type {HTMLFormElement} */ (source))
      : await actionOf(source).post(url, body, method);
    const done = source.dataset.done;
    const next = source.dataset.next || 'reload';
    if (done && next === 'stay') toast(done, 'success');
    else if (done) toastNext(done);
    source.dispatchEvent(new CustomEvent('posted', { bubbles: true, detail: answer }));
    if (next === 'reload') location.reload();
    else if (next !== 'stay') location.assign(fill(next, answer));
  };
  if (question) {
    ask({
      title: button.textContent?.trim() || '请确认',
      body: [question],
      confirm: '确定',
      danger: button.classList.contains('btn-danger') || button.classList.contains('btn-outline-danger'),
      onConfirm: send,
    });
    return;
  }
  const done = button ? busy(button) : () => {};
  showInline(source, '');
  send()
    .catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
      const said = showErrors(source, problem) || showInline(source, problem.message);
      if (!said) toast(problem.message, 'danger');
    })
    .finally(done);
}

/** @param {string} next @param {any} answer */
function fill(next, answer) {
  return next.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer?.[name] ?? ''));
}

/** @param {HTMLElement} source */
function hasFile(source) {
  return [...source.querySelectorAll('input[type=file]')].some((input) => /** @type {HTMLInputElement} */ (input).files?.length);
}

/** @param {string} url @param {HTMLFormElement} form */
async function sendMultipart(url, form) {
  const response = await fetch(url, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'X-CSRF-Token': csrfToken(), 'Idempotency-Key': actionOf(form).key, Accept: 'application/json' },
    body: new FormData(form),
  }).catch(() => {
    throw new Problem({ detail: '上传中断，请检查网络后重试。' });
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem({ ...answer, status: response.status });
  return answer;
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement|null} button its name and value count as a field
 */
function fields(form, button) {
  const result = JSON.parse(form.dataset.body || '{}');
  const keepEmpty = 'keepEmpty' in form.dataset;
  for (const input of /** @type {Iterable<any>} */ (form.elements)) {
    if (!input.name || input.disabled || input.type === 'submit' || input.type === 'button' || input.type === 'file') continue;
    if (input.name === 'csrf_token') continue;
    const value = valueOf(input, form);
    if (value === undefined || (value === '' && !keepEmpty)) continue;
    put(result, input.name, value);
  }
  if (button?.name) put(result, button.name, button.value);
  return result;
}

/** @param {any} input @param {HTMLFormElement} form */
function valueOf(input, form) {
  if (input.type === 'radio') return input.checked ? input.value : undefined;
  if (input.type === 'checkbox') {
    const boxes = [...form.elements].filter((other) => /** @type {any} */ (other).name === input.name);
    if (boxes.length === 1 && !('list' in input.dataset)) return input.value === 'on' ? input.checked : input.checked ? input.value : undefined;
    return boxes.filter((box) => /** @type {any} */ (box).checked).map((box) => /** @type {any} */ (box).value);
  }
  if (input.type === 'select-multiple') return [...input.selectedOptions].map((option) => option.value);
  if (input.value === '') return '';
  if (input.type === 'number' || 'number' in input.dataset) return Number(input.value);
  if ('json' in input.dataset) return JSON.parse(input.value);
  if ('list' in input.dataset) return input.value.split(/[,，、\n]/).map((/** @type {string} */ part) => part.trim()).filter(Boolean);
  return input.value;
}

/** @param {any} target @param {string} path @param {any} value */
function put(target, path, value) {
  const names = path.split('.');
  const last = /** @type {string} */ (names.pop());
  for (const name of names) target = target[name] ??= {};
  target[last] = value;
}

/**
 * Put a problem's sentences beside their inputs. @returns {boolean} whether all of them found a place
 * @param {HTMLElement} source @param {Problem} problem
 */
function showErrors(source, problem) {
  for (const old of source.querySelectorAll('.is-invalid')) old.classList.remove('is-invalid');
  for (const old of source.querySelectorAll('.invalid-feedback[data-made]')) old.remove();
  const names = Object.keys(problem.errors);
  let first = null;
  let placed = 0;
  for (const name of names) {
    const input = /** @type {HTMLElement|null} */ (source.querySelector(`[name="${CSS.escape(name)}"], [name$=".${CSS.escape(name)}"]`));
    if (!input) continue;
    placed += 1;
    first ??= input;
    input.classList.add('is-invalid');
    const feedback = document.createElement('div');
    feedback.className = 'invalid-feedback';
    feedback.dataset.made = '';
    feedback.textContent = [problem.errors[name]].flat().join(' ');
    input.after(feedback);
  }
  first?.focus();
  return names.length > 0 && placed === names.length;
}

/** @param {HTMLElement} source @param {string} text @returns {boolean} */
function showInline(source, text) {
  const place = source.querySelector('[data-problem]');
  if (!place) return false;
  place.textContent = text;
  /** @type {HTMLElement} */ (place).hidden = !text;
  return true;
}
