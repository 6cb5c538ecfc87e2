/**
 * A process diagram with what happens on it: where the case stands, what is done, late, broken, and what comes next.
 *
 * props: {xmlUrl | xml, marks: {active: {id: n}, completed: [], incident: [], overdue: [], next: []}}
 */
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import { el, readProps } from '../dom.js';
import { readText } from '../http.js';
import './diagram.css';
import { drawMarks, legend } from './marks.js';
import { enableTouch } from './touch.js';

/** @param {HTMLElement} host */
export async function mount(host) {
  const { xmlUrl, xml, marks = {} } = readProps(host);
  const canvasPlace = el('div', { class: 'diagram-canvas', tabindex: '0', role: 'group', 'aria-label': '流程图' });
  const caption = el('p', { class: 'diagram-caption', 'aria-live': 'polite' }, '点选图上的环节可看名称。');
  const viewer = new NavigatedViewer({ container: canvasPlace });
  const source = xml ?? (await readText(xmlUrl));
  host.querySelector(':scope > [data-loading]')?.remove();
  host.append(el('div', { class: 'diagram' }, canvasPlace, toolbar(viewer, host, marks)), el('div', { class: 'diagram-foot' }, legend(marks), caption));
  await viewer.importXML(source);
  drawMarks(viewer, marks);
  enableTouch(viewer, canvasPlace);
  show(viewer, marks);
  viewer.on('element.click', (/** @type {any} */ { element }) => {
    caption.textContent = describe(element, marks);
  });
  // A diagram inside a closed tab or <details> has no size until it is opened.
  let width = canvasPlace.clientWidth;
  new ResizeObserver(() => {
    if (Math.abs(canvasPlace.clientWidth - width) < 2) return;
    const first = width === 0;
    width = canvasPlace.clientWidth;
    viewer.get('canvas').resized();
    if (first) show(viewer, marks);
  }).observe(canvasPlace);
}

/** The whole width when it can be read, otherwise the place where the case stands. @param {any} viewer @param {any} marks */
function show(viewer, marks) {
  const canvas = viewer.get('canvas');
  if (!canvas.getContainer().clientWidth) return;
  fitWidth(canvas);
  if (canvas.zoom() >= 0.55) return;
  const first = firstActive(viewer, marks);
  if (first) centre(canvas, first, 0.95);
  else if (canvas.zoom() < 0.35) beginning(viewer);
}

/** A large drawing without a case on it begins where a reader begins. @param {any} viewer */
function beginning(viewer) {
  const canvas = viewer.get('canvas');
  const starts = viewer.get('elementRegistry').filter((/** @type {any} */ one) => one.type === 'bpmn:StartEvent' && one.parent?.type !== 'bpmn:SubProcess');
  const first = starts.sort((/** @type {any} */ a, /** @type {any} */ b) => a.x - b.x || a.y - b.y)[0];
  if (!first) return;
  const { outer } = canvas.viewbox();
  const scale = 0.7;
  canvas.viewbox({ x: first.x - (outer.width / scale) * 0.12, y: first.y + first.height / 2 - outer.height / scale / 2, width: outer.width / scale, height: outer.height / scale });
}

/** @param {any} canvas */
function fitWidth(canvas) {
  canvas.zoom('fit-viewport');
  const { inner, outer } = canvas.viewbox();
  if (!inner.width) return;
  const margin = 12;
  const scale = Math.min(1, outer.width / (inner.width + 2 * margin));
  const height = outer.height / scale;
  canvas.viewbox({
    x: inner.x - (outer.width / scale - inner.width) / 2,
    y: inner.height < height ? inner.y - (height - inner.height) / 2 : inner.y - margin,
    width: outer.width / scale,
    height,
  });
}

/** @param {any} canvas @param {any} element @param {number} scale */
function centre(canvas, element, scale) {
  const { outer } = canvas.viewbox();
  const width = outer.width / scale;
  const height = outer.height / scale;
  canvas.viewbox({ x: element.x + element.width / 2 - width / 2, y: element.y + element.height / 2 - height / 2, width, height });
}

/** @param {any} viewer @param {any} marks */
function firstActive(viewer, marks) {
  const registry = viewer.get('elementRegistry');
  const wanted = [...(marks.incident ?? []), ...(marks.overdue ?? []), ...Object.keys(marks.active ?? {})];
  const found = wanted.map((id) => registry.get(id)).filter((element) => element && element.width);
  // A step that somebody works on says more than a gateway where another strand waits, or the frame around the step.
  return found.find((element) => /Task$/.test(element.type)) ?? found[0];
}

/** @param {any} viewer @param {HTMLElement} host @param {any} marks */
function toolbar(viewer, host, marks) {
  const canvas = viewer.get('canvas');
  const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ onclick) =>
    el('button', { type: 'button', class: 'btn btn-sm', 'aria-label': label, title: label, onclick }, text);
  const zoom = (/** @type {number} */ factor) => () => canvas.zoom(Math.min(3, Math.max(0.1, canvas.zoom() * factor)));
  const tools = el('div', { class: 'diagram-tools', role: 'toolbar', 'aria-label': '流程图工具' },
    button('＋', '放大', zoom(1.25)),
    button('－', '缩小', zoom(0.8)),
    button('全图', '显示全图', () => canvas.zoom('fit-viewport', 'auto')),
    Object.keys(marks.active ?? {}).length > 0 && button('当前环节', '回到当前环节', () => {
      const first = firstActive(viewer, marks);
      if (first) centre(canvas, first, Math.max(0.95, canvas.zoom()));
    }),
  );
  const frame = () => host.querySelector('.diagram');
  if (document.fullscreenEnabled) {
    tools.append(button('满屏', '满屏显示', () => (document.fullscreenElement ? document.exitFullscreen() : frame()?.requestFullscreen())));
    document.addEventListener('fullscreenchange', () => setTimeout(() => canvas.resized(), 50));
  }
  return tools;
}

/** @param {any} element @param {any} marks @returns {string} */
function describe(element, marks) {
  const target = element.labelTarget ?? element;
  const name = target.businessObject?.name?.replace(/\s+/g, ' ') || '（未命名）';
  if (!target.parent) return '点选图上的环节可看名称。';
  const said = [];
  if (marks.active?.[target.id]) said.push(marks.active[target.id] > 1 ? `正在办理 ${marks.active[target.id]} 项` : '正在办理');
  if (marks.overdue?.includes(target.id)) said.push('已逾期');
  if (marks.incident?.includes(target.id)) said.push('有异常');
  if (marks.completed?.includes(target.id)) said.push('已办过');
  if (marks.next?.includes(target.id)) said.push('下一步');
  return said.length ? `${name}：${said.join('，')}` : name;
}
