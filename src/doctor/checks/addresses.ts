import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import type { Config } from '../../config/load.ts'
import { kindOf } from '../../lib/addresses.ts'
import { type Check, type Finding, ok, warning } from '../check.ts'
import { askMapped } from '../stun-client.ts'

const STUN_PORT = 3478

export const addresses: Check = {
  name: 'addresses',
  async look ({ config: { media: { publicIps, host }, webrtc: { iceServers } } }) {
    const own = host === '0.0.0.0' || host === '::' ? interfaceAddresses() : [host]
    const servers = iceServers.flatMap(({ urls }) => urls).filter(url => /^(stun|turn):/i.test(url) && !url.endsWith('transport=tcp'))
    const seen = await observe(servers)
    const unreached = servers.length > 0 && seen === undefined
      ? [warning(`Of the ICE servers (${servers.join(', ')}) none answers over UDP from here.`, 'Is the address right, and the server up? What reaches it from here says little about clients, but somebody must be able to.')]
      : []
    return [...unreached, judge({ own, announced: publicIps, seen })]
  }
}

const interfaceAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap(all => all ?? []).filter(({ internal, address }) => !internal && !/^fe80:/i.test(address)).map(({ address }) => address)

/** Our address as the first of the servers that answers sees it. */
async function observe (servers: Config['webrtc']['iceServers'][number]['urls']): Promise<string | undefined> {
  for (const url of servers) {
    const [, host = '', port] = /^\w+:(\[[^\]]+\]|[^:?]+)(?::(\d+))?/.exec(url) ?? []
    const found = await lookup(host.replace(/^\[|\]$/g, '')).catch(() => undefined)
    const mapped = found && await askMapped({ address: found.address, port: Number(port ?? STUN_PORT) })
    if (mapped !== undefined) return mapped
  }
  return undefined
}

type Addresses = { readonly own: readonly string[], readonly announced: readonly string[], readonly seen: string | undefined }

/** @param addresses of the machine, those clients are told beside them, and the one the outside sees */
export function judge ({ own, announced, seen }: Addresses): Finding {
  const told = [...announced, ...own]
  const list = told.length === 0 ? 'none' : told.join(', ')
  if (seen !== undefined && !told.includes(seen)) {
    return warning(`The outside sees this machine as ${seen}, but clients are told: ${list}.`, `Set MEDIA_PUBLIC_IPS=${seen} if the media port is forwarded from there; clients in other networks cannot connect without.`)
  }
  if (seen !== undefined) return ok(`The outside sees this machine as ${seen}, which clients are told.`)
  if (announced.length > 0 || own.some(address => kindOf(address) === 'public')) return ok(`Clients are told: ${list}.`)
  return warning(`Clients are told private addresses only: ${list}.`, 'Behind NAT set MEDIA_PUBLIC_IPS to the public address. Within one private network nothing is wrong.')
}
