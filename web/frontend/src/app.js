/**
 * The one script of every page: styles, generic actions, and the islands a page asks for by `data-island`.
 * Islands are loaded only where they stand; the modeler is large.
 */
import '@tabler/core/dist/css/tabler.min.css';
import './app.css';
import './worklist/worklist.css';
import './gallery/wall.css';
import '@tabler/core/dist/js/tabler.esm.min.js';
import { listen } from './actions.js';
import { el, toastKept } from './dom.js';
import { install } from './offline/install.js';
import { begin as beginQueue } from './offline/queue.js';
import './offline/offline.css';
import './page.js';
import './talk/suggest.js';

/** @type {Record<string, () => Promise<{mount: (host: HTMLElement) => Promise<void>|void}>>} */
const ISLANDS = {
  form: () => import('./form/island.js'),
  similar: () => import('./similar.js'),
  diagram: () => import('./diagram/island.js'),
  modeler: () => import('./modeler/island.js'),
  bulk: () => import('./worklist/bulk.js'),
  gallery: () => import('./gallery/island.js'),
  pending: () => import('./offline/list.js'),
};

/** Drawings are large and mostly below: they are fetched and drawn when a reader comes near. */
const WHEN_NEAR = new Set(['diagram']);

listen();
toastKept();
install();
beginQueue();

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      entry.target.removeAttribute('data-waiting');
      begin(/** @type {HTMLElement} */ (entry.target));
    }
  },
  { rootMargin: '200px' },
);

for (const host of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-island]'))) {
  if (WHEN_NEAR.has(host.dataset.island ?? '')) {
    host.setAttribute('data-waiting', '');
    near.observe(host);
  } else begin(host);
}

// Paper has no near and far.
window.addEventListener('beforeprint', () => {
  for (const host of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-waiting]'))) {
    near.unobserve(host);
    host.removeAttribute('data-waiting');
    begin(host);
  }
});

/** @param {HTMLElement} host */
function begin(host) {
  const load = ISLANDS[host.dataset.island ?? ''];
  if (!load) return;
  host.setAttribute('aria-busy', 'true');
  load()
    .then((island) => island.mount(host))
    .then(() => host.setAttribute('data-ready', ''))
    .catch((error) => {
      console.error(error);
      host.append(
        el('p', { class: 'alert alert-danger', role: 'alert' }, `这部分没有载入：${error.message || error}。请刷新本页；仍不行请告知系统管理员。`),
      );
    })
    .finally(() => host.removeAttribute('aria-busy'));
}
