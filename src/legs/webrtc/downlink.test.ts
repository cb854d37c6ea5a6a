// What a viewer is sent over links of all kinds, in simulated time: the layer that fits, no more, and no to and fro.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Link, SimulatedViewer } from '../../../test/support/simulated-viewer.ts'

const SECONDS = 100
/** By then the layer is found. */
const SETTLED_AFTER_S = 20
/** Of queue (ms) that sound meets, in nineteen seconds of twenty: a keyframe, or a probe. */
const USUAL_DELAY_MS = 120

const always = (bitrate: number) => (): number => bitrate
/** Nothing for so long, then this bitrate for as long, and again. */
const onAndOff = (seconds: number, bitrate: number) => (now: number): number => Math.floor(now / (seconds * 1000)) % 2 === 0 ? 0 : bitrate

type Row = {
  readonly name: string
  readonly link: Link
  /** The share of the seconds after the first twenty in which each layer is sent: at least. */
  readonly layers: Readonly<Record<number, number>>
  readonly switches: number
  /** ms, at any time. */
  readonly longestDelay: number
  /** Of the sound, in all. */
  readonly lost?: number
}

const rows: readonly Row[] = [
  ...[0, 15].flatMap((jitterMs): Row[] => [
    { name: `300 kbit/s, ${jitterMs} ms of jitter`, link: { capacity: always(300_000), jitterMs }, layers: { 0: 1 }, switches: 1, longestDelay: 150 },
    { name: `1 Mbit/s, ${jitterMs} ms of jitter`, link: { capacity: always(1_000_000), jitterMs }, layers: { 1: 1 }, switches: 1, longestDelay: 150 },
    { name: `3 Mbit/s, ${jitterMs} ms of jitter`, link: { capacity: always(3_000_000), jitterMs }, layers: { 2: 0.9 }, switches: 2, longestDelay: 150 }
  ]),
  { name: '300 kbit/s, losing 2 %', link: { capacity: always(300_000), loss: 0.02, jitterMs: 5 }, layers: { 0: 1 }, switches: 1, longestDelay: 150, lost: 0.03 },
  { name: '1 Mbit/s, losing 2 %', link: { capacity: always(1_000_000), loss: 0.02, jitterMs: 5 }, layers: { 1: 1 }, switches: 1, longestDelay: 150, lost: 0.03 },
  { name: '3 Mbit/s, losing 2 %', link: { capacity: always(3_000_000), loss: 0.02, jitterMs: 5 }, layers: { 2: 0.9 }, switches: 4, longestDelay: 150, lost: 0.03 },
  { name: '300 kbit/s, of which others take 80 now and then', link: { capacity: always(300_000), cross: onAndOff(8, 80_000), jitterMs: 5 }, layers: { 0: 1 }, switches: 1, longestDelay: 200 },
  { name: '1 Mbit/s, of which others take 300 kbit/s now and then', link: { capacity: always(1_000_000), cross: onAndOff(8, 300_000), jitterMs: 5 }, layers: { 1: 1 }, switches: 1, longestDelay: 150 },
  { name: '3 Mbit/s, of which others take 1 now and then', link: { capacity: always(3_000_000), cross: onAndOff(8, 1_000_000), jitterMs: 5 }, layers: { 2: 1 }, switches: 0, longestDelay: 150 },
  { name: '1 Mbit/s, of which others take more than half for 15 s and not for 15 s', link: { capacity: always(1_000_000), cross: onAndOff(15, 600_000), jitterMs: 5 }, layers: { 0: 0.5, 1: 0.15 }, switches: 10, longestDelay: 300 },
  { name: '3 Mbit/s, of which others take two thirds for 15 s and not for 15 s', link: { capacity: always(3_000_000), cross: onAndOff(15, 2_000_000), jitterMs: 5 }, layers: { 1: 0.5, 2: 0.2 }, switches: 8, longestDelay: 300 },
  {
    name: '3 Mbit/s, then 400 kbit/s, then 3 Mbit/s again', link: { capacity: now => now < 40_000 || now >= 70_000 ? 3_000_000 : 400_000, jitterMs: 5 },
    layers: { 0: 0.3, 2: 0.4 }, switches: 5, longestDelay: 410 // The whole queue, for a second.
  }
]

for (const { name, link, layers, switches, longestDelay, lost = 0.01 } of rows) {
  test(`a link of ${name}`, () => {
    const viewer = new SimulatedViewer(link).run(SECONDS)
    const course = viewer.seconds.map(({ layer }) => layer).join('')
    const settled = viewer.seconds.slice(SETTLED_AFTER_S)
    for (const [layer, share] of Object.entries(layers)) {
      assert.ok(settled.filter(second => second.layer === Number(layer)).length >= share * settled.length, `layer ${layer}: ${course}`)
    }
    assert.ok(viewer.switches <= switches, `${viewer.switches} switches: ${course}`)
    const delays = viewer.seconds.slice(5).map(({ soundDelayMs }) => soundDelayMs).toSorted((a, b) => a - b)
    assert.ok(delays.at(-1)! <= longestDelay && delays[Math.floor(delays.length * 0.95)]! <= USUAL_DELAY_MS, `sound waited for ${Math.round(delays.at(-1)!)} ms`)
    const missing = viewer.seconds.reduce((sum, { soundLost }) => sum + soundLost, 0) / viewer.seconds.reduce((sum, { sound }) => sum + sound, 0)
    assert.ok(missing <= lost, `${missing.toFixed(4)} of the sound lost`)
  })
}

/** Layers by what the viewer says alone. Nothing can be found out but by trying, less often each time it fails. */
for (const [name, capacity, layer, switches] of [['300 kbit/s', 300_000, 0, 9], ['1 Mbit/s', 1_000_000, 1, 9], ['3 Mbit/s', 3_000_000, 2, 0]] as const) {
  test(`a link of ${name}, to a viewer that says what fits`, () => {
    const viewer = new SimulatedViewer({ capacity: always(capacity), jitterMs: 5, remb: true }).run(SECONDS)
    const course = viewer.seconds.map(second => second.layer).join('')
    assert.ok(viewer.seconds.slice(SETTLED_AFTER_S).filter(second => second.layer === layer).length >= 0.9 * (SECONDS - SETTLED_AFTER_S), course)
    assert.ok(viewer.switches <= switches, `${viewer.switches} switches: ${course}`)
  })
}
