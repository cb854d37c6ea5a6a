import assert from 'node:assert/strict'
import test from 'node:test'
import { createLogger, type LogLevel } from './log.ts'
import { isSecretName, redacted, redactText, redactUrl, shownUrl } from './redact.ts'

/** A word that stands for a secret and must never come out. */
const CANARY = 'c4n4ryS3cr3t'

const texts: readonly (readonly [text: string, shown: string])[] = [
  [`postgresql://auralink:${CANARY}@db:5432/x`, 'postgresql://[hidden]@db:5432/x'],
  [`jdbc:postgresql://db:5432/x?user=a&password=${CANARY}&ssl=true`, 'jdbc:postgresql://db:5432/x?user=a&password=[hidden]&ssl=true'],
  [`rtmp://live.example/app/${CANARY}`, 'rtmp://live.example/app/[hidden]'],
  [`rtmps://h:443/rtmp/${CANARY}?s_bl=1&x=2`, 'rtmps://h:443/rtmp/[hidden]'],
  [`srt://h:8890?streamid=${CANARY}&passphrase=${CANARY}`, 'srt://h:8890?streamid=[hidden]&passphrase=[hidden]'],
  [`https://h/p?access_token=${CANARY}#x`, 'https://h/p?access_token=[hidden]'],
  [`https://s3/x?X-Amz-Signature=${CANARY}&X-Amz-Credential=${CANARY}`, 'https://s3/x?X-Amz-Signature=[hidden]&X-Amz-Credential=[hidden]'],
  [`connect to redis://:${CANARY}@cache:6379 failed`, 'connect to redis://[hidden]@cache:6379 failed'],
  [`Authorization: Bearer ${CANARY}`, 'Authorization: Bearer [hidden]'],
  [`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${CANARY}`, '[hidden]'],
  [`secret whsec_${CANARY}`, 'secret whsec_[hidden]'],
  [`<turn:h>; rel="ice-server"; username="1:u"; credential="${CANARY}"`, '<turn:h>; rel="ice-server"; username="1:u"; credential="[hidden]"'],
  [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${CANARY}\r\na=ice-pwd:${CANARY}\r\na=ice-ufrag:${CANARY}`, 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[hidden]\r\na=ice-pwd:[hidden]\r\na=ice-ufrag:[hidden]'],
  ['https://example.com/path?page=2', 'https://example.com/path?page=2'],
  ['user@example.com wrote to rtmp://host/live', 'user@example.com wrote to rtmp://host/live']
]

for (const [text, shown] of texts) test(`shown as ${JSON.stringify(shown.slice(0, 60))}`, () => assert.equal(redactText(text), shown))

test('a URL object is shown like its text', () => {
  assert.equal(redactUrl(new URL(`https://me:${CANARY}@h/x`)), 'https://[hidden]@h/x')
  assert.equal(redactUrl('not a url'), 'not a url')
})

/** Everywhere a secret has ever been found in a log. */
function everywhere (): Record<string, unknown> {
  const url = `rtmp://h/app/${CANARY}`
  const cause = new AggregateError([new Error(`postgres://u:${CANARY}@h/d`)], url)
  const error = Object.assign(new Error(`failed: ${url}`, { cause }), { password: CANARY, config: { headers: { 'X-AuraLink-API-Key': CANARY } } })
  const circle: Record<string, unknown> = { token: CANARY }
  circle['self'] = circle
  return {
    password: CANARY, DB_PASSWORD: CANARY, streamKey: CANARY, 'stream-key': CANARY, 'set-cookie': [CANARY], Authorization: CANARY, icePwd: CANARY, 'ice-ufrag': CANARY,
    trunk_credentials: CANARY, secrets: [{ sealed: CANARY }], pin: CANARY,
    a: { b: { c: { d: { apiKey: CANARY, list: [{ clientSecret: CANARY }, url] } } } },
    map: new Map<unknown, unknown>([['token', CANARY], ['url', url]]), set: new Set([url]), bytes: Buffer.from(CANARY), link: new URL(`https://u:${CANARY}@h/`),
    error, circle
  }
}

for (const format of ['json', 'text'] as const) {
  test(`no canary comes out of a ${format} log: fields, children, errors, causes, messages, URLs`, () => {
    const lines: string[] = []
    const log = createLogger({ level: 'debug', format, fields: everywhere(), destination: { write: line => { lines.push(line) } } })
    const child = log.child(everywhere()).child({ session: 'ses_1', ...everywhere() })
    for (const level of ['debug', 'info', 'warn', 'error'] as const) child[level](everywhere(), `pushing to rtmp://h/app/${CANARY}`)
    assert.equal(lines.length, 4)
    assert.doesNotMatch(lines.join(''), new RegExp(CANARY))
    assert.match(lines.join(''), /ses_1/)
  })
}

test('what is no secret stays', () => {
  const at = new Date(0)
  const fields = { room: 'r', keyframes: 3, tokens: 1, none: null, key: undefined, list: [1, 'x'] }
  assert.deepEqual(redacted({ ...fields, n: 5n, at }), { ...fields, n: '5', at: at.toISOString() })
})

test('a name is judged the same each time, also after any number of others', () => {
  const judged = (): boolean[] => ['apiKey', 'room', `${'x'.repeat(100)}token`].map(isSecretName)
  assert.deepEqual(judged(), [true, false, true])
  for (let i = 0; i < 3000; i++) isSecretName(`field${i}`)
  assert.deepEqual([judged(), isSecretName('db_password'), isSecretName('field2999')], [[true, false, true], true, false])
})

test('the level of a running family of loggers can change', () => {
  const lines: string[] = []
  const log = createLogger({ level: 'info', format: 'json', destination: { write: line => { lines.push(line) } } })
  const child = log.child({ a: 1 }).child({ b: 2 })
  const say = (): string[] => {
    lines.length = 0
    for (const level of ['debug', 'info', 'warn', 'error'] as const) child[level]({}, level)
    return lines.map(line => (JSON.parse(line) as { level: LogLevel }).level)
  }
  assert.deepEqual(say(), ['info', 'warn', 'error'])
  log.level = 'debug'
  assert.deepEqual([say(), child.level], [['debug', 'info', 'warn', 'error'], 'debug'])
  child.level = 'error'
  assert.deepEqual([say(), log.level], [['error'], 'error'])
})

test('text from outside cannot begin a line of its own', () => {
  const lines: string[] = []
  const log = createLogger({ level: 'info', format: 'text', destination: { write: line => { lines.push(line) } } })
  log.info({ name: 'x\n12:00:00.000 ERROR forged', colour: '\x1b[31m', c1: '\x9b31m' }, 'a\r\nb')
  assert.equal(lines.join('').split('\n').length, 2)
  assert.doesNotMatch(lines.join(''), /(?!\n)\p{Cc}/u)
})

test('of a URL, only where it leads is shown', () => {
  assert.equal(shownUrl('https://media.example/whip/stage?key=secret'), 'https://media.example/…')
  assert.equal(shownUrl('rtmp://live.example:1936/app/key'), 'rtmp://live.example:1936/…')
  assert.equal(shownUrl('https://user:pass@media.example/x'), '/…')
})
