import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { type ConfigSources, load, loadConfig } from './load.ts'
import { ConfigError } from './problems.ts'
import { rowOf, rows } from './table.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'config-'))
after(() => { rmSync(folder, { recursive: true }) })

function file (text: string, name = 'auralink.conf'): string {
  writeFileSync(path.join(folder, name), text)
  return path.join(folder, name)
}

const config = (sources: ConfigSources) => loadConfig({ env: {}, cwd: folder, ...sources })

/** The lines of the error, without the folder. */
function mistakes (sources: ConfigSources): string[] {
  try {
    config(sources)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').slice(1).map(line => line.trim().replaceAll(`${folder}/`, ''))
  }
  return []
}

test('with nothing given, the defaults', () => {
  const c = config({})
  assert.equal(c.http.port, 8080)
  assert.equal(c.media.udpPort, 10_000)
  assert.equal(c.metrics.prometheus.port, 9090)
  assert.equal(c.rtmp.ingestPort, 1935)
  assert.equal(c.recording.fragment, 500)
  assert.equal(c.recording.minFreeDisk, 1024 ** 3)
  assert.equal(c.redis.cacheTtl, 300_000)
  assert.equal(c.service.dataDir, path.join(folder, 'data'))
  assert.equal(c.rtmp.transcoding.presets.get('720p')?.height, 720)
  assert.deepEqual(c.rtmp.destinations.map(d => d.name), ['youtube', 'twitch', 'facebook'])
  assert.match(c.service.bridgeId, /^bridge-.+-\d{10}-\d+$/)
  assert.deepEqual([c.database.url, c.redis.host, c.dashboard.url, c.aiCore.grpcUrl, c.webrtcServer.url], [undefined, undefined, undefined, undefined, undefined])
  assert.deepEqual(c.health.dependencies, { postgres: 'required', redis: 'reported', dashboard: 'reported', aiCore: 'reported', webrtcServer: 'required' })
})

test('default < file < environment < command line', () => {
  const conf = file('auralink { redis { host = file, port = 1, database = 1, timeout = 1 } }')
  const c = config({ argv: ['--config', conf, '--set', 'redis.database=3'], env: { REDIS_PORT: '2', REDIS_DB: '2' } })
  assert.deepEqual([c.redis.keyPrefix, c.redis.host, c.redis.port, c.redis.database], ['auralink:ingress-egress:', 'file', 2, 3])
})

test('CONFIG_FILE names the file, --config wins over it, and paths are relative to the working directory', () => {
  file('auralink.service.region = one', 'one.conf')
  file('auralink.service.region = two', 'two.conf')
  assert.equal(config({ env: { CONFIG_FILE: 'one.conf' } }).service.region, 'one')
  assert.equal(config({ argv: ['--config', 'two.conf'], env: { CONFIG_FILE: 'one.conf' } }).service.region, 'two')
  assert.deepEqual(mistakes({ argv: ['--config', 'none.conf'] }), ['none.conf: cannot be read: ENOENT'])
})

