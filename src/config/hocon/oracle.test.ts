// Another implementation, written by other people, must read what we read. It executes code from its input, so it sees only
// what this test generates.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'
import fc from 'fast-check'
import { parse } from './parser.ts'
import { resolve } from './resolver.ts'
import { HoconError, plain } from './values.ts'

type Oracle = { parse (options: { text: string, strict: boolean }): Promise<unknown> }
const oracle = createRequire(import.meta.url)('@pushcorn/hocon-parser') as Oracle

function ours (text: string): unknown {
  const { root, errors } = resolve(parse(text, { source: 'generated' }))
  if (errors[0]) throw errors[0]
  return plain(root)
}

/** The oracle makes a number of `7` and `7` put together; the spec, text. */
const comparable = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, inner: unknown) => typeof inner === 'number' ? String(inner) : inner))

// Keys say what they hold: s text, l a list, o an object. A substitution names a key of a lower number: what circles mean, the
// spec leaves open. t and m grow by themselves and nobody names them: the oracle then gives others an earlier value, against
// the spec. The table in hocon.test.ts has those cases.
const LEVELS = 4
const keyOf = (kind: string, level: number): string => `${kind}${level}`
const word = fc.constantFrom('x', 'y1', 'true', 'null', '10s', '1.5', '-3', 'a-b', '/usr/lib', '"q r"', '"a.b"', '"é"', '"""t "u" v"""', '7')
const lower = (kind: string, level: number): fc.Arbitrary<string> => fc.nat({ max: level - 1 }).map(n => `\${${keyOf(kind, n)}}`)
const space = fc.constantFrom('', ' ', '  ')

function textValue (level: number): fc.Arbitrary<string> {
  const piece = level > 0 ? fc.oneof(word, lower('s', level)) : word
  const pieces = fc.tuple(piece, fc.array(fc.tuple(space, piece), { maxLength: 3 }))
  return pieces.map(([first, rest]) => rest.reduce((all, [gap, next]) => all + (all.endsWith('"') ? ' ' : gap) + next, first))
}

function listValue (level: number): fc.Arbitrary<string> {
  const item = fc.oneof(word, fc.constant('{i = 1}'), fc.constant('[]'))
  const literal = fc.tuple(fc.array(item, { maxLength: 3 }), fc.constantFrom(', ', '\n', ' ,\n')).map(([items, comma]) => `[${items.join(comma)}]`)
  const piece = level > 0 ? fc.oneof(literal, lower('l', level)) : literal
  return fc.array(piece, { minLength: 1, maxLength: 3 }).map(pieces => pieces.join(' '))
}

function objectValue (level: number): fc.Arbitrary<string> {
  const field = fc.tuple(fc.constantFrom('p', 'q', 'p.r', '"p.r"', 'u'), fc.constantFrom(' = ', ': ', '='), fc.oneof(word, textValue(level)))
  const literal = fc.tuple(fc.array(field, { maxLength: 3 }), fc.constantFrom(', ', '\n'))
    .map(([fields, comma]) => `{${fields.map(f => f.join('')).join(comma)}}`)
  const first = level > 0 ? fc.oneof(literal, lower('o', level)) : literal // Only first: the oracle lets what precedes it win.
  return fc.tuple(first, fc.array(literal, { maxLength: 2 })).map(([head, rest]) => [head, ...rest].join(' '))
}

function field (kind: string, level: number): fc.Arbitrary<string> {
  const key = keyOf(kind, level)
  const value = kind === 's' ? textValue(level) : kind === 'l' ? listValue(level) : objectValue(level)
  const again = kind === 's' ? `t${level} = \${?t${level}}x` : kind === 'l' ? `m${level} += "x"` : `${key} = {v = 2}`
  // Texts only: with lists the oracle forgets what stood before it.
  const missing = kind === 's' ? [{ weight: 1, arbitrary: fc.constant(`${key} = \${?missing}`) }] : []
  return fc.oneof({ weight: 4, arbitrary: value.map(v => `${key} = ${v}`) }, { weight: 1, arbitrary: fc.constant(again) }, ...missing)
}

const everyKey = ['s', 'l', 'o'].flatMap(kind => Array.from({ length: LEVELS }, (_, level) => ({ kind, level })))
const base = fc.tuple(...everyKey.map(({ kind, level }) => field(kind, level)))
const more = fc.array(fc.constantFrom(...everyKey).chain(({ kind, level }) => field(kind, level)), { maxLength: 8 })
const seeds = everyKey.map(({ kind, level }) => `${keyOf(kind, level)} = ${kind === 's' ? 'seed' : kind === 'l' ? '[seed]' : '{seed = 1}'}`)
const document = fc.tuple(base, more, fc.constantFrom('\n', '\n\n# comment\n', '\n// comment\n')).map(([first, second, end]) => [...seeds, ...first, ...second].join(end))

test('HOCON: reads generated documents as another implementation does', async () => {
  await fc.assert(fc.asyncProperty(document, async text => {
    assert.deepEqual(comparable(ours(text)), comparable(await oracle.parse({ text, strict: true })), text)
  }), { numRuns: 150, seed: 20_261_122 })
})

test('HOCON: mutated documents are read or refused, never anything else', () => {
  const scrap = fc.constantFrom('{', '}', '[', ']', '"', '"""', '${', '${?', '+=', '=', ',', '\n', '\\', '#', '.', 'include "x"', '\0', '\ud800')
  const mutation = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 3 }), scrap)
  fc.assert(fc.property(document, fc.array(mutation, { minLength: 1, maxLength: 6 }), (text, mutations) => {
    let mutated = text
    for (const [where, cut, put] of mutations) {
      const at = Math.floor(where * mutated.length)
      mutated = mutated.slice(0, at) + put + mutated.slice(at + cut)
    }
    try {
      ours(mutated)
    } catch (error) {
      assert.ok(error instanceof HoconError, `${String(error)} for ${JSON.stringify(mutated)}`)
    }
  }), { numRuns: 1500, seed: 20_261_122 })
})
