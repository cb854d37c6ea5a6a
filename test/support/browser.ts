import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Where Debian puts it. */
const SYSTEM_CHROMIUM = '/usr/bin/chromium'
const modules = path.join(import.meta.dirname, '../../node_modules')

/** Media starts by itself, cameras are fakes, and host candidates show their addresses: there is no mDNS responder in a test. */
const flags = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding'
]

export type TestBrowser = AsyncDisposable & { readonly browser: Browser, newPage (): Promise<Page> }

/**
 * A real Chromium: the one inside the npm package `@sparticuz/chromium`, else Debian's. Disposing closes it.
 * @returns undefined where there is none; the caller skips, or fails when `CI` is set.
 */
export async function launchBrowser (): Promise<TestBrowser | undefined> {
  const found = await packaged() ?? (existsSync(SYSTEM_CHROMIUM) ? { executablePath: SYSTEM_CHROMIUM, env: {}, fonts: undefined } : undefined)
  if (!found) return undefined
  await using stack = new AsyncDisposableStack()
  const home = await mkdtemp(path.join(tmpdir(), 'auralink-browser-'))
  stack.defer(() => rm(home, { recursive: true, force: true, maxRetries: 5 }))
  const environment = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const browser = await chromium.launch({
    executablePath: found.executablePath,
    headless: true,
    args: flags,
    env: { ...environment, HOME: home, ...found.env, ...(found.fonts === undefined ? {} : { FONTCONFIG_FILE: await fontsFile(home, found.fonts) }) }
  })
  stack.defer(() => browser.close())
  // Without a locale, Chromium in a bare container calls itself “en-US@posix”, which Intl refuses.
  const context = await browser.newContext({ locale: 'en-US' })
  const owned = stack.move()
  return { browser, newPage: () => context.newPage(), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

type Executable = { executablePath: string, env: Record<string, string>, fonts: string | undefined }

/** The package's own list of font folders names places of its author's cloud; without one font, an `<input>` ends the browser. */
async function fontsFile (home: string, fonts: string): Promise<string> {
  const file = path.join(home, 'fonts.conf')
  await writeFile(file, `<?xml version="1.0"?>
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${fonts}</dir>
  <cachedir>${path.join(home, 'fonts-cache')}</cachedir>
</fontconfig>
`)
  return file
}

/** Unpacks the packaged browser, and the shared libraries it needs, once for each version of it. */
async function packaged (): Promise<Executable | undefined> {
  try {
    const { version } = createRequire(import.meta.url)(path.join(modules, '@sparticuz/chromium/package.json')) as { version: string }
    const folder = path.join(modules, '.cache', `chromium-${version}-${process.arch}`)
    if (!existsSync(folder)) await unpack(folder)
    const env = { LD_LIBRARY_PATH: path.join(folder, 'al2023', 'lib') }
    return { executablePath: path.join(folder, 'chromium'), env, fonts: path.join(folder, 'fonts', 'fonts') }
  } catch {
    return undefined // Not installed, or not made for this machine.
  }
}

async function unpack (folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true })
  const unfinished = await mkdtemp(`${folder}-`)
  const temporary = process.env.TMPDIR
  process.env.TMPDIR = unfinished // The package unpacks into os.tmpdir().
  try {
    const { inflate } = await import('@sparticuz/chromium')
    for (const file of ['chromium.br', 'fonts.tar.br', 'swiftshader.tar.br', 'al2023.tar.br']) await inflate(path.join(modules, '@sparticuz/chromium/bin', file))
  } finally {
    if (temporary === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = temporary
  }
  await rename(unfinished, folder).catch(async error => {
    await rm(unfinished, { recursive: true, force: true })
    if (!existsSync(folder)) throw error // Another test was faster: its copy is as good.
  })
}
