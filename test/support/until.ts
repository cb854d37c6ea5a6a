import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_EVERY_MS = 10

/** Waits until something is so; fails with what it was if it never is. The deadline is generous: it ends a test, it measures nothing. */
export async function until (what: string, met: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!await met()) {
    assert.ok(performance.now() < deadline, `${what}: not within ${withinMs} ms`)
    await sleep(LOOK_EVERY_MS)
  }
}
