// What a user says about their profile, and what no later refresh can undo: statements stand beside the text word for
// word, denials are cut out of it wherever it is served, and excluded interactions never reach the writer.
import type { Expression } from 'kysely'
import { BumpError } from '../util/errors.ts'
import { audited } from './audit.ts'
import { contentWords } from './deny.ts'
import { timedId } from './ids.ts'
import { excludeWithin } from './interactions.ts'
import { type Queries, type Store, type StoreTransaction, writing } from './open.ts'
import { personOf, putPerson, takePerson } from './persons.ts'
import { projectOf } from './project-row.ts'
import type { CorrectionTable } from './schema.ts'
import type { UserScope } from './scope.ts'
import { wordsProblem } from './text-input.ts'

/** What is said: a sentence of the user's own, what the profile may not say, or interactions to leave out. */
export type NewCorrection =
  | { kind: 'state' | 'deny'; text: string }
  | { kind: 'exclude'; interactions: readonly string[] }

export interface Correction {
  id: string
  kind: 'state' | 'deny' | 'exclude'
  text: string | undefined
  /** Ids, of `exclude`. */
  interactions: string[] | undefined
  /** Who made it. */
  by: string
  createdAt: number
}

/** Of one user, those in force of each kind: a profile with its statements stays short. */
const MOST = 50
const LONGEST = 500

/** The corrections in force, oldest first. Throws BumpError (`not-found`) where there is no such user. */
export async function listCorrections({ db }: Store, scope: UserScope): Promise<Correction[]> {
  await personOf(db, scope)
  return (await inForce(db, scope)).map(correctionOf)
}

/**
 * Makes a correction. Statements and denials show at once; after a denial or an exclusion the text is written anew.
 * Throws BumpError: `invalid-options` for a text that cannot be, `not-found` for an interaction that is not there,
 * `conflict` where there are too many.
 */
export async function addCorrection(store: Store, scope: UserScope, given: NewCorrection): Promise<Correction> {
  const text = given.kind === 'exclude' ? null : checkedText(given.text, given.kind)
  const target = given.kind === 'exclude' ? JSON.stringify([...new Set(given.interactions)]) : null
  return await writing(store, async (tx) => {
    const person = await takePerson(tx, scope)
    if ((await inForce(tx, scope)).filter(({ kind }) => kind === given.kind).length >= MOST)
      throw new BumpError('conflict', `the user has ${MOST} corrections of this kind: retract one`)
    const row: CorrectionTable = {
      project: scope.project,
      user: scope.user,
      id: timedId(Date.now()),
      kind: given.kind,
      text,
      target,
      by: scope.actor,
      created_at: Date.now(),
      retracted_at: null,
    }
    await tx.insertInto('correction').values(row).execute()
    await audited(tx, scope, 'correction.made', { kind: given.kind }, scope.user)
    if (given.kind === 'exclude') await excludeWithin(tx, scope, given.interactions, true)
    else await changedWords(tx, scope, person, given.kind)
    return correctionOf(row)
  })
}

/** Takes a correction back. Throws BumpError (`not-found`) where the user has none of this id in force. */
export async function retractCorrection(store: Store, scope: UserScope, id: string): Promise<void> {
  await writing(store, async (tx) => {
    const person = await takePerson(tx, scope)
    const rows = await inForce(tx, scope)
    const row = rows.find((each) => each.id === id)
    if (row === undefined) throw new BumpError('not-found', 'there is no such correction')
    await tx
      .updateTable('correction')
      .set({ retracted_at: Date.now() })
      .where('project', '=', scope.project)
      .where('user', '=', scope.user)
      .where('id', '=', id)
      .execute()
    await audited(tx, scope, 'correction.retracted', { kind: row.kind }, scope.user)
    if (row.kind !== 'exclude') return await changedWords(tx, scope, person, row.kind)
    const others = new Set(rows.filter((each) => each.id !== id).flatMap(targetOf))
    await excludeWithin(
      tx,
      scope,
      targetOf(row).filter((target) => !others.has(target)),
      false,
    )
  })
}

/** A statement changes what is served, and needs no writing; a denial does. */
async function changedWords(
  tx: StoreTransaction,
  scope: UserScope,
  person: Awaited<ReturnType<typeof takePerson>>,
  kind: string,
): Promise<void> {
  person.revision++
  if (kind === 'deny') person.seq++
  const { settings } = await projectOf(tx, scope.project)
  await putPerson(tx, person, settings, kind === 'deny' ? 'corrected' : undefined)
}

/** What the profile may not say: the user's denials, and those of the project. */
export async function denialsOf(db: Queries, scope: UserScope): Promise<string[]> {
  const { settings } = await projectOf(db, scope.project)
  return [...settings.deny, ...(await wordsOf(db, scope)).denials]
}

/** The user's statements and denials in force, oldest first. */
export async function wordsOf(db: Queries, scope: UserScope): Promise<{ statements: string[]; denials: string[] }> {
  const rows = await ownWords(db, scope.project, scope.user).selectAll().orderBy('id').execute()
  const of = (kind: string) => rows.flatMap((row) => (row.kind === kind && row.text !== null ? [row.text] : []))
  return { statements: of('state'), denials: of('deny') }
}

/** A query of a user's statements and denials in force. */
export const ownWords = (db: Queries, project: string, user: string | Expression<string>) =>
  standing(db, project, user).where('kind', '!=', 'exclude')

async function inForce(db: Queries, { project, user }: UserScope): Promise<CorrectionTable[]> {
  return await standing(db, project, user).selectAll().orderBy('id').execute()
}

const standing = (db: Queries, project: string, user: string | Expression<string>) =>
  db
    .selectFrom('correction')
    .where('correction.project', '=', project)
    .where('correction.user', '=', user)
    .where('retracted_at', 'is', null)

function checkedText(text: string, kind: 'state' | 'deny'): string {
  const line = text.replace(/\s+/g, ' ').trim()
  const nothing = kind === 'deny' && contentWords(line).length === 0
  const problem =
    wordsProblem(line, LONGEST) ??
    (nothing ? 'says nothing that a sentence could be known by: name the word or the thing' : undefined)
  if (problem !== undefined) throw new BumpError('invalid-options', `correction.text ${problem}`)
  return line
}

const targetOf = ({ target }: CorrectionTable): string[] => (target === null ? [] : JSON.parse(target))

const correctionOf = (row: CorrectionTable): Correction => ({
  id: row.id,
  kind: row.kind as Correction['kind'],
  text: row.text ?? undefined,
  interactions: row.target === null ? undefined : targetOf(row),
  by: row.by,
  createdAt: row.created_at,
})
