/** Which call a page is, and who is who in it. */

const ROOM = /^\/call\/([A-Za-z0-9][A-Za-z0-9._~-]{0,127})\/?$/
const MAX_NAME_LENGTH = 60
/** Two people may have one name; what follows the mark keeps them apart. */
const MARK = '~'
const IDENTITY = /^(.+)~([a-z0-9]{4})(~screen)?$/u

/** The room of `/call/{room}`; undefined on any other page. */
export const roomOf = (pathname: string): string | undefined => ROOM.exec(pathname)?.[1]

/** The token of an invitation, `#token=…`: in the fragment, which no server and no log ever sees. */
export const tokenOf = (hash: string): string | undefined => new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined

/** A link that lets somebody into the call until its token has run out. */
export const invitation = (origin: string, room: string, token: string): string => `${origin}/call/${encodeURIComponent(room)}#token=${token}`

/** @param random four letters or digits */
export function identityFor (name: string, random: string): string {
  const shown = name.replace(/[\p{Cc}\p{Cs}]/gu, '').trim().slice(0, MAX_NAME_LENGTH).trim() || 'Guest'
  return `${shown}${MARK}${random}`
}

export const screenOf = (identity: string): string => `${identity}${MARK}screen`

export const belongsTo = (identity: string, me: string): boolean => identity === me || identity === screenOf(me)

/** What people are called: `Ann~x1y2` is Ann, `Ann~x1y2~screen` is Ann’s screen; who came another way keeps their name. */
export function nameOf (identity: string, name = identity): string {
  const [, person, , screen] = IDENTITY.exec(identity) ?? []
  if (person === undefined) return name
  return screen ? `${person}’s screen` : person
}
