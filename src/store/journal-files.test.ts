import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { conference, session } from '../../test/support/changes.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { temporaryFolder } from '../../test/support/stores.ts'
import { silentLogger, Tally } from '../lib/log.ts'
import { type Entry, parseEntry, printEntry } from './journal-entry.ts'
import { JournalFiles, type Leftover } from './journal-files.ts'
import { JournalQueue, journalLimits } from './journal-queue.ts'

const header = (life: number) => ({ journal: `0199aaaa-0000-7000-8000-00000000000${life}`, bridge: `bridge-${life}` })
const line = (sequence: number, room = 'r'): string => printEntry({ of: 'conference', info: conference({ room }) }, sequence, new Date(0), 'conference.started')
const sequences = async (entries: AsyncIterable<Entry>): Promise<number[]> => (await Array.fromAsync(entries)).map(entry => entry.sequence)
const all = (leftovers: readonly Leftover[]): Promise<number[][]> => Promise.all(leftovers.map(leftover => sequences(leftover.entries())))

test('what one life wrote the next one reads, life by life, in order', async () => {
  using folder = temporaryFolder()
  for (const life of [1, 2]) {
    const { files } = await JournalFiles.open(folder.path, header(life))
    await files.append([line(1), line(2)], 2)
    await files.append([line(3)], 3)
    await files.close()
  }
  const { leftovers } = await JournalFiles.open(folder.path, header(3))
  assert.deepEqual(leftovers.map(leftover => leftover.bridge), ['bridge-1', 'bridge-2'])
  assert.deepEqual(await all(leftovers), [[1, 2, 3], [1, 2, 3]])
})

test('a last line that is cut short is left out, and so is what a full disk left behind it', async () => {
  using folder = temporaryFolder()
  const { files } = await JournalFiles.open(folder.path, header(1))
  await files.append([line(1), line(2)], 2)
  await files.close()
  const [name = ''] = readdirSync(folder.path)
  appendFileSync(path.join(folder.path, name), `${line(3).slice(0, 40)}\n${line(2)}\n${line(4)}\n\0\0\0`)
  writeFileSync(path.join(folder.path, '00000009-0199aaaa-0000-7000-8000-000000000009.jsonl'), '')
  writeFileSync(path.join(folder.path, '00000010-0199aaaa-0000-7000-8000-000000000010.jsonl'), 'not a journal\n')
  const { leftovers } = await JournalFiles.open(folder.path, header(2))
  assert.deepEqual(await all(leftovers), [[1, 2, 4]])
  assert.ok(readdirSync(folder.path).some(file => file.endsWith('.unreadable')), 'what cannot be read is set aside, not deleted')
})

test('files are rolled, read back from the middle, and deleted when everything in them has been applied', async () => {
  using folder = temporaryFolder()
  const { files } = await JournalFiles.open(folder.path, header(1))
  const big = 'x'.repeat(600_000)
  for (let i = 1; i <= 20; i++) await files.append([line(i, big)], i)
  const before = readdirSync(folder.path).length
  assert.ok(before >= 3)
  const found: number[] = []
  for (let after = 5; ;) {
    const entries = await files.read(after)
    if (entries.length === 0) break
    found.push(...entries.map(entry => entry.sequence))
    after = entries.at(-1)!.sequence
  }
  assert.deepEqual(found, Array.from({ length: 15 }, (_, i) => i + 6))
  await files.release(19)
  assert.equal(readdirSync(folder.path).length, 1)
  await files.release(20, true)
  assert.equal(readdirSync(folder.path).length, 0)
  await files.append([line(21)], 21)
  assert.deepEqual((await files.read(20)).map(entry => entry.sequence), [21])
  await files.close()
})

test('every line reaches the file, whenever it comes', async () => {
  using folder = temporaryFolder()
  const { files } = await JournalFiles.open(folder.path, header(1))
  const clock = new ManualClock()
  const queue = new JournalQueue(files, journalLimits, clock, new Tally(silentLogger, clock))
  for (let i = 0; i < 300; i++) {
    queue.push({ of: 'conference', info: conference() }, undefined)
    if (i % 3 === 0) await turn()
  }
  await queue.close()
  const { leftovers } = await JournalFiles.open(folder.path, header(2))
  assert.deepEqual(await all(leftovers), [Array.from({ length: 300 }, (_, i) => i + 1)])
})

test('lines that come all the time are written together; what comes after a quiet time is written at once', async () => {
  using folder = temporaryFolder()
  const { files } = await JournalFiles.open(folder.path, header(1))
  const clock = new ManualClock()
  const queue = new JournalQueue(files, journalLimits, clock, new Tally(silentLogger, clock))
  const push = () => queue.push({ of: 'conference', info: conference() }, undefined)
  for (let i = 0; i < 4; i++) {
    push()
    await queue.written()
  }
  const before = files.bytes
  for (let i = 0; i < 10; i++) {
    push()
    await turn()
  }
  assert.equal(files.bytes, before, 'they wait for one another')
  clock.advance(50)
  await queue.written()
  const { leftovers } = await JournalFiles.open(folder.path, header(2))
  assert.deepEqual(await all(leftovers), [Array.from({ length: 14 }, (_, i) => i + 1)])
  push()
  await queue.close()
  assert.equal((await all(leftovers)).flat().length, 15, 'the end does not wait')
})

test('a line is one line whatever is in it, and comes back as it was', () => {
  for (const room of ['a\nb', 'a\u2028b\u2029c', '"\\', '\u0000nul', 'é🎥']) {
    const text = line(1, room)
    assert.equal(text.split(/[\n\r\u2028\u2029]/).length, 1)
    const entry = parseEntry(text)
    assert.equal(entry?.of === 'conference' && entry.info.room, room.replaceAll('\0', ''))
  }
  for (const bad of ['', '{', 'null', '[]', '{"sequence":"1","of":"x"}', '{"of":"x"}', '7']) assert.equal(parseEntry(bad), undefined)
})

test('nothing secret and nothing harmful gets into a line, wherever in a session it stands', () => {
  const base = session('c')
  const line = (more: Partial<typeof base>): string => printEntry({ of: 'session', info: { ...base, ...more } }, 1, new Date(0), undefined)
  const url = 'https://user:canary@example.com/'
  const secrets = [
    { stats: { ...base.stats, detail: { url, deep: { streamKey: 'canary', reason: url } } } },
    { stats: { ...base.stats, detail: { streamKey: 'canary' } }, externalId: 'half \ud800 pair' },
    { reason: `cannot reach ${url}` }, { reason: `"${url}` },
    { stats: { ...base.stats, advice: [{ code: 'a', message: 'b', remedy: 'c', reason: url }] } }
  ]
  for (const secret of secrets) assert.doesNotMatch(line(secret), /canary/)
  for (const externalId of ['nul \0', 'half \ud800', 'half \udfff', 'line\u2028', 'line\u2029']) assert.doesNotMatch(line({ externalId }), /\\u0000|\\ud|[\u2028\u2029]/)
  assert.match(line({ externalId: '"reason":"x' }), /\\"reason\\":\\"x/)
})
