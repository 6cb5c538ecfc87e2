/** Builds src/app.js and its lazily loaded islands into dist/, which the web application serves under /assets/. */
import { defineConfig } from 'vite';
import { translateFormJs } from './translate-form-js.js';

export default defineConfig({
  base: '/assets/',
  plugins: [translateFormJs()],
  build: {
    manifest: true,
    outDir: 'dist',
    assetsDir: '',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Icon fonts of bpmn-js come as files; the pages' policy allows fonts from the site itself.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2500,
    rolldownOptions: { input: 'src/app.js', checks: { pluginTimings: false } },
  },
});
