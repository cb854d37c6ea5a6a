import { HoconError, type Origin } from './values.ts'

/**
 * `text` of a `quoted` token is what it stands for; of all others it is what was written. `blank` is white space within one
 * line; `break` is the end of a line.
 */
export type TokenType = '{' | '}' | '[' | ']' | ',' | ':' | '=' | '+=' | '${' | '${?' | 'quoted' | 'unquoted' | 'number' | 'blank' | 'break' | 'end'
export type Token = { readonly type: TokenType, readonly text: string, readonly origin: Origin }

/* oxlint-disable no-control-regex -- the spec has control characters among its white space, and refuses them in quotes */
// White space: what Unicode calls a separator, the byte order mark, and the ASCII separators.
const BLANK = /(?:(?!\n)[\s\x1c-\x1f])+/y
const COMMENT = /(?:#|\/\/)[^\n]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const UNQUOTED = /(?:(?!\/\/)[^\s\x1c-\x1f$"{}[\]:=,+#`^?!@*&\\])+/y
const PLAIN = /[^"\\\x00-\x1f]+/y
/* oxlint-enable no-control-regex */
const PUNCTUATION = ['${?', '${', '+=', '{', '}', '[', ']', ',', ':', '='] as const
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** Cuts a HOCON text into tokens; comments are gone. The last one is `end`. */
export function tokenize (text: string, source: string): Token[] {
  return new Lexer(text, source).tokens()
}

class Lexer {
  readonly #text: string
  readonly #source: string
  #at = 0
  #line = 1
  #lineStart = 0

  constructor (text: string, source: string) {
    this.#text = text
    this.#source = source
  }

  tokens (): Token[] {
    const tokens: Token[] = []
    while (this.#at < this.#text.length) {
      const origin = this.#origin()
      const token = this.#next()
      if (token) tokens.push({ ...token, origin })
    }
    return [...tokens, { type: 'end', text: '', origin: this.#origin() }]
  }

  #next (): { type: TokenType, text: string } | undefined {
    if (this.#take(COMMENT) !== undefined) return undefined
    const blank = this.#take(BLANK)
    if (blank !== undefined) return { type: 'blank', text: blank }
    if (this.#text[this.#at] === '\n') return this.#newline()
    if (this.#text.startsWith('"""', this.#at)) return { type: 'quoted', text: this.#tripleQuoted() }
    if (this.#text[this.#at] === '"') return { type: 'quoted', text: this.#quoted() }
    const mark = PUNCTUATION.find(p => this.#text.startsWith(p, this.#at))
    if (mark) {
      this.#at += mark.length
      return { type: mark, text: mark }
    }
    const number = this.#take(NUMBER)
    if (number !== undefined) return { type: 'number', text: number }
    const unquoted = this.#take(UNQUOTED)
    if (unquoted !== undefined) return { type: 'unquoted', text: unquoted }
    throw new HoconError(`‘${this.#text[this.#at]}’ may only stand inside quotes`, this.#origin())
  }

  #newline (): { type: TokenType, text: string } {
    this.#at++
    this.#line++
    this.#lineStart = this.#at
    return { type: 'break', text: '\n' }
  }

  #quoted (): string {
    const start = this.#origin()
    let value = ''
    this.#at++
    for (;;) {
      value += this.#take(PLAIN) ?? ''
      const mark = this.#text[this.#at]
      if (mark === '"') {
        this.#at++
        return value
      }
      if (mark !== '\\') {
        throw new HoconError(mark === undefined || mark === '\n' ? 'this quote is never closed' : 'a control character must be escaped', start)
      }
      value += this.#escape()
    }
  }

  #escape (): string {
    const letter = this.#text[this.#at + 1] ?? ''
    if (letter === 'u') {
      const hex = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw new HoconError('\\u takes four hexadecimal digits', this.#origin())
      this.#at += 6
      return String.fromCharCode(Number.parseInt(hex, 16))
    }
    const character = ESCAPES[letter]
    if (character === undefined) throw new HoconError(`\\${letter} is not an escape`, this.#origin())
    this.#at += 2
    return character
  }

  /** Ends with the last three of a run of quotes, so that the text itself may end with quotes. */
  #tripleQuoted (): string {
    const origin = this.#origin()
    let end = this.#text.indexOf('"""', this.#at + 3)
    if (end < 0) throw new HoconError('these triple quotes are never closed', origin)
    while (this.#text[end + 3] === '"') end++
    const value = this.#text.slice(this.#at + 3, end)
    this.#at = end + 3
    this.#line += value.split('\n').length - 1
    if (value.includes('\n')) this.#lineStart = end - (value.length - value.lastIndexOf('\n') - 1)
    return value
  }

  #take (pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #origin (): Origin {
    return { source: this.#source, line: this.#line, column: this.#at - this.#lineStart + 1 }
  }
}
