import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { Source } from './source.ts'

class FakeTrack extends EventTarget {
  enabled = true
  stopped = false
  readonly deviceId: string

  constructor (deviceId: string) {
    super()
    this.deviceId = deviceId
  }

  getSettings (): { deviceId: string } { return { deviceId: this.deviceId } }
  stop (): void { this.stopped = true }
}

/** Devices that open when a test lets them. */
let open: (wanted: { deviceId?: { exact: string } }) => Promise<FakeTrack>
const getUserMedia = async (constraints: Record<string, { deviceId?: { exact: string } }>) => {
  const track = await open(Object.values(constraints)[0]!)
  return { getTracks: () => [track] }
}
before(() => Object.defineProperty(navigator, 'mediaDevices', { value: { getUserMedia }, configurable: true }))
after(() => { Reflect.deleteProperty(navigator, 'mediaDevices') })

function sourceOf (kind: 'audio' | 'video') {
  const standIn = new FakeTrack('none')
  const sent: unknown[] = []
  const source = new Source(kind, { track: standIn as unknown as MediaStreamTrack, close: () => standIn.stop() }, ({ track }) => { sent.push(track.value) })
  return { source, standIn, sent }
}

test('a camera that is off is let go of; its stand-in is sent', async () => {
  const { source, standIn, sent } = sourceOf('video')
  const camera = new FakeTrack('front')
  open = async () => camera
  await source.turnOn()
  assert.deepEqual([source.on.value, source.deviceId.value], [true, 'front'])
  source.turnOff()
  assert.deepEqual([source.on.value, camera.stopped, standIn.stopped], [false, true, false])
  assert.deepEqual(sent, [camera, standIn])
})

test('a microphone that is muted stays open, and is back at once', async () => {
  const { source, sent } = sourceOf('audio')
  const microphone = new FakeTrack('desk')
  open = async () => microphone
  await source.turnOn()
  source.turnOff()
  assert.deepEqual([source.on.value, microphone.enabled, microphone.stopped], [false, false, false])
  open = () => Promise.reject(new Error('not asked again'))
  await source.turnOn()
  assert.deepEqual([source.on.value, microphone.enabled, sent.length], [true, true, 1])
  source[Symbol.dispose]()
  assert.ok(microphone.stopped)
})

test('another device takes the place of the one before; one unplugged, that of its stand-in', async () => {
  const { source, standIn, sent } = sourceOf('audio')
  const tracks: FakeTrack[] = []
  open = async ({ deviceId }) => {
    tracks.push(new FakeTrack(deviceId?.exact ?? 'desk'))
    return tracks.at(-1)!
  }
  await source.turnOn()
  await source.choose('headset')
  assert.deepEqual([source.deviceId.value, tracks[0]?.stopped, tracks[1]?.stopped], ['headset', true, false])
  tracks[1]?.dispatchEvent(new Event('ended'))
  assert.equal(source.on.value, false)
  assert.deepEqual(sent, [tracks[0], tracks[1], standIn])
})

test('who is muted and chooses another microphone stays muted', async () => {
  const { source, standIn } = sourceOf('audio')
  open = async ({ deviceId }) => new FakeTrack(deviceId?.exact ?? 'desk')
  await source.turnOn()
  source.turnOff()
  await source.choose('headset')
  assert.deepEqual([source.on.value, source.track.value as unknown], [false, standIn])
  await source.turnOn()
  assert.deepEqual([source.on.value, source.deviceId.value], [true, 'headset'])
})

test('a device that opens too late is closed again', async () => {
  const { source, sent } = sourceOf('video')
  const camera = new FakeTrack('slow')
  const opening = Promise.withResolvers<FakeTrack>()
  open = () => opening.promise
  const on = source.turnOn()
  source.turnOff()
  opening.resolve(camera)
  await on
  assert.deepEqual([source.on.value, camera.stopped, sent], [false, true, []])
})
