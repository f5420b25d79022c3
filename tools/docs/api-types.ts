// The types of src/client/api.ts, from the OpenAPI document of `bump serve`: what it names, and a table of its operations.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString, type SchemaObject } from 'openapi-typescript'
import pino from 'pino'
import { createApp } from '../../src/serve/app.ts'
import { serverMetrics } from '../../src/serve/metrics.ts'

const CLONE = fileURLToPath(new URL('../..', import.meta.url))
const BIOME = 'node_modules/@biomejs/biome/bin/biome'
const HEAD = `// Types of the HTTP API of \`bump serve\`, written by \`npm run docs\` from its OpenAPI document.\n\n`

interface Document {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, SchemaObject> }
}
interface Operation {
  parameters?: { in: string; name: string; required?: boolean; schema: SchemaObject }[]
  requestBody?: { content: Content }
  responses: Record<string, { content: Content }>
}
type Content = Record<string, { schema: SchemaObject }>

/** The text of src/client/api.ts. */
export async function apiTypes(): Promise<string> {
  // The document is of the routes alone, and no request reaches the store.
  const app = createApp({
    store: undefined as never,
    log: pino({ level: 'silent' }),
    metrics: serverMetrics(),
    ending: () => false,
  })
  const document = (await (await app.request('/openapi.json')).json()) as Document
  const { openapi, info, paths, components } = document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, shapeOf(operation)]),
  )
  const schemas = { ...components.schemas, Operations: objectOf(Object.fromEntries(operations)) }
  const types = await openapiTS(
    { openapi, info, paths: {}, components: { schemas } },
    { defaultNonNullable: false, rootTypes: true, rootTypesNoSchemaPrefix: true },
  )
  const text = astToString(types)
  // What stands beside the schemas has no use: there are no paths left.
  const [, tables] = /(export type \w+ = components[\s\S]*?\n)export type \$defs/.exec(text) ?? []
  const [, named] = /(export interface components \{[\s\S]*?)\n {4}responses: never/.exec(text) ?? []
  if (tables === undefined || named === undefined) throw new Error('openapi-typescript writes another form than before')
  return formatted(`${HEAD}${compact(named)}\n}\n\n${tables}`)
}

/** Without what says nothing, and so that the formatter puts what is short on one line. */
function compact(types: string): string {
  return types
    .replace(/ *\/\*\* @enum \{string\} \*\/\n| *\* @enum \{string\}\n|@description /g, '')
    .replace(/\n +\* @default (.*)/g, ' Default: $1.')
    .replace(/\/\*\*\n +\*? */g, '/** ')
    .replace(/\n +\*\//g, ' */')
    .replace(/\/\*\* @default (\S+) \*\//g, '/** Default: $1. */')
    .replace(/ \/\*\* Milliseconds since 1970\. \*\/\n +/g, '')
    .replace(/(?<!\*\/)\n *(?! |\/\*\*)/g, ' ')
}

function formatted(text: string): string {
  const args = [BIOME, 'format', '--stdin-file-path=src/client/api.ts']
  return execFileSync('node', args, { cwd: CLONE, input: text, encoding: 'utf8' })
}

/** Query, body and answer of an operation. */
function shapeOf({ parameters = [], requestBody, responses }: Operation): SchemaObject {
  const query = parameters.filter((parameter) => parameter.in === 'query')
  const required = query.filter((parameter) => parameter.required).map(({ name }) => name)
  return objectOf({
    ...(query.length > 0 && {
      query: objectOf(Object.fromEntries(query.map((one) => [one.name, one.schema])), required),
    }),
    ...(requestBody && { body: requestBody.content['application/json'].schema }),
    answer: responses[200].content['application/json'].schema,
  })
}

function objectOf(properties: Record<string, SchemaObject>, required = Object.keys(properties)): SchemaObject {
  return { type: 'object', properties, required, additionalProperties: false }
}
