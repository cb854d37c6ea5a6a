import { errorTable } from '../lib/errors.ts'
import { html } from './html.ts'

type Schema = {
  $ref?: string
  type?: string | string[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  description?: string
  format?: string
}
type Operation = {
  summary?: string
  description?: string
  tags?: string[]
  parameters?: { name: string, in: string, required?: boolean, schema?: Schema, description?: string }[]
  requestBody?: { content?: Record<string, { schema?: Schema }> }
  responses?: Record<string, Answer>
}
type Answer = { content?: Record<string, { schema?: Schema }> }
export type ApiDocument = { info: { title: string, version: string, description?: string }, paths?: object, components?: { schemas?: object } }

/** Descriptions carry `code` in backquotes, and nothing else. */
const prose = (text: string): string => html(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')

/** The OpenAPI document as one plain page: no script, nothing from anywhere else. */
export function docsPage (document: ApiDocument): string {
  const operations = Object.entries(document.paths ?? {} as Record<string, object>).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })))
  const groups = [...Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'media')]
  const shapes = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>)
  const names = [...groups.map(([tag]) => tag), 'shapes', 'errors']
  const { title, version, description = '' } = document.info
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}: API</title><link rel="stylesheet" href="/docs.css"></head><body>
<header><h1>${html(title)} <small>${html(version)}</small></h1>
<p>${html(description)} For programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${names.map(name => `<a href="#${html(name)}">${html(name)}</a>`).join(' ')}</nav></header>
<main>${groups.map(([tag, members]) => section(tag, members.map(operationHtml).join(''))).join('\n')}
${section('shapes', shapes.map(shapeHtml).join(''))}
${section('errors', errorsHtml())}</main></body></html>`
}

const section = (name: string, content: string): string => `<section id="${html(name)}"><h2>${html(name)}</h2>${content}</section>`

function errorsHtml (): string {
  const rows = Object.entries(errorTable).map(([code, { http, title }]) =>
    `<tr id="${code}"><td><code>${code}</code></td><td>${http}</td><td>${html(title)}</td></tr>`)
  return `<p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these codes.</p>
<table><tr><th>code</th><th>status</th><th>meaning</th></tr>${rows.join('')}</table>`
}

function operationHtml ({ path, method, operation }: { path: string, method: string, operation: Operation }): string {
  const { summary = '', description = '', parameters = [], requestBody, responses = {} } = operation
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  const rows = parameters.map(p => row(`${p.name} (${p.in})`, p.schema ?? {}, p.required ?? false, p.description))
  return `<article><h3><b class="${method.toLowerCase()}">${method}</b> <code>${html(path)}</code></h3>
<p>${prose([summary, description].filter(Boolean).join('. '))}</p>${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}
${body ? `<p>Body: ${typeOf(body)}</p>` : ''}<p class="answers">${Object.entries(responses).map(answerHtml).join(' · ')}</p></article>`
}

/** What comes back, by its shape; by its content type where it is no JSON. */
function answerHtml ([status, { content = {} }]: [string, Answer]): string {
  const [first] = Object.entries(content)
  return first ? `${status} ${first[0].endsWith('json') ? typeOf(first[1].schema) : html(Object.keys(content).join(', '))}` : status
}

function shapeHtml ([name, schema]: [string, Schema]): string {
  const rows = Object.entries(schema.properties ?? {}).map(([field, type]) => row(field, type, schema.required?.includes(field) ?? false))
  return `<article id="shape-${html(name)}"><h3>${html(name)}</h3><table>${rows.join('')}</table></article>`
}

const row = (name: string, schema: Schema, required: boolean, description = schema.description ?? ''): string =>
  `<tr><td><code>${html(name)}</code>${required ? '' : '<i>?</i>'}</td><td>${typeOf(schema)}</td><td>${prose(description)}</td></tr>`

/** A type in a few words, with links to the shapes it names. */
function typeOf (schema: Schema | undefined): string {
  if (!schema) return ''
  const name = schema.$ref?.split('/').at(-1)
  if (name !== undefined) return `<a href="#shape-${html(name)}">${html(name)}</a>`
  if (schema.enum) return schema.enum.map(value => `<code>${html(JSON.stringify(value))}</code>`).join(' | ')
  if (schema.const !== undefined) return `<code>${html(JSON.stringify(schema.const))}</code>`
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}`
  if (schema.properties) {
    return `{ ${Object.entries(schema.properties).map(([field, type]) => `${html(field)}: ${typeOf(type)}`).join(', ')} }`
  }
  return html([schema.type ?? 'anything'].flat().join(' | ')) + (schema.format ? ` (${html(schema.format)})` : '')
}

export const docsStyle = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 small { font-weight: normal; opacity: .6 }
h3 { margin: .4rem 0 }
h3 b { display: inline-block; min-width: 5rem }
p { margin: .3rem 0 }
i { opacity: .5 }
nav a { margin-right: .6rem }
article { border-top: 1px solid var(--line); padding: .4rem 0 }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
td, th { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; border-top: 1px solid var(--soft) }
code { background: var(--soft); padding: 0 .2rem; border-radius: 3px }
.answers { font-size: .85rem; opacity: .8 }
.get { color: #2a7 } .post { color: #27c } .patch, .put { color: #b70 } .delete { color: #c33 }
`
