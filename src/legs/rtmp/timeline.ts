/** A step forward larger than this is no pause but another clock: publishers silent for as long are already gone. */
const MAX_GAP_MS = 10_000
/** A step back smaller than this is an encoder that interleaves carelessly. */
const MAX_DISORDER_MS = 500
/** How far after its last message a track goes on after a jump, while it has not shown its rhythm, and at most. */
const FIRST_STEP_MS = 20
const MAX_STEP_MS = 1000

/**
 * Turns the timestamps of an RTMP publisher (milliseconds in 32 bits that wrap, and that jump when the encoder restarts a source
 * or its clock) into media time: whole milliseconds from 0 on, without wraps or jumps, one for all tracks.
 *
 * A track that jumps is put where the stream is now, and its new offset is remembered: when the others jump, too, they take the
 * same one, so that sound and picture stay together however far apart their jumps arrive.
 */
export class Timeline {
  /** Jumps of the publisher's clock so far. */
  jumps = 0
  /** Media time of the newest message of any track. */
  now = 0
  /** When that message arrived. */
  arrivedMs = 0
  /** The offset of the track that began or jumped last. */
  offset: number | undefined

  track (): TimelineTrack { return new TimelineTrack(this) }
}

/** One track's place on the timeline. */
export class TimelineTrack {
  readonly #timeline: Timeline
  /** Added to RTMP time to get media time; undefined before the first message. */
  #offset: number | undefined
  #last = 0
  #step = FIRST_STEP_MS

  constructor (timeline: Timeline) { this.#timeline = timeline }

  /**
   * @param timestamp milliseconds, 32 bits
   * @param arrivedMs by any steady clock
   * @returns media time; never less than the track's last
   */
  at (timestamp: number, arrivedMs: number): number {
    const timeline = this.#timeline
    const place = this.#offset === undefined ? this.#begin(timestamp) : this.#follow(timestamp)
    const time = place ?? this.#jump(timestamp, arrivedMs)
    if (time > this.#last) this.#step = Math.min(time - this.#last, MAX_STEP_MS)
    this.#last = Math.max(this.#last, time)
    if (this.#last >= timeline.now) {
      timeline.now = this.#last
      timeline.arrivedMs = arrivedMs
    }
    return this.#last
  }

  /** The first message of a track may be somewhat older than what the others have sent. */
  #begin (timestamp: number): number | undefined {
    const timeline = this.#timeline
    this.#offset = timeline.offset ??= timeline.now - timestamp
    const time = timeline.now + distance(timestamp, this.#offset, timeline.now)
    this.#last = Math.abs(time - timeline.now) <= MAX_GAP_MS ? time : timeline.now
    return this.#last === time ? time : undefined
  }

  /** Under its own offset or under the newest, whichever is nearer to where it should be; undefined when both are far off. */
  #follow (timestamp: number): number | undefined {
    const newest = this.#timeline.offset!
    if (newest !== this.#offset && this.#surprise(timestamp, newest) < this.#surprise(timestamp, this.#offset!)) this.#offset = newest
    const step = distance(timestamp, this.#offset!, this.#last)
    const plausible = step >= -MAX_DISORDER_MS && this.#surprise(timestamp, this.#offset!) <= MAX_GAP_MS
    return plausible ? this.#last + step : undefined
  }

  /** How far from the track's own last message, or from the stream's if that is nearer: a track may have paused. */
  #surprise (timestamp: number, offset: number): number {
    return Math.min(Math.abs(distance(timestamp, offset, this.#last)), Math.abs(distance(timestamp, offset, this.#timeline.now)))
  }

  #jump (timestamp: number, arrivedMs: number): number {
    const timeline = this.#timeline
    timeline.jumps++
    const since = Math.round(Math.max(0, Math.min(arrivedMs - timeline.arrivedMs, MAX_GAP_MS)))
    const time = Math.max(timeline.now + since, this.#last + this.#step)
    this.#offset = timeline.offset = time - timestamp
    return time
  }
}

/** Media time of the timestamp less `from`, on the circle of 32 bits. */
const distance = (timestamp: number, offset: number, from: number): number => (timestamp + offset - from) | 0

/** RTMP's whole milliseconds are too coarse for sound: this much off, and samples were lost or added, not rounded. */
const MAX_DRIFT_MS = 100

/**
 * The times of audio frames by counting their samples, so that neither the rounding to milliseconds nor an encoder's jitter
 * reaches the listener. Where the count and the publisher's time part by more than `MAX_DRIFT_MS`, the publisher is right.
 */
export class SampleClock {
  /** Times the count was given up. */
  resyncs = 0
  readonly #rate: number
  /** Samples from media time 0. */
  #next: number | undefined

  /** @param rate samples a second: the track's RTP clock */
  constructor (rate: number) { this.#rate = rate }

  /** @returns the frame's time in samples from media time 0. */
  at (mediaMs: number, frameLength: number): number {
    const told = Math.round(mediaMs * this.#rate / 1000)
    let time = this.#next ?? told
    if (Math.abs(time - told) > MAX_DRIFT_MS * this.#rate / 1000) {
      this.resyncs++
      time = told
    }
    this.#next = time + frameLength
    return time
  }
}
