/**
 * While somebody registers: cases that are probably the same hazard. It only tells; nothing waits for it.
 *
 * props: {url, package, party, region, alike}: the names of the form's fields that hold the enterprise, the place and the words.
 * Hears `edited` from the page's form.
 */
import { el, readProps } from './dom.js';

const PAUSE = 600; // milliseconds after the last key

/** @param {HTMLElement} host */
export async function mount(host) {
  const props = readProps(host);
  const heading = el('h2', { class: 'card-title' }, '可能重复的案件');
  const said = el('p', { class: 'text-secondary mb-0', 'aria-live': 'polite' }, EMPTY);
  const list = el('div', { class: 'list-group list-group-flush' });
  host.append(el('section', { class: 'card', 'aria-label': '查重提示' }, el('div', { class: 'card-header' }, heading), el('div', { class: 'card-body' }, said), list));

  let asked = '';
  let timer = 0;
  /** @type {AbortController|null} */
  let running = null;
  const look = async (/** @type {Record<string, any>} */ data) => {
    const words = props.alike.map((/** @type {string} */ key) => text(data[key])).filter(Boolean).join(' ').slice(0, 500);
    const query = new URLSearchParams({ package: props.package, party: text(data[props.party]), region: text(data[props.region]), words });
    if (query.toString() === asked) return;
    asked = query.toString();
    running?.abort();
    running = new AbortController();
    try {
      const response = await fetch(`${props.url}?${query}`, { credentials: 'same-origin', headers: { Accept: 'application/json' }, signal: running.signal });
      if (response.ok) show((await response.json()).items);
    } catch {
      asked = ''; // the next key asks again
    }
  };
  const show = (/** @type {any[]} */ items) => {
    said.textContent = items.length ? `发现 ${items.length} 件相近的，请先点开核对。不影响登记。` : EMPTY;
    list.replaceChildren(...items.map(card));
  };
  document.addEventListener('edited', (event) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => look(/** @type {CustomEvent} */ (event).detail), PAUSE);
  });
}

const EMPTY = '填写企业、部位和描述后，这里会提示可能是同一隐患的案件。';

/** @param {any} item */
function card(item) {
  return el(
    'a',
    { class: 'list-group-item list-group-item-action', href: `/cases/${encodeURIComponent(item.case)}`, target: '_blank', rel: 'noopener' },
    el('div', { class: 'fw-bold' }, item.title || '（未命名案件）'),
    el('div', { class: 'small text-secondary' }, [item.number, String(item.started_at).slice(0, 10)].filter(Boolean).join(' · ')),
    el('div', {}, el('span', { class: 'badge bg-blue-lt' }, item.status || '办理中'), ' ', ...item.reasons.map((/** @type {string} */ reason) => el('span', { class: 'badge bg-orange-lt me-1' }, reason))),
    el('span', { class: 'visually-hidden' }, '（在新窗口打开）'),
  );
}

/** @param {any} value */
function text(value) {
  return typeof value === 'string' ? value.trim() : '';
}
