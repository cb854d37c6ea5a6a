import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Codec, codec } from '../../src/media/codec.ts'
import { ffmpeg } from './ffmpeg.ts'

const ADTS_HEADER_BYTES = 7
/** FFmpeg's encoder begins with so many samples of nothing, which its timestamps leave out. */
const PRIMING_SAMPLES = 1024

export type AacStream = { readonly codec: Codec, readonly frames: readonly { readonly time: number, readonly data: Buffer }[] }

/** Real AAC made by ffmpeg: a beep of 100 ms at each full second. Times in ms, as an exact publisher would state them. */
export async function aacStream (sampleRate: 44100 | 48000, channels: 1 | 2, seconds: number): Promise<AacStream> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-aac-'))
  try {
    const file = path.join(folder, 'beeps.aac')
    const beep = `aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=${sampleRate}:d=${seconds},aformat=channel_layouts=${channels === 1 ? 'mono' : 'stereo'}`
    await ffmpeg('-f', 'lavfi', '-i', beep, '-c:a', 'aac', '-b:a', '128k', file).succeeded()
    return adtsStream(await readFile(file), sampleRate, channels)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The frames of an ADTS file that ffmpeg has made. */
export function adtsStream (bytes: Buffer, sampleRate: 44100 | 48000, channels: 1 | 2): AacStream {
  const frames = splitAdts(bytes).map((data, index) => ({ time: (index * 1024 - PRIMING_SAMPLES) / sampleRate * 1000, data }))
  // AudioSpecificConfig (ISO 14496-3): object type 2 (LC), frequency index, channel configuration.
  const frequencyIndex = sampleRate === 44100 ? 4 : 3
  const config = Buffer.from([2 << 3 | frequencyIndex >> 1, (frequencyIndex & 1) << 7 | channels << 3])
  return { codec: codec('AAC', { clockRate: sampleRate, channels, config }), frames }
}

/** Takes the transport headers off (ISO 13818-7 section 6.2): 13 bits from bit 30 are the length of header and frame. */
function splitAdts (bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at + ADTS_HEADER_BYTES <= bytes.length;) {
    const length = (bytes[at + 3]! & 3) << 11 | bytes[at + 4]! << 3 | bytes[at + 5]! >> 5
    frames.push(bytes.subarray(at + ADTS_HEADER_BYTES, at + length))
    at += length
  }
  return frames
}
