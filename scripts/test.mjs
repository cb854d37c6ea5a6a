// The whole test suite: what is beside the sources first, in parallel; then, one after the other, what talks to real peers in
// real time. `npm test -- src/media/*.test.ts` runs just those.
import { spawnSync } from 'node:child_process'

const named = process.argv.slice(2)
const options = ['--test', `--test-timeout=${process.env.SOAK ? 1_800_000 : 300_000}`, ...(process.env.CI ? ['--test-reporter=spec'] : [])]
const suites = named.length > 0
  ? [[...named]]
  : [['--test-concurrency=2', 'src/**/*.test.ts', 'console/**/*.test.ts', 'bench/**/*.test.ts', 'test/*.test.ts', 'test/support/*.test.ts'], ['--test-concurrency=1', 'test/e2e/*.test.ts']]

let failed = false
for (const suite of suites) {
  const { status } = spawnSync(process.execPath, [...options, ...suite], { stdio: 'inherit' })
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
