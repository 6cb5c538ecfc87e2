/**
 * The properties panel in the office's words: who does a step, with which form, by when, and the case's status.
 * Groups that our dialect does not execute (docs/dialect.md) are taken out, so that nobody fills in what would be refused.
 */
import { SelectEntry, TextAreaEntry, TextFieldEntry, isSelectEntryEdited, isTextAreaEntryEdited, isTextFieldEntryEdited } from '@bpmn-io/properties-panel';
import { useService } from 'bpmn-js-properties-panel';
import { getBusinessObject, is } from 'bpmn-js/lib/util/ModelUtil';
import { h } from 'preact';
import { PropertyText } from './properties.js';

const NOT_EXECUTED = new Set(
  ['StartInitiator', 'AsynchronousContinuations', 'JobExecution', 'CandidateStarter', 'FieldInjection', 'HistoryCleanup', 'Tasklist', 'ProcessVariables',
    'FormData', 'BusinessKey', 'ExecutionListener', 'TaskListener', 'ConnectorInput', 'ConnectorOutput', 'ExternalTask'].map((name) => `CamundaPlatform__${name}`),
);
// Told better by our own group.
const OURS_INSTEAD = new Set(['CamundaPlatform__UserAssignment', 'CamundaPlatform__Form']);

/** @param {{roles: {key: string, title: string}[], forms: {key: string, title: string}[]}} context */
export function dutyPanel(context) {
  class DutyProvider {
    /** @param {any} propertiesPanel */
    constructor(propertiesPanel) {
      propertiesPanel.registerProvider(100, this);
    }

    /** @param {any} element */
    getGroups(element) {
      return (/** @type {any[]} */ groups) => {
        const left = groups.filter((group) => !NOT_EXECUTED.has(group.id) && !(is(element, 'bpmn:UserTask') && OURS_INSTEAD.has(group.id)) && !(group.id === 'CamundaPlatform__Form' && is(element, 'bpmn:StartEvent')));
        const entries = dutyEntries(element, context);
        if (entries.length) left.splice(Math.min(1, left.length), 0, { id: 'duty', label: '督办', entries, shouldOpen: true });
        return left;
      };
    }
  }
  /** @type {any} */ (DutyProvider).$inject = ['propertiesPanel'];
  return { __init__: ['dutyProvider'], dutyProvider: ['type', DutyProvider] };
}

/** @param {any} element @param {{roles: {key: string, title: string}[], forms: {key: string, title: string}[]}} context */
function dutyEntries(element, context) {
  const entry = (/** @type {string} */ id, /** @type {any} */ component, /** @type {any} */ isEdited, /** @type {object} */ more) => ({ id, element, component, isEdited, ...more });
  const entries = [];
  if (is(element, 'bpmn:UserTask')) {
    entries.push(
      entry('duty-role', AttributeSelect, isSelectEntryEdited, { label: '由谁办理', attribute: 'camunda:candidateGroups', choices: context.roles }),
      entry('duty-groups', AttributeText, isTextFieldEntryEdited, { label: '承办角色代码', attribute: 'camunda:candidateGroups', description: '多个用逗号分开；指定单位写作 角色@单位；以 = 开头为表达式。' }),
      entry('duty-form', AttributeSelect, isSelectEntryEdited, { label: '表单', attribute: 'camunda:formKey', choices: context.forms }),
      entry('duty-due', AttributeArea, isTextAreaEntryEdited, { label: '办理时限', attribute: 'camunda:dueDate', description: '如 workdays(now(), p.plan_days)：自送达起若干个工作日，天数在“时限与参数”表中修改。' }),
      entry('duty-unit', PropertyText, isTextFieldEntryEdited, { label: '承办单位（表达式）', property: 'unit', description: '不填则按角色和职责库确定。' }),
      entry('duty-separate', PropertyText, isTextFieldEntryEdited, { label: '不得与下列环节同一人', property: 'separateFrom', description: '填环节编号，多个用逗号分开，如 T21。' }),
      entry('duty-return', PropertyText, isTextFieldEntryEdited, { label: '可退回到', property: 'returnTo', description: '填环节编号，多个用逗号分开。' }),
      entry('duty-copy', PropertyText, isTextFieldEntryEdited, { label: '办结后抄送', property: 'copyTo', description: '填岗位代号，多个用逗号分开，如 DB。' }),
      entry('duty-summary', PropertyText, isTextFieldEntryEdited, { label: '事由（表达式）', property: 'summary', description: '显示在待办名称后面，如 =档.名称 + 对象单位；不填则只显示环节名称。' }),
      entry('duty-papers', PropertyText, isTextFieldEntryEdited, { label: '形成的文书', property: 'documents' }),
    );
  }
  if (is(element, 'bpmn:Activity') || is(element, 'bpmn:Event')) {
    entries.push(entry('duty-status', PropertyText, isTextFieldEntryEdited, { label: '到此后案件状态', property: 'status', description: '如 整改中；不填则状态不变。' }));
  }
  return entries;
}

/** @param {any} props */
function AttributeSelect({ element, id, label, attribute, choices }) {
  const modeling = useService('modeling');
  const translate = useService('translate');
  const value = getBusinessObject(element).get(attribute) ?? '';
  const options = [{ value: '', label: '（未指定）' }, ...choices.map((/** @type {any} */ one) => ({ value: one.key, label: one.title === one.key ? one.key : `${one.title}（${one.key}）` }))];
  if (value && !options.some((one) => one.value === value)) options.push({ value, label: several(value, choices) });
  return h(SelectEntry, { element, id, label: translate(label), getValue: () => value, getOptions: () => options, setValue: (/** @type {string} */ next) => modeling.updateProperties(element, { [attribute]: next || undefined }) });
}

/** Several posts by their titles; an expression is named as one. @param {string} value @param {{key: string, title: string}[]} choices */
function several(value, choices) {
  if (value.startsWith('=')) return '按表达式（见下）';
  const title = (/** @type {string} */ key) => choices.find((one) => one.key === key)?.title ?? key;
  return value.split(/[,，]/).map((part) => part.trim().split('@')).map(([role, unit]) => (unit ? `${unit}的${title(role)}` : title(role))).join('、');
}

/** @param {any} props */
function AttributeText(props) {
  return h(TextFieldEntry, attributeEntry(props));
}

/** @param {any} props */
function AttributeArea(props) {
  return h(TextAreaEntry, { ...attributeEntry(props), autoResize: true, rows: 2 });
}

/** @param {any} props */
function attributeEntry({ element, id, label, attribute, description }) {
  const modeling = useService('modeling');
  const debounce = useService('debounceInput');
  return {
    element, id, label, description, debounce,
    getValue: () => getBusinessObject(element).get(attribute) ?? '',
    setValue: (/** @type {string} */ next) => modeling.updateProperties(element, { [attribute]: next || undefined }),
  };
}
