/**
 * A file in pieces (tus): begun once, asked for how far it has come, and gone on with from there. One way for the page, where
 * somebody waits, and for the service worker, which knows no page: who calls gives the session's token and remembers the id.
 */
import { Problem, readAnswer } from './http.js';

const PIECE = 1 << 20;
/** Milliseconds after which a piece counts as lost [P]; what came of it stays, and it is gone on with from there. */
const PATIENCE = 180_000;

/**
 * Bring a file to the server from where it stands. What breaks off is thrown, and the next call with the same id goes on.
 *
 * @param {{filesUrl: string, file: Blob, name: string, fields: Record<string, string>, csrf: string, id: string}} what
 *   `fields`: when and where the browser says it was taken; `id`: of the upload begun before, '' for none
 * @param {(id: string) => void|Promise<void>} begun told the id before a byte goes out; '' when the one given is known no more
 * @param {(part: number, checking: boolean) => void|Promise<void>} reach told after every piece
 * @returns {Promise<any>} what the server knows of the file
 * @throws {Problem} of status 0 where there was no answer
 */
export async function bring({ filesUrl, file, name, fields, csrf, id }, begun, reach) {
  const uploads = filesUrl.replace(/files$/, 'uploads');
  const ask = asker(csrf);
  let offset = 0;
  if (id) {
    try {
      offset = at(await ask(`${uploads}/${id}`, { method: 'HEAD' }));
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
      // it was swept away, or is somebody else's on this machine
      id = '';
      await begun('');
    }
  }
  if (!id) {
    ({ id } = await (await ask(uploads, { method: 'POST', headers: { 'Upload-Length': String(file.size), 'Upload-Metadata': about(name, fields) } })).json());
    await begun(id);
  }
  const send = (/** @type {number} */ from, /** @type {Blob} */ body) =>
    ask(`${uploads}/${id}`, { method: 'PATCH', headers: { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(from) }, body });
  while (offset < file.size) {
    await reach(offset / file.size, false);
    offset = at(await send(offset, file.slice(offset, offset + PIECE)));
  }
  await reach(1, true);
  const info = () => ask(`${filesUrl}/${id}/info`, { method: 'GET' }).then((answer) => answer.json());
  try {
    return await info();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
    // all bytes are there, but the server was stopped before it looked into them
    await send(file.size, new Blob([]));
    return info();
  }
}

/** @param {Response} answer */
function at(answer) {
  return Number(answer.headers.get('Upload-Offset'));
}

/** @param {string} name @param {Record<string, string>} fields */
function about(name, fields) {
  const coded = (/** @type {string} */ text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  return Object.entries({ filename: name, ...fields }).map(([key, value]) => `${key} ${coded(value)}`).join(',');
}

/** @param {string} csrf @returns {(url: string, options: RequestInit) => Promise<Response>} */
function asker(csrf) {
  return async (url, options) => {
    let response;
    try {
      response = await fetch(url, {
        credentials: 'same-origin',
        redirect: 'error',
        ...options,
        headers: { Accept: 'application/json, application/problem+json', 'X-CSRF-Token': csrf, 'Tus-Resumable': '1.0.0', ...options.headers },
        signal: AbortSignal.timeout?.(PATIENCE),
      });
    } catch {
      throw new Problem({ detail: '上传中断。请检查网络后点“重试”，会从停下的地方接着传。' });
    }
    if (!response.ok) throw new Problem({ ...(await readAnswer(response)), status: response.status });
    return response;
  };
}