test('a file as operators of the original service have it', () => {
  const conf = file(`
    auralink {
      service { bridge_id = \${?BRIDGE_ID} }
      features { enable_sip = true, enable_sip = \${?ENABLE_SIP} }
      dashboard { url = "http://auralink-dashboard:8080", url = \${?DASHBOARD_SERVICE_URL}, timeout = 5s }
      database { url = "jdbc:postgresql://postgres:5432/auralink", password = \${?DB_PASSWORD}, pool { size = 20, size = \${?DB_POOL_SIZE}, max_lifetime = 1800000 } }
      redis { host = "redis", host = \${?REDIS_HOST}, timeout = 2000, cache_ttl = 300 }
      sip { enabled = \${auralink.features.enable_sip}, transport = "UDP", codecs = ["opus", "pcmu"] }
      rtmp { transcoding { presets = { "1080p" = { width = 1920, height = 1080, bitrate = 6000, framerate = 30 } } } }
      health { dependencies { postgres = true, redis = false, ai_core = \${auralink.features.enable_aic} } }
      logging { level = "INFO", structured { service = \${auralink.service.name} } }
    }
    videobridge { instance-id = \${auralink.service.bridge_id}, http-servers { public { port = 8080, port = \${?JVB_HTTP_PORT} } }, ice { udp { port = 10001 }, tcp { enabled = true } } }`)
  const { config: c, notes } = load({ argv: ['--config', conf], cwd: folder, env: { ENABLE_SIP: 'false', DB_PASSWORD: 'pw', DB_POOL_SIZE: '7', JVB_HTTP_PORT: '8088', REDIS_PASSWORD: '' } })
  assert.deepEqual([c.sip.enabled, c.database.pool.size, c.database.password, c.redis.password], [false, 7, 'pw', undefined])
  assert.deepEqual([c.http.port, c.media.udpPort, c.redis.host, c.redis.timeout, c.redis.cacheTtl], [8088, 10_001, 'redis', 2000, 300_000])
  assert.deepEqual([c.health.dependencies.postgres, c.health.dependencies.redis, c.health.dependencies.aiCore], ['required', 'off', 'required'])
  assert.ok(notes.includes('videobridge.ice.tcp has no effect here'), notes.join('\n'))
})

test('the seed’s compose file', () => {
  const c = config({ env: {
    AURALINK_ENV: 'development', BRIDGE_ID: 'bridge-dev-001', ENABLE_AIC: 'true', DATABASE_URL: 'jdbc:postgresql://postgres:5432/auralink', DB_USER: 'auralink',
    DB_PASSWORD: 'secret', REDIS_HOST: 'redis', DASHBOARD_SERVICE_URL: 'http://auralink-dashboard:8080', DASHBOARD_API_KEY: 'dev-dashboard-key',
    AI_CORE_GRPC_URL: 'auralink-ai-core:50051', WEBRTC_SERVER_URL: 'http://auralink-webrtc:7880', LOG_LEVEL: 'DEBUG'
  } })
  assert.deepEqual([c.service.bridgeId, c.logging.level, c.aiCore.grpcUrl], ['bridge-dev-001', 'debug', 'auralink-ai-core:50051'])
})

test('every mistake at once, each with its place', () => {
  const conf = file(`auralink {
  redis.prt = 1
  dashboard.timeout = ten
  health { dependency_timout = 3s }
  loging.level = info
  sip = no
  limits.sessions = [1]
  rtmp.destinations = [{ name = x, uri = y }]
}
other = 1
`)
  const env = { ENABLE_SIP: 'maybe', DB_PASSWORD: 'x', DB_PASSWORD_FILE: 'y', JWT_SECRET_FILE: 'missing' }
  assert.deepEqual(mistakes({ argv: ['--config', conf, '--set', 'http.port=70000'], env }), [
    'auralink.conf:2:15: auralink.redis.prt: there is no such setting; is it auralink.redis.port?',
    'auralink.conf:3:23: auralink.dashboard.timeout: expected a duration such as 500ms, 10s or 5 minutes, found "ten"',
    'auralink.conf:4:32: auralink.health.dependency_timout: there is no such setting; is it auralink.health.dependency_timeout?',
    'auralink.conf:5:18: auralink.loging: there is no such setting; is it auralink.logging?',
    'auralink.conf:6:9: auralink.sip: expected a section, found "no"',
    'auralink.conf:7:21: auralink.limits.sessions: expected a whole number from 1 to 100000, found a list',
    'auralink.conf:8:24: auralink.rtmp.destinations: expected an object with url, found an object',
    'auralink.conf:8:42: auralink.rtmp.destinations: expected uri: one of name, url, enabled, found "y"',
    'auralink.conf:10:9: other: there is no such setting',
    'command line --set http.port: auralink.http.port: expected a port from 0 (any free one) to 65535, found "70000"',
    'environment variable DB_PASSWORD: auralink.database.password: DB_PASSWORD and DB_PASSWORD_FILE are both set; keep one',
    'environment variable ENABLE_SIP: auralink.features.enable_sip: expected true or false, found "maybe"',
    'environment variable JWT_SECRET_FILE: auralink.security.jwt.secret: missing cannot be read: ENOENT'
  ])
})

