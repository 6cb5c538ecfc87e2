/**
 * The modeler page: a process package is drawn and tabulated here, checked, kept as a draft and published.
 *
 * props: {key, base, files: [{path, url}], checkUrl, draftUrl, publishUrl, formsUrl | forms: [{key, title}], roles, readonly, revision?, nextUrl?}
 *   POST checkUrl {files: {path: text}, base}           -> {findings: [...], changes: [sentence…]}
 *   POST draftUrl {files, base, revision}               -> {revision}
 *   POST publishUrl {files, base, note}                 -> {…}; a refusal is a problem with `findings`
 * A finding: {severity: "error"|"warning", rule, message, file, element, line}.
 */
import { ask, busy, el, readProps, toast } from '../dom.js';
import { Action, Problem, readText } from '../http.js';
import { DecisionTab } from './decision_tab.js';
import { DiagramTab } from './diagram_tab.js';
import { FindingsPanel } from './findings.js';
import './modeler.css';
import { ParametersTab } from './parameters.js';
import { TextTab } from './text_tab.js';

/** @param {HTMLElement} host */
export async function mount(host) {
  const props = readProps(host);
  const [texts, forms] = await Promise.all([
    Promise.all(props.files.filter((/** @type {any} */ file) => props.revision || isShown(file.path)).map(async (/** @type {any} */ file) => [file.path, file.text ?? (await readText(file.url))])),
    props.forms ?? readForms(props.formsUrl),
  ]);
  const page = new ModelerPage(host, props, Object.fromEntries(texts), forms);
  await page.start();
}

/** Files without a tab stay the server's: what a check or a new version leaves out is taken from its base. Only a draft is sent whole. @param {string} path */
function isShown(path) {
  return /\.(bpmn|dmn)$|(^|\/)process\.toml$/.test(path);
}

/** Form keys for the panel's list; the modeler works without them. @param {string|undefined} url */
async function readForms(url) {
  if (!url) return [];
  try {
    const answer = JSON.parse(await readText(url));
    return (Array.isArray(answer) ? answer : (answer.forms ?? answer.items ?? [])).map((/** @type {any} */ one) =>
      typeof one === 'string' ? { key: one, title: one } : { key: one.key, title: one.title ?? one.key },
    );
  } catch {
    return [];
  }
}

class ModelerPage {
  /**
   * @param {HTMLElement} host
   * @param {any} props
   * @param {Record<string, string>} texts path -> content as loaded
   * @param {{key: string, title: string}[]} forms
   */
  constructor(host, props, texts, forms) {
    this.host = host;
    this.props = props;
    this.texts = texts;
    this.saved = JSON.stringify(texts);
    this.findings = new FindingsPanel((finding) => this.jump(finding));
    this.tabs = this.makeTabs(forms);
    this.draft = new Action();
    this.revision = props.revision ?? 0;
    this.publishing = new Action();
    this.checking = new Action();
  }

  /** @param {{key: string, title: string}[]} forms */
  makeTabs(forms) {
    const { props } = this;
    /** @type {ParametersTab|undefined} */
    let limits;
    const context = { readonly: Boolean(props.readonly), roles: listOfRoles(props.roles), forms, parameters: () => limits?.parameters() ?? [], changed: () => this.markChanged() };
    const paths = Object.keys(this.texts).sort();
    const main = `${props.key}.bpmn`;
    paths.sort((a, b) => Number(b.endsWith(main)) - Number(a.endsWith(main)));
    const tabs = [];
    for (const path of paths) if (path.endsWith('.bpmn')) tabs.push(new DiagramTab(path, this.texts[path], context));
    const toml = paths.find((path) => /(^|\/)process\.toml$/.test(path));
    // The limits stand beside the main diagram: they are what the office changes most.
    if (toml) {
      limits = new ParametersTab(toml, this.texts[toml], context);
      tabs.splice(1, 0, limits);
    }
    for (const path of paths) if (path.endsWith('.dmn')) tabs.push(new DecisionTab(path, this.texts[path], context));
    if (toml) tabs.push(new TextTab(toml, this.texts[toml], context, '流程文本', limits));
    return tabs;
  }

  async start() {
    const { props } = this;
    this.state = el('span', { class: 'modeler-state', 'aria-live': 'polite' });
    this.strip = el('div', { class: 'modeler-tabs', role: 'tablist', 'aria-label': '流程包的内容' });
    this.place = el('div', { class: 'modeler-place' });
    const button = (/** @type {string} */ text, /** @type {string} */ kind, /** @type {(done: () => void) => Promise<void>} */ run, /** @type {string} */ name) => {
      const element = /** @type {HTMLButtonElement} */ (
        el('button', { type: 'button', class: `btn ${kind}`, 'data-modeler': name, onclick: () => {
          const done = busy(element);
          run(done).catch((/** @type {any} */ problem) => this.failed(problem)).finally(done);
        } }, text)
      );
      return element;
    };
    const bar = el('div', { class: 'modeler-bar' }, this.strip, this.state);
    if (!props.readonly) {
      bar.append(
        button('检查', '', () => this.check(), 'check'),
        button('保存草稿', '', () => this.saveDraft(), 'draft'),
        button('发布', 'btn-primary', () => this.publish(), 'publish'),
      );
    }
    this.host.querySelector(':scope > [data-loading]')?.remove();
    this.host.append(el('div', { class: 'modeler' }, bar, this.place, this.findings.element));
    for (const tab of this.tabs) {
      tab.button = el('button', { type: 'button', class: 'modeler-tab', role: 'tab', 'aria-selected': 'false', 'data-tab': tab.path, title: tab.title, onclick: () => this.open(tab) }, tab.title);
      this.strip.append(tab.button);
      this.place.append(tab.element);
    }
    if (this.tabs[0]) await this.open(this.tabs[0]);
    window.addEventListener('beforeunload', (event) => {
      if (!props.readonly && this.dirty && !this.leaving) event.preventDefault();
    });
  }

