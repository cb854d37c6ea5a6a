import assert from 'node:assert/strict'
import test from 'node:test'
import { parse } from './parser.ts'
import { resolve } from './resolver.ts'
import { HoconError, plain } from './values.ts'

/** Reads, resolves, and gives plain JavaScript; throws the first error of either step. */
export function read (text: string, environment: Record<string, string> = {}): unknown {
  const { root, errors } = resolve(parse(text, { source: 'test.conf' }), environment)
  if (errors[0]) throw errors[0]
  return JSON.parse(JSON.stringify(plain(root)))
}

/** What a text means. The cases follow the sections of Lightbend's HOCON.md. */
const rows: readonly (readonly [what: string, text: string, means: unknown])[] = [
  // Unchanged from JSON
  ['an empty file', '', {}],
  ['only a comment', '// nothing\n# here', {}],
  ['JSON', '{"a": {"b": [1, 2.5, -3e2, true, false, null, "x"]}}', { a: { b: [1, 2.5, -300, true, false, null, 'x'] } }],
  ['escapes', String.raw`a = "\"\\\/\b\f\n\r\té"`, { a: '"\\/\b\f\n\r\té' }],
  // Comments
  ['comments at ends of lines', 'a = 1 # one\nb = 2 // two', { a: 1, b: 2 }],
  ['a comment mark in quotes is text', 'a = "x # y // z"', { a: 'x # y // z' }],
  ['a comment between fields', 'a = 1\n# x\n\n// y\nb = 2', { a: 1, b: 2 }],
  // Omit root braces, key-value separators, commas
  ['no root braces', 'a : 1\nb = 2', { a: 1, b: 2 }],
  ['an object needs no separator', 'a { b { c = 1 } }', { a: { b: { c: 1 } } }],
  ['a separator and a new line', 'a =\n  5\nb :\n {\n}', { a: 5, b: {} }],
  ['new lines for commas', 'a = [\n1\n2\n\n3\n]', { a: [1, 2, 3] }],
  ['one more comma at the end', 'a = [1, 2,]\nb = {c = 1,}', { a: [1, 2], b: { c: 1 } }],
  ['a comma after a new line', 'a = [1\n, 2\n,]', { a: [1, 2] }],
  // White space
  ['a byte order mark', '\uFEFFa = 1', { a: 1 }],
  ['every kind of white space', '\u00a0a\u2003=\u2028\u30001\x1c', { a: 1 }],
  ['carriage returns', 'a = 1\r\nb = 2\r\n', { a: 1, b: 2 }],
  // Duplicate keys and object merging
  ['the later value wins', 'a = 1\na = 2', { a: 2 }],
  ['objects merge', 'a { x = 1, y = 2 }\na { y = 3, z = 4 }', { a: { x: 1, y: 3, z: 4 } }],
  ['deeply', 'a { b { c = 1 } }\na { b { d = 2 } }', { a: { b: { c: 1, d: 2 } } }],
  ['a value between them cuts', 'a { x = 1 }\na = null\na { y = 2 }', { a: { y: 2 } }],
  ['an object hides a list', 'a = [1]\na { y = 2 }', { a: { y: 2 } }],
  // Unquoted strings
  ['unquoted text', 'a = some plain text', { a: 'some plain text' }],
  ['true inside text', 'a = true story', { a: 'true story' }],
  ['a word that begins like true', 'a = truefoo', { a: 'truefoo' }],
  ['numbers inside text', 'a = 10 apples, b = 1.2.3, c = 1e5x', { a: '10 apples', b: '1.2.3', c: '1e5x' }],
  ['a slash and a dash', 'a = /usr/local/bin-x', { a: '/usr/local/bin-x' }],
  ['a duration', 'a = 10 s, b = 10s', { a: '10 s', b: '10s' }],
  ['a leading zero is text', 'a = 007', { a: '007' }],
  // Multi-line strings
  ['triple quotes', 'a = """x\n "y" \\n z"""', { a: 'x\n "y" \\n z' }],
  ['triple quotes that end with quotes', 'a = """x"""""', { a: 'x""' }],
  ['empty triple quotes', 'a = """"""', { a: '' }],
  // Value concatenation
  ['text keeps the space between', 'a = foo   bar', { a: 'foo   bar' }],
  ['quoted and not', 'a = "foo" bar "baz"', { a: 'foo bar baz' }],
  ['no space, no space', 'a = "foo"bar', { a: 'foobar' }],
  ['null becomes text', 'a = null and void', { a: 'null and void' }],
  ['numbers stay as written', 'a = 1.0 x 2.50', { a: '1.0 x 2.50' }],
  ['lists', 'a = [1] [2, 3]', { a: [1, 2, 3] }],
  ['objects', 'a = {b = 1} {c = 2} {b = 3}', { a: { b: 3, c: 2 } }],
  ['text in a list', 'a = [x y, z]', { a: ['x y', 'z'] }],
  ['lists over two lines are two items', 'a = [[1]\n[2]]', { a: [[1], [2]] }],
  // Paths as keys
  ['dots make objects', 'a.b.c = 1\na.b.d = 2', { a: { b: { c: 1, d: 2 } } }],
  ['quotes keep dots', '"a.b".c = 1', { 'a.b': { c: 1 } }],
  ['numbers are divided too', '3.14 = pi', { 3: { 14: 'pi' } }],
  ['true is a fine key', 'true = 1, null = 2', { true: 1, null: 2 }],
  ['white space inside a key', 'a b = 1', { 'a b': 1 }],
  ['an empty key in quotes', '"" = 1, a."".b = 2', { '': 1, a: { '': { b: 2 } } }],
  ['include inside quotes is a key', '"include" = 1', { include: 1 }],
  ['includes is a key', 'includes = 1', { includes: 1 }],
  // Substitutions
  ['a substitution', 'a = 1\nb = ${a}', { a: 1, b: 1 }],
  ['looks forward', 'b = ${a}\na = 1', { a: 1, b: 1 }],
  ['takes the final value', 'a = 1\nb = ${a}\na = 2', { a: 2, b: 2 }],
  ['inside text', 'a = x\nb = "${a} is" ${a}${a} y', { a: 'x', b: '${a} is xx y' }],
  ['of an object, merged', 'a {x = 1}\nb = ${a} {y = 2}', { a: { x: 1 }, b: { x: 1, y: 2 } }],
  ['inheriting', 'base {x = 1, y = 1}\nb = ${base}\nb.y = 2', { base: { x: 1, y: 1 }, b: { x: 1, y: 2 } }],
  ['of a list', 'a = [1]\nb = ${a} [2] ${a}', { a: [1], b: [1, 2, 1] }],
  ['with quotes in the path', '"a.b" = 1\nc = ${"a.b"}', { 'a.b': 1, c: 1 }],
  ['with white space in the path', 'a.b = 1\nc = ${ a.b }', { a: { b: 1 }, c: 1 }],
  ['in a list', 'a = 1\nb = [${a}, ${?nothing}, 2]', { a: 1, b: [1, 2] }],
  ['optional and missing: no field', 'a = ${?nothing}', {}],
  ['optional and missing: the earlier value stays', 'a = 1\na = ${?nothing}', { a: 1 }],
  ['optional and missing, all of them', 'a = ${?x}${?y}', {}],
  ['optional and missing in text', 'a = "x"${?nothing}"y"', { a: 'xy' }],
  ['optional and missing among objects', 'a = ${?nothing} {x = 1}', { a: { x: 1 } }],
  ['hidden by a later value: never looked at', 'a = ${nothing}\na = 42', { a: 42 }],
  ['hidden in a list', 'a = [${nothing}]\na = {x = 1}', { a: { x: 1 } }],
  // Self-reference
  ['appends to itself', 'path = "a"\npath = ${path}":b"', { path: 'a:b' }],
  ['appends to itself twice', 'a = 1\na = ${a}2\na = ${a}3', { a: '123' }],
  ['itself from below only', 'a = ${?a}foo', { a: 'foo' }],
  ['an object onto itself', 'a {x = 1}\na = ${a} {y = 2}', { a: { x: 1, y: 2 } }],
  ['a field of itself', 'foo : { a : { c : 1 } }\nfoo : ${foo.a}\nfoo : { a : 2 }', { foo: { a: 2, c: 1 } }],
  ['a sibling inside the same object', 'bar : { foo : 42, baz : ${bar.foo} }', { bar: { foo: 42, baz: 42 } }],
  ['a sibling that changes later', 'bar : { foo : 42, baz : ${bar.foo} }\nbar : { foo : 43 }', { bar: { foo: 43, baz: 43 } }],
  ['objects that refer to each other', 'bar : { a : ${foo.d}, b : 1 }\nbar.b = 3\nfoo : { c : ${bar.b}, d : 2 }\nfoo.d = 4', { bar: { a: 4, b: 3 }, foo: { c: 3, d: 4 } }],
  ['hidden self-reference', 'a = ${a}\na = 1', { a: 1 }],
  // +=
  ['+= onto a list', 'a = [1]\na += 2\na += [3]', { a: [1, 2, [3]] }],
  ['+= onto nothing', 'a.b += 1', { a: { b: [1] } }],
  ['+= inside an object', 'a { b = [1] }\na { b += 2 }', { a: { b: [1, 2] } }]
]

