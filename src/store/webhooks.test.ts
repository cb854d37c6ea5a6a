import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before, suite } from 'node:test'
import { conference, session } from '../../test/support/changes.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { type Store, storeRows } from '../../test/support/stores.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLogger as log } from '../lib/log.ts'
import { StoreJournal } from './journal.ts'
import { Vault } from './sealed.ts'
import { type DueDelivery, WebhookDeliveries } from './webhook-deliveries.ts'
import { Webhooks } from './webhooks.ts'

for (const row of storeRows()) {
  suite(`webhooks on ${row.name}`, { skip: row.skip }, () => {
    let store: Store
    let journal: StoreJournal
    const vault = new Vault(randomBytes(32))
    const guarded: string[] = []
    const guard = async (url: string): Promise<void> => { guarded.push(url) }
    const setup = () => {
      const clock = new ManualClock(Date.now())
      return { clock, webhooks: new Webhooks(store.database, { vault, clock, guard }), deliveries: new WebhookDeliveries(store.database, { vault, clock }) }
    }
    /** A session's whole life. */
    const live = async (): Promise<string> => {
      const room = conference()
      const leg = session(room.id)
      journal.roomChanged(room)
      journal.sessionChanged(leg)
      journal.sessionChanged({ ...leg, state: 'active' })
      journal.sessionChanged({ ...leg, state: 'ended', endedAt: new Date(), reason: 'left' })
      journal.roomChanged({ ...room, endedAt: new Date() })
      await journal.settled()
      return leg.id
    }
    const fanOutAll = async (deliveries: WebhookDeliveries): Promise<void> => { while (await deliveries.fanOut() > 0) { /* Until there is nothing new. */ } }

    before(async () => {
      store = await row.open()
      journal = await StoreJournal.open({ database: store.database, bridgeId: 'bridge-1', dataDir: store.dataDir, log, clock: systemClock })
    })
    after(async () => {
      await journal[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await row[Symbol.asyncDispose]()
    })

    test('a webhook can be made, read, changed and deleted; its secret is shown once and kept sealed', async () => {
      const { webhooks } = setup()
      const { webhook, secret } = await webhooks.create({ url: 'https://example.com/hook', events: ['session.ended'] })
      assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
      assert.deepEqual(await webhooks.get(webhook.id), webhook)
      assert.doesNotMatch(JSON.stringify(await store.database.db.selectFrom('webhook_endpoints').selectAll().execute()), /whsec_/)
      const changed = await webhooks.update(webhook.id, { enabled: false })
      assert.deepEqual([changed?.enabled, changed?.disabledReason], [false, 'disabled by an administrator'])
      assert.equal((await webhooks.update(webhook.id, {}))?.enabled, false)
      assert.equal((await webhooks.update(webhook.id, { enabled: true, url: 'https://example.org/' }))?.enabled, true)
      assert.deepEqual(guarded, ['https://example.com/hook', 'https://example.org/'])
      assert.equal(await webhooks.delete(webhook.id), true)
      assert.equal(await webhooks.get(webhook.id), undefined)
    })

    test('events reach a webhook in order per session: one that fails holds back those behind it', async () => {
      const { clock, webhooks, deliveries } = setup()
      const { webhook } = await webhooks.create({ url: 'https://example.com/', events: ['session.starting', 'session.active', 'session.ended'] })
      const first = await live()
      const second = await live()
      await fanOutAll(deliveries)
      const told: string[] = []
      const claim = () => deliveries.claim(10)
      const tell = async (due: DueDelivery): Promise<void> => {
        told.push(`${(due.event.data as { id: string }).id === first ? 1 : 2} ${due.event.type}`)
        await deliveries.settle(due, { result: 'delivered', status: 204 })
      }
      const [one, two, ...more] = await claim()
      assert.deepEqual([one?.event.type, two?.event.type, more.length], ['session.starting', 'session.starting', 0])
      assert.deepEqual(await claim(), [], 'what one bridge has claimed no other gets')
      await deliveries.settle(one!, { result: 'retry', at: new Date(clock.wall() + 60_000), status: 500 })
      await tell(two!)
      for (let i = 0; i < 2; i++) for (const due of await claim()) await tell(due)
      assert.deepEqual(told, ['2 session.starting', '2 session.active', '2 session.ended'])
      clock.advance(60_000)
      for (let i = 0; i < 4; i++) for (const due of await claim()) await tell(due)
      assert.deepEqual(told.slice(3), ['1 session.starting', '1 session.active', '1 session.ended'])
      const history = await webhooks.deliveries(webhook.id, { limit: 10 })
      assert.deepEqual(history.map(h => h.state), Array(6).fill('delivered'))
      assert.deepEqual(history.map(h => h.attempts).sort(), [1, 1, 1, 1, 1, 2])
      assert.ok(second)
      const again = history.at(-1)!.eventId
      assert.equal(await webhooks.redeliver(webhook.id, again), true)
      assert.equal(await webhooks.redeliver(webhook.id, 'evt_unknown'), false)
      assert.deepEqual((await claim()).map(due => due.event.id), [again])
      await webhooks.delete(webhook.id)
    })

    test('a claim that is not settled comes back; 410 disables for good; rotated secrets are both used for a day', async () => {
      const { clock, webhooks, deliveries } = setup()
      const { webhook, secret } = await webhooks.create({ url: 'https://example.com/', events: ['session.starting', 'session.ended'] })
      await live()
      await fanOutAll(deliveries)
      assert.equal((await deliveries.claim(10)).length, 1)
      clock.advance(61_000)
      const newest = await webhooks.rotateSecret(webhook.id)
      const [due] = await deliveries.claim(10)
      assert.deepEqual([due?.attempt, due?.secrets], [2, [newest, secret]])
      clock.advance(86_400_000)
      const [later] = await deliveries.claim(10)
      assert.deepEqual(later?.secrets, [newest])
      await deliveries.settle(later!, { result: 'gone', status: 410 })
      assert.equal((await webhooks.get(webhook.id))?.disabledReason, 'the receiver answered 410 Gone')
      await live()
      await fanOutAll(deliveries)
      assert.deepEqual(await deliveries.claim(10), [])
      await webhooks.update(webhook.id, { enabled: true })
      await fanOutAll(deliveries)
      assert.deepEqual(await deliveries.claim(10), [], 'what happened while it was disabled is not told')
    })
  })
}
