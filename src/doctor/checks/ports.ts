import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../../config/load.ts'
import { type Check, failed, type Finding, ok, warning } from '../check.ts'

/** What wants a port, and the variable that gives it another. */
type Use = { readonly what: string, readonly protocol: 'TCP' | 'UDP', readonly host: string, readonly port: number, readonly setting: string }

export const ports: Check = {
  name: 'ports',
  async look ({ config, service }) {
    const uses = usesOf(config).filter(({ port }) => port !== 0)
    const found: Finding[] = []
    for (const use of uses) {
      const problem = await tryPort(use)
      const finding = service ? judgeOfRunning(use, problem) : judgeFree(use, problem)
      if (finding) found.push(finding)
    }
    const names = uses.map(({ protocol, port }) => `${port}/${protocol}`).join(', ')
    return found.length > 0 ? found : ok(service ? `The running service has its ports: ${names}.` : `All ports are free: ${names}.`)
  }
}

function usesOf ({ http, health, metrics, rtmp, tls, media }: Config): Use[] {
  const tcp = (what: string, host: string, port: number, setting: string): Use => ({ what, protocol: 'TCP', host, port, setting })
  return [
    tcp('HTTP', http.host, http.port, 'HTTP_PORT'),
    ...health.http.enabled && health.http.port !== http.port ? [tcp('the probes', http.host, health.http.port, 'HEALTH_CHECK_PORT')] : [],
    ...metrics.enabled && metrics.prometheus.enabled ? [tcp('metrics', metrics.prometheus.host, metrics.prometheus.port, 'PROMETHEUS_PORT')] : [],
    ...rtmp.enabled ? [tcp('RTMP', rtmp.host, rtmp.ingestPort, 'RTMP_INGEST_PORT')] : [],
    ...rtmp.enabled && tls.certFile !== undefined ? [tcp('RTMPS', rtmp.host, rtmp.tlsPort, 'RTMPS_PORT')] : [],
    { what: 'WebRTC media', protocol: 'UDP', host: media.host, port: media.udpPort, setting: 'MEDIA_UDP_PORT' },
    ...media.tcpEnabled ? [tcp('WebRTC media', media.host, media.tcpPort, 'MEDIA_TCP_PORT')] : []
  ]
}

/** @returns the system's code, or undefined when the port could be had. It is given back at once. */
async function tryPort ({ protocol, host, port }: Use): Promise<string | undefined> {
  const server = protocol === 'TCP' ? createServer().listen({ port, host }) : createSocket(host.includes(':') ? 'udp6' : 'udp4').bind(port, host)
  try {
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

function judgeFree ({ what, protocol, host, port, setting }: Use, problem: string | undefined): Finding | undefined {
  if (problem === undefined) return undefined
  const place = `Port ${port}/${protocol}, wanted for ${what},`
  if (problem === 'EADDRINUSE') return failed(`${place} is in use by another program.`, `Stop that program (ss -lnp shows it), or set ${setting}.`)
  if (problem === 'EACCES') return failed(`${place} needs privileges this user does not have.`, `Set ${setting} to a port above 1023, or grant CAP_NET_BIND_SERVICE.`)
  if (problem === 'EADDRNOTAVAIL' || problem === 'ENOTFOUND') return failed(`The address ${host}, configured for ${what}, does not belong to this machine.`, 'Use 0.0.0.0, or an address of this machine.')
  return failed(`${place} cannot be had: ${problem}.`, `Set ${setting} to another.`)
}

/** A service that could not get a port would not run. */
const judgeOfRunning = ({ what, protocol, port }: Use, problem: string | undefined): Finding | undefined => problem === undefined
  ? warning(`The service runs, but nobody has port ${port}/${protocol} (${what}).`, 'It was started with other settings than this command sees: give both the same environment and file.')
  : undefined
