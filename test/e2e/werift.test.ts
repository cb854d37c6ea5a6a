// Another implementation of WebRTC, in both roles: werift publishes by WHIP, werift watches by WHEP, every frame whole.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from 'werift'
import { FrameReader } from '../../src/media/frame-reader.ts'
import { RtpPacket } from '../../src/media/rtp-packet.ts'
import { encodedClip, encodedOpus, packetsOf } from '../support/encoded.ts'
import { missing } from '../support/peers.ts'
import { until } from '../support/until.ts'
import { type Edge, openEdge } from '../support/webrtc-edge.ts'

const SECONDS = 4
const FPS = 30

function connection (): RTCPeerConnection {
  return new RTCPeerConnection({
    iceServers: [],
    bundlePolicy: 'max-bundle',
    codecs: {
      audio: [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48_000, channels: 2, payloadType: 111 })],
      video: [new RTCRtpCodecParameters({
        mimeType: 'video/H264', clockRate: 90_000, payloadType: 102, parameters: 'packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1',
        rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }]
      })]
    }
  })
}

/** Offers, and takes the answer of the endpoint. @returns the session's URL */
async function negotiate (edge: Edge, peer: RTCPeerConnection, path: string): Promise<string> {
  await peer.setLocalDescription(await peer.createOffer())
  if (peer.iceGatheringState !== 'complete') await peer.iceGatheringStateChange.watch(state => state === 'complete')
  const response = await fetch(edge.url + path, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription!.sdp })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.setRemoteDescription({ type: 'answer', sdp: answer })
  await until('connected', () => peer.connectionState === 'connected')
  return response.headers.get('location')!
}

test('werift publishes, werift watches', { skip: missing('ffmpeg'), timeout: 60_000 }, async () => {
  const clip = await encodedClip(10, { size: '320x180', bitrate: 300_000 })
  const sound = await encodedOpus(10)
  await using edge = await openEdge()
  const [publisher, viewer] = [connection(), connection()]
  await using _closing = { async [Symbol.asyncDispose] () { await Promise.all([publisher.close(), viewer.close()]) } }

  const [voice, picture] = [new MediaStreamTrack({ kind: 'audio' }), new MediaStreamTrack({ kind: 'video' })]
  publisher.addTransceiver(voice, { direction: 'sendonly' })
  publisher.addTransceiver(picture, { direction: 'sendonly' })
  const published = await negotiate(edge, publisher, '/whip/hall?identity=ann')

  const pictures = packetsOf(clip.videoCodec, clip.video, { ssrc: 11 })
  const sounds = packetsOf(sound.audioCodec, sound.audio, { ssrc: 12 })
  let sent = 0
  async function play (seconds: number): Promise<void> {
    const start = performance.now() - sent / FPS * 1000
    for (const until = sent + seconds * FPS; sent < until; sent++) {
      for (const { bytes } of pictures[sent]!) picture.writeRtp(bytes)
      for (let i = Math.floor(sent * 50 / FPS); i < Math.floor((sent + 1) * 50 / FPS); i++) for (const { bytes } of sounds[i]!) voice.writeRtp(bytes)
      await sleep(Math.max(0, start + (sent + 1) * 1000 / FPS - performance.now()))
    }
  }
  await play(1)

  const seen = { frames: 0, keyframes: 0, sounds: 0 }
  const reader = new FrameReader(clip.videoCodec, { frame: ({ keyframe }) => { seen.frames++; if (keyframe) seen.keyframes++ } })
  viewer.onTrack.subscribe(track => track.onReceiveRtp.subscribe(packet => {
    if (track.kind === 'audio') seen.sounds++
    else reader.push(RtpPacket.parse(Buffer.from(packet.serialize())))
  }))
  viewer.addTransceiver('audio', { direction: 'recvonly' })
  viewer.addTransceiver('video', { direction: 'recvonly' })
  const [watching] = await Promise.all([negotiate(edge, viewer, '/whep/hall?participant=ann'), play(SECONDS)])
  await until('what is under way', () => seen.frames > FPS * (SECONDS - 2.5) && seen.sounds > 50 * (SECONDS - 1.5))
  assert.ok(seen.keyframes >= 1)
  for (const url of [watching, published]) assert.equal((await fetch(edge.url + url, { method: 'DELETE' })).status, 200)
  await until('nobody is left', () => edge.transports.transports === 0)
})
