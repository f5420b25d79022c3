// What changed from one text to another, by words.
import { diffWordsWithSpace } from 'diff'

/** `after` with what was put in and what was taken out of `before` marked. Texts of profiles are at most some pages. */
export function Diff({ before, after }: { before: string; after: string }) {
  return (
    <p class="profile">
      {diffWordsWithSpace(before, after).map(({ value, added, removed }) =>
        added ? <ins>{value}</ins> : removed ? <del>{value}</del> : value,
      )}
    </p>
  )
}
