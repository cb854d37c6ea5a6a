import { errorTable } from '../lib/errors.ts'

type Schema = { $ref?: string, type?: string | string[], properties?: Record<string, Schema>, required?: string[], items?: Schema, enum?: unknown[], anyOf?: Schema[], oneOf?: Schema[], description?: string, format?: string, const?: unknown, additionalProperties?: unknown }
type Operation = {
  summary?: string
  description?: string
  tags?: string[]
  parameters?: { name: string, in: string, required?: boolean, schema?: Schema, description?: string }[]
  requestBody?: { content?: Record<string, { schema?: Schema }> }
  responses?: Record<string, { content?: Record<string, { schema?: Schema }> }>
}
export type ApiDocument = { info: { title: string, version: string, description?: string }, paths?: object, components?: { schemas?: object } }

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const html = (text: unknown): string => String(text).replaceAll(/[&<>"']/g, char => escapes[char]!)
/** Descriptions carry `code` in backquotes, and nothing else. */
const prose = (text: string): string => html(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')

/** The OpenAPI document as one plain page: no script, nothing from anywhere else. */
export function docsPage (document: ApiDocument): string {
  const operations = Object.entries(document.paths ?? {} as Record<string, object>).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })))
  const groups = [...Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'media')]
  const { title, version, description = '' } = document.info
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${html(title)}: API</title>
<link rel="stylesheet" href="/docs.css"></head><body>
<header><h1>${html(title)} <small>${html(version)}</small></h1><p>${html(description)} For programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${groups.map(([tag]) => `<a href="#${html(tag)}">${html(tag)}</a>`).join(' ')} <a href="#shapes">shapes</a> <a href="#errors">errors</a></nav></header>
<main>${groups.map(([tag, members]) => `<section id="${html(tag)}"><h2>${html(tag)}</h2>${members.map(operationHtml).join('')}</section>`).join('')}
<section id="shapes"><h2>Shapes</h2>${Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>).map(shapeHtml).join('')}</section>
<section id="errors"><h2>Errors</h2><p>Every error is <code>application/problem+json</code> (RFC 9457) with one of these codes.</p>
<table><tr><th>code</th><th>status</th><th>meaning</th></tr>${Object.entries(errorTable).map(([code, row]) =>
  `<tr id="${code}"><td><code>${code}</code></td><td>${row.http}</td><td>${html(row.title)}</td></tr>`).join('')}</table></section></main></body></html>`
}

function operationHtml ({ path, method, operation }: { path: string, method: string, operation: Operation }): string {
  const { summary = '', description = '', parameters = [], requestBody, responses = {} } = operation
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  const answers = Object.entries(responses).map(([status, { content }]) => `${status} ${typeOf(Object.values(content ?? {})[0]?.schema)}`.trim())
  return `<article><h3><b class="${method.toLowerCase()}">${method}</b> <code>${html(path)}</code></h3><p>${prose(summary)}${summary ? '. ' : ''}${prose(description)}</p>
${parameters.length > 0 ? fieldTable(parameters.map(p => [`${p.name} (${p.in})`, p.schema ?? {}, p.required ?? false, p.description])) : ''}
${body ? `<p>Body: ${typeOf(body)}</p>` : ''}<p class="answers">${answers.join(' · ')}</p></article>`
}

const shapeHtml = ([name, schema]: [string, Schema]): string => `<article id="shape-${html(name)}"><h3>${html(name)}</h3>${
  fieldTable(Object.entries(schema.properties ?? {}).map(([field, type]) => [field, type, schema.required?.includes(field) ?? false, type.description]))}</article>`

const fieldTable = (rows: [string, Schema, boolean, string | undefined][]): string => `<table>${rows.map(([name, schema, required, description]) =>
  `<tr><td><code>${html(name)}</code>${required ? '' : '<i>?</i>'}</td><td>${typeOf(schema)}</td><td>${prose(description ?? schema.description ?? '')}</td></tr>`).join('')}</table>`

/** A type in a few words, with links to the shapes it names. */
function typeOf (schema: Schema | undefined): string {
  if (!schema) return ''
  const name = schema.$ref?.split('/').at(-1)
  if (name !== undefined) return `<a href="#shape-${html(name)}">${html(name)}</a>`
  if (schema.enum) return schema.enum.map(value => `<code>${html(JSON.stringify(value))}</code>`).join(' | ')
  if (schema.const !== undefined) return `<code>${html(JSON.stringify(schema.const))}</code>`
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return choices.map(typeOf).join(' | ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}`
  if (schema.properties) return `{ ${Object.entries(schema.properties).map(([field, type]) => `${html(field)}: ${typeOf(type)}`).join(', ')} }`
  return html([schema.type ?? 'anything'].flat().join(' | ')) + (schema.format ? ` (${html(schema.format)})` : '')
}

export const docsStyle = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
nav a { margin-right: .6rem } h1 small { font-weight: normal; opacity: .6 }
article { border-top: 1px solid var(--line); padding: .4rem 0 } h3 { margin: .4rem 0 } h3 b { display: inline-block; min-width: 4.5rem }
.get { color: #2a7 } .post { color: #27c } .patch, .put { color: #b70 } .delete { color: #c33 }
table { border-collapse: collapse; width: 100%; font-size: .9rem } td, th { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; border-top: 1px solid var(--soft) }
code { background: var(--soft); padding: 0 .2rem; border-radius: 3px } .answers { font-size: .85rem; opacity: .8 } p { margin: .3rem 0 } i { opacity: .5 }
`
