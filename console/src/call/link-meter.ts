const HISTORY_POINTS = 60

/** What `getStats` gives, as far as it is read here (W3C WebRTC statistics). Times in seconds. */
export type StatsEntry = {
  readonly type: string
  readonly kind?: string
  readonly rid?: string
  readonly bytesSent?: number
  readonly bytesReceived?: number
  readonly packetsReceived?: number
  readonly packetsLost?: number
  readonly fractionLost?: number
  readonly roundTripTime?: number
  readonly currentRoundTripTime?: number
  readonly nominated?: boolean
  readonly jitterBufferDelay?: number
  readonly jitterBufferEmittedCount?: number
  readonly framesDropped?: number
  readonly framesPerSecond?: number
  readonly frameWidth?: number
  readonly frameHeight?: number
  readonly active?: boolean
  readonly qualityLimitationReason?: string
  readonly audioLevel?: number
}

/** What is plotted. Undefined where it was not measured. */
export const plots = {
  bitrate: 'Bitrate',
  lossPercent: 'Packets lost',
  roundTripMs: 'Round trip',
  jitterBufferMs: 'Jitter buffer',
  framesDropped: 'Frames dropped'
} as const
export type Plot = keyof typeof plots
export type Reading = { readonly [plot in Plot]: number | undefined } & {
  readonly sends: boolean
  /** The largest picture sent or received. */
  readonly picture: { readonly width: number, readonly height: number, readonly fps: number | undefined, readonly layer: string | undefined } | undefined
  /** Why the browser sends less than it could: `cpu`, `bandwidth`. */
  readonly limitedBy: string | undefined
}

type Totals = { atMs: number, bytes: number, received: number, lost: number, bufferS: number, emitted: number, dropped: number }

/** Makes rates and a short history of one connection's counters. */
export class LinkMeter {
  #totals: Totals | undefined
  #reading: Reading | undefined
  readonly #history = new Map<Plot, readonly number[]>()

  get reading (): Reading | undefined { return this.#reading }

  /** Oldest first. */
  history (plot: Plot): readonly number[] { return this.#history.get(plot) ?? [] }

  /** @param atMs a clock that does not go back */
  push (atMs: number, entries: Iterable<StatsEntry>): void {
    const all = [...entries]
    const before = this.#totals
    const now = this.#totals = totalsOf(atMs, all)
    if (!before || atMs <= before.atMs) return
    const reading = this.#reading = readingOf(before, now, all)
    for (const plot of Object.keys(plots) as Plot[]) {
      const value = reading[plot]
      if (value !== undefined) this.#history.set(plot, [...this.history(plot).slice(1 - HISTORY_POINTS), value])
    }
  }
}

/** How loud it is, 0 to 1: what comes, or what is taken from the microphone. */
export function levelOf (entries: Iterable<StatsEntry>): number {
  let level = 0
  for (const { type, kind, audioLevel = 0 } of entries) {
    if (kind === 'audio' && (type === 'inbound-rtp' || type === 'media-source')) level = Math.max(level, audioLevel)
  }
  return level
}

function totalsOf (atMs: number, entries: readonly StatsEntry[]): Totals {
  const sum: Totals = { atMs, bytes: 0, received: 0, lost: 0, bufferS: 0, emitted: 0, dropped: 0 }
  for (const entry of entries) {
    if (entry.type === 'outbound-rtp') sum.bytes += entry.bytesSent ?? 0
    if (entry.type !== 'inbound-rtp') continue
    sum.bytes += entry.bytesReceived ?? 0
    sum.received += entry.packetsReceived ?? 0
    sum.lost += entry.packetsLost ?? 0
    sum.dropped += entry.framesDropped ?? 0
    sum.bufferS += entry.jitterBufferDelay ?? 0
    sum.emitted += entry.jitterBufferEmittedCount ?? 0
  }
  return sum
}

function readingOf (before: Totals, now: Totals, entries: readonly StatsEntry[]): Reading {
  const sends = entries.some(({ type }) => type === 'outbound-rtp')
  const ofType = (type: string): readonly StatsEntry[] => entries.filter(entry => entry.type === type)
  const reports = ofType('remote-inbound-rtp')
  const limits = ofType('outbound-rtp').map(entry => entry.qualityLimitationReason).filter(reason => reason !== undefined && reason !== 'none')
  const emitted = now.emitted - before.emitted
  return {
    sends,
    bitrate: Math.max(0, now.bytes - before.bytes) * 8000 / (now.atMs - before.atMs),
    lossPercent: sends ? percent(largest(reports.map(entry => entry.fractionLost))) : lossSince(before, now),
    roundTripMs: milliseconds(largest(reports.map(entry => entry.roundTripTime)) ?? largest(ofType('candidate-pair').filter(pair => pair.nominated).map(pair => pair.currentRoundTripTime))),
    jitterBufferMs: emitted > 0 ? (now.bufferS - before.bufferS) * 1000 / emitted : undefined,
    framesDropped: sends ? undefined : Math.max(0, now.dropped - before.dropped),
    picture: pictureOf(entries),
    limitedBy: limits[0]
  }
}

function lossSince (before: Totals, now: Totals): number | undefined {
  const lost = Math.max(0, now.lost - before.lost) // Goes back when what was late comes after all.
  const expected = now.received - before.received + lost
  return expected > 0 ? lost * 100 / expected : undefined
}

function pictureOf (entries: readonly StatsEntry[]): Reading['picture'] {
  const pictures = entries.filter(({ type, kind, active, frameWidth, frameHeight }) =>
    (type === 'outbound-rtp' || type === 'inbound-rtp') && kind === 'video' && active !== false && frameWidth && frameHeight)
  const [best] = pictures.toSorted((a, b) => (b.frameHeight ?? 0) - (a.frameHeight ?? 0))
  if (!best) return undefined
  return { width: best.frameWidth ?? 0, height: best.frameHeight ?? 0, fps: best.framesPerSecond, layer: pictures.length > 1 ? best.rid : undefined }
}

const largest = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter(value => value !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}
const percent = (fraction: number | undefined): number | undefined => fraction === undefined ? undefined : fraction * 100
const milliseconds = (seconds: number | undefined): number | undefined => seconds === undefined ? undefined : seconds * 1000
