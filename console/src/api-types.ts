/** The JSON of the service's API, as far as this page reads it. Times are ISO 8601 strings. */

export type Conference = { readonly id: string, readonly room: string, readonly participantCount: number, readonly openedAt: string }

export type Track = {
  readonly id: string
  readonly kind: 'audio' | 'video'
  readonly codec: string
  readonly channels?: number | null
  readonly packets: number
  readonly bytes: number
}

export type Participant = {
  readonly id: string
  readonly identity: string
  readonly name: string
  /** The kind of leg it came through: `rtmp`, `whip`, … */
  readonly source: string
  readonly sessionId: string | null
  readonly joinedAt: string
  readonly tracks: readonly Track[]
}

/** Somebody who can be seen or heard, as those in the room may know them. */
export type Attendee = { readonly identity: string, readonly name: string, readonly source: string, readonly kinds: readonly ('audio' | 'video')[] }

export type Advice = { readonly code: string, readonly message: string, readonly remedy: string }

export type Session = {
  readonly id: string
  /** The leg's kind: `rtmp`, `whip`, `whep`, `recording`, … */
  readonly type: string
  readonly room: string
  readonly state: 'starting' | 'active' | 'ended' | 'failed'
  readonly reason: string
  readonly errorCode: string | null
  readonly remoteAddress: string | null
  readonly externalId: string | null
  readonly startedAt: string
  readonly activeAt: string | null
  readonly endedAt: string | null
  readonly stats: {
    readonly packetsIn: number
    readonly packetsOut: number
    readonly bytesIn: number
    readonly bytesOut: number
    readonly quality: { readonly packetsLost: number, readonly jitterMs: number | null, readonly roundTripMs: number | null } | null
    readonly advice: readonly Advice[]
    readonly detail: Readonly<Record<string, unknown>>
  }
}

export type RecordingState = 'starting' | 'active' | 'stopping' | 'completed' | 'failed'

export type Recording = {
  readonly id: string
  readonly room: string
  readonly participant: string | null
  readonly state: RecordingState
  readonly partial: boolean
  readonly gaps: readonly { readonly fromMs: number, readonly toMs: number, readonly reason: string }[]
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly durationMs: number
  readonly sizeBytes: number
  readonly parts: readonly { readonly index: number, readonly durationMs: number, readonly sizeBytes: number }[]
  readonly reason: string
  readonly errorCode: string | null
}

export type Ingress = {
  readonly id: string
  readonly protocol: string
  readonly room: string
  readonly identity: string
  readonly name: string
  readonly enabled: boolean
  readonly url: string
  /** Somebody is publishing through it now. */
  readonly live: boolean
}

export type IngressWithKey = Ingress & { readonly streamKey: string }

export type ServiceEvent = {
  readonly sequence: number
  readonly id: string
  readonly type: string
  readonly at: string
  readonly room: string | null
  readonly data: unknown
}

export type Readiness = { readonly status: string, readonly checks: Readonly<Record<string, boolean>> }

export type Status = Readiness & {
  readonly service: { readonly name: string, readonly version: string, readonly bridgeId: string }
}

/** A page of a list, newest first. */
export type Page<T> = { readonly items: readonly T[], readonly next: string | null }
