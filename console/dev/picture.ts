// Takes the README's picture of the console, from the real service with its demo clip: `node console/dev/picture.ts`.
import { chromium } from 'playwright-core'
import { launchBrowser } from '../../test/support/browser.ts'
import { startService, waitUntil } from '../../test/support/service.ts'

const FILE = 'docs/images/console.png'
const RECORD_MS = 12_000
/** The demo's flash lasts a tenth of a second, at every full second: a picture taken in between shows the clock. */
const BETWEEN_FLASHES_MS = 500

await using service = await startService({ args: ['--demo'], env: { BRIDGE_ID: 'bridge-1', RTMP_INGEST_PORT: '1935' } })
await using launched = await launchBrowser()
const browser = launched?.browser ?? await chromium.launch()
const context = await browser.newContext({ locale: 'en-US', colorScheme: 'dark', viewport: { width: 1440, height: 940 } })
const page = await context.newPage()
await page.goto(service.url.replace('127.0.0.1', 'localhost'))
await page.getByLabel('Admin API key').fill(service.apiKey)
await page.getByRole('button', { name: 'Log in' }).click()
await page.getByText(/first frame/).waitFor()

const record = async (): Promise<void> => {
  await page.getByRole('button', { name: 'Record', exact: true }).click()
  await page.getByRole('button', { name: 'Stop' }).first().waitFor()
  await page.waitForTimeout(RECORD_MS)
}
await record()
await page.getByRole('button', { name: 'Stop' }).first().click()
await page.locator('#recordings').getByText('Complete').waitFor()
await record()
await page.getByRole('button', { name: 'Dismiss' }).last().click({ timeout: 1_000 }).catch(() => {}) // It may have gone by itself.
await page.mouse.move(0, 0)
await waitUntil('the clock is between two flashes', 5_000, () => page.locator('video').first()
  .evaluate((video, middle) => Math.abs((video as HTMLVideoElement).currentTime * 1000 % 1000 - middle) < 100, BETWEEN_FLASHES_MS), 10)
await page.screenshot({ path: FILE })
console.log(`${FILE} is taken`)
