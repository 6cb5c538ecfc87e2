/**
 * A form-js form in a page: filled in, checked, sent to the API, with the server's sentences shown at the fields.
 *
 * props: {schema, data, submitUrl, filesUrl, nextUrl, readonly, submitLabel, extra?}
 *   data       values of the case: prefilled fields, option lists and what conditions read
 *   filesUrl   POST multipart `file` -> {id, name, …}; a file is shown by GET filesUrl + "/" + id
 *   nextUrl    where to go afterwards; `{case}`-like parts are taken from the answer
 *   extra      further members of the request body beside `form` and `files`
 */
import { Form } from '@bpmn-io/form-js-viewer';
import '@bpmn-io/form-js-viewer/dist/assets/form-js.css';
import flatpickr from 'flatpickr';
import { Mandarin } from 'flatpickr/dist/esm/l10n/zh.js';
import { busy, el, readProps, toast } from '../dom.js';
import { Action, Problem } from '../http.js';
import { Draft } from './draft.js';
import './form.css';
import { ErrorSummary, errorsById } from './errors.js';
import { allFiles, uploadModule, uploadsRunning } from './upload.js';

flatpickr.localize(Mandarin);

/** @param {HTMLElement} host */
export async function mount(host) {
  const props = readProps(host);
  const schema = withoutButtons(props.schema);
  const place = el('div', { class: 'form-place' });
  const summary = new ErrorSummary(host);
  // Without debounce: form-js would redraw a half-typed field with its old value when an upload ends meanwhile.
  const form = new Form({ container: place, debounce: false, additionalModules: [uploadModule(props.filesUrl)] });
  if (props.readonly) {
    form.setProperty('readOnly', true);
    place.classList.add('form-readonly');
  }
  const draft = props.readonly ? null : new Draft(props.submitUrl);
  const kept = draft?.read();
  await form.importSchema(schema, { ...props.data, ...kept?.data });
  host.querySelector(':scope > [data-loading]')?.remove();
  host.append(summary.element, place);
  labelGroups(place);
  if (props.readonly) return;

  const note = el('span', { class: 'draft-note', 'aria-live': 'polite' });
  const button = /** @type {HTMLButtonElement} */ (
    el('button', { type: 'button', class: 'btn btn-primary btn-lg', 'data-form-submit': true }, props.submitLabel || '提交')
  );
  host.append(el('div', { class: 'form-actions' }, button, note));
  if (kept && draft) showRestored(note, kept.saved, async () => {
    draft.clear();
    await form.importSchema(schema, props.data ?? {});
    labelGroups(place);
    note.textContent = '';
  });

  // form-js says "changed" for every state, also for one that only carries errors; only an edit makes a draft.
  const tell = () => host.dispatchEvent(new CustomEvent('edited', { bubbles: true, detail: form._getSubmitData() }));
  form.on('field.updated', tell);
  if (kept) tell();
  form.on('field.updated', () => draft?.save(() => form._getSubmitData(), (time) => { note.textContent = `草稿已存在本机 ${time}`; }));

  const action = new Action();
  const send = async () => {
    const { data, errors } = form.submit();
    if (Object.keys(errors).length) {
      summary.show(form, errors, '有内容还没有填好，未提交');
      return;
    }
    if (uploadsRunning()) {
      summary.text('照片或文件还在上传，请等上传完成再提交。');
      return;
    }
    summary.hide();
    const done = busy(button);
    try {
      const answer = await action.post(props.submitUrl, { ...props.extra, form: data, files: allFiles(form, data) });
      draft?.clear();
      if (props.nextUrl) location.assign(props.nextUrl.replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => encodeURIComponent(answer?.[name] ?? '')));
      else {
        toast('已提交', 'success');
        location.reload();
      }
    } catch (problem) {
      done();
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) {
        summary.expired();
        return;
      }
      const { byField, other } = errorsById(form, problem.errors);
      form._setState({ errors: byField });
      summary.show(form, byField, problem.message, other);
    }
  };
  button.addEventListener('click', send);
  // Enter in a text field submits the form element of form-js itself.
  place.querySelector('form')?.addEventListener('submit', (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    send();
  }, true);
}

/** The page has its own button; one inside a schema would be a second door. @param {any} schema */
function withoutButtons(schema) {
  const strip = (/** @type {any[]} */ components) =>
    components.filter((part) => part.type !== 'button').map((part) => (part.components ? { ...part, components: strip(part.components) } : part));
  return { ...schema, components: strip(schema.components ?? []) };
}

/** form-js gives a radio or checklist group only a visual label; screen readers need the tie. @param {HTMLElement} place */
function labelGroups(place) {
  for (const group of place.querySelectorAll('.fjs-form-field-radio, .fjs-form-field-checklist')) {
    const label = group.querySelector(':scope > .fjs-form-field-label');
    if (!label) continue;
    label.id ||= `group-${Math.random().toString(36).slice(2)}`;
    group.setAttribute('role', group.classList.contains('fjs-form-field-radio') ? 'radiogroup' : 'group');
    group.setAttribute('aria-labelledby', label.id);
  }
}

/** @param {HTMLElement} note @param {string} saved @param {() => void} discard */
function showRestored(note, saved, discard) {
  note.textContent = `已恢复 ${saved} 未提交的草稿。`;
  note.append(el('button', { type: 'button', class: 'btn btn-link btn-sm', onclick: discard }, '清除草稿'));
}
