import type { FastifyRequest } from 'fastify'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { openAccess } from './access.ts'
import { checksOf, poolsOf, workerFigures } from './figures.ts'
import type { CommandLine } from './config/command-line.ts'
import type { Config, ConfigSources, Loaded } from './config/load.ts'
import { reloadConfig } from './config/reload.ts'
import type { Audit } from './control/audit.ts'
import { Dependencies } from './control/dependencies.ts'
import { Metrics } from './control/metrics.ts'
import type { ControlParts } from './control/parts.ts'
import { type Control, openControl } from './control/server.ts'
import { SessionTotals } from './control/session-totals.ts'
import { openDashboard } from './dashboard-link.ts'
import type { DashboardSimulator } from './dev/simulators/dashboard.ts'
import { greet } from './greeting.ts'
import { journalTo } from './journals.ts'
import type { RecordingInfo } from './legs/recorder/info.ts'
import { Recordings } from './legs/recorder/recordings.ts'
import { defaultRecorderSettings } from './legs/recorder/settings.ts'
import { RtmpListener } from './legs/rtmp/listener.ts'
import { Publishers } from './legs/rtmp/publishers.ts'
import type { WebRtcSettings } from './legs/webrtc/settings.ts'
import { whepRoutes } from './legs/webrtc/whep-routes.ts'
import { whipRoutes } from './legs/webrtc/whip-routes.ts'
import { aborted, within } from './lib/abort.ts'
import { systemClock as clock } from './lib/clock.ts'
import { messageOf } from './lib/errors.ts'
import type { Logger } from './lib/log.ts'
import { openLinks, resume } from './links.ts'
import { MediaWorkers } from './media/worker/pool.ts'
import { listening, type PortUse } from './ports.ts'
import { openMediaProbe } from './protocols/webrtc/media-probe.ts'
import { TransportHub } from './protocols/webrtc/transport-hub.ts'
import { Bridge, localEngine } from './room/bridge.ts'
import { QualityWatch } from './room/quality/quality-watch.ts'
import { transcodeWith } from './room/transcode.ts'
import type { Dashboard } from './services/dashboard/dashboard.ts'
import { GuardedDialer } from './services/guarded-dialer.ts'
import { sendWebhooks } from './services/webhooks.ts'
import { openStorage, type Storage } from './storage.ts'
import { AuditFile } from './store/audit-file.ts'
import { AuditTrail } from './store/audit.ts'
import type { Database } from './store/database.ts'
import { History } from './store/history.ts'
import { RecordingRows } from './store/recordings.ts'
import { Registration } from './store/registration.ts'
import { Retention } from './store/retention.ts'
import { StateMirror } from './store/state-mirror.ts'
import { Webhooks } from './store/webhooks.ts'
import { WebhookDeliveries } from './store/webhook-deliveries.ts'

export type AppOptions = { readonly loaded: Loaded, readonly sources: ConfigSources, readonly cli: CommandLine, readonly log: Logger }

/** Connections to the RTMP port, publishing or not, and those of one address that do not publish yet. */
const RTMP_CONNECTIONS = 2_000
const RTMP_STRANGERS_PER_ADDRESS = 32
/** A database that is there is connected by then; the greeting of a start without one waits no longer. */
const START_PATIENCE_MS = 2_000

/**
 * The composition root: the only place that knows all parts. They are opened in one order and closed in the other; a start
 * that fails half-way undoes itself.
 */
export class App implements AsyncDisposable {
  readonly #log: Logger
  readonly #sources: ConfigSources
  readonly #stack = new AsyncDisposableStack()
  readonly #closing = new AbortController()
  readonly #demo = new AbortController()
  /** What a person who starts the service should know beside the greeting. */
  readonly #notes: string[] = []
  #loaded: Loaded
  #bridge: Bridge | undefined
  #dialer = new GuardedDialer()

  private constructor ({ loaded, sources, log }: AppOptions) {
    this.#loaded = loaded
    this.#sources = sources
    this.#log = log
  }

