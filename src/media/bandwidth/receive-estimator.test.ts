import assert from 'node:assert/strict'
import test from 'node:test'
import { random } from '../../../test/support/mutate.ts'
import { ReceiveEstimator, SenderClock } from './receive-estimator.ts'

const PACKET_BYTES = 1200
const TICK_MS = 50
const FRAME_MS = 1000 / 30
const QUEUE_MS = 400

type Path = { capacity: (now: number) => number, loss?: number, jitterMs?: number }
type Sender = {
  /** bit/s at the start, and at most. */
  starts?: number
  most?: number
  /** The time in each packet of a picture; undefined for packets that do not say. */
  stamp: (now: number, packetOfPicture: number) => number | undefined
}
type Seen = { sent: number, told: { at: number, bitrate: number }[], longestQueueMs: number, lost: number }

/** An encoder that sends pictures at the bitrate it is told, over a path, for so many seconds. */
function run ({ capacity, loss = 0, jitterMs = 0 }: Path, { starts = 1_000_000, most = 3_000_000, stamp }: Sender, seconds: number, seed = 1): Seen {
  const estimator = new ReceiveEstimator()
  const pick = random(seed)
  const chance = (): number => pick(1 << 20) / (1 << 20)
  const seen: Seen = { sent: starts, told: [], longestQueueMs: 0, lost: 0 }
  const arriving: { at: number, sentAt: number | undefined }[] = []
  let freeAt = 0
  let owed = 0
  let frame = 0
  for (let now = 0; now < seconds * 1000; now += TICK_MS / 10) {
    for (; frame * FRAME_MS <= now; frame++) {
      owed += seen.sent * FRAME_MS / 8000
      for (let packet = 0; owed >= PACKET_BYTES; packet++, owed -= PACKET_BYTES) {
        const queued = Math.max(0, freeAt - now)
        seen.longestQueueMs = Math.max(seen.longestQueueMs, Math.min(queued, QUEUE_MS))
        if (queued > QUEUE_MS || chance() < loss) { seen.lost++; continue }
        freeAt = now + queued + PACKET_BYTES * 8000 / capacity(now)
        arriving.push({ at: freeAt + 20 + chance() * jitterMs, sentAt: stamp(now, packet) })
      }
    }
    for (const { at, sentAt } of arriving.filter(({ at: when }) => when <= now)) estimator.add(sentAt, PACKET_BYTES, at)
    arriving.splice(0, arriving.length, ...arriving.filter(({ at }) => at > now))
    if (now % TICK_MS !== 0) continue
    const bitrate = estimator.take(seen.lost, now)
    if (bitrate === undefined) continue
    seen.told.push({ at: now, bitrate })
    seen.sent = Math.min(most, bitrate)
  }
  return seen
}

/** Each packet says when it left; or only the first of each picture does, by its timestamp. */
const stamps: [string, Sender['stamp']][] = [['send times', now => now], ['timestamps alone', (now, packet) => packet === 0 ? now : undefined]]

for (const [what, stamp] of stamps) {
  test(`by ${what}: a path that is too narrow is found, used, and its queue kept short`, () => {
    for (const [seed, narrow] of [300_000, 500_000, 1_500_000].entries()) {
      const { told, sent, longestQueueMs } = run({ capacity: () => narrow, jitterMs: 5 }, { stamp, starts: narrow * 2 }, 20, seed)
      const late = told.filter(({ at }) => at > 5000).map(({ bitrate }) => bitrate)
      assert.ok(Math.max(...late) < narrow * 1.3 && Math.min(...late) > narrow * 0.4, `told ${Math.round(Math.min(...late))} to ${Math.round(Math.max(...late))} of ${narrow} bit/s`)
      assert.ok(sent > narrow * 0.5 && longestQueueMs <= QUEUE_MS)
    }
  })

  test(`by ${what}: a path that carries all limits nothing, with jitter and a little loss`, () => {
    const { sent, told } = run({ capacity: () => 20_000_000, jitterMs: 8, loss: 0.01 }, { stamp }, 20)
    assert.equal(sent, 3_000_000)
    assert.ok(told.every(({ bitrate }) => bitrate >= 1_000_000))
  })

  test(`by ${what}: a path that widens is used again`, () => {
    const { told } = run({ capacity: now => now < 10_000 ? 300_000 : 3_000_000 }, { stamp }, 40)
    const narrow = told.findLast(({ at }) => at < 10_000)!.bitrate
    assert.ok(narrow < 400_000 && told.at(-1)!.bitrate > narrow * 2, `${narrow}, then ${told.at(-1)!.bitrate} bit/s`)
  })
}

test('loss alone is enough, where packets say nothing of time', () => {
  const { told } = run({ capacity: () => 20_000_000, loss: 0.3 }, { stamp: () => undefined }, 10)
  assert.ok(told.at(-1)!.bitrate < 500_000, `${told.at(-1)!.bitrate} bit/s`)
})

test('it is told once a second, and at once when it falls', () => {
  const { told } = run({ capacity: now => now < 5200 ? 20_000_000 : 300_000 }, { stamp: now => now }, 10)
  const [first] = told
  const fallen = told.find(({ at, bitrate }) => at > 5200 && bitrate < 700_000)!
  assert.ok(first!.at >= 1000 && first!.at < 1200)
  assert.ok(told.filter(({ at }) => at < 5200).every(({ at }, index) => at === first!.at + index * 1000))
  assert.ok((fallen.at - first!.at) % 1000 !== 0 && fallen.at < 6500, `fallen at ${fallen.at} ms`)
})

test('packets that were only late are no loss', () => {
  const estimator = new ReceiveEstimator()
  let told = 0
  for (let now = 0; now < 10_000; now += 10) {
    estimator.add(now, PACKET_BYTES, now + 20)
    if (now % TICK_MS === 0) told = estimator.take(now % (2 * TICK_MS) === 0 ? 5 : 0, now) ?? told
  }
  assert.ok(told >= 1_000_000, `${told} bit/s`)
})

test('a sender’s clock: from our time on, over its wrap, forth and back', () => {
  const sendTime = SenderClock.ofSendTime()
  assert.deepEqual([0xfffc00, 0x000400, 0xfffc00].map(value => Math.round(sendTime.at(value, 500) * 10) / 10), [500, 507.8, 500])
  const rtp = new SenderClock(90_000)
  assert.deepEqual([0xffff_fff0, 90_000 - 16].map(value => rtp.at(value, 7)), [7, 1007])
})
