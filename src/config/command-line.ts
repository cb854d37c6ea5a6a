import { Command, CommanderError } from 'commander'
import { ConfigError } from './problems.ts'
import { version } from './version.ts'

export type CommandLine = {
  /** `run` starts the service; the others print and end. */
  readonly mode: 'run' | 'check-config' | 'print-config' | 'help' | 'version'
  /** What to print, with `help` and `version`. */
  readonly text: string
  readonly configFile: string | undefined
  /** `--set key=value`, in the order given. */
  readonly set: readonly (readonly [key: string, value: string])[]
  /** Publish a synthetic clip, so that there is something to see. */
  readonly demo: boolean
  /** Start stand-ins for the Dashboard and the other services around this one. */
  readonly withSimulators: boolean
  /** Print a fresh login link for the console. */
  readonly login: boolean
}

type Options = { config?: string, set: string[], checkConfig?: true, printConfig?: true, demo?: true, withSimulators?: true, login?: true }

/**
 * @param argv without the program's own name.
 * @throws ConfigError for options that do not exist or lack their value.
 */
export function commandLine (argv: readonly string[]): CommandLine {
  let text = ''
  let mode: CommandLine['mode'] = 'run'
  const command = describe(line => { text += line })
  try {
    command.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') mode = 'help'
    else if (error.code === 'commander.version') mode = 'version'
    else throw new ConfigError([{ origin: { source: 'command line' }, message: error.message.replace(/^error: /, '') }])
  }
  const options = command.opts<Options>()
  if (mode === 'run' && options.checkConfig) mode = 'check-config'
  if (mode === 'run' && options.printConfig) mode = 'print-config'
  return {
    mode,
    text,
    configFile: options.config,
    set: options.set.map(assignment),
    demo: options.demo ?? false,
    withSimulators: options.withSimulators ?? false,
    login: options.login ?? false
  }
}

function describe (write: (text: string) => void): Command {
  return new Command('auralink')
    .description('Phones, encoders, WebRTC apps, streaming platforms and recordings, in and out of one real-time conference.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this')
    .option('--config <file>', 'configuration file (or CONFIG_FILE; else /etc/auralink/auralink.conf if there is one)')
    .option('--set <key=value>', 'a setting that wins over file and environment; may be repeated', (value, all: string[]) => [...all, value], [])
    .option('--check-config', 'check the configuration, list every mistake, and end')
    .option('--print-config', 'print every setting with where it comes from, secrets hidden, and end')
    .option('--demo', 'publish a synthetic clip: a clock, and a beep with a flash each second')
    .option('--with-simulators', 'start simulators of the services around this one')
    .option('--login', 'print a new login link for the console')
    .addHelpText('after', '\nEvery setting: docs/configuration.md and auralink.conf\n')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => {} })
}

function assignment (written: string): [string, string] {
  const at = written.indexOf('=')
  if (at < 1) throw new ConfigError([{ origin: { source: 'command line' }, message: `--set ${written}: expected key=value` }])
  return [written.slice(0, at).trim(), written.slice(at + 1)]
}
