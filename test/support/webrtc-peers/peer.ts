import type { CodecName } from '../../../src/media/codec.ts'
import type { Content } from '../content.ts'

/** One video codec and one audio codec, by the names they have in SDP. */
export type Codecs = { readonly video: CodecName, readonly audio: CodecName }

/** A WHIP client under way: a flash and a beep at each second. Disposing kills it, if it did not leave before. */
export interface Publisher extends AsyncDisposable {
  /** What its congestion control allows, in bit/s, where it says so; null before it knows. */
  allowedBitrate? (): Promise<number | null>
  /** Ends the session as its client does. */
  leave (): Promise<unknown>
}

/** What a viewer saw and heard; times in seconds on a clock of its own. */
export type Watched = Pick<Content, 'flashes' | 'beeps' | 'frames'> & {
  /** From the answer to the first picture, in milliseconds, where it was measured. */
  readonly firstFrameMs?: number
}

/** A WHEP client under way, that decodes what it gets. */
export interface Viewer extends AsyncDisposable {
  /** Seconds of moving picture so far. */
  watchedS (): Promise<number>
  /** Ends the session. @returns all it saw and heard */
  leave (): Promise<Watched>
}

/** @param url of the endpoint, with all its parameters */
export type Publish = (url: string, codecs: Codecs) => Promise<Publisher>
/** @param url of the endpoint, with all its parameters */
export type Watch = (url: string, codecs: Codecs) => Promise<Viewer>
