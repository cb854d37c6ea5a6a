import { duration } from '../lib/format.ts'
import { now } from '../clock.ts'

/** A running clock since a moment. */
export const Elapsed = ({ since }: { since: string }) => <time class='number'>{duration((now.value - Date.parse(since)) / 1000)}</time>
