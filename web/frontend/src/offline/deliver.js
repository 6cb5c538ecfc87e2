/**
 * Sending what was kept, one after the other, in the order in which 提交 was pressed. Runs in pages and in the service worker,
 * one of them at a time (Web Locks); if two did, the Idempotency-Key kept with each entry would still make it arrive once.
 *
 * Only what belongs to the person whose session this is goes out: the server is asked who that is, and its CSRF token, which
 * belongs to the same session, goes with every write. A session that changes in between is refused, nothing is sent as another.
 */
import { Problem } from '../http.js';
import { bring } from '../pieces.js';
import { change, changePhoto, dropPhoto, entriesOf, localIds, photo, replaced } from './store.js';

/** Milliseconds after which an answer counts as lost [P]; it is asked for again under the same key. */
const PATIENCE = 60_000;

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
    const photos = localIds(now.body);
    for (const [at, id] of photos.entries()) {
      const file = await uploaded(id, now, csrf, `正在传第 ${at + 1} 个文件，共 ${photos.length} 个`);
      if (!file) return; // dropped meanwhile
      const body = replaced(now.body, new Map([[id, file]]));
      now = await change(one.id, { body, note: '' });
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

/**
 * The photo's id on the server, where it is brought, from where it stopped, if it is not there yet; '' when the entry was dropped.
 * @param {string} id @param {any} one the entry it belongs to @param {string} csrf @param {string} said
 */
async function uploaded(id, one, csrf, said) {
  let kept = await photo(id, one.person);
  if (!kept) throw new Refused(atItsField(one, id, '有一张照片已不在本机，请移除后重新添加，再提交。'));
  if (kept.file) return kept.file;
  const remember = async (/** @type {object} */ what) => {
    kept = { ...kept, ...what };
    await changePhoto(kept);
  };
  const what = { filesUrl: '/api/v1/files', file: new Blob([kept.bytes], { type: kept.type }), name: kept.name, fields: kept.fields ?? {}, csrf, id: kept.half ?? '' };
  try {
    const answer = await bring(what, (half) => remember({ half }), async (part) => {
      if (!(await change(one.id, { note: `${said}，${Math.floor(part * 100)}%` }))) throw new Gone();
    });
    await remember({ file: answer.id });
    return answer.id;
  } catch (problem) {
    if (problem instanceof Gone) return '';
    if (!(problem instanceof Problem)) throw problem;
    // where it stands is asked for anew; somebody else may be adding to it
    if (problem.status === 409 && kept.half) throw new Later('上传中断，稍后自动续传');
    const no = await refusal(problem.status, problem.body, csrf);
    if (no instanceof Later) throw no;
    if (kept.half) await remember({ half: '' });
    throw new Refused(atItsField(one, id, problem.message));
  }
}

/** The entry was dropped in another tab while a photo of it was on its way. */
class Gone extends Error {}

/** A refusal that stands at the field whose file it is about. @param {any} one @param {string} id @param {string} said */
function atItsField(one, id, said) {
  const path = pathTo(one.body?.form, id);
  return path ? { status: 422, detail: '有文件没有被接受，没有送出。', errors: { [path]: [said] } } : { status: 422, detail: said };
}

/** `检查.现场照片`, where `id` stands in a list of files. @param {any} value @param {string} id @returns {string} */
function pathTo(value, id) {
  if (!value || typeof value !== 'object') return '';
  for (const [key, inner] of Object.entries(value)) {
    if (Array.isArray(inner) && inner.includes(id)) return key;
    const deeper = pathTo(inner, id);
    if (deeper) return `${key}.${deeper}`;
  }
  return '';
}

/**
 * @param {string} url @param {BodyInit} body @param {string} csrf @param {Record<string, string>} headers
 * @throws {Later|Refused}
 */
async function write(url, body, csrf, headers) {
  let answer;
  let text;
  try {
    answer = await ask(url, { method: 'POST', body, headers: { ...headers, 'X-CSRF-Token': csrf } });
    text = await answer.text();
  } catch {
    throw new Later('没有网络，恢复后自动发送');
  }
  const said = parsed(text);
  if (answer.ok) return said;
  throw await refusal(answer.status, said, csrf);
}

/** Whether a no means later or never. @param {number} status 0: no answer @param {any} said @param {string} csrf @returns {Promise<Later|Refused>} */
async function refusal(status, said, csrf) {
  if (!status) return new Later('没有网络，恢复后自动发送');
  if (status === 401) return new Later(SIGN_IN);
  if (status === 429 || status >= 500) return new Later(`服务器暂时不能接收（${status}），稍后自动再试`);
  if (status === 403 && (await whoAmI()).csrf_token !== csrf) return new Later('登录刚刚变化，稍后自动再试');
  return new Refused({ ...said, status });
}

/** @param {string} url @param {RequestInit} options */
function ask(url, options) {
  return fetch(url, {
    credentials: 'same-origin',
    redirect: 'error',
    ...options,
    headers: { Accept: 'application/json, application/problem+json', ...options.headers },
    signal: AbortSignal.timeout?.(PATIENCE), // older browsers wait as long as the network does
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
