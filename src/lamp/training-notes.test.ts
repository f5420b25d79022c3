import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderOf } from './testing/lamp-folder.ts'
import { type AskedPrompts, adapterNotes, checkSeenUsers } from './training-notes.ts'

/** config.json of a run, as far as it is read here. */
const HEADER = { kind: 'sft', config: {}, package: { name: 'bump-profiles', version: '0' }, model: {}, data: {} }

let silent: string
let run: string
beforeAll(() => {
  silent = mkdtempSync(join(tmpdir(), 'bump-seen-'))
  run = folderOf({
    'config.json': HEADER,
    'users.json': { train: ['a', 'b'], validation: ['c'], test: ['d'] },
  })
})
afterAll(() => {
  for (const folder of [silent, run]) rmSync(folder, { recursive: true, force: true })
})

describe('users of a run', () => {
  it('are refused with their ids where it trained on them or chose by them', () => {
    expect(() => checkSeenUsers(['d', 'c', 'x', 'a', 'a'], { run, adapters: [] }, false)).toThrow(
      new RegExp(`^2 of the users to evaluate were in the training of ${run}: c, a\\. .*seenUsers`),
    )
    const many = Array.from({ length: 12 }, (_, i) => `u${i}`)
    writeFileSync(join(run, 'users.json'), JSON.stringify({ train: many, validation: [], test: [] }))
    expect(() => checkSeenUsers(many, { adapters: [run] }, false)).toThrow(/: u0, u1, .*u9 and 2 more\./)
  })

  it('are permitted with a note, and those of its test without one', () => {
    writeFileSync(join(run, 'users.json'), JSON.stringify({ train: ['a', 'b'], validation: ['c'], test: ['d'] }))
    expect(checkSeenUsers(['d', 'x'], { run, adapters: [] }, false)).toEqual([])
    expect(checkSeenUsers(['a', 'x'], { run, adapters: [run] }, true)).toEqual([
      expect.stringContaining(`Seen users: 1 of these users were in the training of ${run}`),
    ])
  })

  it('are unknown of an adapter that another tool made, and must be known of a run', () => {
    expect(checkSeenUsers(['a'], { adapters: [silent] }, false)).toEqual([
      expect.stringContaining(`${silent} does not say`),
    ])
    expect(() => checkSeenUsers(['a'], { run: silent, adapters: [] }, false)).toThrow(
      expect.objectContaining({ code: 'run-unusable' }),
    )
  })
})

describe('the prompts that an adapter was trained with', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-adapter-notes-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  let made = 0
  /** A run of bump sft with this configuration. */
  function runOf(config: object): string {
    const path = join(folder, `run-${made++}`)
    mkdirSync(join(path, 'adapter'), { recursive: true })
    writeFileSync(join(path, 'adapter', 'adapter_config.json'), '{}')
    const trained = { task: 5, condition: 'bump', items: 4, backbone: 'm', run: 'runs/a', ...config }
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...HEADER, config: trained }))
    return path
  }

  const asked: AskedPrompts = { task: 5, condition: 'bump', items: 4, generator: 'runs/a' }

  it('says nothing where the prompts are those of the training', () => {
    expect(adapterNotes(runOf({}), { ...asked, generator: join(relative('.', '.'), './runs/a/') })).toEqual([])
    expect(adapterNotes(runOf({ budget: 512 }), asked)).toEqual([])
    expect(adapterNotes(runOf({ items: 9 }), asked)).toEqual([])
    expect(adapterNotes(runOf({ condition: 'none', run: undefined }), { ...asked, condition: 'none' })).toEqual([])
  })

  it.each<[object, Partial<AskedPrompts>, string]>([
    [{ task: 3 }, {}, 'on task 3'],
    [{}, { condition: 'mismatched' }, 'under the condition bump'],
    [{ condition: 'bm25', items: 9 }, { condition: 'bm25' }, 'with 9 items'],
    [{ budget: 256 }, {}, 'with prompts of 256 tokens'],
    [{}, { budget: 256 }, 'with prompts of 512 tokens'],
    [{ text: 'title' }, {}, 'with profiles written from title'],
    [{}, { generator: 'runs/b' }, 'with profiles by runs/a'],
    // Without --run the backbone itself writes zero-shot profiles, in other words than a run's base may have.
    [{ condition: 'zero-shot', run: undefined }, { condition: 'zero-shot' }, 'with profiles by m'],
  ])('%j asked with %j: %s', (trained, row, note) => {
    const path = runOf(trained)
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
})
