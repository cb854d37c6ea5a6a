import { signal } from '@preact/signals'
import type { IngressWithKey } from '../../api-types.ts'
import { messageOf } from '../../lib/errors.ts'
import { say } from '../../notices.ts'
import { api } from '../../store.ts'

/** The ingress whose settings are shown, with its key. */
export const chosen = signal<IngressWithKey>()

export function choose (id: string): void {
  api.ingress(id).then(ingress => { chosen.value = ingress }, error => say(messageOf(error), 'bad'))
}
