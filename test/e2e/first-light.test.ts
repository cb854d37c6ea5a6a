// The spine of the product in one go: a real encoder streams in, a real browser watches, the recording is the truth.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { analyse, soundOffsets } from '../support/content.ts'
import { ffmpeg, ffprobe, publishTestStream } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { type Service, startService, waitUntil } from '../support/service.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'

const PUBLISH_S = 24
const WATCH_MS = 20_000
/** From here on every flash and every beep counts: joining is over. */
const SETTLED_MS = 3_000
const SHARE = 0.99
const MAX_OFFSET_MS = 100
/** Over 12 s: a delay that grows is a delay of seconds in an hour; a busy machine shows a frame late now and then. */
const MAX_DRIFT_MS = 250

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
const missed = (seen: number, due: number): boolean => seen < Math.floor(due * SHARE) // The window's edges may cost one or gain one.

test('ffmpeg publishes, Chromium watches, the recording holds it all', { skip: missing('ffmpeg'), timeout: 240_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-light-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await using service = await startService()
  const ingress = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'hall' })
  const recording = await service.call('POST', '/api/v1/recordings', { room: 'hall' })
  assert.equal(recording.state, 'starting', 'a recording may be there before its publisher')
  await using publisher = await publishTestStream({ url: `${ingress.url}/${ingress.streamKey}`, seconds: PUBLISH_S, gopSeconds: 2 })
  await waitUntil('the publisher is live', 20_000, async () =>
    (await service.call('GET', '/api/v1/sessions?state=active')).items.some((session: any) => session.type === 'rtmp'))

  await sleep(1200) // Between two keyframes.
  const seen = await watch(browser, service)
  t.diagnostic(`first frame ${Math.round(seen.firstFrameMs!)} ms after the answer, ${seen.frames} frames, ${seen.flashes.length} flashes, ${seen.beeps.length} beeps`)
  checkViewer(seen)

  assert.equal(await publisher.done, 0)
  await waitUntil('the recording is finished', 20_000, async () => (await service.call('GET', `/api/v1/recordings/${recording.id}`)).state === 'completed')
  const info = await service.call('GET', `/api/v1/recordings/${recording.id}`)
  assert.deepEqual([info.partial, info.parts.length], [false, 1])
  const file = path.join(folder, 'hall.mp4')
  await download(service, recording.id, file)
  await checkRecording(t, file, info.durationMs)
  assert.equal(await service.stop('SIGTERM'), 0)
})

async function watch (browser: TestBrowser, service: Service): Promise<Seen> {
  const page = await browser.newPage()
  // The page comes from the test, at the service's own origin; requests carry the key, as a console's carry a token.
  await page.route(`${service.url}/viewer`, route => route.fulfill({ contentType: 'text/html', body: viewerPage }))
  await page.setExtraHTTPHeaders({ 'X-AuraLink-API-Key': service.apiKey })
  await page.goto(`${service.url}/viewer`)
  await page.evaluate(`watch('/whep/hall')`)
  await sleep(WATCH_MS)
  const seen = await page.evaluate('seen()') as Seen
  await page.evaluate('leave()')
  await page.close()
  return seen
}

function checkViewer (seen: Seen): void {
  assert.ok(seen.firstFrameMs! <= 1000, `the first frame came ${seen.firstFrameMs} ms after the answer`)
  const from = seen.answeredAt + SETTLED_MS
  const [flashes, beeps] = [seen.flashes, seen.beeps].map(times => times.filter(time => time > from))
  const due = (WATCH_MS - SETTLED_MS) / 1000
  assert.ok(!missed(flashes!.length, due), `${flashes!.length} of ${due} flashes`)
  assert.ok(!missed(beeps!.length, due), `${beeps!.length} of ${due} beeps`)
  const second = (time: number): number => time % 1000
  const offsets = flashes!.map(flash => beeps!.map(beep => beep - flash).reduce((a, b) => Math.abs(a) < Math.abs(b) ? a : b))
  assert.ok(Math.abs(median(offsets)) <= MAX_OFFSET_MS, `sound comes ${median(offsets)} ms after the picture`)
  const drift = median(flashes!.slice(-5).map((time, i) => time - flashes!.slice(0, 5)[i]! - (flashes!.length - 5) * 1000))
  assert.ok(Math.abs(drift) < MAX_DRIFT_MS, `the delay grew by ${drift} ms (flashes at ${flashes!.map(second).join(' ')})`)
}

async function download (service: Service, id: string, file: string): Promise<void> {
  const answer = await fetch(`${service.url}/api/v1/recordings/${id}/file`, { headers: { 'X-AuraLink-API-Key': service.apiKey } })
  assert.equal(answer.headers.get('content-type'), 'video/mp4')
  await writeFile(file, Buffer.from(await answer.arrayBuffer()))
}

async function checkRecording (t: { diagnostic (text: string): void }, file: string, durationMs: number): Promise<void> {
  const probe = await ffprobe('-v', 'warning', '-show_entries', 'format=duration:stream=codec_name', '-of', 'json', file)
  const { format, streams } = JSON.parse(await probe.succeeded())
  assert.equal(probe.stderr, '', 'ffprobe finds nothing to say about it')
  assert.deepEqual(streams.map((stream: any) => stream.codec_name).sort(), ['aac', 'h264'])
  await ffmpeg('-xerror', '-i', file, '-f', 'null', '-').succeeded()
  const content = await analyse(file)
  const offsets = soundOffsets(content).map(seconds => seconds * 1000)
  t.diagnostic(`recorded ${format.duration} s, ${content.frames} frames, ${content.flashes.length} flashes, ${content.beeps.length} beeps, ` +
    `sound after picture ${Math.min(...offsets).toFixed(0)} to ${Math.max(...offsets).toFixed(0)} ms`)
  assert.ok(Math.abs(format.duration - PUBLISH_S) <= 0.1, `${format.duration} s of ${PUBLISH_S} s`)
  assert.ok(Math.abs(format.duration * 1000 - durationMs) <= 100, `the service says ${durationMs} ms`)
  assert.equal(content.frames, PUBLISH_S * 30)
  assert.deepEqual([content.flashes.length, content.beeps.length], [PUBLISH_S, PUBLISH_S])
  assert.ok(offsets.every(offset => Math.abs(offset) <= MAX_OFFSET_MS), `offsets ${offsets}`)
}
