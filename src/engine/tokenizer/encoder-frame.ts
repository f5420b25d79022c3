// The special tokens that a tokenizer.json puts around one text, for encoders ([CLS] … [SEP]).
import { BumpError } from '../../util/errors.ts'
import { asRecord } from './tokenizer-json.ts'
import type { TokenizerSource } from './types.ts'

/**
 * Ids before and after a text, by the template of the post-processor, or the pair of tokens of the older kind.
 * @throws BumpError naming the file where it has neither.
 */
export function encoderFrame({ json, file }: Pick<TokenizerSource, 'json' | 'file'>): {
  before: number[]
  after: number[]
} {
  const processor = json.post_processor
  const idOf = (text: unknown): number => {
    const added = json.added_tokens.find(({ content }) => content === text)
    const id = added?.id ?? (typeof text === 'string' ? json.model.vocab[text] : undefined)
    if (id === undefined) throw unusable(file, `its post-processor names ${JSON.stringify(text)}, which is no token`)
    return id
  }
  if (processor?.type === 'BertProcessing' || processor?.type === 'RobertaProcessing') {
    const [cls, sep] = [processor.cls, processor.sep].map((pair) => idOf(Array.isArray(pair) ? pair[0] : pair))
    return { before: [cls], after: [sep] }
  }
  if (processor?.type !== 'TemplateProcessing' || !Array.isArray(processor.single))
    throw unusable(file, 'it has no post-processor that says which special tokens stand around a text')
  const items = processor.single.map(asRecord)
  const text = items.findIndex((item) => item?.Sequence !== undefined)
  if (text < 0) throw unusable(file, 'the template of its post-processor has no place for a text')
  const idsOf = (part: typeof items) => part.map((item) => idOf(asRecord(item?.SpecialToken)?.id))
  return { before: idsOf(items.slice(0, text)), after: idsOf(items.slice(text + 1)) }
}

function unusable(file: string, problem: string): BumpError {
  return new BumpError('model-unusable', `${file}: not a usable tokenizer: ${problem}. Download the encoder again.`)
}
