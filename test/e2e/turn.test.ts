// A network that lets nothing out but to a TURN server: a call goes through one, with credentials made for each answer.
import assert from 'node:assert/strict'
import path from 'node:path'
import test, { before } from 'node:test'
import type { Page } from 'playwright-core'
import { build } from 'vite'
import { launchBrowser } from '../support/browser.ts'
import { missing } from '../support/peers.ts'
import { startService, waitUntil } from '../support/service.ts'
import { startTurnServer } from '../support/turn-server.ts'

const APPEARS_MS = 30_000
const SECRET = 'shared-by-coturn-and-us'

before(async () => { await build({ root: path.resolve('console'), configFile: path.resolve('console/vite.config.ts'), logLevel: 'error' }) })

/** The browser uses relayed candidates alone, and keeps its connections to be asked about. */
const relayOnly = `{
  const Real = RTCPeerConnection
  window.connections = []
  window.RTCPeerConnection = class extends Real {
    constructor (configuration) { super({ ...configuration, iceTransportPolicy: 'relay' }); window.connections.push(this) }
  }
}`

/** The kinds of the page's own candidates that carry its connections. */
const carriers = (page: Page): Promise<string[]> => page.evaluate(`(async () => {
  const kinds = []
  for (const connection of connections) {
    const stats = await connection.getStats()
    for (const report of stats.values()) if (report.type === 'candidate-pair' && report.nominated) kinds.push(stats.get(report.localCandidateId).candidateType)
  }
  return kinds
})()`)

test('a call between browsers that reach nothing but TURN', { skip: missing('turnserver'), timeout: 240_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'no Chromium to test with'); t.skip('needs chromium: apt-get install chromium'); return }
  await using turn = await startTurnServer(SECRET)
  await using service = await startService({ env: { MEDIA_PUBLIC_IPS: '127.0.0.1', ICE_SERVERS: `[{ urls = ["${turn.url}"], secret = ${SECRET} }]` } })
  const { token } = await service.call('POST', '/api/v1/tokens', { scopes: ['publish', 'view'], room: 'hall' })
  const [ann, ben] = [await browser.newPage(), await browser.newPage()]
  for (const [page, name] of [[ann, 'Ann'], [ben, 'Ben']] as const) {
    await page.addInitScript(relayOnly)
    await page.goto(`${service.url}/call/hall#token=${token}`)
    await page.getByLabel('Your name').fill(name)
    await page.getByRole('button', { name: 'Join' }).click()
  }
  const tile = ann.getByRole('listitem', { name: /^Ben(, speaking)?$/ })
  const frames = (): Promise<number> => tile.locator('video').evaluate((element: any) => element.getVideoPlaybackQuality().totalVideoFrames)
  await tile.locator('video').waitFor({ timeout: APPEARS_MS })
  const first = await frames()
  await waitUntil('the picture of Ben moves', APPEARS_MS, async () => await frames() > first + 30, 200)
  await tile.and(ann.locator('.tile-speaking')).waitFor({ timeout: APPEARS_MS })

  for (const page of [ann, ben]) assert.deepEqual(new Set(await carriers(page)), new Set(['relay']))
  const { items } = await service.call('GET', '/api/v1/sessions')
  for (const { id } of items) assert.match(turn.output(), new RegExp(`<\\d+:${id}>`), 'each session has a name of its own at the TURN server')
  assert.ok(!service.output().includes(SECRET))
})

test('ICE servers are told in the answer to OPTIONS too, but only to those who may come in', { timeout: 60_000 }, async () => {
  await using service = await startService({ env: { ICE_SERVERS: '[{ urls = ["turn:turn.example.com"], secret = s }]', CORS_ALLOWED_ORIGINS: 'https://app.example' } })
  const { token } = await service.call('POST', '/api/v1/tokens', { scopes: ['publish'], room: 'hall' })
  const options = (where: string, headers: Record<string, string>): Promise<Response> => fetch(service.url + where, { method: 'OPTIONS', headers })
  const bearer = { authorization: `Bearer ${token}` }

  const told = await options('/whip/hall', { ...bearer, origin: 'https://app.example' })
  assert.equal(told.status, 204)
  assert.match(told.headers.get('link') ?? '', /^<turn:turn\.example\.com>; rel="ice-server"; username="\d+:whip"; credential="[\w+/]{27}="; credential-type="password"$/)
  assert.equal(told.headers.get('access-control-allow-origin'), 'https://app.example')
  assert.match(told.headers.get('access-control-expose-headers') ?? '', /\bLink\b/)
  assert.equal((await options('/whep/hall', bearer)).status, 403, 'may publish, not view')
  assert.equal((await options('/whip/other', bearer)).status, 403)
  const preflight = await options('/whip/hall', { 'origin': 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' })
  assert.deepEqual([preflight.status, preflight.headers.get('link'), preflight.headers.get('access-control-allow-headers')], [204, null, 'authorization,content-type'])
  const unnamed = await options('/whip/hall', {})
  assert.deepEqual([unnamed.status, unnamed.headers.get('link'), unnamed.headers.get('accept-post')], [204, null, 'application/sdp'])
})
