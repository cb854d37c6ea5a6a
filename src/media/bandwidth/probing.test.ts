import assert from 'node:assert/strict'
import test from 'node:test'
import { BandwidthEstimator } from './estimator.ts'
import { Probing, PROBE_MS } from './probing.ts'
import type { PacketFate } from './send-ledger.ts'

const PACKET_BYTES = 1100
const FEEDBACK_MS = 50
const MEDIA = 150_000
const TRANSIT_MS = 20

function seeded (seed: number): () => number {
  let state = seed >>> 0
  return () => (state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0) / 2 ** 32
}

type Run = { capacity: (now: number) => number, jitterMs?: number, wanted?: number, seconds: number, known: number, random?: () => number }
type Seen = { estimate: number, probes: { at: number, target: number }[], longestQueueMs: number, foundAt: number | undefined }

/** Sends a low layer over a path that may carry more, and probes for a better one. The packets of a probe leave every 10 ms, as they do. */
function run ({ capacity, jitterMs = 0, wanted = 1_000_000, seconds, known, random = seeded(3) }: Run): Seen {
  const estimator = new BandwidthEstimator()
  estimator.bitrate = known
  const probing = new Probing()
  const probes: Seen['probes'] = []
  let [freeAt, mediaDue, sent, longestQueueMs] = [0, 0, 0, 0]
  let fates: PacketFate[] = []
  let foundAt: number | undefined
  let probe: { from: number, target: number, sentBefore: number } | undefined
  const send = (now: number): void => {
    const queued = Math.max(0, freeAt - now)
    longestQueueMs = Math.max(longestQueueMs, queued)
    freeAt = now + queued + PACKET_BYTES * 8000 / capacity(now)
    fates.push({ sentAt: now, arrivedAt: freeAt + TRANSIT_MS + random() * jitterMs, bytes: PACKET_BYTES })
    sent += PACKET_BYTES
  }
  for (let now = 0; now < seconds * 1000; now += 5) {
    for (; mediaDue <= now; mediaDue += PACKET_BYTES * 8000 / MEDIA) send(now)
    if (probe && now - probe.from > PROBE_MS) probe = undefined
    if (probe && now % 10 === 0) while (sent - probe.sentBefore < probe.target * (now - probe.from) / 8000) send(now)
    if (now % FEEDBACK_MS !== 0) continue
    const told = fates.filter(({ arrivedAt }) => arrivedAt! <= now)
    fates = fates.filter(({ arrivedAt }) => arrivedAt! > now)
    estimator.take(told, now, sentAt => probing.disturbs(sentAt))
    const proven = probing.take(told, now)
    if (proven !== undefined) estimator.prove(proven)
    if (estimator.bitrate >= wanted) foundAt ??= now
    const target = probing.next(estimator.bitrate, wanted, estimator.usage === 'normal', now)
    if (target === undefined) continue
    probe = { from: now, target, sentBefore: sent }
    probes.push({ at: now, target })
  }
  return { estimate: estimator.bitrate, probes, longestQueueMs, foundAt }
}

test('a path that carries more is found to do so within seconds, whatever it carries', () => {
  const random = seeded(11)
  for (let round = 0; round < 20; round++) {
    const wanted = 400_000 + random() * 2_000_000
    const { foundAt, estimate } = run({ capacity: () => wanted * (2 + random() * 10), jitterMs: random() * 5, wanted, seconds: 12, known: 260_000, random })
    assert.ok(foundAt !== undefined && foundAt < 10_000, `${Math.round(estimate)} of ${Math.round(wanted)} bit/s`)
  }
})

test('a path that carries no more is not believed to, and gets a short queue, seldom', () => {
  const random = seeded(12)
  for (let round = 0; round < 20; round++) {
    const capacity = 250_000 + random() * 500_000
    const { estimate, probes, longestQueueMs } = run({ capacity: () => capacity, jitterMs: random() * 5, wanted: capacity * 3, seconds: 60, known: capacity * 0.9, random })
    assert.ok(estimate < capacity * 1.2, `${Math.round(estimate)} of ${Math.round(capacity)} bit/s`)
    assert.ok(longestQueueMs < 150, `${Math.round(longestQueueMs)} ms of queue`)
    assert.ok(probes.length <= 20, `${probes.length} probes in a minute`)
  }
})

test('a path that widens after a minute is found within 10 s', () => {
  const { foundAt } = run({ capacity: now => now < 60_000 ? 300_000 : 10_000_000, seconds: 80, known: 270_000 })
  assert.ok(foundAt !== undefined && foundAt > 60_000 && foundAt < 72_000, `${foundAt}`)
})

test('nothing is probed for that nobody wants, nor while the path is in trouble', () => {
  const probing = new Probing()
  assert.equal(probing.next(500_000, 400_000, true, 1000), undefined)
  assert.equal(probing.next(500_000, 900_000, false, 1000), undefined)
  assert.equal(probing.next(500_000, 900_000, true, 1100), undefined, 'trouble has just been')
  assert.equal(probing.next(500_000, 900_000, true, 1600), 750_000)
  assert.equal(probing.next(500_000, 900_000, true, 1650), undefined, 'one at a time')
  assert.deepEqual([1500, 1600, 1950, 2000].map(at => probing.disturbs(at)), [false, true, true, false])
})

test('what is reported too late, lost or too little tells nothing', () => {
  const sent = (count: number, arrives: (index: number) => number | undefined): PacketFate[] =>
    Array.from({ length: count }, (_, index) => ({ sentAt: index * 10, arrivedAt: arrives(index), bytes: 1000 }))
  const after: PacketFate = { sentAt: 200, arrivedAt: 250, bytes: 1000 }
  const found = (fates: PacketFate[], now = 300): number | undefined => {
    const probing = new Probing()
    probing.next(400_000, 600_000, true, 0)
    return probing.take(fates, now)
  }
  assert.equal(found([...sent(10, index => index * 10 + 30), after]), 600_000)
  assert.equal(found([...sent(3, index => index * 10), after]), undefined)
  assert.equal(found([...sent(10, index => index % 3 === 0 ? undefined : index * 10), after]), undefined)
  assert.equal(found([...sent(10, index => index * 25), after]), undefined, 'it came at 320 kbit/s')
  assert.equal(found([], 2000), undefined)
})
