/**
 * Cases that are probably the same hazard 查重, while somebody registers or looks through what was registered. It only tells;
 * nothing waits for it.
 *
 * props: {url} and either {package, party, region, alike}: the names of the form's fields that hold the enterprise, the place and
 * the words (it hears `edited` from the page's form); or {about, merge}: what to ask, and the page of the case that may be merged
 * 并案 into what is found, "" for who may not.
 */
import { el, readProps } from './dom.js';

const PAUSE = 600; // milliseconds after the last key

/** @param {HTMLElement} host */
export async function mount(host) {
  const props = readProps(host);
  const heading = el('h2', { class: 'card-title' }, '可能重复的案件');
  const said = el('p', { class: 'text-secondary mb-0', 'aria-live': 'polite' }, props.about ? '正在查找。' : EMPTY);
  const list = el('div', { class: 'list-group list-group-flush' });
  host.append(el('section', { class: 'card', 'aria-label': '查重提示' }, el('div', { class: 'card-header' }, heading), el('div', { class: 'card-body' }, said), list));

  let asked = '';
  let timer = 0;
  /** @type {AbortController|null} */
  let running = null;
  const look = async (/** @type {Record<string, string>} */ wanted) => {
    const query = new URLSearchParams(wanted);
    if (query.toString() === asked) return;
    asked = query.toString();
    running?.abort();
    running = new AbortController();
    try {
      const response = await fetch(`${props.url}?${query}`, { credentials: 'same-origin', headers: { Accept: 'application/json' }, signal: running.signal });
      if (response.ok) show((await response.json()).items);
      else if (props.about) said.textContent = FAILED;
    } catch {
      asked = ''; // the next key asks again
      if (props.about) said.textContent = FAILED;
    }
  };
  const show = (/** @type {any[]} */ items) => {
    const none = props.about ? '没有发现可能是同一隐患的案件。' : EMPTY;
    said.textContent = items.length ? `发现 ${items.length} 件相近的，请先点开核对。${advice(props)}` : none;
    list.replaceChildren(...items.map((item) => card(item, props.merge)));
  };
  if (props.about) {
    await look(props.about);
    return;
  }
  const written = (/** @type {Record<string, any>} */ data) => ({
    package: props.package,
    party: text(data[props.party]),
    region: text(data[props.region]),
    words: props.alike.map((/** @type {string} */ key) => text(data[key])).filter(Boolean).join(' ').slice(0, 500),
  });
  document.addEventListener('edited', (event) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => look(written(/** @type {CustomEvent} */ (event).detail)), PAUSE);
  });
}

const EMPTY = '填写企业、部位和描述后，这里会提示可能是同一隐患的案件。';

const FAILED = '没有查到，请刷新页面再试。';

/** @param {Record<string, any>} props */
function advice(props) {
  if (!props.about) return '不影响登记。';
  return props.merge ? '是同一处隐患的，并入那一案。' : '是同一处隐患的，请安委办并案。';
}

/**
 * @param {any} item
 * @param {string} [merge] the page of the case that may be merged into this one
 */
function card(item, merge) {
  const about = [
    el('div', { class: 'fw-bold' }, item.title || '（未命名案件）'),
    el('div', { class: 'small text-secondary' }, [item.number, String(item.started_at).slice(0, 10)].filter(Boolean).join(' · ')),
    el('div', {}, el('span', { class: 'badge bg-blue-lt' }, item.status || '办理中'), ' ', ...item.reasons.map((/** @type {string} */ reason) => el('span', { class: 'badge bg-orange-lt me-1' }, reason))),
    el('span', { class: 'visually-hidden' }, '（在新窗口打开）'),
  ];
  const opens = { href: `/cases/${encodeURIComponent(item.case)}`, target: '_blank', rel: 'noopener' };
  if (!merge || !['open', 'suspended'].includes(item.state)) return el('a', { class: 'list-group-item list-group-item-action', ...opens }, ...about);
  const into = `${merge}?into=${encodeURIComponent(item.number || item.case)}#merge`;
  return el(
    'div',
    { class: 'list-group-item' },
    el('a', { class: 'd-block text-reset', ...opens }, ...about),
    el('a', { class: 'btn btn-sm mt-2', href: into, 'aria-label': `并入${item.number || item.title || '这一案'}` }, '并入这一案'),
  );
}

/** @param {any} value */
function text(value) {
  return typeof value === 'string' ? value.trim() : '';
}
