// Progress of work of known size as plain lines.
import { expect, it } from 'vitest'
import { workLines } from './work-progress.ts'

it('is a line for what was there, for every twentieth and for the end', () => {
  const lines: string[] = []
  const progress = workLines((line) => lines.push(line))
  for (let done = 40; done <= 200; done += 2) progress.update('answers', done, 200)
  expect(lines[0]).toBe('answers: 40/200')
  expect(lines).toHaveLength(17)
  expect(lines[1]).toMatch(/^answers: 50\/200 ETA \d+s$/)
  expect(lines.at(-1)).toBe('answers: 200/200')
})

it('follows the share of the effort, and starts anew with other work', () => {
  const lines: string[] = []
  const progress = workLines((line) => lines.push(line))
  progress.update('profiles', 3, 3)
  progress.update('answers', 0, 100, 0)
  progress.update('answers', 2, 100, 0.04)
  progress.update('answers', 3, 100, 0.3)
  progress.say('a note')
  progress.update('answers', 100, 100, 0.9999)
  progress.update('answers', 100, 100, 1)
  expect(lines).toEqual([
    'profiles: 3/3',
    'answers: 0/100',
    expect.stringMatching(/^answers: 3\/100 ETA /),
    'a note',
    expect.stringMatching(/^answers: 100\/100/),
  ])
})
