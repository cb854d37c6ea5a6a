import type { MediaKind } from '../../media/codec.ts'
import type { CandidatePair } from '../../protocols/webrtc/transport.ts'
import type { Advice, LegStats, LinkQuality } from '../../room/leg.ts'
import type { Outlet } from './outlet.ts'
import type { Viewing } from './viewing.ts'

export type ViewerFigures = {
  readonly outlets: ReadonlyMap<MediaKind, Outlet>
  readonly viewing: Viewing
  readonly pair: CandidatePair | undefined
  readonly packetsIn: number
  readonly bytesIn: number
  readonly downlink: Record<string, unknown> | undefined
  readonly showing: string | undefined
  readonly advice: readonly Advice[]
}

export function describeViewer ({ outlets, viewing, pair, packetsIn, bytesIn, downlink, showing, advice }: ViewerFigures): LegStats {
  const all = [...outlets.values()]
  const quality = qualityOf(all)
  return {
    packetsIn,
    packetsOut: sum(all, ({ sender }) => sender.packets + sender.resent),
    bytesIn,
    bytesOut: sum(all, ({ sender }) => sender.bytes),
    ...quality ? { quality } : {},
    advice,
    detail: {
      participant: showing,
      video: describe('video', outlets, viewing),
      audio: describe('audio', outlets, viewing),
      ...downlink ? { downlink } : {},
      ice: pair && { local: pair.localType, remote: pair.remoteType, protocol: pair.protocol.toLowerCase() }
    }
  }
}

function describe (kind: MediaKind, outlets: ReadonlyMap<MediaKind, Outlet>, { viewed }: Viewing): Record<string, unknown> | undefined {
  const section = viewed[kind]
  if (!section) return undefined
  const outlet = outlets.get(kind)
  const { codec: { name, payloadType }, rtx } = section.negotiated
  const common = { codec: section.codec.name, payloadType, negotiated: name, retransmission: rtx ? 'rtx' : 'plain' }
  if (!outlet) return common
  const { sender: { packets, resent, nacked, refused, quality }, picturesLost, framesFromBacklog, layerSwitches, track, layer } = outlet
  const layers = track?.layers ?? []
  return {
    ...common,
    flowing: track !== undefined,
    transcoded: track?.id.includes('/') ?? false,
    packets,
    resent,
    nacks: nacked,
    sendFailures: refused,
    ...kind === 'video' ? { plis: picturesLost, framesFromBacklog } : {},
    ...layer && layers.length > 0 ? { layer: layers.indexOf(layer), layerBitrates: layers.map(({ bitrate }) => bitrate ?? 0), layerSwitches } : {},
    ...quality ? { lossFraction: quality.lossFraction, lost: quality.lost, jitterMs: quality.jitterMs, roundTripMs: quality.roundTripMs } : {}
  }
}

function qualityOf (outlets: readonly Outlet[]): LinkQuality | undefined {
  const reported = outlets.map(({ sender }) => sender.quality).filter(quality => quality !== undefined)
  if (reported.length === 0) return undefined
  const roundTrips = reported.map(({ roundTripMs }) => roundTripMs).filter(ms => ms !== undefined)
  return {
    packetsLost: sum(outlets, ({ sender }) => sender.mostLost),
    jitterMs: Math.max(...reported.map(({ jitterMs }) => jitterMs)),
    ...roundTrips.length > 0 ? { roundTripMs: Math.max(...roundTrips) } : {}
  }
}

function sum (outlets: readonly Outlet[], of: (outlet: Outlet) => number): number {
  let total = 0
  for (const outlet of outlets) total += of(outlet)
  return total
}
