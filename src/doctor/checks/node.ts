import { type Check, failed, ok } from '../check.ts'

const NEEDED = [24, 12] as const

export const node: Check = { name: 'Node', look: async () => judgeNode(process.version) }

export function judgeNode (version: string) {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number)
  const isEnough = major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])
  return isEnough ? ok(`Node ${version}.`) : failed(`Node ${version} is too old.`, `Install ${NEEDED.join('.')} or newer; npm install brings one along, which npm scripts use.`)
}
