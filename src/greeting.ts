import type { Ingress } from './store/ingresses.ts'

export type Greeting = {
  readonly version: string
  readonly readyInMs: number
  readonly httpUrl: string
  readonly rtmpUrl: string | undefined
  readonly metricsUrl: string | undefined
  readonly mediaPort: number
  readonly mediaTcpPort: number | undefined
  readonly dataDir: string
  /** Where a generated admin key lies. */
  readonly keyFile: string | undefined
  /** Logs one person in, once. */
  readonly loginToken: string | undefined
  /** The door that is there from the start; only where the database is a person's own. */
  readonly demo: Ingress | undefined
  /** The demo clip is being published. */
  readonly showsDemo: boolean
  readonly notes: readonly string[]
}

const BOLD = '\x1b[1m'
const DIM = '\x1b[2m'
const RESET = '\x1b[0m'

/** What a person who just started the service wants to know. Colours only where somebody sees them. */
export function greet (greeting: Greeting, colours: boolean): string {
  const paint = (style: string, text: string): string => colours ? `${style}${text}${RESET}` : text
  const lines = linesOf(greeting).filter((line): line is [string, string] => line[1] !== undefined)
  const width = Math.max(...lines.map(([label]) => label.length))
  return [
    '',
    `  ${paint(BOLD, 'AuraLink Ingress-Egress')} ${greeting.version}  ${paint(DIM, `ready in ${(greeting.readyInMs / 1000).toFixed(2)} s`)}`,
    '',
    ...lines.map(([label, value]) => `  ${paint(DIM, label.padEnd(width))}  ${value}`),
    '',
    ...hintsOf(greeting).map(hint => `  ${hint}`),
    ''
  ].join('\n')
}

function linesOf ({ httpUrl, loginToken, keyFile, rtmpUrl, demo, metricsUrl, mediaPort, mediaTcpPort, dataDir }: Greeting): [string, string | undefined][] {
  const room = demo?.room ?? '{room}'
  return [
    ['Console', loginToken === undefined ? `${httpUrl}/` : `${httpUrl}/?login=${loginToken}`],
    ['Admin key', keyFile && `in ${keyFile}`],
    ['RTMP URL', rtmpUrl],
    ['Stream key', rtmpUrl && demo?.streamKey],
    ['WHIP', `${httpUrl}/whip/${room}`],
    ['WHEP', `${httpUrl}/whep/${room}`],
    ['API', `${httpUrl}/openapi.json`],
    ['Metrics', metricsUrl],
    ['Media', `UDP port ${mediaPort}${mediaTcpPort === undefined ? '' : `, TCP port ${mediaTcpPort}`}`],
    ['Data', dataDir]
  ]
}

function hintsOf ({ demo, rtmpUrl, showsDemo, loginToken, notes }: Greeting): string[] {
  const hints = [...notes]
  if (loginToken !== undefined) hints.push('The console link logs you in once; `npm start -- --login` prints another.')
  if (showsDemo) hints.push('A demo clip is live in the room “demo”.')
  else if (demo && rtmpUrl) hints.push('No encoder at hand? `npm start -- --demo` publishes a clip by itself.')
  return [...hints, 'Ctrl-C stops, and finishes recordings first.']
}
