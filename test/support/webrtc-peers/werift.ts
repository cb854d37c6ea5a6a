import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MediaStreamTrack, RTCPeerConnection, type RTCRtpCodecParameters, useAV1, useH264, useOPUS, usePCMA, usePCMU, useVP8, useVP9 } from 'werift'
import { MediaRecorder } from 'werift/nonstandard'
import type { CodecName } from '../../../src/media/codec.ts'
import { analyse } from '../content.ts'
import { ffmpeg, testClip } from '../ffmpeg.ts'
import { until } from '../until.ts'
import type { Codecs, Publish, Watch } from './peer.ts'

const FPS = 30
/** The recorder begins when it knows from sender reports which sound belongs to which picture. */
const LEAD_S = 2
const codecParameters: Partial<Record<CodecName, () => RTCRtpCodecParameters>> = { H264: useH264, VP8: useVP8, VP9: useVP9, AV1: useAV1, opus: useOPUS, PCMU: usePCMU, PCMA: usePCMA }
/** It answers no request for a keyframe: there is one each second. */
const encoders: Partial<Record<CodecName, string[]>> = {
  H264: ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-x264-params', 'sliced-threads=0', '-bsf:v', 'dump_extra=freq=keyframe'],
  VP8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
  VP9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0', '-strict', 'experimental'],
  opus: ['-c:a', 'libopus', '-application', 'lowdelay'],
  PCMU: ['-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1'],
  PCMA: ['-c:a', 'pcm_alaw', '-ar', '8000', '-ac', '1']
}

function connection ({ video, audio }: Codecs): RTCPeerConnection {
  return new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle', codecs: { video: [codecParameters[video]!()], audio: [codecParameters[audio]!()] } })
}

/** Offers, and takes the answer of the endpoint. @returns ends the session */
async function negotiate (peer: RTCPeerConnection, url: string): Promise<() => Promise<void>> {
  await peer.setLocalDescription(await peer.createOffer())
  if (peer.iceGatheringState !== 'complete') await peer.iceGatheringStateChange.watch(state => state === 'complete')
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription!.sdp })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  await peer.setRemoteDescription({ type: 'answer', sdp: answer })
  await until('connected', () => peer.connectionState === 'connected')
  return async () => { assert.equal((await fetch(new URL(response.headers.get('location')!, url), { method: 'DELETE' })).status, 200) }
}

/** RTP that comes to a port of its own goes into a track. */
async function feed (track: MediaStreamTrack): Promise<{ socket: Socket, port: number }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.on('message', bytes => { if (bytes[1]! < 192 || bytes[1]! > 223) track.writeRtp(bytes) }) // RTCP is werift's own.
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { socket, port: socket.address().port }
}

/** werift sends what ffmpeg encodes and packetizes. H264, VP8, VP9; opus, PCMU, PCMA. */
export const publish: Publish = async (url, codecs) => {
  await using stack = new AsyncDisposableStack()
  const peer = connection(codecs)
  stack.defer(() => peer.close())
  const outputs: string[] = []
  for (const kind of ['video', 'audio'] as const) {
    const track = new MediaStreamTrack({ kind })
    peer.addTransceiver(track, { direction: 'sendonly' })
    const { socket, port } = await feed(track)
    stack.defer(() => { socket.close() })
    outputs.push('-map', `0:${kind[0]}`, ...encoders[codecs[kind]]!, ...kind === 'video' ? ['-g', String(FPS), '-b:v', '400k'] : [], '-f', 'rtp', `rtp://127.0.0.1:${port}?pkt_size=1200`)
  }
  const leave = await negotiate(peer, url)
  const clip = await testClip(60, { size: '320x180', bitrate: 300_000 })
  stack.use(ffmpeg('-re', '-i', clip, ...outputs))
  const owned = stack.move()
  return { leave, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** werift depacketizes, brings sound and picture together, and writes a WebM file; ffmpeg decodes that. VP8, VP9, AV1; opus. */
export const watch: Watch = async (url, codecs) => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-werift-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const peer = connection(codecs)
  stack.defer(() => peer.close())
  const file = path.join(folder, 'watched.webm')
  const recorder = new MediaRecorder({ path: file, numOfTracks: 2 })
  let pictures = 0
  peer.onTrack.subscribe(track => {
    void recorder.addTrack(track)
    if (track.kind === 'video') track.onReceiveRtp.subscribe(({ header: { marker } }) => { if (marker) pictures++ })
  })
  peer.addTransceiver('audio', { direction: 'recvonly' })
  peer.addTransceiver('video', { direction: 'recvonly' })
  const leave = await negotiate(peer, url)
  const owned = stack.move()
  return {
    watchedS: async () => pictures / FPS - LEAD_S,
    async leave () {
      await recorder.stop()
      await leave()
      return await analyse(file)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}
