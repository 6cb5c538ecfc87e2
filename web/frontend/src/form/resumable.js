/**
 * Uploads that go on where they stopped: in pieces, asked for again after every interruption, also after the page was
 * loaded anew (the upload's id is remembered by the file's name, size and time).
 */
import { csrfToken, Problem, readAnswer } from '../http.js';

const PIECE = 1 << 20;
const TRIES = 12;
const LONGEST_PAUSE = 15_000;

/** Files of this page that are on their way; the same file chosen twice is two uploads. @type {Set<string>} */
const active = new Set();

/**
 * @param {string} filesUrl
 * @param {File} file
 * @param {(part: number, note: string) => void} onProgress
 * @param {Record<string, string>} [fields] what goes with it: when and where the browser says it was taken
 * @returns {Promise<any>} what the server knows of the file
 * @throws {Problem} of status 0 at once where there is no network, after some tries where the server does not answer
 */
export async function upload(filesUrl, file, onProgress, fields = {}) {
  const key = `duban-upload:${file.name}:${file.size}:${file.lastModified}`;
  const first = !active.has(key);
  if (first) active.add(key);
  try {
    return await send(filesUrl, file, onProgress, first ? key : '', fields);
  } finally {
    if (first) active.delete(key);
  }
}

/** @param {string} filesUrl @param {File} file @param {(part: number, note: string) => void} onProgress @param {string} key @param {Record<string, string>} fields */
async function send(filesUrl, file, onProgress, key, fields) {
  const uploads = filesUrl.replace(/files$/, 'uploads');
  let id = recall(key);
  let offset = -1;
  let began = false;
  let failures = 0;
  for (;;) {
    try {
      if (!id) {
        ({ id } = await begin(uploads, file, fields));
        began = true;
        remember(key, id);
        offset = 0;
      }
      if (offset < 0) offset = await reached(`${uploads}/${id}`);
      if (offset >= file.size) {
        onProgress(1, '正在核对');
        return await finish(filesUrl, `${uploads}/${id}`, id, file.size, key);
      }
      onProgress(offset / file.size, '');
      offset = await piece(`${uploads}/${id}`, file, offset);
      failures = 0;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 404 && !began) {
        // the one remembered was swept away, or is somebody else's on this machine
        forget(key);
        id = '';
        offset = -1;
        continue;
      }
      const passes = problem.status === 0 || problem.status >= 500 || problem.status === 409 || problem.status === 429 || problem.status === 460;
      failures += 1;
      if (!passes || problem.status === 507 || failures > TRIES || !navigator.onLine) {
        if (problem.refused && problem.status !== 401 && problem.status !== 409 && problem.status !== 429) forget(key);
        throw problem;
      }
      onProgress(Math.max(offset, 0) / file.size, '网络中断，正在等待续传');
      await pause(Math.min(500 * 2 ** failures, LONGEST_PAUSE));
      offset = id ? -1 : offset;
    }
  }
}

/** @param {string} url @param {RequestInit} options @returns {Promise<Response>} @throws {Problem} */
async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, {
      credentials: 'same-origin',
      ...options,
      headers: { Accept: 'application/json, application/problem+json', 'X-CSRF-Token': csrfToken(), 'Tus-Resumable': '1.0.0', ...options.headers },
    });
  } catch {
    throw new Problem({ detail: '上传中断。请检查网络后点“重试”，会从停下的地方接着传。' });
  }
  if (!response.ok) throw new Problem({ ...(await readAnswer(response)), status: response.status });
  return response;
}

/** @param {string} uploads @param {File} file @param {Record<string, string>} fields */
async function begin(uploads, file, fields) {
  const coded = (/** @type {string} */ text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const about = Object.entries({ filename: file.name, ...fields }).map(([name, value]) => `${name} ${coded(value)}`);
  const headers = { 'Upload-Length': String(file.size), 'Upload-Metadata': about.join(',') };
  return (await ask(uploads, { method: 'POST', headers })).json();
}

/** @param {string} url */
async function reached(url) {
  return Number((await ask(url, { method: 'HEAD' })).headers.get('Upload-Offset'));
}

/** @param {string} url @param {File} file @param {number} offset */
async function piece(url, file, offset) {
  const headers = { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset) };
  const body = file.slice(offset, Math.min(offset + PIECE, file.size));
  return Number((await ask(url, { method: 'PATCH', headers, body })).headers.get('Upload-Offset'));
}

/** @param {string} filesUrl @param {string} url @param {string} id @param {number} size @param {string} key */
async function finish(filesUrl, url, id, size, key) {
  const about = () => ask(`${filesUrl}/${id}/info`, { method: 'GET' }).then((answer) => answer.json());
  let found;
  try {
    found = await about();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
    // all bytes are there, but the server was stopped before it looked into them
    const headers = { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(size) };
    await ask(url, { method: 'PATCH', headers, body: new Blob([]) });
    found = await about();
  }
  forget(key);
  return found;
}

/** @param {number} milliseconds until then, or until the network is back */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
  });
}

/** @param {string} key */
function recall(key) {
  try {
    return (key && localStorage.getItem(key)) || '';
  } catch {
    return '';
  }
}

/** @param {string} key @param {string} id */
function remember(key, id) {
  try {
    if (key) localStorage.setItem(key, id);
  } catch {
    // private windows: the upload goes on, but not after a reload
  }
}

/** @param {string} key */
function forget(key) {
  try {
    if (key) localStorage.removeItem(key);
  } catch {
    // nothing was remembered
  }
}
