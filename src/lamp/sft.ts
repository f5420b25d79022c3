// Adapts a task backbone to a LaMP task: the questions of the train split, asked exactly as the evaluation asks them
// under one condition, become the examples of train/sft.ts. The rows "after SFT" of an evaluation are made of its
// adapters.
import { join } from 'node:path'
import { z } from 'zod'
import { AnswerCache } from '../model/answers.ts'
import type { LanguageModel } from '../model/contract.ts'
import { textModel } from '../model/text-from-tokens.ts'
import type { SftSummary } from '../run/format.ts'
import type { RunEvent } from '../train/ongoing-run.ts'
import { sft, stepsOf } from '../train/sft.ts'
import { sftConfigSchema } from '../train/sft-config.ts'
import { type SftExample, splitExamples, targetEncoder } from '../train/sft-examples.ts'
import { BumpError } from '../util/errors.ts'
import { CONDITIONS, conditionPrompts, profileKindOf } from './conditions.ts'
import { itemText } from './histories.ts'
import {
  type GeneratorEngine,
  type LampProfiles,
  lampProfiles,
  type ProfileSource,
  profilesByText,
} from './profiles.ts'
import { readLamp } from './read.ts'
import { promptBudget } from './run.ts'
import { goldsOf, sampleQuestions } from './split.ts'
import { taskOf } from './tasks.ts'
import { LAMP_TASKS, type LampSplit } from './types.ts'

/** What a backbone can be adapted to: all conditions of the evaluation but its control. */
export const SFT_CONDITIONS = CONDITIONS.filter((condition) => condition !== 'mismatched')

export const lampSftConfigSchema = sftConfigSchema.extend({
  /** The LaMP task whose training questions are the examples. */
  task: z.literal(LAMP_TASKS),
  /** Its folder. */
  data: z.string().min(1),
  /** The model that is adapted: a Hugging Face folder, a .gguf file or a hub name. */
  backbone: z.string().min(1),
  /** How the user stands in the prompt. */
  condition: z.enum(SFT_CONDITIONS),
  /** Run of bump train whose generator writes the profiles. */
  run: z.string().min(1).optional(),
  /** File of profiles instead. */
  profiles: z.string().min(1).optional(),
  /** What a generator reads of an item; default: as its run was trained, else the task's text. */
  text: z.string().min(1).optional(),
  /** About so many questions, whole users drawn by the seed; default: all. */
  examples: z.int().min(2).optional(),
  /** Items that a prompt with items shows. */
  items: z.int().min(1).default(4),
  /** Tokens of a prompt, the chat's own words not counted; default: 512, or less where the context is shorter. */
  budget: z.int().min(1).optional(),
})

/** A resolved configuration. */
export type LampSftConfig = z.infer<typeof lampSftConfigSchema>

export interface LampSftOptions {
  config: LampSftConfig
  /** The run's folder. */
  out: string
  /** Goes on with the run in the folder. */
  resume?: boolean
  /** Opens the backbone as trainable, as the configuration has it; lampSft closes it. */
  openBackbone(config: LampSftConfig): Promise<LanguageModel>
  /** What a generator of profiles runs on. */
  engine: GeneratorEngine
  /** Ends the run at a clean checkpoint, with a CancelledError. */
  signal?: AbortSignal
  /** Lines about the work. */
  onNote?: (line: string) => void
  /** Profiles written so far. */
  onProgress?: (what: string, done: number, total: number) => void
  /** Called when the training begins, with its steps; what it tells goes to `onEvent` from then on. */
  onStart?: (steps: number) => void
  onEvent?: (event: RunEvent) => void
}

/**
 * Trains an adapter of the backbone and writes its run folder; returns the summary. Throws BumpError where questions,
 * profiles or models cannot be used, and what `sft` throws.
 */
