import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import test from 'node:test'
import { freePort } from '../../test/support/service.ts'
import { temporaryFolder } from '../../test/support/stores.ts'
import { testCertificate } from '../../test/support/test-certificate.ts'
import { loadConfig } from '../config/load.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { lockFolder } from '../store/folder-lock.ts'
import type { Check, CheckContext, Finding } from './check.ts'
import { judge as judgeAddresses } from './checks/addresses.ts'
import { dataFolder } from './checks/data-folder.ts'
import { judgeDescriptors } from './checks/descriptors.ts'
import { disk, judgeSpace } from './checks/disk.ts'
import { media } from './checks/media.ts'
import { judgeNode } from './checks/node.ts'
import { ports } from './checks/ports.ts'
import { service } from './checks/service.ts'
import { tls } from './checks/tls.ts'
import { judgeTranscoder } from './checks/transcoder.ts'
import { describe } from './doctor.ts'
import type { RunningService } from './running-service.ts'

type More = Partial<Pick<CheckContext, 'service' | 'clock' | 'url'>>
const running: RunningService = { url: 'http://x', isHere: true, ready: true, checks: { database: true }, ask: undefined }

async function look (check: Check, env: Record<string, string> = {}, { service: found, clock = systemClock, url }: More = {}): Promise<readonly Finding[]> {
  return [await check.look({ config: loadConfig({ env }), clock, service: found, url })].flat()
}

/** The one finding of a check. */
async function finds (status: Finding['status'], said: RegExp, remedy: RegExp | undefined, found: Promise<readonly Finding[]> | Finding): Promise<void> {
  const findings = 'status' in found ? [found] : await found
  assert.deepEqual(findings.map(finding => finding.status), [status], JSON.stringify(findings))
  assert.match(findings[0]!.finding, said)
  if (remedy) assert.match(findings[0]!.remedy ?? '', remedy)
}

/** Free ports for everything, so that one can be taken. */
async function freePorts (): Promise<Record<string, string>> {
  const names = ['HTTP_PORT', 'PROMETHEUS_PORT', 'RTMP_INGEST_PORT', 'MEDIA_UDP_PORT', 'MEDIA_TCP_PORT']
  return Object.fromEntries(await Promise.all(names.map(async name => [name, String(await freePort())])))
}

test('Node, and the number of files that may be open', async () => {
  await finds('ok', /v24\.12\.0/, undefined, judgeNode('v24.12.0'))
  await finds('failed', /too old/, /Install/, judgeNode('v22.19.0'))
  await finds('ok', /20000/, undefined, judgeDescriptors(20_000, 500))
  await finds('warning', /Only 1024/, /ulimit -n/, judgeDescriptors(1024, 500))
})

test('what transcodes is there, or is not', async () => {
  await finds('warning', /cannot be loaded/, /npm install/, await judgeTranscoder('no-such-package'))
  await finds('ok', /can be loaded/, undefined, await judgeTranscoder('zod'))
})

test('the service: away, ready, draining, without something it needs', async () => {
  await finds('warning', /port 8080/, /Start it/, look(service))
  await finds('ok', /is ready/, undefined, look(service, {}, { service: running }))
  await finds('warning', /draining/, undefined, look(service, {}, { service: { ...running, ready: false } }))
  await finds('failed', /misses database/, undefined, look(service, {}, { service: { ...running, ready: false, checks: { database: false, redis: true } } }))
  await finds('failed', /Nobody answers/, /port open/, look(service, {}, { url: 'http://elsewhere' }))
})

