import {defineConfig} from 'vite';

export default defineConfig({
  // Relative: the proxy serves the console below a path of its own.
  base: './',
  build: {
    target: 'es2022',
    // Nothing inlined: the Content-Security-Policy allows neither inline scripts nor data: assets.
    assetsInlineLimit: 0,
    modulePreload: {polyfill: false},
    cssCodeSplit: false,
  },
});
