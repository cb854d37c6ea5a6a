import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import test from 'node:test'
import { until } from '../../test/support/until.ts'
import { usageOf } from './process-tree.ts'
import { atMost, median, percentile, printReport } from './report.ts'
import { inTurn } from './rounds.ts'

test('a process tree is measured whole: children that run, and children that have ended', { skip: existsSync('/proc/self/stat') ? false : 'needs /proc' }, async () => {
  const work = 'while (process.cpuUsage().user < 300_000);' // However busy the machine is.
  const child = spawn('sh', ['-c', `"$0" -e '${work}' && echo one; "$0" -e '${work} console.log("two"); setInterval(() => {}, 1000)'; true`, process.execPath], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  try {
    let output = ''
    child.stdout.on('data', text => { output += text })
    await until('both', () => output.includes('two'))
    const usage = usageOf(child.pid!)
    assert.ok(usage.cpuMs >= 400, `${usage.cpuMs} ms`)
    assert.equal(usage.processes, 2)
    assert.ok(usage.residentBytes > 20 << 20)
  } finally {
    process.kill(-child.pid!, 'SIGKILL')
    await once(child, 'exit')
  }
  assert.throws(() => usageOf(child.pid!), /has ended/)
})

test('medians and percentiles', () => {
  assert.equal(median([5, 1, 9]), 5)
  assert.equal(median([1, 2, 3, 10]), 2.5)
  assert.equal(percentile(Array.from({ length: 100 }, (_, n) => n), 95), 95)
})

test('contestants take turns, and the first round does not count', async () => {
  const order: string[] = []
  const contestant = (name: string, figures: number[]) => ({ name, measure: async () => { order.push(name); return { figure: figures.shift()! } } })
  const medians = await inTurn([contestant('a', [100, 1, 3]), contestant('b', [100, 4, 8])], 3)
  assert.deepEqual(order, ['a', 'b', 'a', 'b', 'a', 'b'])
  assert.deepEqual([...medians], [['a', { figure: 2 }], ['b', { figure: 6 }]])
})

test('a report says what was promised and what came of it', () => {
  const text = printReport({ title: 'Speed', method: 'By hand.', rows: [{ what: 'ours', ms: 1.5 }, { what: 'theirs', ms: 12 }], targets: [atMost('ours', 1.5, 2, ' ms'), atMost('theirs', 12, 2, ' ms')] })
  assert.equal(text, [
    '', 'Speed', 'By hand.', '', 'what     ms', '------  ---', 'ours    1.5', 'theirs   12', '', 'met     ours: 1.5 ms (goal <= 2 ms)', 'MISSED  theirs: 12 ms (goal <= 2 ms)', ''
  ].join('\n'))
})
