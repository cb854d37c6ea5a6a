import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { audioLevelOf, SILENT_LEVEL } from './audio-level.ts'
import { DominantSpeaker } from './dominant-speaker.ts'
import { RtpPacket } from './rtp-packet.ts'

const PACKET_MS = 20

type Sound = { readonly from: number, readonly to: number, readonly level: number }
/** A person, by what is heard of them and the noise (-dBov) around it; with `dtx`, no packets come in between. */
type Person = { readonly sounds: readonly Sound[], readonly noise?: number, readonly dtx?: boolean }

/** Speech has loud and soft syllables, 8 dB around its level, and every 300 ms a gap of 40. */
const speech = (from: number, to: number, level = 28): Sound[] =>
  Array.from({ length: Math.ceil((to - from) / 300) }, (_, n) => ({ from: from + n * 300, to: Math.min(to, from + n * 300 + 260), level }))

type Change = { readonly at: number, readonly who: string | undefined }

function play (people: Readonly<Record<string, Person>>, forMs: number, startAt = 1e6): { changes: Change[], speaking: Change[] } {
  const detector = new DominantSpeaker<string>()
  const changes: Change[] = []
  const speaking: Change[] = []
  let spoke: Record<string, boolean> = {}
  for (let at = 0; at < forMs; at += PACKET_MS) {
    for (const [who, { sounds, noise = 70, dtx = false }] of Object.entries(people)) {
      const sound = sounds.find(({ from, to }) => at >= from && at < to)
      if (!sound && dtx) continue
      const level = sound ? sound.level + Math.round(8 * Math.sin(at * 7)) : noise + at / PACKET_MS % 3
      const before = detector.dominant
      const changed = detector.hear(who, Math.min(SILENT_LEVEL, level), startAt + at)
      if (detector.dominant !== before) changes.push({ at, who: detector.dominant })
      const now = Object.fromEntries(Object.keys(people).map(name => [name, detector.isSpeaking(name)]))
      for (const name of Object.keys(people)) if (now[name] !== (spoke[name] ?? false)) speaking.push({ at, who: name })
      if (JSON.stringify(now) !== JSON.stringify(spoke) && Object.keys(spoke).length > 0) assert.ok(changed, 'a change is told')
      spoke = now
    }
  }
  return { changes, speaking }
}

test('the level of a packet, in both forms of header extensions', () => {
  const rows: [hex: string, id: number, level: number | undefined][] = [
    ['906f0001000000020000000abede0001109e0000aabb', 1, 30], // One byte, with the voice bit.
    ['906f0001000000020000000abede0001107f0000aabb', 1, 127],
    ['906f0001000000020000000abede000120007f00aabb', 1, undefined], // Another extension.
    ['906f0001000000020000000a1000000111015500aabb', 17, 85], // Two bytes: an id above 14.
    ['906f0001000000020000000a1000000101000000aabb', 1, undefined], // Empty.
    ['806f0001000000020000000aaabb', 1, undefined]
  ]
  for (const [hex, id, level] of rows) assert.equal(audioLevelOf(RtpPacket.parse(Buffer.from(hex, 'hex')), id), level, hex)
})

test('whoever speaks takes the floor soon, and keeps it through silence', () => {
  const { changes, speaking } = play({ ann: { sounds: speech(1000, 5000) }, ben: { sounds: [] } }, 30_000)
  assert.deepEqual(changes.map(({ who }) => who), ['ann'])
  assert.ok(changes[0]!.at > 1000 && changes[0]!.at <= 1600, `after ${changes[0]!.at - 1000} ms`)
  assert.equal(speaking.length, 2)
  assert.ok(speaking[0]!.at <= 1250 && speaking[1]!.at >= 5900 && speaking[1]!.at <= 6300, JSON.stringify(speaking))
})

test('who answers takes over while the other is silent, once', () => {
  for (const dtx of [false, true]) {
    const { changes } = play({ ann: { sounds: speech(0, 6000), dtx }, ben: { sounds: speech(6100, 12_000), dtx } }, 15_000)
    assert.deepEqual(changes.map(({ who }) => who), ['ann', 'ben'])
    assert.ok(changes[1]!.at - 6100 <= 1200, `after ${changes[1]!.at - 6100} ms`)
  }
})

test('coughs, doors and a loud fan change nothing', () => {
  const coughs = Array.from({ length: 10 }, (_, n) => ({ from: 700 + n * 2300, to: 700 + n * 2300 + 160, level: 8 }))
  assert.deepEqual(play({ ann: { sounds: speech(0, 3000) }, ben: { sounds: coughs } }, 25_000).changes.map(({ who }) => who), ['ann'])
  assert.deepEqual(play({ ann: { sounds: speech(0, 3000) }, ben: { sounds: [], noise: 55 } }, 25_000).changes.map(({ who }) => who), ['ann'])
})

test('a second voice over the first does not take the floor, however loud', () => {
  const { changes } = play({ ann: { sounds: speech(0, 20_000) }, ben: { sounds: speech(3000, 9000, 15) } }, 20_000)
  assert.deepEqual(changes.map(({ who }) => who), ['ann'])
})

test('whatever is heard: nobody is dethroned within a second, none but speakers reign, and silence elects nobody', () => {
  const sound = fc.record({ from: fc.nat(20_000), ms: fc.integer({ min: 20, max: 6000 }), level: fc.integer({ min: 0, max: 127 }) })
    .map(({ from, ms, level }) => ({ from, to: from + ms, level }))
  const person = fc.record({ sounds: fc.array(sound, { maxLength: 8 }), noise: fc.integer({ min: 58, max: 127 }), dtx: fc.boolean() })
  fc.assert(fc.property(fc.array(person, { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 2 ** 40 }), (people, startAt) => {
    const { changes } = play(Object.fromEntries(people.map((one, n) => [`p${n}`, one])), 22_000, startAt)
    for (const [n, { at, who }] of changes.entries()) {
      if (n > 0) assert.ok(at - changes[n - 1]!.at >= 1000, 'no flapping')
      const { sounds } = people[Number(who!.slice(1))]!
      const loud = sounds.filter(({ level }) => level <= 57 + 8)
      assert.ok(loud.some(({ from, to }) => from <= at && to > at - 1100), 'who reigns has spoken within the last second')
    }
  }), { numRuns: 200 })
})

test('who has left holds no floor, and the next speaker takes it', () => {
  const detector = new DominantSpeaker<string>()
  let at = 0
  const say = (who: string, ms: number): void => { for (const end = at + ms; at < end; at += PACKET_MS) detector.hear(who, 20, at) }
  say('ann', 1000)
  assert.equal(detector.dominant, 'ann')
  detector.forget('ann')
  assert.equal(detector.dominant, undefined)
  assert.equal(detector.dominatedAt('ann'), -Infinity)
  say('ben', 1000)
  assert.equal(detector.dominant, 'ben')
})
