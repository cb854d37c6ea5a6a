import type { BurstFigures } from '../../media/quality/loss-bursts.ts'
import type { Scalability, Size } from '../../media/scalability.ts'
import type { CandidatePair } from '../../protocols/webrtc/transport.ts'
import type { LegStats, LinkQuality } from '../../room/leg.ts'
import type { Track } from '../../room/track.ts'
import type { Demux } from './demux.ts'
import type { Intake } from './intake.ts'
import type { Publishing } from './publishing.ts'

export type PublisherFigures = Pick<LegStats, 'packetsIn' | 'bytesIn' | 'packetsOut' | 'bytesOut'> & {
  readonly demux: Demux | undefined
  readonly publishing: Publishing
  readonly pair: CandidatePair | undefined
  readonly roundTripMs: number | undefined
}

export function describePublisher ({ demux, publishing, pair, roundTripMs, ...counters }: PublisherFigures): LegStats {
  const intakes = demux?.intakes ?? []
  const streams = Object.fromEntries(publishing.published.map(({ kind, codec }) => [kind, describe(codec.name, intakes.filter(intake => intake.codec.kind === kind))]))
  return {
    ...counters,
    ...intakes.length > 0 ? { quality: qualityOf(intakes, roundTripMs) } : {},
    advice: [],
    detail: { ...streams, ...demux?.uplink.describe(), strayPackets: demux?.strays ?? 0, ice: pair && { local: pair.localType, remote: pair.remoteType, address: pair.remote, protocol: pair.protocol.toLowerCase() } }
  }
}

function qualityOf (intakes: readonly Intake[], roundTripMs: number | undefined): LinkQuality {
  const picture = intakes.find(({ codec }) => codec.kind === 'video')
  return {
    packetsLost: sum(intakes, ({ reception }) => reception.lost),
    jitterMs: Math.max(...intakes.map(({ reception }) => reception.jitterMs)),
    ...roundTripMs === undefined ? {} : { roundTripMs },
    bursts: worst(intakes.map(({ reception }) => reception.bursts)),
    ...picture ? { freezes: { count: picture.freezes.count, totalMs: picture.freezes.totalMs } } : {}
  }
}

const worst = (all: readonly BurstFigures[]): BurstFigures => all.reduce((a, b) => b.longestPackets > a.longestPackets ? b : a)

/** @param intakes one, or the layers of a picture */
function describe (codec: string, intakes: readonly Intake[]): Record<string, unknown> {
  const [first] = intakes
  if (!first) return { codec, flowing: false }
  return {
    codec: first.codec.name,
    flowing: true,
    packets: sum(intakes, ({ reception }) => reception.packets),
    bytes: sum(intakes, ({ reception }) => reception.bytes),
    lost: sum(intakes, ({ reception }) => reception.lost),
    jitterMs: Math.max(...intakes.map(({ reception }) => reception.jitterMs)),
    bursts: worst(intakes.map(({ reception }) => reception.bursts)),
    repaired: sum(intakes, ({ repaired }) => repaired),
    ...first.codec.kind === 'audio' ? { restored: sum(intakes, ({ restored }) => restored) } : {},
    ...first.codec.kind === 'video' ? { plis: sum(intakes, ({ picturesAskedFor }) => picturesAskedFor) } : {},
    ...first.rid === '' ? {} : { layers: intakes.map(({ rid, track }) => ({ rid, bitrate: track?.bitrate ?? 0 })) },
    ...first.scalability ? describeScalable(first.scalability, first.track?.layers ?? []) : {}
  }
}

/** One stream in layers, by its name in W3C “Scalable Video Coding”. */
function describeScalable ({ spatialLayers, temporalLayers, sizes }: Scalability, layers: readonly Track[]): Record<string, unknown> {
  const sizeOf = (layer: number): Size | undefined => sizes[spatialLayers > 1 ? layer : 0]
  return { scalability: `L${spatialLayers}T${temporalLayers}`, layers: layers.map(({ rid, bitrate = 0 }, layer) => ({ rid, ...sizeOf(layer), bitrate })) }
}

function sum (intakes: readonly Intake[], of: (intake: Intake) => number): number {
  let total = 0
  for (const intake of intakes) total += of(intake)
  return total
}
