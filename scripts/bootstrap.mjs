// Runs before `npm start`, `npm test` and `npm run bench`, on any Node >= 18: installs what the lock says (when it changed),
// sees that Node 24 is there, bundles the service for a quick start, and builds the console (both when their sources changed).
// `--peers` also brings the programs that the tests talk to.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const MIN_NODE = [24, 12]
/** Programs, or files of what has none, and the packages that bring them. */
const peers = {
  ffmpeg: 'ffmpeg',
  'gst-launch-1.0': 'gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-nice',
  chromium: 'chromium',
  nginx: 'nginx-light libnginx-mod-rtmp',
  'redis-server': 'redis-server',
  turnserver: 'coturn',
  pg_ctlcluster: 'postgresql',
  janus: 'janus',
  'whip-client': 'simple-whip-client',
  tcc: 'tcc',
  '/usr/lib/python3/dist-packages/aiortc/__init__.py': 'python3-aiortc python3-av',
  '/usr/lib/python3/dist-packages/gi/overrides/Gst.py': 'python3-gst-1.0 python3-numpy gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0'
}

const stop = message => { console.error(`\n${message}\n`); process.exit(1) }
const run = (command, args, options = {}) => spawnSync(command, args, { stdio: 'inherit', ...options })
const seconds = since => ((Date.now() - since) / 1000).toFixed(1)

function npm (args) {
  const cli = process.env.npm_execpath
  return cli ? run(process.execPath, [cli, ...args]) : run('npm', args, { shell: process.platform === 'win32' })
}

function hash (...parts) {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest('hex')
}

/** Does `work` unless the stamp says it was done for the same input. */
function unlessDone (stamp, input, work) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === input) return
  work()
  mkdirSync(path.dirname(stamp), { recursive: true })
  writeFileSync(stamp, input)
}

function installDependencies () {
  const lock = hash(readFileSync('package-lock.json'), `${process.platform}-${process.arch}`)
  unlessDone('node_modules/.bootstrap', lock, () => {
    console.log('First run: installing dependencies …')
    const since = Date.now()
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts', '--prefer-offline']
    // `ci` is exact; a registry that lacks some other platform's package makes it refuse the lock, and `install` does not.
    if (npm(['ci', ...quiet]).status !== 0 && npm(['install', '--no-save', ...quiet]).status !== 0) {
      stop('npm could not install the dependencies: see its message above. Is the package registry reachable?')
    }
    console.log(`Dependencies installed in ${seconds(since)} s.`)
  })
}

/** npm puts node_modules/.bin first on the PATH of every script, so `node` there is the one that runs the service. */
function checkNode () {
  const bundled = path.resolve('node_modules/.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  const { stdout = '' } = spawnSync(existsSync(bundled) ? bundled : 'node', ['-v'], { encoding: 'utf8', shell: process.platform === 'win32' })
  const [major = 0, minor = 0] = stdout.replace('v', '').split('.').map(Number)
  if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
    stop(`This service needs Node ${MIN_NODE.join('.')} or newer, and found ${stdout.trim() || 'none'}. No package brings it for ${process.platform}-${process.arch}: install it from your system or nodejs.org.`)
  }
}

/** With the Node that runs the service: a path to it, or its name. */
function runNode (args) {
  const node = path.resolve('node_modules/.bin/node')
  return run(existsSync(node) ? node : 'node', args)
}

/** Vite comes with the development packages; without them the service starts as well, a little later. */
function bundleService () {
  if (!existsSync(vite)) return
  const script = 'scripts/bundle-service.mjs'
  // Times, not contents: they are what a start compares.
  const sources = [...filesBelow('src')].filter(file => !file.endsWith('.test.ts')).sort().map(file => `${file} ${statSync(file).mtimeMs}\n`)
  unlessDone('node_modules/.bundled/made-from', hash(readFileSync('package-lock.json'), readFileSync(script), ...sources), () => {
    if (runNode([script]).status !== 0) console.warn('The service could not be bundled (see above): it will start a little later.')
  })
}

function * filesBelow (folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) {
      if (entry.name !== 'dist' && entry.name !== 'node_modules') yield * filesBelow(file)
    } else yield file
  }
}

function buildConsole () {
  if (!existsSync('console/index.html')) return
  if (!existsSync(vite)) { // Installed without development packages: an image brings the built console with it.
    if (!existsSync('console/dist/index.html')) console.warn('The console is not built and vite is not installed: the service runs without its page.')
    return
  }
  const sources = [...filesBelow('console')].sort().map(file => readFileSync(file))
  unlessDone('node_modules/.console', hash(...sources, String(existsSync('console/dist/index.html'))), () => {
    rmSync('console/dist', { recursive: true, force: true })
    if (runNode([vite, 'build', 'console', '--logLevel', 'error']).status !== 0) stop('The console did not build: see the message above.')
  })
  writeFileSync('node_modules/.console', hash(...sources, 'true'))
}

function isThere (program) {
  if (path.isAbsolute(program)) return existsSync(program)
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin']
  return folders.some(folder => existsSync(path.join(folder, program)))
}

/** A file is known by the first package that brings it. */
const nameOf = program => path.isAbsolute(program) ? peers[program].split(' ')[0] : program

/** As root on Debian or Ubuntu the missing ones are installed; anybody else is told the one line to run. */
function installPeers () {
  const missing = Object.keys(peers).filter(program => !isThere(program))
  if (missing.length === 0) return
  const packages = missing.flatMap(program => peers[program].split(' '))
  const line = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    console.log(`Tests that need ${missing.map(nameOf).join(', ')} will be skipped. On Debian or Ubuntu this brings them:\n  sudo ${line}`)
    return
  }
  console.log(`Installing the programs the tests talk to: ${missing.map(nameOf).join(', ')} …`)
  // A package that starts its service on installation would take ports and outlive the tests.
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] }
  run('apt-get', ['update', '-qq'], quiet)
  const { status } = run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet)
  if (ours) rmSync(policy, { force: true })
  if (status !== 0) console.warn('Some could not be installed; the tests that need them will say so.')
}

if (process.versions.node.split('.')[0] < 18) stop(`This needs Node 18 or newer to install itself; this is ${process.version}.`)
process.chdir(path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..'))
const vite = path.resolve('node_modules/vite/bin/vite.js')
installDependencies()
checkNode()
bundleService()
buildConsole()
if (process.argv.includes('--peers')) installPeers()
