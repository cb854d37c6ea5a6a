import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const MAX_OUTPUT_CHARACTERS = 64 << 20
const CLIP_SECONDS = 60

/** A peer program under way. Disposing kills it and waits. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess
  /** Resolves, never rejects, when the program has exited: its exit code, or null after a signal. */
  readonly done: Promise<number | null>
  #stdout = ''
  #stderr = ''

  /** @param env on top of this process's own */
  constructor (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => { this.#stdout = (this.#stdout + text).slice(-MAX_OUTPUT_CHARACTERS) })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { this.#stderr = (this.#stderr + text).slice(-MAX_OUTPUT_CHARACTERS) })
    this.done = new Promise(resolve => {
      child.once('error', error => { this.#stderr += String(error); resolve(-1) })
      child.once('close', code => resolve(code))
    })
  }

  get pid (): number | undefined { return this.#child.pid }
  get running (): boolean { return this.#child.exitCode === null && this.#child.signalCode === null }
  get stdout (): string { return this.#stdout }
  get stderr (): string { return this.#stderr }

  /** As Ctrl-C: ffmpeg says goodbye to its server. */
  async stop (): Promise<void> {
    this.#child.kill('SIGINT')
    await this.done
  }

  /** As a power cut. */
  async kill (): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.done
  }

  /** Waits for the exit. @returns what it printed. @throws Error with its last words when it failed. */
  async succeeded (): Promise<string> {
    const code = await this.done
    if (code !== 0) throw new Error(`${this.#child.spawnfile} exited with ${code}: ${this.#stderr.slice(-2000)}`)
    return this.#stdout
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.kill() }
}

export const ffmpeg = (...args: string[]): Program => new Program('ffmpeg', ['-hide_banner', '-nostdin', '-loglevel', 'error', '-y', ...args])
export const ffprobe = (...args: string[]): Program => new Program('ffprobe', ['-hide_banner', '-loglevel', 'error', ...args])

export type ClipOptions = {
  /** Default 1280x720. */
  size?: string
  /** Default 30. */
  fps?: number
  /** Default 2. */
  gopSeconds?: number
  /** Default 0. */
  bframes?: number
  /** H.264 bits a second; default 2,500,000. */
  bitrate?: number
  /** Hz; default 48000. */
  audioRate?: number
  /** White flash and 1 kHz beep, both of 100 ms, at each full second; default true. Without, there is neither. */
  beepFlash?: boolean
  /** Further encoder options, e.g. `['-tune', 'zerolatency']`. */
  encoder?: string[]
}

/**
 * An FLV file with H.264 and AAC: something moves all the time, and at every full second there is a flash and a beep. Encoded
 * once a machine and kept, so that a test that publishes it costs next to nothing.
 */
export async function testClip (seconds: number, options: ClipOptions = {}): Promise<string> {
  const { size = '1280x720', fps = 30, gopSeconds = 2, bframes = 0, bitrate = 2_500_000, audioRate = 48_000, beepFlash = true, encoder = [] } = options
  const flash = beepFlash ? ",drawbox=color=white:t=fill:enable='lt(mod(t,1),0.0999)'" : ''
  const beep = beepFlash ? "0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)" : '0'
  const args = [
    '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${fps}:duration=${seconds},lutyuv=y=16+(val-16)/4,noise=alls=12:allf=t${flash},format=yuv420p`,
    '-f', 'lavfi', '-i', `aevalsrc='${beep}':s=${audioRate}:d=${seconds},aformat=channel_layouts=stereo`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', String(bframes), '-g', String(Math.round(gopSeconds * fps)), '-sc_threshold', '0',
    '-b:v', String(bitrate), '-maxrate', String(bitrate), '-bufsize', String(bitrate), ...encoder,
    '-c:a', 'aac', '-b:a', '128k', '-f', 'flv'
  ]
  const folder = path.join(tmpdir(), 'auralink-test-clips')
  const file = path.join(folder, `${createHash('sha256').update(args.join('\n')).digest('hex').slice(0, 16)}.flv`)
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true })
    const unfinished = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}` // Two test files may want the same clip at once.
    await ffmpeg(...args, unfinished).succeeded()
    await rename(unfinished, file)
  }
  return file
}

/**
 * Publishes a test clip with a real ffmpeg, in real time, to an RTMP (or other FLV-carrying) URL.
 * @param seconds how long; without, until stopped (the clip then repeats every minute)
 */
export async function publishTestStream ({ url, seconds, ...options }: ClipOptions & { url: string, seconds?: number }): Promise<Program> {
  const clip = await testClip(seconds ?? CLIP_SECONDS, options)
  const again = seconds === undefined ? ['-stream_loop', '-1'] : []
  return ffmpeg('-re', ...again, '-i', clip, '-c', 'copy', '-flvflags', 'no_duration_filesize', '-f', 'flv', url)
}
