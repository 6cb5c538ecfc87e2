/**
 * The file field of forms, in place of form-js's own: a file is uploaded when it is chosen and the field's value is
 * the list of file ids, so that a draft survives and a photo taken underground is not lost by a failed submit.
 */
import { Description, Errors, Label } from '@bpmn-io/form-js-viewer';
import { h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from '../http.js';
import { dropPhoto, isLocal, keepPhoto, personOfPage, photo } from '../offline/store.js';
import { changeChoice, mayPlace, observe, placeChoice, told } from './capture.js';
import { handOver, upload } from './resumable.js';

/** Kinds this browser surely shows; of others the server makes a small picture. */
const SHOWN = new Set(['image/jpeg', 'image/png', 'image/webp']);

let running = 0;

/** Whether any file of the page is still on its way. */
export function uploadsRunning() {
  return running > 0;
}

/** What is known of the files of this page load. @type {Map<string, {name: string, preview?: string, picture?: boolean, told?: string}>} */
const known = new Map();

/**
 * A form-js module that registers the field.
 * @param {string} filesUrl
 */
export function uploadModule(filesUrl) {
  const Field = makeField(filesUrl);
  class UploadField {
    /** @param {any} formFields */
    constructor(formFields) {
      formFields.register('filepicker', Field);
    }
  }
  /** @type {any} */ (UploadField).$inject = ['formFields'];
  return { __init__: ['uploadField'], uploadField: ['type', UploadField] };
}

/**
 * The ids of all files in what is submitted.
 * @param {any} form @param {any} data @returns {string[]}
 */
export function allFiles(form, data) {
  const found = new Set();
  const registry = form.get('formFieldRegistry');
  for (const { id, valuePath } of form.get('formFieldInstanceRegistry').getAllKeyed()) {
    if (registry.get(id).type !== 'filepicker') continue;
    const value = valuePath.reduce((/** @type {any} */ part, /** @type {any} */ step) => part?.[step], data);
    for (const file of Array.isArray(value) ? value : []) found.add(file);
  }
  return [...found];
}

/** @param {string} filesUrl */
function makeField(filesUrl) {
  /** @param {any} props */
  function UploadField(props) {
    const { field, onChange, domId, errors = [], disabled, readonly, value } = props;
    const { label, description, accept = '', multiple = false, validate = {} } = field;
    const files = Array.isArray(value) ? value : [];
    const chooser = useRef(/** @type {any} */ (null));
    const camera = useRef(/** @type {any} */ (null));
    const current = useRef(files);
    current.current = files;
    const [pending, setPending] = useState(/** @type {{key: number, name: string, part: number, note?: string, error?: string, file: File, fields: Record<string, string>}[]} */ ([]));
    /** @type {{current: null|(() => Promise<Record<string, string>>)}} */
    const observed = useRef(null);
    const [place, setPlace] = useState(placeChoice());
    const counter = useRef(0);
    const photos = String(accept).startsWith('image/');
    const many = multiple === true || multiple === 'true';

    const start = async (/** @type {File} */ file, /** @type {Record<string, string>} */ fields = {}) => {
      const key = (counter.current += 1);
      const patch = (/** @type {object} */ change) => setPending((list) => list.map((one) => (one.key === key ? { ...one, ...change } : one)));
      setPending((list) => [...list, { key, name: file.name, part: 0, file, fields }]);
      running += 1;
      try {
        // Without a network the file stays in this browser and goes before the form does, from where it stopped.
        const answer = await upload(filesUrl, file, (part, note) => patch({ part, note }), fields).catch(async (problem) => {
          if (!(problem instanceof Problem) || problem.status) throw problem;
          return { id: await keepPhoto(file, fields, handOver(file)), media_type: file.type };
        });
        known.set(answer.id, { name: answer.name || file.name, told: told(fields), preview: SHOWN.has(file.type) ? URL.createObjectURL(file) : undefined, picture: String(answer.media_type).startsWith('image/') });
        setPending((list) => list.filter((one) => one.key !== key));
        current.current = many ? [...current.current, answer.id] : [answer.id];
        onChange({ value: current.current });
      } catch (problem) {
        patch({ error: problem instanceof Problem ? problem.message : '上传失败' });
      } finally {
        running -= 1;
      }
    };
    const chosen = (/** @type {any} */ event) => {
      for (const file of event.currentTarget.files) start(file);
      event.currentTarget.value = '';
    };
    const shoot = async () => {
      const may = await mayPlace();
      setPlace(placeChoice());
      observed.current = observe(may);
      camera.current.click();
    };
    const taken = async (/** @type {any} */ event) => {
      const files = [...event.currentTarget.files];
      event.currentTarget.value = '';
      running += 1; // the place may take some seconds; the form waits for it as for an upload
      const fields = await (observed.current?.() ?? {});
      running -= 1;
      for (const file of files) start(file, fields);
    };
    const remove = (/** @type {string} */ id) => {
      current.current = current.current.filter((one) => one !== id);
      if (isLocal(id)) dropPhoto(id);
      onChange({ value: current.current });
    };
    const retry = (/** @type {any} */ one) => {
      setPending((list) => list.filter((other) => other.key !== one.key));
      start(one.file, one.fields);
    };
    const drop = (/** @type {any} */ one) => setPending((list) => list.filter((other) => other.key !== one.key));

    const errorId = `${domId}-error-message`;
    const open = !(disabled || readonly);
    return h('div', { class: `fjs-form-field fjs-form-field-filepicker upload${errors.length ? ' fjs-has-errors' : ''}` },
      h(Label, { htmlFor: domId, label, required: validate.required }),
      open && h('div', { class: 'upload-buttons' },
        photos && h('button', { type: 'button', class: 'btn upload-camera', onClick: shoot }, '拍照'),
        h('button', { type: 'button', class: 'btn', onClick: () => chooser.current.click(), 'aria-describedby': errorId, id: `${domId}-button` }, photos ? '选择照片' : '选择文件'),
        photos && h('input', { ref: camera, type: 'file', class: 'visually-hidden', tabIndex: -1, 'aria-hidden': 'true', accept, capture: 'environment', onChange: taken }),
        photos && place && h('button', { type: 'button', class: 'btn btn-ghost-secondary upload-camera', onClick: () => { changeChoice(); setPlace(placeChoice()); } }, place === 'yes' ? '位置：附上' : '位置：不附'),
        h('input', { ref: chooser, id: domId, type: 'file', class: 'visually-hidden', tabIndex: -1, accept: accept || undefined, multiple: many, onChange: chosen, 'data-field': field.key }),
      ),
      (files.length > 0 || pending.length > 0) && h('ul', { class: 'upload-list' },
        files.map((/** @type {string} */ id) => h(Uploaded, { key: id, id, url: `${filesUrl}/${encodeURIComponent(id)}`, photos, remove: open && (() => remove(id)) })),
        pending.map((one) => h('li', { key: one.key, class: `upload-file${one.error ? ' upload-failed' : ''}` },
          h('span', { class: 'upload-name' }, one.name),
          one.error
            ? [h('span', { class: 'text-danger' }, one.error), h('button', { type: 'button', class: 'btn btn-sm', onClick: () => retry(one) }, '重试'), h('button', { type: 'button', class: 'btn btn-sm btn-ghost-secondary', onClick: () => drop(one) }, '移除')]
            : [
              h('progress', { value: one.part, max: 1, 'aria-label': `正在上传 ${one.name}` }),
              h('span', { class: 'upload-note', role: 'status' }, one.note || `${Math.floor(one.part * 100)}%`),
            ],
        )),
      ),
      readonly && files.length === 0 && h('p', { class: 'text-secondary mb-0' }, '无'),
      h(Description, { id: `${domId}-description`, description }),
      h(Errors, { id: errorId, errors }),
    );
  }
  UploadField.config = {
    type: 'filepicker',
    keyed: true,
    name: '文件',
    group: 'basic-input',
    emptyValue: null,
    sanitizeValue: ({ value }) => (Array.isArray(value) ? value : null),
    create: (options = {}) => ({ ...options }),
  };
  return UploadField;
}

/** @param {{id: string, url: string, photos: boolean, remove: false|(() => void)}} props */
function Uploaded({ id, url, photos, remove }) {
  const [, redraw] = useState(0);
  const local = isLocal(id);
  if (local && !known.has(id)) {
    known.set(id, { name: '照片' });
    photo(id, personOfPage()).then((kept) => {
      known.set(id, kept ? { name: kept.name, told: told(kept.fields ?? {}), picture: SHOWN.has(kept.type), preview: SHOWN.has(kept.type) ? URL.createObjectURL(new Blob([kept.bytes], { type: kept.type })) : undefined } : { name: '已不在本机，请移除后重新添加' });
      redraw((n) => n + 1);
    });
  }
  const about = known.get(id);
  const shown = () => (about ? Boolean(about.picture && (about.preview || !local)) : photos && !local);
  const [picture, setPicture] = useState(shown());
  useEffect(() => setPicture(shown()), [id, about]);
  const name = about?.name ?? (photos ? '照片' : '文件');
  return h('li', { class: 'upload-file', 'data-file': id },
    h('a', { href: local ? about?.preview : url, target: '_blank', rel: 'noopener', class: 'upload-name' },
      picture ? h('img', { src: about?.preview ?? `${url}/small`, alt: name, loading: 'lazy', onError: () => setPicture(false) }) : name),
    picture && h('span', { class: 'upload-caption' }, name),
    about?.told && h('span', { class: 'upload-caption', title: `浏览器记录的拍摄时间和位置：${about.told}` }, about.told),
    local && h('span', { class: 'badge bg-yellow-lt' }, '待上传'),
    remove && h('button', { type: 'button', class: 'btn-close', 'aria-label': `移除 ${name}`, onClick: remove }),
  );
}
