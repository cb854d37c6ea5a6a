import type { AddressInfo } from 'node:net'
import { closeApp, newApp } from './http-app.ts'
import type { ControlParts } from './parts.ts'
import { noteMethods } from './methods.ts'
import { answerErrors } from './problem.ts'
import { type ProbePaths, probes } from './probes.ts'

export type ProbeListenerOptions = { readonly host: string, readonly port: number, readonly paths?: ProbePaths | undefined }

const MAX_CONNECTIONS = 50

/** The probes on a port of their own, which the outside need not reach. Nothing else is served there. */
export async function openProbeListener ({ host, port, paths }: ProbeListenerOptions, parts: ControlParts): Promise<AsyncDisposable & { port: number }> {
  const app = newApp([])
  answerErrors(app, parts, noteMethods(app))
  probes(app, parts, paths)
  await app.listen({ host, port })
  app.server.maxConnections = MAX_CONNECTIONS
  return { port: (app.server.address() as AddressInfo).port, [Symbol.asyncDispose]: () => closeApp(app) }
}
