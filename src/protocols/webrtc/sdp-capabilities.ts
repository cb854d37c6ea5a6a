import { AppError } from '../../lib/errors.ts'
import type { MediaPart, SdpPart } from './sdp-text.ts'
import type { HeaderExtension, OfferedSection, SdpCodec } from './sdp-types.ts'

const MAX_PAYLOAD_TYPES = 128
/** So many of the latest are known, unless they are longer than so many characters. */
const MAX_REMEMBERED = 32
const MAX_REMEMBERED_LENGTH = 16 * 1024

export const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}$/
/** What RFC 3551 says where SDP is silent. */
const staticPayloadTypes: Readonly<Record<number, { name: string, clockRate: number }>> = {
  0: { name: 'pcmu', clockRate: 8000 },
  8: { name: 'pcma', clockRate: 8000 },
  9: { name: 'g722', clockRate: 8000 }
}

/** @param field the line or attribute that is wrong, and in which section @param expected what would have been right */
export const refuse = (what: string, field: string, expected: string): AppError => new AppError('unprocessable_sdp', what, { problems: [{ field, expected }] })

/** What one section can carry. Shared by all who offer the same. */
export type Capabilities = Pick<OfferedSection, 'codecs' | 'extensions'>
export const noCapabilities: Capabilities = { codecs: [], extensions: [] }

/** By the lines that say them. */
const remembered = new Map<string, Capabilities>()

/**
 * Reads the codecs and header extensions of a section. They are four fifths of a browser's offer, and the same in all offers of
 * one page to its viewers: a thousand of them are read once, and kept once.
 * @throws AppError `unprocessable_sdp`
 */
export function capabilitiesOf (session: SdpPart, { formats, mid, capabilities }: MediaPart): Capabilities {
  const lines = `${formats}\n${extensionsOf(session)}${capabilities}`
  const known = remembered.get(lines)
  if (known) return known
  const read = readCapabilities(lines, mid)
  if (lines.length > MAX_REMEMBERED_LENGTH) return read
  if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value!)
  remembered.set(lines, read)
  return read
}

/** Those of the session are of all its sections (RFC 8285 section 5); codecs have no place there. */
const extensionsOf = ({ capabilities }: SdpPart): string =>
  capabilities === '' ? '' : `${capabilities.split('\n').filter(line => line.startsWith('a=extmap:')).join('\n')}\n`

/** @param text lines, the first of them the formats: parts of the offer's own text would keep all of it in memory */
function readCapabilities (text: string, mid: string): Capabilities {
  const [formats = '', ...lines] = text.split(/\r\n|\r|\n/)
  const values = (name: string): string[] => lines.filter(line => line.startsWith(`a=${name}:`)).map(line => line.slice(name.length + 3).trimEnd())
  return { codecs: codecsIn(formats, mid, values), extensions: values('extmap').map(extensionOf).filter(extension => extension !== undefined) }
}

function codecsIn (formats: string, mid: string, values: (name: string) => readonly string[]): SdpCodec[] {
  const payloadTypes = formats.split(/\s+/).filter(Boolean).map(Number)
  if (payloadTypes.length === 0 || payloadTypes.length > MAX_PAYLOAD_TYPES) throw refuse(`media section “${mid}” offers ${payloadTypes.length} payload types`, `section “${mid}”: m=`, `1 to ${MAX_PAYLOAD_TYPES} payload types`)
  const [maps, configs, feedback] = ['rtpmap', 'fmtp', 'rtcp-fb'].map(name => byPayloadType(values(name))) as [PayloadLines, PayloadLines, PayloadLines]
  const codecs: SdpCodec[] = []
  for (const payloadType of payloadTypes) {
    if (!Number.isInteger(payloadType) || payloadType < 0 || payloadType > 127) throw refuse(`media section “${mid}” has a payload type that is not a number from 0 to 127`, `section “${mid}”: m=`, 'payload types from 0 to 127')
    const [map] = maps.get(String(payloadType)) ?? []
    const [name = '', clockRate, channels = '1'] = map?.split(/\s*\//) ?? []
    const known = map === undefined ? staticPayloadTypes[payloadType] : { name: name.toLowerCase(), clockRate: Number(clockRate) }
    if (!known || !TOKEN.test(known.name) || !Number.isInteger(known.clockRate)) continue // An unmapped type cannot be chosen.
    const [config = ''] = configs.get(String(payloadType)) ?? []
    const ours = [...feedback.get(String(payloadType)) ?? [], ...feedback.get('*') ?? []]
    codecs.push({ payloadType, ...known, channels: Number(channels), parameters: parametersOf(config), feedback: ours })
  }
  return codecs
}

/** What is said of each payload type, or of all (`*`), in its order. */
type PayloadLines = ReadonlyMap<string, readonly string[]>

/** @param values of an attribute that begins with a payload type: `96 nack pli` */
function byPayloadType (values: readonly string[]): PayloadLines {
  const lines = new Map<string, string[]>()
  for (const value of values) {
    const space = value.indexOf(' ')
    if (space < 0) continue
    const payloadType = value.slice(0, space)
    const known = lines.get(payloadType)
    if (known) known.push(value.slice(space + 1).trim())
    else lines.set(payloadType, [value.slice(space + 1).trim()])
  }
  return lines
}

/** `name=value` each; the parameter of some codecs has no name, and is kept as one without a value. */
function parametersOf (config: string): Record<string, string> {
  const parameters = config.split(';').map(text => text.trim()).filter(Boolean).map(text => {
    const equals = text.indexOf('=')
    return equals < 0 ? [text.toLowerCase(), ''] : [text.slice(0, equals).toLowerCase(), text.slice(equals + 1)]
  })
  return Object.fromEntries(parameters) as Record<string, string>
}

/** `id[/direction] uri [attributes]` (RFC 8285 section 8). */
function extensionOf (value: string): HeaderExtension | undefined {
  const [number = '', uri = ''] = value.split(' ')
  const id = Number.parseInt(number, 10)
  return id >= 1 && id <= 255 && /^[\x21-\x7e]{1,256}$/.test(uri) ? { id, uri } : undefined
}
