/** Vite plugin: puts form-js into Chinese while bundling and fails the build when a literal is not where it was. */
import { readFileSync } from 'node:fs';
import { REPLACEMENTS, VERSION } from './form-js-zh.js';

/**
 * @param {string} code
 * @returns {string} the translated source
 * @throws {Error} naming every literal whose number of occurrences is not the expected one
 */
export function translate(code) {
  const wrong = [];
  for (const [from, to, count] of REPLACEMENTS) {
    const parts = code.split(from);
    if (parts.length - 1 !== count) wrong.push(`${JSON.stringify(from)}: expected ${count}, found ${parts.length - 1}`);
    code = parts.join(to);
  }
  if (wrong.length) throw new Error(`form-js changed, form-js-zh.js must follow:\n  ${wrong.join('\n  ')}`);
  return code;
}

/** @returns {import('vite').Plugin} */
export function translateFormJs() {
  let seen = false;
  return {
    name: 'translate-form-js',
    transform: {
      filter: { id: /@bpmn-io\/form-js-viewer\/dist\/index\.es\.js/ },
      handler(code, id) {
        const file = id.split('?')[0].replace(/dist\/index\.es\.js$/, 'package.json');
        const { version } = JSON.parse(readFileSync(file, 'utf8'));
        if (version !== VERSION) throw new Error(`form-js ${version} is installed, its translation is written for ${VERSION}`);
        seen = true;
        return { code: translate(code), map: null };
      },
    },
    buildEnd(error) {
      if (!error && !seen) throw new Error('form-js was not bundled, so it was not translated');
    },
  };
}
