// The canonical form of interaction logs: what every source is turned into and everything downstream reads.

/** One timestamped text record of a user. */
export interface Interaction {
  text: string
  /** Milliseconds since 1970, or undefined where the log has no time (then file order counts). */
  time: number | undefined
  /** Other columns of the source, as they came. */
  metadata: Record<string, unknown>
}

/** A user after the chronological split (METHOD.md §2). */
export interface User {
  id: string
  /** Earlier interactions, oldest first: all that the profile generator sees. */
  history: Interaction[]
  /** Later interactions, oldest first, never shown to the generator. */
  heldOut: Interaction[]
}

/** Users split by user: validation and test measure profiles of people never trained on. */
export interface UserSplit {
  train: User[]
  validation: User[]
  test: User[]
}
