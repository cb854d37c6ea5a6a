import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { controlUnderTest, restingLeg } from '../../../test/support/control.ts'
import { codec } from '../../media/codec.ts'
import { noStats } from '../../room/leg.ts'

const ended = { items: [], next: null }

test('conferences and participants are shown as they are, and end when told to', async () => {
  await using it = await controlUnderTest()
  await it.bridge.admit(restingLeg('rtmp', { identity: 'camera' }), { room: 'hall' })
  await it.bridge.admit(restingLeg('whep'), { room: 'hall' })
  const [conference] = (await it.ask('GET', '/api/v1/conferences')).json().items
  assert.deepEqual([conference.room, conference.state, conference.participantCount, conference.sessionCount], ['hall', 'active', 1, 2])
  assert.deepEqual((await it.ask('GET', '/api/v1/conferences/hall')).json(), conference, 'by name too')

  const track = it.bridge.room('hall')!.find('camera')!.publish(codec('AAC', { clockRate: 44_100, channels: 2 }))
  const [participant] = (await it.ask('GET', `/api/v1/conferences/${conference.id}/participants`)).json().items
  assert.deepEqual([participant.identity, participant.source, participant.tracks.length], ['camera', 'rtmp', 1])
  assert.deepEqual(participant.tracks[0], {
    id: track.id, kind: 'audio', codec: 'AAC', clockRate: 44_100, channels: 2, packets: 0, bytes: 0, bitrate: null, subscribers: 0
  })
  assert.ok(it.bridge.sessions.has(participant.sessionId))

  assert.equal((await it.ask('DELETE', `/api/v1/conferences/${conference.id}`)).statusCode, 204)
  assert.deepEqual((await it.ask('GET', '/api/v1/conferences')).json(), ended)
  assert.equal((await it.ask('DELETE', `/api/v1/conferences/${conference.id}`)).statusCode, 404)
})

test('a participant shown the door takes its session along; one from the conference server cannot be', async () => {
  await using it = await controlUnderTest()
  const session = await it.bridge.admit(restingLeg('whip', { identity: 'ann' }), { room: 'hall' })
  await it.bridge.admit(restingLeg('whep'), { room: 'hall' })
  const room = it.bridge.room('hall')!
  using _mirrored = room.join({ identity: 'bob', source: 'livekit' })
  assert.equal((await it.ask('DELETE', '/api/v1/conferences/hall/participants/bob')).statusCode, 409)
  assert.equal((await it.ask('DELETE', '/api/v1/conferences/hall/participants/nobody')).statusCode, 404)
  assert.equal((await it.ask('DELETE', '/api/v1/conferences/hall/participants/ann')).statusCode, 204)
  assert.deepEqual([session.state, session.describe().reason], ['ended', 'removed by an administrator'])
  assert.equal(room.find('ann'), undefined)
})

test('sessions can be filtered, paged, looked up and ended', async () => {
  await using it = await controlUnderTest()
  for (const [kind, room] of [['rtmp', 'a'], ['whep', 'a'], ['whep', 'b']] as const) {
    await it.bridge.admit(restingLeg(kind), { room, remoteAddress: '192.0.2.1:5000', externalId: 'x_1' })
    await sleep(2) // Ids of the same millisecond are in no order.
  }
  const list = async (query: string) => (await it.ask('GET', `/api/v1/sessions${query}`)).json()
  assert.equal((await list('')).items.length, 3)
  assert.deepEqual((await list('?type=whep&room=a')).items.map((s: { type: string, room: string }) => [s.type, s.room]), [['whep', 'a']])
  assert.equal((await list('?state=starting')).items.length, 0)
  assert.deepEqual(await list('?state=ended'), ended, 'without a history nothing is remembered')
  const first = await list('?limit=2')
  const second = await list(`?limit=2&after=${first.next}`)
  assert.deepEqual([...first.items, ...second.items].map((s: { room: string }) => s.room), ['b', 'a', 'a'], 'newest first')
  assert.equal(second.next, null)

  const { id } = first.items[0]
  const shown = (await it.ask('GET', `/api/v1/sessions/${id}`)).json()
  assert.deepEqual([shown.remoteAddress, shown.externalId, shown.state, shown.stats.bytesIn], ['192.0.2.1:5000', 'x_1', 'active', 0])
  const { lossPercent, estimatedMos } = (await it.ask('GET', `/api/v1/sessions/${id}/quality`)).json()
  assert.deepEqual([lossPercent, estimatedMos], [null, null], 'nothing measured, nothing claimed')
  assert.equal((await it.ask('GET', '/api/v1/sessions/ses_none/quality')).statusCode, 404)
  assert.equal((await it.ask('DELETE', `/api/v1/sessions/${id}`)).statusCode, 204)
  assert.equal((await it.ask('DELETE', `/api/v1/sessions/${id}`)).statusCode, 404)
})

