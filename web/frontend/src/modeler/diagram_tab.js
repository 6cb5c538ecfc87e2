/** One BPMN file of the package in the bpmn-js modeler, with the properties panel beside it. Loaded when first opened. */
import BpmnModeler from 'bpmn-js/lib/Modeler';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn.css';
import '@bpmn-io/properties-panel/dist/assets/properties-panel.css';
import { BpmnPropertiesPanelModule, BpmnPropertiesProviderModule, CamundaPlatformPropertiesProviderModule } from 'bpmn-js-properties-panel';
import CamundaBehaviors from 'camunda-bpmn-js-behaviors/lib/camunda-platform';
import camunda from 'camunda-bpmn-moddle/resources/camunda.json';
import { el } from '../dom.js';
import { countersignPanel } from './countersign_panel.js';
import { dutyPanel } from './duty_panel.js';
import { chinese, chinesePanel } from './translate.js';

export class DiagramTab {
  /**
   * @param {string} path
   * @param {string} xml
   * @param {{readonly: boolean, roles: {key: string, title: string}[], forms: {key: string, title: string}[], parameters: () => import('./toml.js').Parameter[], changed: () => void}} context
   */
  constructor(path, xml, context) {
    this.path = path;
    this.xml = xml;
    this.context = context;
    this.title = /<(?:\w+:)?(?:process|collaboration)\b[^>]*\bname="([^"]+)"/.exec(xml)?.[1] ?? path.replace(/\.bpmn$/, '');
    this.canvas = el('div', { class: 'modeler-canvas', 'data-canvas': path });
    this.panel = el('div', { class: 'modeler-panel', 'aria-label': '属性' });
    this.element = el('div', { class: context.readonly ? 'modeler-diagram readonly' : 'modeler-diagram', role: 'tabpanel' }, this.canvas, context.readonly ? null : this.panel);
    /** @type {any} */
    this.modeler = null;
    this.touched = false;
    /** @type {HTMLElement|undefined} */
    this.button = undefined;
  }

  async show() {
    if (this.modeler) {
      this.modeler.get('canvas').resized();
      const chosen = this.modeler.get('selection', false)?.get() ?? [];
      if (chosen.length) this.modeler.get('eventBus').fire('elements.changed', { elements: chosen }); // its panel names parameters' values
      return;
    }
    this.modeler = this.context.readonly
      ? new NavigatedViewer({ container: this.canvas, additionalModules: [chinese] })
      : new BpmnModeler({
          container: this.canvas,
          propertiesPanel: { parent: this.panel },
          additionalModules: [BpmnPropertiesPanelModule, BpmnPropertiesProviderModule, CamundaPlatformPropertiesProviderModule, CamundaBehaviors, dutyPanel(this.context), countersignPanel(this.context), chinesePanel, chinese],
          moddleExtensions: { camunda },
        });
    // For the page's tests, which drive the modeler as a person would and look at what it holds.
    /** @type {any} */ (this.canvas).modeler = this.modeler;
    await this.modeler.importXML(this.xml);
    const canvas = this.modeler.get('canvas');
    canvas.zoom('fit-viewport');
    if (canvas.zoom() < 0.45) openAtStart(this.modeler);
    if (!this.context.readonly) {
      this.modeler.on('commandStack.changed', () => {
        this.touched = true;
        this.context.changed();
      });
    }
  }

  /** @returns {Promise<string|null>} the file's new text, null when nobody touched it */
  async text() {
    if (!this.modeler || !this.touched) return null;
    return (await this.modeler.saveXML({ format: true })).xml;
  }

  /** @param {any} finding */
  has(finding) {
    return !finding.element || !this.modeler || Boolean(this.modeler.get('elementRegistry').get(finding.element));
  }

  clearMarks() {
    if (!this.modeler) return;
    this.modeler.get('overlays').remove({ type: 'finding' });
    this.modeler.get('elementRegistry').forEach((/** @type {any} */ element) => {
      for (const kind of ['error', 'warning']) this.modeler.get('canvas').removeMarker(element, `finding-${kind}`);
    });
  }

  /** @param {any} finding @param {number} number its place in the list below @param {() => void} onclick */
  mark(finding, number, onclick) {
    const element = this.modeler?.get('elementRegistry').get(finding.element);
    if (!element) return;
    const kind = finding.severity === 'error' ? 'error' : 'warning';
    this.modeler.get('canvas').addMarker(element, `finding-${kind}`);
    if (element.waypoints && !element.waypoints.length) return;
    this.modeler.get('overlays').add(element, 'finding', {
      position: element.waypoints ? { top: 0, left: 0 } : { top: -12, right: 12 },
      html: el('button', { type: 'button', class: `finding-badge finding-badge-${kind}`, title: finding.message, 'aria-label': finding.message, onclick }, String(number)),
    });
  }

  /** @param {any} finding */
  reveal(finding) {
    const element = this.modeler?.get('elementRegistry').get(finding.element);
    if (!element) return;
    this.modeler.get('canvas').scrollToElement(element, 120);
    this.modeler.get('selection', false)?.select(element);
  }
}

/** A large diagram starts readable at its beginning rather than whole and tiny. @param {any} modeler */
function openAtStart(modeler) {
  const canvas = modeler.get('canvas');
  const start = modeler.get('elementRegistry').find((/** @type {any} */ one) => one.type === 'bpmn:StartEvent' && one.parent?.type !== 'bpmn:SubProcess');
  if (!start) return;
  canvas.zoom(0.6);
  const { width, height } = canvas.viewbox();
  canvas.viewbox({ x: start.x - width * 0.15, y: start.y + start.height / 2 - height / 2, width, height });
}
