import { z } from 'zod'
import type { Config } from '../../config/load.ts'
import { systemClock } from '../../lib/clock.ts'
import { endpointOf } from '../../lib/addresses.ts'
import { messageOf } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import { type MediaProbe, openMediaProbe } from '../../protocols/webrtc/media-probe.ts'
import { TransportHub } from '../../protocols/webrtc/transport-hub.ts'
import { type Check, failed, type Finding, ok, skipped, warning } from '../check.ts'
import { check, type Credentials, type Target } from '../stun-client.ts'

const answered = z.object({
  username: z.string(), password: z.string(), candidates: z.array(z.object({ protocol: z.enum(['udp', 'tcp']), address: z.string(), port: z.int() }))
})

/** Makes the checks a client makes: over each protocol on this machine, then at every address clients are told. */
export const media: Check = {
  name: 'media ports',
  async look ({ config, service, url }) {
    if (url !== undefined && !service) return skipped('There is no service to try them with.')
    if (service && !service.ask) return skipped('No API key: the running service’s media ports are not tried. Set AURALINK_ADMIN_API_KEY, or --data-dir.')
    try {
      if (!service) return await tryOwn(config)
      const probe = answered.parse(await service.ask!('POST', '/api/v1/media-probes'))
      return service.isHere ? await judgeHere(probe, config) : await judgeFromOutside(probe)
    } catch (error) {
      return failed(`The media ports cannot be tried: ${messageOf(error)}.`, 'See “ports” and “service”.')
    }
  }
}

/** The service does not run: its ports are opened for as long as it takes. */
async function tryOwn ({ media: settings, ...config }: Config): Promise<Finding[]> {
  const { host, udpPort, tcpPort, tcpEnabled, publicIps } = settings
  await using hub = await TransportHub.open({ port: udpPort, bindAddress: host, announcedAddresses: publicIps })
  if (tcpEnabled) await hub.openTcp({ port: tcpPort, log: silentLogger, clock: systemClock })
  return await judgeHere(openMediaProbe(hub, systemClock, '127.0.0.1'), { media: settings, ...config })
}

async function judgeHere ({ candidates, ...credentials }: MediaProbe, { media: { host } }: Config): Promise<Finding[]> {
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const local = (['udp', 'tcp'] as const).flatMap(protocol => {
    const port = candidates.find(candidate => candidate.protocol === protocol)?.port
    return port === undefined ? [] : [{ protocol, address: here, port }]
  })
  const [onThisMachine, told] = await Promise.all([tryAll(local, credentials), tryAll(candidates, credentials)])
  return [
    ...onThisMachine.map(({ name, works }) => works
      ? ok(`${name} answers checks.`)
      : failed(`${name} does not answer checks on this machine.`, 'A firewall of this machine drops them (nft list ruleset, iptables -L), or another program has the port.')),
    ...told.filter(({ works }) => !works).map(({ name }) =>
      warning(`${name}, which clients are told, does not answer from here.`, 'Is the port forwarded? Some NATs answer only from outside: try this command with --url from there.'))
  ]
}

/** One address of each protocol is enough. */
async function judgeFromOutside ({ candidates, ...credentials }: MediaProbe): Promise<Finding[]> {
  const tried = await tryAll(candidates, credentials)
  return [...Map.groupBy(tried, ({ protocol }) => protocol)].map(([protocol, all]) => {
    const reached = all.filter(({ works }) => works).map(({ name }) => name).join(', ')
    const names = all.map(({ name }) => name).join(', ')
    return reached !== ''
      ? ok(`Reached from here: ${reached}.`)
      : failed(`None of the service’s ${protocol.toUpperCase()} addresses can be reached from here: ${names}.`, 'Open or forward the port, and set MEDIA_PUBLIC_IPS to an address that leads there.')
  })
}

const tryAll = (targets: readonly Target[], credentials: Credentials) =>
  Promise.all(targets.map(async target => ({ protocol: target.protocol, name: `${target.protocol.toUpperCase()} ${endpointOf(target.address, target.port)}`, works: await check(target, credentials) })))
