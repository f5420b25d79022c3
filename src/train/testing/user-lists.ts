// Users in memory as training takes them.
import type { User, UserSplit } from '../../logs/types.ts'
import type { UserList, UserLists } from '../../logs/user-list.ts'

/** A list of users who are in memory. */
function listOf(users: readonly User[]): UserList {
  const byId = new Map(users.map((user) => [user.id, user]))
  return {
    listed: users,
    load: async (wanted) => wanted.map(({ id }) => byId.get(id)!),
    digested: ({ id }) => {
      const { history, heldOut } = byId.get(id)!
      return JSON.stringify([
        id,
        ...[history, heldOut].map((list) => list.map(({ text, time }) => [text, time ?? null])),
      ])
    },
  }
}

export function listsOf({ train, validation, test }: UserSplit): UserLists {
  return { train: listOf(train), validation: listOf(validation), test: listOf(test) }
}
