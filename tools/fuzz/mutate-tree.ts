// Changes of a structure of plain values (JSON, the parts of a binary file) that leave it a structure: a reader gets
// past its parser with them, to what it does with the values.
import { NUMBERS, TEXTS } from './mutate-bytes.ts'
import { type Mutation, RANGE } from './mutation.ts'

type Container = Record<string, unknown> | unknown[]
interface Place {
  container: Container
  key: string
}

const MOST_DEPTH = 400
const MOST_COPIES = 200

/** A copy of the structure after one change. Typed arrays in it are values. */
export function mutateTree(tree: unknown, { kind, at, span, value }: Mutation): unknown {
  const root = { tree: structuredClone(tree) }
  const places = placesIn(root)
  const { container, key } = places[Math.floor((at / RANGE) * places.length)]
  const other = places[Math.floor((span / RANGE) * places.length)]
  const here = (container as Record<string, unknown>)[key]
  const put = (put: unknown) => define(container, key, put)
  const changes: (() => void)[] = [
    () => put(chosen(NUMBERS, value)),
    () => put(chosen(TEXTS, value)),
    () => put(chosen([null, true, false, [], {}, [[]], [null], { type: 'x' }], value)),
    () => put(structuredClone((other.container as Record<string, unknown>)[other.key])),
    () => (Array.isArray(container) ? container.splice(Number(key), 1) : delete container[key]),
    () => define(container, chosen(TEXTS, value), here),
    () => put(nested(here, 1 + (span % MOST_DEPTH), value % 2 === 0)),
    () => {
      if (Array.isArray(container)) container.push(...Array(1 + (span % MOST_COPIES)).fill(here))
      else for (let i = 0; i < 1 + (span % MOST_COPIES); i++) define(container, `${key}${i}`, here)
    },
    () => {
      if (typeof here === 'number') put(chosen([here + 1, here - 1, here * 2, -here, here / 2, here + 0.5], value))
      else if (typeof here === 'string') put(here.slice(0, span % 7) + chosen(TEXTS, value) + here.slice(span % 7))
      else if (typeof here === 'boolean') put(!here)
      else put(chosen(NUMBERS, value))
    },
  ]
  chosen(changes, kind)()
  return root.tree
}

/** Every place in the structure, its root included. */
function placesIn(root: Container): Place[] {
  const places: Place[] = []
  const open: Container[] = [root]
  for (let container = open.pop(); container !== undefined; container = open.pop())
    for (const [key, value] of Object.entries(container)) {
      places.push({ container, key })
      if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) open.push(value as Container)
    }
  return places
}

/** Sets an own property, `__proto__` too. */
function define(container: Container, key: string, value: unknown): void {
  Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true })
}

function nested(value: unknown, depth: number, asArray: boolean): unknown {
  let out = value
  for (let i = 0; i < depth; i++) out = asArray ? [out] : { a: out }
  return out
}

function chosen<T>(list: readonly T[], value: number): T {
  return list[value % list.length]
}
