import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { commandLine } from './command-line.ts'
import { load } from './load.ts'
import { ConfigError } from './problems.ts'
import { reloadConfig } from './reload.ts'
import { configCommand } from './report.ts'
import { rows } from './table.ts'

const run = (argv: string[], env: Record<string, string> = {}) => configCommand(commandLine(argv), { env, cwd: '/' })

test('the command line of a service that runs', () => {
  assert.equal(run(['--demo', '--set', 'http.port=0']), undefined)
  const cli = commandLine(['--demo', '--with-simulators', '--login', '--config', 'x.conf', '--set', 'a=b=c', '--set', 'd='])
  assert.deepEqual(cli, { mode: 'run', text: '', configFile: 'x.conf', set: [['a', 'b=c'], ['d', '']], demo: true, withSimulators: true, login: true })
})

test('--help, --version', () => {
  assert.match(run(['--help'])?.text ?? '', /--check-config/)
  assert.match(run(['--version'])?.text ?? '', /^\d+\.\d+\.\d+\n$/)
})

test('a wrong option says which is meant', () => {
  assert.throws(() => commandLine(['--demmo']), (error: unknown) => error instanceof ConfigError && /command line: unknown option '--demmo'\n.*--demo/.test(error.message))
  assert.throws(() => commandLine(['--set', 'nothing']), { message: /--set nothing: expected key=value/ })
  assert.throws(() => commandLine(['surplus']), ConfigError)
})

test('--check-config lists all mistakes and ends with 1, or says what has no effect and ends with 0', () => {
  const bad = run(['--check-config', '--set', 'redis.prt=1'], { ENABLE_SIP: 'maybe' })
  assert.equal(bad?.exitCode, 1)
  assert.match(bad.text, /2 mistakes:\n {2}command line --set redis\.prt: .*\n {2}environment variable ENABLE_SIP/)
  const good = run(['--check-config'], { ENABLE_MESH: 'true' })
  assert.equal(good?.exitCode, 0)
  assert.match(good.text, /^The configuration is valid.*without a file\.\n {2}note: auralink\.features\.enable_mesh has no effect yet/)
})

test('--print-config shows every setting with its origin, and no secret', () => {
  const canary = 'canary-5f2e'
  const secretFor = (key: string): string => key.endsWith('url') ? `postgresql://u:${canary}@h/d` : key.endsWith('ice_servers') ? `[{ urls = ["turn:t"], secret = ${canary} }]` : canary
  const secrets = Object.fromEntries(rows.filter(row => row.setting.extras.secret).map(row => [row.setting.extras.env ?? '', secretFor(row.key)]))
  const printed = run(['--print-config', '--set', 'redis.host=cache'], { ...secrets, REDIS_PORT: '1' })
  assert.equal(printed?.text.split('\n').length, rows.length + 1)
  assert.match(printed.text, /^auralink\.redis\.host = cache +# command line --set redis\.host$/m)
  assert.match(printed.text, /^auralink\.redis\.port = 1 +# environment variable REDIS_PORT$/m)
  assert.match(printed.text, /^auralink\.dashboard\.timeout = 5s +# default$/m)
  assert.match(printed.text, /^auralink\.database\.url = \[hidden\] /m)
  assert.match(printed.text, /^auralink\.webrtc\.ice_servers = \[\{ urls = \["turn:t"\], username = "", credential = "", secret = "\[hidden\]" \}\] /m)
  assert.doesNotMatch(printed.text, new RegExp(canary))
})

test('reloading applies what may change and names what needs a restart', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'reload-'))
  const write = (text: string): void => { writeFileSync(path.join(folder, 'a.conf'), text) }
  const sources = { argv: ['--config', 'a.conf'], env: {}, cwd: folder }
  try {
    write('auralink.logging.level = info')
    const running = load(sources)
    write('auralink { logging.level = debug, limits.sessions = 7, http.port = 9000, rtmp.destinations = [] }')
    const { loaded, applied, needsRestart } = reloadConfig(running, sources)
    assert.deepEqual(applied, ['auralink.limits.sessions', 'auralink.logging.level'])
    assert.deepEqual(needsRestart, ['auralink.http.port', 'auralink.rtmp.destinations', 'auralink.health.http.port'])
    assert.deepEqual([loaded.config.logging.level, loaded.config.limits.sessions, loaded.config.http.port], ['debug', 7, 8080])
    assert.equal(loaded.config.service.bridgeId, running.config.service.bridgeId)
    write('auralink.logging.level = loud')
    assert.throws(() => reloadConfig(loaded, sources), ConfigError)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
