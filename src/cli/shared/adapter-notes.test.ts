import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { type AskedPrompts, adapterNotes } from './adapter-notes.ts'

const folder = mkdtempSync(join(tmpdir(), 'bump-adapter-notes-'))
afterAll(() => rmSync(folder, { recursive: true }))

let made = 0
/** A run of bump sft with this configuration. */
function run(config: object): string {
  const path = join(folder, `run-${made++}`)
  mkdirSync(join(path, 'adapter'), { recursive: true })
  writeFileSync(join(path, 'adapter', 'adapter_config.json'), '{}')
  const trained = { task: 5, condition: 'bump', items: 4, backbone: 'm', run: 'runs/a', ...config }
  writeFileSync(join(path, 'config.json'), JSON.stringify({ kind: 'sft', config: trained }))
  return path
}

const asked: AskedPrompts = { task: 5, condition: 'bump', items: 4, writer: 'runs/a' }

it('says nothing where the prompts are those of the training', () => {
  expect(adapterNotes(run({}), { ...asked, writer: join(relative('.', '.'), './runs/a/') })).toEqual([])
  expect(adapterNotes(run({ budget: 512 }), asked)).toEqual([])
  expect(adapterNotes(run({ items: 9 }), asked)).toEqual([])
  expect(adapterNotes(run({ condition: 'none', run: undefined }), { ...asked, condition: 'none' })).toEqual([])
})

it.each<[object, Partial<AskedPrompts>, string]>([
  [{ task: 3 }, {}, 'on task 3'],
  [{}, { condition: 'mismatched' }, 'under the condition bump'],
  [{ condition: 'bm25', items: 9 }, { condition: 'bm25' }, 'with 9 items'],
  [{ budget: 256 }, {}, 'with prompts of 256 tokens'],
  [{}, { budget: 256 }, 'with prompts of 512 tokens'],
  [{ text: 'title' }, {}, 'with profiles written from title'],
  [{}, { writer: 'runs/b' }, 'with profiles by runs/a'],
  // Without --run the backbone itself writes zero-shot profiles, in other words than a run's base may have.
  [{ condition: 'zero-shot', run: undefined }, { condition: 'zero-shot' }, 'with profiles by m'],
])('%j asked with %j: %s', (trained, row, note) => {
  const path = run(trained)
  const { condition } = { ...asked, ...row }
  expect(adapterNotes(path, { ...asked, ...row })).toEqual([`${condition} after SFT: ${path} was trained ${note}.`])
})

it('takes an adapter of another tool, whatever stands beside it', () => {
  const path = join(folder, 'peft')
  mkdirSync(path)
  writeFileSync(join(path, 'adapter_config.json'), '{}')
  writeFileSync(join(path, 'config.json'), '{"model_type":"llama"}')
  expect(adapterNotes(path, asked)).toEqual([])
})
