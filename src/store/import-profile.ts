// A profile that was written elsewhere, as the first version of a user.
import { audited } from './audit.ts'
import { type Store, writing } from './open.ts'
import { orNobody, takePerson } from './persons.ts'
import { projectOf } from './project-row.ts'
import { addWritten, settle } from './refresh.ts'
import type { UserScope } from './scope.ts'

/** `unknown`: the user has no interactions here; `there`: there is, or was, a version. */
export type ImportedProfile = 'published' | 'unknown' | 'there'

/**
 * Publishes a text as version 1, not judged. What it was written from is not known here, so all interactions of the
 * user that are not excluded count as its sources: erasing one erases it. `writer`: digest of the generator.
 */
export async function publishImported(
  store: Store,
  scope: UserScope,
  { text, writer }: { text: string; writer: string },
): Promise<ImportedProfile> {
  return await writing(store, async (tx) => {
    const person = await orNobody(takePerson(tx, scope))
    if (person === undefined || person.n === 0 || person.profiling !== 'on') return 'unknown'
    if (person.last_version > 0) return 'there'
    const rows = await tx
      .selectFrom('interaction')
      .select('id')
      .where('project', '=', scope.project)
      .where('user', '=', scope.user)
      .where('excluded', '=', 0)
      .execute()
    const work = { seq: person.seq, dueAt: person.due_at }
    const shown = rows.map(({ id }) => id)
    const throughTime = person.last_at!
    await addWritten(tx, person, work, { text, status: 'unscored', writer, shown, heldOut: [], throughTime })
    await settle(tx, person, work, (await projectOf(tx, scope.project)).settings)
    await audited(tx, scope, 'profile.imported', { version: person.last_version }, scope.user)
    return 'published'
  })
}
