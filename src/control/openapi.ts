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

/** The description for programs, and for people. Both are made once, when all routes are known. */
export function descriptionRoutes (app: FastifyInstance): void {
  let json = ''
  let page = ''
  app.addHook('onReady', async () => {
    const document = tidied(app.swagger()) as ApiDocument
    json = JSON.stringify(document)
    page = docsPage(document)
  })
  const tags = ['description']
  app.get('/openapi.json', {
    schema: { tags, summary: 'This API, as OpenAPI 3.1', response: { 200: bytes('The document', 'application/json') } }
  }, (_request, reply) => reply.type(JSON_TYPE).send(json))
  app.get('/docs', {
    schema: { tags, summary: 'This API, for people', response: { 200: bytes('A page', 'text/html') } }
  }, (_request, reply) => reply.type('text/html; charset=utf-8').send(page))
}