test('ports: free, taken by another, by the service itself, and on an address that is not ours', async () => {
  const env = await freePorts()
  await finds('ok', new RegExp(`All ports are free: ${env['HTTP_PORT']}/TCP`), undefined, look(ports, env))
  await finds('failed', /does not belong to this machine/, /0\.0\.0\.0/, look(ports, { ...env, RTMP_HOST: '203.0.113.9' }))
  const server = createServer().listen(Number(env['RTMP_INGEST_PORT']))
  const socket = createSocket('udp4').bind(Number(env['MEDIA_UDP_PORT']))
  await Promise.all([once(server, 'listening'), once(socket, 'listening')])
  const found = await look(ports, env)
  for (const taken of [server, socket]) taken.close()
  assert.deepEqual(found.map(({ status }) => status), ['failed', 'failed'])
  assert.match(found[0]!.finding, /RTMP, is in use/)
  assert.match(found[0]!.remedy!, /RTMP_INGEST_PORT/)
  assert.match(found[1]!.finding, /\/UDP, wanted for WebRTC media, is in use/)
  assert.ok((await look(ports, env, { service: running })).every(({ status, finding }) => status === 'warning' && /nobody has port/.test(finding)))
})

test('media ports of a service that does not run are opened and checked, over UDP and TCP', async () => {
  const env: Record<string, string> = { ...await freePorts(), MEDIA_HOST: '127.0.0.1' }
  assert.deepEqual((await look(media, env)).map(({ finding }) => finding), [`UDP 127.0.0.1:${env['MEDIA_UDP_PORT']} answers checks.`, `TCP 127.0.0.1:${env['MEDIA_TCP_PORT']} answers checks.`])
  const lost = await look(media, { ...env, MEDIA_PUBLIC_IPS: '203.0.113.7' }) // Leads nowhere.
  assert.deepEqual(lost.map(({ status }) => status), ['ok', 'ok', 'warning', 'warning'])
  assert.match(lost[2]!.finding, /UDP 203\.0\.113\.7:\d+, which clients are told/)
  const socket = createSocket('udp4').bind(Number(env['MEDIA_UDP_PORT']), '127.0.0.1')
  await once(socket, 'listening')
  await finds('failed', /EADDRINUSE/, /ports/, look(media, env))
  socket.close()
  await finds('skipped', /No API key/, undefined, look(media, env, { service: running }))
})

test('media ports that answer nothing', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const probe = { username: 'a:b', password: 'c', candidates: [{ protocol: 'udp', address: '127.0.0.1', port: socket.address().port }, { protocol: 'tcp', address: '127.0.0.1', port: await freePort() }] }
  const silent = { ...running, ask: async () => probe }
  const here = await look(media, {}, { service: silent })
  assert.deepEqual(here.map(({ status }) => status), ['failed', 'failed', 'warning', 'warning'])
  assert.match(here[0]!.remedy!, /firewall/)
  const outside = await look(media, {}, { service: { ...silent, isHere: false }, url: 'http://x' })
  assert.deepEqual(outside.map(({ status }) => status), ['failed', 'failed'])
  assert.match(outside[0]!.finding, /None of the service’s UDP addresses/)
  await finds('failed', /no such route/, undefined, look(media, {}, { service: { ...running, ask: async () => { throw new Error('no such route') } } }))
  socket.close()
})

test('addresses: what clients are told against what the outside sees', async () => {
  const own = ['10.0.0.5']
  await finds('warning', /private addresses only: 10\.0\.0\.5/, /MEDIA_PUBLIC_IPS/, judgeAddresses({ own, announced: [], seen: undefined }))
  await finds('ok', /told: 203\.0\.113\.7, 10\.0\.0\.5/, undefined, judgeAddresses({ own, announced: ['203.0.113.7'], seen: undefined }))
  await finds('ok', /told: 8\.8\.4\.4/, undefined, judgeAddresses({ own: ['8.8.4.4'], announced: [], seen: undefined }))
  await finds('warning', /sees this machine as 8\.8\.8\.8/, /MEDIA_PUBLIC_IPS=8\.8\.8\.8/, judgeAddresses({ own, announced: ['8.8.4.4'], seen: '8.8.8.8' }))
  await finds('ok', /sees this machine as 8\.8\.8\.8/, undefined, judgeAddresses({ own, announced: ['8.8.8.8'], seen: '8.8.8.8' }))
})

