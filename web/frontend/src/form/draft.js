/** What was typed but not submitted, kept in this browser until success, for a week at most. */

const WEEK = 7 * 24 * 3600 * 1000;
const PREFIX = 'duban:draft:';

export class Draft {
  /** @param {string} url one draft a form address and person, so that a shared computer does not mix people */
  constructor(url) {
    const person = document.querySelector('meta[name="person"]')?.getAttribute('content') ?? '';
    this.name = `${PREFIX}${person}:${url}`;
    this.timer = 0;
  }

  /** @returns {{data: Record<string, any>, saved: string}|null} */
  read() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.name) ?? 'null');
      if (!kept || Date.now() - kept.at > WEEK) {
        this.clear();
        return null;
      }
      return { data: kept.data, saved: clock(new Date(kept.at), true) };
    } catch {
      return null;
    }
  }

  /** @param {() => any} take @param {(time: string) => void} saved */
  save(take, saved) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      try {
        const at = Date.now();
        localStorage.setItem(this.name, JSON.stringify({ at, data: take() }));
        saved(clock(new Date(at), false));
      } catch {
        // Private windows and full storage have no drafts; the form itself still works.
      }
    }, 400);
  }

  clear() {
    clearTimeout(this.timer);
    try {
      localStorage.removeItem(this.name);
    } catch {
      // as above
    }
  }
}

/** @param {Date} date @param {boolean} withDay */
function clock(date, withDay) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return withDay ? `${date.getMonth() + 1}月${date.getDate()}日 ${time}` : time;
}
