import assert from 'node:assert/strict'
import { Capture } from './capture.ts'
import { waitUntil } from './service.ts'
import { aborted } from '../../src/lib/abort.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import type { Logger } from '../../src/lib/log.ts'
import { Bridge, type BridgeOptions } from '../../src/room/bridge.ts'
import type { SessionInfo } from '../../src/room/session.ts'
import { RtmpListener, type RtmpListenerOptions } from '../../src/legs/rtmp/listener.ts'

export const KEY = 'right-key-0123456789'
export const defaults: RtmpListenerOptions = {
  host: '127.0.0.1', port: 0, duplicatePublisher: 'newest', mediaTimeoutMs: 8000, maxConnections: 100, maxStrangersPerAddress: 50
}

export function logTo (house: House): Logger {
  const note = (level: string) => (fields: Record<string, unknown>, message: string): void => { house.log.push({ level, message, fields }) }
  const log: Logger = { level: 'debug', child: () => log, debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  return log
}

/** A bridge with an RTMP door, whose rooms are captured from their first moment and whose log is kept. */
export class House implements AsyncDisposable {
  readonly ended: SessionInfo[] = []
  readonly log: { level: string, message: string, fields: Record<string, unknown> }[] = []
  readonly bridge: Bridge
  readonly asked: string[] = []
  /** One for each opening of a room, there from its first moment. */
  readonly captures: Capture[] = []
  listener!: RtmpListener

  private constructor (log: (house: House) => Logger) {
    const sessionChanged = (info: SessionInfo): void => { if (info.endedAt) this.ended.push(info) }
    const journal = { roomChanged () {}, participantChanged () {}, sessionChanged }
    const engine: BridgeOptions['engine'] = {
      kind: 'local',
      run: (room, signal) => { this.captures.push(new Capture(room)); return aborted(signal) }
    }
    this.bridge = new Bridge({ engine, journal, log: log(this), limits: { sessions: 10, rooms: 10 } })
  }

  static async open (options: Partial<RtmpListenerOptions> = {}): Promise<House> {
    const house = new House(logTo)
    const log = logTo(house)
    const streamKeys = {
      async resolve (app: string, streamKey: string) {
        house.asked.push(streamKey)
        return app === 'live' && streamKey === KEY ? { ingressId: 'ing_1', room: 'studio', identity: 'camera', name: 'Camera' } : undefined
      }
    }
    house.listener = await RtmpListener.open({ ...defaults, ...options }, { bridge: house.bridge, streamKeys, log, clock })
    return house
  }

  url (key = KEY): string { return `rtmp://127.0.0.1:${this.listener.port}/live/${key}` }

  async session (): Promise<SessionInfo> {
    await waitUntil('a session is active', 20_000, () => [...this.bridge.sessions.values()].some(s => s.state === 'active'))
    return [...this.bridge.sessions.values()].find(s => s.state === 'active')!.describe()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.listener[Symbol.asyncDispose]()
    await this.bridge[Symbol.asyncDispose]()
    assert.equal(this.listener.connections, 0)
  }
}
