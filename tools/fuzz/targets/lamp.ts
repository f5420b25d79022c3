// LaMP's files, plain and gzipped.
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { scoreTable } from '../../../src/lamp/metrics.ts'
import { readPredictions } from '../../../src/lamp/outputs.ts'
import { readLamp } from '../../../src/lamp/read.ts'
import { paperQuestion } from '../../../src/lamp/testing/lamp-folder.ts'
import type { Sample } from '../case.ts'
import { each, jsonFile, type Target } from './target.ts'

const ids = ['110', '111', '112']
const questions = {
  5: ids.map((id) => paperQuestion(id, { user_id: `u${id}` })),
  3: ids.map((id) => ({
    ...{ id, user_id: 'u', input: 'What is the score of the following review on a scale of 1 to 5? review: fine tea' },
    profile: [{ id: `${id}0`, text: 'good pot', score: '5', date: '2024-01-02' }],
  })),
}
const outputs = (task: number) => ({
  task: `LaMP_${task}`,
  golds: ids.map((id, i) => ({ id, output: `${1 + (i % 5)}` })),
})

export const lamp: Target = {
  // biome-ignore format: a list of words
  words: ['"profile":', '"golds":', '"id":', '"input":', '"output":"4"', '"user_id":', 'LaMP_3', '<html>', 'abstract: ', '[1]', '_'],
  samples: async () =>
    ([5, 3] as const).flatMap((task): Sample[] => [
      {
        'dev_questions.json': jsonFile(questions[task]),
        'dev_outputs.json': jsonFile(outputs(task)),
      },
      {
        'dev_questions.json.gz': { ...jsonFile(questions[task]), pack: gzipSync },
        'dev_outputs.json': jsonFile(outputs(task)),
      },
    ]),
  run: (folder) =>
    each(
      ...([5, 3] as const).map((task) => () => {
        const split = readLamp(folder, { task, split: 'dev' })
        scoreTable(split, readPredictions(join(folder, 'dev_outputs.json'), split), 1)
      }),
    ),
}
