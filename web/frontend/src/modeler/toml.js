/**
 * Reads the `[parameters.…]` tables of a process.toml and replaces one value in place, leaving every other byte alone.
 * Not a TOML parser: the server reads the file whole and says where it is wrong.
 */

/**
 * @typedef {{name: string, title: string, value: any, unit: string, source: string}} Parameter
 * @param {string} text @returns {Parameter[]}
 */
export function readParameters(text) {
  const found = [];
  for (const section of sections(text)) {
    const entries = Object.fromEntries(section.entries.map((entry) => [entry.key, literal(entry.raw)]));
    if (entries.value === undefined) continue;
    found.push({ name: section.name, title: entries.title ?? section.name, value: entries.value, unit: entries.unit ?? '', source: entries.source ?? '' });
  }
  return found;
}

/** @param {string} text @param {string} name @param {any} value @returns {string} */
export function writeValue(text, name, value) {
  const entry = sections(text).find((section) => section.name === name)?.entries.find((one) => one.key === 'value');
  if (!entry) return text;
  const written = Array.isArray(value) ? `[${value.map((one) => JSON.stringify(one)).join(', ')}]` : JSON.stringify(value);
  return text.slice(0, entry.start) + written + text.slice(entry.end);
}

/** @param {string} text */
function sections(text) {
  /** @type {{name: string, entries: {key: string, raw: string, start: number, end: number}[]}[]} */
  const found = [];
  /** @type {typeof found[number]|null} */
  let current = null;
  let at = 0;
  while (at < text.length) {
    const end = lineEnd(text, at);
    const line = text.slice(at, end);
    const header = /^\s*\[(?!\[)\s*([^\]]+?)\s*\]/.exec(line);
    const pair = /^(\s*([\w-]+)\s*=\s*)\S/.exec(line);
    let next = end + 1;
    if (header) {
      const name = /^parameters\s*\.\s*"?([\w-]+)"?$/.exec(header[1])?.[1];
      current = name ? { name, entries: [] } : null;
      if (current) found.push(current);
    } else if (/^\s*\[\[/.test(line)) {
      current = null;
    } else if (pair) {
      const start = at + pair[1].length;
      const stop = valueEnd(text, start);
      current?.entries.push({ key: pair[2], raw: text.slice(start, stop), start, end: stop });
      next = lineEnd(text, stop) + 1;
    }
    at = next;
  }
  return found;
}

/** @param {string} text @param {number} at */
function lineEnd(text, at) {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** Where the value that begins at `start` ends: strings and brackets may hold commas, hashes and line ends. @param {string} text @param {number} start */
function valueEnd(text, start) {
  for (const fence of ['"""', "'''"]) {
    if (text.startsWith(fence, start)) {
      const close = text.indexOf(fence, start + 3);
      return close < 0 ? text.length : close + 3;
    }
  }
  let depth = 0;
  let quote = '';
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at];
    if (quote) {
      if (sign === '\\' && quote === '"') at += 1;
      else if (sign === quote) quote = '';
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === '[' || sign === '{') depth += 1;
    else if (sign === ']' || sign === '}') depth -= 1;
    else if ((sign === '#' || sign === '\n') && depth === 0) return start + text.slice(start, at).trimEnd().length;
  }
  return text.length;
}

/** @param {string} raw @returns {any} */
function literal(raw) {
  const text = raw.trim();
  if (/^'[^']*'$/.test(text)) return text.slice(1, -1);
  try {
    return JSON.parse(text.replace(/#[^\n"]*$/gm, '').replace(/,\s*\]/g, ']').replace(/(?<=\d)_(?=\d)/g, ''));
  } catch {
    return text;
  }
}
