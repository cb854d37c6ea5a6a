/** Room that a layer needs above its own bitrate: it varies. */
const HEADROOM = 1.1
/** A probe is asked for a little more, so that what it has shown still suffices when the layer, or what is sent beside it, has grown a little. */
const PROBED_HEADROOM = 1.2
/** A layer is tried after all went well for so long (ms); each failure doubles the wait. */
const FIRST_TRIAL_MS = 10_000
const LONGEST_WAIT_MS = 80_000
/** A layer that had to be left within this time (ms) was a failure. */
const FAILED_WITHIN_MS = 10_000
/** No second step down (ms) before the first can have had an effect. */
const SETTLE_MS = 1500

/**
 * Chooses the layer one viewer gets. It begins with the best. Down at once, as far as the estimate says. Up when the estimate has
 * room, or as a trial: what is sent proves nothing about what more could be.
 */
export class LayerChooser {
  /** Index of the layer chosen; higher is better. */
  layer: number
  #changedAt: number
  #raisedAt = -Infinity
  #wait = FIRST_TRIAL_MS

  constructor (layers: number, now: number) {
    this.layer = layers - 1
    this.#changedAt = now
  }

  /**
   * @param bitrates bit/s of each layer, lowest first, now
   * @param budget bit/s there is for it; undefined while nothing limits it
   * @param calm whether the path shows no sign of a queue or of loss
   * @param now milliseconds
   * @param tries whether a better layer is tried without knowing that it fits: where probes can find out, they do
   */
  choose (bitrates: readonly number[], budget: number | undefined, calm: boolean, now: number, tries = true): number {
    this.layer = Math.min(this.layer, bitrates.length - 1)
    if (!calm && budget !== undefined && bitrates[this.layer]! > budget) this.#lower(bitrates, budget, now)
    else if (calm && this.layer < bitrates.length - 1) this.#raise(bitrates[this.layer + 1]!, budget, now, tries)
    return this.layer
  }

  #lower (bitrates: readonly number[], budget: number, now: number): void {
    if (this.layer === 0 || now - this.#changedAt < (this.#raisedAt === this.#changedAt ? 0 : SETTLE_MS)) return
    if (now - this.#raisedAt < FAILED_WITHIN_MS) this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2)
    let fitting = this.layer - 1
    while (fitting > 0 && bitrates[fitting]! > budget) fitting--
    this.#change(fitting, now)
  }

  /** When a better layer was chosen, last (ms). */
  get raisedAt (): number { return this.#raisedAt }

  /** bit/s with which the next better layer would be chosen for sure; undefined where there is none. */
  wanted (bitrates: readonly number[]): number | undefined {
    const next = bitrates[this.layer + 1]
    return next === undefined ? undefined : next * PROBED_HEADROOM
  }

  #raise (next: number, budget: number | undefined, now: number, tries: boolean): void {
    const calmFor = now - this.#changedAt
    const fits = (budget === undefined || budget > next * HEADROOM) && calmFor > SETTLE_MS
    if (!fits && (!tries || calmFor < this.#wait)) return
    if (now - this.#raisedAt > LONGEST_WAIT_MS) this.#wait = FIRST_TRIAL_MS
    this.#change(this.layer + 1, now)
    this.#raisedAt = now
  }

  #change (layer: number, now: number): void {
    this.layer = layer
    this.#changedAt = now
  }
}
