import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { aacStream } from '../../../test/support/aac-frames.ts'
import { missing } from '../../../test/support/peers.ts'
import { until } from '../../../test/support/until.ts'
import { AppError } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import { codec, opus } from '../codec.ts'
import type { RunningJob } from './job.ts'
import { MediaWorkers } from './pool.ts'

const fragile = fileURLToPath(import.meta.resolve('../../../test/support/fragile-worker.ts'))
const telephone = { from: codec('PCMU'), to: opus }
const say = Buffer.from

type Heard = { job: RunningJob, packets: { time: number, at: number }[], failures: string[] }

function start (workers: MediaWorkers, task = telephone): Heard {
  const heard = { packets: [] as Heard['packets'], failures: [] as string[] }
  const job = workers.transcode(task, {
    packet: time => { heard.packets.push({ time, at: performance.now() }) },
    failed: error => { heard.failures.push(error.code) }
  })
  return { job, ...heard }
}

const exists = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The process id of the only worker, once it answers. */
async function onlyWorker (workers: MediaWorkers, { job, packets }: Heard): Promise<number> {
  const before = packets.length
  let time = 0
  await until('the worker answers', () => { job.push(time += 20, Buffer.alloc(160)); return packets.length > before })
  assert.equal(workers.stats().workers.length, 1)
  return workers.stats().workers[0]!.pid!
}

for (const [name, signal] of [['killed', 'SIGKILL'], ['frozen', 'SIGSTOP']] as const) {
  test(`a worker that is ${name} is replaced, and the sound goes on in its place`, { skip: missing('ffmpeg') }, async () => {
    const source = await aacStream(48000, 2, 8)
    await using workers = new MediaWorkers({ log: silentLogger })
    const heard = start(workers, { from: source.codec, to: opus })
    const began = performance.now()
    let struck = false
    for (const { time, data } of source.frames) { // In real time, as it comes from an encoder.
      await sleep(Math.max(0, began + time - performance.now()))
      heard.job.push(time, data)
      if (!struck && time > 2_000) {
        struck = true
        process.kill(workers.stats().workers[0]!.pid!, signal)
      }
    }
    await until('the end of the sound', () => (heard.packets.at(-1)?.time ?? 0) > 7_900)
    assert.deepEqual(heard.failures, [])
    assert.equal(workers.stats().restarts, 1)
    const holes = heard.packets.flatMap(({ time }, index) => index === 0 ? [] : [time - heard.packets[index - 1]!.time]).filter(step => step > 21)
    assert.equal(holes.length, 1, 'one hole')
    // Of a hang, the time until it is found out is lost as well.
    assert.ok(holes[0]! <= (signal === 'SIGKILL' ? 1_000 : 3_500), `a hole of ${holes[0]} ms`)
    for (const { time, at } of heard.packets.slice(-50)) assert.ok(at - began - time < 1_000, 'and no lasting delay')
  })
}

test('a stream that kills every worker it gets is given up; the stream beside it goes on', async () => {
  await using workers = new MediaWorkers({ log: silentLogger, program: fragile })
  const poisoned = start(workers)
  const innocent = start(workers)
  for (let time = 1; poisoned.failures.length === 0; time++) {
    poisoned.job.push(time, say('poison'))
    await sleep(20)
  }
  assert.deepEqual(poisoned.failures, ['worker_failed'])
  await until('the other stream', () => { innocent.job.push(99, say('hello')); return innocent.packets.some(packet => packet.time === 99) })
  assert.deepEqual(innocent.failures, [])
  assert.equal(workers.stats().restarts, 3)
  assert.equal(workers.stats().jobsFailed, 1)
})

test('a worker that never comes out of a frame is killed, and the next one serves', async () => {
  await using workers = new MediaWorkers({ log: silentLogger, program: fragile })
  const heard = start(workers)
  const pid = await onlyWorker(workers, heard)
  heard.job.push(1, say('endless'))
  await until('the answer of the next worker', () => { heard.job.push(2, say('hello')); return heard.packets.some(packet => packet.time === 2) })
  assert.ok(!exists(pid))
  assert.deepEqual(heard.failures, [])
})

