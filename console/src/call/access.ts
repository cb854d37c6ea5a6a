import { Api } from '../api.ts'
import { tokenOf } from './place.ts'

/** An invitation lets somebody in, again after a lost connection too, for an hour: the longest there is. In seconds. */
export const INVITATION_S = 3600
/** A token of one's own is made anew before it ends. */
const OWN_TOKEN_S = 300
const RENEW_AFTER_MS = 240_000

/** What lets this page into the call: the token of an invitation, or the console's session. */
export class Access {
  readonly api: Api
  readonly #room: string
  readonly #invited: string | undefined
  #own: { token: Promise<string>, madeAt: number } | undefined

  constructor (room: string, invited: string | undefined) {
    this.#room = room
    this.#invited = invited
    this.api = new Api({ bearer: invited })
  }

  get isInvited (): boolean { return this.#invited !== undefined }

  /** What has run out is not kept: after a reload, a login counts. */
  forget (): void { sessionStorage.removeItem(keyOf(this.#room)) }

  /** For WHIP and WHEP. */
  token (): Promise<string> {
    if (this.#invited !== undefined) return Promise.resolve(this.#invited)
    if (this.#own && performance.now() - this.#own.madeAt < RENEW_AFTER_MS) return this.#own.token
    const token = this.api.callToken(this.#room, OWN_TOKEN_S)
    this.#own = { token, madeAt: performance.now() }
    token.catch(() => { this.#own = undefined })
    return token
  }
}

const keyOf = (room: string): string => `auralink.invitation.${room}`

/** Takes an invitation's token out of the address bar, where a shared screen would show it; a reload of this tab still has it. */
export function takeInvitation (room: string): string | undefined {
  const token = tokenOf(location.hash)
  if (token === undefined) return sessionStorage.getItem(keyOf(room)) ?? undefined
  sessionStorage.setItem(keyOf(room), token)
  history.replaceState(null, '', location.pathname)
  return token
}
