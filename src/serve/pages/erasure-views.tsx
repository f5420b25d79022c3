// What the pages about a person ask before something goes for good, and say afterwards.
import type { DeletionReceipt, ForgetReceipt } from '../../store/forget.ts'
import type { UserInfo } from '../../store/persons.ts'
import { ButtonForm } from './page.tsx'

export function SureToForget({ base, ids, receipt }: { base: string; ids: readonly string[]; receipt: ForgetReceipt }) {
  const { dryRun, interactions, versions } = receipt
  return (
    <>
      <p class="notice" role="status">
        {dryRun
          ? `${interactions} interactions and the texts of ${versions} versions of the profile will be gone for good.`
          : `${interactions} interactions and the texts of ${versions} versions of the profile are gone.`}
      </p>
      <Beyond beyond={receipt.beyond} />
      {dryRun && (
        <ButtonForm
          action={`${base}/interactions`}
          name="Erase them"
          fields={[...ids.map((id) => ['id', id] as const), ['sure', 'yes']]}
          grave
        />
      )}
      <p>
        <a href={base}>Back to the profile</a>
      </p>
    </>
  )
}

export function SureToDelete({ base, user }: { base: string; user: UserInfo }) {
  return (
    <>
      <p class="notice" role="status">
        {`${user.interactions} interactions, all versions of the profile and all corrections will be gone for good. Later interactions will be refused.`}
      </p>
      <ButtonForm action={`${base}/delete`} name="Erase everything" fields={[['sure', 'yes']]} grave />
      <p>
        <a href={base}>Back to the profile</a>
      </p>
    </>
  )
}

export function Deleted({ receipt }: { receipt: DeletionReceipt }) {
  const { interactions, versions, corrections } = receipt
  return (
    <>
      <p class="notice" role="status">
        {`${interactions} interactions, ${versions} versions of the profile and ${corrections} corrections are gone.`}
      </p>
      <Beyond beyond={receipt.beyond} />
    </>
  )
}

function Beyond({ beyond }: { beyond: readonly string[] }) {
  if (beyond.length === 0) return null
  return (
    <>
      <p>This does not reach:</p>
      <ul>
        {beyond.map((each) => (
          <li>{each}</li>
        ))}
      </ul>
    </>
  )
}
