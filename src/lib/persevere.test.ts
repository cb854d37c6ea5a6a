import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { aborted } from './abort.ts'
import { AppError } from './errors.ts'
import { silentLogger } from './log.ts'
import { pause } from './pause.ts'
import { ConnectionError, ConnectionStatus, persevere } from './persevere.ts'

const limits = { firstMs: 1000, longestMs: 8000 }
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** How an attempt ends. */
type Outcome = Error | undefined | { readonly connectedMs: number }

function begin (outcomes: Outcome[]) {
  const clock = new ManualClock()
  const controller = new AbortController()
  const status = new ConnectionStatus()
  const tried: number[] = []
  const attempt = async (): Promise<void> => {
    tried.push(clock.now())
    status.connecting()
    if (outcomes.length === 0) await aborted(controller.signal)
    const outcome = outcomes.shift()
    if (outcome instanceof Error) throw outcome
    if (outcome === undefined) return
    status.connected(clock.wall())
    await pause(clock, outcome.connectedMs, controller.signal)
    throw away()
  }
  const done = persevere(attempt, status, { clock, log: silentLogger, signal: controller.signal, limits }).catch((error: unknown) => error)
  const pass = async (ms: number): Promise<void> => { await settle(); for (let i = 0; i < ms; i += 100) { clock.advance(100); await settle() } }
  return { clock, controller, status, tried, done, pass }
}

const away = (): AppError => new AppError('dependency_unavailable', 'away')

test('waits grow to the longest, with a little more by chance', async () => {
  const it = begin(Array.from({ length: 6 }, away))
  await it.pass(45_000)
  it.controller.abort(new Error('enough'))
  assert.match(String(await it.done), /enough/)
  const waits = it.tried.slice(1).map((at, i) => at - it.tried[i]!)
  for (const [i, least] of [1000, 2000, 4000, 8000, 8000].entries()) assert.ok(waits[i]! >= least && waits[i]! <= least * 1.25 + 100, `${waits}`)
  assert.equal(it.status.attempts, it.tried.length)
})

test('whoever asks for a longer wait gets it, up to five minutes', async () => {
  const it = begin([new ConnectionError('rate_limited', 'later', { retryAfterMs: 20_000 }), new ConnectionError('rate_limited', 'tomorrow', { retryAfterMs: 86_400_000 }), away()])
  await it.pass(19_900)
  assert.equal(it.tried.length, 1)
  assert.deepEqual([it.status.state, it.status.lastError?.message], ['retrying', 'later'])
  assert.equal(it.status.retryAt!.getTime() - it.clock.wall(), 100)
  await it.pass(200)
  assert.equal(it.tried.length, 2)
  await it.pass(300_100)
  assert.equal(it.tried.length, 3)
  it.controller.abort()
  await it.done
})

test('what is final ends it; so does what nobody foresaw', async () => {
  for (const error of [new ConnectionError('unauthorized', 'no', { final: true }), new AppError('destination_not_allowed'), new TypeError('a mistake')]) {
    const it = begin([away(), error])
    await it.pass(3000)
    assert.equal(await it.done, error)
    assert.deepEqual([it.tried.length, it.status.state], [2, 'failed'])
  }
})

test('an attempt that ends in good order is soon made again', async () => {
  const it = begin([undefined, undefined])
  await it.pass(5000)
  assert.deepEqual(it.tried, [0, 1000, 2000])
  assert.equal(it.status.lastError, undefined)
  it.controller.abort()
  await it.done
})

test('after a long good time waits begin anew', async () => {
  const it = begin([away(), away(), { connectedMs: 1000 }, { connectedMs: 8000 }])
  await it.pass(40_000)
  const waits = it.tried.slice(1).map((at, i) => at - it.tried[i]!)
  assert.ok(waits[2]! >= 1000 + 4000, `connected for a moment: ${waits}`)
  assert.ok(waits[3]! < 8000 + 1500, `connected for long: ${waits}`)
  it.controller.abort()
  await it.done
})
