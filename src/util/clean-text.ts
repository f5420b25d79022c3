// From sampled text to what is said in it: chat markup and thinking are no part of an answer or a profile.

/** The text without thinking blocks, chat markup, a leading role name or characters cut in the middle; trimmed. */
export function cleanText(text: string): string {
  return text
    .replace(/<think>[\s\S]*?(<\/think>|$)/g, '')
    .replace(/<\|[^<>|]{0,40}\|>|<\/?s>|<\/?(?:start|end)_of_turn>|\[\/?INST\]/g, '')
    .replace(/\uFFFD/g, '')
    .replace(/^\s*assistant\s*\n/i, '')
    .trim()
}
