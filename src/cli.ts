// `npm run cli -- keys create --name ci --scopes rooms,record`: what an administrator does from a shell, through the API of a
// running service. It never touches the database, so that what it does is authorized, audited and seen by every bridge.
// `npm run cli -- doctor` looks at this machine itself.
import { Command } from 'commander'
import { readFileSync } from 'node:fs'
import path from 'node:path'

type Connection = { readonly url: string, readonly key: string }
type Problem = { readonly detail?: string, readonly title?: string, readonly problems?: readonly { readonly field: string, readonly expected: string }[] }

/** The address and key from the options or the environment; the key otherwise from where the first start has put it. */
function connection ({ url, dataDir }: { url?: string, dataDir?: string }): Connection {
  const port = process.env['HTTP_PORT'] ?? '8080'
  const folder = dataDir ?? process.env['DATA_DIR'] ?? 'data'
  const key = process.env['AURALINK_ADMIN_API_KEY'] || readKey(path.join(folder, 'admin-api-key'))
  return { url: url ?? process.env['AURALINK_URL'] ?? `http://localhost:${port}`, key }
}

function readKey (file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new Error(`no key: set AURALINK_ADMIN_API_KEY, or name the service's data folder with --data-dir (looked for ${file})`)
  }
}

async function call ({ url, key }: Connection, method: string, where: string, body?: unknown): Promise<unknown> {
  const headers = { 'X-AuraLink-API-Key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
  const answer = await fetch(`${url}/api/v1${where}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    .catch(() => { throw new Error(`no answer from ${url}: is the service running there?`) })
  const text = await answer.text()
  if (answer.ok) return text === '' ? undefined : JSON.parse(text)
  const { detail, title, problems = [] } = JSON.parse(text) as Problem
  throw new Error([detail ?? title ?? `status ${answer.status}`, ...problems.map(({ field, expected }) => `${field}: ${expected}`)].join('\n'))
}

const print = (value: unknown): void => { process.stdout.write(`${JSON.stringify(value, null, 2)}\n`) }

const program = new Command('auralink').description('Administers a running AuraLink Ingress-Egress service.')
  .option('--url <url>', 'where the service is (or AURALINK_URL; else localhost and HTTP_PORT)')
  .option('--data-dir <folder>', 'its data folder, for the key made at the first start (or DATA_DIR)')
const reach = (): Connection => connection(program.opts())

const keys = program.command('keys').description('API keys')
keys.command('list').description('all keys, without their secrets').action(async () => print(await call(reach(), 'GET', '/api-keys')))
keys.command('create').description('a new key, shown this once')
  .requiredOption('--name <name>', 'what it is for')
  .requiredOption('--scopes <list>', 'what it may do, with commas between: rooms, publish, view, sip, stream, record, admin')
  .option('--room <room>', 'the one room it is for')
  .option('--expires <time>', 'when it ends, as 2027-01-31T12:00:00Z')
  .action(async ({ name, scopes, room, expires }: { name: string, scopes: string, room?: string, expires?: string }) =>
    print(await call(reach(), 'POST', '/api-keys', { name, scopes: scopes.split(',').map(scope => scope.trim()), room, expiresAt: expires })))
keys.command('revoke').description('ends a key at once').argument('<id>', 'key_…').action(async (id: string) => {
  await call(reach(), 'DELETE', `/api-keys/${encodeURIComponent(id)}`)
  print({ revoked: id })
})

program.command('doctor').description('checks ports, addresses, clock, disk, TLS and the services around; with --url, whether that service can be reached from here')
  .option('--config <file>', 'configuration file of the service (or CONFIG_FILE)')
  .option('--set <key=value>', 'a setting, as the service was given it; may be repeated', (value, all: string[]) => [...all, value], [])
  .option('--json', 'one JSON object instead of lines')
  .action(async ({ config, set, json = false }: { config?: string, set: string[], json?: boolean }) => {
    const { doctor } = await import('./doctor/command.ts')
    const argv = [...config === undefined ? [] : ['--config', config], ...set.flatMap(setting => ['--set', setting])]
    process.exitCode = await doctor({ argv, env: process.env, key: keyIfAny(), url: program.opts<{ url?: string }>().url, json, write: text => { process.stdout.write(text) } })
  })

function keyIfAny (): string | undefined {
  try {
    return reach().key
  } catch {
    return undefined // It says itself what it cannot look at without.
  }
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
