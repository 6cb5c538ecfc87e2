/**
 * 会签 in the properties panel: of a step that several do (a multi-instance), how many have to agree, whether one objection fails
 * it, and where opinions and the result go. Who writes a share first gets what else it needs filled in; who takes it away loses
 * what would say nothing without it (docs/dialect.md, 会签).
 */
import { CheckboxEntry, SelectEntry, isCheckboxEntryEdited, isSelectEntryEdited, isTextFieldEntryEdited } from '@bpmn-io/properties-panel';
import { getBusinessObject, is } from 'bpmn-js/lib/util/ModelUtil';
import { h } from 'preact';
import { PropertyText, readProperty, useWriting } from './properties.js';

const SHARES = [
  { value: '1', label: '全部同意' },
  { value: '2/3', label: '三分之二以上同意' },
  { value: '1/2', label: '半数以上同意' },
];

/** @param {{parameters: () => import('./toml.js').Parameter[]}} context */
export function countersignPanel(context) {
  class CountersignProvider {
    /** @param {any} propertiesPanel */
    constructor(propertiesPanel) {
      propertiesPanel.registerProvider(90, this); // after the duties' provider, so its group stands below theirs
    }

    /** @param {any} element */
    getGroups(element) {
      return (/** @type {any[]} */ groups) => {
        if (!maySign(element)) return groups;
        const at = groups.findIndex((group) => group.id === 'duty') + 1 || 1;
        const group = { id: 'countersign', label: '会签', entries: entries(element, context), shouldOpen: true };
        return [...groups.slice(0, at), group, ...groups.slice(at)];
      };
    }
  }
  /** @type {any} */ (CountersignProvider).$inject = ['propertiesPanel'];
  return { __init__: ['countersignProvider'], countersignProvider: ['type', CountersignProvider] };
}

/** Several people do it, or a subprocess with their step in it is done several times. @param {any} element */
function maySign(element) {
  const people = ['bpmn:UserTask', 'bpmn:ManualTask', 'bpmn:SubProcess'].some((type) => is(element, type));
  return people && getBusinessObject(element).get('loopCharacteristics')?.$type === 'bpmn:MultiInstanceLoopCharacteristics';
}

/** @param {any} element @param {{parameters: () => import('./toml.js').Parameter[]}} context */
function entries(element, context) {
  const entry = (/** @type {string} */ id, /** @type {any} */ component, /** @type {any} */ isEdited, /** @type {object} */ more) => ({ id: `countersign-${id}`, element, component, isEdited, ...more });
  const text = (/** @type {string} */ property, /** @type {string} */ label, /** @type {string} */ description) => entry(property, PropertyText, isTextFieldEntryEdited, { property, label, description });
  const check = (/** @type {string} */ property, /** @type {string} */ label, /** @type {string} */ description) => entry(property, PropertyCheck, isCheckboxEntryEdited, { property, label, description });
  const share = entry('share', ShareSelect, isSelectEntryEdited, { context });
  if (!readProperty(element, 'passAt')) return [share];
  return [
    share,
    text('passAt', '通过比例（表达式）', '大于 0、不超过 1，如 3/4，或 p.参数名 / 100。'),
    check('veto', '一票否决', '有一方不同意，会签就不通过。'),
    check('waitForAll', '等各方都签完再下结论', '不勾选的，一有结论就往下走，没签的不用再签。'),
    text('outcome', '结论存入变量', '不填为“会签结果”。内容是“通过”或“不通过”，后面的条件可以用。'),
    text('outputCollection', '各方意见存入变量', '存成一个列表，如 会签意见。'),
    text('outputElement', '每一方记什么', '如 {单位: 会签单位, 意见: form.意见}，其中要有意见。'),
    text('opinion', '意见一项的名称', '不填为“意见”。“同意”算同意，“弃权”和空着的只不算同意，其余都算不同意。'),
  ];
}

/** @param {any} props */
function ShareSelect({ element, id, context }) {
  const write = useWriting(element);
  const value = readProperty(element, 'passAt');
  const options = shares(value, context.parameters());
  return h(SelectEntry, {
    element, id, label: '多少方同意为通过',
    description: value ? '' : '选定以后按会签计票；不选的，各方办完就往下走。',
    getValue: () => value,
    getOptions: () => options,
    setValue: (/** @type {string} */ next) => write(next ? { ...missing(element), passAt: next } : { passAt: '', veto: '', waitForAll: '', opinion: '', outcome: '' }),
  });
}

/** @param {any} props */
function PropertyCheck({ element, id, label, property, description }) {
  const write = useWriting(element);
  return h(CheckboxEntry, {
    element, id, label, description,
    getValue: () => readProperty(element, property).trim().toLowerCase() === 'true',
    setValue: (/** @type {boolean} */ next) => write({ [property]: next ? 'true' : '' }),
  });
}

/** The shares one can choose: plain ones, parameters in per cent, and what is drawn now however it is written. @param {string} value @param {import('./toml.js').Parameter[]} parameters */
function shares(value, parameters) {
  const same = (/** @type {string} */ text) => bare(text) === bare(value);
  const asDrawn = (/** @type {{value: string, label: string}} */ one) => (same(one.value) ? { ...one, value } : one);
  const percent = parameters.filter((one) => one.unit === '%' && typeof one.value === 'number');
  const about = (/** @type {import('./toml.js').Parameter} */ one) => Number(!one.title.includes('会签'));
  const read = percent
    .sort((one, other) => about(one) - about(other))
    .map((one) => asDrawn({ value: `p.${one.name} / 100`, label: `${one.title}（现为 ${one.value}%）` }));
  const plain = SHARES.map(asDrawn);
  const known = [...plain, ...read].some((one) => one.value === value);
  return [
    { value: '', label: '（不按会签计票）' },
    { label: '固定比例', children: plain },
    ...(read.length ? [{ label: '参数（在“时限与参数”中改）', children: read }] : []),
    ...(value && !known ? [{ value, label: '按表达式（见下）' }] : []),
  ];
}

/** Without what may be written or not. @param {string} text */
function bare(text) {
  return text.replace(/\s/g, '').replace(/^=/, '');
}

/** What a 会签 needs besides its share, where nothing is written yet. In a subprocess only its drawer knows what a round delivers. @param {any} element */
function missing(element) {
  const each = getBusinessObject(element).get('loopCharacteristics').get('camunda:elementVariable');
  const delivered = is(element, 'bpmn:SubProcess') ? '' : `{${each ? `单位: ${each}, ` : ''}意见: form.意见}`;
  return {
    outputCollection: readProperty(element, 'outputCollection') || '会签意见',
    outputElement: readProperty(element, 'outputElement') || delivered,
  };
}
