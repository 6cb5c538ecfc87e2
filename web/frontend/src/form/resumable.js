/**
 * Uploads of a page, where somebody waits: tried again after every interruption, gone on with also after the page was
 * loaded anew (the upload's id is remembered by the file's name, size and time).
 */
import { csrfToken, Problem } from '../http.js';
import { bring } from '../pieces.js';

const TRIES = 12;
const LONGEST_PAUSE = 15_000;

/** Files of this page that are on their way; the same file chosen twice is two uploads. @type {Set<string>} */
const active = new Set();

/** What a page remembers of a file's upload, by the file. @param {File} file */
const nameOf = (file) => `duban-upload:${file.name}:${file.size}:${file.lastModified}`;

/**
 * @param {string} filesUrl
 * @param {File} file
 * @param {(part: number, note: string) => void} onProgress
 * @param {Record<string, string>} [fields] what goes with it: when and where the browser says it was taken
 * @returns {Promise<any>} what the server knows of the file
 * @throws {Problem} of status 0 at once where there is no network, after some tries where the server does not answer
 */
export async function upload(filesUrl, file, onProgress, fields = {}) {
  const key = nameOf(file);
  const first = !active.has(key);
  if (first) active.add(key);
  try {
    return await send(filesUrl, file, onProgress, first ? key : '', fields);
  } finally {
    if (first) active.delete(key);
  }
}

/** The id of an upload that stopped half-way, which somebody else goes on with now; '' for none. @param {File} file */
export function handOver(file) {
  const key = nameOf(file);
  if (active.has(key)) return ''; // the same file chosen twice: the other one goes on with it
  const id = recall(key);
  forget(key);
  return id;
}

/** @param {string} filesUrl @param {File} file @param {(part: number, note: string) => void} onProgress @param {string} key @param {Record<string, string>} fields */
async function send(filesUrl, file, onProgress, key, fields) {
  let id = recall(key);
  let part = 0;
  let failures = 0;
  const begun = (/** @type {string} */ now) => {
    id = now;
    if (id) remember(key, id);
    else forget(key);
  };
  const reach = (/** @type {number} */ now, /** @type {boolean} */ checking) => {
    if (now > part) failures = 0;
    part = now;
    onProgress(part, checking ? '正在核对' : '');
  };
  for (;;) {
    try {
      const found = await bring({ filesUrl, file, name: file.name, fields, csrf: csrfToken(), id }, begun, reach);
      forget(key);
      return found;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const passes = problem.status === 0 || problem.status >= 500 || problem.status === 409 || problem.status === 429 || problem.status === 460;
      failures += 1;
      if (!passes || problem.status === 507 || failures > TRIES || !navigator.onLine) {
        if (problem.refused && problem.status !== 401 && problem.status !== 409 && problem.status !== 429) forget(key);
        throw problem;
      }
      onProgress(part, '网络中断，正在等待续传');
      await pause(Math.min(500 * 2 ** failures, LONGEST_PAUSE));
    }
  }
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
