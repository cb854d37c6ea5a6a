import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { codec, opus } from '../../media/codec.ts'
import { RtpPacket } from '../../media/rtp-packet.ts'
import { Room } from '../../room/room.ts'
import { Intake } from './intake.ts'
import { PublishedLayers } from './layers.ts'
import { ClockSkew } from './reported-time.ts'

const packet = (sequenceNumber: number): RtpPacket => RtpPacket.build({ payloadType: 96, marker: true, sequenceNumber, timestamp: 0, ssrc: 1 }, Buffer.of(0x10, 0, 0))

function publishing (sent: ReturnType<typeof codec>) {
  const room = new Room('hall')
  const layers = new PublishedLayers(room.join({ identity: 'ann', source: 'whip' }), sent, [])
  const arrived: number[] = []
  room.watch({ trackAdded: track => { track.subscribe({ write: ({ sequenceNumber }) => arrived.push(sequenceNumber), fail: error => { throw error } }) } })
  const clock = new ManualClock()
  const intake = new Intake({ layers, rid: '', codec: sent, ssrc: 1, opusInRed: undefined, repairs: false, audioLevelId: undefined, clock, skew: new ClockSkew(), askForPicture () {} })
  return { intake, arrived, come: (sequenceNumber: number) => intake.take(packet(sequenceNumber), clock.now()) }
}

test('packets of a picture go on together once no more come, or when the stream ends', () => {
  const { intake, arrived, come } = publishing(codec('VP8'))
  come(1)
  come(2)
  assert.deepEqual(arrived, [])
  intake.settle()
  assert.deepEqual(arrived, [1, 2])
  come(3)
  intake[Symbol.dispose]()
  assert.deepEqual(arrived, [1, 2, 3])
})

test('sound goes on at once', () => {
  const { arrived, come } = publishing(opus)
  come(1)
  assert.deepEqual(arrived, [1])
})
