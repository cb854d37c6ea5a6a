import assert from 'node:assert/strict'
import test, { before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodedClip, encodedOpus, packetsOf } from '../../test/support/encoded.ts'
import type { TimedFrame } from '../../test/support/matroska.ts'
import { missing } from '../../test/support/peers.ts'
import { tonesIn } from '../../test/support/tones.ts'
import { until } from '../../test/support/until.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/log.ts'
import { type Codec, codec } from '../media/codec.ts'
import type { RtpPacket } from '../media/rtp-packet.ts'
import { MediaWorkers } from '../media/worker/pool.ts'
import { mixWith, type Mixers } from './mix.ts'
import { type Participant, Room } from './room.ts'
import type { Track } from './track.ts'

const skip = missing('ffmpeg')
const SECONDS = 90
const HEARD_WITHIN_MS = 20_000
const LOUD = 20
const SILENT = 127
const tones = { ann: 400, ben: 700, cyd: 1100 }
const packets = new Map<string, { of: Codec, packets: RtpPacket[] }>()

before(async () => {
  if (skip !== false) return
  for (const [name, hz] of Object.entries(tones)) {
    const { audio, audioCodec } = await encodedOpus(SECONDS, hz)
    packets.set(name, { of: audioCodec, packets: packetsOf(audioCodec, audio).flat() })
  }
})

/** A publisher of a tone, in real time. It says how loud it is, and is silent while `silent`. */
class Tone implements Disposable {
  readonly participant: Participant
  readonly track: Track
  silent = false
  tellsLevel = true
  readonly #playing: Disposable
  #next = 0
  readonly #startedAt = performance.now()

  constructor (room: Room, name: keyof typeof tones) {
    const { of, packets: all } = packets.get(name)!
    this.participant = room.join({ identity: name, source: 'test' })
    this.track = this.participant.publish(of)
    this.#playing = systemClock.every(5, () => {
      for (; this.#next * 20 <= performance.now() - this.#startedAt && this.#next < all.length; this.#next++) {
        if (this.tellsLevel) this.track.hear(this.silent ? SILENT : LOUD, performance.now())
        this.track.write(all[this.#next]!)
      }
    })
  }

  [Symbol.dispose] (): void {
    this.#playing[Symbol.dispose]()
    this.participant[Symbol.dispose]()
  }
}

/** Everything that one listener gets. */
function listen (track: Track): Disposable & { frames: TimedFrame[], packets: RtpPacket[] } {
  const heard: RtpPacket[] = []
  const frames: TimedFrame[] = []
  const subscription = track.subscribe({
    write: packet => {
      heard.push(packet)
      frames.push({ time: ((packet.timestamp - heard[0]!.timestamp) | 0) / 48, data: packet.payload })
    },
    fail: error => { throw error }
  })
  return { frames, packets: heard, [Symbol.dispose]: () => subscription[Symbol.dispose]() }
}

const secondsOf = (listener: { frames: TimedFrame[] }): number => (listener.frames.at(-1)?.time ?? 0) / 1000

/** Waits until the last half second of what was heard is these tones and no other: most of it, for a busy machine may miss a packet. */
async function hears ({ frames }: { frames: TimedFrame[] }, wanted: readonly (keyof typeof tones)[]): Promise<void> {
  const deadline = performance.now() + HEARD_WITHIN_MS
  for (;;) {
    const windows = (await tonesIn(frames.slice(-40), Object.values(tones))).slice(-11, -1)
    const parts = Object.entries(tones).map(([name, hz]) => ({ name, windows: windows.filter(window => window.tones.includes(hz)).length }))
    const right = windows.length === 10 && parts.every(part => wanted.some(name => name === part.name) ? part.windows >= 8 : part.windows === 0)
    if (right) return
    if (performance.now() > deadline) assert.fail(`wanted ${wanted.join(' and ')}; of ${windows.length} windows there were ${JSON.stringify(parts)}`)
    await sleep(300)
  }
}

