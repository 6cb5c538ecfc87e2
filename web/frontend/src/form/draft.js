/**
 * What was typed but not submitted: kept in this browser at once, for a week at most, and on the server per person and form,
 * so that what was begun on the phone goes on at the desk. Of two the newer one counts, and it is said.
 *
 * Ages are compared, not times: the clocks of two devices need not agree.
 */
import { Action, Problem } from '../http.js';
import { localIds, personOfPage, replaced } from '../offline/store.js';

const WEEK = 7 * 24 * 3600 * 1000;
const PREFIX = 'duban:draft:';
/** Milliseconds without an edit after which a draft goes to this browser, and to the server [P]. */
const HERE = 400;
const THERE = 2500;
/** Milliseconds that a submission waits for what is on its way to the server [P]. */
const AT_REST = 3000;

/** @typedef {{data: Record<string, any>, sentence: string, other?: Record<string, any>}} Found */

export class Draft {
  /**
   * @param {string} url one draft a form address and person, so that a shared computer does not mix people
   * @param {string} [remote] its address on the server
   */
  constructor(url, remote = '') {
    this.name = `${PREFIX}${personOfPage()}:${url}`;
    this.remote = remote;
    this.base = 0; // the revision on the server that this browser knows
    this.timers = [0, 0];
    this.over = false;
    /** @type {Promise<void>} what is on its way to the server */
    this.sending = Promise.resolve();
    /** @type {() => void} called when another device has saved in between */
    this.onOther = () => {};
  }

  /**
   * @param {number} [submitted] the revision up to which all was submitted from this browser, and perhaps is on its way still
   * @returns {Promise<Found|null>} what to go on with, and a sentence that says whence it is
   */
  async open(submitted = 0) {
    const here = this.read();
    this.base = here?.base ?? 0;
    const there = await this.fetch();
    if (there && there.revision && there.revision <= submitted) {
      this.base = there.revision; // what is typed now takes its place
      return here && { data: here.data, sentence: `已恢复 ${clock(here.at)} 未提交的草稿。` };
    }
    if (!there) return here && { data: here.data, sentence: `已恢复 ${clock(here.at)} 未提交的草稿。` };
    if (!there.data) {
      // It was on the server and is not any more: submitted or thrown away on another device.
      if (here?.sent) this.forget();
      this.base = 0;
      return here && !here.sent ? { data: here.data, sentence: `已恢复 ${clock(here.at)} 未提交的草稿。` } : null;
    }
    // The page may have been closed after the server had it and before this browser knew.
    const known = there.revision === this.base || (here !== null && same(portable(here.data), there.data));
    this.base = there.revision;
    const thereAt = Date.now() - there.age * 1000;
    if (here && known) return { data: here.data, sentence: `已恢复 ${clock(here.at)} 未提交的草稿。` };
    if (!here || here.sent) return { data: there.data, sentence: `接着填 ${clock(thereAt)} 在另一台设备上保存的草稿。` };
    return here.at > thereAt
      ? { data: here.data, other: there.data, sentence: `另一台设备 ${clock(thereAt)} 也存过草稿，这里用的是本机 ${clock(here.at)} 较新的一份。` }
      : { data: there.data, other: here.data, sentence: `用的是另一台设备 ${clock(thereAt)} 较新的草稿，本机 ${clock(here.at)} 的一份没有采用。` };
  }

  /** @returns {{at: number, base: number, sent: boolean, data: Record<string, any>}|null} */
  read() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.name) ?? 'null');
      if (kept && Date.now() - kept.at <= WEEK) return { base: 0, sent: false, ...kept };
      this.forget();
    } catch {
      // Private windows and full storage have no drafts; the form itself still works.
    }
    return null;
  }

  async fetch() {
    if (!this.remote) return null;
    try {
      const answer = await fetch(this.remote, { credentials: 'same-origin', signal: AbortSignal.timeout?.(4000) });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  /**
   * Into this browser, now: before what held it until now lets go of it.
   * @param {Record<string, any>} data @param {boolean} [sent] whether the server has the same @returns {{at: number}|null}
   */
  write(data, sent = false) {
    const kept = { at: Date.now(), base: this.base, sent, data };
    try {
      localStorage.setItem(this.name, JSON.stringify(kept));
      return kept;
    } catch {
      return null;
    }
  }

  /** @param {() => any} take @param {(sentence: string) => void} saved */
  save(take, saved) {
    this.timers.forEach(clearTimeout);
    if (this.over) return;
    const write = (/** @type {boolean} */ sent) => this.write(take(), sent);
    this.timers[0] = window.setTimeout(() => {
      const kept = write(false);
      if (kept) saved(`草稿已存在本机 ${clock(kept.at, false)}`);
    }, HERE);
    if (this.remote) this.timers[1] = window.setTimeout(() => { this.sending = send(); }, THERE);
    const send = async () => {
      const data = take();
      try {
        const answer = await new Action().post(this.remote, { data: portable(data), base: this.base }, 'PUT');
        if (this.over) return;
        this.base = answer.revision;
        if (JSON.stringify(take()) === JSON.stringify(data)) write(localIds(data).length === 0);
        saved(`草稿已保存 ${clock(Date.now(), false)}，换一台设备也能接着填`);
      } catch (problem) {
        if (!(problem instanceof Problem) || problem.status !== 409) return;
        if (this.base && (await this.fetch())?.revision === 0) {
          this.base = 0; // what it went on from was submitted or thrown away: this is the only one now
          await send();
        } else this.onOther();
      }
    };
  }

  /** Nothing more is sent; what is on its way to the server has arrived, or has failed. */
  async rest() {
    clearTimeout(this.timers[1]);
    await Promise.race([this.sending, new Promise((go) => setTimeout(go, AT_REST))]);
  }

  /** From now on this form's content counts, whatever another device has saved. */
  async insist() {
    this.base = (await this.fetch())?.revision ?? 0;
  }

  /** Nothing is kept here any more; what is on the server goes when the step is done. */
  forget() {
    this.timers.forEach(clearTimeout);
    try {
      localStorage.removeItem(this.name);
    } catch {
      // as above
    }
  }

  /** The person does not want it. Waits for the server, but not for long. */
  async discard() {
    await this.rest(); // what arrived after this would be there again
    this.forget();
    this.base = 0;
    if (!this.remote) return;
    this.sending = new Action().post(this.remote, {}, 'DELETE').catch(() => {});
    await this.rest();
  }

  /** It is submitted: what is still on its way is not saved any more. */
  close() {
    this.over = true;
    this.forget();
  }
}

/** As it goes to the server: photos that are only in this browser are of no use elsewhere. @param {Record<string, any>} data */
function portable(data) {
  return replaced(data, new Map(localIds(data).map((id) => [id, null])));
}

/** Whether two drafts hold the same, in whatever order. @param {any} one @param {any} other @returns {boolean} */
function same(one, other) {
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}

/** @param {number} at @param {boolean} [withDay] */
function clock(at, withDay = true) {
  const date = new Date(at);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return withDay ? `${date.getMonth() + 1}月${date.getDate()}日 ${time}` : time;
}
