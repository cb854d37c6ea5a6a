import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { clipOf } from '../../src/dev/clip.ts'
import { parseFlv } from '../../src/dev/flv-file.ts'
import { replay } from '../../src/dev/replay.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { ClientConnection } from '../../src/protocols/rtmp/client-connection.ts'
import { parseRtmpUrl } from '../../src/protocols/rtmp/url.ts'
import { launchBrowser } from '../../test/support/browser.ts'
import { testClip } from '../../test/support/ffmpeg.ts'
import { BENCH_API_KEY, type ServicePeer } from '../peers/service.ts'

const WATCHED_MS = 30_000
/** The browser's jitter buffer finds its size in the first seconds. */
const SETTLED_FLASHES = 5
const FPS = 30

/** Watches a WHEP endpoint and notes when each flash is on the screen: ms since 1970, by the clock of this machine. Runs in the page. */
const watch = `async ({ room, key, ms }) => {
  const connection = new RTCPeerConnection()
  connection.addTransceiver('video', { direction: 'recvonly' })
  connection.addTransceiver('audio', { direction: 'recvonly' })
  const video = document.createElement('video')
  video.muted = true
  video.autoplay = true
  const stream = new MediaStream()
  connection.ontrack = ({ track }) => { stream.addTrack(track); video.srcObject = stream; video.play() }
  await connection.setLocalDescription()
  await new Promise(resolve => { connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve(); setTimeout(resolve, 2000) })
  const answer = await fetch('/whep/' + room, { method: 'POST', headers: { 'content-type': 'application/sdp', 'X-AuraLink-API-Key': key }, body: connection.localDescription.sdp })
  if (answer.status !== 201) throw new Error('WHEP: ' + answer.status + ' ' + await answer.text())
  await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
  const canvas = new OffscreenCanvas(8, 8)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const flashes = []
  let white = false
  const look = (now, { expectedDisplayTime }) => {
    context.drawImage(video, 0, 0, 8, 8)
    const pixels = context.getImageData(0, 0, 8, 8).data
    const bright = pixels.reduce((sum, value) => sum + value, 0) / pixels.length > 180
    if (bright && !white) flashes.push(performance.timeOrigin + expectedDisplayTime)
    white = bright
    video.requestVideoFrameCallback(look)
  }
  video.requestVideoFrameCallback(look)
  await new Promise(resolve => setTimeout(resolve, ms))
  connection.close()
  return flashes
}`

/** @returns for each flash of a published clip, milliseconds from its being sent to its being shown; nothing without a browser */
export async function glassToGlass (service: ServicePeer): Promise<number[]> {
  await using browser = await launchBrowser()
  if (!browser) return []
  const controller = new AbortController()
  const { url, streamKey, room } = await service.destination()
  const { host, port, app, tcUrl } = parseRtmpUrl(url, streamKey)
  await using connection = await ClientConnection.publish(connect({ host, port, noDelay: true }), { app, tcUrl, streamKey, clock, signal: controller.signal, withinMs: 10_000 })
  const sent: number[] = []
  let pictures = 0
  const target = {
    audio: (body: Buffer, timestamp: number) => connection.audio(body, timestamp),
    video (body: Buffer, timestamp: number) {
      if (body[1] === 1 && pictures++ % FPS === 0) sent.push(performance.timeOrigin + performance.now()) // The clip is white at each full second.
      connection.video(body, timestamp)
    }
  }
  const replaying = replay(clipOf(parseFlv(await readFile(await testClip(20)))), target, { clock, signal: controller.signal })
  await sleep(1_000)
  const page = await browser.newPage()
  await page.goto(`${service.url}/health`)
  const shown = await page.evaluate(`(${watch})(${JSON.stringify({ room, key: BENCH_API_KEY, ms: WATCHED_MS })})`) as number[]
  controller.abort()
  await replaying
  return shown.slice(SETTLED_FLASHES).flatMap(at => {
    const since = sent.filter(moment => moment <= at).at(-1)
    return since === undefined ? [] : [at - since]
  })
}