  /** @param {any} wanted */
  async open(wanted) {
    for (const tab of this.tabs) {
      const on = tab === wanted;
      tab.element.hidden = !on;
      tab.button?.setAttribute('aria-selected', String(on));
    }
    this.current = wanted;
    await wanted.show();
    await this.findings.mark(wanted);
  }

  markChanged() {
    this.dirty = true;
    if (this.state) this.state.textContent = '有未保存的修改';
  }

  /** The package as it stands now; files nobody touched keep their bytes. @returns {Promise<Record<string, string>>} */
  async files() {
    const files = { ...this.texts };
    for (const tab of this.tabs) {
      const text = await tab.text();
      if (text !== null) files[tab.path] = text;
    }
    return files;
  }

  /** @returns {Promise<{findings: any[], changes: string[]}>} */
  async ask() {
    const files = await this.files();
    const answer = await this.checking.post(this.props.checkUrl, { files, base: this.props.base });
    const findings = answer?.findings ?? [];
    this.findings.show(findings);
    for (const tab of this.tabs) tab.button?.classList.toggle('has-errors', findings.some((/** @type {any} */ one) => one.severity === 'error' && sameFile(one.file, tab.path)));
    await this.findings.mark(this.current);
    return { findings, changes: (answer?.changes ?? []).map(sentence) };
  }

  async check() {
    const { findings } = await this.ask();
    if (!findings.length) toast('检查通过，没有发现问题。', 'success');
  }

  async saveDraft() {
    const answer = await this.draft.post(this.props.draftUrl, { files: await this.files(), base: this.props.base, revision: this.revision });
    this.revision = answer?.revision ?? this.revision;
    this.dirty = false;
    if (this.state) this.state.textContent = '草稿已保存';
    toast('草稿已保存，正在使用的版本没有变。', 'success');
  }

  async publish() {
    const { findings, changes } = await this.ask();
    const errors = findings.filter((one) => one.severity === 'error');
    if (errors.length) {
      toast(`有 ${errors.length} 处错误，改好后才能发布。错误列在图的下方，点一下可到出错的环节。`, 'danger');
      return;
    }
    const note = /** @type {HTMLTextAreaElement} */ (el('textarea', { class: 'form-control', rows: '3', required: true, maxlength: '500', id: 'publish-note', placeholder: '如：按旗安委会 9 月例会意见，治理方案编制时限由 7 个工作日改为 5 个工作日。' }));
    ask({
      title: '发布新版本',
      wide: true,
      body: [
        el('p', { class: 'mb-2' }, '发布后新立的案件按新版本办理，正在办理的案件仍按原版本办完。'),
        el('h3', { class: 'h4' }, '与当前版本相比'),
        changes.length ? el('ul', { class: 'change-list' }, ...changes.map((text) => el('li', {}, text))) : el('p', { class: 'text-secondary' }, '没有发现差别。'),
        el('label', { class: 'form-label required', for: 'publish-note' }, '修改说明（记入审计）'),
        note,
      ],
      confirm: '确认发布',
      onConfirm: async () => {
        if (!note.value.trim()) throw new Problem({ detail: '请填写修改说明。' });
        try {
          const answer = await this.publishing.post(this.props.publishUrl, { files: await this.files(), base: this.props.base, note: note.value.trim() });
          this.leaving = true;
          toast('新版本已发布。', 'success');
          if (this.props.nextUrl) location.assign(this.props.nextUrl.replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => encodeURIComponent(answer?.[name] ?? '')));
          else location.reload();
        } catch (problem) {
          if (problem instanceof Problem && Array.isArray(problem.body.findings)) this.findings.show(problem.body.findings);
          throw problem;
        }
      },
    });
  }

  /** @param {any} problem */
  failed(problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (Array.isArray(problem.body.findings)) this.findings.show(problem.body.findings);
    toast(problem.message, 'danger');
  }

  /** @param {any} finding */
  async jump(finding) {
    const tab = this.tabs.find((one) => sameFile(finding.file, one.path) && one.has(finding)) ?? this.tabs.find((one) => sameFile(finding.file, one.path));
    if (!tab) return;
    await this.open(tab);
    tab.reveal(finding);
  }
}

/** Findings may name a file with or without its folder. @param {string|null} named @param {string} path */
function sameFile(named, path) {
  return Boolean(named) && (named === path || path.endsWith(`/${named}`) || /** @type {string} */ (named).endsWith(`/${path}`));
}

/** @param {any} change */
function sentence(change) {
  return typeof change === 'string' ? change : (change.text ?? change.message ?? JSON.stringify(change));
}

/** @param {any} roles a map code -> title, or a list of {key, title} @returns {{key: string, title: string}[]} */
function listOfRoles(roles) {
  if (Array.isArray(roles)) return roles.map((one) => (typeof one === 'string' ? { key: one, title: one } : { key: one.key ?? one.code, title: one.title ?? one.name ?? one.key }));
  return Object.entries(roles ?? {}).map(([key, title]) => ({ key, title: typeof title === 'string' ? title : (/** @type {any} */ (title)?.title ?? key) }));
}
