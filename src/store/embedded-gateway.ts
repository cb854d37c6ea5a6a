import type { PGlite } from '@electric-sql/pglite'
import { once } from 'node:events'
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'

/** PostgreSQL frontend messages (protocol 3.0, section 55.7): a length of four bytes, before it a type byte except at the start. */
const SSL_REQUEST = 80877103
const PROTOCOL_3 = 196608
const QUERY = 0x51
const SYNC = 0x53
const TERMINATE = 0x58
/** Parse, Bind, Describe, Execute, Close, Flush; and the three that end a unit. An unknown type would end the whole database. */
const MESSAGES = new Set([...Buffer.from('PBDECH'), QUERY, SYNC, TERMINATE])
/** A statement with its parameters; the largest we send is a flush of the journal, far below this. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
/** As `idle_in_transaction_session_timeout`: nobody keeps everybody else waiting. */
const IDLE_IN_TRANSACTION_MS = 10_000

type Turn = { readonly connection: Connection, readonly unit: Buffer }

/**
 * Lets many connections share the one session that PGlite has. What belongs together, from Parse to Sync, is run together, and a
 * transaction keeps the session until it ends. (pglite-socket 0.2.17 takes turns message by message: two connections that prepare
 * unnamed statements at the same time get each other's.) Settings and named statements are shared by all connections.
 */
export class Gateway {
  readonly #db: PGlite
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #turns: Turn[] = []
  readonly #failed: (error: unknown) => void
  /** The connection whose transaction is open. */
  #owner: Connection | undefined
  #running = false

  /** @param failed called when PGlite itself throws: after that nothing works any more */
  constructor (db: PGlite, failed: (error: unknown) => void) {
    this.#db = db
    this.#failed = failed
    this.#server = createServer(socket => { this.#connections.add(new Connection(socket, this)) })
  }

  async listen (options: ListenOptions): Promise<void> {
    this.#server.listen(options)
    await once(this.#server, 'listening')
  }

  get address (): ReturnType<Server['address']> { return this.#server.address() }

  /** Puts one unit of messages in line. */
  submit (connection: Connection, unit: Buffer): void {
    this.#turns.push({ connection, unit })
    if (!this.#running) void this.#run()
  }

  /** The connection is gone: its waiting units are not run, its transaction is rolled back. */
  left (connection: Connection): void {
    this.#connections.delete(connection)
    this.#turns = this.#turns.filter(turn => turn.connection !== connection)
    if (!this.#running) void this.#run()
  }

  async close (): Promise<void> {
    for (const connection of this.#connections) connection.end()
    this.#server.close()
    while (this.#running) await new Promise(setImmediate)
  }

  async #run (): Promise<void> {
    this.#running = true
    for (;;) {
      if (this.#owner && !this.#connections.has(this.#owner)) await this.#rollBack()
      const turn = this.#next()
      if (!turn) break
      await this.#serve(turn)
    }
    this.#running = false
  }

  #next (): Turn | undefined {
    const index = this.#owner ? this.#turns.findIndex(turn => turn.connection === this.#owner) : 0
    return index < 0 ? undefined : this.#turns.splice(index, 1)[0]
  }

  async #serve ({ connection, unit }: Turn): Promise<void> {
    connection.stopWatch()
    try {
      connection.send(await this.#db.execProtocolRaw(unit))
    } catch (error) {
      connection.end()
      this.#failed(error)
    }
    this.#owner = this.#db.isInTransaction() ? connection : undefined
    if (this.#owner) connection.watch(IDLE_IN_TRANSACTION_MS)
  }

  async #rollBack (): Promise<void> {
    this.#owner = undefined
    if (this.#db.isInTransaction()) await this.#db.exec('ROLLBACK')
  }
}

const STARTUP = startup('user\0postgres\0database\0postgres\0\0')

function startup (parameters: string): Buffer {
  const message = Buffer.alloc(8 + parameters.length)
  message.writeUInt32BE(message.length, 0)
  message.writeUInt32BE(PROTOCOL_3, 4)
  message.write(parameters, 8, 'latin1')
  return message
}

/** Cuts what one client sends into units that must run in one piece. */
class Connection {
  readonly #socket: Socket
  readonly #gateway: Gateway
  #bytes: Buffer = Buffer.alloc(0)
  /** How much of it is whole messages of a unit whose end is still to come. */
  #offset = 0
  #started = false
  #timer: NodeJS.Timeout | undefined

  constructor (socket: Socket, gateway: Gateway) {
    this.#socket = socket
    this.#gateway = gateway
    socket.on('data', chunk => this.#take(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.stopWatch()
      gateway.left(this)
    })
  }

  send (answer: Uint8Array): void { if (this.#socket.writable) this.#socket.write(answer) }
  end (): void { this.#socket.destroy() }
  watch (ms: number): void { this.#timer = setTimeout(() => this.end(), ms) }
  stopWatch (): void { clearTimeout(this.#timer) }

  #take (chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    while (!this.#socket.destroyed && (this.#started ? this.#message() : this.#greeting())) { /* Each call takes one message. */ }
  }

  /** The start-up message has no type byte. Neither TLS nor cancelling is offered; user and database are what they are. */
  #greeting (): boolean {
    if (this.#bytes.length < 8) return false
    const length = this.#bytes.readUInt32BE(0)
    if (!this.#fits(length, 8) || this.#bytes.length < length) return false
    const code = this.#bytes.readUInt32BE(4)
    this.#cut(length)
    if (code === SSL_REQUEST) this.#socket.write('N')
    else if (code === PROTOCOL_3) {
      this.#started = true
      this.#gateway.submit(this, STARTUP)
    } else this.end()
    return true
  }

  #message (): boolean {
    if (this.#bytes.length < this.#offset + 5) return false
    const type = this.#bytes[this.#offset]!
    if (!MESSAGES.has(type)) return this.#refuse()
    const length = this.#bytes.readUInt32BE(this.#offset + 1)
    if (!this.#fits(this.#offset + length, this.#offset + 4) || this.#bytes.length < this.#offset + 1 + length) return false
    this.#offset += 1 + length
    if (type === TERMINATE) this.end()
    else if (type === QUERY || type === SYNC) this.#gateway.submit(this, this.#cut(this.#offset))
    return true
  }

  #fits (length: number, least: number): boolean {
    return length >= least && length <= MAX_MESSAGE_BYTES ? true : this.#refuse()
  }

  /** @returns false: there is no next message */
  #refuse (): false {
    this.end()
    return false
  }

  #cut (length: number): Buffer {
    const unit = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    this.#offset = 0
    return unit
  }
}
