import type { MediaKind } from '../../media/codec.ts'
import type { CandidatePair } from '../../protocols/webrtc/transport.ts'
import type { Advice, LegStats, LinkQuality } from '../../room/leg.ts'
import type { Outlet } from './outlet.ts'
import type { Scene } from './stage.ts'
import type { ViewedSection } from './viewing.ts'

export type ViewerFigures = {
  readonly viewed: readonly ViewedSection[]
  /** Of the sections viewed, in their order; empty before the connection is made. */
  readonly outlets: readonly Outlet[]
  readonly scene: Scene | undefined
  readonly pair: CandidatePair | undefined
  readonly packetsIn: number
  readonly bytesIn: number
  readonly downlink: Record<string, unknown> | undefined
  readonly link: Pick<LinkQuality, 'bursts' | 'estimatedBitrate'>
  readonly advice: readonly Advice[]
}

export function describeViewer ({ viewed, outlets, scene, pair, packetsIn, bytesIn, downlink, link, advice }: ViewerFigures): LegStats {
  const quality = qualityOf(outlets, link)
  const sections = viewed.map((section, index) => describe(section, outlets[index], scene))
  const first = (kind: MediaKind): Record<string, unknown> | undefined => sections[viewed.findIndex(section => section.kind === kind)]
  const video = first('video')
  const audio = first('audio')
  return {
    packetsIn,
    packetsOut: sum(outlets, ({ sender }) => sender.packets + sender.resent),
    bytesIn,
    bytesOut: sum(outlets, ({ sender }) => sender.bytes),
    ...quality ? { quality } : {},
    advice,
    detail: {
      participant: video?.participant ?? audio?.participant,
      video,
      audio,
      ...sections.length > 2 ? { sections } : {},
      ...downlink ? { downlink } : {},
      ice: pair && { local: pair.localType, remote: pair.remoteType, address: pair.remote, protocol: pair.protocol.toLowerCase() }
    }
  }
}

function describe ({ kind, mid, place, codec, negotiated }: ViewedSection, outlet: Outlet | undefined, scene: Scene | undefined): Record<string, unknown> {
  const { codec: { name, payloadType }, rtx } = negotiated
  const participant = scene?.[kind][place]?.owner.info.identity
  const common = { mid, kind, participant, codec: codec.name, payloadType, negotiated: name, retransmission: rtx ? 'rtx' : 'plain' }
  if (!outlet) return common
  const { sender: { packets, resent, padded, nacked, refused, quality }, picturesLost, framesFromBacklog, layerSwitches, track, layer, redundancy } = outlet
  const layers = track?.layers ?? []
  return {
    ...common,
    flowing: track !== undefined,
    transcoded: track?.twinOf !== undefined,
    packets,
    resent,
    nacks: nacked,
    ...padded > 0 ? { padded } : {},
    sendFailures: refused,
    ...redundancy ? { repeatedFrames: redundancy.depth } : {},
    ...kind === 'video' ? { plis: picturesLost, framesFromBacklog } : {},
    ...layer && layers.length > 0 ? { layer: layers.indexOf(layer), layerBitrates: layers.map(({ bitrate }) => bitrate ?? 0), layerSwitches } : {},
    ...quality ? { lossFraction: quality.lossFraction, lost: quality.lost, jitterMs: quality.jitterMs, roundTripMs: quality.roundTripMs } : {}
  }
}

/** What viewers report; they do not say when a picture froze, so the freezes are those of what was sent. */
function qualityOf (outlets: readonly Outlet[], link: Pick<LinkQuality, 'bursts' | 'estimatedBitrate'>): LinkQuality | undefined {
  const reported = outlets.map(({ sender }) => sender.quality).filter(quality => quality !== undefined)
  if (reported.length === 0) return undefined
  const roundTrips = reported.map(({ roundTripMs }) => roundTripMs).filter(ms => ms !== undefined)
  const pictures = outlets.filter(({ codec }) => codec.kind === 'video')
  const layered = pictures.find(({ track, layer }) => track && layer && track.layers.length > 1)
  return {
    packetsLost: sum(outlets, ({ sender }) => sender.mostLost),
    jitterMs: Math.max(...reported.map(({ jitterMs }) => jitterMs)),
    ...roundTrips.length > 0 ? { roundTripMs: Math.max(...roundTrips) } : {},
    ...pictures.length > 0 ? { freezes: { count: sum(pictures, ({ freezes }) => freezes.count), totalMs: sum(pictures, ({ freezes }) => freezes.totalMs) } } : {},
    ...layered ? { layer: layered.track!.layers.indexOf(layered.layer!) } : {},
    ...link
  }
}

function sum (outlets: readonly Outlet[], of: (outlet: Outlet) => number): number {
  let total = 0
  for (const outlet of outlets) total += of(outlet)
  return total
}
