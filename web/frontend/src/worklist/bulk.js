/**
 * Several items together: sign, hand over, note, finish. Each is done by itself on the server and answered for by itself;
 * what was not done is named with its reason and stays selected.
 */
import { ask, busy, el, readProps, toast, toastNext } from '../dom.js';
import { Action, Problem } from '../http.js';

const TITLES = { claim: '签收', finish: '办结', transfer: '转办', note: '评论' };

/** @param {HTMLElement} host */
export function mount(host) {
  const props = readProps(host);
  const table = /** @type {HTMLElement|null} */ (document.getElementById('worklist'));
  if (!table) return;
  const boxes = /** @type {HTMLInputElement[]} */ ([...table.querySelectorAll('input[data-pick]')]);
  const all = /** @type {HTMLInputElement} */ (table.querySelector('input[data-pick-all]'));
  const picked = () => boxes.filter((box) => box.checked);
  const count = el('span', { role: 'status' });
  const buttons = props.does.map((/** @type {keyof typeof TITLES} */ does) =>
    el('button', { type: 'button', class: does === 'claim' ? 'btn btn-primary' : 'btn', 'data-does': does, onclick: begin }, el('span', { class: 'bulk-word' }, '批量'), TITLES[does]),
  );
  const none = el('button', { type: 'button', class: 'btn btn-ghost-secondary', onclick: () => pick(false) }, '取消');
  host.classList.add('bulk-bar');
  host.setAttribute('aria-label', '批量办理');
  host.setAttribute('role', 'region');
  host.append(count, ...buttons, none);
  table.addEventListener('change', show);
  all.addEventListener('change', () => pick(all.checked));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && picked().length && !document.querySelector('dialog[open]')) pick(false);
  });
  show();

  /** @param {boolean} on */
  function pick(on) {
    for (const box of boxes) box.checked = on;
    show();
  }

  function show() {
    const chosen = picked();
    all.checked = chosen.length > 0 && chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && chosen.length < boxes.length;
    host.toggleAttribute('data-open', chosen.length > 0);
    const many = chosen.length > props.most;
    count.textContent = many ? `已选 ${chosen.length} 件，一次最多办 ${props.most} 件` : `已选 ${chosen.length} 件`;
    for (const button of buttons) {
      const formless = button.dataset.does !== 'finish' || chosen.every((box) => !box.dataset.form);
      button.hidden = !formless;
      button.disabled = many;
    }
  }

  /** @param {Event} event */
  function begin(event) {
    const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
    const does = /** @type {keyof typeof TITLES} */ (button.dataset.does);
    const action = new Action();
    const chosen = picked();
    const items = chosen.map((box) => ({ case: box.dataset.case, item: Number(box.dataset.number) }));
    /** @param {object} [more] */
    const send = async (more = {}) => tell(does, await action.post(`/api/v1/items/${does}`, { items, ...more }));
    if (does === 'claim') {
      const done = busy(button);
      send()
        .catch((problem) => {
          if (!(problem instanceof Problem)) throw problem;
          toast(problem.message, 'danger');
        })
        .finally(done);
      return;
    }
    const names = el('ul', { class: 'bulk-told mb-2' }, ...chosen.map((box) => el('li', {}, box.dataset.name ?? '')));
    const body = [names];
    if (does === 'transfer') body.push(...handingOver(props));
    if (does === 'note') body.push(area('text', '评论（每件案件各记一条，写 @姓名 可以叫到人）'));
    ask({
      title: `批量${TITLES[does]} ${chosen.length} 件`,
      body,
      confirm: TITLES[does],
      onConfirm: async () => send(filled(names)),
    });
  }

  /** @param {keyof typeof TITLES} does @param {any} answer */
  function tell(does, answer) {
    if (!answer.failed) {
      toastNext(`已${TITLES[does]} ${answer.done} 件`);
      location.reload();
      return;
    }
    const lines = [];
    for (const one of answer.results) {
      const box = boxes.find((box) => box.dataset.case === one.case && Number(box.dataset.number) === one.item);
      if (box && one.done) box.checked = false;
      if (!one.done) lines.push(el('li', {}, el('strong', {}, box?.dataset.name ?? ''), `：${one.detail}`));
    }
    show();
    const dialog = ask({
      title: answer.done ? `已${TITLES[does]} ${answer.done} 件，${answer.failed} 件没有办成` : `${answer.failed} 件都没有办成`,
      body: [el('ul', { class: 'bulk-told', 'data-told': '' }, ...lines)],
      confirm: '知道了',
      onConfirm: () => {},
      wide: true,
    });
    if (answer.done) dialog.addEventListener('close', () => location.reload());
  }
}

/** @param {any} props @returns {HTMLElement[]} */
function handingOver(props) {
  return [
    choice('person', '转给本单位人员', '不指定', props.people),
    choice('unit', '或转给其他单位', '不转出', props.units),
    area('reason', '理由'),
  ];
}

/** @param {string} name @param {string} label @param {string} none @param {{id: string, name: string}[]} options */
function choice(name, label, none, options) {
  const each = options.map((one) => el('option', { value: one.id }, one.name));
  return el('label', { class: 'form-label d-block' }, label, el('select', { class: 'form-select', name }, el('option', { value: '' }, none), ...each));
}

/** @param {string} name @param {string} label */
function area(name, label) {
  return el('label', { class: 'form-label d-block required' }, label, el('textarea', { class: 'form-control', name, rows: 3, required: true, maxlength: 4000 }));
}

/** The fields of the dialog that holds an element. @param {HTMLElement} inside */
function filled(inside) {
  const form = /** @type {HTMLFormElement} */ (inside.closest('form'));
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
}
