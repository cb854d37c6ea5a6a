import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { TestBrowser } from '../browser.ts'
import type { Seen } from '../viewer-page.ts'
import type { Publish, Watch } from './peer.ts'

/** A page of that browser in each role, which must be served at the root of the endpoint's server (`viewerPage`). H264, VP8, VP9, AV1; opus, PCMU, PCMA, G722. */
export function chromium (browser: TestBrowser): { readonly publish: Publish, readonly watch: Watch } {
  const open = async (url: string): Promise<Page> => {
    const page = await browser.newPage()
    await page.goto(new URL('/', url).href)
    return page
  }
  return {
    async publish (url, { video, audio }) {
      const page = await open(url)
      await page.evaluate(`publish('${url}', '${video}', undefined, '${audio}')`)
      return {
        allowedBitrate: async () => (await page.evaluate('sent()') as { available: number | null }).available,
        leave: () => leave(page),
        [Symbol.asyncDispose]: () => page.close()
      }
    },
    async watch (url, { audio }) {
      const page = await open(url)
      await page.evaluate(`watch('${url}', ['audio', 'video'], '${audio}')`)
      const seen = (): Promise<Seen> => page.evaluate('seen()') as Promise<Seen>
      return {
        async watchedS () {
          const { flashes } = await seen()
          return ((flashes.at(-1) ?? 0) - (flashes[0] ?? 0)) / 1000
        },
        async leave () {
          const { flashes, beeps, frames, firstFrameMs } = await seen()
          await leave(page)
          return { flashes: flashes.map(ms => ms / 1000), beeps: beeps.map(ms => ms / 1000), frames, firstFrameMs: firstFrameMs! }
        },
        [Symbol.asyncDispose]: () => page.close()
      }
    }
  }
}

async function leave (page: Page): Promise<void> { assert.equal(await page.evaluate('leave()'), 200) }
