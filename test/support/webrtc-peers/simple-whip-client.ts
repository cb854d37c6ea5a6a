import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { CodecName } from '../../../src/media/codec.ts'
import { Program, testClip } from '../ffmpeg.ts'
import { until } from '../until.ts'
import type { Publish } from './peer.ts'

const CONNECTED_WITHIN_MS = 60_000
const encoders: Partial<Record<CodecName, string>> = {
  H264: 'x264enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=30 ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 pt=96',
  H265: 'x265enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=30 option-string=open-gop=0:pools=none:frame-threads=1 ! rtph265pay config-interval=-1 pt=96',
  VP8: 'vp8enc deadline=1 cpu-used=8 target-bitrate=400000 keyframe-max-dist=30 ! rtpvp8pay pt=96',
  opus: 'opusenc ! rtpopuspay pt=111'
}

/** Meetecho's WHIP client with a pipeline for the test clip. It trickles its candidates. H264, H265, VP8; opus. */
export const publish: Publish = async (url, { video, audio }) => {
  await using stack = new AsyncDisposableStack()
  const clip = await testClip(60, { size: '320x180', bitrate: 300_000 })
  // In real time, as a camera: what cannot be sent yet is dropped, not made up for later.
  const live = 'clocksync ! queue leaky=downstream max-size-time=200000000 max-size-buffers=0 max-size-bytes=0'
  const source = (kind: 'video' | 'audio', convert: string): string => `filesrc location=${clip} ! flvdemux name=${kind} ${kind}.${kind} ! queue ! decodebin ! ${live} ! ${convert}`
  const caps = (kind: 'video' | 'audio', codec: CodecName, payloadType: number): string => `application/x-rtp,media=${kind},encoding-name=${codec.toUpperCase()},payload=${payloadType}`
  const client = stack.use(new Program('whip-client', [
    '-u', url, '-o',
    '-V', `${source('video', 'videoconvert')} ! ${encoders[video]} ! queue ! ${caps('video', video, 96)}`,
    '-A', `${source('audio', 'audioconvert ! audioresample')} ! ${encoders[audio]} ! queue ! ${caps('audio', audio, 111)}`
  ], { LD_LIBRARY_PATH: await withoutUpnp(stack) }))
  await until('whip-client is connected', () => {
    assert.ok(client.running, `whip-client ended: ${client.stdout.slice(-2000)}${client.stderr.slice(-2000)}`)
    return client.stdout.includes('PeerConnection connected')
  }, CONNECTED_WITHIN_MS)
  const owned = stack.move()
  return {
    async leave () {
      await client.stop()
      assert.doesNotMatch(client.stdout + client.stderr, /\[ERR\]/)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}

/**
 * Debian 12 links whip-client with libsoup 2, and libnice by way of its UPnP library with libsoup 3, which ends every process that
 * has both. Without UPnP they get along.
 * @returns a folder to load libraries from
 */
async function withoutUpnp (stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-no-upnp-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  await new Program('tcc', ['-nostdlib', '-shared', '-o', path.join(folder, 'libgupnp-igd-1.0.so.4'), path.join(import.meta.dirname, 'no-upnp.c')]).succeeded()
  return folder
}
