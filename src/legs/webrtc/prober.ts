import type { Clock } from '../../lib/clock.ts'
import { PROBE_MS } from '../../media/bandwidth/probing.ts'
import type { SendLedger } from '../../media/bandwidth/send-ledger.ts'
import type { RtpSender } from '../../media/rtp-sender.ts'

const TICK_MS = 10
/** However late a tick comes, it sends no more packets at once than this: a burst would measure our clock. */
const MAX_PACKETS_PER_TICK = 16

/** Sends a cluster: what is missing from the media of the moment to a given bitrate is padded. Nothing waits for it. */
export class Prober implements Disposable {
  readonly #ledger: SendLedger
  readonly #clock: Clock
  #ticking: Disposable | undefined

  constructor (ledger: SendLedger, clock: Clock) {
    this.#ledger = ledger
    this.#clock = clock
  }

  /** @param target bit/s, media included @param sender whose packets are repeated */
  start (target: number, sender: RtpSender): void {
    this[Symbol.dispose]()
    const begunAt = this.#clock.now()
    const before = this.#ledger.bytes
    this.#ticking = this.#clock.every(TICK_MS, () => {
      const passed = this.#clock.now() - begunAt
      if (passed > PROBE_MS) { this[Symbol.dispose](); return }
      let missing = target * passed / 8000 - (this.#ledger.bytes - before)
      for (let packets = 0; missing > 0 && packets < MAX_PACKETS_PER_TICK; packets++) {
        const bytes = sender.pad()
        if (bytes === 0) return
        missing -= bytes
      }
    })
  }

  [Symbol.dispose] (): void {
    this.#ticking?.[Symbol.dispose]()
    this.#ticking = undefined
  }
}
