/**
 * A wall of pictures, one of which is seen large: arrow keys, buttons or a swipe lead to the next, Esc closes. Without this
 * script each picture is a link to its large version.
 */
import './gallery.css';
import { el } from '../dom.js';

const SWIPE = 40;

/** @param {HTMLElement} host */
export function mount(host) {
  const links = /** @type {HTMLAnchorElement[]} */ ([...host.querySelectorAll('a[data-picture]')]);
  links.forEach((link, at) =>
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(links, at);
    }),
  );
}

/** @param {HTMLAnchorElement[]} links @param {number} first */
function show(links, first) {
  let at = first;
  const picture = /** @type {HTMLImageElement} */ (el('img', { class: 'viewer-picture', alt: '' }));
  const words = el('div', { class: 'viewer-words', 'aria-live': 'polite' });
  const step = (/** @type {number} */ by) => {
    at = (at + by + links.length) % links.length;
    const { name = '', about = '', shot = '', original = '' } = links[at].dataset;
    picture.src = links[at].href;
    picture.alt = name;
    words.replaceChildren(
      el('strong', {}, `${name}（${at + 1}/${links.length}）`),
      el('span', {}, about),
      el('span', {}, shot),
      el('a', { href: original, download: '' }, '下载原图'),
    );
  };
  const many = links.length > 1;
  const dialog = /** @type {HTMLDialogElement} */ (
    el('dialog', { class: 'viewer', 'aria-label': '查看照片' },
      el('div', { class: 'viewer-stage' },
        many && el('button', { type: 'button', class: 'viewer-step', 'aria-label': '上一张', onclick: () => step(-1) }, '‹'),
        picture,
        many && el('button', { type: 'button', class: 'viewer-step', 'aria-label': '下一张', onclick: () => step(1) }, '›'),
      ),
      words,
      el('button', { type: 'button', class: 'viewer-close', 'aria-label': '关闭', onclick: () => dialog.close() }, '×'),
    )
  );
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
  });
  let from = 0;
  dialog.addEventListener('touchstart', (event) => (from = event.touches[0].clientX), { passive: true });
  dialog.addEventListener('touchend', (event) => {
    const moved = event.changedTouches[0].clientX - from;
    if (many && Math.abs(moved) > SWIPE) step(moved < 0 ? 1 : -1);
  });
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    dialog.remove();
    links[at].focus();
  });
  document.body.append(dialog);
  step(0);
  dialog.showModal();
}
