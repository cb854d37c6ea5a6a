import { tokenize, type Token, type TokenType } from './lexer.ts'
import { assign, HoconError, layer, object, type Node, type ObjectNode, type Origin, type Part } from './values.ts'

/** Far more than a person writes; far less than what a stack or a memory could not take. */
const MAX_DEPTH = 100
const MAX_CHARACTERS = 1_048_576

export type IncludeRequest = { readonly name: string, readonly required: boolean, readonly origin: Origin, readonly prefix: readonly string[] }

export type ParseOptions = {
  /** What the places in errors are called: usually the file's name. */
  readonly source: string
  /** Gives the content of an include, or undefined where there is none. Without it, includes are errors. */
  readonly include?: (request: IncludeRequest) => ObjectNode | undefined
  /** Where the text is being included, if it is. */
  readonly prefix?: readonly string[]
}

/** Reads a HOCON text whose root is an object, with or without its braces. Nothing is resolved yet. */
export function parse (text: string, options: ParseOptions): ObjectNode {
  if (text.length > MAX_CHARACTERS) throw new HoconError(`a file holds at most ${MAX_CHARACTERS} characters`, { source: options.source })
  return new Parser(text, options).document()
}

const SIMPLE: ReadonlySet<TokenType> = new Set(['quoted', 'unquoted', 'number', 'blank'])

class Parser {
  readonly #tokens: Token[]
  readonly #options: ParseOptions
  #at = 0
  #depth = 0

  constructor (text: string, options: ParseOptions) {
    this.#tokens = tokenize(text, options.source)
    this.#options = options
  }

  get #token (): Token { return this.#tokens[this.#at] as Token } // `end` is last, and nothing goes past it.

  document (): ObjectNode {
    this.#skipLines()
    const root = object(this.#token.origin)
    const prefix = this.#options.prefix ?? []
    if (this.#token.type === '[') throw this.#error('a configuration begins with fields, not with a list')
    if (this.#accept('{')) {
      this.#fields(root, '}', prefix)
      this.#skipLines()
      if (this.#token.type !== 'end') throw this.#error(`nothing may follow the closing brace, found ${this.#found()}`)
    } else {
      this.#fields(root, 'end', prefix)
    }
    return root
  }

  #fields (into: ObjectNode, end: '}' | 'end', prefix: readonly string[]): void {
    this.#entries(end, () => {
      const token = this.#token
      if (token.type === 'unquoted' && token.text === 'include') this.#include(into, prefix)
      else this.#field(into, prefix)
    })
  }

  /** Commas or new lines between, one more of them allowed at the end. */
  #entries (end: TokenType, entry: () => void): void {
    if (++this.#depth > MAX_DEPTH) throw this.#error(`nested deeper than ${MAX_DEPTH}`)
    this.#skipLines()
    while (!this.#accept(end)) {
      entry()
      const newline = this.#skipLines()
      const comma = this.#accept(',')
      this.#skipLines()
      if (newline || comma || this.#token.type === end) continue
      throw this.#error(`expected a comma, a new line or ${end === 'end' ? 'the end' : `‘${end}’`}, found ${this.#found()}`)
    }
    this.#depth--
  }

  #field (into: ObjectNode, prefix: readonly string[]): void {
    const origin = this.#token.origin
    const path = this.#path()
    this.#skipLines()
    const append = this.#accept('+=')
    if (!append && !this.#accept(':') && !this.#accept('=') && this.#token.type !== '{') {
      throw this.#error(`expected ‘=’, ‘:’, ‘+=’ or ‘{’ after ${path.join('.')}, found ${this.#found()}`)
    }
    this.#skipLines()
    const inner = [...prefix, ...path]
    const value = this.#value(inner)
    if (!append) return assign(into, path, value)
    const before: Node = { type: 'substitution', origin, path: inner, optional: true, prefix: [] }
    const added: Node = { type: 'list', origin, items: [value] }
    assign(into, path, { type: 'concatenation', origin, parts: [{ node: before, blank: false }, { node: added, blank: false }] })
  }

