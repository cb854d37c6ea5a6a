// The promise: kill -9 costs a recording at most one second, and what is left plays.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { analyse } from '../support/content.ts'
import { ffmpeg, ffprobe, publishTestStream } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { startService, waitUntil } from '../support/service.ts'

const TIMES = 10
/** What may be lost, in seconds of media. */
const ALLOWED_LOSS_S = 1.0
/** Between ffmpeg's socket and our look at the clock: scheduling on a busy machine, not media. */
const CLOCK_SLACK_S = 0.25

test(`a recording survives kill -9, ${TIMES} times at random moments`, { skip: missing('ffmpeg'), timeout: 600_000 }, async t => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'auralink-kill-'))
  t.after(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  const recorded: { id: string, atLeastS: number }[] = []

  for (let time = 0; time < TIMES; time++) {
    await using service = await startService({ dataDir })
    const ingress = await service.call('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: `kill-${time}` })
    await using publisher = await publishTestStream({ url: `${ingress.url}/${ingress.streamKey}`, gopSeconds: 2 })
    const { id } = await service.call('POST', '/api/v1/recordings', { room: `kill-${time}` })
    await waitUntil('the recording is active', 20_000, async () => (await service.call('GET', `/api/v1/recordings/${id}`)).state === 'active')
    const active = performance.now()
    await sleep(1500 + Math.random() * 3000)
    recorded.push({ id, atLeastS: (performance.now() - active) / 1000 - ALLOWED_LOSS_S - CLOCK_SLACK_S })
    await service.stop('SIGKILL')
    await publisher.kill()
  }

  await using service = await startService({ dataDir })
  for (const { id, atLeastS } of recorded) {
    await waitUntil(`${id} is finished`, 30_000, async () => ['completed', 'failed'].includes((await service.call('GET', `/api/v1/recordings/${id}`)).state))
    const info = await service.call('GET', `/api/v1/recordings/${id}`)
    assert.deepEqual([info.state, info.partial], ['completed', true], JSON.stringify(info))
    assert.ok(info.gaps.length > 0, 'it says what is missing')
    const file = path.join(dataDir, `${id}.mp4`)
    const answer = await fetch(`${service.url}/api/v1/recordings/${id}/file`, { headers: { 'X-AuraLink-API-Key': service.apiKey } })
    await writeFile(file, Buffer.from(await answer.arrayBuffer()))
    assert.equal(await ffprobe('-v', 'warning', '-show_entries', 'format=duration', '-of', 'csv=p=0', file).succeeded().then(Number) > atLeastS, true, `${id} holds at least ${atLeastS.toFixed(2)} s`)
    await ffmpeg('-xerror', '-i', file, '-f', 'null', '-').succeeded()
    const { flashes, beeps, durationS } = await analyse(file)
    assert.ok(durationS >= atLeastS, `${durationS} s of at least ${atLeastS} s`)
    assert.ok(flashes.length >= Math.floor(durationS) - 1 && beeps.length >= Math.floor(durationS) - 1, 'picture and sound are in it')
  }
})
