// The least a Fastify server can do: what ours is compared with. Takes a file whose JSON the second route prints anew each time.
import fastify from 'fastify'
import { readFile } from 'node:fs/promises'

const list = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as object
const app = fastify()
app.get('/', () => ({ status: 'ready', checks: { database: true }, timestamp: Date.now() }))
app.get('/list', () => list)
console.log(`listening at ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
process.once('SIGTERM', () => process.exit(0))