test('certificate and key', async () => {
  using folder = temporaryFolder()
  const file = (name: string, text: string): string => { writeFileSync(path.join(folder.path, name), text); return path.join(folder.path, name) }
  const pair = { TLS_CERT_FILE: file('cert.pem', testCertificate.cert), TLS_KEY_FILE: file('key.pem', testCertificate.key) }
  const at = (date: string): { clock: Clock } => ({ clock: { ...systemClock, wall: () => Date.parse(date) } })
  await finds('skipped', /No certificate/, undefined, look(tls))
  await finds('ok', /auralink\.test/, undefined, look(tls, { ...pair, PUBLIC_URL: 'https://auralink.test' }))
  await finds('failed', /ended on 2126/, /Renew/, look(tls, pair, at('2127-01-01')))
  await finds('warning', /ends in \d days/, /Renew/, look(tls, pair, at('2126-10-25')))
  await finds('failed', /valid only from 2026/, /clock/, look(tls, pair, at('2020-01-01')))
  await finds('warning', /not for elsewhere\.test/, undefined, look(tls, { ...pair, PUBLIC_URL: 'https://elsewhere.test' }))
  await finds('failed', /cannot be read: ENOENT/, /TLS_KEY_FILE/, look(tls, { ...pair, TLS_KEY_FILE: path.join(folder.path, 'none') }))
  await finds('failed', /cannot be used/, /PEM/, look(tls, { ...pair, TLS_KEY_FILE: pair.TLS_CERT_FILE }))
  const other = `-----BEGIN PRIVATE KEY-----\n${'MC4CAQAwBQYDK2VwBCIEIBERERERERERERERERERERERERERERERERERERERERER'}\n-----END PRIVATE KEY-----\n`
  await finds('failed', /does not belong/, /one pair/, look(tls, { ...pair, TLS_KEY_FILE: file('other.pem', other) }))
})

test('disk: writable, not writable, full', async () => {
  using folder = temporaryFolder()
  const inside = path.join(folder.path, 'not/yet/there')
  const good = await look(disk, { DATA_DIR: inside })
  assert.match(good[0]!.finding, /is writable/)
  assert.notEqual(good[1]!.status, 'warning')
  writeFileSync(path.join(folder.path, 'file'), '')
  await finds('failed', /cannot be written: .* is a file/, /DATA_DIR/, look(disk, { DATA_DIR: path.join(folder.path, 'file') }))
  await finds('failed', /cannot be written/, /DATA_DIR/, look(disk, { DATA_DIR: '/proc/auralink' })) // Read-only for everybody.
  await finds('failed', /MiB are free; recordings need/, /min_free_disk/, await judgeSpace(folder.path, { minFreeBytes: Infinity, minFreeShare: 1.1 }))
})

test('the data folder: nobody’s, another’s, the running service’s', async () => {
  using folder = temporaryFolder()
  const env = { DATA_DIR: path.join(folder.path, 'data') }
  await finds('ok', /Nobody else/, undefined, look(dataFolder, env))
  mkdirSync(env.DATA_DIR)
  const lock = lockFolder(env.DATA_DIR)
  await finds('failed', /in use by process \d+/, /cannot share/, look(dataFolder, env))
  await finds('ok', /in use by the service that runs here/, undefined, look(dataFolder, env, { service: running }))
  lock[Symbol.dispose]()
  await finds('ok', /Nobody else/, undefined, look(dataFolder, env))
  await finds('failed', /does not use/, /other settings/, look(dataFolder, env, { service: running }))
})

test('a finding is one line, its remedy the next', () => {
  assert.equal(describe({ check: 'TLS', status: 'failed', finding: 'Over.', remedy: 'Renew.', ms: 1 }), 'FAILED   TLS               Over.\n                           → Renew.\n')
})
