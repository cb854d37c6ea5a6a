import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { existsSync } from 'node:fs'
import path from 'node:path'

/** Pages of the console that live in the browser: each is served the same file. Any other path stays a 404. */
const pages = ['/', '/call/:room']
const YEAR_S = 365 * 24 * 3600

/** The console's built files: those with a hash in their name for ever, the page itself never without asking. */
export async function consoleFiles (app: FastifyInstance, folder: string): Promise<void> {
  if (!existsSync(path.join(folder, 'index.html'))) {
    app.get('/', { schema: { hide: true } }, (_request, reply) => reply.type('text/plain; charset=utf-8')
      .send('AuraLink Ingress-Egress is running. The console is not built: `npm run console` does that. The API: /docs\n'))
    return
  }
  await app.register(fastifyStatic, {
    root: folder,
    wildcard: false, // A route for each file there is: no path from outside ever reaches the disk.
    index: false,
    cacheControl: false,
    setHeaders: (reply, file) => {
      const hashed = file.includes(`${path.sep}assets${path.sep}`)
      reply.header('cache-control', hashed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache')
    }
  })
  for (const url of pages) app.get(url, { schema: { hide: true } }, (_request, reply) => reply.sendFile('index.html'))
}
