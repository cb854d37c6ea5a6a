import assert from 'node:assert/strict'
import test from 'node:test'
import { newestPage } from './newest.ts'

/** A list of the numbers 1 to `last` but for some holes, asked as the events are. */
function list (last: number, hole: (n: number) => boolean = () => false) {
  const all = Array.from({ length: last }, (_, i) => i + 1).filter(n => !hole(n))
  let asked = 0
  const ask = async (after: number) => {
    asked++
    const items = all.filter(n => n > after)
    return { items: items.slice(0, 100), next: items.length > 100 ? String(items[99]) : null }
  }
  return { ask, last: all.at(-1), asked: () => asked }
}

test('the end of a list is found in a few steps', async () => {
  for (const last of [0, 1, 99, 100, 101, 250, 1_000, 12_345, 100_000]) {
    const events = list(last)
    const found = await newestPage(events.ask, 100)
    assert.equal(found.at(-1), events.last)
    assert.ok(events.asked() <= 40, `${events.asked()} questions for ${last}`)
  }
})

test('holes in the numbers do not matter', async () => {
  const events = list(5_000, n => n % 7 === 0 || (n > 2_000 && n < 2_900))
  assert.equal((await newestPage(events.ask, 100)).at(-1), 5_000)
})
