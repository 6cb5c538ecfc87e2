/**
 * The one script of every page: styles, generic actions, and the islands a page asks for by `data-island`.
 * Islands are loaded only where they stand; the modeler is large.
 */
import '@tabler/core/dist/css/tabler.min.css';
import './app.css';
import '@tabler/core/dist/js/tabler.esm.min.js';
import { listen } from './actions.js';
import { el } from './dom.js';
import './page.js';

/** @type {Record<string, () => Promise<{mount: (host: HTMLElement) => Promise<void>|void}>>} */
const ISLANDS = {
  form: () => import('./form/island.js'),
  diagram: () => import('./diagram/island.js'),
  modeler: () => import('./modeler/island.js'),
};

listen();

for (const host of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-island]'))) {
  const load = ISLANDS[host.dataset.island ?? ''];
  if (!load) continue;
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
