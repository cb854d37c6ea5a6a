import { messageOf } from './lib/errors.ts'
import { say } from './notices.ts'
import { api, chosen } from './store.ts'

/** Shows the settings for an ingress: only now is its key asked for. */
export function choose (id: string): void {
  api.ingress(id).then(ingress => { chosen.value = ingress }, error => say(messageOf(error), 'bad'))
}