test('a worker that is stopped with its frames unanswered gets no more than its limit', async () => {
  await using workers = new MediaWorkers({ log: silentLogger, program: fragile })
  const heard = start(workers)
  const pid = await onlyWorker(workers, heard)
  process.kill(pid, 'SIGSTOP')
  for (let n = 0; n < 1_000; n++) heard.job.push(1, say('hello'))
  assert.ok(workers.stats().framesDropped >= 700)
})

test('workers that die before they are ready are not tried for ever', async () => {
  await using workers = new MediaWorkers({ log: silentLogger, program: fileURLToPath(import.meta.resolve('../../lib/no-such-module.ts')) })
  const heard = start(workers)
  await until('the job is given up', () => heard.failures.length > 0)
  assert.deepEqual(heard.failures, ['worker_failed'])
  assert.equal(workers.stats().workers.length, 0)
})

test('without the native library, or switched off, jobs are refused with transcoding_unavailable', async () => {
  for (const options of [{ library: 'no-such-library' }, { size: 0 }]) {
    await using workers = new MediaWorkers({ log: silentLogger, ...options })
    assert.equal(workers.available, false)
    assert.throws(() => start(workers), error => error instanceof AppError && error.code === 'transcoding_unavailable')
  }
})

test('a task no codec can do is refused, and the worker lives on', async () => {
  await using workers = new MediaWorkers({ log: silentLogger })
  const other = start(workers)
  const pid = await onlyWorker(workers, other)
  for (const task of [{ from: codec('VP8'), to: opus }, { from: codec('AAC', { config: Buffer.from([0xff, 0xff]) }), to: opus }]) {
    const heard = start(workers, task)
    heard.job.push(0, say('nothing'))
    await until('the refusal', () => heard.failures.length > 0)
    assert.deepEqual(heard.failures, ['transcoding_unavailable'])
  }
  assert.equal(await onlyWorker(workers, other), pid)
})

test('garbage is counted, and good frames after it are heard', { skip: missing('ffmpeg') }, async () => {
  const source = await aacStream(44100, 2, 2)
  await using workers = new MediaWorkers({ log: silentLogger })
  const heard = start(workers, { from: source.codec, to: opus })
  let seed = 7
  const random = (): number => (seed = seed * 1103515245 + 12345 & 0x7fffffff) >>> 8
  for (const [index, { time, data }] of source.frames.entries()) {
    const broken = Buffer.from(data)
    if (index % 2 === 0) for (let n = 0; n < 20; n++) broken[random() % broken.length] = random()
    heard.job.push(time, index === 10 ? Buffer.alloc(0) : broken)
    if (index % 40 === 0) await sleep(20)
  }
  await until('the end', () => (heard.packets.at(-1)?.time ?? 0) > 1_900)
  assert.ok(workers.stats().framesBroken > 0)
  assert.equal(workers.stats().restarts, 0)
  assert.deepEqual(heard.failures, [])
})

test('jobs fill one worker before another is started, never more than the size; all are gone after disposal', async () => {
  const workers = new MediaWorkers({ log: silentLogger, size: 2, program: fragile })
  assert.equal(workers.stats().workers.length, 0, 'nothing runs before it is needed')
  const jobs = Array.from({ length: 40 }, () => start(workers))
  assert.deepEqual(workers.stats().workers.map(worker => worker.jobs), [20, 20])
  for (const { job } of jobs.slice(0, 30)) job[Symbol.dispose]()
  assert.equal(workers.stats().jobs, 10)
  const pids = workers.stats().workers.map(worker => worker.pid!)
  await workers[Symbol.asyncDispose]()
  assert.deepEqual(pids.filter(exists), [])
  assert.throws(() => start(workers), { code: 'draining' })
})

test('a main process that dies of SIGKILL leaves no worker behind', async () => {
  const owner = spawn(process.execPath, [fileURLToPath(import.meta.resolve('../../../test/support/workers-owner.ts'))], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(owner.stdout.setEncoding('utf8'), 'data', { signal: AbortSignal.timeout(20_000) }) as [string]
    const pid = Number.parseInt(line)
    assert.ok(exists(pid))
    owner.kill('SIGKILL')
    await until('the worker is gone', () => !exists(pid))
  } finally {
    owner.kill('SIGKILL')
  }
})
