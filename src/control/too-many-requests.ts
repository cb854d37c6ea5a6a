import { AppError } from '../lib/errors.ts'

/** Come back later: the answer says when. */
export class TooManyRequests extends AppError {
  readonly retryAfterSeconds: number

  constructor (waitMs: number) {
    super('rate_limited')
    this.retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  }
}
