// Bundles the packages that the service loads at its start: about 600 files become a dozen, and the start a quarter second
// shorter. Our own sources stay as they are. `src/bundled.ts` uses the bundle while it belongs to what is installed.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'vite'
import { installedPackages } from '../src/bundled.ts'

const folder = path.resolve('node_modules/.bundled')
/** Native ones (koffi, node-av, PGlite) find their binaries beside their own files, and stay there. */
const packages = [
  '@fastify/cookie', '@fastify/cors', '@fastify/helmet', '@fastify/rate-limit', '@fastify/swagger', '@redis/client', 'cockatiel', 'commander', 'fastify',
  'fastify-type-provider-zod', 'jose', 'kysely', 'kysely/migration', 'pg', 'pino', 'prom-client', 'undici', 'zod'
]

const nameOf = specifier => specifier.replaceAll(/[@/]+/g, '-').replace(/^-/, '')

/** Says by name what a package exports: of CommonJS a bundler sees the default only, Node more. */
async function entryFor (specifier) {
  const names = Object.keys(await import(specifier)).filter(name => name !== 'module.exports')
  const file = path.join(folder, `entry-${nameOf(specifier)}.js`)
  writeFileSync(file, `export { ${names.map(name => JSON.stringify(name)).join(', ')} } from '${specifier}'\n`)
  return file
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const input = {}
for (const specifier of packages) input[nameOf(specifier)] = await entryFor(specifier)
await build({
  configFile: false,
  logLevel: 'error',
  ssr: { noExternal: true, external: ['pg-native'] },
  build: {
    ssr: true,
    target: 'node24',
    outDir: folder,
    emptyOutDir: false,
    minify: false,
    rolldownOptions: { input, output: { entryFileNames: '[name].js', chunkFileNames: 'shared-[hash].js' } }
  }
})
for (const file of Object.values(input)) rmSync(file)
const modules = Object.fromEntries(packages.map(specifier => [specifier, `${nameOf(specifier)}.js`]))
writeFileSync(path.join(folder, 'index.json'), JSON.stringify({ installed: installedPackages('.'), modules }, null, 2))
