import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { random } from '../../../../test/support/mutate.ts'
import { guessIndex, rolloverOf } from './packet-index.ts'
import { keyMaterialBytes, srtpProfiles } from './profiles.ts'
import { ReplayWindow } from './replay-window.ts'
import { openSrtp } from './session.ts'
import { MAX_STREAMS, StreamWindows } from './stream-windows.ts'

/** The steps of RFC 3711 section 3.3.1, word for word. */
function guessOfTheRfc (highest: number, sequence: number): number {
  const rollover = Math.floor(highest / 2 ** 16)
  const last = highest % 2 ** 16
  const v = last < 2 ** 15 ? (sequence - last > 2 ** 15 ? rollover - 1 : rollover) : (last - 2 ** 15 > sequence ? rollover + 1 : rollover)
  return sequence + v * 2 ** 16
}

test('the index of a packet is guessed as the RFC does', () => {
  const edges = [0, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff]
  const pick = random(1)
  const sequences = [...edges, ...Array.from({ length: 50 }, () => pick(65_536))]
  for (const rollover of [0, 1, 2, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]) {
    for (const last of sequences) {
      for (const sequence of sequences) {
        const highest = rollover * 2 ** 16 + last
        assert.equal(guessIndex(highest, sequence), guessOfTheRfc(highest, sequence), `${sequence} after ${last}, ${rollover}`)
      }
    }
  }
  assert.deepEqual([0, 65_535, 65_536, 2 ** 48 - 1, -1].map(rolloverOf), [0, 0, 1, 0xffffffff, 0xffffffff])
})

test('the window knows what was received, as far as it reaches', () => {
  for (const start of [0, 5, 65_500, 2 ** 31 - 500, 2 ** 32 - 500, 2 ** 47 - 500]) {
    for (const bits of [64, 256, 2048]) {
      const window = new ReplayWindow(bits)
      const received = new Set<number>()
      const pick = random(bits)
      let highest = -1
      for (let i = 0; i < 5000; i++) {
        const forward = pick(50) === 0 ? pick(3 * bits) : pick(4)
        const index = pick(2) === 0 || highest < 0 ? Math.max(start, highest + forward) : highest - pick(bits * 2)
        const behind = highest - index
        if (highest < 0 || behind < bits - 32) assert.equal(window.isFresh(index), !received.has(index), `${index} of ${highest}`)
        else assert.equal(window.isFresh(index), false)
        if (!window.isFresh(index)) continue
        window.accept(index)
        received.add(index)
        highest = Math.max(highest, index)
        assert.equal(window.highest, highest)
        assert.equal(window.isFresh(index), false)
      }
    }
  }
})

test('of too many streams the one not heard for the longest is forgotten', () => {
  const streams = new StreamWindows(64)
  for (let ssrc = 0; ssrc < MAX_STREAMS; ssrc++) streams.accept(ssrc, 7)
  streams.accept(0, 8, streams.find(0))
  streams.accept(MAX_STREAMS, 1)
  assert.equal(streams.size, MAX_STREAMS)
  assert.equal(streams.find(1), undefined)
  assert.equal(streams.find(0)?.window.isFresh(8), false)
  assert.equal(streams.find(MAX_STREAMS)?.window.isFresh(1), false)
})

/** A session, and packets of it as they are on the wire. */
function pair (name: keyof typeof srtpProfiles) {
  const stack = new DisposableStack()
  const material = randomBytes(keyMaterialBytes(srtpProfiles[name]))
  const [near, far] = [openSrtp(srtpProfiles[name], material, 'client'), openSrtp(srtpProfiles[name], material, 'server')]
  for (const part of [near.sender, near.receiver, far.sender, far.receiver]) stack.use(part)
  const plain = (index: number, ssrc = 1): Buffer => {
    const bytes = Buffer.alloc(24)
    bytes.set([0x80, 96])
    bytes.writeUInt16BE(index % 65_536, 2)
    bytes.writeUInt32BE(ssrc, 8)
    bytes.writeUIntBE(index, 12, 6)
    return bytes
  }
  const send = (bytes: Buffer): Buffer => {
    const out = Buffer.concat([bytes, Buffer.alloc(100)])
    return out.subarray(0, near.sender.protect(out, 0, bytes.length))
  }
  const open = (bytes: Buffer): Buffer | undefined => far.receiver.unprotect(bytes)
  return { plain, send, open, [Symbol.dispose]: () => stack.dispose() }
}

