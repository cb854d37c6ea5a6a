// Two services, connected by what their API is asked for: one pushes by WHIP, one pulls by WHEP, also after a restart.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { analyse } from '../support/content.ts'
import { ffmpeg, testClip } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { type Service, startService, waitUntil } from '../support/service.ts'

const CONNECTS_WITHIN_MS = 30_000
const RECORD_MS = 6000

/** What a room's participant shows, recorded. */
async function recorded (service: Service, room: string, participant: string, folder: string): ReturnType<typeof analyse> {
  const { id } = await service.call('POST', '/api/v1/recordings', { room, participant })
  await sleep(RECORD_MS)
  await service.call('POST', `/api/v1/recordings/${id}/stop`)
  await waitUntil('the file', CONNECTS_WITHIN_MS, async () => (await service.call('GET', `/api/v1/recordings/${id}`)).state === 'completed')
  const file = path.join(folder, `${id}.mp4`)
  const answer = await fetch(`${service.url}/api/v1/recordings/${id}/file`, { headers: { 'X-AuraLink-API-Key': service.apiKey } })
  await writeFile(file, Buffer.from(await answer.arrayBuffer()))
  return await analyse(file)
}

test('a stream by WHIP and an ingress by WHEP carry what is published, and are taken up again after a restart', { skip: missing('ffmpeg'), timeout: 180_000 }, async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-links-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const dataDir = path.join(folder, 'near')
  await using far = await startService({ env: { MEDIA_PUBLIC_IPS: '127.0.0.1' } })
  const outbound = { OUTBOUND_ALLOW_PRIVATE: '127.0.0.1', OUTBOUND_EXTRA_PORTS: new URL(far.url).port }
  const token = async (scope: string, identity?: string): Promise<string> => (await far.call('POST', '/api/v1/tokens', { scopes: [scope], room: 'stage', expiresIn: 3600, identity })).token

  async function encode (service: Service, room: string): Promise<AsyncDisposable> {
    const { url, streamKey } = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room, identity: 'camera' })
    return ffmpeg('-re', '-stream_loop', '-1', '-i', await testClip(10, { size: '320x180', bitrate: 300_000 }), '-c', 'copy', '-f', 'flv', `${url.replace(/localhost|127\.0\.0\.1/, '127.0.0.1')}/${streamKey}`)
  }

  await using _encoder = await encode(far, 'stage') // Who is pulled.
  let streamId = ''
  {
    await using near = await startService({ dataDir, env: outbound })
    await using other = await encode(near, 'hall') // Who is pushed.
    const stream = await near.call('POST', '/api/v1/streams', { room: 'hall', destinations: [{ url: `${far.url}/whip/stage`, token: await token('publish', 'guest') }] })
    streamId = stream.id
    const pulled = await near.call('POST', '/api/v1/ingresses', { protocol: 'whep', room: 'lobby', identity: 'far', url: `${far.url}/whep/stage?participant=camera`, token: await token('view') })
    const states = async (): Promise<(string | undefined)[]> => [
      (await near.call('GET', `/api/v1/streams/${stream.id}`)).destinations[0].link?.state, (await near.call('GET', `/api/v1/ingresses/${pulled.id}`)).link?.state
    ]
    await waitUntil('both connected', CONNECTS_WITHIN_MS, async () => (await states()).every(state => state === 'connected'))
    const [pushedContent, pulledContent] = await Promise.all([recorded(far, 'stage', 'guest', folder), recorded(near, 'lobby', 'far', folder)])
    for (const [what, { flashes, beeps }] of [['pushed', pushedContent], ['pulled', pulledContent]] as const) {
      t.diagnostic(`${what}: ${flashes.length} flashes, ${beeps.length} beeps in ${RECORD_MS / 1000} s`)
      assert.ok(flashes.length >= 4 && beeps.length >= 4, `${what}: ${flashes.length} flashes, ${beeps.length} beeps`)
    }
    const refused = await fetch(`${near.url}/api/v1/streams`, {
      method: 'POST', headers: { 'X-AuraLink-API-Key': near.apiKey, 'content-type': 'application/json' }, body: JSON.stringify({ room: 'hall', destinations: [{ url: 'http://10.0.0.1/whip' }] })
    })
    assert.deepEqual([refused.status, (await refused.json() as { code: string }).code], [400, 'destination_not_allowed'])
    await other[Symbol.asyncDispose]()
    assert.equal(await near.stop(), 0)
  }
  const there = async (): Promise<string[]> => (await far.call('GET', '/api/v1/conferences/stage/participants')).items.map(({ identity }: { identity: string }) => identity)
  await waitUntil('the guest has left', CONNECTS_WITHIN_MS, async () => !(await there()).includes('guest'))

  await using again = await startService({ dataDir, env: outbound })
  await using _other = await encode(again, 'hall')
  await waitUntil('the guest is back', CONNECTS_WITHIN_MS, async () => (await there()).includes('guest'))
  await waitUntil('what was pulled is back', CONNECTS_WITHIN_MS, async () => (await again.call('GET', '/api/v1/ingresses?room=lobby')).items[0].live)
  const content = await recorded(again, 'lobby', 'far', folder)
  assert.ok(content.flashes.length >= 4, `${content.flashes.length} flashes`)
  await again.call('DELETE', `/api/v1/streams/${streamId}`)
  await waitUntil('the guest has left for good', CONNECTS_WITHIN_MS, async () => !(await there()).includes('guest'))
})
