import type { FieldProblem } from '../../lib/errors.ts'
import { drawRandom } from '../../lib/random.ts'
import type { IceCredentials } from './sdp-types.ts'

/** RFC 8839 section 5.4: ice-char, of which 4 to 256 and 22 to 256. */
const UFRAG = /^[A-Za-z0-9+/]{4,256}$/
const PWD = /^[A-Za-z0-9+/]{22,256}$/
/** The same section asks for 24 and 128 random bits; all sessions share a port and are told apart by the first. */
const UFRAG_BYTES = 6
const PWD_BYTES = 18

export const newCredentials = (): IceCredentials => ({ ufrag: drawRandom(UFRAG_BYTES).toString('base64'), pwd: drawRandom(PWD_BYTES).toString('base64') })

/** The line that is missing or malformed, if one is. */
export function malformedIn ({ ufrag, pwd }: IceCredentials): FieldProblem | undefined {
  if (!UFRAG.test(ufrag)) return { field: 'a=ice-ufrag', expected: '4 to 256 letters, digits, “+” or “/”' }
  return PWD.test(pwd) ? undefined : { field: 'a=ice-pwd', expected: '22 to 256 letters, digits, “+” or “/”' }
}

export const wellFormed = (credentials: IceCredentials): boolean => malformedIn(credentials) === undefined
