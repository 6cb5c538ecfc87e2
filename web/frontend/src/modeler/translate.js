/** bpmn-js and its panel in Chinese: a community dictionary, ours over it. Keys nobody translated are counted, see `untranslated`. */
import bpmnJs from 'bpmn-js-i18n-zh/lib/bpmn-js/index.js';
import camundaPanel from 'bpmn-js-i18n-zh/lib/camunda-properties-panel/index.js';
import panel from 'bpmn-js-i18n-zh/lib/properties-panel/index.js';
import { ours } from './zh.js';

/** @type {Record<string, string>} */
const dictionary = { ...bpmnJs, ...panel, ...camundaPanel, ...ours };

/** English keys that were asked for and have no Chinese; the browser test fails on any. @type {Set<string>} */
export const untranslated = new Set();

/** @param {string} template @param {Record<string, any>} [replacements] */
function translate(template, replacements) {
  const found = dictionary[template];
  if (found === undefined && /[A-Za-z]{2}/.test(template) && !/[一-鿿]/.test(template)) {
    if (import.meta.env.DEV && !untranslated.has(template)) console.warn('没有译文：', template);
    untranslated.add(template);
    document.documentElement.dataset.untranslated = JSON.stringify([...untranslated]);
  }
  return (found ?? template).replace(/{([^}]+)}/g, (_, key) => {
    const value = replacements?.[key] ?? `{${key}}`;
    return dictionary[value] ?? value;
  });
}

export const chinese = { translate: ['value', translate] };

/** The panel's own words (what opens and closes its groups) are said in the language a group brings along. */
class ChineseGroups {
  /** @param {any} propertiesPanel */
  constructor(propertiesPanel) {
    propertiesPanel.registerProvider(10, this); // the last: every other provider's groups are there
  }

  getGroups() {
    const said = (/** @type {any} */ one) => ({ ...one, translate });
    return (/** @type {any[]} */ groups) => groups.map((group) => ({ ...said(group), ...(group.items ? { items: group.items.map(said) } : {}) }));
  }
}
/** @type {any} */ (ChineseGroups).$inject = ['propertiesPanel'];
export const chinesePanel = { __init__: ['chineseGroups'], chineseGroups: ['type', ChineseGroups] };
