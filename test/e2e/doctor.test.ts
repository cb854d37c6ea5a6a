// `npm run cli -- doctor` as an operator runs it: beside the running service, from outside of it, and where something else is.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import test from 'node:test'
import { promisify } from 'node:util'
import { freePort, startService } from '../support/service.ts'

type Report = { ok: boolean, results: { check: string, status: string, finding: string, remedy?: string }[] }
type Run = { code: number, text: string }

async function doctor (args: string[], env: Record<string, string>): Promise<Run> {
  const clean = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env }
  const { code = 0, stdout, stderr } = await promisify(execFile)(process.execPath, ['src/cli.ts', ...args], { env: clean })
    .catch((error: { code: number, stdout: string, stderr: string }) => error) as { code?: number, stdout: string, stderr: string }
  assert.equal(stderr, '')
  return { code, text: stdout }
}

const of = (report: Report, check: string): string[] => report.results.filter(result => result.check === check).map(({ status, finding }) => `${status}: ${finding}`)

test('a service in order, and seen from outside', { timeout: 180_000 }, async () => {
  const media = String(await freePort())
  await using service = await startService({ env: { MEDIA_HOST: '127.0.0.1', MEDIA_UDP_PORT: media } })
  const http = new URL(service.url).port
  const env = {
    HTTP_PORT: http, PROMETHEUS_PORT: new URL(service.metricsUrl).port, RTMP_INGEST_PORT: String(service.rtmpPort), MEDIA_UDP_PORT: media, MEDIA_HOST: '127.0.0.1',
    DATA_DIR: service.dataDir, AURALINK_ADMIN_API_KEY: service.apiKey
  }
  const { code, text } = await doctor(['doctor', '--json'], env)
  const report = JSON.parse(text) as Report
  assert.equal(code, 0, text)
  assert.equal(report.ok, true)
  assert.deepEqual(of(report, 'service'), [`ok: The service runs at http://127.0.0.1:${http} and is ready.`])
  assert.deepEqual(of(report, 'media ports'), [`ok: UDP 127.0.0.1:${media} answers checks.`, `ok: TCP 127.0.0.1:${media} answers checks.`])
  assert.match(of(report, 'ports')[0]!, /^ok: The running service has its ports/)
  assert.match(of(report, 'data folder')[0]!, /^ok: .* in use by the service/)
  assert.ok(!text.includes(service.apiKey))
  assert.equal(await service.call('GET', '/api/v1/sessions').then(({ items }) => items.length), 0, 'nobody took part in anything')

  const outside = await doctor(['--url', service.url, 'doctor'], { AURALINK_ADMIN_API_KEY: service.apiKey })
  assert.equal(outside.code, 0, outside.text)
  assert.match(outside.text, new RegExp(`Reached from here: UDP 127\\.0\\.0\\.1:${media}`))
  assert.match(outside.text, new RegExp(`Reached from here: TCP 127\\.0\\.0\\.1:${media}`))
  const refused = await doctor(['--url', service.url, 'doctor'], { AURALINK_ADMIN_API_KEY: 'wrong' })
  assert.equal(refused.code, 1)
  assert.match(refused.text, /FAILED +media ports +The media ports cannot be tried/)
})

test('another program has the port, and the configuration is wrong: each is said, and the exit code is 1', { timeout: 120_000 }, async () => {
  const other = createServer((_request, response) => response.end('hello')).listen(0)
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const taken = await doctor(['doctor'], { HTTP_PORT: String(port), DATA_DIR: '/proc/auralink', PROMETHEUS_PORT: '0', RTMP_INGEST_PORT: '0', MEDIA_UDP_PORT: '0' })
  other.close()
  assert.equal(taken.code, 1)
  assert.match(taken.text, new RegExp(`FAILED +ports +Port ${port}/TCP, wanted for HTTP, is in use by another program\\.\\n +→ .*HTTP_PORT`))
  assert.match(taken.text, /FAILED +disk +The data folder \/proc\/auralink cannot be written/)
  assert.match(taken.text, /\n2 failed/)
  const wrong = await doctor(['doctor', '--set', 'redis.prt=1'], {})
  assert.equal(wrong.code, 1)
  assert.match(wrong.text, /FAILED +settings .*mistake:\n.*redis\.prt/)
})
