import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Check, ok, warning } from '../check.ts'

const LOAD_MS = 20_000

export const transcoder: Check = { name: 'transcoding', look: () => judgeTranscoder('node-av') }

/** Loaded in a process of its own, as the service does it: the library is native, and licensed otherwise. */
export async function judgeTranscoder (specifier: string) {
  try {
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `await import(${JSON.stringify(specifier)})`], { cwd: import.meta.dirname, timeout: LOAD_MS })
    return ok(`${specifier} can be loaded: sound is transcoded where a viewer needs it.`)
  } catch {
    return warning(`${specifier} cannot be loaded: RTMP publishers are seen but not heard in browsers.`, 'npm install brings it for Linux with glibc (not musl), macOS and Windows. An image built with TRANSCODING=0 has none on purpose.')
  }
}
