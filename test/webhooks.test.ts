// From a state change to a receiver: the journal's rows, the events, the deliveries, the sender, HTTP; on both databases.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import test, { after, suite } from 'node:test'
import { systemClock } from '../src/lib/clock.ts'
import { silentLogger as log } from '../src/lib/log.ts'
import { GuardedDialer } from '../src/services/guarded-dialer.ts'
import { verify, type WebhookHeaders } from '../src/services/standard-webhooks.ts'
import { sendWebhooks } from '../src/services/webhooks.ts'
import { Events } from '../src/store/events.ts'
import { StoreJournal } from '../src/store/journal.ts'
import { Vault } from '../src/store/sealed.ts'
import { WebhookDeliveries } from '../src/store/webhook-deliveries.ts'
import { Webhooks } from '../src/store/webhooks.ts'
import { conference, session } from './support/changes.ts'
import { ManualClock } from './support/manual-clock.ts'
import { storeRows } from './support/stores.ts'
import { until } from './support/until.ts'

const SESSIONS = 10
const HOUR = 3_600_000

/** A receiver that can be down, checks signatures, and keeps what it accepts. */
class Receiver implements AsyncDisposable {
  down = false
  secret = ''
  refused = 0
  readonly received: { id: string, session: string, state: string }[] = []
  readonly #clock: ManualClock
  readonly #server = createServer((request, response) => {
    void request.setEncoding('utf8').toArray().then(chunks => response.writeHead(this.#take(request.headers as never, chunks.join(''))).end())
  })

  constructor (clock: ManualClock) { this.#clock = clock }

  async open (): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #take (headers: WebhookHeaders, body: string): number {
    if (!verify(headers, body, this.secret, Math.floor(this.#clock.wall() / 1000))) return 401
    if (this.down) {
      this.refused++
      return 503
    }
    const { data } = JSON.parse(body) as { data: { id: string, state: string } }
    this.received.push({ id: headers['webhook-id'], session: data.id, state: data.state })
    return 204
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    const closed = new Promise(resolve => { this.#server.close(resolve) })
    this.#server.closeAllConnections()
    await closed
  }
}

for (const row of storeRows()) {
  suite(`webhooks from the journal to the receiver, on ${row.name}`, { skip: row.skip }, () => {
    after(() => row[Symbol.asyncDispose]())

    test('a receiver that is down for an hour misses no event and hears each session in order', async () => {
      await using store = await row.open()
      const { database } = store
      const clock = new ManualClock(Date.now())
      const vault = new Vault(randomBytes(32))
      await using receiver = new Receiver(clock)
      const address = await receiver.open()
      await using dialer = new GuardedDialer({ allowPrivate: [address] })
      await using journal = await StoreJournal.open({ database, bridgeId: 'bridge-1', dataDir: store.dataDir, log, clock: systemClock })
      using events = new Events(database, { clock, log })
      journal.onApplied = () => events.appended()
      const webhooks = new Webhooks(database, { vault, clock, guard: url => dialer.check(url, 'webhook') })
      receiver.secret = (await webhooks.create({ url: `http://${address}/`, events: ['session.starting', 'session.active', 'session.ended', 'session.failed'] })).secret
      receiver.down = true

      const controller = new AbortController()
      const sending = sendWebhooks({
        outbox: new WebhookDeliveries(database, { vault, clock }), onNews: wake => events.onAppended(wake), clock, log,
        post: (url, request) => dialer.send(url, 'webhook', { method: 'POST', ...request }), settings: () => ({ timeoutMs: 10_000, concurrency: 8 })
      }, controller.signal)

      const room = conference()
      journal.roomChanged(room)
      for (let i = 0; i < SESSIONS; i++) {
        const leg = session(room.id)
        journal.sessionChanged(leg)
        journal.sessionChanged({ ...leg, state: 'active', activeAt: new Date() })
        journal.sessionChanged({ ...leg, state: 'ended', endedAt: new Date(), reason: 'left' })
      }
      await journal.settled()
      await until('each session’s first event was tried', () => receiver.refused >= SESSIONS)
      for (let passed = 0; passed < HOUR; passed += 60_000) {
        clock.advance(60_000)
        await turn()
      }
      assert.equal(receiver.received.length, 0)
      receiver.down = false
      await until('everything has arrived', () => {
        clock.advance(60_000)
        return new Set(receiver.received.map(({ id }) => id)).size === 3 * SESSIONS
      }, 60_000)
      controller.abort(new Error('enough'))
      await sending

      const firsts = receiver.received.filter(({ id }, index) => receiver.received.findIndex(other => other.id === id) === index)
      for (const [, heard] of Map.groupBy(firsts, ({ session: id }) => id)) assert.deepEqual(heard.map(({ state }) => state), ['starting', 'active', 'ended'])
      const kept = (await events.after(0, { limit: 1000 })).filter(({ type }) => type.startsWith('session.')).map(({ id }) => id)
      assert.deepEqual(firsts.map(({ id }) => id).sort(), kept.sort())
    })
  })
}