test('a file that cannot be parsed is one mistake among the others', () => {
  const conf = file('auralink {\n  a = "x\n}')
  assert.deepEqual(mistakes({ argv: ['--config', conf], env: { ENABLE_SIP: 'maybe' } }), [
    'auralink.conf:2:7: this quote is never closed',
    'environment variable ENABLE_SIP: auralink.features.enable_sip: expected true or false, found "maybe"'
  ])
})

test('a substitution that leads nowhere names its place', () => {
  assert.deepEqual(mistakes({ argv: ['--config', file('auralink.redis.host = ${auralink.redis.hots}')] }), ['auralink.conf:1:23: ${auralink.redis.hots} is not defined, or leads back to itself'])
})

test('a wrong secret is not shown', () => {
  const [line] = mistakes({ env: { DATABASE_URL: 'mysql://root:hunter2@db/x' } })
  assert.equal(line, 'environment variable DATABASE_URL: auralink.database.url: expected a jdbc:postgresql:// or postgresql:// URL, found [hidden]')
})

test('a secret may be in a file', () => {
  file('hunter2\n', 'secret')
  assert.equal(config({ env: { DB_PASSWORD_FILE: 'secret' } }).database.password, 'hunter2')
})

test('lists by variable and command line', () => {
  const c = config({ argv: ['--set', 'sip.codecs=["pcmu", opus]', '--set', 'security.outbound.extra_ports=8080, 8443'], env: { MEDIA_PUBLIC_IPS: '203.0.113.7, 2001:db8::7' } })
  assert.deepEqual([c.media.publicIps, c.sip.codecs, c.security.outbound.extraPorts], [['203.0.113.7', '2001:db8::7'], ['pcmu', 'opus'], ['8080', '8443']])
})

test('ICE servers: from the file, or written the same way in a variable', () => {
  const conf = file('auralink.webrtc.ice_servers = [{ urls = ["stun:s.example:3478"] }, { urls = ["turn:t.example?transport=tcp", "turns:[2001:db8::1]:443"], secret = ${?TURN_SECRET} }]')
  const server = { username: '', credential: '', secret: '' }
  assert.deepEqual(config({ argv: ['--config', conf], env: { TURN_SECRET: 'x' } }).webrtc.iceServers,
    [{ ...server, urls: ['stun:s.example:3478'] }, { ...server, urls: ['turn:t.example?transport=tcp', 'turns:[2001:db8::1]:443'], secret: 'x' }])
  assert.deepEqual(config({ env: { ICE_SERVERS: '[{ urls = ["turn:t"], username = u, credential = c }]' } }).webrtc.iceServers, [{ ...server, urls: ['turn:t'], username: 'u', credential: 'c' }])
  const given = (ICE_SERVERS: string): string[] => mistakes({ env: { ICE_SERVERS } }).map(line => line.replace(/^.*ice_servers: /, ''))
  assert.deepEqual(given('turn:t'), ['expected a list of objects, found [hidden]'])
  assert.deepEqual(given('[{ urls = ["turn:t"] }]'), ['turn:t: a TURN server needs username and credential, or secret'])
  assert.deepEqual(given('[{ urls = ["turn:t"], username = u }]'), ['turn:t: username and credential are needed together'])
  assert.deepEqual(given('[{ urls = ["turn:t"], username = u, credential = c, secret = s }]'), ['turn:t: expected either secret, or username and credential'])
  assert.deepEqual(given('[{ secret = s }]'), ['expected urls in each object'])
  assert.deepEqual(given('[{ urls = ["https://t"], secret = s }]'), ['expected urls: a URL such as stun:host:3478 or turn:host:3478?transport=udp, found [hidden]'])
})

