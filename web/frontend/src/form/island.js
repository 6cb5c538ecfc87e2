/**
 * A form-js form in a page: filled in, checked, sent to the API, with the server's sentences shown at the fields.
 *
 * 提交 keeps the filled form in this browser and sends it (`offline/queue.js`): without a network it waits, and arrives once.
 *
 * props: {schema, data, submitUrl, filesUrl, nextUrl, readonly, submitLabel, draftUrl?, endsDraft?, extra?}
 *   data       values of the case: prefilled fields, option lists and what conditions read
 *   filesUrl   POST multipart `file` -> {id, name, …}; a file is shown by GET filesUrl + "/" + id
 *   nextUrl    where to go afterwards; `{case}`-like parts are taken from the answer
 *   draftUrl   where drafts of this form are kept on the server
 *   endsDraft  the body says which draft it grew from: no item ends with it, and the draft does
 *   extra      further members of the request body beside `form` and `files`
 */
import { Form } from '@bpmn-io/form-js-viewer';
import '@bpmn-io/form-js-viewer/dist/assets/form-js.css';
import flatpickr from 'flatpickr';
import { Mandarin } from 'flatpickr/dist/esm/l10n/zh.js';
import { ask, busy, el, readProps, toastNext } from '../dom.js';
import { keptFor, send as sendKept, submit, time } from '../offline/queue.js';
import { drop, entriesOf, entry, onChange, personOfPage, takeBack } from '../offline/store.js';
import { Draft } from './draft.js';
import './form.css';
import { ErrorSummary, errorsById } from './errors.js';
import { allFiles, uploadModule, uploadsRunning } from './upload.js';

flatpickr.localize(Mandarin);

/** @param {HTMLElement} host */
export async function mount(host) {
  const props = readProps(host);
  const schema = asShown(props.schema);
  const place = el('div', { class: 'form-place' });
  const summary = new ErrorSummary(host);
  // Without debounce: form-js would redraw a half-typed field with its old value when an upload ends meanwhile.
  const form = new Form({ container: place, debounce: false, additionalModules: [uploadModule(props.filesUrl)] });
  if (props.readonly) {
    form.setProperty('readOnly', true);
    place.classList.add('form-readonly');
  }
  const draft = props.readonly ? null : new Draft(props.extra ? location.pathname : props.submitUrl, props.draftUrl);
  const kept = await keptHere(props);
  if (draft && (await pressedSince(draft.read()?.at))) draft.forget();
  const drafted = await draft?.open(await submittedHere());
  const begun = kept?.body.form ?? drafted?.data;
  await form.importSchema(schema, { ...props.data, ...begun });
  host.querySelector(':scope > [data-loading]')?.remove();
  host.append(summary.element, place);
  labelGroups(place);
  if (props.readonly || !draft) return;

  const note = el('span', { class: 'draft-note', 'aria-live': 'polite' });
  const button = /** @type {HTMLButtonElement} */ (
    el('button', { type: 'button', class: 'btn btn-primary btn-lg', 'data-form-submit': true }, props.submitLabel || '提交')
  );
  const actions = el('div', { class: 'form-actions' }, button, note);
  host.append(actions);
  const load = async (/** @type {any} */ data) => {
    await form.importSchema(schema, { ...props.data, ...data });
    labelGroups(place);
  };
  const saveDraft = () => draft.save(() => form._getSubmitData(), (sentence) => { note.textContent = sentence; });
  const askFor = (/** @type {string} */ sentence, /** @type {[string, () => any][]} */ ...ways) => {
    note.replaceChildren(sentence, ...ways.map(([label, go]) => el('button', { type: 'button', class: 'btn btn-link btn-sm', onclick: async () => { note.textContent = ''; await go(); } }, label)));
  };
  if (drafted && !kept) askFor(drafted.sentence,
    .../** @type {[string, () => any][]} */ (drafted.other ? [['改用那一份', async () => { await load(drafted.other); saveDraft(); }]] : []),
    ['清除草稿', async () => { await load({}); await draft.discard(); }]);
  draft.onOther = () => askFor('这份草稿刚在另一台设备上保存过。',
    ['改用那一份', async () => { draft.forget(); await load((await draft.open())?.data); }],
    ['以这里为准', async () => { await draft.insist(); saveDraft(); }]);

  // form-js says "changed" for every state, also for one that only carries errors; only an edit makes a draft.
  const tell = () => host.dispatchEvent(new CustomEvent('edited', { bubbles: true, detail: form._getSubmitData() }));
  form.on('field.updated', () => { tell(); saveDraft(); });
  if (begun) tell();

  const refused = (/** @type {any} */ problem) => {
    const { byField, other } = errorsById(form, problem.errors ?? {});
    form._setState({ errors: byField });
    summary.show(form, byField, problem.detail || problem.title || '没有被接受，请修改后再提交。', other);
  };
  const leave = (/** @type {any} */ one) => {
    toastNext('已提交');
    if (one.next) location.assign(one.next.replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => encodeURIComponent(one.answer?.[name] ?? '')));
    else location.reload();
  };
  const filler = fillerOf(form, place, actions, note);
  /** What became of a filled form that was sent or kept. @param {any} one */
  const settle = async (one) => {
    if (one.state === 'delivered') {
      draft.close();
      leave(one);
    } else if (one.state === 'refused') {
      await reopen(one);
      refused(one.problem);
    } else if (one.expired) {
      // Nothing was done: the form stays as it is, for who signs in again to look at once more.
      await reopen(one);
      summary.expired();
    } else {
      draft.forget();
      filler.wait(one, reopen, discard);
    }
  };
  /** What was kept becomes a draft again, which is written before the entry goes: closing the page in between loses nothing. @param {any} one */
  const reopen = async (one) => {
    filler.waiting = '';
    draft.write(form._getSubmitData());
    await takeBack(one.id);
    filler.edit();
    saveDraft();
  };
  const discard = (/** @type {any} */ one) => ask({
    title: '放弃提交？', body: ['填写的内容和本机上的照片会删除，不再发送。'], confirm: '放弃', danger: true,
    onConfirm: async () => { filler.waiting = ''; await drop(one); await draft.discard(); location.hash = ''; location.reload(); },
  });

  const press = async () => {
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
    await draft.rest();
    const one = await submit({
      url: props.submitUrl, next: props.nextUrl, title: titleOfPage(), labels: labelsOf(schema.components),
      body: { ...props.extra, form: data, files: allFiles(form, data), ...(props.endsDraft ? { draft: draft.base } : {}) },
    });
    done();
    await settle(one);
  };
  button.addEventListener('click', press);
  // Enter in a text field submits the form element of form-js itself.
  place.querySelector('form')?.addEventListener('submit', (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    press();
  }, true);

  // What waits here may be sent by another tab or when the network is back.
  onChange(async () => {
    if (!filler.waiting) return;
    const now = await entry(filler.waiting, personOfPage());
    if (!now) location.reload();
    else if (now.state === 'delivered' || now.state === 'refused') {
      filler.waiting = '';
      await settle(now);
    } else filler.wait(now, reopen, discard);
  });
  if (kept) {
    if (kept.state === 'refused') await settle(kept);
    else filler.wait(kept, reopen, discard);
  }
}

