import type { FastifySchemaCompiler } from 'fastify'
import { z } from 'zod'
import { AppError, type FieldProblem } from '../lib/errors.ts'

type Issue = z.core.$ZodIssue

/**
 * Checks a request against its zod schema. Objects are strict, so that a misspelt field is an error that names it and not
 * a default silently used.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => data => {
  const result = schema.safeParse(data)
  if (result.success) return { value: result.data }
  const problems = result.error.issues.flatMap(issue => fieldProblems(issue, httpPart ?? 'body'))
  return { error: new AppError('bad_request', problems.map(p => `${p.field}: ${p.expected}`).join('; '), { problems }) }
}

function fieldProblems (issue: Issue, part: string): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({ field: fieldName([...issue.path, printable(key)], part), expected: 'no such field' }))
  }
  return [{ field: fieldName(issue.path, part), expected: issue.message }]
}

/** `gaps[0].atMs`; the part itself (`body`, `querystring`) where the whole of it is wrong. */
const fieldName = (path: readonly PropertyKey[], part: string): string => path.length === 0
  ? part
  : path.map((key, i) => typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`).join('')

/** A stranger's field name, short and without control characters. */
const printable = (name: string): string => name.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?')
