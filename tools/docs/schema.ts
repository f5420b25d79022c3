// A configuration's schema -> tables in Markdown: a section for each object, a row for each field.
import { z } from 'zod'
import { table } from './table.ts'

/** What of JSON Schema zod writes for the configurations. */
interface Schema {
  type?: string
  description?: string
  default?: unknown
  const?: unknown
  enum?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  oneOf?: Schema[]
  items?: Schema
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
}

/** A field of a section; `only`: the variants of the section that have it, where not all do. */
interface Field {
  schema: Schema
  required: boolean
  only?: string
}

/** The sections of a configuration, its own fields first. Throws where a field has no description. */
export function configSections(config: z.ZodType): string {
  const root = z.toJSONSchema(config, { io: 'input', reused: 'inline' }) as Schema
  return sections('', root).join('\n\n')
}

function sections(path: string, schema: Schema): string[] {
  const fields = Object.entries(fieldsOf(schema))
  const own = fields.filter(([, field]) => !isSection(field.schema))
  const heading = path === '' ? [] : [`### ${path}`, ...(schema.description ? [schema.description] : [])]
  const rows = own.map(([name, field]) => row(path === '' ? name : `${path}.${name}`, field))
  return [
    ...heading,
    ...(rows.length > 0 ? [table(['field', 'type', 'default', 'meaning'], rows)] : []),
    ...fields
      .filter(([, field]) => isSection(field.schema))
      .flatMap(([name, field]) => sections(path === '' ? name : `${path}.${name}`, field.schema)),
  ]
}

function isSection({ properties, oneOf }: Schema): boolean {
  return properties !== undefined || oneOf !== undefined
}

/**
 * The fields of an object; of a choice of objects those of all, with the choice's values of the field that tells them
 * apart.
 */
function fieldsOf({ properties, required = [], oneOf, default: preset }: Schema): Record<string, Field> {
  if (oneOf === undefined)
    return Object.fromEntries(
      Object.entries(properties ?? {}).map(([name, schema]) => [name, { schema, required: required.includes(name) }]),
    )
  const variants = oneOf.map((variant) => variant.properties ?? {})
  const key = Object.keys(variants[0]).find((name) => variants.every((variant) => variant[name]?.const !== undefined))
  if (key === undefined) throw new Error('a choice of objects has no field that tells them apart')
  const values = variants.map((variant) => String(variant[key].const))
  const chosen =
    (preset as Record<string, unknown>)[key] ?? variants.find((variant) => variant[key].default)?.[key].const
  const choice: Schema = {
    enum: values,
    default: chosen,
    description: 'The kind: it decides which of the fields below there are.',
  }
  const names = [...new Set(variants.flatMap(Object.keys))].filter((name) => name !== key)
  const others = names.map((name): [string, Field] => {
    const having = variants.flatMap((variant, i) => (variant[name] ? [i] : []))
    const of = having.length === variants.length ? undefined : having.map((i) => `\`${values[i]}\``).join(', ')
    const isRequired = having.every((i) => oneOf[i].required?.includes(name))
    return [name, { schema: variants[having[0]][name], required: isRequired, only: of }]
  })
  return { [key]: { schema: choice, required: false }, ...Object.fromEntries(others) }
}

function row(name: string, { schema, required, only }: Field): string[] {
  if (!schema.description) throw new Error(`${name} has no description: give its schema .describe('…')`)
  const value = typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)
  const preset = value === undefined ? '' : `\`${value}\``
  return [
    `\`${name}\``,
    typeOf(schema),
    required ? 'required' : preset,
    only ? `${schema.description} With ${only} only.` : schema.description,
  ]
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items!)}`
  if (schema.type === 'object' || schema.oneOf) return 'mapping'
  if (schema.type === 'boolean') return '`true`, `false`'
  if (schema.type === 'integer') return ['whole number', ...bounds(schema)].join(' ')
  if (schema.type === 'number') return ['number', ...bounds(schema)].join(' ')
  if (schema.type === 'string') return 'text'
  throw new Error(`no words for ${JSON.stringify(schema)}`)
}

function bounds({ minimum, maximum, exclusiveMinimum }: Schema): string[] {
  const least = exclusiveMinimum === undefined ? minimum !== undefined && `≥ ${minimum}` : `> ${exclusiveMinimum}`
  const most = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && `≤ ${maximum}`
  return [[least, most].filter(Boolean).join(', ')].filter((text) => text !== '')
}
