/** A frame this much of its own length after its turn follows a gap: jitter of a source's timestamps stays below it. */
const GAP_OF_FRAME = 0.75
/** A source whose time goes back by more than this has started anew; by less, it repeats itself and is waited for. */
const RESTART_SECONDS = 1
/** Source clock and sample count may differ by this much, averaged, before the audio is stretched to follow. */
const TOLERATED_DRIFT_SECONDS = 0.004
/** The drift is averaged over about this many frames: half a second, well above the rounding of RTMP's milliseconds. */
const AVERAGED_FRAMES = 32
/** A correction is spread over this time, so that nobody hears it: 4 ms in 1 s is a fifteenth of a semitone. */
export const CORRECTION_SECONDS = 1

/** What becomes of a frame: it follows the one before, it comes after a hole or a new start, or its time has been used up. */
export type Placement = 'follows' | 'jumps' | 'late'

/**
 * Compares the time a frame claims with the time it would have if samples were counted, and decides. All times are in output
 * samples. Counting alone would drift from the picture; claims alone would tear the sound at every rounding.
 */
export class Timeline {
  readonly #sampleRate: number
  #drift = 0
  #correctingUntil = -Infinity

  constructor (sampleRate: number) { this.#sampleRate = sampleRate }

  /**
   * @param time when the frame's first sample is due by its timestamp
   * @param expected when it is due by counting; undefined for the first frame
   */
  place (time: number, length: number, expected: number | undefined): Placement {
    if (expected === undefined) return this.#jump()
    const off = time - expected
    if (off > length * GAP_OF_FRAME || off < -RESTART_SECONDS * this.#sampleRate) return this.#jump()
    if (off < -length * GAP_OF_FRAME) return 'late'
    this.#drift += (off - this.#drift) / AVERAGED_FRAMES
    return 'follows'
  }

  /** How many samples to add (or, negative, to take away) over the next CORRECTION_SECONDS; 0 nearly always. */
  correction (time: number): number {
    if (time < this.#correctingUntil || Math.abs(this.#drift) < TOLERATED_DRIFT_SECONDS * this.#sampleRate) return 0
    this.#correctingUntil = time + CORRECTION_SECONDS * this.#sampleRate
    const samples = Math.round(this.#drift)
    this.#drift = 0
    return samples
  }

  #jump (): 'jumps' {
    this.#drift = 0
    this.#correctingUntil = -Infinity
    return 'jumps'
  }
}