  /** @returns when every port is open and `/ready` tells the truth. */
  static async start (options: AppOptions): Promise<App> {
    const app = new App(options)
    try {
      await app.#open(options.cli)
      return app
    } catch (error) {
      await app[Symbol.asyncDispose]()
      throw error
    }
  }

  get drainDeadlineMs (): number { return this.#config.service.drainDeadline }

  /** Not ready at once; nothing new; who is here may finish until the deadline. */
  async drain (deadlineMs: number): Promise<void> {
    this.#demo.abort() // Nobody is to wait for our own clip.
    await this.#bridge?.drain(deadlineMs)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#demo.abort()
    this.#closing.abort()
    await this.#stack.disposeAsync()
  }

  /** Reads the configuration again; what can change while running does. */
  reload (): void {
    try {
      const { loaded, applied, needsRestart } = reloadConfig(this.#loaded, this.#sources)
      this.#loaded = loaded
      this.#log.level = loaded.config.logging.level
      this.#dialer.allow(loaded.config.security.outbound)
      this.#log.info({ applied, needsRestart }, 'the configuration was read again')
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'the configuration has mistakes; the running one stays')
    }
  }

  get #config (): Config { return this.#loaded.config }

  async #open (cli: CommandLine): Promise<void> {
    const stack = this.#stack
    const log = this.#log
    const config = this.#config
    const dialer = this.#dialer = stack.use(new GuardedDialer(config.security.outbound))
    const storage = await openStorage({ config, log, clock, stack, signal: this.#closing.signal, guard: url => dialer.check(url, 'whip') })
    const totals = new SessionTotals()
    const dashboard = await this.#openDashboard(cli, () => metrics)
    const mirrored = { changed: (): void => {} }
    const quality = stack.use(new QualityWatch({
      clock, sessions: () => bridge.sessions.values(), over: record => { storage.journal.qualityMeasured(record); metrics.observeQuality(record) }
    }))
    const journal = journalTo(totals, storage.journal, quality, ...(dashboard ? [dashboard.journal] : []), { roomChanged: () => mirrored.changed(), participantChanged: () => mirrored.changed(), sessionChanged: () => mirrored.changed() })
    const bridge = this.#bridge = stack.use(new Bridge({ engine: localEngine, journal, log, limits: this.#limits(), ...(dashboard?.gatekeeper ? { gatekeeper: dashboard.gatekeeper } : {}) }))
    const mirror = stack.use(new StateMirror({ cache: storage.cache, bridge, facts: this.#facts(), log, clock, ttlSeconds: config.redis.cacheTtl / 1000 }))
    mirrored.changed = () => mirror.changed()
    const workers = stack.use(new MediaWorkers({ log, clock, ...(config.mediaWorkers.count > 0 ? { size: config.mediaWorkers.count } : {}) }))
    const transcode = transcodeWith(workers)

    const recordings = config.recording.enabled ? stack.use(await this.#openRecordings(bridge, storage, transcode)) : undefined
    const rtmp = config.rtmp.enabled ? await this.#openRtmp(bridge, storage) : undefined
    const transports = await this.#openTransports()
    const dependencies = stack.use(new Dependencies({ checks: checksOf(config, storage, dashboard), clock, log, intervalMs: config.health.checkInterval, timeoutMs: config.health.dependencyTimeout }))
    doubt(dependencies, storage)
    const { auth, keyFile, isFirstRun } = await openAccess({ config, database: storage.database, clock, log, fetch: (url, init) => dialer.fetch('service')(url, init) })
    const pools = poolsOf(storage)
    const metrics = stack.use(new Metrics({
      bridge, totals, pools, refusals: auth.refusals, ready: () => dependencies.ready, workers: () => workerFigures(workers), journalDepth: () => storage.journal.depth, datagramsDropped: () => transports.dropped
    }))
    const settings = this.#webrtcSettings()
    const links = openLinks({ ...storage, bridge, transports, dialer, transcode, settings, clock })
    const webrtc = {
      bridge, transports, transcode, clock, settings,
      authorize: async (request: FastifyRequest, action: 'publish' | 'view', room: string) => {
        const principal = await auth.authorize(request, action, room)
        // The operator is not counted. Everybody else is, by address: a thousand viewers may share one token.
        if (principal.scopes.has('admin')) request.principal = principal
        return principal
      }
    }
    const webhooks = new Webhooks(storage.database, { vault: storage.vault, clock, guard: url => dialer.check(url, 'webhook') })
    const control = stack.use(await this.#openControl({
      bridge, auth, audit: this.#audit(storage), dependencies, metrics, log, clock, pools, history: new History(storage.database), quality,
      ingresses: storage.ingresses, streams: storage.streams, links, events: storage.events, webhooks, ...(recordings ? { recordings } : {}), drain: () => { void this.drain(this.drainDeadlineMs) }, probeMedia: client => openMediaProbe(transports, clock, client), plugins: [app => whepRoutes(app, webrtc), app => whipRoutes(app, webrtc)]
    }, rtmp?.port))
    this.#sendWebhooks(storage)
    this.#inBackground(signal => whenReady(storage.database, signal, () => resume(links, { ...storage, log })))
    if (dashboard) this.#inBackground(signal => dashboard.run(signal))
    stack.use(await this.#register(bridge, storage))
    stack.use(new Retention({ database: storage.database, log, clock }))
    await within(START_PATIENCE_MS, storage.database.ready)
    await dependencies.checkAll()
    const demo = storage.database.kind === 'embedded' || cli.demo ? await storage.ingresses.ensureDemo() : undefined
    if (cli.demo && demo && rtmp) this.#showDemo(rtmp.port, demo.streamKey)
    const loginToken = cli.login || isFirstRun ? auth.console.issueOneTimeToken() : undefined
    process.stdout.write(greet({
      version: config.service.version,
      readyInMs: process.uptime() * 1000,
      httpUrl: control.url,
      rtmpUrl: rtmp && rtmpUrl('localhost', rtmp.port),
      metricsUrl: control.metricsPort === undefined ? undefined : `http://localhost:${control.metricsPort}${config.metrics.prometheus.path}`,
      mediaPort: transports.port,
      mediaTcpPort: transports.tcpPort,
      dataDir: config.service.dataDir,
      keyFile,
      loginToken,
      demo,
      showsDemo: cli.demo,
      notes: [...this.#loaded.notes, ...this.#notes, ...(storage.database.kind === 'embedded' ? ['The embedded database is in use; set DATABASE_URL for PostgreSQL.'] : [])]
    }, process.stdout.isTTY))
  }

  /** Read at each admission: SIGHUP may have changed them. */
  #limits () {
    const now = (): Config['limits'] => this.#config.limits
    return { get sessions () { return now().sessions }, get rooms () { return now().rooms } }
  }

  /** ICE servers are read at each answer: a secret may be exchanged while we run. */
  #webrtcSettings (): WebRtcSettings {
    const now = (): Config['webrtc'] => this.#config.webrtc
    const { connectTimeout, viewerGrace, mediaWait } = now()
    return {
      connectTimeoutMs: connectTimeout, rejoinGraceMs: viewerGrace, mediaWaitMs: mediaWait,
      get iceServers () { return now().iceServers }, get turnCredentialLifetimeMs () { return now().turnCredentialLifetime }
    }
  }

  #facts () {
    const { service: { bridgeId, region }, limits: { sessions } } = this.#config
    return { bridgeId, region, capacity: sessions }
  }

  /** None where none is configured; `--with-simulators` brings a stand-in. */
  async #openDashboard (cli: CommandLine, metrics: () => Metrics): Promise<Dashboard | undefined> {
    const simulator = cli.withSimulators ? this.#stack.use(await startSimulator()) : undefined
    if (simulator) this.#notes.push(`A simulated Dashboard is at ${simulator.url}; ${simulator.url}/api/v1/conferences shows what it was told.`)
    const url = simulator?.url ?? this.#config.dashboard.url
    if (url === undefined) return undefined
    return this.#stack.use(await openDashboard({ url, config: this.#config, dialer: this.#dialer, log: this.#log, clock, bridge: () => this.#bridge!, metrics }))
  }

  #openRecordings (bridge: Bridge, { database, journal }: Storage, transcode: ReturnType<typeof transcodeWith>): Promise<Recordings> {
    const { service: { dataDir }, recording } = this.#config
    const minFreeDisk = (): number => this.#config.recording.minFreeDisk // Read at each start of a recording.
    const settings = {
      ...defaultRecorderSettings, fragmentMs: recording.fragment, rejoinGraceMs: recording.rejoinGrace, mediaTimeoutMs: recording.startTimeout,
      get minFreeBytes () { return minFreeDisk() }
    }
    const store = new RecordingRows<RecordingInfo>(database, journal)
    return Recordings.open({ folder: path.join(dataDir, 'recordings'), settings }, { bridge, store, log: this.#log, clock, transcode })
  }

  /** RTMP, and RTMPS beside it where there is a certificate. */
  async #openRtmp (bridge: Bridge, { ingresses }: Storage): Promise<RtmpListener> {
    const { rtmp: { host, ingestPort, tlsPort, duplicatePublisher, mediaTimeout }, tls: { certFile, keyFile } } = this.#config
    const streamKeys = {
      async resolve (app: string, streamKey: string) {
        const found = await ingresses.resolve(app, streamKey)
        return found && { ingressId: found.id, room: found.room, identity: found.identity, name: found.name }
      }
    }
    const publishers = new Publishers() // Of both ports: one publisher a key, whichever way it came.
    const limits = { maxConnections: RTMP_CONNECTIONS, maxStrangersPerAddress: RTMP_STRANGERS_PER_ADDRESS }
    const open = async (use: PortUse, tls?: { cert: Buffer, key: Buffer }): Promise<RtmpListener> => this.#stack.use(await listening(use, () => RtmpListener.open(
      { host, port: use.port, duplicatePublisher, mediaTimeoutMs: mediaTimeout, ...limits, ...(tls ? { tls } : {}) }, { bridge, streamKeys, publishers, log: this.#log, clock })))
    if (certFile !== undefined && keyFile !== undefined) {
      await open({ what: 'RTMPS', port: tlsPort, setting: 'RTMPS_PORT' }, { cert: await readFile(certFile), key: await readFile(keyFile) })
    }
    return open({ what: 'RTMP', port: ingestPort, setting: 'RTMP_INGEST_PORT' })
  }

  #audit ({ database, journal }: Storage): Audit {
    const { enabled, logFile } = this.#config.logging.audit
    if (!enabled) return { record () {} }
    const trail = new AuditTrail(database, journal)
    const file = logFile === undefined ? undefined : this.#stack.use(new AuditFile(logFile, { log: this.#log, clock }))
    return { record: entry => { trail.record(entry); file?.record(entry) } }
  }

  async #openTransports (): Promise<TransportHub> {
    const { host, udpPort: port, publicIps, tcpEnabled, tcpPort } = this.#config.media
    const options = { port, announcedAddresses: publicIps, bindAddress: host }
    const transports = this.#stack.use(await listening({ what: 'WebRTC media (UDP)', port, setting: 'MEDIA_UDP_PORT' }, () => TransportHub.open(options)))
    if (tcpEnabled) await listening({ what: 'WebRTC media (TCP)', port: tcpPort, setting: 'MEDIA_TCP_PORT' }, () => transports.openTcp({ port: tcpPort, log: this.#log, clock }))
    return transports
  }

  #openControl (parts: ControlParts, rtmpPort = 0): Promise<Control> {
    const { service: { name, version, environment, region, bridgeId }, http, health, metrics: { enabled, prometheus }, security, security: { cors } } = this.#config
    const options = {
      host: http.host,
      port: http.port,
      metricsHost: prometheus.host,
      metricsPort: enabled && prometheus.enabled ? prometheus.port : undefined,
      metricsPath: prometheus.path,
      service: { name, version, environment, region, bridgeId },
      probes: health.http.enabled ? { liveness: health.http.livenessPath, readiness: health.http.readinessPath } : null,
      probePort: health.http.port === http.port ? undefined : health.http.port,
      publicStatus: security.publicStatus,
      publicMetrics: security.publicMetrics,
      consoleFolder: path.resolve(import.meta.dirname, '../console/dist'),
      trustedProxies: http.trustedProxies,
      apiKeyHeader: security.apiKeys.headerName,
      rtmpUrl: (hostname: string) => rtmpUrl(hostname, rtmpPort),
      rateLimit: this.#rateLimit(),
      cors: cors.enabled ? { origins: cors.allowedOrigins, methods: cors.allowedMethods } : undefined
    }
    const uses = [
      { what: 'HTTP', port: http.port, setting: 'HTTP_PORT' }, { what: 'metrics', port: prometheus.port, setting: 'PROMETHEUS_PORT' },
      { what: 'the probes', port: health.http.port, setting: 'HEALTH_CHECK_PORT' }
    ]
    return listening(uses, () => openControl(options, parts))
  }

  /** Read at each request. */
  #rateLimit () {
    const now = (): Config['security']['rateLimiting'] => this.#config.security.rateLimiting
    return { get enabled () { return now().enabled }, get requestsPerMinute () { return now().requestsPerMinute }, get burst () { return now().burstSize } }
  }

  #sendWebhooks ({ database, vault, events }: Storage): void {
    if (!this.#config.webhooks.enabled) return
    const outbox = new WebhookDeliveries(database, { vault, clock })
    const settings = () => { const { timeout, concurrency } = this.#config.webhooks; return { timeoutMs: timeout, concurrency } }
    this.#inBackground(signal => whenReady(database, signal, () => sendWebhooks({
      outbox, onNews: wake => events.onAppended(wake), post: (url, request) => this.#dialer.send(url, 'webhook', { method: 'POST', ...request }), clock, log: this.#log, settings
    }, signal)))
  }

  #register (bridge: Bridge, { database, journal }: Storage): Promise<Registration> {
    const { bridgeId, region, capacity } = this.#facts()
    return Registration.open({
      database, bridgeId, region, capacity, dataDir: this.#config.service.dataDir, log: this.#log, clock, onRevived: () => journal.reassert(),
      state: () => ({ status: bridge.draining ? 'draining' : 'online', sessions: bridge.sessions.size })
    })
  }

  #showDemo (port: number, streamKey: string): void {
    this.#inBackground(async () => {
      const { publishDemo } = await import('./dev/demo.ts')
      await publishDemo({ url: rtmpUrl('127.0.0.1', port), streamKey, log: this.#log, signal: this.#demo.signal })
    })
  }

  /** Runs until closing begins; closing waits for it. */
  #inBackground (work: (signal: AbortSignal) => Promise<void>): void {
    const running = work(this.#closing.signal).catch(error => this.#log.error({ error }, 'something in the background failed'))
    this.#stack.defer(() => running)
  }
}

/** Who meets trouble has the probes look at once: `/ready` then knows within seconds, however seldom it looks by itself. */
function doubt (dependencies: Dependencies, { database, cache }: Storage): void {
  database.onTrouble = () => dependencies.poke('database')
  cache.onTrouble = () => dependencies.poke('redis')
  void database.ready.then(() => dependencies.poke('database'))
}

/** The schema must be there first: a database that is away at the start may come an hour later. */
async function whenReady (database: Database, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  await Promise.race([database.ready, aborted(signal)])
  if (!signal.aborted) await work()
}

async function startSimulator (): Promise<DashboardSimulator> {
  const { DashboardSimulator } = await import('./dev/simulators/dashboard.ts')
  return DashboardSimulator.start()
}

const rtmpUrl = (hostname: string, port: number): string => `rtmp://${hostname}:${port}/live`