/** What was pressed before and has not arrived: for a step of a case by its address, for a new case the one that was opened. @param {any} props */
async function keptHere(props) {
  if (props.readonly) return undefined;
  const wanted = new URLSearchParams(location.hash.slice(1)).get('pending') ?? '';
  if (props.extra && !wanted) return undefined;
  return keptFor(props.submitUrl, props.extra ? wanted : '');
}

/** Whether this very form was submitted after its draft was last written: the page was closed before it could clear it. @param {number} [at] */
async function pressedSince(at) {
  if (!at) return false;
  const here = location.pathname + location.search;
  return (await entriesOf(personOfPage())).some((one) => one.page === here && one.made >= at);
}

/** The latest draft that a submission grew from which may not have arrived yet: it is no draft any more. */
async function submittedHere() {
  const here = location.pathname + location.search;
  const made = (await entriesOf(personOfPage())).filter((one) => one.page === here);
  return Math.max(0, ...made.map((one) => one.body?.draft ?? 0));
}

/**
 * The form while what it held waits to be sent: to be read only, with what can be done about it in the place of the button.
 * @param {any} form @param {HTMLElement} place @param {HTMLElement} actions @param {HTMLElement} note
 */
function fillerOf(form, place, actions, note) {
  const buttons = [...actions.children];
  const self = {
    waiting: '',
    /** @param {any} one @param {(one: any) => void} reopen @param {(one: any) => void} discard */
    wait(one, reopen, discard) {
      if (!self.waiting) {
        form.setProperty('readOnly', true);
        place.classList.add('form-readonly');
      }
      self.waiting = one.id;
      const sending = one.state === 'sending';
      const said = el('p', { class: 'form-kept', role: 'status' }, el('strong', {}, sending ? '发送中' : '待发送'), `　${time(one.made)} 已提交，存在本机${one.note ? `：${one.note}` : ''}。关掉页面也不会丢。`);
      const act = (/** @type {string} */ label, /** @type {() => any} */ go, kind = '') => el('button', { type: 'button', class: `btn ${kind}`, disabled: sending, onclick: go }, label);
      actions.replaceChildren(said, act('立即发送', () => sendKept(), 'btn-primary'), act('修改', () => reopen(one)), act('放弃', () => discard(one), 'btn-ghost-secondary'), el('a', { class: 'btn btn-ghost-secondary', href: '/pending' }, '全部待发送'));
    },
    edit() {
      self.waiting = '';
      form.setProperty('readOnly', false);
      place.classList.remove('form-readonly');
      note.textContent = '';
      actions.replaceChildren(...buttons);
    },
  };
  return self;
}

/** As the step is called in lists: its name and the case's. */
function titleOfPage() {
  const step = document.querySelector('h1')?.textContent?.trim() ?? '';
  const over = document.querySelector('.page-pretitle')?.textContent?.replace(/\s+/g, ' ').trim() ?? '';
  return over ? `${step}（${over}）` : step;
}

/** Field key → label, also inside groups and lists. @param {any[]} components @returns {Record<string, string>} */
function labelsOf(components) {
  return Object.assign({}, ...components.map((part) => ({ ...(part.key && part.label ? { [part.key]: part.label } : {}), ...labelsOf(part.components ?? []) })));
}

/** As the page shows a schema: without buttons, since the page has its own, and with every row of a list, since one that was carried over and
 * is folded away would be submitted unread. @param {any} schema */
function asShown(schema) {
  const shown = (/** @type {any[]} */ components) => components.filter((part) => part.type !== 'button').map((part) => ({
    ...part,
    ...(part.components ? { components: shown(part.components) } : {}),
    ...(part.type === 'dynamiclist' ? { disableCollapse: true } : {}),
  }));
  return { ...schema, components: shown(schema.components ?? []) };
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