for (const name of ['AEAD_AES_128_GCM', 'AES128_CM_HMAC_SHA1_80'] as const) {
  test(`${name}: sequence numbers wrap again and again, with loss and out of order`, () => {
    using session = pair(name)
    const pick = random(7)
    const waiting: { bytes: Buffer, plain: Buffer }[] = []
    let arrived = 0
    const arrive = ({ bytes, plain }: { bytes: Buffer, plain: Buffer }): void => {
      const opened = session.open(bytes)
      assert.deepEqual(opened, plain)
      arrived++
      assert.equal(session.open(bytes), undefined, 'a second time')
    }
    for (let index = 65_000; index < 65_536 * 4; index += 1 + (pick(100) === 0 ? pick(20_000) : pick(3))) {
      const plain = session.plain(index)
      const bytes = session.send(plain)
      if (pick(10) === 0) continue
      waiting.push({ bytes, plain })
      // Within the window, also where a gap comes between.
      while (waiting.length > 0 && (index - waiting[0]!.plain.readUIntBE(12, 6) > 1000 || waiting.length > pick(40))) {
        const [next] = waiting.splice(waiting[0]!.plain.readUIntBE(12, 6) < index - 200 ? 0 : pick(waiting.length), 1)
        if (index - next!.plain.readUIntBE(12, 6) < 1900) arrive(next!)
      }
    }
    assert.ok(arrived > 1000)
  })

  test(`${name}: what is sent again, also from before a wrap, is the same bytes`, () => {
    using session = pair(name)
    const sent = new Map<number, Buffer>()
    for (let index = 65_000; index < 66_500; index++) sent.set(index, session.send(session.plain(index)))
    for (const [index, bytes] of sent) assert.deepEqual(session.send(session.plain(index)), bytes)
    const next = session.plain(66_500)
    assert.deepEqual(session.open(sent.get(65_000)!), session.plain(65_000))
    assert.deepEqual(session.open(sent.get(65_990)!), session.plain(65_990))
    assert.deepEqual(session.open(session.send(next)), next)
  })

  test(`${name}: late packets and replays`, () => {
    using session = pair(name)
    const wire = Array.from({ length: 5000 }, (_, index) => session.send(session.plain(index)))
    assert.deepEqual(session.open(wire[3000]!), session.plain(3000))
    assert.equal(session.open(wire[3000 - 2016]!), undefined, 'too late to know')
    assert.deepEqual(session.open(wire[3000 - 2015]!), session.plain(3000 - 2015))
    assert.equal(session.open(wire[3000 - 2015]!), undefined)
    assert.deepEqual(session.open(wire[4999]!), session.plain(4999))
    assert.equal(session.open(wire[3000]!), undefined, 'still known')
    assert.equal(session.open(wire[985]!), undefined, 'beyond the window')
    assert.deepEqual(session.open(wire[2999]!), session.plain(2999), 'late, but the first time')
  })

  test(`${name}: packets from before the first of a stream have a counter no other has`, () => {
    using session = pair(name)
    const first = session.plain(5)
    const before = session.plain(65_534)
    assert.deepEqual(session.open(session.send(first)), first)
    const wire = session.send(before)
    assert.deepEqual(session.open(wire), before)
    for (let index = 20_000; index < 65_534; index += 20_000) assert.ok(session.open(session.send(session.plain(index))))
    assert.notDeepEqual(session.send(before), wire)
  })

  test(`${name}: forgeries leave no trace`, () => {
    using session = pair(name)
    assert.ok(session.open(session.send(session.plain(100))))
    for (const sequence of [101, 20_000, 40_000, 65_535]) {
      const forged = session.send(session.plain(sequence, 2))
      forged.writeUInt32BE(1, 8)
      assert.equal(session.open(forged), undefined)
    }
    for (const index of [101, 102]) assert.deepEqual(session.open(session.send(session.plain(index))), session.plain(index))
  })

  test(`${name}: RTCP is taken once, and late within its window`, () => {
    using session = pair(name)
    const report = Buffer.from('81c900070000000100000002000000030000000400000005000000060000000700000008', 'hex')
    const wire = Array.from({ length: 400 }, () => session.send(report))
    assert.equal(new Set(wire.map(bytes => bytes.toString('hex'))).size, 400)
    assert.deepEqual(session.open(wire[300]!), report)
    assert.equal(session.open(wire[300 - 224]!), undefined)
    assert.deepEqual(session.open(wire[300 - 223]!), report)
    for (const index of [77, 300]) assert.equal(session.open(wire[index]!), undefined)
    for (const index of [299, 301, 399, 298]) assert.deepEqual(session.open(wire[index]!), report)
  })
}
