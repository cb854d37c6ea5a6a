import type { ServiceEvent } from './api-types.ts'
import { sourceNames } from './names.ts'

export type EventSentence = { readonly text: string, readonly tone: 'plain' | 'good' | 'bad' | 'live' }

type Data = {
  name?: string
  identity?: string
  source?: string
  kind?: string
  reason?: string
  participant?: string | null
  partial?: boolean
}

const legName = (kind = ''): string => sourceNames[kind] ?? kind
const because = (reason?: string): string => reason && !reason.endsWith('left') ? `: ${reason}` : ''

/**
 * An event as a person says it; undefined for those that only repeat another one: a publisher's session, say, whose
 * participant has just joined.
 */
export function eventSentence (event: ServiceEvent): EventSentence | undefined {
  const data = (event.data ?? {}) as Data
  const who = data.name ?? data.identity ?? data.participant ?? 'A source'
  switch (event.type) {
    case 'conference.started': return { text: 'Room opened', tone: 'plain' }
    case 'conference.ended': return { text: 'Room closed', tone: 'plain' }
    case 'participant.joined': return { text: `${who} came in by ${legName(data.source)}`, tone: 'good' }
    case 'participant.left': return { text: `${who} left`, tone: 'plain' }
    case 'session.starting': case 'session.quality': return undefined
    case 'session.active': return data.kind === 'whep' ? { text: 'A viewer is watching', tone: 'plain' } : undefined
    case 'session.ended': return sessionEnded(data)
    case 'session.failed': return { text: `${legName(data.kind)} failed${because(data.reason)}`, tone: 'bad' }
    case 'recording.starting': case 'recording.stopping': return undefined
    case 'recording.active': return { text: `${who} is being recorded`, tone: 'live' }
    case 'recording.completed': return data.partial
      ? { text: `Recording of ${who} kept, but partial`, tone: 'bad' }
      : { text: `Recording of ${who} complete`, tone: 'good' }
    case 'recording.failed': return { text: `Recording of ${who} failed${because(data.reason)}`, tone: 'bad' }
    default: return { text: sentence(event.type), tone: 'plain' }
  }
}

function sessionEnded ({ kind, reason }: Data): EventSentence | undefined {
  if (kind === 'whep') return { text: `A viewer left${because(reason)}`, tone: 'plain' }
  return because(reason) && kind !== 'recording' ? { text: `${legName(kind)} ended${because(reason)}`, tone: 'plain' } : undefined
}

/** `webhook.disabled` -> `Webhook disabled`: better than silence for a type that is newer than this page. */
const sentence = (type: string): string => (type.charAt(0).toUpperCase() + type.slice(1)).replaceAll(/[._]/g, ' ')
