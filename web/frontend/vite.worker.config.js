/** Builds the service worker into dist/worker.js: one classic script, which the web application serves as /sw.js. */
import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: 'es2022',
    lib: { entry: 'src/offline/worker.js', formats: ['iife'], name: 'worker', fileName: () => 'worker.js' },
  },
});
