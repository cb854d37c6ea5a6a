import assert from 'node:assert/strict'
import path from 'node:path'
import { Program } from '../ffmpeg.ts'
import { until } from '../until.ts'
import type { Codecs, Publish, Publisher, Viewer, Watch } from './peer.ts'

/** Debian's own: the modules are installed for it, whatever else is called python3. */
const PYTHON = '/usr/bin/python3'

type Said = { readonly event: string, readonly at: number, readonly status: number, readonly frames: number }

/** A busy machine takes seconds to start Python. */
const CONNECTED_WITHIN_MS = 60_000

/** A peer whose program says what happens to it in JSON lines, and leaves on SIGINT. */
class PythonPeer implements Publisher, Viewer {
  readonly #program: Program

  private constructor (program: Program) { this.#program = program }

  static async start (name: string, role: 'publish' | 'watch', url: string, { video, audio }: Codecs): Promise<PythonPeer> {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(new PythonPeer(new Program(PYTHON, ['-B', path.join(import.meta.dirname, `${name}_peer.py`), role, url, video, audio])))
    await until(`${name} is connected`, () => peer.#alive() && peer.#said('connected').length > 0, CONNECTED_WITHIN_MS)
    stack.move()
    return peer
  }

  #alive (): true {
    assert.ok(this.#program.running, `the peer ended: ${this.#program.stderr.slice(-2000)}`)
    return true
  }

  #said (event: string): Said[] { return this.#program.stdout.split('\n').slice(0, -1).map(line => JSON.parse(line) as Said).filter(said => said.event === event) }
  #times (event: string): number[] { return this.#said(event).map(({ at }) => at).sort((a, b) => a - b) }

  async watchedS (): Promise<number> {
    this.#alive()
    const flashes = this.#times('flash')
    return (flashes.at(-1) ?? 0) - (flashes[0] ?? 0)
  }

  async leave (): Promise<{ flashes: number[], beeps: number[], frames: number }> {
    await this.#program.stop()
    const [left] = this.#said('left')
    assert.equal(left?.status, 200, this.#program.stderr.slice(-2000))
    return { flashes: this.#times('flash'), beeps: this.#times('beep'), frames: left.frames }
  }

  [Symbol.asyncDispose] (): Promise<void> { return this.#program.kill() }
}

type Peer = { readonly publish: Publish, readonly watch: Watch }
const peer = (name: string): Peer => ({
  publish: (url, codecs) => PythonPeer.start(name, 'publish', url, codecs),
  watch: (url, codecs) => PythonPeer.start(name, 'watch', url, codecs)
})

/** VP8, H264; opus, PCMU, PCMA. */
export const aiortc = peer('aiortc')
/** VP8, VP9, H264, H265; opus, PCMU, PCMA, G722. */
export const webrtcbin = peer('webrtcbin')
