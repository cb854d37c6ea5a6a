import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** Pages of the console that live in the browser: each is served the same file. Any other path stays a 404. */
const pages = ['/', '/call/:room']
const YEAR_S = 365 * 24 * 3600
const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.ico': 'image/x-icon', '.json': 'application/json; charset=utf-8', '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2'
}

type Answer = (request: FastifyRequest, reply: FastifyReply) => FastifyReply

/**
 * The console's built files, a hundred kilobytes in memory, each with a route of its own: no path from outside ever reaches the
 * disk. Those with a hash in their name are kept by browsers for ever, the page itself never without asking.
 */
export async function consoleFiles (app: FastifyInstance, folder: string): Promise<void> {
  if (!existsSync(path.join(folder, 'index.html'))) {
    app.get('/', { schema: { hide: true } }, (_request, reply) => reply.type('text/plain; charset=utf-8')
      .send('AuraLink Ingress-Egress is running. The console is not built: `npm run console` does that. The API: /docs\n'))
    return
  }
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
  for (const { name, parentPath } of entries) {
    const url = `/${path.relative(folder, path.join(parentPath, name)).split(path.sep).join('/')}`
    const answer = answerWith(await readFile(path.join(parentPath, name)), name, url.startsWith('/assets/'))
    for (const at of url === '/index.html' ? [...pages, url] : [url]) app.get(at, { schema: { hide: true } }, answer)
  }
}

function answerWith (bytes: Buffer, name: string, hashed: boolean): Answer {
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  const type = contentTypes[path.extname(name)] ?? 'application/octet-stream'
  const cacheControl = hashed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache'
  return (request, reply) => {
    reply.header('etag', etag).header('cache-control', cacheControl)
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type(type).send(bytes)
  }
}
