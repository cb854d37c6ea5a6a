import assert from 'node:assert/strict'
import path from 'node:path'
import { Program } from '../ffmpeg.ts'
import type { Codecs, Publish, Publisher, Viewer, Watch } from './peer.ts'

/** Debian's own: the modules are installed for it, whatever else is called python3. */
const PYTHON = '/usr/bin/python3'

type Said = { readonly event: string, readonly at: number, readonly status: number, readonly frames: number }

/** A peer whose program says what happens to it in JSON lines, and leaves on SIGINT. */
class PythonPeer implements Publisher, Viewer {
  readonly #program: Program

  constructor (name: string, role: 'publish' | 'watch', url: string, { video, audio }: Codecs) {
    this.#program = new Program(PYTHON, ['-B', path.join(import.meta.dirname, `${name}_peer.py`), role, url, video, audio])
  }

  #said (event: string): Said[] { return this.#program.stdout.split('\n').slice(0, -1).map(line => JSON.parse(line) as Said).filter(said => said.event === event) }
  #times (event: string): number[] { return this.#said(event).map(({ at }) => at).sort((a, b) => a - b) }

  async watchedS (): Promise<number> {
    assert.ok(this.#program.running, `the peer ended: ${this.#program.stderr.slice(-2000)}`)
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
  publish: async (url, codecs) => new PythonPeer(name, 'publish', url, codecs),
  watch: async (url, codecs) => new PythonPeer(name, 'watch', url, codecs)
})

/** VP8, H264; opus, PCMU, PCMA. */
export const aiortc = peer('aiortc')
/** VP8, VP9, H264, H265; opus, PCMU, PCMA, G722. */
export const webrtcbin = peer('webrtcbin')
