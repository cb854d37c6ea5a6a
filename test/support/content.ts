import { ffmpeg } from './ffmpeg.ts'

/** Luma (16..235) above which a picture is a flash, and below which it is none. */
const FLASH_ON = 150
const FLASH_OFF = 100
/** dBFS (RMS of 5 ms) above which a beep sounds, and below which it does not. */
const BEEP_ON = -30
const BEEP_OFF = -40

export type Content = {
  /** Seconds, by the file's timestamps: the first picture of each flash. */
  readonly flashes: readonly number[]
  /** Seconds: where each beep begins, to 5 ms. */
  readonly beeps: readonly number[]
  /** Pictures decoded. */
  readonly frames: number
  /** Seconds from the first to the end of the last picture or sound decoded. */
  readonly durationS: number
}

type Sample = { readonly at: number, readonly value: number }

/** Decodes a file with ffmpeg and finds the flashes and beeps of a test stream (`testClip`) in it. A stream may be missing. */
export async function analyse (file: string): Promise<Content> {
  const [pictures, sounds] = await Promise.all([
    measure(file, 'v', '-vf', 'scale=64:36,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-'),
    measure(file, 'a', '-af', 'aresample=48000,asetnsamples=n=240:p=0,astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-')
  ])
  const starts = [pictures[0], sounds[0]].flatMap(sample => sample ? [sample.at] : [])
  const frameS = pictures.length > 1 ? (pictures.at(-1)!.at - pictures[0]!.at) / (pictures.length - 1) : 0
  const ends = [(pictures.at(-1)?.at ?? 0) + frameS, (sounds.at(-1)?.at ?? 0) + 0.005]
  return {
    flashes: risingEdges(pictures, FLASH_ON, FLASH_OFF),
    beeps: risingEdges(sounds, BEEP_ON, BEEP_OFF),
    frames: pictures.length,
    durationS: starts.length === 0 ? 0 : Math.max(...ends) - Math.min(...starts)
  }
}

/** How much later (seconds) than its flash each beep is heard; flashes and beeps without a partner within half a second are left out. */
export function soundOffsets ({ flashes, beeps }: Pick<Content, 'flashes' | 'beeps'>): number[] {
  return flashes.flatMap(flash => {
    const nearest = beeps.reduce((best, beep) => Math.abs(beep - flash) < Math.abs(best - flash) ? beep : best, Infinity)
    return Math.abs(nearest - flash) < 0.5 ? [nearest - flash] : []
  })
}

async function measure (file: string, kind: 'a' | 'v', ...filter: string[]): Promise<Sample[]> {
  await using program = ffmpeg('-copyts', '-i', file, '-map', `0:${kind}:0?`, ...filter, '-fps_mode', 'passthrough', '-f', 'null', '-')
  const output = await program.succeeded().catch(error => { if (program.stderr.includes('does not contain any stream')) return ''; throw error })
  const samples: Sample[] = []
  let at = 0
  for (const line of output.split('\n')) {
    const time = /pts_time:(-?[\d.]+)/.exec(line)
    if (time) at = Number(time[1])
    const value = /=(-?(?:[\d.]+|inf))$/.exec(line)
    if (value) samples.push({ at, value: value[1] === '-inf' ? -Infinity : Number(value[1]) })
  }
  return samples
}

function risingEdges (samples: readonly Sample[], on: number, off: number): number[] {
  const edges: number[] = []
  let high = false
  for (const { at, value } of samples) {
    if (!high && value > on) edges.push(at)
    high = high ? value > off : value > on
  }
  return edges
}
