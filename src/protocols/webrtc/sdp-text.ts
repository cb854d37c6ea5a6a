/** Lines of codecs and header extensions, as many as follow each other: browsers offer two hundred. */
const CAPABILITIES = /(?:a=(?:rtpmap|rtcp-fb|fmtp|extmap):[^\n]*(?:\n|$))+/y

/** The attributes of one part of a description: of the session, or of one media section (RFC 8866 section 5). */
export class SdpPart {
  readonly #values = new Map<string, string[]>()
  /** Lines of codecs and header extensions, as they stand. They are not among the others. */
  capabilities = ''

  /** @param attribute what stands after `a=`: `name:value`, or the name of a flag */
  add (attribute: string): void {
    const colon = attribute.indexOf(':')
    const name = colon < 0 ? attribute : attribute.slice(0, colon)
    const value = colon < 0 ? '' : attribute.slice(colon + 1)
    const values = this.#values.get(name)
    if (values) values.push(value)
    else this.#values.set(name, [value])
  }

  has (name: string): boolean { return this.#values.has(name) }
  /** In their order. */
  all (name: string): readonly string[] { return this.#values.get(name) ?? [] }
  /** Of an attribute there should be one of: the last one counts. */
  value (name: string): string | undefined { return this.#values.get(name)?.at(-1) }
}

/** What an `m=` line says; empty where it is malformed. */
export class MediaPart extends SdpPart {
  readonly type: string
  readonly port: string
  readonly protocol: string
  readonly formats: string

  constructor (line: string) {
    super()
    const [, type = '', port = '', protocol = '', formats = ''] = /^(\w*) (\d*) ([\w/]*)(?: (.*))?/.exec(line) ?? []
    this.type = type
    this.port = port
    this.protocol = protocol
    this.formats = formats.trim()
  }

  get mid (): string { return this.value('mid') ?? '' }
}

export type SdpText = { readonly session: SdpPart, readonly media: readonly MediaPart[] }

/** Sorts the lines of a description. What they mean, whoever asks for them finds out: most are never asked for. */
export function readSdp (description: string): SdpText {
  const text = description.includes('\n') ? description : description.replaceAll('\r', '\n')
  const session = new SdpPart()
  const media: MediaPart[] = []
  let part = session
  for (let at = 0, end = 0; at < text.length; at = end) {
    CAPABILITIES.lastIndex = at
    if (CAPABILITIES.test(text)) {
      end = CAPABILITIES.lastIndex
      part.capabilities += text.slice(at, end)
      continue
    }
    end = text.indexOf('\n', at) + 1 || text.length
    if (text.startsWith('a=', at)) part.add(text.slice(at + 2, end).trimEnd())
    else if (text.startsWith('m=', at)) media.push(part = new MediaPart(text.slice(at + 2, end)))
  }
  return { session, media }
}
