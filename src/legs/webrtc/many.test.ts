// What a viewer is sent of a room with many participants.
import assert from 'node:assert/strict'
import test, { before } from 'node:test'
import { type Encoded, encodedClip, encodedOpus } from '../../../test/support/encoded.ts'
import { LiveClip } from '../../../test/support/live-clip.ts'
import { missing } from '../../../test/support/peers.ts'
import { RawPeer } from '../../../test/support/raw-peer.ts'
import { until } from '../../../test/support/until.ts'
import { type Edge, openEdge } from '../../../test/support/webrtc-edge.ts'
import { systemClock } from '../../lib/clock.ts'
import { startsKeyframe } from '../../media/keyframes.ts'
import { type RtpPacket, timestampDistance } from '../../media/rtp-packet.ts'
import { Room } from '../../room/room.ts'
import { cast, type Scene } from './stage.ts'

const skip = missing('ffmpeg')
let clip: Encoded
let other: Encoded
let sound: Awaited<ReturnType<typeof encodedOpus>>

before(async () => {
  if (skip !== false) return
  clip = await encodedClip(10, { size: '320x180', bitrate: 300_000 })
  other = await encodedClip(10, { size: '256x144', bitrate: 300_000 })
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
  assertUnbroken(peer.packetsOf(sections[1]!.ssrc))
})

function assertUnbroken (packets: readonly RtpPacket[]): void {
  for (const [n, packet] of packets.entries()) assert.equal((packet.sequenceNumber - packets[0]!.sequenceNumber) & 0xffff, n, 'no gap')
  const steps = packets.slice(1).map((packet, n) => timestampDistance(packet.timestamp, packets[n]!.timestamp))
  assert.ok(Math.min(...steps) >= 0 && Math.max(...steps) < 90_000 * 3, 'time goes on')
}

/** Says of each sound how loud it is, as publishers do: the speaker's speaks. */
function talk (clips: Readonly<Record<string, LiveClip>>, speaker: { name: string }): Disposable {
  return systemClock.every(20, () => {
    for (const [name, { publisher }] of Object.entries(clips)) publisher.audio!.hear(name === speaker.name ? 25 : 90, systemClock.now())
  })
}

test('one picture is that of who speaks: entered at its keyframe, the one before is seen until then; a screen comes before all', { skip }, async () => {
  await using edge = await openEdge()
  const room = await edge.room('hall')
  // Publishers that keep no backlog, with a keyframe every two seconds.
  using ann = new LiveClip(room, { identity: 'ann', ...streams(), timed: false })
  using ben = new LiveClip(room, { identity: 'ben', ...streams(), video: { codec: other.videoCodec, frames: other.video }, timed: false })
  const speaker = { name: '' }
  using _talk = talk({ ann, ben }, speaker)
  await using peer = await RawPeer.create()
  const { sections: [, picture] } = await watch(edge, peer)
  const seen = () => peer.packetsOf(picture!.ssrc)
  const arrivals: number[] = []
  peer.onPacket = packet => { if (packet.ssrc === picture!.ssrc) arrivals.push(performance.now()) }
  await until('ann, who came first', () => seen().length > 20)
  assert.equal(detailOf(edge).video.participant, 'ann')
  const payloadsOf = ({ publisher }: LiveClip): Set<string> => {
    const payloads = new Set<string>()
    publisher.video!.subscribe({ write: packet => { payloads.add(packet.payload.toString('latin1')) }, fail () {} })
    return payloads
  }
  const ofBen = payloadsOf(ben)
  const isBen = (packet: RtpPacket): boolean => ofBen.has(packet.payload.toString('latin1'))
  speaker.name = 'ben'
  await until('ben, who speaks', () => seen().findIndex(isBen) >= 0 && seen().length - seen().findIndex(isBen) > 30)
  const first = seen().findIndex(isBen)
  assert.ok(startsKeyframe('H264', seen()[first]!), 'nothing before the keyframe')
  assert.ok(!seen().slice(first).some(packet => !isBen(packet)), 'nothing of ann after it')
  const pause = arrivals.at(-(seen().length - first))! - arrivals.at(-(seen().length - first) - 1)!
  assert.ok(pause < 500, `ann is seen until then: a pause of ${pause} ms`)
  assertUnbroken(seen())
  assert.ok(ben.publisher.keyframesWanted >= 1, 'ben is asked for a keyframe')

  using _screen = new LiveClip(room, { identity: 'ann~screen', video: streams().video })
  assert.equal(detailOf(edge).video.participant, 'ann~screen')
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
  const own = cast(room, { self: 'ben', places: { audio: 3, video: 1 } })
  assert.deepEqual([own.audio.map(part => part?.owner.info.identity), own.video[0]?.owner.info.identity], [['ann', undefined, undefined], 'cyd'], 'nobody watches or hears themselves')
  const before = cast(room, { places: { audio: 2, video: 2 } })
  ann[Symbol.dispose]()
  const after = cast(room, { places: { audio: 2, video: 2 } }, before)
  assert.deepEqual(after.audio.map(part => part?.owner), [undefined, ben], 'who stays keeps the place')
})

test('of more voices than places the speaking are heard, in the place of who is silent longest', () => {
  const room = new Room('hall')
  using _following = room.speakers.follow(() => {})
  const tracks = new Map(['ann', 'ben', 'cyd', 'dan'].map(identity => [identity, room.join({ identity, source: 'test' }).publish({ name: 'opus', kind: 'audio', clockRate: 48_000 })]))
  let now = 0
  const speak = (names: readonly string[], ms: number): void => {
    for (const end = now + ms; now < end; now += 20) for (const [name, track] of tracks) track.hear(names.includes(name) ? 25 : 127, now)
  }
  let scene: Scene | undefined
  const heard = () => {
    scene = cast(room, { places: { audio: 2, video: 0 } }, scene)
    return scene.audio.map(part => part?.owner.info.identity)
  }
  speak([], 2000)
  assert.deepEqual(heard(), ['ann', 'ben'])
  speak(['ann'], 1000)
  assert.deepEqual(heard(), ['ann', 'ben'])
  speak(['ann', 'cyd'], 300)
  assert.deepEqual(heard(), ['ann', 'cyd'], 'ben never spoke')
  speak(['ann', 'cyd', 'dan'], 3000)
  assert.deepEqual(heard(), ['ann', 'cyd'], 'a speaker makes room for nobody')
  speak(['cyd'], 800)
  speak(['cyd', 'dan'], 400)
  assert.deepEqual(heard(), ['dan', 'cyd'])
  speak([], 5000)
  assert.deepEqual(heard(), ['dan', 'cyd'], 'silence changes nothing')
})
