/**
 * The service worker 离线: pages a person has opened can be read again without a network, by that person only.
 *
 * `self.BUILD` is put before this file by the server: {version, shell: addresses kept from the start, longest: ms a page is kept}.
 * Every page says whose it is (X-Duban-Person). Pages lie in a cache of that one person; a page of somebody else, or of nobody
 * (signed out, session over), empties it. What was opened more than a session's longest life ago is not shown any more.
 */
import { deliverAll } from './deliver.js';

const { version, shell, longest } = /** @type {any} */ (self).BUILD;
const SHELL = `shell-${version}`;
const PAGES = `pages-${version}-`;
const MOST = 80;
const PATIENCE = 10_000;
/** Worklist, register forms, cases and their items; lists of the office's and exports are not carried about. */
const KEPT = /^\/(worklist|pending|notices|register\/new(\/.*)?|cases\/[^/]+(\/(items|actions)\/[^/]+)?)$/;
const DRAWING = /^\/api\/v1\/packages\/.+\/files\/.+/;

/** Raised whenever pages are thrown away: what was asked for before is not kept after. */
let thrown = 0;

self.addEventListener('install', (/** @type {any} */ event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(shell)).then(() => /** @type {any} */ (self).skipWaiting()));
});

self.addEventListener('activate', (/** @type {any} */ event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== SHELL && !name.startsWith(PAGES)) await caches.delete(name);
    await /** @type {any} */ (self).clients.claim();
  })());
});

/** What was kept goes out when the browser sees the network again, also with every page closed (where it can do that). */
self.addEventListener('sync', (/** @type {any} */ event) => {
  if (event.tag === 'duban:send') event.waitUntil(deliverAll().then((done) => { if (!done) throw new Error('later'); }));
});

self.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.method !== 'GET') {
    const leaves = url.pathname === '/sign-out' || url.pathname === '/sign-in' || (url.pathname === '/api/v1/session' && request.method === 'DELETE');
    if (leaves) event.waitUntil(forget());
    return;
  }
  if (url.pathname.startsWith('/assets/') || shell.includes(url.pathname)) event.respondWith(built(request));
  else if (request.mode === 'navigate') event.respondWith(page(event, url));
  else if (DRAWING.test(url.pathname)) event.respondWith(drawing(request));
});

/** @param {Request} request */
async function built(request) {
  const cache = await caches.open(SHELL);
  const kept = await cache.match(request, { ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

/** @param {any} event @param {URL} url */
async function page(event, url) {
  const before = thrown;
  const kept = await keptPage(url);
  let answer;
  try {
    answer = await fetch(event.request, kept ? { signal: AbortSignal.timeout?.(PATIENCE) } : {});
  } catch {
    return kept ?? offline();
  }
  if (answer.status === 502 || answer.status === 504) return kept ?? answer;
  const person = answer.headers.get('X-Duban-Person');
  if (person !== null) event.waitUntil(keepPage(url, answer.clone(), person, before));
  return answer;
}

/** @param {URL} url @param {Response} answer @param {string} person @param {number} before */
async function keepPage(url, answer, person, before) {
  if (thrown !== before) return;
  const own = PAGES + person;
  for (const name of await caches.keys()) if (name.startsWith('pages-') && (name !== own || !person)) {
    thrown += 1;
    before += 1;
    await caches.delete(name);
  }
  if (!person || !answer.ok || !KEPT.test(url.pathname)) return;
  const text = await answer.text();
  const cache = await caches.open(own);
  if (thrown !== before) return;
  await cache.put(address(url), dated(text, answer.headers));
  const all = await cache.keys();
  for (const old of all.slice(0, Math.max(0, all.length - MOST))) await cache.delete(old);
  if (url.pathname !== '/pending' && !(await cache.match('/pending'))) {
    const pending = await fetch('/pending').catch(() => null);
    if (pending?.ok && pending.headers.get('X-Duban-Person') === person && thrown === before) await cache.put('/pending', dated(await pending.text(), pending.headers));
  }
}

/** @param {string} text @param {Headers} headers */
function dated(text, headers) {
  const kept = new Headers({ 'X-Kept': String(Date.now()) });
  for (const name of ['Content-Type', 'Content-Security-Policy', 'X-Content-Type-Options', 'X-Frame-Options', 'Referrer-Policy', 'Permissions-Policy', 'Cross-Origin-Opener-Policy', 'Cross-Origin-Resource-Policy']) {
    const value = headers.get(name);
    if (value) kept.set(name, value);
  }
  return new Response(text, { headers: kept });
}

/** The kept copy of a page, which says of itself when it was kept. @param {URL} url */
async function keptPage(url) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(PAGES)) continue;
    const cache = await caches.open(name);
    const found = await cache.match(address(url.pathname === '/' ? new URL('/worklist', url) : url), { ignoreVary: true });
    if (!found) continue;
    const at = Number(found.headers.get('X-Kept'));
    if (Date.now() - at > longest) {
      await cache.delete(address(url));
      continue;
    }
    return new Response((await found.text()).replace('<body', `<body data-kept="${at}"`), { headers: found.headers });
  }
  return null;
}

/** @param {URL} url */
function address(url) {
  return url.pathname + url.search;
}

async function offline() {
  return (await (await caches.open(SHELL)).match('/offline')) ?? Response.error();
}

/** Drawings are of a published version and nobody's own, but only whom pages are kept for may have one. @param {Request} request */
async function drawing(request) {
  const before = thrown;
  const name = (await caches.keys()).find((one) => one.startsWith(PAGES));
  try {
    const answer = await fetch(request);
    if (answer.ok && name && before === thrown) await (await caches.open(name)).put(request, answer.clone());
    return answer;
  } catch {
    return (name && (await (await caches.open(name)).match(request, { ignoreVary: true }))) || Response.error();
  }
}

async function forget() {
  thrown += 1;
  for (const name of await caches.keys()) if (name.startsWith('pages-')) await caches.delete(name);
}
