import { SILENT_LEVEL } from './audio-level.ts'

/** Levels are looked at on a grid of this many milliseconds: what a packet of speech usually lasts. */
const FRAME_MS = 20
/** A packet's level counts for this many frames at most: after that, who says nothing is silent (a sender's DTX). */
const LONGEST_PACKET_FRAMES = 3
/** The three time scales: a frame; a block of frames; the blocks of the last second. */
const FRAMES_PER_BLOCK = 5
const BLOCKS = 10
const FRAMES = FRAMES_PER_BLOCK * BLOCKS
/** How strong a frame is, in steps of 10 dB. */
const STEP_DB = 10
const STEPS = 13
/** A frame of at least this many steps (-57 dBov) is speech, a block with this many such frames is speech. */
const ACTIVE_STEPS = 7
const ACTIVE_FRAMES = 4
/** Only what is this much (dB) above the quietest lately can be speech: a fan is not. */
const ABOVE_NOISE_DB = 10
/** The noise may become louder: then it is known as such after about so many frames (10 s). Louder than -50 dBov is music, not noise. */
const NOISE_MEMORY_FRAMES = 500
const LOUDEST_NOISE = SILENT_LEVEL - 50
/** How often it is decided who dominates, in milliseconds; nobody is dethroned sooner after taking over than the second. */
const DECISION_MS = 100
const LEAST_REIGN_MS = 1000
/** Of the last second so many blocks must be speech of whoever takes over: a cough is shorter. */
const LEAST_SPEECH_BLOCKS = 3
/** How much likelier speech must be from a challenger than from who dominates, as logarithms of the ratio of scores at each scale. */
const CHALLENGE = { frame: 3, block: 2, second: 0 }
/** Speech and silence as distributions of the counts at each scale: the exponential's parameter. */
const SILENCE_DECAY = { frame: 0.78, block: 24, second: 47 }
const LEAST_SCORE = 1e-10

/** For each count of active parts among `parts`, how much likelier it is in speech (binomial) than in silence (exponential). */
function scores (parts: number, decay: number): Float64Array {
  let choices = 1
  return Float64Array.from({ length: parts + 1 }, (_, active) => {
    const score = Math.log(choices) - parts * Math.LN2 - Math.log(decay) + decay * active
    choices = choices * (parts - active) / (active + 1)
    return Math.max(LEAST_SCORE, score)
  })
}

const frameScores = scores(STEPS, SILENCE_DECAY.frame)
const blockScores = scores(FRAMES_PER_BLOCK, SILENCE_DECAY.block)
const secondScores = scores(BLOCKS, SILENCE_DECAY.second)

/** One participant's last second. */
class Voice {
  /** Steps of each frame, a ring; `#newest` is the frame of `#until`. */
  readonly #frames = new Uint8Array(FRAMES)
  #newest = 0
  #until: number
  #steps = 0
  #heardAt: number
  #noise = LOUDEST_NOISE
  speaking = false
  spokeAt = -Infinity
  dominatedAt = -Infinity
  frame = LEAST_SCORE
  block = LEAST_SCORE
  second = LEAST_SCORE
  blocks = 0

  constructor (now: number) { this.#until = this.#heardAt = Math.floor(now / FRAME_MS) }

  hear (level: number, now: number): void {
    const loudness = SILENT_LEVEL - level
    const noise = Math.min(loudness, LOUDEST_NOISE)
    this.#noise = noise < this.#noise ? noise : this.#noise + (noise - this.#noise) / NOISE_MEMORY_FRAMES
    const steps = loudness < this.#noise + ABOVE_NOISE_DB ? 0 : Math.min(STEPS, Math.trunc(loudness / STEP_DB))
    const isNew = this.#advance(now)
    this.#steps = isNew ? steps : Math.max(this.#steps, steps) // Of two packets in one frame the louder counts.
    this.#frames[this.#newest] = this.#steps
    this.#heardAt = this.#until
  }

  /** Brings the scores up to date. */
  judge (now: number): void {
    this.#advance(now)
    let strongest = 0
    let active = 0
    this.blocks = 0
    for (let n = 0; n < FRAMES; n++) {
      const steps = this.#frames[(this.#newest - n + FRAMES) % FRAMES]!
      if (n < FRAMES_PER_BLOCK) strongest = Math.max(strongest, steps)
      if (steps >= ACTIVE_STEPS) active++
      if (n % FRAMES_PER_BLOCK < FRAMES_PER_BLOCK - 1) continue
      if (n < FRAMES_PER_BLOCK) this.block = blockScores[active]!
      if (active >= ACTIVE_FRAMES) this.blocks++
      active = 0
    }
    this.frame = frameScores[strongest]!
    this.second = secondScores[this.blocks]!
    this.#noteSpeech(now)
  }

  /** Begins with the first block of speech, ends after a second without. */
  #noteSpeech (now: number): void {
    if (this.block >= blockScores[ACTIVE_FRAMES]!) this.spokeAt = now
    this.speaking = now - this.spokeAt < FRAMES * FRAME_MS
  }

