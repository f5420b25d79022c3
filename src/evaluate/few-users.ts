// What must be said of intervals over very few users.

/** Below this, resamples of the users are too alike for their spread to say how others would vary. */
const ENOUGH = 5

/** A note where bootstrap intervals over `users` people say little; none where they are enough. */
export function fewUsersNotes(users: number): string[] {
  if (users >= ENOUGH) return []
  if (users === 1) return ['One user: nobody else can be drawn, so intervals have no width and decide nothing.']
  return [`${users} users are too few for a bootstrap: intervals come out too narrow and decide nothing.`]
}
