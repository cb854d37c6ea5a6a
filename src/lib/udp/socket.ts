import type { Remote } from './remote.ts'

/** Larger than any datagram that crosses a network unfragmented, with room for what encryption adds. */
export const SLOT_BYTES = 2112

export type UdpOptions = {
  /** 0 picks a free one. */
  readonly port: number
  /** All interfaces, in both IP versions, if left out. */
  readonly address?: string | undefined
  /**
   * Called for each datagram. The bytes are valid until it returns.
   * @param key of who sent it: see `remoteFrom`
   */
  readonly take: (bytes: Buffer, key: string) => void
  /** Called after datagrams that came together: there are no more for the moment. */
  readonly pause?: () => void
}

/**
 * A UDP socket for many peers at once. What is to be sent is printed straight into its memory, and leaves together with
 * everything else of the same turn of the event loop.
 */
export interface UdpSocket extends AsyncDisposable {
  readonly port: number
  /** The address it is bound to; undefined for all. */
  readonly address: string | undefined
  /** Where datagrams are printed before they leave. */
  readonly memory: Buffer
  /** Datagrams the system did not take: its buffer was full, or there was no way there. */
  readonly dropped: number
  /** @throws RangeError for an address that it does not reach */
  remote (address: string, port: number): Remote
  /** Whether it can send to addresses of that IP version. */
  reaches (address: string): boolean
  /** @returns where in `memory` the next datagram may be printed: `SLOT_BYTES` are free there */
  reserve (): number
  /** What was printed at the place reserved last is sent, after what was committed before. @param length in bytes, at most `SLOT_BYTES` */
  commit (to: Remote, length: number): void
  /** Sends now what else would be sent at the end of this turn. */
  flush (): void
}