test('everybody is heard in one track; who speaks hears the others; who is silent costs nothing', { skip }, async () => {
  await using workers = new MediaWorkers({ log: silentLogger, size: 1 })
  let pushed = 0
  const counted: Mixers = {
    available: true,
    mix: (task, handlers) => {
      const job = workers.mix(task, handlers)
      return { push: (...frame) => { pushed++; job.push(...frame) }, change: changed => job.change(changed), [Symbol.dispose]: () => job[Symbol.dispose]() }
    }
  }
  const mix = mixWith({ workers: counted, clock: systemClock, log: silentLogger })
  const room = new Room('hall')
  using ann = new Tone(room, 'ann')
  using ben = new Tone(room, 'ben')
  const picture = ann.participant.publish(codec('H264'))
  assert.equal(ann.track.subscribers, 0, 'nobody listens')
  const all = listen(mix(room)!)
  const again = listen(mix(room)!)
  const forAnn = listen(mix(room, 'ann')!)
  const forEve = listen(mix(room, 'eve')!)
  assert.equal(picture.subscribers, 0)
  await hears(all, ['ann', 'ben'])
  await hears(forAnn, ['ben']) // Nobody hears themselves.
  assert.deepEqual(forEve.frames.at(-1)!.data, all.frames.at(-1)!.data, 'who does not speak hears what all hear')
  assert.equal(workers.stats().jobs, 1)

  using cyd = new Tone(room, 'cyd')
  cyd.tellsLevel = false
  ann.silent = ben.silent = true
  await hears(all, ['cyd'])
  const before_ = pushed
  await sleep(1000)
  const perSecond = pushed - before_
  assert.ok(perSecond > 25 && perSecond < 75, `${perSecond} frames in a second: only cyd’s are decoded`)
  assert.deepEqual(forAnn.frames.at(-1)!.data, all.frames.at(-1)!.data, 'a silent participant hears what all hear')
  ben.silent = false
  cyd[Symbol.dispose]()
  await hears(all, ['ben'])
  await hears(forAnn, ['ben'])

  for (const { packets: heard } of [all, forAnn, forEve]) {
    for (const [n, packet] of heard.entries()) assert.equal((packet.sequenceNumber - heard[0]!.sequenceNumber) & 0xffff, n, 'numbered without a gap')
    const steps = heard.slice(1).map((packet, n) => (packet.timestamp - heard[n]!.timestamp) | 0)
    assert.ok(steps.every(step => step >= 960) && steps.filter(step => step === 960).length >= steps.length * 0.95, 'and timed without one')
  }
  const reference = mix(room)!.timeReference!
  const delay = Date.now() - (reference.wallMs + ((all.packets.at(-1)!.timestamp - reference.rtpTimestamp) | 0) / 48)
  assert.ok(delay > 0 && delay < 300, `what is heard now was said ${delay} ms ago`)
  for (const listener of [all, again, forAnn]) listener[Symbol.dispose]()
  assert.equal(ben.track.subscribers, 1, 'eve still listens')
  forEve[Symbol.dispose]()
  assert.deepEqual([ann.track.subscribers, ben.track.subscribers, workers.stats().jobs], [0, 0, 0], 'nobody listens: nothing runs')
})

test('what the sources send unevenly is heard evenly; a worker that dies is replaced', { skip }, async t => {
  await using workers = new MediaWorkers({ log: silentLogger, size: 1 })
  const mix = mixWith({ workers, clock: systemClock, log: silentLogger })
  const room = new Room('hall')
  using _ann = new Tone(room, 'ann')
  const source = packets.get('ben')!
  const ben = room.join({ identity: 'ben', source: 'test' }).publish(source.of)
  const startedAt = performance.now()
  let next = 0
  // Up to 50 ms late, never out of order, as over a bad radio link.
  using _playing = systemClock.every(5, () => {
    for (; next < source.packets.length && next * 20 + next * 7919 % 51 <= performance.now() - startedAt; next++) ben.write(source.packets[next]!)
  })
  using heard = listen(mix(room)!)
  await until('a while', () => secondsOf(heard) > 5, 20_000)
  const windows = (await tonesIn(heard.frames.slice(0, 250), Object.values(tones))).slice(40, -2)
  const both = windows.filter(({ tones: found }) => found.includes(400) && found.includes(700)).length
  t.diagnostic(`${both} of ${windows.length} windows whole`)
  assert.ok(both >= windows.length * 0.9, `${both} of ${windows.length} windows whole`)

  process.kill(workers.stats().workers[0]!.pid!, 'SIGKILL')
  const killedAt = heard.frames.length
  await until('the sound goes on', () => heard.frames.length > killedAt + 60, 20_000)
  await hears(heard, ['ann', 'ben'])
  assert.equal(workers.stats().restarts, 1)
})

test('AAC is mixed with Opus; a codec that cannot be decoded is left out', { skip }, async () => {
  await using workers = new MediaWorkers({ log: silentLogger, size: 1 })
  const mix = mixWith({ workers, clock: systemClock, log: silentLogger })
  const room = new Room('hall')
  using _ann = new Tone(room, 'ann')
  room.join({ identity: 'odd', source: 'test' }).publish(codec('L16'))
  const { audio, audioCodec } = await encodedClip(10, { size: '320x180', bitrate: 300_000 })
  const aac = room.join({ identity: 'obs', source: 'test' }).publish(audioCodec)
  const frames = packetsOf(audioCodec, audio)
  const startedAt = performance.now()
  let next = 0
  using _playing = systemClock.every(5, () => {
    for (; next < frames.length && audio[next]!.timestamp / audioCodec.clockRate * 1000 <= performance.now() - startedAt; next++) for (const packet of frames[next]!) aac.write(packet)
  })
  using heard = listen(mix(room)!)
  await until('three seconds', () => secondsOf(heard) > 3.5, 20_000)
  const windows = await tonesIn(heard.frames, [400, 1000])
  const beeps = windows.filter(({ tones: found }, n) => found.includes(1000) && !windows[n - 1]?.tones.includes(1000)).length
  assert.ok(beeps >= 3 && beeps <= 4, `${beeps} beeps in 3.5 s`)
  assert.ok(windows.slice(20).every(({ tones: found }) => found.includes(400)))
})

test('without media workers there is no mix', () => {
  assert.equal(mixWith({ workers: { available: false, mix: () => { throw new Error('not to be called') } }, clock: systemClock, log: silentLogger })(new Room('hall')), undefined)
})