test('addresses, ranges and ports are checked one by one', () => {
  const outbound = { OUTBOUND_ALLOW_PRIVATE: 'media:8443,10.0.0.0/8,http://x', OUTBOUND_EXTRA_PORTS: '8080,http' }
  assert.deepEqual(mistakes({ env: { MEDIA_PUBLIC_IPS: '203.0.113.7,host', TRUSTED_PROXIES: '10.0.0.0/8,proxy', ...outbound } }), [
    'environment variable MEDIA_PUBLIC_IPS: auralink.media.public_ips: expected an IPv4 or IPv6 address, found "host"',
    'environment variable OUTBOUND_ALLOW_PRIVATE: auralink.security.outbound.allow_private: expected a host, an address or a CIDR, with a port or without, found "http://x"',
    'environment variable OUTBOUND_EXTRA_PORTS: auralink.security.outbound.extra_ports: expected a port from 1 to 65535, found "http"',
    'environment variable TRUSTED_PROXIES: auralink.http.trusted_proxies: expected an address or a CIDR such as 10.0.0.0/8, found "proxy"'
  ])
})

test('what Kubernetes puts into REDIS_PORT beside a service called redis is its port', () => {
  assert.equal(config({ env: { REDIS_PORT: 'tcp://10.0.0.1:6380' } }).redis.port, 6380)
})

test('two listeners cannot share a port', () => {
  assert.deepEqual(mistakes({ env: { PROMETHEUS_PORT: '8080' } }), ['environment variable PROMETHEUS_PORT: auralink.metrics.prometheus.port: port 8080 is also auralink.http.port'])
  assert.deepEqual(mistakes({ env: { PROMETHEUS_PORT: '0', HTTP_PORT: '0' } }), [])
})

test('settings without effect and well-known passwords are noted, not refused', () => {
  const { notes } = load({ env: { ENABLE_MESH: 'true', DB_PASSWORD: 'secret', LOG_LEVLE: 'debug', HOME: '/root', KUBERNETES_PORT: 'tcp://10.0.0.1:443' }, cwd: folder })
  assert.deepEqual(notes, [
    'the environment variable LOG_LEVLE is not known; is it LOG_LEVEL?',
    'auralink.features.enable_mesh has no effect yet (environment variable ENABLE_MESH)',
    'auralink.database.password is a well-known value (environment variable DB_PASSWORD): change it',
    'auralink.mesh.enabled has no effect yet (environment variable ENABLE_MESH)'
  ])
})

test('every variable of the seed is in the table', () => {
  const known = new Set(rows.map(row => row.setting.extras.env))
  const seed = `AURALINK_SERVICE_NAME AURALINK_REGION AURALINK_ENV BRIDGE_ID ENABLE_AIC ENABLE_SIP ENABLE_RTMP ENABLE_RECORDING ENABLE_MESH ENABLE_AURAID
    DASHBOARD_SERVICE_URL DASHBOARD_API_KEY AI_CORE_GRPC_URL WEBRTC_SERVER_URL WEBRTC_API_KEY DATABASE_URL DB_USER DB_PASSWORD DB_POOL_SIZE DB_AUTO_MIGRATE
    REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_DB SIP_SERVER_URL SIP_TRUNK_PROVIDER SIP_TRUNK_CREDENTIALS RTMP_INGEST_PORT RECORDING_BUCKET RECORDING_S3_REGION
    ENABLE_METRICS PROMETHEUS_PORT LOG_LEVEL LOG_FORMAT
    ENABLE_TRUST ENABLE_SSO DASHBOARD_TIMEOUT AI_CORE_TIMEOUT AI_CORE_ENABLE_COMPRESSION COMMUNICATION_SERVICE_URL COMMUNICATION_API_KEY SIP_TRANSPORT
    RECORDING_STORAGE_BACKEND AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY MESH_ROUTING_URL TRUST_SERVICE_URL HEALTH_CHECK_PORT JWT_SECRET JVB_HTTP_PORT
    HTTP_PORT MEDIA_UDP_PORT SIP_PORT SIP_TLS_PORT RTMPS_PORT SRT_PORT DATA_DIR AURALINK_ADMIN_API_KEY`
  for (const name of seed.split(/\s+/)) assert.ok(known.has(name), name)
})

