import assert from 'node:assert/strict'
import test from 'node:test'
import { controlUnderTest, type ControlUnderTest, restingLeg } from '../../test/support/control.ts'
import { type LegStats, noStats } from '../room/leg.ts'

const scrape = async (it: ControlUnderTest): Promise<string> => (await it.ask('GET', '/metrics', { headers: {} })).body
const valueOf = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find(l => l.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}
const settle = () => new Promise(resolve => setImmediate(resolve))

test('the seed’s eight names are there, with nothing going on', async () => {
  const pools = { database: () => ({ active: 3, idle: 1 }), redis: () => ({ active: 2, idle: 0 }) }
  await using it = await controlUnderTest({ parts: { pools } })
  const text = await scrape(it)
  for (const [name, value] of [
    ['auralink_bridge_status', 1], ['auralink_conference_count', 0], ['auralink_participant_count', 0], ['auralink_database_pool_active', 0], ['auralink_redis_pool_active', 0],
    ['auralink_aic_compression_ratio', 0], ['auralink_sip_call_count', 0], ['auralink_rtmp_stream_count', 0]
  ] as const) assert.equal(valueOf(text, name), value, name)
})

test('sessions, traffic and quality are counted by kind', async () => {
  await using it = await controlUnderTest()
  const stats: LegStats = { ...noStats, packetsIn: 10, bytesIn: 1000, quality: { packetsLost: 2, jitterMs: 5, roundTripMs: 30 } }
  await it.bridge.admit(restingLeg('rtmp', { identity: 'a', stats }), { room: 'hall' })
  await it.bridge.admit(restingLeg('whep', { stats: { ...stats, quality: { packetsLost: 1, roundTripMs: 10 } } }), { room: 'hall' })
  await it.bridge.admit(restingLeg('whep', { stats }), { room: 'hall' })
  const text = await scrape(it)
  for (const [series, value] of [
    ['auralink_rtmp_stream_count', 1], ['auralink_conference_count', 1], ['auralink_participant_count', 1],
    ['auralink_sessions{kind="whep",state="active"}', 2], ['auralink_sessions_started_total{kind="whep"}', 2],
    ['auralink_packets_total{kind="whep",direction="in"}', 20], ['auralink_bytes_total{kind="rtmp",direction="in"}', 1000],
    ['auralink_packets_lost_total{kind="whep"}', 3], ['auralink_round_trip_seconds{kind="whep",statistic="mean"}', 0.02],
    ['auralink_round_trip_seconds{kind="whep",statistic="max"}', 0.03], ['auralink_jitter_seconds{kind="rtmp",statistic="max"}', 0.005],
    ['auralink_participants_joined_total', 1], ['auralink_conferences_opened_total', 1]
  ] as const) assert.equal(valueOf(text, series), value, series)
})

test('what was counted stays counted when the sessions are gone', async () => {
  await using it = await controlUnderTest()
  const stats = { ...noStats, packetsOut: 7, bytesOut: 700 }
  const session = await it.bridge.admit(restingLeg('whep', { stats }), { room: 'hall' })
  const failing = await it.bridge.admit({ kind: 'whep', stats: () => stats, run: () => Promise.reject(new Error('no')) }, { room: 'hall' })
  await failing.done
  const before = await scrape(it)
  await session.close('enough')
  await settle()
  const after = await scrape(it)
  for (const text of [before, after]) {
    assert.equal(valueOf(text, 'auralink_packets_total{kind="whep",direction="out"}'), 14)
    assert.equal(valueOf(text, 'auralink_sessions_started_total{kind="whep"}'), 2)
  }
  assert.equal(valueOf(after, 'auralink_sessions_ended_total{kind="whep",state="ended"}'), 1)
  assert.equal(valueOf(after, 'auralink_sessions_ended_total{kind="whep",state="failed"}'), 1)
  assert.equal(valueOf(after, 'auralink_sessions{kind="whep",state="active"}'), undefined)
  assert.equal(valueOf(after, 'auralink_conference_count'), 0)
})

test('requests are counted by pattern; refusals by reason', async () => {
  await using it = await controlUnderTest()
  await it.ask('GET', '/api/v1/sessions/ses_1')
  await it.ask('GET', '/api/v1/sessions/ses_2')
  await it.ask('GET', '/api/v1/sessions', { headers: {} })
  const text = await scrape(it)
  assert.equal(valueOf(text, 'auralink_http_requests_total{method="GET",route="/api/v1/sessions/:id",status="4xx"}'), 2)
  assert.equal(valueOf(text, 'auralink_http_request_duration_seconds_count{method="GET",route="/api/v1/sessions/:id"}'), 2)
  assert.equal(valueOf(text, 'auralink_auth_refusals_total{reason="missing"}'), 1)
  assert.doesNotMatch(text, /ses_1/)
})

test('nobody makes more than 2,000 series, and nothing from the wire becomes a label', async () => {
  await using it = await controlUnderTest()
  const kinds = ['rtmp', 'rtmp-out', 'whip', 'whep', 'recording', 'sip', 'srt', 'rtsp', 'whip-out', 'whep-in', 'livekit', 'jitsi']
  for (const kind of kinds) {
    const stats = { ...noStats, quality: { packetsLost: 1, jitterMs: 1, roundTripMs: 1 }, detail: { note: 'canary' } }
    await it.bridge.admit(restingLeg(kind, { identity: `canary-${kind}`, stats }), { room: `canary-${kind}`, remoteAddress: 'canary' })
  }
  const { paths } = (await it.ask('GET', '/openapi.json')).json() as { paths: Record<string, Record<string, object>> }
  for (const path of [...Object.keys(paths), '/canary', '/api/v1/canary']) {
    if (path.endsWith('/stream')) continue
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
      if (path.endsWith('/drain') || (path.endsWith('/conferences/{id}') && method === 'DELETE')) continue
      for (const headers of [{}, undefined]) {
        await it.ask(method, path.replaceAll(/\{\w+\}/g, 'canary'), { ...(headers ? { headers } : {}), payload: method === 'GET' || method === 'HEAD' ? undefined : {} } as never)
      }
    }
  }
  const text = await scrape(it)
  const series = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  assert.ok(series.length > 200 && series.length <= 2000, `${series.length} series`)
  assert.doesNotMatch(text, /canary/)
})

test('the event loop’s lag, the process and the workers are there', async () => {
  await using it = await controlUnderTest()
  const text = await scrape(it)
  for (const series of ['auralink_event_loop_lag_seconds{quantile="0.99"}', 'process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds',
    'auralink_worker_restarts_total', 'auralink_transcodes', 'auralink_journal_depth']) assert.ok(valueOf(text, series) !== undefined, series)
})
