import { Generated, SameAs, type Setting } from './setting.ts'
import { roots } from './settings.ts'
import { DEFAULT_FILE } from './sources.ts'
import { fullKey, rowOf, rows, type Row } from './table.ts'
import { inHocon } from './write.ts'

/** auralink.conf and docs/configuration.md, made from the table of settings by scripts/make-config-docs.ts. */

const MADE = 'Made from src/config/settings.ts by `node scripts/make-config-docs.ts`: change it there.'

type Table = { readonly [name: string]: Setting<unknown> | Table }

/** The sample file: every setting, commented out, with its default. */
export function sampleFile (): string {
  const head = [
    '# AuraLink Ingress-Egress: every setting with its default. Remove the # before those you change.',
    `# ${MADE}`,
    `# The service reads ${DEFAULT_FILE}, or the file named by --config or CONFIG_FILE; never this one by itself.`,
    '# The environment variable in brackets wins over the file, --set key=value over both.'
  ]
  return `${[...head, ...Object.entries(roots).flatMap(([name, table]) => ['', ...section(name, table, '')])].join('\n')}\n`
}

function section (name: string, table: Table, indent: string): string[] {
  const inner = `${indent}  `
  const lines = Object.entries(table).flatMap(([key, value], index) => {
    const gap = index > 0 && indent.length < 4 ? [''] : []
    return 'kind' in value ? sampleRow(key, value as Setting<unknown>, inner) : [...gap, ...section(key, value, inner)]
  })
  return [`${indent}${name} {`, ...lines, `${indent}}`]
}

function sampleRow (key: string, { doc, extras, fallback, kind }: Setting<unknown>, indent: string): string[] {
  const marks = [extras.env, extras.later && 'no effect yet', extras.live && 'live'].filter(mark => typeof mark === 'string')
  const about = `${indent}# ${doc} (${kind})${marks.length > 0 ? ` [${marks.join(', ')}]` : ''}`
  if (fallback instanceof Generated) return [about, `${indent}# ${key} = ${JSON.stringify(`<${fallback.description}>`)}`]
  if (fallback === undefined) return [about, `${indent}# ${key} = ${extras.example === undefined ? '' : inHocon(extras.example)}`.trimEnd()]
  return [about, `${indent}# ${key} = ${defaultText(fallback)}`]
}

const defaultText = (fallback: unknown): string =>
  fallback instanceof SameAs ? `\${${fullKey(fallback.key)}}` : fallback instanceof Generated ? fallback.description : inHocon(fallback)

function describeDefault (fallback: unknown): string {
  if (!(fallback instanceof SameAs)) return fallback instanceof Generated ? fallback.description : `\`${defaultText(fallback)}\``
  const target = rowOf(fullKey(fallback.key))
  return `${describeDefault(target?.setting.fallback)}, as \`${fallback.key}\``
}

const INTRODUCTION = `# Configuration

${MADE}

A setting comes from, each winning over the one before: its default here, the configuration file, its environment variable, and \`--set
key=value\` on the command line. \`npm start -- --check-config\` lists every mistake at once with its place; \`npm start --
--print-config\` shows every setting with where its value comes from, secrets hidden.

- **The file** is \`${DEFAULT_FILE}\` if it exists, or the one named by \`--config FILE\` or \`CONFIG_FILE\`. It is HOCON;
  \`auralink.conf\` in this repository is a sample with every key, and is not read by itself. \`include "more.conf"\` works inside the
  file's own folder; \`url()\` and \`classpath()\` do not. \`\${?NAME}\` reads an environment variable.
- **Variables** that are empty count as not set. Lists are written with commas: \`MEDIA_PUBLIC_IPS=203.0.113.7,2001:db8::7\`, lists of
  objects as in the file: \`ICE_SERVERS='[{ urls = ["stun:stun.example.com:3478"] }]'\`. A secret may be in a file instead: \`DB_PASSWORD_FILE=/run/secrets/db\`.
- **On the command line** keys may leave out \`auralink.\`: \`--set redis.host=redis --set 'sip.codecs=["opus"]'\`.
- **Durations** are \`500ms\`, \`10s\`, \`5 minutes\`, \`1h\`, \`2d\`; a bare number counts milliseconds (seconds where the type says so).
  **Sizes** are \`512KiB\`, \`1GiB\`, \`10MB\`; a bare number counts bytes. **true or false** may be \`yes\`, \`on\`, \`no\`, \`off\`.
  Port 0 is any free port.
- **Relative paths** are relative to the working directory.
- Settings marked *live* change with SIGHUP; for the others the log says that a restart is needed. Settings marked *no effect yet* belong
  to features that are not there yet; they are accepted, and \`--check-config\` says so.
- An unknown key is a mistake. Below \`videobridge\` it is only noted, since Jitsi has many that mean nothing here.
- Without \`DATABASE_URL\` the embedded database is used, without \`REDIS_HOST\` memory, and without \`DASHBOARD_SERVICE_URL\`,
  \`AI_CORE_GRPC_URL\`, \`WEBRTC_SERVER_URL\` or \`COMMUNICATION_SERVICE_URL\` none of these services: the addresses the original file had
  for them are shown as examples, not used as defaults.
`

/** The reference page. */
export function docsPage (): string {
  const sections = Map.groupBy(rows, row => row.path.slice(0, 2).join('.'))
  const pages = [...sections].map(([name, settings]) => {
    const root = settings.some(row => row.path.length > 2) ? name : name.split('.')[0]
    return `## ${root}\n\n| Key | Type | Default | Variable | Meaning |\n| --- | --- | --- | --- | --- |\n${settings.map(docsRow).join('\n')}\n`
  })
  return `${[INTRODUCTION, ...pages].join('\n')}`
}

function docsRow ({ path, setting: { kind, fallback, doc, extras } }: Row): string {
  const key = path.slice(2).join('.') || path.at(-1)
  const example = extras.example === undefined ? '' : ` (e.g. \`${extras.example}\`)`
  const shown = fallback === undefined ? `not set${example}` : describeDefault(fallback)
  const variables = [extras.env, extras.env !== undefined && extras.secret && `${extras.env}_FILE`]
    .filter(name => typeof name === 'string').map(name => `\`${name}\``)
  const marks = [extras.secret && '*secret*', extras.live && '*live*', extras.later && '*no effect yet*'].filter(mark => typeof mark === 'string')
  const cells = [`\`${key}\``, kind, shown, variables.join(', '), [doc, ...marks].join(' ')]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`
}
