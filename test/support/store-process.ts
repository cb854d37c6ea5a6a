// A process that keeps writing to a store until it is killed. Arguments: data folder, bridge id, database URL (or nothing), lease in ms.
// Says `ready`, then the id of each session as soon as the journal says that it is safe.
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { silentLogger as log } from '../../src/lib/log.ts'
import { openDatabase } from '../../src/store/database.ts'
import { StoreJournal } from '../../src/store/journal.ts'
import { Registration } from '../../src/store/registration.ts'
import { conference, session } from './changes.ts'

const [dataDir = '', bridgeId = '', url = '', leaseMs = '10000'] = process.argv.slice(2)
try {
  const database = await openDatabase({ dataDir, url: url || undefined, poolSize: 4, autoMigrate: true }, { log, clock, signal: new AbortController().signal })
  const journal = await StoreJournal.open({ database, bridgeId, dataDir, log, clock })
  const state = () => ({ status: 'online' as const, sessions: 1 })
  const lease = { leaseMs: Number(leaseMs), heartbeatMs: Number(leaseMs) / 4 }
  await Registration.open({ database, bridgeId, region: 'eu', capacity: 10, dataDir, state, onRevived: () => journal.reassert(), log, clock, ...lease })
  const room = conference()
  journal.roomChanged(room)
  process.stdout.write('ready\n')
  for (;;) {
    const leg = session(room.id)
    journal.sessionChanged(leg)
    void journal.written().then(() => process.stdout.write(`${leg.id}\n`))
    await sleep(5)
  }
} catch (error) {
  process.stdout.write(`failed ${(error as Error).message}\n`)
  process.exit(1)
}
