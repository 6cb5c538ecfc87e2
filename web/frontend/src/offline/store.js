/**
 * What this browser keeps for a person until the server has it (IndexedDB): filled steps and the photos chosen for them.
 * A browser that keeps nothing (private windows) gets the same functions over memory: then closing the page loses it.
 *
 * entry: {id, person, url, page, next, title, body, labels, made, state, problem?, note?, answer?, asking?}
 *   id      the Idempotency-Key, made when the person pressed 提交
 *   state   waiting 待发送 | sending 发送中 | delivered 已送达 (its body is gone by then) | refused 被退回
 * photo: {id: "local:…", person, name, type, bytes, fields, kept, half?, file?}
 *   half    the id of its upload that has begun and not come to its end
 *   file    its id on the server once it is there
 */
const STORES = ['entries', 'photos'];
const DAY = 24 * 3600 * 1000;
const CHANGED = 'duban:kept';

/** @type {Promise<IDBDatabase|null>|undefined} */
let opening;
/** @type {Record<string, Map<string, any>>} */
const memory = { entries: new Map(), photos: new Map() };

/** @returns {Promise<IDBDatabase|null>} null where the browser keeps nothing */
function open() {
  opening ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open('duban', 1);
      request.onupgradeneeded = () => STORES.forEach((name) => request.result.createObjectStore(name, { keyPath: 'id' }));
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opening;
}

/** Whether what is kept outlives this page. */
export async function keeps() {
  return (await open()) !== null;
}

/**
 * One transaction over one store; resolves when it is on the disk.
 * @param {string} name @param {IDBTransactionMode} mode @param {(store: IDBObjectStore, done: (value: any) => void) => void} work
 * @returns {Promise<any>}
 */
async function within(name, mode, work) {
  const db = await open();
  if (!db) return undefined;
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(name, mode, mode === 'readwrite' ? { durability: 'strict' } : {});
    /** @type {any} */
    let result;
    work(transaction.objectStore(name), (value) => { result = value; });
    transaction.oncomplete = () => resolve(result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** @param {string} name @param {string} id */
async function get(name, id) {
  if (!(await open())) return memory[name].get(id);
  return within(name, 'readonly', (store, done) => { store.get(id).onsuccess = (event) => done(/** @type {any} */ (event.target).result); });
}

/** @param {string} name @param {string} person @returns {Promise<any[]>} */
async function allOf(name, person) {
  const all = (await open())
    ? await within(name, 'readonly', (store, done) => { store.getAll().onsuccess = (event) => done(/** @type {any} */ (event.target).result); })
    : [...memory[name].values()];
  return all.filter((/** @type {any} */ one) => one.person === person);
}

/** @param {string} name @param {any} one */
async function put(name, one) {
  if (await open()) await within(name, 'readwrite', (store) => { store.put(one); });
  else memory[name].set(one.id, one);
}

/** @param {string} name @param {string} id */
async function remove(name, id) {
  if (await open()) await within(name, 'readwrite', (store) => { store.delete(id); });
  else memory[name].delete(id);
}

/** The person whose page this is; '' on a page of nobody, which sees nothing of anybody. */
export function personOfPage() {
  return document.querySelector('meta[name="person"]')?.getAttribute('content') ?? '';
}

// -- entries -------------------------------------------------------------------------------------------

/** Oldest first. @param {string} person @returns {Promise<any[]>} */
export async function entriesOf(person) {
  return person ? (await allOf('entries', person)).sort((a, b) => a.made - b.made) : [];
}

/** @param {string} id @param {string} person @returns {Promise<any>} */
export async function entry(id, person) {
  const found = await get('entries', id);
  return found?.person === person ? found : undefined;
}

/** @param {any} one */
export async function keep(one) {
  await put('entries', one);
  tell();
}

/**
 * Change an entry that is still there; one that was dropped meanwhile stays dropped.
 * @param {string} id @param {object} change @returns {Promise<any>} what it is now, undefined when it is gone
 */
export async function change(id, change) {
  let now;
  if (await open()) {
    now = await within('entries', 'readwrite', (store, done) => {
      store.get(id).onsuccess = (event) => {
        const found = /** @type {any} */ (event.target).result;
        if (!found) return;
        const changed = { ...found, ...change };
        store.put(changed);
        done(changed);
      };
    });
  } else if (memory.entries.has(id)) {
    now = { ...memory.entries.get(id), ...change };
    memory.entries.set(id, now);
  }
  tell();
  return now;
}

/** Drop an entry and the photos only it had. @param {any} one */
export async function drop(one) {
  await remove('entries', one.id);
  for (const id of localIds(one.body)) await remove('photos', id);
  tell();
}

/** Take an entry back without its photos: they go on in the form. @param {string} id */
export async function takeBack(id) {
  await remove('entries', id);
  tell();
}

// -- photos --------------------------------------------------------------------------------------------

const LOCAL = 'local:';

/** @param {unknown} id */
export function isLocal(id) {
  return typeof id === 'string' && id.startsWith(LOCAL);
}

/** @param {File} file @param {Record<string, string>} fields what goes with it, e.g. when and where it was taken @param {string} half the upload it goes on with, '' for none @returns {Promise<string>} its id here */
export async function keepPhoto(file, fields, half) {
  const id = LOCAL + [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, '0')).join('');
  await put('photos', { id, person: personOfPage(), name: file.name, type: file.type, bytes: await file.arrayBuffer(), fields, half, kept: Date.now() });
  return id;
}

/** @param {string} id @param {string} person */
export async function photo(id, person) {
  const found = await get('photos', id);
  return found?.person === person ? found : undefined;
}

/** @param {any} one */
export async function changePhoto(one) {
  await put('photos', one);
}

/** @param {string} id */
export async function dropPhoto(id) {
  await remove('photos', id);
}

/** Every local id within a body. @param {any} value @returns {string[]} */
export function localIds(value) {
  if (isLocal(value)) return [value];
  if (value && typeof value === 'object') return [...new Set(Object.values(value).flatMap(localIds))];
  return [];
}

/** `value` with ids replaced; an id that maps to null goes. @param {any} value @param {Map<string, string|null>} by @returns {any} */
export function replaced(value, by) {
  if (Array.isArray(value)) return value.map((one) => replaced(one, by)).filter((one) => one !== null);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one, by)]));
  return by.has(value) ? by.get(value) : value;
}

/** What is of no more use goes: what arrived yesterday, photos of a month that nothing refers to. @param {string} person */
export async function sweep(person) {
  const entries = await entriesOf(person);
  for (const one of entries) if (one.state === 'delivered' && Date.now() - one.made > DAY) await remove('entries', one.id);
  const used = new Set(entries.flatMap((one) => localIds(one.body)));
  for (const one of await allOf('photos', person)) if (!used.has(one.id) && Date.now() - one.kept > 30 * DAY) await remove('photos', one.id);
}

// -- telling other tabs --------------------------------------------------------------------------------

/** @type {Set<() => void>} */
const listeners = new Set();
const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel(CHANGED) : null;
if (channel) channel.onmessage = () => listeners.forEach((listener) => listener());

function tell() {
  channel?.postMessage('');
  listeners.forEach((listener) => listener());
}

/** Called after every change, by whichever tab. @param {() => void} listener */
export function onChange(listener) {
  listeners.add(listener);
}
