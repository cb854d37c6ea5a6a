// Bundles what the service loads at its start, our sources and the packages they use: some 1000 files become one, and the start
// a third shorter. `src/bundled.ts` uses the bundle while it belongs to the sources and packages that are there.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import path from 'node:path'
import { build } from 'vite'
import { installedPackages, stampOf } from '../src/bundled.ts'

const root = path.resolve(import.meta.dirname, '..')
const folder = path.join(root, 'node_modules/.bundled')
/** They find their binaries beside their own files, and stay there. */
const native = ['@electric-sql/pglite', 'koffi', 'node-av', 'pg-native']

const slashed = file => file.replaceAll(path.sep, '/')
const isOurs = file => file.startsWith(path.join(root, 'src') + path.sep)
/** Each source that went into the bundle, as it was before it was read. */
const sources = {}
/** Of each line of the bundle, which line of which source it was. */
let lines = {}

const ourSources = {
  name: 'our-sources',
  enforce: 'pre',
  load (file) {
    if (isOurs(file)) sources[slashed(path.relative(root, file))] = stampOf(file)
  },
  /** Each module still finds what lies beside its source. Where lines of packages come from is nothing to keep. */
  transform (code, file) {
    if (!isOurs(file)) return { code, map: { version: 3, names: [], sources: [], mappings: '' } }
    if (!code.includes('import.meta.')) return undefined
    const there = slashed(path.relative(folder, file))
    const folderThere = `(import.meta.dirname + ${JSON.stringify(`/${path.posix.dirname(there)}`)})`
    const urlThere = `new URL(${JSON.stringify(there)}, import.meta.url).href`
    return { code: code.replaceAll('import.meta.dirname', folderThere).replaceAll('import.meta.url', urlThere), map: null }
  },
  generateBundle (_options, files) {
    const [service] = Object.values(files)
    lines = linesOf(service)
    delete files[`${service.fileName}.map`]
    const ascii = service.code.replace(/[^\0-\x7f]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
    service.code = `(function (exports, require, module, __filename, __dirname) { 'use strict'; ${ascii}})`
  }
}

/** `src/app.ts:66` for each line that comes from there. */
function linesOf ({ code, map }) {
  const origins = new SourceMap(map)
  const found = {}
  for (const [index, text] of code.split('\n').entries()) {
    const { generatedLine, originalSource, originalLine } = origins.findEntry(index, text.search(/\S/))
    if (generatedLine === index) found[index + 1] = `${slashed(path.relative(root, path.resolve(folder, originalSource)))}:${originalLine + 1}`
  }
  return found
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const { output: [{ fileName: entry }] } = await build({
  root,
  configFile: false,
  logLevel: 'error',
  plugins: [ourSources],
  ssr: { noExternal: true, external: native },
  build: {
    ssr: 'src/run.ts',
    target: 'node24',
    outDir: folder,
    emptyOutDir: false,
    minify: false,
    sourcemap: 'hidden',
    rolldownOptions: {
      output: {
        format: 'cjs',
        entryFileNames: 'service-[hash].js',
        codeSplitting: false,
        dynamicImportInCjs: false,
        comments: false
      }
    }
  }
})
writeFileSync(path.join(folder, 'lines.json'), JSON.stringify(lines))
writeFileSync(path.join(folder, 'index.json'), JSON.stringify({ entry, installed: installedPackages(root), sources }))