test('what the history knows is found; it cannot be ended again', async () => {
  const over = {
    id: 'ses_old', kind: 'rtmp', room: 'a', conferenceId: 'conf_old', state: 'failed', reason: 'the peer went away', errorCode: 'media_timeout',
    remoteAddress: undefined, externalId: undefined, startedAt: new Date(0), activeAt: new Date(1), endedAt: new Date(2), stats: noStats
  } as const
  const history = {
    sessions: async () => [over],
    session: async (id: string) => id === over.id ? over : undefined,
    conference: async (id: string) => id === 'conf_old' ? { id, room: 'a', participants: 0, openedAt: new Date(0), endedAt: new Date(2) } : undefined,
    qualityPoints: async () => []
  }
  await using it = await controlUnderTest({ parts: { history } })
  assert.equal((await it.ask('GET', '/api/v1/sessions?state=failed')).json().items[0].errorCode, 'media_timeout')
  assert.equal((await it.ask('GET', '/api/v1/sessions/ses_old')).json().endedAt, '1970-01-01T00:00:00.002Z')
  assert.equal((await it.ask('DELETE', '/api/v1/sessions/ses_old')).statusCode, 409)
  assert.equal((await it.ask('GET', '/api/v1/conferences/conf_old')).json().state, 'ended')
})

test('an ingress: made with its key, listed without, changed, deleted', async () => {
  await using it = await controlUnderTest()
  const made = await it.ask('POST', '/api/v1/ingresses', { payload: { protocol: 'rtmp', room: 'hall', name: 'Kamera 1' }, headers: { 'x-auralink-api-key': 'alk_test_admin_key', host: 'media.example:8080' } })
  assert.equal(made.statusCode, 201)
  const ingress = made.json()
  assert.equal(made.headers['location'], `/api/v1/ingresses/${ingress.id}`)
  assert.deepEqual([ingress.protocol, ingress.room, ingress.url, ingress.streamKey.length > 0, ingress.live], ['rtmp', 'hall', 'rtmp://media.example:1935/live', true, false])
  assert.doesNotMatch((await it.ask('GET', '/api/v1/ingresses')).body, /canary/)
  assert.equal((await it.ask('GET', `/api/v1/ingresses/${ingress.id}`)).json().streamKey, ingress.streamKey)
  await it.bridge.admit(restingLeg('rtmp'), { room: 'hall', externalId: ingress.id })
  const changed = (await it.ask('PATCH', `/api/v1/ingresses/${ingress.id}`, { payload: { enabled: false } })).json()
  assert.deepEqual([changed.enabled, changed.live, changed.streamKey], [false, true, undefined])
  const rotated = await it.ask('POST', `/api/v1/ingresses/${ingress.id}/rotate-key`)
  assert.equal(rotated.statusCode, 200)
  assert.notEqual(rotated.json().streamKey, ingress.streamKey)
  assert.equal((await it.ask('GET', `/api/v1/ingresses/${ingress.id}`)).json().streamKey, rotated.json().streamKey)
  assert.equal((await it.ask('POST', '/api/v1/ingresses/ing_none/rotate-key')).statusCode, 404)
  assert.ok(it.audited.some(({ action, target }) => action === 'ingress.rotateKey' && target['id'] === ingress.id))
  assert.equal((await it.ask('DELETE', `/api/v1/ingresses/${ingress.id}`)).statusCode, 204)
  assert.equal((await it.ask('DELETE', `/api/v1/ingresses/${ingress.id}`)).statusCode, 404)
})

