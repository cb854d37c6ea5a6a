import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { type ApiDocument, docsPage } from './docs-page.ts'
import { tidied } from './openapi-document.ts'
import { JSON_TYPE } from './probes.ts'
import { bytes } from './routes/responses.ts'

/** Prepares for the description of all routes to come. Register before the first of them. */
export async function describeApi (app: FastifyInstance, version: string, apiKeyHeader: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'AuraLink Ingress-Egress',
        version,
        description: 'Phones, encoders, WebRTC apps, streaming platforms and recordings, in and out of one real-time conference.'
      },
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: apiKeyHeader },
          bearer: { type: 'http', scheme: 'bearer', description: 'an API key, a JSON Web Token, or a token from POST /api/v1/tokens' }
        }
      }
    },
    transform: input => {
      const { schema, url } = jsonSchemaTransform(input)
      const scope = input.route.config?.scope
      const open = scope === undefined || scope === 'none'
      const access = open ? { security: [] } : { security: [{ apiKey: [] }, { bearer: [] }], description: scopeSentence(scope) }
      return { url, schema: { ...schema, ...access } }
    },
    transformObject: jsonSchemaTransformObject
  })
}

const scopeSentence = (scope: string): string => scope === 'any' ? 'For anybody with credentials.' : `Needs the scope \`${scope}\`.`

/** A start does not wait for the description; who asks for it hardly ever does either. */
const DESCRIBE_AFTER_MS = 1_000

/** The description for programs, and for people. Both are made once, soon after all routes are known. */
export function descriptionRoutes (app: FastifyInstance): void {
  let made: { readonly json: string, readonly page: string } | undefined
  const description = (): { readonly json: string, readonly page: string } => {
    const document = tidied(app.swagger()) as ApiDocument
    return { json: JSON.stringify(document), page: docsPage(document) }
  }
  let soon: NodeJS.Timeout | undefined
  app.addHook('onReady', async () => { soon = setTimeout(() => { made ??= description() }, DESCRIBE_AFTER_MS).unref() })
  app.addHook('onClose', async () => clearTimeout(soon))
  const tags = ['description']
  app.get('/openapi.json', {
    schema: { tags, summary: 'This API, as OpenAPI 3.1', response: { 200: bytes('The document', 'application/json') } }
  }, (_request, reply) => reply.type(JSON_TYPE).send((made ??= description()).json))
  app.get('/docs', {
    schema: { tags, summary: 'This API, for people', response: { 200: bytes('A page', 'text/html') } }
  }, (_request, reply) => reply.type('text/html; charset=utf-8').send((made ??= description()).page))
}
