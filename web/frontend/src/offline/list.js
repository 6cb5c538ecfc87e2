/** The page 待发送: what was filled in and has not arrived, item by item, with what can be done about each. */
import { ask, el } from '../dom.js';
import { send, time, WORDS } from './queue.js';
import { drop, entriesOf, localIds, onChange, personOfPage } from './store.js';

const COLOURS = { waiting: 'bg-yellow-lt', sending: 'bg-blue-lt', delivered: 'bg-green-lt', refused: 'bg-red-lt' };

/** @param {HTMLElement} host */
export async function mount(host) {
  const list = el('div', { class: 'list-group list-group-flush' });
  host.append(list);
  const show = async () => {
    const entries = (await entriesOf(personOfPage())).reverse();
    // What somebody is reading must not close under the eyes because another item was sent.
    const open = new Set([...list.querySelectorAll('details[open]')].map((one) => /** @type {HTMLElement} */ (one).dataset.entry));
    list.replaceChildren(...(entries.length ? entries.map((one) => row(one, open.has(one.id))) : [empty()]));
  };
  onChange(show);
  await show();
}

function empty() {
  return el('div', { class: 'empty' },
    el('p', { class: 'empty-title' }, '没有待发送的内容'),
    el('p', { class: 'empty-subtitle text-secondary' }, '没有网络时照常填写并提交，内容先存在本机，有网后自动发送，在这里可以看到每一件的情况。'),
    el('div', { class: 'empty-action' }, el('a', { class: 'btn btn-primary', href: '/worklist' }, '回到我的待办')));
}

/** @param {any} one @param {boolean} open */
function row(one, open) {
  const photos = localIds(one.body).length;
  const state = /** @type {keyof typeof WORDS} */ (one.state);
  const buttons = [];
  if (state === 'delivered') {
    if (one.answer?.case) buttons.push(el('a', { class: 'btn', href: `/cases/${encodeURIComponent(one.answer.case)}` }, '打开案件'));
  } else {
    buttons.push(el('a', { class: 'btn btn-primary', href: `${one.page}#pending=${one.id}` }, state === 'refused' ? '打开，修改后再提交' : '打开'));
    if (state === 'waiting') buttons.push(el('button', { type: 'button', class: 'btn', onclick: () => send() }, '立即发送'));
  }
  if (state !== 'sending') buttons.push(el('button', { type: 'button', class: 'btn btn-ghost-secondary', onclick: () => discard(one) }, state === 'delivered' ? '从列表移除' : '放弃'));
  return el('div', { class: 'list-group-item', 'data-pending': state },
    el('div', { class: 'd-flex flex-wrap gap-2 align-items-center' },
      el('span', { class: `badge ${COLOURS[state]}` }, WORDS[state]), el('strong', {}, one.title),
      el('span', { class: 'text-secondary small ms-auto' }, `${time(one.made)} 提交${photos ? `，照片 ${photos} 张待上传` : ''}`)),
    one.note && el('p', { class: `mt-2 mb-0 ${state === 'refused' ? 'text-danger' : 'text-secondary'}` }, one.note),
    state === 'refused' && problems(one),
    one.body && el('details', { class: 'mt-2', 'data-entry': one.id, open }, el('summary', {}, '填写的内容'), filled(one)),
    el('div', { class: 'btn-list mt-2' }, ...buttons));
}

/** @param {any} one */
function problems(one) {
  const errors = Object.entries(one.problem?.errors ?? {});
  return errors.length ? el('ul', { class: 'mb-0' }, ...errors.map(([key, said]) => el('li', {}, `${one.labels?.[key] ?? key}：${[said].flat().join(' ')}`))) : null;
}

/** @param {any} one */
function filled(one) {
  const rows = Object.entries(one.body?.form ?? {}).filter(([, value]) => value !== null && value !== '');
  return el('dl', { class: 'row mb-0 mt-1' }, ...rows.flatMap(([key, value]) => [
    el('dt', { class: 'col-sm-4' }, one.labels?.[key] ?? key), el('dd', { class: 'col-sm-8' }, words(value, one.labels))]));
}

/** @param {any} value @param {Record<string, string>} labels @returns {string} */
function words(value, labels) {
  if (value === true) return '是';
  if (value === false) return '否';
  if (Array.isArray(value)) return value.every((v) => /^(local:)?[0-9a-f]{24,}$/.test(v)) ? `${value.length} 个文件` : value.map((v) => words(v, labels)).join('；');
  if (value && typeof value === 'object') return Object.entries(value).map(([key, v]) => `${labels?.[key] ?? key} ${words(v, labels)}`).join('，');
  return String(value ?? '');
}

/** @param {any} one */
function discard(one) {
  if (one.state === 'delivered') {
    drop(one);
    return;
  }
  ask({ title: '放弃这一件？', body: [`“${one.title}”填写的内容和本机上的照片会删除，不再发送。`], confirm: '放弃', danger: true, onConfirm: () => drop(one) });
}
