import { enableCompileCache } from 'node:module'

// Before anything else is loaded: the second start finds its modules compiled.
enableCompileCache()
const { run } = await import('./run.ts')
process.exitCode = await run(process.argv.slice(2), process.env)
