import type { Journal } from './room/session.ts'

/** Tells several journals of every change, in their order. */
export const journalTo = (...journals: readonly Journal[]): Journal => ({
  roomChanged (info) { for (const journal of journals) journal.roomChanged(info) },
  participantChanged (change) { for (const journal of journals) journal.participantChanged(change) },
  sessionChanged (info) { for (const journal of journals) journal.sessionChanged(info) }
})
