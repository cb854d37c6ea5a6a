import assert from 'node:assert/strict'
import test, { after, before, suite } from 'node:test'
import { type Store, storeRows } from '../../test/support/stores.ts'
import { upsert } from './upsert.ts'

for (const row of storeRows()) {
  suite(`a transaction in two round trips on ${row.name}`, { skip: row.skip }, () => {
    let store: Store
    before(async () => { store = await row.open() })
    after(async () => {
      await store[Symbol.asyncDispose]()
      await row[Symbol.asyncDispose]()
    })

    const bridge = (id: string, region = 'eu') => ({ bridge_id: id, region, status: 'online', capacity: 0, current_load: 0 })
    const bridges = (...rows: ReturnType<typeof bridge>[]) => upsert(store.database.schema, 'bridges', rows, { key: 'bridge_id', update: ['region'] })
    const regions = async (...ids: string[]): Promise<string[]> =>
      (await store.database.db.selectFrom('bridges').select('region').where('bridge_id', 'in', ids).orderBy('bridge_id').execute()).map(found => found.region)

    test('does what the answer tells it to', async () => {
      await store.database.transact({ text: 'select $1::int as n', values: [2] }, ([answer]) => [bridges(...Array.from({ length: Number(answer?.n) }, (_, i) => bridge(`told-${i}`)))])
      assert.deepEqual(await regions('told-0', 'told-1'), ['eu', 'eu'])
      await store.database.transact({ text: 'select 1' }, () => [bridges(bridge('told-1', 'it’s "us"\n'))])
      assert.deepEqual(await regions('told-0', 'told-1'), ['eu', 'it’s "us"\n'])
    })

    test('leaves nothing behind when a part of it fails, and says why; the connection stays good', async () => {
      for (let i = 0; i < 10; i++) { // More often than there are connections.
        const failing = store.database.transact({ text: 'select 1' }, () => [bridges(bridge('first')), bridges(bridge('second', 'x'.repeat(99))), bridges(bridge('third'))])
        await assert.rejects(failing, { code: '22001' })
      }
      await assert.rejects(store.database.transact({ text: 'select nothing' }, () => assert.fail('there is no answer')), { code: '42703' })
      assert.deepEqual(await regions('first', 'second', 'third'), [])
    })

    test('two at a time do not mix', async () => {
      const ids = Array.from({ length: 20 }, (_, i) => `mixed-${String(i).padStart(2, '0')}`)
      await Promise.all(ids.map(id => store.database.transact({ text: 'select $1::text as id', values: [id] }, ([answer]) => [bridges(bridge(id, String(answer?.id)))])))
      assert.deepEqual(await regions(...ids), ids)
    })
  })
}
