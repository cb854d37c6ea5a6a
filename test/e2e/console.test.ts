// The console as a person uses it: a real browser, a real encoder, the real service.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { before } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { build } from 'vite'
import { type Door, doorOf, ffmpegLine, gstreamerLine } from '../../console/src/encoder-settings.ts'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { ffmpeg, ffprobe, Program, publishTestStream } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { type Service, startService, waitUntil } from '../support/service.ts'

const RECORD_MS = 6_000
const APPEARS_MS = 20_000

before(async () => { await build({ root: path.resolve('console'), configFile: path.resolve('console/vite.config.ts'), logLevel: 'error' }) })

async function withBrowser (t: { skip (why: string): void }, use: (browser: TestBrowser) => Promise<void>): Promise<void> {
  await using browser = await launchBrowser()
  if (browser) return await use(browser) // Not without await: the browser would close first.
  assert.ok(!process.env.CI, 'no Chromium to test with')
  t.skip('needs chromium: apt-get install chromium')
}

/** Everything the page complains about: an error, or something its own content policy forbids. */
function complaints (page: Page): string[] {
  const said: string[] = []
  page.on('pageerror', error => said.push(String(error)))
  page.on('console', message => { if (message.type() === 'error' && !/401 \(Unauthorized\)/.test(message.text())) said.push(message.text()) })
  return said
}

/** How far a `<video>` has played, in seconds. */
const playedTo = (video: Locator): Promise<number> => video.evaluate(element => (element as unknown as { currentTime: number }).currentTime)

async function logIn (page: Page, service: Service): Promise<void> {
  await page.goto(service.url)
  await page.getByLabel('Admin API key').fill('not-the-key')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor()
  await page.getByLabel('Admin API key').fill(service.apiKey)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Live' }).waitFor()
}

async function seeThePicture (page: Page, room: string): Promise<void> {
  const card = page.getByRole('article', { name: `Room ${room}` })
  await card.waitFor({ timeout: APPEARS_MS })
  await card.getByText(/first frame/).waitFor({ timeout: APPEARS_MS })
  const video = card.locator('video')
  const before = await playedTo(video)
  await waitUntil('the picture moves', APPEARS_MS, async () => await playedTo(video) > before + 1)
  assert.deepEqual(await video.evaluate((v: any) => [v.videoWidth, v.videoHeight]), [1280, 720])
  await card.getByText(/H\.264/).waitFor()
  await card.getByText(/[\d.]+ Mbit\/s/).first().waitFor()
  await card.getByRole('button', { name: /Enlarge/ }).click()
  await waitUntil('the picture fills the window', APPEARS_MS, async () => (await video.boundingBox())!.width > 1000)
  await page.keyboard.press('Escape')
  await waitUntil('the picture is small again', APPEARS_MS, async () => (await video.boundingBox())!.width < 1000)
}

async function record (page: Page, room: string): Promise<void> {
  const card = page.getByRole('article', { name: `Room ${room}` })
  await card.getByRole('button', { name: 'Record', exact: true }).click()
  await card.getByRole('button', { name: 'Stop' }).waitFor({ timeout: APPEARS_MS })
  await page.waitForTimeout(RECORD_MS)
  await card.getByText(/[\d.]+ MB/).waitFor()
  await card.getByRole('button', { name: 'Stop' }).click()
  await page.locator('#recordings').getByText('Complete').waitFor({ timeout: APPEARS_MS })
}

/** Saves the recording as a person would. @returns the file. */
async function download (page: Page, folder: string): Promise<string> {
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /Download the recording/ }).click()])
  assert.match(saved.suggestedFilename(), /\.mp4$/)
  const file = path.join(folder, 'recording.mp4')
  await saved.saveAs(file)
  return file
}

