// From sampled text to what is said in it: chat markup and thinking are no part of an answer or a profile.

/**
 * The text without thinking blocks, chat markup, a leading role name or characters cut in the middle; trimmed. Where
 * the chat template opens the thinking, only its end stands in the text.
 */
export function cleanText(text: string): string {
  return text
    .replace(/<think>[\s\S]*?(<\/think>|$)/g, '')
    .replace(/^[\s\S]*<\/think>/, '')
    .replace(/<\|[^<>|]{0,40}\|>|<\/?s>|<\/?(?:start|end)_of_turn>|\[\/?INST\]/g, '')
    .replace(/\uFFFD/g, '')
    .replace(/^\s*assistant\s*\n/i, '')
    .trim()
}
