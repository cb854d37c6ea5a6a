import { hostname } from 'node:os'
import {
  addresses, choice, databaseUrl, duration, flag, fraction, generated, headerName, hostPort, hosts, httpUrl, iceUrls, listOf, mapOf, need, path, port, ports, ranges,
  sameAs, seconds, size, text, urlPath, whole, words, type Setting
} from './setting.ts'
import { version } from './version.ts'

/** Two processes that start in the same second on one host must not share an id. */
const newBridgeId = (): string => `bridge-${hostname()}-${Math.floor(Date.now() / 1000)}-${process.pid}`

const destinations = [
  { name: 'youtube', url: 'rtmp://a.rtmp.youtube.com/live2', enabled: true },
  { name: 'twitch', url: 'rtmp://live.twitch.tv/app', enabled: true },
  { name: 'facebook', url: 'rtmps://live-api-s.facebook.com:443/rtmp/', enabled: true }
]
const presets = {
  '4K': { width: 3840, height: 2160, bitrate: 15_000, framerate: 30 },
  '1080p': { width: 1920, height: 1080, bitrate: 6000, framerate: 30 },
  '720p': { width: 1280, height: 720, bitrate: 3000, framerate: 30 },
  '480p': { width: 854, height: 480, bitrate: 1500, framerate: 30 }
}

/**
 * Everything under `auralink` in auralink.conf. A row is: kind (default, what it does, { variable, marks }).
 * The types of `Config`, auralink.conf, docs/configuration.md and every error message come from here.
 */
