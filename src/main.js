// The one file that is not TypeScript: whoever reads types away is then loaded only when something changed since the last start.
import { enableCompileCache } from 'node:module'
import path from 'node:path'

// Before anything else is loaded: the second start finds its modules compiled, and most packages in one file each.
enableCompileCache()
const { useBundledDependencies } = await import('./bundled.ts')
useBundledDependencies(path.resolve(import.meta.dirname, '..'))
const { run } = await import('./run.ts')
process.exitCode = await run(process.argv.slice(2), process.env)
