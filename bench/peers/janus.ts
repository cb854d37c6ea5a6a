import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../test/support/service.ts'
import { Child } from '../harness/child.ts'
import type { JanusEndpoint } from '../load/janus-client.ts'
import type { FanOutPeer } from './peer.ts'

const JANUS = '/usr/bin/janus'
const CONFIGURATION = '/etc/janus'
const READY_WITHIN_MS = 10_000
const MOUNTPOINT = 1

export const hasJanus = (): boolean => existsSync(JANUS)

/**
 * Debian's Janus with its own configuration, but for where it listens and what it leaves out. Its streaming plugin takes plain RTP,
 * so that it has no publisher to decrypt.
 * @param eventLoops threads that all viewers share; as it comes, each has its own
 */
export async function janus (eventLoops?: number): Promise<FanOutPeer<JanusEndpoint>> {
  if (!hasJanus()) throw new Error('needs Janus: apt-get install --no-install-recommends janus')
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-janus-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const address = ownAddress()
  const [http, rtp] = await Promise.all([freePort(), freePort()])
  await cp(CONFIGURATION, folder, { recursive: true })
  const main = path.join(folder, 'janus.jcfg')
  const defaults = await readFile(main, 'utf8')
  await writeFile(main, with_(defaults, {
    general: eventLoops === undefined ? [] : [`event_loops = ${eventLoops}`],
    nat: [`ice_enforce_list = "${address}"`],
    plugins: [`disable = "${others('plugins', 'streaming')}"`],
    transports: [`disable = "${others('transports', 'http')}"`]
  }).replace(/configs_folder = "[^"]*"/, `configs_folder = "${folder}"`))
  await writeFile(path.join(folder, 'janus.transport.http.jcfg'), `general: { base_path = "/janus", http = true, port = ${http}, ip = "127.0.0.1", https = false }\n`)
  await writeFile(path.join(folder, 'janus.plugin.streaming.jcfg'), [
    'bench: {', '  type = "rtp"', `  id = ${MOUNTPOINT}`, '  media = ({ type = "video", mid = "0", port = ' + rtp + ', iface = "127.0.0.1", pt = 96, codec = "h264",',
    '    fmtp = "packetization-mode=1;profile-level-id=42e01f" })', '}', ''
  ].join('\n'))
  const child = stack.use(new Child('measured', [JANUS, '-F', folder, '-C', main]))
  const url = `http://127.0.0.1:${http}/janus`
  const version = await ready(url, child)
  const owned = stack.move()
  return {
    name: 'Janus', version, pid: child.pid,
    endpoint: { kind: 'janus', url, address, mountpoint: MOUNTPOINT, rtpPort: rtp },
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}

/** Janus has no candidate on the loopback interface; what this machine sends to its own address goes over that all the same. */
function ownAddress (): string {
  const found = Object.values(networkInterfaces()).flat().find(each => each && !each.internal && each.family === 'IPv4')
  if (!found) throw new Error('Janus needs a network interface besides the loopback')
  return found.address
}

const names = {
  plugins: ['audiobridge', 'duktape', 'echotest', 'lua', 'nosip', 'recordplay', 'sip', 'streaming', 'textroom', 'videocall', 'videoroom', 'voicemail'],
  transports: ['http', 'mqtt', 'nanomsg', 'pfunix', 'rabbitmq', 'websockets']
}

const others = (kind: keyof typeof names, kept: string): string => names[kind].filter(name => name !== kept).map(name => `libjanus_${name}.so`).join(',')

/** @param added lines at the head of sections */
const with_ = (text: string, added: Readonly<Record<string, readonly string[]>>): string =>
  Object.entries(added).reduce((all, [section, lines]) => all.replace(new RegExp(`^${section}: \\{$`, 'm'), [`${section}: {`, ...lines].join('\n')), text)

/** @returns its version */
async function ready (url: string, child: Child): Promise<string> {
  const deadline = performance.now() + READY_WITHIN_MS
  for (;;) {
    const answer = await fetch(`${url}/info`).catch(() => undefined)
    if (answer?.ok) return (await answer.json() as { version_string: string }).version_string
    if (child.ended || performance.now() > deadline) throw new Error(`Janus did not get ready:\n${child.output}`)
    await sleep(20)
  }
}