export async function lampSft(options: LampSftOptions): Promise<SftSummary> {
  const { config, out, resume, signal, onNote, onStart, onEvent } = options
  const { task, condition } = config
  const whole = readLamp(config.data, { task, split: 'train' })
  const split = config.examples === undefined ? whole : sampleQuestions(whole, config.examples, config.seed)
  const itself = config.engine !== undefined && writesItself(config)
  // The generator is closed again before the backbone is opened: one model at a time in memory.
  const written = itself ? undefined : await profilesOf(split, options)
  const model = await options.openBackbone(config)
  try {
    const profiles = written ?? (await profilesOf(split, options, model))
    const examples = examplesOf(split, profiles, config, model, onNote)
    const parts = splitExamples(examples, config.validation.users, config.validation.seed)
    onNote?.(`${split.variant}: ${parts.train.length} examples to train on, ${parts.validation.length} for validation`)
    onStart?.(stepsOf(config, parts.train.length))
    const about = { task, variant: split.variant, rebuilt: split.rebuilt, condition }
    return await sft({ config, model, examples, about, out, resume, signal, onEvent })
  } finally {
    await model.close()
  }
}

/** Whether nothing but the backbone is at hand to write the profiles with. */
function writesItself({ condition, run, profiles }: LampSftConfig): boolean {
  return profileKindOf(condition) === 'zero-shot' && run === undefined && profiles === undefined
}

/** The profiles that the condition shows; `opened`: the backbone, to write them by its base. */
async function profilesOf(split: LampSplit, options: LampSftOptions, opened?: LanguageModel): Promise<LampProfiles> {
  const { condition, run, profiles, text, backbone } = options.config
  const kind = profileKindOf(condition)
  const named = [...(run ? ['run'] : []), ...(profiles ? ['profiles'] : [])]
  const idle = kind === undefined ? [...named, ...(text === undefined ? [] : ['text'])] : []
  if (idle.length > 0)
    throw new BumpError('invalid-options', `condition '${condition}' shows no profile: leave out ${idle.join(', ')}`)
  if (named.length > 1)
    throw new BumpError('invalid-options', 'profiles come either from a run or from a file (profiles), not from both')
  if (kind === undefined) return {}
  const { engine, out, signal, onNote, onProgress } = options
  const writing = { text: text === undefined ? undefined : itemText(text, split), signal, onNote, onProgress }
  if (opened) {
    const base = textModel(opened, { weights: 'base', identity: opened.info.digest })
    const cache = new AnswerCache(join(out, 'profiles', 'answers.jsonl'))
    const { profiles } = await profilesByText(split, base, { ...writing, cache, tokenizer: opened.tokenizer })
    return { [kind]: profiles }
  }
  const source: ProfileSource = {
    run,
    files: { [kind]: profiles },
    model: writesItself(options.config) ? backbone : undefined,
  }
  return await lampProfiles(split, [kind], source, { ...writing, engine })
}

/**
 * The questions as the evaluation asks them, each with its gold as the target. Questions without an answer and examples
 * longer than the model's context are left out, counted and said.
 */
function examplesOf(
  split: LampSplit,
  profiles: LampProfiles,
  config: LampSftConfig,
  model: LanguageModel,
  onNote: (line: string) => void = () => {},
): SftExample[] {
  const { condition, items, seed } = config
  const text = textModel(model, { weights: 'policy', identity: model.info.digest })
  const budget = promptBudget(text, taskOf(split).maxTokens, config.budget)
  const { 'zero-shot': zeroShot, bump } = profiles
  const prompts = conditionPrompts(split, condition, { items, budget, seed, model: text, zeroShot, bump })
  const target = targetEncoder(model.tokenizer)
  const golds = goldsOf(split, 'there is nothing to learn').map((gold) => gold.trim())
  const all = split.questions.map(({ id, user }, q) => ({
    id,
    user,
    prompt: model.tokenizer.chat(prompts[q]),
    target: target(golds[q]),
  }))
  const cut = split.questions.filter(({ input }) => text.countTokens(input) > budget).length
  if (cut > 0)
    onNote(`${cut} of ${all.length} questions are longer than the ${budget} tokens of a prompt: their end is cut`)
  const { contextLength, name } = model.info
  const kept = all.filter(({ prompt, target }, q) => golds[q] !== '' && prompt.length + target.length <= contextLength)
  if (kept.length < all.length)
    onNote(
      `${all.length - kept.length} of ${all.length} questions are left out: their answer is empty, or longer with its prompt than the ${contextLength} tokens of ${name}`,
    )
  return kept
}
