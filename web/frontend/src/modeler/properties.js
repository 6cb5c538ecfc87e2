/** Extension properties 扩展属性 (`camunda:property`), which hold what our dialect adds to BPMN: read, written, and as an entry of the panel. */
import { TextFieldEntry } from '@bpmn-io/properties-panel';
import { useService } from 'bpmn-js-properties-panel';
import { getBusinessObject } from 'bpmn-js/lib/util/ModelUtil';
import { h } from 'preact';

/** A text entry. @param {any} props */
export function PropertyText({ element, id, label, property, description }) {
  const write = useWriting(element);
  const debounce = useService('debounceInput');
  return h(TextFieldEntry, {
    element, id, label, description, debounce,
    getValue: () => readProperty(element, property),
    setValue: (/** @type {string} */ next) => write({ [property]: next }),
  });
}

/** For entries: writes properties of the element, "" or nothing takes one away. @param {any} element @returns {(changed: Record<string, string|undefined>) => void} */
export function useWriting(element) {
  const modeling = useService('modeling');
  const factory = useService('bpmnFactory');
  return (changed) => writeProperties(element, changed, modeling, factory);
}

/** @param {any} element @param {string} name @returns {string} "" where there is none */
export function readProperty(element, name) {
  return properties(element).find((one) => one.name === name)?.value ?? '';
}

/** @param {any} element @returns {any[]} */
function properties(element) {
  const values = getBusinessObject(element).get('extensionElements')?.get('values') ?? [];
  return values.filter((/** @type {any} */ one) => one.$type === 'camunda:Properties').flatMap((/** @type {any} */ one) => one.get('values'));
}

/** One undoable command, whatever was missing before. @param {any} element @param {Record<string, string|undefined>} changed @param {any} modeling @param {any} factory */
function writeProperties(element, changed, modeling, factory) {
  const business = getBusinessObject(element);
  const values = (business.get('extensionElements')?.get('values') ?? []).filter((/** @type {any} */ one) => one.$type !== 'camunda:Properties');
  const list = [...properties(element)];
  for (const [name, value] of Object.entries(changed)) {
    const at = list.findIndex((one) => one.name === name);
    const put = value ? [factory.create('camunda:Property', { name, value })] : [];
    list.splice(at < 0 ? list.length : at, at < 0 ? 0 : 1, ...put);
  }
  const extension = factory.create('bpmn:ExtensionElements', { values: [] });
  extension.$parent = business;
  for (const one of values) one.$parent = extension;
  if (list.length) {
    const holder = factory.create('camunda:Properties', { values: list });
    holder.$parent = extension;
    for (const one of list) one.$parent = holder;
    values.push(holder);
  }
  extension.set('values', values);
  modeling.updateModdleProperties(element, business, { extensionElements: values.length ? extension : undefined });
}
