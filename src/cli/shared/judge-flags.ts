// The value of --judge.
import { InvalidArgumentError } from 'commander'
import { type JudgeConfigInput, SCORER_NAMES } from '../../judge/config.ts'

/** `embedding=BAAI/bge-small-en-v1.5`; without a model, that of the run. */
export function judgeNamed(text: string, before: JudgeConfigInput[] = []): JudgeConfigInput[] {
  const [name, ...rest] = text.split('=')
  const scorer = SCORER_NAMES.find((known) => known === name)
  if (scorer === undefined)
    throw new InvalidArgumentError(`No scorer "${name}". Scorers are ${SCORER_NAMES.join(', ')}.`)
  const model = rest.length > 0 ? { model: rest.join('=') } : {}
  return [...before, { scorer, ...model } as JudgeConfigInput]
}