test('an ingress that is pulled has a source instead of a key; neither is shown', async () => {
  const link = { state: 'retrying', attempts: 2, connectedAt: null, retryAt: '2026-01-01T00:00:00.000Z', lastError: { code: 'not_live', message: 'nobody', at: '2026-01-01T00:00:00.000Z' } } as const
  await using it = await controlUnderTest({ parts: { links: { status: () => link } } })
  const source = { url: 'https://media.example/whep/canary', token: 'canary-token' }
  const made = await it.ask('POST', '/api/v1/ingresses', { payload: { protocol: 'whep', room: 'hall', ...source } })
  assert.equal(made.statusCode, 201)
  const { id, url, streamKey, link: shown, live } = made.json()
  assert.deepEqual([url, streamKey, shown, live], ['https://media.example/…', null, link, false])
  await it.bridge.admit(restingLeg('whep-pull'), { room: 'hall', externalId: id })
  assert.equal((await it.ask('GET', `/api/v1/ingresses/${id}`)).json().live, false, 'its session goes on while it is retrying')
  assert.deepEqual((await it.ingresses.get(id))?.source, source)
  for (const path of ['/api/v1/ingresses', `/api/v1/ingresses/${id}`]) assert.doesNotMatch((await it.ask('GET', path)).body, /canary/)
  assert.equal((await it.ask('POST', `/api/v1/ingresses/${id}/rotate-key`)).statusCode, 409)
  const refused = async (payload: object) => (await it.ask('POST', '/api/v1/ingresses', { payload: { room: 'hall', ...payload } })).json().problems?.map((problem: { field: string }) => problem.field)
  assert.deepEqual(await refused({ protocol: 'whep' }), ['url'])
  assert.deepEqual(await refused({ protocol: 'rtmp', url: source.url }), ['url'])
  assert.deepEqual(await refused({ protocol: 'rtmp', token: 'x' }), ['token'])
  assert.deepEqual(await refused({ protocol: 'whep', url: 'rtmp://media.example/x' }), ['url'])
})

test('a stream: made with its destinations, changed, stopped; where it goes is not shown whole', async () => {
  await using it = await controlUnderTest()
  const url = 'https://media.example:8443/whip/canary'
  const made = await it.ask('POST', '/api/v1/streams', { payload: { room: 'hall', participant: 'ann', destinations: [{ url, token: 'canary-token' }] } })
  assert.equal(made.statusCode, 201)
  const { id, destinations: [first] } = made.json()
  assert.equal(made.headers['location'], `/api/v1/streams/${id}`)
  assert.deepEqual([first.url, first.link], ['https://media.example:8443/…', null])
  const more = (await it.ask('POST', `/api/v1/streams/${id}/destinations`, { payload: { url } })).json()
  assert.equal(more.destinations.length, 2)
  assert.equal((await it.ask('DELETE', `/api/v1/streams/${id}/destinations/${first.id}`)).statusCode, 204)
  assert.equal((await it.ask('DELETE', `/api/v1/streams/${id}/destinations/${first.id}`)).statusCode, 404)
  const listed = await it.ask('GET', '/api/v1/streams?room=hall')
  assert.deepEqual(listed.json().items.map((stream: { destinations: { id: string }[] }) => stream.destinations.map(one => one.id)), [[more.destinations[1].id]])
  assert.doesNotMatch(made.body + listed.body, /canary/)
  assert.deepEqual(it.audited.map(({ action }) => action), ['stream.start', 'stream.addDestination', 'stream.removeDestination', 'stream.removeDestination'])
  assert.equal((await it.ask('DELETE', `/api/v1/streams/${id}`)).statusCode, 204)
  assert.equal((await it.ask('GET', `/api/v1/streams/${id}`)).statusCode, 404)
  for (const destinations of [[], [{ url: 'ftp://x' }], [{}]]) assert.equal((await it.ask('POST', '/api/v1/streams', { payload: { room: 'hall', destinations } })).statusCode, 400)
})

