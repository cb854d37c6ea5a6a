import { AppError } from '../../lib/errors.ts'
import { parseCandidate } from './candidate.ts'
import { wellFormed } from './ice-credentials.ts'
import { type AnswerSection, isAccepted } from './sdp-answer.ts'
import { candidateLines, ICE_OPTIONS } from './sdp-lines.ts'
import type { Candidate, IceCredentials } from './sdp-types.ts'

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

/**
 * The credentials of a restart (RFC 9725 section 4.3.3): both are new, or both are the ones there were.
 * @returns undefined for a fragment that restarts nothing @throws AppError `unprocessable_sdp`
 */
export function restartIn ({ ufrag, pwd }: SdpFragment, current: IceCredentials): IceCredentials | undefined {
  if ((ufrag ?? current.ufrag) === current.ufrag && (pwd ?? current.pwd) === current.pwd) return undefined
  if (ufrag === undefined || pwd === undefined || ufrag === current.ufrag || pwd === current.pwd) {
    throw new AppError('unprocessable_sdp', 'An ICE restart changes both “a=ice-ufrag” and “a=ice-pwd”.')
  }
  if (!wellFormed({ ufrag, pwd })) throw new AppError('unprocessable_sdp', 'the ICE user fragment (4 to 256 characters) or password (22 to 256) is malformed')
  return { ufrag, pwd }
}

/** The lines of a fragment that say which media it is about: only the first section of the bundle has a transport. */
export function printBundle (sections: readonly AnswerSection[]): string {
  const bundled = sections.filter(isAccepted).map(({ offered }) => offered)
  const [{ kind, protocol, formats, mid }] = bundled as [typeof bundled[number]]
  return [`a=group:BUNDLE ${bundled.map(section => section.mid).join(' ')}`, `m=${kind} 9 ${protocol} ${formats}`, `a=mid:${mid}`].join('\r\n')
}

/** What a restart is answered with. @param bundle as `printBundle` has it */
export function printFragment ({ ufrag, pwd }: IceCredentials, candidates: readonly Candidate[], bundle: string): string {
  const lines = [
    ICE_OPTIONS,
    bundle,
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    ...candidateLines(candidates)
  ]
  return `${lines.join('\r\n')}\r\n`
}