export const auralink = {
  service: {
    name: text('ingress-egress', 'Name of the service in logs, status and metrics.', { env: 'AURALINK_SERVICE_NAME' }),
    region: text('us-west-2', 'Region this bridge runs in.', { env: 'AURALINK_REGION' }),
    environment: text('production', 'Deployment environment: production, staging, development, …', { env: 'AURALINK_ENV' }),
    version: text(generated('the version in package.json', () => version), 'Version shown in status and logs.'),
    bridge_id: text(generated('bridge-<hostname>-<unix seconds>-<process id>', newBridgeId),
      'Unique name of this process among all bridges.', { env: 'BRIDGE_ID' }),
    data_dir: path('data', 'Folder for recordings, journal and the embedded database. Relative: below the working directory.', { env: 'DATA_DIR' }),
    drain_deadline: duration('30s', 'How long SIGTERM waits for sessions to leave by themselves before it ends them.', { live: true }),
    engine: choice(['local', 'livekit', 'jitsi', 'mesh'], 'local',
      'Where conferences are hosted: in this process, on a LiveKit cluster, in Jitsi, on another bridge.', { later: true })
  },
  features: {
    enable_aic: flag(true, 'AI-driven compression hints.', { env: 'ENABLE_AIC', later: true }),
    enable_sip: flag(true, 'Telephony by SIP.', { env: 'ENABLE_SIP', later: true }),
    enable_rtmp: flag(true, 'Publishing by RTMP.', { env: 'ENABLE_RTMP' }),
    enable_recording: flag(true, 'Recording of rooms.', { env: 'ENABLE_RECORDING' }),
    enable_mesh: flag(false, 'One room over several bridges.', { env: 'ENABLE_MESH', later: true }),
    enable_auraid: flag(true, 'Resolution of AuraIDs by the Communication Service.', { env: 'ENABLE_AURAID', later: true }),
    enable_trust: flag(true, 'Trust scores of callers.', { env: 'ENABLE_TRUST', later: true }),
    enable_sso: flag(false, 'Login to the console by OpenID Connect (security.oidc).', { env: 'ENABLE_SSO' })
  },
  http: {
    host: text('0.0.0.0', 'Address the API, console and probes listen on.', { env: 'HTTP_HOST' }),
    port: port(sameAs('videobridge.http-servers.public.port'), 'Port of the API, console and probes.', { env: 'HTTP_PORT' }),
    public_url: httpUrl(undefined,
      'Base URL the outside reaches the API by, for links shown to people. Unset: made from the request.', { env: 'PUBLIC_URL' }),
    trusted_proxies: ranges([], 'Addresses or CIDRs of proxies whose X-Forwarded-For is believed.', { env: 'TRUSTED_PROXIES' })
  },
  media: {
    host: text('0.0.0.0', 'Address the media ports listen on.', { env: 'MEDIA_HOST' }),
    udp_port: port(sameAs('videobridge.ice.udp.port'), 'UDP port of all WebRTC media.', { env: 'MEDIA_UDP_PORT' }),
    tcp_enabled: flag(true, 'Also take WebRTC media over TCP (ICE-TCP), from clients that reach no UDP port.', { env: 'MEDIA_TCP_ENABLED' }),
    tcp_port: port(sameAs('media.udp_port'), 'TCP port of WebRTC media.', { env: 'MEDIA_TCP_PORT' }),
    public_ips: addresses([], 'Addresses told to WebRTC peers beside the host’s own, for 1:1 NAT.', { env: 'MEDIA_PUBLIC_IPS' })
  },
  media_workers: {
    count: whole(0, 0, 256, 'Processes that transcode. 0: one for each core.', { env: 'MEDIA_WORKERS' })
  },
  webrtc: {
    connect_timeout: duration('15s', 'Longest wait from the answer to a working connection; the session fails after it.'),
    media_wait: duration('1500ms', 'How long a viewer who asks before the publisher’s first media is kept waiting for it.'),
    viewer_grace: duration('30s', 'How long a viewer waits in a room whose publisher is gone before its session ends.'),
    ice_servers: listOf({
      urls: iceUrls([], 'STUN and TURN URLs.'), username: text('', 'Of a TURN server.'), credential: text('', 'Its password.', { secret: true }),
      secret: text('', 'Instead: what the TURN server and this service share.', { secret: true })
    }, [], 'STUN and TURN servers that clients are told of, with a username and credential, or a secret from which time-limited ones are made (coturn: use-auth-secret).',
    { env: 'ICE_SERVERS', secret: true, live: true }),
    turn_credential_lifetime: duration('6h', 'How long a client may open TURN connections with what was made for it from the secret.', { live: true })
  },
  limits: {
    sessions: whole(500, 1, 100_000, 'Most sessions of this process; more are refused as overloaded.', { live: true }),
    rooms: whole(200, 1, 100_000, 'Most open rooms of this process.', { live: true })
  },
  tls: {
    cert_file: path(undefined, 'Certificate chain (PEM) of RTMPS and SIP over TLS.', { env: 'TLS_CERT_FILE' }),
    key_file: path(undefined, 'Private key (PEM) of that certificate.', { env: 'TLS_KEY_FILE' })
  },
  dashboard: {
    url: httpUrl(undefined,
      'Dashboard Service. Unset: the service runs without one.', { env: 'DASHBOARD_SERVICE_URL', example: 'http://auralink-dashboard:8080' }),
    api_key: text(undefined, 'Key sent to the Dashboard in X-AuraLink-API-Key.', { env: 'DASHBOARD_API_KEY', secret: true }),
    timeout: duration('5s', 'Longest wait for one answer of the Dashboard.', { env: 'DASHBOARD_TIMEOUT' }),
    admission: choice(['off', 'open', 'closed'], 'off',
      'Ask the Dashboard before a session enters: off never; open lets in, closed refuses, while it gives no answer.', { env: 'DASHBOARD_ADMISSION' }),
    registration: {
      enabled: flag(true, 'Register this bridge with the Dashboard.'),
      interval: duration('30s', 'Wait before the next series of attempts when all retries failed.'),
      retry_delay: duration('5s', 'First wait between two attempts; it doubles, with jitter.'),
      max_retries: whole(5, 0, 100, 'Retries in one series of attempts.')
    },
    heartbeat: {
      enabled: flag(true, 'Tell the Dashboard regularly that the bridge is alive, and its load.'),
      interval: duration('15s', 'Time between two heartbeats.'),
      timeout: duration('5s', 'Longest wait for the answer to a heartbeat.')
    }
  },
  ai_core: {
    grpc_url: hostPort(undefined, 'AI Core, as host:port. Unset: none.', { env: 'AI_CORE_GRPC_URL', example: 'auralink-ai-core:50051', later: true }),
    timeout: duration('2s', 'Longest wait for one answer of the AI Core.', { env: 'AI_CORE_TIMEOUT', later: true }),
    enable_compression: flag(true, 'Ask the AI Core for compression hints.', { env: 'AI_CORE_ENABLE_COMPRESSION', later: true }),
    fallback_on_error: flag(true, 'Go on with the native codecs when the AI Core fails.', { later: true }),
    compression: {
      target_savings: fraction(0.4, 0, 1, 'Share of the bandwidth to save.', { later: true }),
      quality_level: whole(7, 1, 10, 'Quality asked for; higher is better.', { later: true }),
      roi_detection: flag(true, 'Detect regions of interest.', { later: true }),
      analysis_frame_rate: whole(5, 1, 60, 'Frames analysed per second.', { later: true })
    },
    circuit_breaker: {
      enabled: flag(true, 'Stop asking an AI Core that fails.', { later: true }),
      failure_threshold: whole(5, 1, 1000, 'Failures in a row that open the breaker.', { later: true }),
      timeout: duration('30s', 'How long the breaker stays open.', { later: true }),
      half_open_requests: whole(3, 1, 100, 'Requests let through to try whether it works again.', { later: true })
    }
  },
  webrtc_server: {
    url: httpUrl(undefined,
      'WebRTC Server (LiveKit). Unset: none.', { env: 'WEBRTC_SERVER_URL', example: 'http://auralink-webrtc:7880', later: true }),
    api_key: text(undefined, 'Key for the WebRTC Server.', { env: 'WEBRTC_API_KEY', secret: true, later: true }),
    sync: {
      enabled: flag(true, 'Keep rooms in step with the WebRTC Server.', { later: true }),
      interval: duration('10s', 'Time between two full comparisons.', { later: true }),
      batch_size: whole(100, 1, 10_000, 'Rooms asked for at once.', { later: true })
    },
    participant_sync: {
      enabled: flag(true, 'Keep participants in step too.', { later: true }),
      realtime: flag(true, 'At once, not only with the next full comparison.', { later: true })
    }
  },
  communication_service: {
    url: httpUrl(undefined,
      'Communication Service. Unset: none.', { env: 'COMMUNICATION_SERVICE_URL', example: 'http://auralink-communication:8008', later: true }),
    api_key: text(undefined, 'Key for the Communication Service.', { env: 'COMMUNICATION_API_KEY', secret: true, later: true }),
    auraid: {
      enabled: flag(sameAs('features.enable_auraid'), 'Resolve AuraIDs.', { later: true }),
      cache_ttl: seconds(300, 'How long an answer is kept.', { later: true }),
      fallback_to_email: flag(true, 'Take an e-mail address or phone number for a name when the AuraID is unknown.', { later: true })
    }
  },
  database: {
    url: databaseUrl(undefined,
      'PostgreSQL, as JDBC or plain URL. Unset: the embedded database in data_dir.', { env: 'DATABASE_URL', secret: true, example: 'jdbc:postgresql://postgres:5432/auralink' }),
    username: text('auralink', 'User of the database.', { env: 'DB_USER' }),
    password: text(undefined, 'Password of that user.', { env: 'DB_PASSWORD', secret: true }),
    pool: {
      size: whole(20, 1, 1000, 'Most connections to the database.', { env: 'DB_POOL_SIZE' }),
      max_lifetime: duration(1_800_000, 'A connection older than this is replaced.'),
      connection_timeout: duration(30_000, 'Longest wait for a connection; 1.5 s at the most, so that no request waits for a database that is away.'),
      idle_timeout: duration(600_000, 'A connection unused for this long is closed.'),
      leak_detection_threshold: duration(60_000, 'A connection held for longer than this is logged.', { later: true })
    },
    schema: text('ingress_egress', 'Schema of the tables.'),
    auto_migrate: flag(true, 'Bring the tables up to date at start.', { env: 'DB_AUTO_MIGRATE' })
  },
  redis: {
    host: text(undefined, 'Redis. Unset: what Redis would hold is kept in memory.', { env: 'REDIS_HOST', example: 'redis' }),
    port: port(6379, 'Port of Redis.', { env: 'REDIS_PORT' }),
    password: text(undefined, 'Password of Redis.', { env: 'REDIS_PASSWORD', secret: true }),
    database: whole(0, 0, 1_000_000, 'Database index.', { env: 'REDIS_DB' }),
    pool: {
      max_total: whole(50, 1, 10_000, 'Most connections. One is enough here: commands share it.', { later: true }),
      max_idle: whole(20, 0, 10_000, 'Most idle connections.', { later: true }),
      min_idle: whole(5, 0, 10_000, 'Fewest idle connections.', { later: true })
    },
    timeout: duration(2000, 'Longest wait for one answer of Redis.'),
    key_prefix: text('auralink:ingress-egress:', 'Begins every key and channel.'),
    cache_ttl: seconds(300, 'How long cached state lives.')
  },
  sip: {
    enabled: flag(sameAs('features.enable_sip'), 'Take and make calls.', { later: true }),
    port: port(5060, 'UDP and TCP port of SIP.', { env: 'SIP_PORT', later: true }),
    tls_port: port(5061, 'TLS port of SIP.', { env: 'SIP_TLS_PORT', later: true }),
    server_url: text('sip:asterisk:5060', 'Next hop of outgoing calls.', { env: 'SIP_SERVER_URL', later: true }),
    transport: choice(['UDP', 'TCP', 'TLS'], 'UDP', 'Transport towards the next hop.', { env: 'SIP_TRANSPORT', later: true }),
    trunk_provider: text('twilio', 'Name of the trunk provider.', { env: 'SIP_TRUNK_PROVIDER', later: true }),
    trunk_credentials: text(undefined,
      'User and password of the trunk, as user:password.', { env: 'SIP_TRUNK_CREDENTIALS', secret: true, later: true }),
    codecs: words(['opus', 'pcmu', 'pcma', 'g722'], 'Audio codecs, best first.', { later: true }),
    dtmf: {
      mode: choice(['rfc2833', 'info', 'inband'], 'rfc2833', 'How digits are sent.', { later: true }),
      payload_type: whole(101, 96, 127, 'RTP payload type of digits.', { later: true })
    },
    routing: {
      default_region: text('us', 'Country of numbers without a prefix.', { later: true }),
      enable_e164_lookup: flag(true, 'Bring numbers into E.164 form before routing.', { later: true })
    }
  },
  srt: {
    port: port(8890, 'UDP port of SRT.', { env: 'SRT_PORT', later: true })
  },
  rtmp: {
    enabled: flag(sameAs('features.enable_rtmp'), 'Take RTMP publishers.'),
    host: text('0.0.0.0', 'Address the RTMP ports listen on.', { env: 'RTMP_HOST' }),
    ingest_port: port(1935, 'Port of RTMP.', { env: 'RTMP_INGEST_PORT' }),
    tls_port: port(1936, 'Port of RTMPS; opened when a certificate is configured (tls).', { env: 'RTMPS_PORT' }),
    duplicate_publisher: choice(['newest', 'oldest'], 'newest', 'Who keeps the stream key when two publish with it.'),
    media_timeout: duration('8s', 'A publisher that sends nothing for this long is gone.'),
    destinations: listOf(
      { name: text(undefined, 'Name.'), url: text(undefined, 'RTMP or RTMPS URL, without the key.'), enabled: flag(true, 'May be pushed to.') },
      destinations, 'Platforms a room can be pushed to by name.', { later: true }),
    transcoding: {
      video_codec: choice(['h264', 'h265', 'av1', 'vp9'], 'h264', 'Video codec of pushes.', { later: true }),
      audio_codec: choice(['aac', 'opus'], 'aac', 'Audio codec of pushes.', { later: true }),
      presets: mapOf({
        width: whole(undefined, 16, 16_384, 'px'), height: whole(undefined, 16, 16_384, 'px'), bitrate: whole(undefined, 1, 1_000_000, 'kbit/s'), framerate: whole(30, 1, 240,
          'frames/s')
      }, presets, 'Qualities by name; bitrate in kbit/s.', { later: true })
    }
  },
  recording: {
    enabled: flag(sameAs('features.enable_recording'), 'Rooms can be recorded.'),
    fragment: duration('500ms', 'Length of one fragment: with the write of it, what a crash can cost; 1 s at most.'),
    rejoin_grace: duration('5s', 'A recorded participant may come back within this without ending the recording.'),
    start_timeout: duration('60s', 'A recording whose participant sends nothing for this long fails.'),
    min_free_disk: size('1GiB', 'No new recording begins with less free disk space.', { live: true }),
    storage_backend: choice(['local', 's3', 'gcs', 'azure'], 'local',
      'Where finished recordings go; local keeps them in data_dir.', { env: 'RECORDING_STORAGE_BACKEND', later: true }),
    s3: {
      bucket: text(undefined, 'Bucket.', { env: 'RECORDING_BUCKET', later: true }),
      region: text('us-west-2', 'Region of the bucket.', { env: 'RECORDING_S3_REGION', later: true }),
      access_key: text(undefined, 'Access key.', { env: 'AWS_ACCESS_KEY_ID', secret: true, later: true }),
      secret_key: text(undefined, 'Secret key.', { env: 'AWS_SECRET_ACCESS_KEY', secret: true, later: true }),
      prefix: text('recordings/', 'Begins every object’s name.', { later: true })
    },
    formats: words(['mp4', 'webm'], 'Formats that may be asked for.', { later: true }),
    quality: {
      video_bitrate: whole(2500, 1, 1_000_000, 'Video bitrate of composed recordings, in kbit/s.', { later: true }),
      audio_bitrate: whole(128, 1, 10_000, 'Audio bitrate of composed recordings, in kbit/s.', { later: true }),
      resolution: text('1080p', 'Resolution of composed recordings: a name from rtmp.transcoding.presets.', { later: true })
    },
    retention: {
      enabled: flag(true, 'Delete old recordings.', { later: true }),
      days: whole(90, 1, 36_500, 'Age at which a recording is deleted, in days.', { later: true })
    },
    auto_record: {
      enabled: flag(false, 'Record rooms without being asked.', { later: true }),
      on_participant_count: whole(2, 1, 10_000, 'Participants that start a recording.', { later: true })
    }
  },
  mesh: {
    enabled: flag(sameAs('features.enable_mesh'), 'Connect rooms of several bridges.', { later: true }),
    routing_service_url: httpUrl('http://auralink-mesh-routing:8090', 'Mesh routing service.', { env: 'MESH_ROUTING_URL', later: true }),
    optimization: {
      enabled: flag(true, 'Choose routes by measurement.', { later: true }),
      algorithm: text('ai_latency', 'Name of the method.', { later: true }),
      recompute_interval: duration('60s', 'Time between two choices.', { later: true })
    },
    discovery: {
      enabled: flag(true, 'Find other bridges.', { later: true }),
      interval: duration('30s', 'Time between two searches.', { later: true })
    }
  },
  trust: {
    enabled: flag(sameAs('features.enable_trust'), 'Ask for trust scores.', { later: true }),
    service_url: httpUrl('http://auralink-communication:8008/api/trust', 'Trust service.', { env: 'TRUST_SERVICE_URL', later: true }),
    policies: {
      min_score_call: whole(50, 0, 100, 'Score needed to call.', { later: true }),
      min_score_record: whole(70, 0, 100, 'Score needed to record.', { later: true }),
      rate_limit: {
        low_trust: whole(5, 0, 1_000_000, 'Calls per hour with low trust.', { later: true }),
        medium_trust: whole(20, 0, 1_000_000, 'Calls per hour with medium trust.', { later: true }),
        high_trust: whole(100, 0, 1_000_000, 'Calls per hour with high trust.', { later: true })
      }
    }
  },
  webhooks: {
    enabled: flag(true, 'Send events to the webhook endpoints.'),
    timeout: duration('15s', 'Longest wait for the answer of a receiver.', { live: true }),
    concurrency: whole(16, 1, 1000, 'Deliveries under way at once.', { live: true })
  },
  metrics: {
    enabled: flag(true, 'Collect and serve metrics.', { env: 'ENABLE_METRICS' }),
    prometheus: {
      enabled: flag(true, 'Serve metrics to Prometheus.'),
      host: text('0.0.0.0', 'Address the metrics port listens on.', { env: 'PROMETHEUS_HOST' }),
      port: port(9090, 'Port of the metrics.', { env: 'PROMETHEUS_PORT' }),
      path: urlPath('/metrics', 'Path of the metrics.')
    },
    export_interval: duration('15s', 'Time between two reports of metrics to the Dashboard.'),
    custom: {
      aic_compression_ratio: flag(true, 'Metric auralink_aic_compression_ratio.', { later: true }),
      aic_latency: flag(true, 'Latency of the AI Core.', { later: true }),
      bridge_status: flag(true, 'Metric auralink_bridge_status.', { later: true }),
      participant_count: flag(true, 'Metric auralink_participant_count.', { later: true }),
      conference_count: flag(true, 'Metric auralink_conference_count.', { later: true }),
      packet_loss: flag(true, 'Packet loss.', { later: true }),
      jitter: flag(true, 'Jitter.', { later: true }),
      rtt: flag(true, 'Round trip times.', { later: true }),
      sip_call_count: flag(true, 'Metric auralink_sip_call_count.', { later: true }),
      rtmp_stream_count: flag(true, 'Metric auralink_rtmp_stream_count.', { later: true }),
      recording_count: flag(true, 'Recordings under way.', { later: true })
    }
  },
  health: {
    http: {
      enabled: flag(true, 'Serve the probes.'),
      port: port(sameAs('http.port'), 'A port for the probes alone. They are served on http.port in any case.', { env: 'HEALTH_CHECK_PORT' }),
      liveness_path: urlPath('/health', 'Path of the liveness probe.'),
      readiness_path: urlPath('/ready', 'Path of the readiness probe.')
    },
    dependencies: {
      postgres: need('required', 'The database.'),
      redis: need('reported', 'Redis, when configured.'),
      dashboard: need('reported', 'The Dashboard, when configured.'),
      ai_core: need('reported', 'The AI Core, when configured and enable_aic.', { later: true }),
      webrtc_server: need('required', 'The WebRTC Server, when configured.', { later: true })
    },
    check_interval: duration('10s', 'How long the result of a check is kept.'),
    dependency_timeout: duration('3s', 'Longest wait for one dependency.')
  },
  security: {
    secret_key: text(undefined, 'Seals stream keys and webhook secrets in the database; at least 32 characters. Bridges on one database share it. Unset: one is made at the first start, in data_dir.', { env: 'AURALINK_SECRET_KEY', secret: true }),
    admin_api_key: text(undefined,
      'An API key for everything. Unset: one is made at the first start.', { env: 'AURALINK_ADMIN_API_KEY', secret: true }),
    public_status: flag(true, '/status answers without a key; it holds nothing secret.'),
    public_metrics: flag(true, '/metrics answers without a key.'),
    jwt: {
      enabled: flag(true, 'Accept JSON Web Tokens.'),
      secret: text(undefined, 'Secret of HS256, HS384 or HS512.', { env: 'JWT_SECRET', secret: true }),
      algorithm: choice(['HS256', 'HS384', 'HS512'], 'HS256', 'Algorithm with that secret.'),
      issuer: text('auralink', 'Issuer a token must name.', { env: 'JWT_ISSUER' }),
      audience: text('auralink-services', 'Audience a token must name.', { env: 'JWT_AUDIENCE' }),
      jwks_url: httpUrl(undefined, 'Public keys of RS256, ES256 and EdDSA tokens. Unset: only the secret counts.', { env: 'JWT_JWKS_URL' })
    },
    oidc: {
      issuer: httpUrl(undefined, 'OpenID Connect provider of the console’s login.', { env: 'OIDC_ISSUER' }),
      client_id: text(undefined, 'Client id at the provider.', { env: 'OIDC_CLIENT_ID' }),
      client_secret: text(undefined, 'Client secret at the provider.', { env: 'OIDC_CLIENT_SECRET', secret: true }),
      role_claim: text('roles', 'Claim that holds the roles.'),
      admin_role: text('auralink-admin', 'Role that may do everything.')
    },
    api_keys: {
      enabled: flag(true, 'Accept API keys.'),
      header_name: headerName('X-AuraLink-API-Key', 'Header that carries the API key.')
    },
    rate_limiting: {
      enabled: flag(true, 'Limit requests per key and address. The scope admin is exempt.', { live: true }),
      requests_per_minute: whole(100, 1, 1_000_000, 'Requests per minute.', { live: true }),
      burst_size: whole(20, 0, 1_000_000, 'Requests beyond that in one burst.', { live: true })
    },
    cors: {
      enabled: flag(true, 'Answer browsers from the origins below.'),
      allowed_origins: words([], 'Origins whose pages may call the API; "*" is any.', { env: 'CORS_ALLOWED_ORIGINS' }),
      allowed_methods: words(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], 'Methods those pages may use.')
    },
    outbound: {
      allow_private: hosts([],
        'Private hosts, addresses or CIDRs that webhooks, pushes and pulls may reach; host:port allows that port too.', { env: 'OUTBOUND_ALLOW_PRIVATE', live: true }),
      extra_ports: ports([], 'Ports that may be reached beside the usual ones of each protocol.', { env: 'OUTBOUND_EXTRA_PORTS', live: true })
    }
  },
  logging: {
    level: choice(['debug', 'info', 'warn', 'error'], 'info', 'Least important lines that are written.', { env: 'LOG_LEVEL', live: true }),
    format: choice(['json', 'text'], 'json', 'One JSON object or one readable line for each event.', { env: 'LOG_FORMAT' }),
    structured: {
      service: text(sameAs('service.name'), 'Field service of every line.'),
      environment: text(sameAs('service.environment'), 'Field environment of every line.'),
      version: text(sameAs('service.version'), 'Field version of every line.')
    },
    audit: {
      enabled: flag(true, 'Log every administrative action.'),
      log_file: path(undefined, 'Also write the audit log to this file, one JSON line for each entry. Unset: it is kept in the database alone.', { example: '/var/log/auralink/audit.log' })
    }
  }
}