  /** Dots divide it, except inside quotes. White space around it does not count; inside it does. */
  #path (): string[] {
    const { origin } = this.#token
    const keys: string[] = []
    let key = ''
    let written = false
    const close = (): void => {
      if (!written) throw new HoconError('a key has an empty part; write "" if that is meant', origin)
      keys.push(key)
      key = ''
      written = false
    }
    for (const token of this.#run()) {
      const pieces = token.type === 'quoted' ? [token.text] : token.text.split('.')
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) close()
        key += piece
        written ||= piece !== '' || token.type === 'quoted'
      }
    }
    close()
    if (keys.length > MAX_DEPTH) throw new HoconError(`a key has at most ${MAX_DEPTH} parts`, origin)
    return keys
  }

  /** The simple tokens from here on, without the blanks at both ends. */
  #run (): Token[] {
    const start = this.#at
    while (SIMPLE.has(this.#token.type)) this.#at++
    const tokens = this.#tokens.slice(start, this.#at)
    if (tokens[0]?.type === 'blank') tokens.shift()
    if (tokens.at(-1)?.type === 'blank') tokens.pop()
    if (tokens.length === 0) throw this.#error(`expected a key, found ${this.#found()}`)
    return tokens
  }

  /** @param path of the value: what is assigned inside it is found below that. */
  #value (path: readonly string[]): Node {
    const parts: Part[] = []
    for (;;) {
      const part = this.#part(path)
      if (!part) break
      parts.push(part)
    }
    while (parts.at(-1)?.blank) parts.pop()
    const first = parts[0]
    if (!first) throw this.#error(`expected a value, found ${this.#found()}`)
    return parts.length === 1 ? first.node : { type: 'concatenation', origin: first.node.origin, parts }
  }

  #part (path: readonly string[]): Part | undefined {
    const token = this.#token
    const { origin } = token
    switch (token.type) {
      case '{': {
        this.#at++
        const node = object(origin)
        this.#fields(node, '}', path)
        return { node, blank: false }
      }
      case '[': return { node: this.#list(path), blank: false }
      case '${': case '${?': return { node: this.#substitution(token.type === '${?'), blank: false }
      case 'quoted': case 'blank': case 'number': case 'unquoted': {
        this.#at++
        return { node: scalar(token), blank: token.type === 'blank' }
      }
      default: return undefined
    }
  }

  #list (path: readonly string[]): Node {
    const { origin } = this.#token
    const items: Node[] = []
    this.#at++
    this.#entries(']', () => { items.push(this.#value(path)) })
    return { type: 'list', origin, items }
  }

  #substitution (optional: boolean): Node {
    const { origin } = this.#token
    this.#at++
    const path = this.#path()
    if (!this.#accept('}')) throw this.#error(`expected ‘}’ to close the substitution, found ${this.#found()}`)
    return { type: 'substitution', origin, path, optional, prefix: this.#options.prefix ?? [] }
  }

  #include (into: ObjectNode, prefix: readonly string[]): void {
    const { origin } = this.#token
    this.#at++
    this.#accept('blank')
    const required = this.#call('required')
    const file = this.#call('file')
    const name = this.#token
    if (name.type !== 'quoted') throw this.#error('include takes "…", file("…") or required("…"), nothing else; a key called include needs quotes')
    this.#at++
    for (let open = Number(required) + Number(file); open > 0; open--) this.#closeCall()
    const { include } = this.#options
    if (!include) throw new HoconError('includes are not possible here', origin)
    const content = include({ name: name.text, required, origin: name.origin, prefix })
    if (content) layer(into, content)
  }

  /** `required(` and `file(` are unquoted text to the lexer, parenthesis included. */
  #call (word: string): boolean {
    const token = this.#token
    if (token.type !== 'unquoted' || !token.text.startsWith(`${word}(`)) return false
    const rest = token.text.slice(word.length + 1)
    if (rest === '') this.#at++
    else this.#tokens[this.#at] = { ...token, text: rest }
    this.#accept('blank')
    return true
  }

  #closeCall (): void {
    this.#accept('blank')
    const token = this.#token
    if (token.type !== 'unquoted' || !token.text.startsWith(')')) throw this.#error(`expected ‘)’, found ${this.#found()}`)
    if (token.text === ')') this.#at++
    else this.#tokens[this.#at] = { ...token, text: token.text.slice(1) }
  }

  #accept (type: TokenType): boolean {
    if (this.#token.type !== type) return false
    if (type !== 'end') this.#at++
    return true
  }

  /** @returns whether there was an end of line among what was skipped. */
  #skipLines (): boolean {
    const start = this.#at
    let newline = false
    while (this.#token.type === 'blank' || this.#token.type === 'break') {
      newline ||= this.#token.type === 'break'
      this.#at++
    }
    return newline && this.#at > start
  }

  #found (): string {
    const { type, text } = this.#token
    return type === 'end' ? 'the end of the file' : type === 'break' ? 'the end of the line' : `‘${text.slice(0, 20)}’`
  }

  #error (detail: string): HoconError { return new HoconError(detail, this.#token.origin) }
}

function scalar ({ type, text, origin }: Token): Node {
  if (type === 'number') return { type: 'number', value: Number(text), text, origin }
  if (type === 'unquoted' && (text === 'true' || text === 'false')) return { type: 'boolean', value: text === 'true', origin }
  if (type === 'unquoted' && text === 'null') return { type: 'null', origin }
  return { type: 'string', value: text, origin }
}
