// A small made-up LaMP-4 set in the words of the nano world, for tests of the commands: an article's headline is the
// name of its topic, for every user alike.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const TOPICS: [name: string, things: string[]][] = [
  ['baking', ['sourdough', 'rye bread', 'croissants', 'oat biscuits']],
  ['chess', ['endgames', 'gambits', 'pawn chains', 'blunders']],
]

/** A question's input. */
export function headlineInput(thing: string): string {
  return `Generate a headline for the following article: Tried ${thing}, with friends.`
}

/** Writes the train and dev questions and outputs of LaMP-4 into `folder`: `users` users with two questions each. */
export function writeHeadlines(folder: string, users: number): void {
  mkdirSync(folder, { recursive: true })
  for (const split of ['train', 'dev']) {
    const asked = Array.from({ length: 2 * users }, (_, i) => ({
      id: `${split}${i}`,
      user: i >> 1,
      topic: TOPICS[i % 2],
    }))
    const questions = asked.map(({ id, user, topic: [, things] }) => ({
      id,
      user_id: `${split}-u${user}`,
      input: headlineInput(things[user % things.length]),
      profile: TOPICS.map(([title, things], i) => ({
        id: `${id}-${i}`,
        title,
        text: `Learned about ${things[(user + 1) % things.length]}.`,
        date: `2020-0${i + 1}-01`,
      })),
    }))
    const golds = asked.map(({ id, topic: [name] }) => ({ id, output: name }))
    writeFileSync(join(folder, `${split}_questions.json`), JSON.stringify(questions))
    writeFileSync(join(folder, `${split}_outputs.json`), JSON.stringify({ task: 'LaMP_4', golds }))
  }
}
