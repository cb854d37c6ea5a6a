// What a viewer is sent of a room with many participants.
import assert from 'node:assert/strict'
import test, { before } from 'node:test'
import { type Encoded, encodedClip, encodedOpus } from '../../../test/support/encoded.ts'
import { LiveClip } from '../../../test/support/live-clip.ts'
import { missing } from '../../../test/support/peers.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { timestampDistance } from '../../media/rtp-packet.ts'
import { Room } from '../../room/room.ts'
import { cast } from './stage.ts'

const skip = missing('ffmpeg')
let clip: Encoded
let sound: Awaited<ReturnType<typeof encodedOpus>>

before(async () => {
  if (skip !== false) return
  clip = await encodedClip(10, { size: '320x180', bitrate: 300_000 })
  sound = await encodedOpus(10)
})

const streams = () => ({ video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: sound.audioCodec, frames: sound.audio } })
const audio = ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtpmap:111 opus/48000/2']
const video = ['m=video 9 UDP/TLS/RTP/SAVPF 102', 'a=rtpmap:102 H264/90000', 'a=fmtp:102 packetization-mode=1', 'a=rtcp-fb:102 nack pli']

/** An offer of so many sections of each kind: v0, v1, …, a0, a1, … */
const offerOf = (videos: number, audios: number): { mid: string, lines: string[] }[] => [
  ...Array.from({ length: videos }, (_, n) => ({ mid: `v${n}`, lines: video })),
  ...Array.from({ length: audios }, (_, n) => ({ mid: `a${n}`, lines: audio }))
]

async function watch (edge: Edge, peer: RawPeer, path = '/whep/hall') {
  const response = await fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.accept(answer)
  const sections = answer.split('\r\nm=').slice(1).map(part => ({
    ssrc: Number(/a=ssrc:(\d+)/.exec(part)?.[1]), streamId: /a=msid:(\S+)/.exec(part)?.[1], mid: /a=mid:(\S+)/.exec(part)?.[1]
  }))
  return { answer, sections }
}

type Detail = { sections: { mid: string, participant: string | undefined, flowing: boolean }[], video: { participant: string } }
const detailOf = (edge: Edge): Detail => [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === 'whep')!.describe().stats.detail as Detail
const shown = (edge: Edge): Record<string, string | undefined> => Object.fromEntries(detailOf(edge).sections.map(({ mid, participant }) => [mid, participant]))

test('three pictures and three sounds: each section carries one participant, named in the answer; who comes is seen, who leaves makes room', { skip }, async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  using ann = new LiveClip(room, { identity: 'ann', ...streams() })
  const ben = new LiveClip(room, { identity: 'ben', ...streams() })
  await using peer = await RawPeer.create('recvonly', offerOf(3, 3))
  const { sections, answer } = await watch(edge, peer)
  assert.deepEqual([...answer.matchAll(/^m=\w+ (\d+)/gm)].map(([, port]) => port), ['9', '9', '9', '9', '9', '9'])
  const [annId, benId] = [ann, ben].map(({ publisher }) => publisher.participant.info.id)
  assert.deepEqual([0, 1, 3, 4].map(at => sections[at]!.streamId), [annId, benId, annId, benId])
  assert.equal(new Set(sections.map(({ ssrc }) => ssrc)).size, 6)

  const coming = (indexes: readonly number[]): boolean => indexes.every(at => peer.packetsOf(sections[at]!.ssrc).length > 20)
  await until('two pictures and two sounds', () => coming([0, 1, 3, 4]))
  assert.equal(peer.packetsOf(sections[2]!.ssrc).length, 0)
  using _cyd = new LiveClip(room, { identity: 'cyd', ...streams() })
  await until('the third', () => coming([2, 5]))
  using _dan = new LiveClip(room, { identity: 'dan', ...streams() })
  assert.deepEqual(shown(edge), { v0: 'ann', v1: 'ben', v2: 'cyd', a0: 'ann', a1: 'ben', a2: 'cyd' })
  ben[Symbol.dispose]()
  assert.deepEqual(shown(edge), { v0: 'ann', v1: 'dan', v2: 'cyd', a0: 'ann', a1: 'dan', a2: 'cyd' }, 'nobody else changes place')

  const packets = peer.packetsOf(sections[1]!.ssrc).length
  await until('the fourth in the place of the second', () => peer.packetsOf(sections[1]!.ssrc).length > packets + 60)
  const pictures = peer.packetsOf(sections[1]!.ssrc)
  for (const [n, packet] of pictures.entries()) assert.equal((packet.sequenceNumber - pictures[0]!.sequenceNumber) & 0xffff, n, 'no gap')
  const steps = pictures.slice(1).map((packet, n) => timestampDistance(packet.timestamp, pictures[n]!.timestamp))
  assert.ok(Math.min(...steps) >= 0 && Math.max(...steps) < 90_000 * 3, 'time goes on')
})

test('who gets which place', () => {
  const room = new Room('hall')
  const join = (identity: string, ...kinds: ('audio' | 'video')[]) => {
    const participant = room.join({ identity, source: 'test' })
    for (const kind of kinds) participant.publish(kind === 'video' ? { name: 'H264', kind, clockRate: 90_000 } : { name: 'opus', kind, clockRate: 48_000 })
    return participant
  }
  const ann = join('ann', 'audio')
  const ben = join('ben', 'audio', 'video')
  join('cyd', 'video')
  const places = (audio: number, video: number, wanted?: string) => {
    const scene = cast(room, { wanted, places: { audio, video } })
    return { audio: scene.audio.map(part => part?.owner.info.identity), video: scene.video.map(part => part?.owner.info.identity) }
  }
  assert.deepEqual(places(1, 1), { audio: ['ben'], video: ['ben'] }, 'the one voice belongs to the one picture')
  assert.deepEqual(places(2, 3), { audio: ['ann', 'ben'], video: ['ben', 'cyd', undefined] })
  assert.deepEqual(places(1, 1, 'ann'), { audio: ['ann'], video: [undefined] })
  assert.deepEqual(places(1, 1, 'eve'), { audio: [undefined], video: [undefined] })
  const before = cast(room, { places: { audio: 2, video: 2 } })
  ann[Symbol.dispose]()
  const after = cast(room, { places: { audio: 2, video: 2 } }, before)
  assert.deepEqual(after.audio.map(part => part?.owner), [undefined, ben], 'who stays keeps the place')
})
