import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import type { Api } from '../http-types.ts'
import { limits } from '../limits.ts'
import type { Webhooks } from '../parts.ts'
import { delivery, idParameter, listOf, page, webhook, webhookChange, webhookRequest, webhookWithSecret } from '../schemas.ts'
import { deliveryView, pageOf, webhookView } from '../views.ts'
import { noContent, responses } from './responses.ts'

const tags = ['webhooks']
const redeliverBody = z.strictObject({ eventId: z.string('expected the id of an event').min(1).max(limits.maxParameterLength) })
const secretAnswer = z.object({ secret: z.string() })

/** Where events are sent to (Standard Webhooks). Secrets are shown when they are made, never again. */
export function webhookRoutes (api: Api, webhooks: Webhooks): void {
  api.post('/webhooks', {
    config: { scope: 'admin', everywhere: true, audit: 'webhook.create' },
    schema: { tags, summary: 'Send events to a URL', body: webhookRequest, response: responses({ 201: webhookWithSecret }) }
  }, async (request, reply) => {
    const { webhook: made, secret } = await webhooks.create(request.body)
    return reply.code(201).header('location', `/api/v1/webhooks/${made.id}`).send({ ...webhookView(made), secret })
  })

  api.get('/webhooks', {
    config: { scope: 'admin', everywhere: true },
    schema: { tags, summary: 'All webhooks', response: responses({ 200: listOf(webhook) }) }
  }, async () => ({ items: (await webhooks.list()).map(webhookView), next: null }))

  api.get('/webhooks/:id', {
    config: { scope: 'admin', everywhere: true },
    schema: { tags, summary: 'One webhook', params: idParameter, response: responses({ 200: webhook }, 404) }
  }, async request => webhookView(known(await webhooks.get(request.params.id))))

  api.patch('/webhooks/:id', {
    config: { scope: 'admin', everywhere: true, audit: 'webhook.update' },
    schema: {
      tags,
      summary: 'Change or enable it again',
      params: idParameter,
      body: webhookChange,
      response: responses({ 200: webhook }, 404)
    }
  }, async request => webhookView(known(await webhooks.update(request.params.id, request.body))))

  api.delete('/webhooks/:id', {
    config: { scope: 'admin', everywhere: true, audit: 'webhook.delete' },
    schema: { tags, summary: 'Send nothing there any more', params: idParameter, response: responses({ 204: noContent }, 404) }
  }, async (request, reply) => {
    if (!await webhooks.delete(request.params.id)) throw unknown()
    return reply.code(204).send(null)
  })

  api.post('/webhooks/:id/rotate-secret', {
    config: { scope: 'admin', everywhere: true, audit: 'webhook.rotateSecret' },
    schema: {
      tags,
      summary: 'A new secret; the old one stays valid beside it for a day',
      params: idParameter,
      response: responses({ 200: secretAnswer }, 404)
    }
  }, async request => ({ secret: known(await webhooks.rotateSecret(request.params.id)) }))

  api.get('/webhooks/:id/deliveries', {
    config: { scope: 'admin', everywhere: true },
    schema: {
      tags,
      summary: 'What was sent there, newest first',
      params: idParameter,
      querystring: z.strictObject(page),
      response: responses({ 200: listOf(delivery) }, 404)
    }
  }, async request => {
    known(await webhooks.get(request.params.id))
    const { limit, after } = request.query
    return pageOf(await webhooks.deliveries(request.params.id, { after, limit: limit + 1 }), request.query, deliveryView, item => item.eventId)
  })

  api.post('/webhooks/:id/redeliver', {
    config: { scope: 'admin', everywhere: true, audit: 'webhook.redeliver' },
    schema: {
      tags,
      summary: 'Send an event there again',
      params: idParameter,
      body: redeliverBody,
      response: responses({ 202: z.object({ eventId: z.string() }) }, 404)
    }
  }, async (request, reply) => {
    if (!await webhooks.redeliver(request.params.id, request.body.eventId)) throw new AppError('not_found', 'There is no such webhook or event.')
    return reply.code(202).send(request.body)
  })
}

const unknown = () => new AppError('not_found', 'There is no such webhook.')

function known<T> (found: T | undefined): T {
  if (found === undefined) throw unknown()
  return found
}
