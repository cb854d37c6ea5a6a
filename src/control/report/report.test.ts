import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { controlUnderTest, restingLeg } from '../../../test/support/control.ts'
import { noStats } from '../../room/leg.ts'
import type { QualityPoint } from '../../room/quality/series.ts'
import type { SessionInfo } from '../../room/session.ts'
import { chart, clockTime } from './chart.ts'
import { reportPage } from './page.ts'

const point = (at: number, more: Partial<QualityPoint> = {}): QualityPoint =>
  ({ at, bitrate: 1_000_000, lossPercent: 0, jitterMs: 4, roundTripMs: 40, frozenMs: 0, estimatedBitrate: null, layer: null, ...more })

const viewer: SessionInfo = {
  id: 'ses_1', kind: 'whep', room: 'hall', conferenceId: 'conf_1', state: 'failed', reason: 'the network <b>went</b> away', errorCode: 'connect_timeout',
  remoteAddress: '192.0.2.1', externalId: undefined, startedAt: new Date(0), activeAt: new Date(200), endedAt: new Date(65_000),
  stats: {
    ...noStats, packetsOut: 1000, bytesOut: 1e6,
    quality: { packetsLost: 20, jitterMs: 4.4, roundTripMs: 41, bursts: { count: 2, meanPackets: 3.5, longestPackets: 5, ratio: 2 }, freezes: { count: 1, totalMs: 900 } },
    advice: [{ code: 'x', message: 'sound & <i>picture</i>', remedy: 'do "this"' }],
    detail: {
      participant: '<script>alert(1)</script>', video: { codec: 'H264', flowing: true, transcoded: false, retransmission: 'rtx', layerSwitches: 2 },
      audio: { codec: 'opus', flowing: true, transcoded: true, retransmission: 'plain' }
    }
  }
}

test('a report says what was measured, decided and advised, and why it ended', () => {
  const page = reportPage(viewer, [point(5), point(10, { layer: 1, estimatedBitrate: 300_000 }), point(15, { layer: 0, lossPercent: 4.5 })], new Date(99_000))
  for (const said of ['Failed after 1:05', '2.0 %', '20 packets', '3.5 packets on average, longest 5', '4 ms', '41 ms', '0.9 s in all, as it was sent', 'estimate of the path', 'Quality of the picture sent',
    'Picture</th>', 'H264, passed through untouched', 'Its quality followed the path: 2 changes', 'Transcoded to opus', 'connect_timeout', '192.0.2.1', 'do &quot;this&quot;']) {
    assert.ok(page.includes(said), said)
  }
})

test('what was not measured is said to be so', () => {
  const page = reportPage({ ...viewer, kind: 'rtmp', state: 'active', endedAt: undefined, reason: '', stats: noStats }, [point(5, { lossPercent: null, jitterMs: null, roundTripMs: null, frozenMs: null })], new Date(65_000))
  assert.ok(page.includes('Still running after 1:05'))
  assert.equal(page.match(/Not measured\./g)?.length, 3)
  assert.ok(!page.includes('NaN') && !page.includes('undefined') && !page.includes('Infinity'))
})

test('whatever comes from outside is text', () => {
  const evil = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>'
  const page = reportPage({ ...viewer, kind: evil, room: evil, reason: evil, externalId: evil, remoteAddress: evil, stats: {
    ...viewer.stats, advice: [{ code: evil, message: evil, remedy: evil }], detail: { participant: evil, video: { codec: evil }, sections: [{ kind: evil, participant: evil, codec: evil }] }
  } }, [point(5)], new Date(0))
  assert.ok(page.includes('&lt;script&gt;'))
  assert.doesNotMatch(page, /<script|<img|onerror=alert\(1\)>/)
})

test('a plot has a line for each measured figure, broken where there is none', () => {
  const drawn = chart({ title: 'Loss', times: [5, 10, 15, 20, 25], atLeast: 2, print: value => `${value} %`, lines: [{ name: 'Loss', colour: 1, values: [1, 3, null, null, 2] }] })
  assert.equal(drawn.match(/class="line-1"/g)?.length, 2)
  assert.equal(drawn.match(/<circle/g)?.length, 1, 'a lone point is seen')
  assert.deepEqual([...drawn.matchAll(/text-anchor="end">([^<]+)</g)].map(([, label]) => label), ['0 %', '1 %', '2 %', '3 %'])
  assert.deepEqual([5, 65, 3600, 3725].map(clockTime), ['0:05', '1:05', '1:00:00', '1:02:05'])
})

test('a session’s quality and report are served, with a policy that lets the page’s own style through', async () => {
  await using it = await controlUnderTest({ parts: { quality: { points: () => [point(5), point(10)] } } })
  const session = await it.bridge.admit(restingLeg('whep', { stats: viewer.stats }), { room: 'hall' })
  const quality = (await it.ask('GET', `/api/v1/sessions/${session.id}/quality`)).json()
  assert.deepEqual([quality.points.length, quality.freezes, quality.bursts], [2, { count: 1, totalMs: 900 }, { count: 2, meanPackets: 3.5, longestPackets: 5 }])
  const report = await it.ask('GET', `/api/v1/sessions/${session.id}/report`)
  assert.equal(report.headers['content-type'], 'text/html; charset=utf-8')
  const [, style = ''] = /<style>([^]*)<\/style>/.exec(report.body) ?? []
  assert.ok(String(report.headers['content-security-policy']).includes(createHash('sha256').update(style).digest('base64')))
  assert.equal((await it.ask('GET', '/api/v1/sessions/ses_none/report')).statusCode, 404)
})
