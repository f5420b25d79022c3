// What the pages about a person show.
import type { Correction } from '../../store/corrections.ts'
import type { StoredInteraction } from '../../store/interactions.ts'
import type { UserInfo } from '../../store/persons.ts'
import type { ProfileSource, ProfileVersion, ServedProfile } from '../../store/profiles.ts'
import { PROFILING } from '../../store/scope.ts'
import { saidIn } from '../sentences.ts'
import { Diff } from './diff.tsx'
import { ButtonForm, Table, Time } from './page.tsx'

interface OverviewProps {
  /** The address of the person's page. */
  base: string
  own: boolean
  user: UserInfo
  profile: ServedProfile
  corrections: readonly Correction[]
  versions: readonly ProfileVersion[]
}

const MEANS = {
  on: 'written anew as interactions come',
  off: 'not written, and what there is is kept back',
  frozen: 'kept as it is',
}

export function Overview({ base, own, user, profile, corrections, versions }: OverviewProps) {
  const whose = own ? 'you' : 'the user'
  return (
    <>
      <Said {...{ base, own, user, profile }} />
      <h2 id="correct">Correct it</h2>
      <p class="soft">
        Corrections hold for all later profiles. What is not to be said is cut where a sentence has all of its words;
        the same in other words can slip through: leave out the interactions that it comes from.
      </p>
      <WordsForm
        base={base}
        kind="state"
        label={own ? 'Say of yourself' : 'A sentence of the user’s own'}
        button="Add"
      />
      <DenyForm base={base} />
      <Corrections base={base} corrections={corrections} />
      <h2>Interactions</h2>
      <p>
        {`${user.interactions} interactions are stored, ${user.included} of them are used. `}
        <a href={`${base}/interactions`}>Read them, leave some out, or erase them</a>
      </p>
      <h2>Writing</h2>
      <form method="post" action={`${base}/profiling`}>
        <div>
          <label for="profiling">{own ? 'Your profile is' : 'The profile is'}</label>
          <select id="profiling" name="profiling">
            {PROFILING.map((each) => (
              <option value={each} selected={each === user.profiling}>
                {MEANS[each]}
              </option>
            ))}
          </select>
        </div>
        <button type="submit">Change</button>
      </form>
      {user.profiling === 'on' && <ButtonForm action={`${base}/refresh`} name="Write it anew now" />}
      <details>
        <summary>Write it by hand</summary>
        <form class="tall" method="post" action={`${base}/profile`}>
          <input type="hidden" name="revision" value={String(profile.revision)} />
          <label for="by-hand">The text; it then stays as it is</label>
          <textarea id="by-hand" name="text" maxlength={8000} required>
            {profile.text}
          </textarea>
          <button type="submit">Keep this text</button>
        </form>
      </details>
      <h2>Versions</h2>
      <Versions base={base} versions={versions} />
      <h2>All of it</h2>
      <p>
        <a href={`${base}/export`}>{`Download all that is stored about ${whose}`}</a>
      </p>
      <ButtonForm action={`${base}/delete`} name={`Erase all that is stored about ${whose}`} grave />
    </>
  )
}

function Said({ base, own, user, profile }: Pick<OverviewProps, 'base' | 'own' | 'user' | 'profile'>) {
  const { status, text, statements, version, stale, judged, origin, throughTime } = profile
  if (status === 'off') return <p class="notice">Profiling is switched off: nothing is said to any product.</p>
  const due = user.dueAt === undefined ? '' : ` The next one is due (${user.dueReason ?? 'new interactions'}).`
  const trouble = user.attempts > 0 && !own && (
    <p class="notice problem">{`Writing failed ${user.attempts} times, at last because of: ${user.lastError}`}</p>
  )
  if (status === 'pending')
    return (
      <>
        <p class="notice">{`There is no profile yet.${due}`}</p>
        {trouble}
      </>
    )
  return (
    <>
      <div class="profile">
        {text !== '' && (
          <ol>
            {saidIn(text).map((sentence, i) => (
              <li>
                {`${sentence} `}
                <a href={`${base}/sentences/${i + 1}`} aria-label={`Why? Where sentence ${i + 1} comes from`}>
                  Why?
                </a>
              </li>
            ))}
          </ol>
        )}
        {statements.length > 0 && (
          <>
            <p>{own ? 'You say of yourself:' : 'The user says:'}</p>
            <ul>
              {statements.map((statement) => (
                <li>{statement}</li>
              ))}
            </ul>
          </>
        )}
      </div>
      <p class="soft">
        {version !== undefined && (
          <>
            {`Version ${version}, ${origin}`}
            {throughTime !== undefined && (
              <>
                {' from interactions until '}
                <Time at={throughTime} />
              </>
            )}
            {judged ? '. It was measured before it was served.' : '. It was not measured.'}
          </>
        )}
        {stale && due}
      </p>
      {trouble}
    </>
  )
}

function DenyForm({ base, value }: { base: string; value?: string }) {
  return <WordsForm {...{ base, kind: 'deny', label: 'This is not to be said', button: 'Forbid', value }} />
}

interface WordsFormProps {
  base: string
  kind: 'state' | 'deny'
  label: string
  button: string
  value?: string
}

function WordsForm({ base, kind, label, button, value }: WordsFormProps) {
  return (
    <form method="post" action={`${base}/corrections`}>
      <input type="hidden" name="kind" value={kind} />
      <div class="text">
        <label for={kind}>{label}</label>
        <input id={kind} name="text" value={value} maxlength={500} required />
      </div>
      <button type="submit">{button}</button>
    </form>
  )
}

