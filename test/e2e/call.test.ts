// A call as people have it: two browsers with cameras and microphones in one room, and an encoder beside them.
import assert from 'node:assert/strict'
import path from 'node:path'
import test, { before } from 'node:test'
import type { Page } from 'playwright-core'
import { build } from 'vite'
import { launchBrowser } from '../support/browser.ts'
import { publishTestStream } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { type Service, startService, waitUntil } from '../support/service.ts'

const APPEARS_MS = 30_000
/** Longer than a voice is shown after its end. */
const SILENCE_MS = 3_000

before(async () => { await build({ root: path.resolve('console'), configFile: path.resolve('console/vite.config.ts'), logLevel: 'error' }) })

/**
 * Everything the page complains about: an error, or something its own content policy forbids. A 409 is none: somebody who has
 * just come is asked for before the first picture, and asked again.
 */
function complaints (page: Page): string[] {
  const said: string[] = []
  page.on('pageerror', error => said.push(String(error)))
  page.on('console', message => { if (message.type() === 'error' && !/409 \(Conflict\)/.test(message.text())) said.push(message.text()) })
  return said
}

async function join (page: Page, link: string, name: string): Promise<void> {
  await page.goto(link)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Join' }).click()
  await page.getByRole('listitem', { name: /^You/ }).waitFor({ timeout: APPEARS_MS })
}

const tile = (page: Page, name: string) => page.getByRole('listitem', { name: new RegExp(`^${name}(, speaking)?$`) })

async function seesMoving (page: Page, name: string): Promise<void> {
  const video = tile(page, name).locator('video')
  await video.waitFor({ timeout: APPEARS_MS })
  const frames = (): Promise<number> => video.evaluate((element: any) => element.getVideoPlaybackQuality().totalVideoFrames)
  const first = await frames()
  await waitUntil(`the picture of ${name} moves`, APPEARS_MS, async () => await frames() > first + 10, 200)
}

const hears = (page: Page, name: string) => tile(page, name).and(page.locator('.tile-speaking')).waitFor({ timeout: APPEARS_MS })

const sessions = async (service: Service): Promise<string[]> =>
  (await service.call('GET', '/api/v1/sessions')).items.map((session: { type: string }) => session.type).sort()

test('two people in a call see and hear each other, and an encoder', { skip: missing('ffmpeg'), timeout: 240_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'no Chromium to test with'); t.skip('needs chromium: apt-get install chromium'); return }
  await using service = await startService()
  const { token } = await service.call('POST', '/api/v1/tokens', { scopes: ['publish', 'view'], room: 'hall' })
  const link = `${service.url}/call/hall#token=${token}`
  const [ann, ben] = [await browser.newPage(), await browser.newPage()]
  const said = [ann, ben].map(complaints)

  await join(ann, link, 'Ann')
  assert.equal(ann.url(), `${service.url}/call/hall`, 'the token is not left in the address bar')
  await join(ben, link, 'Ben')
  await Promise.all([seesMoving(ann, 'Ben'), seesMoving(ben, 'Ann')])
  await Promise.all([hears(ann, 'Ben'), hears(ben, 'Ann')])
  assert.deepEqual(await sessions(service), ['whep', 'whep', 'whip', 'whip'])

  await ben.getByRole('button', { name: 'Mute the microphone' }).click()
  await ben.getByRole('button', { name: 'Unmute the microphone' }).waitFor()
  await waitUntil('Ben is silent', APPEARS_MS, async () => {
    if (await tile(ann, 'Ben').and(ann.locator('.tile-speaking')).count() > 0) return false
    await ann.waitForTimeout(SILENCE_MS)
    return await tile(ann, 'Ben').and(ann.locator('.tile-speaking')).count() === 0
  })
  await ben.getByRole('button', { name: 'Turn the camera off' }).click()
  await seesMoving(ann, 'Ben') // His name instead, as a picture.
  await ben.getByRole('button', { name: 'Turn the camera on' }).click()
  await ben.getByRole('button', { name: 'Unmute the microphone' }).click()
  await hears(ann, 'Ben')

  await ben.getByRole('button', { name: 'Share a screen' }).click()
  await tile(ann, 'Ben’s screen').waitFor({ timeout: APPEARS_MS })
  await ben.getByRole('button', { name: 'Stop sharing the screen' }).click()
  await tile(ann, 'Ben’s screen').waitFor({ state: 'detached', timeout: APPEARS_MS })

  await ann.getByRole('button', { name: 'Inspect the connections' }).click()
  const from = ann.getByRole('region', { name: 'From Ben' })
  await from.getByText(/bit\/s/).waitFor({ timeout: APPEARS_MS })
  await from.getByText(/\d+ × \d+/).waitFor({ timeout: APPEARS_MS })

  const ingress = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: 'hall', identity: 'camera', name: 'Camera' })
  await using publisher = await publishTestStream({ url: `${ingress.url}/${ingress.streamKey}` })
  await seesMoving(ann, 'Camera')
  await publisher.stop()
  await tile(ann, 'Camera').waitFor({ state: 'detached', timeout: APPEARS_MS })

  await ben.getByRole('button', { name: 'Leave' }).click()
  await ben.getByText('You have left').waitFor()
  await tile(ann, 'Ben').waitFor({ state: 'detached', timeout: APPEARS_MS })
  await ann.close({ runBeforeUnload: true })
  await waitUntil('everything is given back', APPEARS_MS, async () => (await sessions(service)).length === 0, 200)
  assert.deepEqual(said.flat(), [])
})

test('without an invitation nobody gets in, and is told so', { timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'no Chromium to test with'); t.skip('needs chromium: apt-get install chromium'); return }
  await using service = await startService()
  const page = await browser.newPage()
  await page.goto(`${service.url}/call/hall`)
  await page.getByText('You need an invitation').waitFor({ timeout: APPEARS_MS })
  const { token } = await service.call('POST', '/api/v1/tokens', { scopes: ['publish', 'view'], room: 'other' })
  const stranger = await browser.newPage()
  await stranger.goto(`${service.url}/call/hall#token=${token}`)
  await stranger.getByText('This invitation is for another room').waitFor({ timeout: APPEARS_MS })
})

test('from the console: a call is opened, and somebody invited to it', { timeout: 120_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'no Chromium to test with'); t.skip('needs chromium: apt-get install chromium'); return }
  await using service = await startService()
  const console = await browser.newPage()
  await console.goto(service.url)
  await console.getByLabel('Admin API key').fill(service.apiKey)
  await console.getByRole('button', { name: 'Log in' }).click()
  await console.getByLabel('Room of the call').fill('studio')
  const [call] = await Promise.all([console.context().waitForEvent('page'), console.getByRole('button', { name: 'Call' }).click()])
  await call.getByLabel('Your name').fill('Host')
  await call.getByLabel('Camera').uncheck()
  await call.getByRole('button', { name: 'Join' }).click()
  await call.getByText('Nobody else is here yet').waitFor({ timeout: APPEARS_MS })
  await console.getByRole('button', { name: 'Invite somebody to studio' }).click({ timeout: APPEARS_MS })
  const link = await console.getByText(/#token=/).textContent()

  const elsewhere = await browser.browser.newContext({ locale: 'en-US' }) // No cookie of the console there.
  const guest = await elsewhere.newPage()
  await join(guest, link!, 'Guest')
  await tile(guest, 'Host').waitFor({ timeout: APPEARS_MS })
  await seesMoving(guest, 'Host')
  await tile(call, 'Guest').waitFor({ timeout: APPEARS_MS })
})
