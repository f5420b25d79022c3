// From sampled text to what is said in it: chat markup and thinking are no part of an answer or a profile.

/** Tags that models put around their thinking, wherever they stand. */
const THINKING = [
  ['<think>', '</think>'],
  ['[THINK]', '[/THINK]'],
  ['<|START_THINKING|>', '<|END_THINKING|>'],
  ['<seed:think>', '</seed:think>'],
  ['\u25C1think\u25B7', '\u25C1/think\u25B7'],
] as const
/** The same in words that a text may use otherwise: thinking only where it begins with them. */
const OPENING = /^\s*<(thinking|thought|reasoning|reflection)>[\s\S]*?(?:<\/\1>|$)/i
/** The channels of a model that names them: all before the last one that is meant for the user is thinking. */
const CHANNEL = /^[\s\S]*<\|channel\|>\s*final\s*<\|message\|>|<\|channel\|>\s*(?:analysis|commentary)[\s\S]*$/

const literal = (text: string) => text.replace(/[[\]|\\/]/g, '\\$&')
const BLOCKS = THINKING.map(
  ([open, close]) =>
    [
      new RegExp(`${literal(open)}[\\s\\S]*?(?:${literal(close)}|$)`, 'gi'),
      new RegExp(`^[\\s\\S]*${literal(close)}`, 'i'),
    ] as const,
)

/**
 * The text without thinking blocks, chat markup, a leading role name or characters cut in the middle; trimmed. Where
 * the chat template opens the thinking, only its end stands in the text.
 */
export function cleanText(text: string): string {
  let rest = text.replace(CHANNEL, '')
  for (const [block, end] of BLOCKS) rest = rest.replace(block, '').replace(end, '')
  return rest
    .replace(OPENING, '')
    .replace(/<\|[^<>|]{0,40}\|>|<\/?s>|<\/?(?:start|end)_of_turn>|\[\/?INST\]/g, '')
    .replace(/\uFFFD/g, '')
    .replace(/^\s*assistant\s*\n/i, '')
    .trim()
}
