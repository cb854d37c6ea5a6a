import { networkInterfaces } from 'node:os'

/** Addresses of this machine that others may reach, of both IP versions; its own loopback ones where it has no others. */
export function hostAddresses (): string[] {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  const outside = all.filter(({ internal, address }) => !internal && !isLinkLocal(address))
  return (outside.length > 0 ? outside : all).map(({ address }) => address)
}

/** Those mean something only together with a network interface. */
const isLinkLocal = (address: string): boolean => /^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(address)
