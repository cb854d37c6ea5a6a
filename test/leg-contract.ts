import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { silentLogger } from '../src/lib/log.ts'
import type { Leg } from '../src/room/leg.ts'
import { Room } from '../src/room/room.ts'

/** One leg to try, with the outside party it needs. */
export type LegUnderTest = AsyncDisposable & {
  leg: Leg
  /** Puts into the room what the leg needs to become live (a publisher, for legs that go out). */
  prepare? (room: Room): void
}

const LIVE_WITHIN_MS = 15_000

/** What every leg promises, whatever its protocol. Each leg's own test calls this with a way to make one. */
export function legContract (kind: string, make: () => Promise<LegUnderTest>): void {
  const start = (leg: Leg, room: Room, controller: AbortController) => {
    const live = Promise.withResolvers<void>()
    let times = 0
    const done = leg.run(room, { signal: controller.signal, log: silentLogger, sessionId: 'ses_contract', live: () => { times++; live.resolve() } })
    const liveOrOver = Promise.race([live.promise, done, sleep(LIVE_WITHIN_MS, undefined, { ref: false })])
    liveOrOver.catch(() => {}) // A leg that is aborted may reject as well as resolve, and not every test below waits for it.
    return { done, live: liveOrOver, times: () => times }
  }
  const settled = async (promise: Promise<void>): Promise<void> => {
    const outcome = await Promise.race([promise.then(() => 'done', () => 'done'), sleep(10_000, 'still running', { ref: false })])
    assert.equal(outcome, 'done', 'run() must settle soon after its signal is aborted')
  }
  const nobodyLeft = (room: Room, before: number): void => {
    assert.equal(room.participants.size, before, 'a leg takes its participant with it')
    for (const participant of room.participants.values()) {
      for (const track of participant.tracks.values()) assert.equal(track.subscribers, 0, 'a leg takes its subscriptions with it')
    }
  }

  test(`${kind}: becomes live once, stops when aborted, leaves nothing behind`, async () => {
    await using made = await make()
    const room = new Room('contract')
    made.prepare?.(room)
    const before = room.participants.size
    const controller = new AbortController()
    const run = start(made.leg, room, controller)
    await run.live
    assert.equal(run.times(), 1, 'live() is called once')
    for (const { info } of [...room.participants.values()].slice(before)) assert.equal(info.sessionId, 'ses_contract', 'join() is told whose participant it is')
    controller.abort(new Error('enough'))
    await settled(run.done)
    nobodyLeft(room, before)
  })

  test(`${kind}: aborted before it starts, it ends at once`, async () => {
    await using made = await make()
    const room = new Room('contract')
    made.prepare?.(room)
    const before = room.participants.size
    const controller = new AbortController()
    controller.abort(new Error('too late'))
    await settled(start(made.leg, room, controller).done)
    nobodyLeft(room, before)
  })

  test(`${kind}: aborted while it connects, it ends at once`, async () => {
    await using made = await make()
    const room = new Room('contract')
    made.prepare?.(room)
    const before = room.participants.size
    const controller = new AbortController()
    const run = start(made.leg, room, controller)
    setImmediate(() => controller.abort(new Error('changed my mind')))
    await settled(run.done)
    nobodyLeft(room, before)
  })

  test(`${kind}: its statistics can be read before, during and after`, async () => {
    await using made = await make()
    const room = new Room('contract')
    made.prepare?.(room)
    const controller = new AbortController()
    for (const when of ['before', 'during', 'after']) {
      const stats = made.leg.stats()
      assert.equal(typeof stats.bytesIn, 'number', when)
      JSON.stringify(stats)
      if (when === 'before') void start(made.leg, room, controller).live
      if (when === 'during') { controller.abort(new Error('enough')); await sleep(50) }
    }
  })
}
