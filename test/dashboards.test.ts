import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { parse } from 'yaml'
import { controlUnderTest, restingLeg } from './support/control.ts'
import { noStats } from '../src/room/leg.ts'

type Dashboard = { panels: { title: string, type: string, targets?: { expr: string }[], gridPos: { x: number, y: number, w: number, h: number } }[] }
type Alerts = { groups: { rules: { alert: string, expr: string, annotations: { summary: string, description: string }, labels: { severity: string } }[] }[] }

/** Made by Prometheus itself. */
const foreign = new Set(['up'])

async function existingNames (): Promise<Set<string>> {
  await using it = await controlUnderTest()
  const stats = { ...noStats, quality: { packetsLost: 1, jitterMs: 1, roundTripMs: 1 } }
  await it.bridge.admit(restingLeg('whep', { stats }), { room: 'hall' })
  const text = (await it.ask('GET', '/metrics')).body
  return new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name))
}

const namesIn = (expression: string): string[] => [...expression.replaceAll(/"[^"]*"/g, '').matchAll(/\b(?:auralink|process|nodejs)_[a-z0-9_]+|\bup\b/g)]
  .map(([name]) => name.replace(/_(?:bucket|sum|count)$/, suffix => name.startsWith('auralink_http_request_duration') ? '' : suffix))

test('every metric that the dashboard and the alerts name exists', async () => {
  const dashboard = JSON.parse(await readFile('deploy/grafana/dashboard.json', 'utf8')) as Dashboard
  const alerts = parse(await readFile('deploy/grafana/alerts.yaml', 'utf8')) as Alerts
  const expressions = [
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => [alert, expr] as const))
  ]
  const existing = await existingNames()
  for (const [where, expression] of expressions) {
    const names = namesIn(expression)
    assert.ok(names.length > 0, `${where} names no metric`)
    for (const name of names) assert.ok(existing.has(name) || foreign.has(name), `${where}: there is no ${name}`)
  }
  const used = new Set(expressions.flatMap(([, expression]) => namesIn(expression)))
  for (const name of ['auralink_bridge_status', 'auralink_conference_count', 'auralink_participant_count', 'auralink_database_pool_active', 'auralink_redis_pool_active',
    'auralink_aic_compression_ratio', 'auralink_sip_call_count', 'auralink_rtmp_stream_count']) assert.ok(used.has(name), `nothing shows ${name}`)
})

test('no two panels of the dashboard lie on each other', async () => {
  const { panels } = JSON.parse(await readFile('deploy/grafana/dashboard.json', 'utf8')) as Dashboard
  for (const [i, { gridPos: a, title }] of panels.entries()) {
    for (const { gridPos: b, title: other } of panels.slice(i + 1)) {
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
      assert.ok(apart, `${title} and ${other}`)
    }
  }
})

test('every alert says what is wrong and where to look', async () => {
  const { groups } = parse(await readFile('deploy/grafana/alerts.yaml', 'utf8')) as Alerts
  for (const { alert, annotations, labels } of groups.flatMap(group => group.rules)) {
    assert.match(alert, /^AuraLink[A-Z]/)
    assert.ok(annotations.summary && annotations.description, alert)
    assert.match(labels.severity, /^(?:warning|critical)$/, alert)
  }
})
