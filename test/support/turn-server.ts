import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { until } from './until.ts'
import { freePort } from './service.ts'

/** A real coturn on loopback, that knows nobody but who shares its secret. */
export interface TurnServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Its log: who came, and what was relayed. */
  output (): string
}

export async function startTurnServer (secret: string): Promise<TurnServer> {
  const port = await freePort()
  const folder = await mkdtemp(path.join(tmpdir(), 'coturn-'))
  const child = spawn('turnserver', [
    '-n', '--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(port), '--realm', 'auralink.test', '--use-auth-secret', '--static-auth-secret', secret,
    '--allow-loopback-peers', '--no-tls', '--no-dtls', '--no-cli', '--verbose', '--log-file', 'stdout', '--simple-log', '--pidfile', path.join(folder, 'pid'), '--userdb', path.join(folder, 'db')
  ], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += chunk })
  const exited = once(child, 'exit')
  await until('coturn listens', () => {
    if (child.exitCode !== null) throw new Error(`coturn ended with ${child.exitCode}:\n${output}`)
    return /listener opened on.*127\.0\.0\.1/.test(output)
  })
  return {
    port,
    url: `turn:127.0.0.1:${port}?transport=udp`,
    output: () => output,
    async [Symbol.asyncDispose] () {
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    }
  }
}
