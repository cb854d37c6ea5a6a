// Clients that speak what telephones speak, G.711 and G.722: to and from browsers with Opus, and into a recording.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { after, before } from 'node:test'
import type { Page } from 'playwright-core'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { analyse, soundOffsets } from '../support/content.ts'
import { missing } from '../support/peers.ts'
import { type Service, startService, waitUntil } from '../support/service.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'

const WATCH_MS = 7000
const SETTLED_MS = 2000
/** The page that beeps does so by a timer and the buffers of a sound device. */
const MAX_LATE_MS = 600
const MAX_OFFSET_MS = 400

const rows = [
  { published: 'PCMA', viewed: 'PCMU', transcoded: true, recorded: true },
  { published: 'PCMU', viewed: 'PCMU', transcoded: false, recorded: false },
  { published: 'G722', viewed: 'opus', transcoded: true, recorded: true },
  { published: 'opus', viewed: 'G722', transcoded: true, recorded: false }
]

let browser: TestBrowser | undefined
before(async () => { browser = await launchBrowser() })
after(() => browser?.[Symbol.asyncDispose]())

async function openPage (service: Service): Promise<Page> {
  const page = await browser!.newPage()
  await page.route(`${service.url}/viewer`, route => route.fulfill({ contentType: 'text/html', body: viewerPage }))
  await page.setExtraHTTPHeaders({ 'X-AuraLink-API-Key': service.apiKey })
  await page.goto(`${service.url}/viewer`)
  return page
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

test('G.711 and G.722 in and out: every beep at its time', { skip: missing('ffmpeg'), timeout: 180_000 }, async t => {
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  await using service = await startService()
  for (const { published, viewed, transcoded, recorded } of rows) {
    await t.test(`${published} to ${viewed}${recorded ? ', recorded' : ''}`, async t => {
      const room = `${published}-${viewed}`.toLowerCase()
      const [camera, screen] = [await openPage(service), await openPage(service)]
      await camera.evaluate(`publish('/whip/${room}?identity=ann', 'H264', undefined, '${published}')`)
      const recording = recorded ? await service.call('POST', '/api/v1/recordings', { room }) : undefined
      await screen.evaluate(`watch('/whep/${room}', ['audio', 'video'], '${viewed}')`)
      await sleep(WATCH_MS)
      const seen = await screen.evaluate('seen()') as Seen
      const sessions = (await service.call('GET', `/api/v1/sessions?state=active`)).items.filter((session: any) => session.room === room)
      const detailOf = (type: string) => sessions.find((session: any) => session.type === type).stats.detail.audio
      assert.equal(detailOf('whip').codec, published)
      const viewing = [detailOf('whep')].flat()[0]
      assert.deepEqual([viewing.codec, viewing.transcoded], [viewed, transcoded])

      const beeps = seen.beeps.filter(time => time > seen.answeredAt + SETTLED_MS)
      const late = beeps.map(time => time % 1000)
      t.diagnostic(`${beeps.length} beeps, ${median(late)} ms after the second`)
      assert.ok(Math.abs(beeps.length - (WATCH_MS - SETTLED_MS) / 1000) <= 1, `beeps at ${beeps.join(' ')}`)
      assert.ok(late.every(ms => ms < MAX_LATE_MS), `late by ${late.join(' ')} ms`)
      for (const page of [screen, camera]) { await page.evaluate('leave()'); await page.close() }
      if (recording) await checkRecording(t, service, recording.id)
    })
  }
})

async function checkRecording (t: { diagnostic (text: string): void }, service: Service, id: string): Promise<void> {
  await service.call('POST', `/api/v1/recordings/${id}/stop`)
  await waitUntil('the recording is finished', 20_000, async () => (await service.call('GET', `/api/v1/recordings/${id}`)).state === 'completed')
  const info = await service.call('GET', `/api/v1/recordings/${id}`)
  assert.deepEqual(info.parts[0].tracks.map(({ codec }: { codec: string }) => codec).sort(), ['H264', 'opus'])
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-telephone-'))
  await using _cleanup = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const file = path.join(folder, 'room.mp4')
  const answer = await fetch(`${service.url}/api/v1/recordings/${id}/file`, { headers: { 'X-AuraLink-API-Key': service.apiKey } })
  await writeFile(file, Buffer.from(await answer.arrayBuffer()))
  const content = await analyse(file)
  const offsets = soundOffsets(content).map(seconds => Math.round(seconds * 1000))
  t.diagnostic(`recorded ${content.durationS.toFixed(1)} s, ${content.beeps.length} beeps, ${offsets.join(' ')} ms after their flashes`)
  assert.ok(content.beeps.length >= Math.floor(content.durationS) - 2, `${content.beeps.length} beeps in ${content.durationS} s`)
  assert.ok(offsets.length > 0 && Math.abs(median(offsets)) < MAX_OFFSET_MS, `offsets ${offsets.join(' ')}`)
}
