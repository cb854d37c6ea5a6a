import type { CandidatePair } from '../../protocols/webrtc/transport.ts'
import type { LegStats, LinkQuality } from '../../room/leg.ts'
import type { Demux } from './demux.ts'
import type { Intake } from './intake.ts'
import type { Publishing } from './publishing.ts'

export type PublisherFigures = Pick<LegStats, 'packetsIn' | 'bytesIn' | 'packetsOut' | 'bytesOut'> & {
  readonly demux: Demux | undefined
  readonly publishing: Publishing
  readonly pair: CandidatePair | undefined
}

export function describePublisher ({ demux, publishing, pair, ...counters }: PublisherFigures): LegStats {
  const intakes = demux?.intakes ?? []
  const streams = Object.fromEntries(publishing.published.map(({ kind, codec }) => [kind, describe(codec.name, intakes.find(intake => intake.codec.kind === kind))]))
  return {
    ...counters,
    ...intakes.length > 0 ? { quality: qualityOf(intakes) } : {},
    advice: [],
    detail: { ...streams, strayPackets: demux?.strays ?? 0, ice: pair && { local: pair.localType, remote: pair.remoteType, protocol: pair.protocol.toLowerCase() } }
  }
}

const qualityOf = (intakes: readonly Intake[]): LinkQuality =>
  ({ packetsLost: sum(intakes, ({ reception }) => reception.lost), jitterMs: Math.max(...intakes.map(({ reception }) => reception.jitterMs)) })

function describe (codec: string, intake: Intake | undefined): Record<string, unknown> {
  if (!intake) return { codec, flowing: false }
  const { reception: { packets, bytes, lost, jitterMs }, repaired, picturesAskedFor } = intake
  return { codec, flowing: true, packets, bytes, lost, jitterMs, repaired, ...intake.codec.kind === 'video' ? { plis: picturesAskedFor } : {} }
}

function sum (intakes: readonly Intake[], of: (intake: Intake) => number): number {
  let total = 0
  for (const intake of intakes) total += of(intake)
  return total
}