/** The original file’s second root. What has an equal above is its default there; the rest changes nothing. */
export const videobridge = {
  'instance-id': text(sameAs('service.bridge_id'), 'The same as service.bridge_id.', { later: true }),
  'http-servers': { public: { port: port(8080, 'Default of http.port.', { env: 'JVB_HTTP_PORT' }) } },
  ice: { udp: { port: port(10_000, 'Default of media.udp_port.') } },
  apis: { rest: { enabled: flag(true, 'The API is always there.', { later: true }) } },
  health: { interval: duration(sameAs('health.check_interval'), 'See health.check_interval.', { later: true }) },
  stats: {
    enabled: flag(true, 'See metrics.enabled.', { later: true }),
    interval: duration(sameAs('metrics.export_interval'), 'See metrics.export_interval.', { later: true })
  }
}

/** The tables by their root in the file. */
export const roots = { auralink, videobridge }

/** `http-servers` and `api_key` in a file are `httpServers` and `apiKey` in the program. */
type Camel<Name extends string> = Name extends `${infer Head}${'_' | '-'}${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Name
type Values<Table> = { readonly [Name in keyof Table & string as Camel<Name>]: Table[Name] extends Setting<infer T> ? T : Values<Table[Name]> }

/** Everything configured, by section: durations in milliseconds, sizes in bytes, paths absolute. */
export type Config = Values<typeof auralink>
