import { opus } from '../codec.ts'
import { AppError } from '../../lib/errors.ts'
import { AudioEncoder } from './audio-encoder.ts'
import { MixInput } from './mix-input.ts'
import { MIX_CHANNELS, MIX_FRAME_MS, MIX_SAMPLE_RATE, MIX_TO_ALL, type MixTask } from './protocol.ts'

const FRAME_SAMPLES = MIX_SAMPLE_RATE * MIX_FRAME_MS / 1000
/** Who falls behind by more (ms) goes on from now: nobody wants to hear it any more. */
const MAX_BEHIND_MS = 200
/** After so many silent frames the encoder has nothing more to say: its last packet serves for all that follow. */
const SETTLED_FRAMES = 25
/** A listener who speaks hears the others by an encoder of their own, up to so many frames after their last word. */
const OWN_TAIL_FRAMES = 25
/** The share of its way back to full volume that a mix too loud makes in each frame. */
const RELEASE = 0.05

/** Gets each packet, which it must copy. @param output `MIX_TO_ALL`, or an output's id. @param time of its first sample, ms */
type Sink = (output: number, time: number, data: Buffer) => void

/**
 * Everybody's sound in one: a frame every 20 ms by the wall clock, whatever comes. It is encoded once for all who listen; only
 * those who speak themselves get one of their own, without their voice, while they do.
 */
export class AudioMixer implements Disposable {
  readonly #inputs = new Map<number, { readonly input: MixInput | undefined, readonly samples: Float32Array, heard: boolean, silentFor: number }>()
  readonly #outputs = new Map<number, { readonly without: readonly number[], encoder: Output | undefined }>()
  readonly #all = new Output()
  readonly #sum = new Float32Array(FRAME_SAMPLES * MIX_CHANNELS)
  readonly #others = new Float32Array(FRAME_SAMPLES * MIX_CHANNELS)
  /** When the next frame is due, ms since 1970. */
  #next: number

  constructor (task: MixTask, now: number) {
    this.#next = now + MIX_FRAME_MS
    this.change(task)
  }

  /** Takes what is in the task and lets go of what is not. */
  change ({ inputs, outputs }: MixTask): void {
    for (const [id, { input }] of this.#inputs) {
      if (inputs.some(one => one.id === id)) continue
      input?.[Symbol.dispose]()
      this.#inputs.delete(id)
    }
    for (const { id, codec } of inputs) {
      if (!this.#inputs.has(id)) this.#inputs.set(id, { input: openInput(codec), samples: new Float32Array(FRAME_SAMPLES * MIX_CHANNELS), heard: false, silentFor: Infinity })
    }
    for (const [id, { encoder }] of this.#outputs) {
      if (outputs.some(one => one.id === id)) continue
      encoder?.[Symbol.dispose]()
      this.#outputs.delete(id)
    }
    for (const { id, without } of outputs) this.#outputs.set(id, { without, encoder: this.#outputs.get(id)?.encoder })
  }

  /** Takes one whole frame. @returns whether it could be decoded */
  push (input: number, time: number, data: Buffer): boolean { return this.#inputs.get(input)?.input?.push(time, data) ?? true }

  /** Makes all frames that are due. @param now ms since 1970 */
  run (now: number, sink: Sink): void {
    if (now - this.#next > MAX_BEHIND_MS) this.#next = now
    for (; this.#next <= now; this.#next += MIX_FRAME_MS) this.#frame(this.#next, sink)
  }

  [Symbol.dispose] (): void {
    for (const { input } of this.#inputs.values()) input?.[Symbol.dispose]()
    for (const { encoder } of this.#outputs.values()) encoder?.[Symbol.dispose]()
    this.#all[Symbol.dispose]()
  }

  #frame (time: number, sink: Sink): void {
    this.#sum.fill(0)
    for (const source of this.#inputs.values()) {
      source.heard = source.input?.take(source.samples) ?? false
      source.silentFor = source.heard ? 0 : source.silentFor + 1
      if (source.heard) add(this.#sum, source.samples, 1)
    }
    for (const [id, output] of this.#outputs) this.#frameWithout(output, (at, data) => sink(id, at, data), time)
    this.#all.encode(this.#sum, time, (at, data) => sink(MIX_TO_ALL, at, data))
  }

  /** Before the frame for all: whoever gets one of their own needs no other. */
  #frameWithout (output: { readonly without: readonly number[], encoder: Output | undefined }, sink: (time: number, data: Buffer) => void, time: number): void {
    const own = output.without.map(id => this.#inputs.get(id)).filter(source => source !== undefined)
    if (!own.some(({ silentFor }) => silentFor <= OWN_TAIL_FRAMES)) {
      output.encoder?.[Symbol.dispose]()
      output.encoder = undefined
      return
    }
    this.#others.set(this.#sum)
    for (const { heard, samples } of own) if (heard) add(this.#others, samples, -1)
    output.encoder ??= new Output()
    output.encoder.encode(this.#others, time, sink)
  }
}

/** A sound that cannot be decoded is left out of the mix; the others go on. */
function openInput (codec: MixTask['inputs'][number]['codec']): MixInput | undefined {
  try {
    return new MixInput(codec)
  } catch (error) {
    if (error instanceof AppError) return undefined
    throw error
  }
}

function add (sum: Float32Array, samples: Float32Array, sign: 1 | -1): void {
  for (let at = 0; at < sum.length; at++) sum[at]! += samples[at]! * sign
}

/** One encoded form of the mix. */
class Output implements Disposable {
  readonly #encoder = new AudioEncoder(opus)
  readonly #plane: Float32Array
  #volume = 1
  #silentFrames = 0
  #settled: Buffer | undefined

  constructor () {
    const [plane] = this.#encoder.planes
    this.#plane = new Float32Array(plane!.buffer, plane!.byteOffset, FRAME_SAMPLES * MIX_CHANNELS)
  }

  /** @param time of the first sample, ms */
  encode (samples: Float32Array, time: number, sink: (time: number, data: Buffer) => void): void {
    const peak = peakOf(samples)
    this.#silentFrames = peak === 0 ? this.#silentFrames + 1 : 0
    if (peak > 0) this.#settled = undefined
    const at = time - this.#encoder.format.lookahead * 1000 / MIX_SAMPLE_RATE
    if (this.#settled) { sink(at, this.#settled); return }
    this.#fill(samples, peak)
    this.#encoder.encode(0, (_time, data) => {
      if (this.#silentFrames >= SETTLED_FRAMES) this.#settled = Buffer.from(data)
      sink(at, data)
    })
  }

  [Symbol.dispose] (): void { this.#encoder[Symbol.dispose]() }

  /** Voices that are too loud together are turned down at once, and up again little by little. */
  #fill (samples: Float32Array, peak: number): void {
    const wanted = Math.min(1, 1 / peak, this.#volume + (1 - this.#volume) * RELEASE)
    const step = (wanted - this.#volume) / samples.length
    let volume = this.#volume
    for (let at = 0; at < samples.length; at++) {
      volume += step
      this.#plane[at] = Math.max(-1, Math.min(1, samples[at]! * volume))
    }
    this.#volume = wanted
  }
}

function peakOf (samples: Float32Array): number {
  let peak = 0
  for (let at = 0; at < samples.length; at++) peak = Math.max(peak, Math.abs(samples[at]!))
  return peak
}
