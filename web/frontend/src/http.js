/** Talking to the JSON API: every write carries the CSRF token and an idempotency key, every refusal is a Problem. */

/** What a refusal looks like (RFC 9457 problem+json), or a made-up one when the server could not be reached. */
export class Problem extends Error {
  /** @param {{status?: number, code?: string, title?: string, detail?: string, errors?: Record<string, string[]>, findings?: object[]}} body */
  constructor(body) {
    super(body.detail || body.title || '操作没有成功，请稍后再试。');
    this.status = body.status ?? 0;
    this.body = body;
    this.errors = body.errors ?? {};
  }

  /** True when the server did not execute the request, so that a corrected one may use a new key. */
  get refused() {
    return this.status >= 400 && this.status < 500;
  }
}

/** @returns {string} */
export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute('content') ?? '';
}

/** A key for one intended action. crypto.randomUUID is missing on plain-http intranet addresses, getRandomValues is not. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One intended action of a page: the same key for every retry until the server has answered. */
export class Action {
  constructor() {
    this.key = newKey();
  }

  /**
   * @param {string} url
   * @param {unknown} body
   * @returns {Promise<any>} the answer's JSON, or null when it has no body
   * @throws {Problem}
   */
  async post(url, body, method = 'POST') {
    let response;
    try {
      response = await fetch(url, {
        method,
        credentials: 'same-origin',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, application/problem+json',
          'X-CSRF-Token': csrfToken(),
          'Idempotency-Key': this.key,
        },
        body: JSON.stringify(body ?? {}),
      });
    } catch {
      throw new Problem({ detail: '连接不上服务器。填写的内容还在，请检查网络后再提交一次。' });
    }
    const answer = await readAnswer(response);
    if (response.ok) {
      this.key = newKey();
      return answer;
    }
    const problem = new Problem({ ...answer, status: response.status });
    if (problem.refused) this.key = newKey();
    throw problem;
  }
}

/** @param {Response} response @returns {Promise<any>} its JSON; a refusal that is none is explained by its status */
export async function readAnswer(response) {
  const text = await response.text();
  if (!text) return response.ok ? null : { detail: explain(response.status) };
  try {
    return JSON.parse(text);
  } catch {
    return response.ok ? null : { detail: explain(response.status) };
  }
}

/** @param {number} status */
function explain(status) {
  if (status === 401) return '登录已过期，请重新登录后再提交。填写的内容存在本机草稿里。';
  if (status === 403) return '您没有办理此事项的权限。';
  if (status === 413) return '文件太大，请压缩后再上传。';
  if (status === 429) return '操作太频繁，请稍等一分钟再试。';
  return `服务器没有正常答复（${status}），请稍后再试；多次出现请告知系统管理员。`;
}

/**
 * @param {string} url
 * @returns {Promise<string>}
 * @throws {Problem}
 */
export async function readText(url) {
  let response;
  try {
    response = await fetch(url, { credentials: 'same-origin' });
  } catch {
    throw new Problem({ detail: '连接不上服务器，请检查网络后刷新本页。' });
  }
  if (!response.ok) throw new Problem({ detail: `内容读取失败（${response.status}），请刷新本页再试。`, status: response.status });
  return response.text();
}
