import type { Cache } from './cache.ts'
import { MemoryCache } from './memory-cache.ts'
import type { RedisOptions, Surroundings } from './redis-cache.ts'

type CacheOptions = Omit<RedisOptions, 'host'> & { readonly host: string | undefined }

/** Redis if there is a host, else memory. Waits for no server: Redis may come later, or never. */
export async function openCache ({ host, ...options }: CacheOptions, tools: Surroundings): Promise<Cache> {
  if (host === undefined) return new MemoryCache(tools.clock)
  const { RedisCache } = await import('./redis-cache.ts') // 500 modules that a service without Redis need not load.
  return new RedisCache({ ...options, host }, tools)
}
