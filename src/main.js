// The one file that is not TypeScript: whoever reads types away is then loaded only when something changed since the last start.
import { enableCompileCache, flushCompileCache } from 'node:module'
import path from 'node:path'

// Before anything else is loaded: the second start finds its modules compiled, and most of them in one file.
enableCompileCache()
const { loadBundle } = await import('./bundled.ts')
const bundle = loadBundle(path.resolve(import.meta.dirname, '..'))
const { run } = bundle?.exports ?? await import('./run.ts')
// Kept once it has started, not at its end: who is killed has no end, and V8 forgets in time what ran only once.
process.exitCode = await run(process.argv.slice(2), process.env, () => { bundle?.keepCompiled(); flushCompileCache() })
