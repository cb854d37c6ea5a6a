import { newId } from '../../src/lib/ids.ts'
import { noStats } from '../../src/room/leg.ts'
import type { ConferenceInfo, ParticipantChange, SessionInfo } from '../../src/room/session.ts'

// What a journal is told, with every field filled in.

export const conference = (change: Partial<ConferenceInfo> = {}): ConferenceInfo =>
  ({ id: newId('conference'), room: 'stage', participants: 0, openedAt: new Date(), endedAt: undefined, ...change })
export const participant = (conferenceId: string, change: Partial<ParticipantChange> = {}): ParticipantChange =>
  ({ info: { id: newId('participant'), identity: 'camera', name: 'Camera 1', source: 'rtmp', joinedAt: new Date() }, conferenceId, room: 'stage', leftAt: undefined, ...change })
export const session = (conferenceId: string, change: Partial<SessionInfo> = {}): SessionInfo => ({
  id: newId('session'), kind: 'rtmp', room: 'stage', conferenceId, state: 'starting', reason: '', errorCode: undefined, remoteAddress: '192.0.2.1:4711',
  externalId: 'ing_1', startedAt: new Date(), activeAt: undefined, endedAt: undefined, stats: noStats, ...change
})
