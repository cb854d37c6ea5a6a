import { AppError } from '../../lib/errors.ts'
import type { ApiKeys } from '../auth/api-keys.ts'
import type { Api } from '../http-types.ts'
import { apiKey, apiKeyRequest, apiKeyWithSecret, idParameter, listOf } from '../schemas.ts'
import { apiKeyView } from '../views.ts'
import { noContent, responses } from './responses.ts'

const tags = ['access']

/** Keys for programs. A key is shown when it is made, never again. */
export function apiKeyRoutes (api: Api, keys: ApiKeys): void {
  api.post('/api-keys', {
    config: { scope: 'admin', everywhere: true, audit: 'apiKey.create' },
    schema: { tags, summary: 'Make a key', body: apiKeyRequest, response: responses({ 201: apiKeyWithSecret }) }
  }, async (request, reply) => {
    const { expiresAt, ...rest } = request.body
    const { row, key } = await keys.create({ ...rest, ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }) })
    return reply.code(201).header('location', `/api/v1/api-keys/${row.id}`).send({ ...apiKeyView(row), key })
  })

  api.get('/api-keys', {
    config: { scope: 'admin', everywhere: true },
    schema: { tags, summary: 'All keys, without the keys themselves', response: responses({ 200: listOf(apiKey) }) }
  }, async () => ({ items: (await keys.list()).map(apiKeyView), next: null }))

  api.get('/api-keys/:id', {
    config: { scope: 'admin', everywhere: true },
    schema: { tags, summary: 'One key', params: idParameter, response: responses({ 200: apiKey }, 404) }
  }, async request => {
    const row = await keys.get(request.params.id)
    if (!row) throw new AppError('not_found', 'There is no such key.')
    return apiKeyView(row)
  })

  api.delete('/api-keys/:id', {
    config: { scope: 'admin', everywhere: true, audit: 'apiKey.delete' },
    schema: {
      tags,
      summary: 'Revoke a key: at once here, within 10 s on other bridges',
      params: idParameter,
      response: responses({ 204: noContent }, 404)
    }
  }, async (request, reply) => {
    if (!await keys.revoke(request.params.id)) throw new AppError('not_found', 'There is no such key.')
    return reply.code(204).send(null)
  })
}
