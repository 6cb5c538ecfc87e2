/**
 * 待发送 on the page's side: 提交 puts a filled step into what is kept and sends it; what could not go out is tried again when the
 * page opens, when the network is back, and every some seconds. The bar at the top says how it stands on every page.
 */
import { ask, el } from '../dom.js';
import { newKey } from '../http.js';
import { deliverAll } from './deliver.js';
import { entriesOf, entry, keep, keeps, onChange, personOfPage, sweep, takeBack } from './store.js';

/** Milliseconds between two tries while something waits [P]. */
const AGAIN = 15_000;

export const WORDS = { waiting: '待发送', sending: '发送中', delivered: '已送达', refused: '被退回' };

const person = personOfPage();

/**
 * Keep a filled step, then send it. @param {{url: string, next: string, title: string, body: any, labels: Record<string, string>}} filled
 * @returns {Promise<any>} the entry as it stands afterwards
 */
export async function submit(filled) {
  const made = { id: newKey(), person, page: location.pathname + location.search, made: Date.now(), state: 'waiting', note: '', ...filled };
  try {
    await keep(made);
  } catch (error) {
    console.warn(error);
    return { ...made, state: 'refused', problem: { detail: '这台设备的存储空间已满，没有存下，也没有发送。请在“待发送”里放弃不要的，或清理手机空间后再提交。' } };
  }
  navigator.storage?.persist?.().catch(() => false);
  await send();
  const after = await entry(made.id, person);
  if (after?.state === 'waiting') registerSync();
  if (after?.state === 'delivered') await takeBack(made.id); // it never waited: nobody needs to be told that it arrived
  return { ...(after ?? made), durable: await keeps() };
}

/** What waits or was refused for a form, by its address; by its id for a form that may be filled in more than once. @param {string} url @param {string} [id] */
export async function keptFor(url, id = '') {
  return (await entriesOf(person)).reverse().find((one) => one.url === url && one.state !== 'delivered' && (!id || one.id === id));
}

/** @type {Promise<any>|null} */
let running = null;

/** Send what waits, now. */
export function send() {
  running = (running ?? Promise.resolve()).then(() => deliverAll(person)).catch((error) => console.error(error));
  return running;
}

async function registerSync() {
  try {
    const registration = await navigator.serviceWorker?.ready;
    await /** @type {any} */ (registration)?.sync?.register('duban:send');
  } catch {
    // Browsers without it send when the product is opened the next time.
  }
}

// -- the bar -------------------------------------------------------------------------------------------

const bar = document.getElementById('net');

async function show() {
  if (!bar) return;
  const entries = await entriesOf(person);
  const waiting = entries.filter((one) => one.state === 'waiting' || one.state === 'sending');
  const refused = entries.filter((one) => one.state === 'refused');
  const kept = Number(document.body.dataset.kept);
  const said = [];
  if (kept) said.push(`没有连上服务器，这是 ${time(kept)} 存下的页面。`);
  else if (!navigator.onLine) said.push('没有网络。');
  if ((kept || !navigator.onLine) && !waiting.length && person) said.push('可以照常填写，提交后存在本机，有网时自动发送。');
  const links = [];
  if (waiting.length) links.push(el('a', { href: '/pending' }, `待发送 ${waiting.length} 件`));
  if (refused.length) links.push(el('a', { href: '/pending' }, `被退回 ${refused.length} 件，请处理`));
  bar.hidden = !said.length && !links.length;
  bar.classList.toggle('net-refused', refused.length > 0);
  bar.replaceChildren(el('div', { class: 'container-xl' }, said.join(''), ...links));
}

/** @param {number} at */
export function time(at) {
  const day = new Date(at);
  const clock = day.toLocaleTimeString('zh-CN', { hour: '2-digit', minute: '2-digit', hour12: false });
  return new Date().toDateString() === day.toDateString() ? clock : `${day.getMonth() + 1}月${day.getDate()}日 ${clock}`;
}

/** Begin: show how it stands, and send what is left from before. */
export async function begin() {
  if (person) guardSignOut(); // before anything is waited for: who is quick with the button is asked, too
  window.addEventListener('offline', show);
  window.addEventListener('online', () => { show(); if (person) send(); });
  onChange(show);
  await show();
  if (!person) return;
  await sweep(person);
  const again = async () => {
    const some = (await entriesOf(person)).some((one) => one.state === 'waiting' || one.state === 'sending');
    if (some && navigator.onLine) await send();
    setTimeout(again, AGAIN);
  };
  again();
}

/** Signing out leaves what waits where it is, unsent until the same person is back: that is said before. */
function guardSignOut() {
  const form = /** @type {HTMLFormElement|null} */ (document.querySelector('form[action$="/sign-out"]'));
  let looking = false;
  form?.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (looking || document.querySelector('dialog[data-sign-out]')) return;
    looking = true;
    // A browser that cannot say what it keeps must still let people go.
    const waiting = await entriesOf(person).then((all) => all.filter((one) => one.state !== 'delivered').length, () => 0);
    looking = false;
    if (!waiting) form.submit();
    else ask({
      title: `还有 ${waiting} 件没有送达`,
      body: ['退出后不会发送，也不会显示给别人；您下次在这台设备上登录后继续。'],
      confirm: '仍要退出',
      danger: true,
      onConfirm: () => form.submit(),
    }).dataset.signOut = '';
  });
}
