import assert from 'node:assert/strict'
import test from 'node:test'
import { codec } from '../media/codec.ts'
import { RtpPacket } from '../media/rtp-packet.ts'
import { Track } from './track.ts'

const packet = (sequenceNumber: number): RtpPacket => RtpPacket.build({ payloadType: 96, marker: false, sequenceNumber, timestamp: 0, ssrc: 1 }, Buffer.of(sequenceNumber))
const three = [packet(1), packet(2), packet(3)]

/** A track, and what its sinks were given, in the order they were. */
function heard (names: readonly string[], onPacket: (name: string, sequenceNumber: number, leave: () => void) => void = () => {}) {
  const track = new Track(codec('VP8'))
  const log: string[] = []
  for (const name of names) {
    const subscription = track.subscribe({
      write ({ sequenceNumber }) {
        log.push(`${name}${sequenceNumber}`)
        onPacket(name, sequenceNumber, () => subscription[Symbol.dispose]())
      },
      fail: () => log.push(`${name} failed`)
    })
  }
  return { track, log }
}

test('of packets that came together each sink gets all, in their order, before the next sink gets any', () => {
  const { track, log } = heard(['a', 'b'])
  track.writeAll(three)
  assert.deepEqual(log, ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'])
  track.write(packet(4))
  assert.deepEqual(log.slice(6), ['a4', 'b4'])
  assert.deepEqual([track.packets, track.bytes], [4, 4 * 13])
})

test('a sink that leaves at one of them gets no more, one that fails is told once, and the others get all', () => {
  const { track, log } = heard(['a', 'b', 'c'], (name, sequenceNumber, leave) => {
    if (name === 'a' && sequenceNumber === 2) leave()
    if (name === 'b' && sequenceNumber === 1) throw new Error('broken')
  })
  track.writeAll(three)
  assert.deepEqual(log, ['a1', 'a2', 'b1', 'b failed', 'c1', 'c2', 'c3'])
  assert.equal(track.subscribers, 1)
})
