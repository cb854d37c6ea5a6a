// The whole test suite: what is beside the sources first, in parallel; then, one after the other, what talks to real peers in
// real time. `npm test -- src/media/*.test.ts` runs just those.
//
// A file in which something failed is run once more, by itself, and said so at the end: a machine that stands still for a moment fails what
// is watched in real time, and nothing else. What fails twice, or with too many others, has failed.
import { globSync } from 'node:fs'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const TIMEOUT_MS = process.env.SOAK ? 1_800_000 : 300_000
/** More files than this do not fail because a machine stood still. */
const MOST_RETRIED = 4
const beside = ['src/**/*.test.ts', 'console/**/*.test.ts', 'bench/**/*.test.ts', 'test/*.test.ts', 'test/support/*.test.ts']

/** @returns the files in which something failed */
async function failuresIn (files, concurrency) {
  const failed = new Set()
  const tests = run({ files: files.map(file => path.resolve(file)), concurrency, timeout: TIMEOUT_MS })
  tests.on('test:fail', ({ file, name, todo }) => { if (todo === undefined || todo === false) failed.add(file ?? path.resolve(name)) })
  const printed = tests.compose(new spec())
  printed.pipe(process.stdout, { end: false })
  await finished(printed)
  return [...failed].map(file => path.relative('.', file))
}

const files = patterns => globSync(patterns, { exclude: ['**/node_modules/**'] }).sort()
const named = process.argv.slice(2)
if (named.length > 0 && files(named).length === 0) {
  console.error(`There is no ${named.join(', ')}.`)
  process.exit(2)
}
const suites = named.length > 0 ? [[files(named), true]] : [[files(beside), 2], [files(['test/e2e/*.test.ts']), 1]]

let failed = []
for (const [suite, concurrency] of suites) failed.push(...await failuresIn(suite, concurrency))
if (failed.length > 0 && failed.length <= MOST_RETRIED) {
  console.log(`\nSomething failed in ${failed.join(', ')}: once more, by themselves.\n`)
  const again = await failuresIn(failed, 1)
  const passed = failed.filter(file => !again.includes(file))
  if (passed.length > 0) console.log(`\nFailed at first and passed the second time: ${passed.join(', ')}`)
  failed = again
}
console.log(failed.length > 0 ? `\nFailed: ${failed.join(', ')}` : '\nAll passed.')
process.exitCode = failed.length > 0 ? 1 : 0