test('a recording: started, listed, stopped once, deleted when it is over', async () => {
  await using it = await controlUnderTest()
  const started = await it.ask('POST', '/api/v1/recordings', { payload: { room: 'hall', participant: 'camera' } })
  assert.equal(started.statusCode, 201)
  const { id, state } = started.json()
  assert.deepEqual([started.headers['location'], state], [`/api/v1/recordings/${id}`, 'active'])
  assert.equal((await it.ask('DELETE', `/api/v1/recordings/${id}`)).statusCode, 409)
  assert.equal((await it.ask('POST', `/api/v1/recordings/${id}/stop`)).json().state, 'completed')
  assert.equal((await it.ask('POST', `/api/v1/recordings/${id}/stop`)).statusCode, 409)
  assert.deepEqual((await it.ask('GET', '/api/v1/recordings?state=completed&room=hall')).json().items.map((r: { id: string }) => r.id), [id])
  assert.equal((await it.ask('DELETE', `/api/v1/recordings/${id}`)).statusCode, 204)
  assert.equal((await it.ask('GET', `/api/v1/recordings/${id}`)).statusCode, 404)
})

test('webhooks: made with a secret, changed, rotated, delivered again, deleted', async () => {
  await using it = await controlUnderTest()
  const made = (await it.ask('POST', '/api/v1/webhooks', { payload: { url: 'https://example.com/hook', events: ['session.ended'] } })).json()
  assert.equal(made.secret, 'whsec_canary')
  assert.equal((await it.ask('GET', `/api/v1/webhooks/${made.id}`)).json().secret, undefined)
  assert.deepEqual((await it.ask('PATCH', `/api/v1/webhooks/${made.id}`, { payload: { enabled: false } })).json().enabled, false)
  assert.equal((await it.ask('POST', `/api/v1/webhooks/${made.id}/rotate-secret`)).json().secret, 'whsec_canary2')
  assert.equal((await it.ask('GET', `/api/v1/webhooks/${made.id}/deliveries`)).json().items[0].lastStatus, 200)
  assert.equal((await it.ask('POST', `/api/v1/webhooks/${made.id}/redeliver`, { payload: { eventId: 'evt_1' } })).statusCode, 202)
  assert.equal((await it.ask('POST', `/api/v1/webhooks/${made.id}/redeliver`, { payload: { eventId: 'evt_2' } })).statusCode, 404)
  assert.equal((await it.ask('DELETE', `/api/v1/webhooks/${made.id}`)).statusCode, 204)
  for (const url of ['ftp://example.com', 'javascript:alert(1)', 'not a url']) assert.equal((await it.ask('POST', '/api/v1/webhooks', { payload: { url } })).statusCode, 400, url)
  assert.equal((await it.ask('POST', '/api/v1/webhooks', { payload: { url: 'http://127.0.0.1/' } })).json().code, 'destination_not_allowed')
})

test('the media ports answer whoever may ask them to', async () => {
  await using it = await controlUnderTest()
  const answer = await it.ask('POST', '/api/v1/media-probes')
  assert.deepEqual([answer.statusCode, answer.json()], [201, { username: 'us:them', password: 'p', candidates: [{ protocol: 'udp', address: '127.0.0.1', port: 1 }] }])
})

test('draining is begun by POST and seen by GET', async () => {
  await using it = await controlUnderTest()
  assert.equal((await it.ask('GET', '/api/v1/drain')).json().draining, false)
  assert.deepEqual((await it.ask('POST', '/api/v1/drain')).json(), { draining: true, sessions: 0 })
  assert.equal((await it.ask('GET', '/ready')).statusCode, 503)
})

test('a part that is not there has no routes, and is not described', async () => {
  await using it = await controlUnderTest({ parts: { ingresses: undefined, streams: undefined, recordings: undefined, events: undefined, webhooks: undefined, drain: undefined } as never })
  const { paths } = (await it.ask('GET', '/openapi.json')).json()
  for (const path of ['ingresses', 'streams', 'recordings', 'events', 'webhooks', 'drain']) {
    assert.equal((await it.ask('GET', `/api/v1/${path}`)).statusCode, 404, path)
    assert.equal(paths[`/api/v1/${path}`], undefined)
  }
})
