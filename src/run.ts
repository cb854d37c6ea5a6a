import { once } from 'node:events'
import { App } from './app.ts'
import { commandLine, type CommandLine } from './config/command-line.ts'
import { type Config, type ConfigSources, load } from './config/load.ts'
import { ConfigError } from './config/problems.ts'
import { configCommand } from './config/report.ts'
import { AppError } from './lib/errors.ts'
import { createLogger, type Logger } from './lib/log.ts'

/** A second Ctrl-C or SIGTERM ends the process at once. */
const EXIT_INTERRUPTED = 130
const EXIT_MISCONFIGURED = 2

/**
 * The program: reads the configuration, runs the service until a signal, drains it.
 * @param onStarted called when the service is ready.
 * @returns the exit code
 */
export async function run (argv: readonly string[], env: NodeJS.ProcessEnv, onStarted: () => void): Promise<number> {
  try {
    const cli = commandLine(argv)
    const output = configCommand(cli, { env })
    if (output) return tell(output.text, output.exitCode)
    return await serve({ argv: cli, env }, cli, onStarted)
  } catch (error) {
    if (error instanceof ConfigError) return tell(error.message, EXIT_MISCONFIGURED)
    if (error instanceof AppError) return tell(error.message, 1)
    throw error
  }
}

async function serve (sources: ConfigSources, cli: CommandLine, onStarted: () => void): Promise<number> {
  const loaded = load(sources)
  const log = openLog(loaded.config)
  reportStrayErrors(log)
  const signals = watchSignals()
  await using app = await App.start({ loaded, sources, cli, log })
  process.on('SIGHUP', () => app.reload())
  onStarted()
  const signal = await signals
  log.info({ signal }, 'stopping')
  // Ctrl-C is a person who waits; SIGTERM is an orchestrator that has told clients to go elsewhere.
  await app.drain(signal === 'SIGINT' ? 0 : app.drainDeadlineMs)
  return 0
}

export function openLog ({ service: { bridgeId }, logging: { level, format, structured: { service, environment, version } } }: Config): Logger {
  return createLogger({ level, format, fields: { service, environment, version, bridge: bridgeId } })
}

/** Resolves with the first SIGINT or SIGTERM; the second ends the process. */
async function watchSignals (): Promise<'SIGINT' | 'SIGTERM'> {
  const first = await Promise.race((['SIGINT', 'SIGTERM'] as const).map(signal => once(process, signal).then(() => signal)))
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(EXIT_INTERRUPTED))
  return first
}

/** A promise nobody waited for costs a log line, not the calls of everybody else. A thrown error nobody caught ends the process. */
function reportStrayErrors (log: Logger): void {
  process.on('unhandledRejection', error => log.error({ error }, 'a promise was rejected and nobody was waiting for it'))
  process.on('uncaughtExceptionMonitor', error => log.error({ error }, 'an error nobody caught: the process ends'))
}

function tell (text: string, exitCode: number): number {
  const stream = exitCode === 0 ? process.stdout : process.stderr
  stream.write(text.endsWith('\n') ? text : `${text}\n`)
  return exitCode
}
