// Names that the view `rows` has for itself. A column of a log may be called so, too: it is then reached through the
// record alone.
import { sqlString } from './database.ts'

/** Whether the view has a column of its own of this name. */
export const isReserved = (name: string): boolean => /^_(file|line|element|record|bump_row)$/i.test(name)

/** The value of a record's field as text; null where it has none. */
export const recordField = (name: string): string => `(_record->>${pointer(name)})`

/** A field as a JSON pointer in SQL: other paths would give dots and brackets a meaning. */
export const pointer = (name: string): string => sqlString(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