for (const [what, text, means] of rows) {
  test(`HOCON: ${what}`, () => assert.deepEqual(read(text), means))
}

test('HOCON: environment variables stand behind the configuration', () => {
  assert.deepEqual(read('a = 1\na = ${?PORT}', { PORT: '8080' }), { a: '8080' })
  assert.deepEqual(read('PORT = 1\na = ${PORT}', { PORT: '8080' }), { PORT: 1, a: 1 })
  assert.deepEqual(read('HOME = null\na = ${?HOME}', { HOME: '/root' }), { HOME: null, a: null })
  assert.deepEqual(read('a = ${?toString}', {}), {})
})

/** What is wrong, and where. */
const mistakes: readonly (readonly [text: string, place: string, says: RegExp])[] = [
  ['a = ', 'test.conf:1:5', /expected a value, found the end of the file/],
  ['a = \n}', 'test.conf:2:1', /expected a value/],
  ['a', 'test.conf:1:2', /expected ‘=’/],
  ['a = 1\nb = "x', 'test.conf:2:5', /never closed/],
  ['a = """x', 'test.conf:1:5', /never closed/],
  ['a = """1\n2""" b = """\n\n', 'test.conf:2:10', /never closed/],
  ['a = "x\ty"', 'test.conf:1:5', /control character/],
  [String.raw`a = "\x"`, 'test.conf:1:6', /not an escape/],
  [String.raw`a = "\u12g4"`, 'test.conf:1:6', /four hexadecimal digits/],
  ['a = [1, 2', 'test.conf:1:10', /expected a comma, a new line or ‘\]’/],
  ['a = [1,, 2]', 'test.conf:1:8', /expected a value/],
  ['a = [,1]', 'test.conf:1:6', /expected a value/],
  ['{a = 1,,}', 'test.conf:1:8', /expected a key/],
  ['{a = 1} b', 'test.conf:1:9', /nothing may follow/],
  ['[1]', 'test.conf:1:1', /not with a list/],
  ['a..b = 1', 'test.conf:1:1', /empty part/],
  ['.a = 1', 'test.conf:1:1', /empty part/],
  ['a. = 1', 'test.conf:1:1', /empty part/],
  ['a = b@c', 'test.conf:1:6', /‘@’ may only stand inside quotes/],
  ['a = $b', 'test.conf:1:5', /‘\$’ may only stand inside quotes/],
  ['a = ${b', 'test.conf:1:8', /close the substitution/],
  ['a = ${}', 'test.conf:1:7', /expected a key/],
  ['a = ${b}', 'test.conf:1:5', /\$\{b\} is not defined/],
  ['a = ${b}\nb = ${a}', 'test.conf:2:5', /leads back to itself/],
  ['a = ${b}\nb = ${c}\nc = ${a}', 'test.conf:3:5', /leads back to itself/],
  ['a = ${a}', 'test.conf:1:5', /leads back to itself/],
  ['a { b = ${a} }', 'test.conf:1:9', /leads back to itself/],
  ['a = [1] x', 'test.conf:1:5', /array and string cannot be put together/],
  ['a = {} [1]', 'test.conf:1:5', /object and array cannot be put together/],
  ['include = 1', 'test.conf:1:9', /a key called include needs quotes/],
  ['include "x"', 'test.conf:1:1', /includes are not possible here/],
  ['include url("http://x")', 'test.conf:1:9', /include takes/],
  [`a = ${'['.repeat(2000)}`, 'test.conf:1:105', /nested deeper than 100/],
  [Array.from({ length: 40 }, (_, i) => `a${i} = \${a${i + 1}}\${a${i + 1}}`).join('\n') + '\na40 = xx', 'test.conf:25:7', /at most 65536 characters/],
  [Array.from({ length: 40 }, (_, i) => `a${i} = \${a${i + 1}} \${a${i + 1}}`).join('\n') + '\na40 = [1]', 'test.conf:27:7', /at most 10000 items/],
  [`a = "${'x'.repeat(1_100_000)}"`, 'test.conf', /at most 1048576 characters/]
]

for (const [text, place, says] of mistakes) {
  test(`HOCON: ${JSON.stringify(text.slice(0, 40))} is refused at ${place}`, () => {
    assert.throws(() => read(text), (error: unknown) => {
      assert.ok(error instanceof HoconError, String(error))
      assert.match(error.message, says)
      assert.equal(error.message.slice(0, error.message.indexOf(': ')), place, error.message)
      return true
    })
  })
}