  /** @returns whether `now` is in another frame than before */
  #advance (now: number): boolean {
    const frame = Math.floor(now / FRAME_MS)
    if (frame <= this.#until) return false
    const passed = Math.min(FRAMES, frame - this.#until)
    for (let at = frame - passed + 1; at <= frame; at++) {
      this.#newest = (this.#newest + 1) % FRAMES
      this.#frames[this.#newest] = at - this.#heardAt < LONGEST_PACKET_FRAMES ? this.#steps : 0
    }
    this.#until = frame
    return true
  }
}

/**
 * Finds out who holds the floor, from how loud everybody's packets are: speech of a moment, of a tenth of a second and of a second
 * must all speak for a challenger (Volfin and Cohen, “Dominant speaker identification for multipoint videoconferencing”, 2013).
 * Coughs, fans and short interjections change nothing, and who pauses is still there.
 */
export class DominantSpeaker<Who> {
  readonly #voices = new Map<Who, Voice>()
  #dominant: Who | undefined
  #decidedAt = -Infinity

  /** Whoever holds the floor, also while nobody speaks; undefined before anybody has. */
  get dominant (): Who | undefined { return this.#dominant }

  isSpeaking (who: Who): boolean { return this.#voices.get(who)?.speaking ?? false }
  /** When somebody spoke last (ms), -Infinity for never. */
  spokeAt (who: Who): number { return this.#voices.get(who)?.spokeAt ?? -Infinity }
  /** When somebody took the floor last (ms), -Infinity for never. */
  dominatedAt (who: Who): number { return this.#voices.get(who)?.dominatedAt ?? -Infinity }

  /**
   * Takes the level of one packet (-dBov, RFC 6464).
   * @param now milliseconds
   * @returns whether somebody else holds the floor now, or somebody began or ceased to speak
   */
  hear (who: Who, level: number, now: number): boolean {
    let voice = this.#voices.get(who)
    if (!voice) this.#voices.set(who, voice = new Voice(now))
    voice.hear(level, now)
    if (now - this.#decidedAt < DECISION_MS) return false
    this.#decidedAt = now
    return this.#decide(now)
  }

  /** Somebody has left. */
  forget (who: Who): void {
    this.#voices.delete(who)
    if (this.#dominant === who) this.#dominant = undefined
  }

  #decide (now: number): boolean {
    let changed = false
    for (const voice of this.#voices.values()) {
      const { speaking } = voice
      voice.judge(now)
      if (voice.speaking !== speaking) changed = true
    }
    const next = this.#challenger(now)
    if (next === undefined) return changed
    this.#dominant = next
    this.#voices.get(next)!.dominatedAt = now
    return true
  }

  /** Who takes the floor from whoever has it. */
  #challenger (now: number): Who | undefined {
    const current = this.#dominant === undefined ? undefined : this.#voices.get(this.#dominant)
    if (current && now - current.dominatedAt < LEAST_REIGN_MS) return undefined
    let best: Who | undefined
    let bestLead = current ? CHALLENGE.block : 0
    for (const [who, voice] of this.#voices) {
      if (voice === current || voice.blocks < LEAST_SPEECH_BLOCKS) continue
      const lead = Math.log(voice.block / (current?.block ?? LEAST_SCORE))
      const wins = Math.log(voice.frame / (current?.frame ?? LEAST_SCORE)) > CHALLENGE.frame && Math.log(voice.second / (current?.second ?? LEAST_SCORE)) > CHALLENGE.second
      if (!wins || lead <= bestLead) continue
      best = who
      bestLead = lead
    }
    return best
  }
}
