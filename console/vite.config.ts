import { defineConfig } from 'vite'

/** For `vite console` while working on the page: everything that is not the page is the service's. */
const service = process.env.AURALINK_SERVICE ?? 'http://127.0.0.1:8080'
const paths = ['/api', '/whep', '/whip', '/ready', '/status', '/health', '/openapi.json']

export default defineConfig({
  root: import.meta.dirname,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0, // The page's policy allows no data: scripts or styles; keep every asset a file.
    modulePreload: { polyfill: false }
  },
  server: { proxy: Object.fromEntries(paths.map(path => [path, { target: service }])) }
})
