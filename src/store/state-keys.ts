import type { Bridge } from '../room/bridge.ts'
import type { Participant, Room } from '../room/room.ts'
import type { CacheValue } from './cache.ts'

/** What does not change while the bridge runs. */
export type BridgeFacts = { readonly bridgeId: string, readonly region: string, readonly capacity: number }

export type SharedState = {
  /** Keys this bridge alone writes. */
  readonly own: ReadonlyMap<string, CacheValue>
  /** Rooms this bridge serves: sets that other bridges write to as well. */
  readonly rooms: ReadonlySet<string>
}

/** Counts in a bridge's status that are summed over all bridges, and the keys that hold the sums. */
export const totals = {
  conferences: 'metrics:conferences:count',
  participants: 'metrics:participants:count',
  sipCalls: 'metrics:sip:calls',
  rtmpStreams: 'metrics:rtmp:streams'
} as const

export const statusKey = (bridgeId: string): string => `bridge:${bridgeId}:status`
export const roomBridgesKey = (room: string): string => `room:${room}:bridges`

const hash = (fields: Record<string, string | number>): CacheValue =>
  ({ type: 'hash', fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])) })
const set = (members: readonly string[]): CacheValue => ({ type: 'set', members })

/**
 * Everything the cache says of this bridge.
 * @param kbps the bit rate of a room's tracks, measured by the caller
 */
export function sharedState (bridge: Bridge, facts: BridgeFacts, kbps: (room: Room) => number): SharedState {
  const { rooms } = bridge
  const participants = rooms.flatMap(room => [...room.participants.values()])
  const own = new Map<string, CacheValue>([
    [statusKey(facts.bridgeId), hash(bridgeStatus(bridge, facts, participants.length))],
    [`bridge:${facts.bridgeId}:conferences`, set(rooms.map(room => room.id))],
    [`bridge:${facts.bridgeId}:participants`, set(participants.map(participant => participant.info.id))]
  ])
  for (const room of rooms) describeRoom(own, room, facts.bridgeId, kbps(room))
  return { own, rooms: new Set(rooms.map(room => room.name)) }
}

function bridgeStatus (bridge: Bridge, { bridgeId, region, capacity }: BridgeFacts, participants: number): Record<string, string | number> {
  const kinds = [...bridge.sessions.values()].map(session => session.leg.kind)
  return {
    bridgeId,
    region,
    status: bridge.draining ? 'draining' : 'online',
    capacity,
    currentLoad: kinds.length,
    conferences: bridge.rooms.length,
    participants,
    sipCalls: kinds.filter(kind => kind === 'sip').length,
    rtmpStreams: kinds.filter(kind => kind.startsWith('rtmp')).length
  }
}

function describeRoom (own: Map<string, CacheValue>, room: Room, bridgeId: string, kbps: number): void {
  const participants = [...room.participants.values()]
  const tracks = participants.flatMap(participant => [...participant.tracks.values()])
  const codecs = [...new Set(tracks.map(track => track.codec.name))].sort()
  const count = participants.length
  const publishers = participants.filter(participant => participant.tracks.size > 0).length
  own.set(`conference:${room.id}:info`, hash({
    conferenceId: room.id, roomName: room.name, bridgeId, status: 'active', participantCount: count, createdAt: room.openedAt.toISOString()
  }))
  own.set(`conference:${room.id}:participants`, set(participants.map(participant => participant.info.id)))
  own.set(`conference:${room.id}:media`, hash({
    conferenceId: room.id,
    activeStreams: tracks.length,
    audioStreams: tracks.filter(track => track.codec.kind === 'audio').length,
    videoStreams: tracks.filter(track => track.codec.kind === 'video').length,
    codecs: codecs.join(','),
    totalBandwidthKbps: kbps
  }))
  own.set(`room:${room.name}:state`, hash({
    name: room.name, conferenceId: room.id, state: 'active', numParticipants: count, numPublishers: publishers
  }))
  for (const participant of participants) describeParticipant(own, participant, room, bridgeId)
}

function describeParticipant (own: Map<string, CacheValue>, { info, tracks }: Participant, room: Room, bridgeId: string): void {
  own.set(`participant:${info.id}:info`, hash({
    participantId: info.id, identity: info.identity, name: info.name, source: info.source, auraId: info.auraId ?? '', conferenceId: room.id,
    roomName: room.name, bridgeId, tracks: tracks.size, joinedAt: info.joinedAt.toISOString()
  }))
  if (info.auraId !== undefined) own.set(`auraid:${info.auraId}:participant`, { type: 'string', text: info.id })
}
