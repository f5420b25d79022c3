// The prompt of one LaMP question: task input, with retrieved items as phrases and a user profile before it, all within
// a budget of tokens.
import type { TextModel } from '../model/text-model.ts'
import type { LampTask } from './tasks.ts'
import type { LampItem } from './types.ts'

/** How texts are measured and shortened: in the tokens of the model that reads them. */
export type TokenMeasure = Pick<TextModel, 'countTokens' | 'cut'>

export interface PromptParts {
  input: string
  /** Items to show, best first; none for a prompt without retrieval. */
  items: readonly LampItem[]
  /** Free text about the user, put before everything else. */
  profile?: string
}

/** Share of the budget that the input is sure of, where it needs as much. */
const INPUT_SHARE = 0.6
const JOINT = ', and '

/**
 * The prompt's text, at most `budget` tokens long. The input is sure of up to 0.6 of the budget. Of the rest, the
 * profile takes what it needs and the items share the remainder evenly; what one item leaves unused passes to the next.
 * An item whose fixed words alone exceed its share is left out. What nobody uses goes to the input, whose end is cut
 * where the budget is still too small.
 */
export function lampPrompt(task: LampTask, parts: PromptParts, budget: number, model: TokenMeasure): string {
  const { input, profile } = parts
  let rest = budget - Math.min(model.countTokens(input), Math.floor(INPUT_SHARE * budget))
  const preamble = profile === undefined ? '' : profilePreamble(profile, rest, model)
  if (preamble !== '') rest -= model.countTokens(preamble)
  const phrases = fitPhrases(task, parts, rest, model)
  const prompt = preamble + (phrases.length === 0 ? input : task.join(phrases.join(JOINT), input))
  return model.countTokens(prompt) <= budget ? prompt : model.cut(prompt, budget)
}

function profilePreamble(profile: string, room: number, model: TokenMeasure): string {
  const frame = (text: string) => `Profile of the user: ${text}\n\n`
  const text = profile.trim()
  const cut = model.countTokens(frame(text)) <= room ? text : cutTo(text, room - model.countTokens(frame('')), model)
  return cut === '' ? '' : frame(cut)
}

/** The items as phrases that together, with what joins them to each other and to the input, fit into `room` tokens. */
export function fitPhrases(
  task: LampTask,
  { input, items }: Pick<PromptParts, 'input' | 'items'>,
  room: number,
  model: TokenMeasure,
): string[] {
  const link = model.countTokens(task.join('', input)) - model.countTokens(input)
  const joints = link + (items.length - 1) * model.countTokens(JOINT)
  const share = Math.floor((room - joints) / items.length)
  const phrases: string[] = []
  let unused = 0
  for (const item of items) {
    const own = share + unused
    const { before, text, after } = task.phrase(item)
    const whole = before + text + after
    if (model.countTokens(whole) <= own) {
      phrases.push(whole)
      unused = own - model.countTokens(whole)
      continue
    }
    const cut = cutTo(text, own - model.countTokens(before + after), model)
    const phrase = before + cut + after
    const length = cut === '' ? 0 : model.countTokens(phrase)
    // Neighbouring texts can merge into other tokens than each has alone; such an item is left out like one too long.
    const fits = cut !== '' && length <= own
    if (fits) phrases.push(phrase)
    unused = fits ? own - length : own
  }
  return phrases
}

function cutTo(text: string, limit: number, model: TokenMeasure): string {
  return limit < 1 ? '' : model.cut(text, limit)
}
