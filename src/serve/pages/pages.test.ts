import { expect, it } from 'vitest'
import { sharing } from '../sentences.ts'
import { testPages } from '../testing/pages-suite.ts'
import { serving } from '../testing/serving.ts'

testPages(serving)

it('finds the interactions that have words of a sentence, those with most of them first', () => {
  const texts = ['an old rose', 'watering roses', 'the ROSES were pruned', 'beans'].map((text) => ({ text }))
  expect(sharing('Roses are pruned.', texts)).toEqual([
    { of: texts[2], words: ['roses', 'pruned'] },
    { of: texts[1], words: ['roses'] },
  ])
})
