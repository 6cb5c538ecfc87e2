/**
 * Sending what was kept, one after the other, in the order in which 提交 was pressed. Runs in pages and in the service worker,
 * one of them at a time (Web Locks); if two did, the Idempotency-Key kept with each entry would still make it arrive once.
 *
 * Only what belongs to the person whose session this is goes out: the server is asked who that is, and its CSRF token, which
 * belongs to the same session, goes with every write. A session that changes in between is refused, nothing is sent as another.
 */
import { change, changePhoto, dropPhoto, entriesOf, localIds, photo, replaced } from './store.js';

/** Milliseconds after which an answer counts as lost [P]; it is asked for again under the same key. */
const PATIENCE = 60_000;
const UPLOAD_PATIENCE = 600_000;

const SIGN_IN = '登录已超时，重新登录后自动发送';

/** Not now, but later: no network, a server that is busy, a session that is over. */
class Later extends Error {}

/** Never like this: the server has understood and said no. */
class Refused extends Error {
  /** @param {any} problem */
  constructor(problem) {
    super(problem.detail || problem.title || '没有被接受。');
    this.problem = problem;
  }
}

/**
 * Send everything that waits. @param {string} [only] the person of the page; with another one signed in nothing is sent
 * @returns {Promise<boolean>} whether the server was there to take it
 */
export function deliverAll(only) {
  const locks = navigator.locks;
  return locks ? locks.request('duban:send', () => inTurn(only)) : inTurn(only);
}

/** @param {string} [only] */
async function inTurn(only) {
  const me = await whoAmI();
  const person = only ?? me.person ?? '';
  const waiting = (await entriesOf(person)).filter((one) => one.state === 'waiting' || one.state === 'sending');
  for (const one of waiting) {
    if (me.person !== person) {
      await change(one.id, { state: 'waiting', note: me.note, expired: Boolean(me.expired) });
      continue;
    }
    try {
      await deliver(one, me.csrf_token);
    } catch (reason) {
      if (!(reason instanceof Later)) throw reason;
      await change(one.id, { state: 'waiting', note: reason.message, expired: reason.message === SIGN_IN });
      return false;
    }
  }
  return Boolean(me.person) && me.person === person;
}

/** @returns {Promise<{person?: string, csrf_token: string, note: string, expired?: boolean}>} */
async function whoAmI() {
  try {
    const answer = await ask('/api/v1/me', { cache: 'no-store' });
    if (answer.status === 401) return { csrf_token: '', note: SIGN_IN, expired: true };
    if (!answer.ok) return { csrf_token: '', note: `服务器暂时不能接收（${answer.status}），稍后自动再试` };
    return { ...(await answer.json()), note: '现在登录的是别人，由您本人登录后再发送' };
  } catch {
    return { csrf_token: '', note: '没有网络，恢复后自动发送' };
  }
}

/** @param {any} one @param {string} csrf */
async function deliver(one, csrf) {
  let now = await change(one.id, { state: 'sending', note: '' });
  if (!now) return; // dropped in another tab
  try {
    for (const id of localIds(now.body)) {
      const file = await uploaded(id, now.person, csrf);
      const body = replaced(now.body, new Map([[id, file]]));
      now = await change(one.id, { body });
      if (!now) return;
      await dropPhoto(id);
    }
    const answer = await write(now.url, JSON.stringify(now.body), csrf, { 'Content-Type': 'application/json', 'Idempotency-Key': now.id });
    await change(one.id, { state: 'delivered', body: null, labels: null, note: '', answer: { case: answer?.case, number: answer?.number } });
  } catch (reason) {
    if (!(reason instanceof Refused)) throw reason;
    await change(one.id, { state: 'refused', problem: reason.problem, note: reason.message });
  }
}

/** The photo's id on the server, where it is brought if it is not there yet. @param {string} id @param {string} person @param {string} csrf */
async function uploaded(id, person, csrf) {
  const kept = await photo(id, person);
  if (!kept) throw new Refused({ detail: '有一张照片已不在本机，请打开后重新添加，再提交。' });
  if (kept.file) return kept.file;
  const body = new FormData();
  for (const [name, value] of Object.entries(kept.fields ?? {})) body.append(name, value);
  body.append('file', new Blob([kept.bytes], { type: kept.type }), kept.name);
  const answer = await write('/api/v1/files', body, csrf, { 'Idempotency-Key': id.slice(6) }, UPLOAD_PATIENCE);
  await changePhoto({ ...kept, file: answer.id });
  return answer.id;
}

/**
 * @param {string} url @param {BodyInit} body @param {string} csrf @param {Record<string, string>} headers
 * @throws {Later|Refused}
 */
async function write(url, body, csrf, headers, patience = PATIENCE) {
  let answer;
  let text;
  try {
    answer = await ask(url, { method: 'POST', body, headers: { ...headers, 'X-CSRF-Token': csrf } }, patience);
    text = await answer.text();
  } catch {
    throw new Later('没有网络，恢复后自动发送');
  }
  const said = parsed(text);
  if (answer.ok) return said;
  if (answer.status === 401) throw new Later(SIGN_IN);
  if (answer.status === 429 || answer.status >= 500) throw new Later(`服务器暂时不能接收（${answer.status}），稍后自动再试`);
  if (answer.status === 403 && (await whoAmI()).csrf_token !== csrf) throw new Later('登录刚刚变化，稍后自动再试');
  throw new Refused({ ...said, status: answer.status });
}

/** @param {string} url @param {RequestInit} options */
function ask(url, options, patience = PATIENCE) {
  return fetch(url, {
    credentials: 'same-origin',
    redirect: 'error',
    ...options,
    headers: { Accept: 'application/json, application/problem+json', ...options.headers },
    signal: AbortSignal.timeout?.(patience), // older browsers wait as long as the network does
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
