import { type CommandLine } from './command-line.ts'
import { describeOrigin } from './hocon/values.ts'
import { load, type ConfigSources, type Loaded } from './load.ts'
import { ConfigError } from './problems.ts'
import { Structured } from './setting.ts'
import type { Entry } from './table.ts'
import { inHocon } from './write.ts'
import { version } from './version.ts'

/** What `--help`, `--version`, `--check-config` and `--print-config` print, and the exit code that goes with it. */
export type Output = { readonly text: string, readonly exitCode: 0 | 1 }

/** @returns undefined when the command line asks for the service to run. */
export function configCommand (cli: CommandLine, sources: Omit<ConfigSources, 'argv'> = {}): Output | undefined {
  if (cli.mode === 'run') return undefined
  if (cli.mode === 'help') return { text: cli.text, exitCode: 0 }
  if (cli.mode === 'version') return { text: `${version}\n`, exitCode: 0 }
  try {
    const loaded = load({ ...sources, argv: cli })
    return { text: cli.mode === 'check-config' ? describeCheck(loaded) : describeConfig(loaded), exitCode: 0 }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { text: `${error.message}\n`, exitCode: 1 }
  }
}

function describeCheck ({ files, notes, entries }: Loaded): string {
  const from = files.length > 0 ? `from ${files.join(', ')}` : 'without a file'
  const lines = [`The configuration is valid: ${entries.length} settings, ${from}.`, ...notes.map(note => `  note: ${note}`)]
  return `${lines.join('\n')}\n`
}

const COMMENT_COLUMN = 60

/** Every setting, one a line, in HOCON, with where its value comes from behind it. What is not set is commented out. */
export function describeConfig ({ entries }: Pick<Loaded, 'entries'>): string {
  const lines = entries.map(({ key, value, written, setting, origin }) => {
    const withUnit = typeof value === 'number' && written?.type === 'string' && written.value !== String(value)
    const readable = withUnit ? written.value : value // `5s`, not 5000.
    const shown = value === undefined ? `# ${key} is not set` : `${key} = ${setting.extras.secret ? withoutSecrets({ setting, value }) : inHocon(readable)}`
    return `${shown.padEnd(COMMENT_COLUMN)} # ${describeOrigin(origin)}`
  })
  return `${lines.join('\n')}\n`
}

const withoutSecrets = ({ setting, value }: Pick<Entry, 'setting' | 'value'>): string =>
  setting instanceof Structured && Array.isArray(value) ? inHocon(setting.hidden(value)) : '[hidden]'
