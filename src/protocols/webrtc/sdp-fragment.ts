import { AppError } from '../../lib/errors.ts'
import { parseCandidate } from './candidate.ts'
import type { Candidate } from './sdp-types.ts'

/** A fragment holds the candidates of one transport. */
export const MAX_FRAGMENT_BYTES = 16 * 1024
const MAX_LINES = 200

/** What `application/trickle-ice-sdpfrag` says (RFC 8840 section 9). */
export type SdpFragment = {
  readonly ufrag: string | undefined
  readonly pwd: string | undefined
  readonly candidates: readonly Candidate[]
  readonly endOfCandidates: boolean
}

/** @throws AppError `unprocessable_sdp`. Candidates nobody here could use are left out, as RFC 9725 section 4.3.1 asks. */
export function parseFragment (text: string): SdpFragment {
  const lines = text.split(/\r?\n/).filter(line => line !== '')
  if (lines.length > MAX_LINES) throw new AppError('unprocessable_sdp', `the fragment has more than ${MAX_LINES} lines`)
  if (lines.length === 0 || lines.some(line => !/^[a-z]=/.test(line))) throw new AppError('unprocessable_sdp', 'the fragment is not made of SDP lines')
  const value = (name: string): string | undefined => lines.find(line => line.startsWith(`a=${name}:`))?.slice(name.length + 3).trim()
  const candidates = lines.filter(line => line.startsWith('a=candidate:')).map(parseCandidate).filter(candidate => candidate !== undefined)
  return { ufrag: value('ice-ufrag'), pwd: value('ice-pwd'), candidates, endOfCandidates: lines.includes('a=end-of-candidates') }
}