const KINDS = { state: 'Said', deny: 'Not to be said', exclude: 'Left out' }

function Corrections({ base, corrections }: Pick<OverviewProps, 'base' | 'corrections'>) {
  if (corrections.length === 0) return null
  return (
    <ul class="plain">
      {corrections.map(({ id, kind, text, interactions, createdAt }) => {
        const what = text ?? `${interactions?.length ?? 0} interactions`
        return (
          <li>
            <span class="badge">{KINDS[kind]}</span> {what} <Time at={createdAt} />
            <ButtonForm action={`${base}/corrections/retract`} name={`Take back: ${what}`} fields={[['id', id]]} />
          </li>
        )
      })}
    </ul>
  )
}

function Versions({ base, versions }: Pick<OverviewProps, 'base' | 'versions'>) {
  if (versions.length === 0) return <p>There are none.</p>
  return (
    <Table caption="The latest, newest first. Times are UTC." columns={['Version', 'Made', 'How', 'State']}>
      {versions.map(({ version, createdAt, origin, status, served }) => (
        <tr>
          <th scope="row">
            <a href={`${base}/versions/${version}`}>{version}</a>
          </th>
          <td>
            <Time at={createdAt} />
          </td>
          <td>{origin}</td>
          <td>{served ? `${status}, served` : status}</td>
        </tr>
      ))}
    </Table>
  )
}

interface InteractionsProps {
  base: string
  interactions: readonly StoredInteraction[]
  next: string | undefined
}

export function Interactions({ base, interactions, next }: InteractionsProps) {
  return (
    <>
      <p>
        What is left out is kept, but no profile is written from it. What is erased is gone, with every text that was
        written from it.
      </p>
      {interactions.length === 0 && <p>There are none.</p>}
      <form class="tall" method="post" action={`${base}/interactions`}>
        <ul class="plain">
          {interactions.map(({ id, time, text, excluded }, i) => (
            <li>
              <Choice id={id} text={text} i={i} />
              <span class="soft">
                <Time at={time} />
              </span>
              {excluded && <span class="badge">left out</span>}
            </li>
          ))}
        </ul>
        <ChosenButtons />
      </form>
      {next !== undefined && (
        <p>
          <a href={`${base}/interactions?after=${encodeURIComponent(next)}`}>Later ones</a>
        </p>
      )}
    </>
  )
}

/** The i-th interaction of a form, to be chosen. */
function Choice({ id, text, i }: { id: string; text: string; i: number }) {
  return (
    <label for={`i${i}`}>
      <input type="checkbox" id={`i${i}`} name="id" value={id} /> {text}
    </label>
  )
}

function ChosenButtons() {
  return (
    <>
      <button type="submit" name="do" value="exclude">
        Leave out the chosen ones
      </button>{' '}
      <button type="submit" name="do" value="erase" class="grave">
        Erase the chosen ones
      </button>
    </>
  )
}

interface SentenceProps {
  base: string
  sentence: string
  /** All that the version was written from. */
  sources: readonly ProfileSource[]
  /** Those of them with words of the sentence. */
  shared: readonly { of: ProfileSource; words: string[] }[]
}

export function Sentence({ base, sentence, sources, shared }: SentenceProps) {
  return (
    <>
      <p class="profile">{sentence}</p>
      <p>
        {sources.length === 0
          ? 'It was written by hand.'
          : `The profile was written from ${sources.length} interactions together. ${
              shared.length > 0
                ? 'These have words of the sentence, those with most of them first:'
                : 'None of them has a longer word of this sentence.'
            }`}
      </p>
      {shared.length > 0 && (
        <form class="tall" method="post" action={`${base}/interactions`}>
          <ul class="plain">
            {shared.map(({ of, words }, i) => (
              <li>
                <Choice id={of.id} text={of.text} i={i} />
                <span class="soft">{words.join(', ')}</span>
              </li>
            ))}
          </ul>
          <ChosenButtons />
        </form>
      )}
      <h2>Is it wrong?</h2>
      <DenyForm base={base} value={sentence.slice(0, 500)} />
    </>
  )
}

export function Version({ base, version, served }: { base: string; version: ProfileVersion; served: ServedProfile }) {
  const { text, status, origin, createdAt, gate, scores, writer } = version
  return (
    <>
      <p>
        {`${origin}, ${status}${version.served ? ', served' : ''}, `}
        <Time at={createdAt} />
        {writer !== undefined && <span class="soft">{` by generator ${writer.slice(0, 12)}`}</span>}
      </p>
      {text === undefined ? (
        <p class="notice">Its text was erased with what it was written from.</p>
      ) : version.served ? (
        <p class="profile">{text}</p>
      ) : (
        <>
          <p class="soft">What this version has beside the served one: put in, taken out.</p>
          <Diff before={served.text} after={text} />
          {status !== 'withdrawn' && (
            <ButtonForm
              action={`${base}/restore`}
              name="Serve this version again"
              fields={[
                ['version', String(version.version)],
                ['revision', String(served.revision)],
              ]}
            />
          )}
        </>
      )}
      <Measured title="Before it was served" values={gate} />
      <Measured title="By interactions that came later" values={scores} />
    </>
  )
}

/** A verdict or scores, as they are stored. */
function Measured({ title, values }: { title: string; values: unknown }) {
  if (typeof values !== 'object' || values === null) return null
  return (
    <>
      <h2>{title}</h2>
      <ul>
        {Object.entries(values).map(([name, value]) => (
          <li>{`${name}: ${typeof value === 'number' ? Number(value.toFixed(3)) : JSON.stringify(value)}`}</li>
        ))}
      </ul>
    </>
  )
}