async function checkFile (file: string): Promise<void> {
  const { streams, format } = JSON.parse(await ffprobe('-show_entries', 'stream=codec_name:format=duration', '-of', 'json', file).succeeded()) as
    { streams: { codec_name: string }[], format: { duration: string } }
  assert.deepEqual(streams.map(s => s.codec_name).sort(), ['aac', 'h264'])
  assert.ok(Number(format.duration) >= RECORD_MS / 1000 - 1, `${format.duration} s`)
  await ffmpeg('-xerror', '-i', file, '-f', 'null', '-').succeeded()
}

async function playInThePage (page: Page): Promise<void> {
  await page.getByRole('button', { name: /Play the recording/ }).click()
  const video = page.getByLabel(/^Recording of/)
  await waitUntil('the recording plays', APPEARS_MS, async () => await playedTo(video) > 1)
  await video.evaluate((v: any) => { v.currentTime = 4 })
  await waitUntil('it plays from where it was sought', APPEARS_MS, async () => await playedTo(video) > 4.2)
}

test('log in, see the stream, record it, download it, play it, delete it, log out', { skip: missing('ffmpeg'), timeout: 240_000 }, t => withBrowser(t, async browser => {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-console-'))
  await using service = await startService()
  await using page = await browser.newPage()
  const said = complaints(page)
  try {
    await logIn(page, service)
    const ingress = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'studio', name: 'Camera' })
    await using publisher = await publishTestStream({ url: `${ingress.url}/${ingress.streamKey}` })
    await seeThePicture(page, 'studio')
    await record(page, 'studio')
    await checkFile(await download(page, folder))
    await playInThePage(page)
    await publisher.stop()
    await page.getByRole('article', { name: 'Room studio' }).waitFor({ state: 'detached', timeout: APPEARS_MS })
    await page.getByRole('button', { name: /Delete the recording/ }).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('No recordings yet').waitFor({ timeout: APPEARS_MS })
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Admin API key').waitFor()
    assert.deepEqual(said, [])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}))

test('the link of the first start logs in once, and leaves no token behind', { timeout: 120_000 }, t => withBrowser(t, async browser => {
  await using service = await startService({ env: { AURALINK_ADMIN_API_KEY: '' } })
  await waitUntil('the greeting', APPEARS_MS, () => /\?login=/.test(service.output()))
  const token = /\?login=([\w-]+)/.exec(service.output())![1]!
  await using page = await browser.newPage()
  await page.goto(`${service.url}/?login=${token}`)
  await page.getByText('Nothing is live yet').waitFor({ timeout: APPEARS_MS })
  assert.equal(page.url(), `${service.url}/`)
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.goto(`${service.url}/?login=${token}`)
  await page.getByText(/already used/).waitFor()
  await page.getByLabel('Admin API key').waitFor()
  assert.equal(page.url(), `${service.url}/`)
}))

const lines: readonly [program: string, line: (door: Door) => string][] = [['ffmpeg', door => ffmpegLine(door, 'test')], ['gst-launch-1.0', gstreamerLine]]
for (const [program, line] of lines) {
  test(`the ${program} line of the console runs as it is`, { skip: missing(program), timeout: 120_000 }, async () => {
    await using service = await startService()
    const ingress = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'line' })
    await using publisher = new Program('sh', ['-c', `exec ${line(doorOf(ingress.url, ingress.streamKey))}`])
    let tracks: { kind: string, codec: string, bytes: number }[] = []
    await waitUntil(`${program} sends picture and sound`, 60_000, async () => {
      const { items } = await service.call('GET', '/api/v1/conferences/line/participants').catch(() => ({ items: [] }))
      tracks = items[0]?.tracks ?? []
      return tracks.length === 2 && tracks.every(track => track.bytes > 10_000)
    }, 200).catch(error => { throw new Error(`${error}\n${publisher.stderr}`) })
    assert.deepEqual(tracks.map(({ codec }) => codec).sort(), ['AAC', 'H264'])
    const { items: [session] } = await service.call('GET', '/api/v1/sessions?type=rtmp')
    assert.deepEqual(session.stats.advice, [], 'nothing to advise to who does as advised')
  })
}