test('every key of the original file is in the table', () => {
  const keys = `service.name region environment version bridge_id | features.enable_aic enable_sip enable_rtmp enable_recording enable_mesh enable_auraid enable_trust enable_sso
    | dashboard.url api_key timeout registration.enabled registration.interval registration.retry_delay registration.max_retries heartbeat.enabled heartbeat.interval heartbeat.timeout
    | ai_core.grpc_url timeout enable_compression fallback_on_error compression.target_savings compression.quality_level compression.roi_detection compression.analysis_frame_rate
      circuit_breaker.enabled circuit_breaker.failure_threshold circuit_breaker.timeout circuit_breaker.half_open_requests
    | webrtc_server.url api_key sync.enabled sync.interval sync.batch_size participant_sync.enabled participant_sync.realtime
    | communication_service.url api_key auraid.enabled auraid.cache_ttl auraid.fallback_to_email
    | database.url username password pool.size pool.max_lifetime pool.connection_timeout pool.idle_timeout pool.leak_detection_threshold schema auto_migrate
    | redis.host port password database pool.max_total pool.max_idle pool.min_idle timeout key_prefix cache_ttl
    | sip.enabled server_url transport trunk_provider trunk_credentials codecs dtmf.mode dtmf.payload_type routing.default_region routing.enable_e164_lookup
    | rtmp.enabled ingest_port destinations transcoding.video_codec transcoding.audio_codec transcoding.presets
    | recording.enabled storage_backend s3.bucket s3.region s3.access_key s3.secret_key s3.prefix formats quality.video_bitrate quality.audio_bitrate quality.resolution
      retention.enabled retention.days auto_record.enabled auto_record.on_participant_count
    | mesh.enabled routing_service_url optimization.enabled optimization.algorithm optimization.recompute_interval discovery.enabled discovery.interval
    | trust.enabled service_url policies.min_score_call policies.min_score_record policies.rate_limit.low_trust policies.rate_limit.medium_trust policies.rate_limit.high_trust
    | metrics.enabled prometheus.enabled prometheus.port prometheus.path export_interval custom.aic_compression_ratio custom.aic_latency custom.bridge_status
      custom.participant_count custom.conference_count custom.packet_loss custom.jitter custom.rtt custom.sip_call_count custom.rtmp_stream_count custom.recording_count
    | health.http.enabled http.port http.liveness_path http.readiness_path dependencies.postgres dependencies.redis dependencies.dashboard dependencies.ai_core
      dependencies.webrtc_server check_interval dependency_timeout
    | security.jwt.enabled jwt.secret jwt.algorithm jwt.issuer jwt.audience api_keys.enabled api_keys.header_name rate_limiting.enabled rate_limiting.requests_per_minute
      rate_limiting.burst_size cors.enabled cors.allowed_origins cors.allowed_methods
    | logging.level format structured.service structured.environment structured.version audit.enabled audit.log_file`
  for (const part of keys.split('|')) {
    const [first = '', ...rest] = part.trim().split(/\s+/)
    const section = first.slice(0, first.indexOf('.'))
    for (const key of [first.slice(section.length + 1), ...rest]) assert.ok(rowOf(`auralink.${section}.${key}`), `${section}.${key}`)
  }
})
