import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openModel } from '../../model/onnx/open.ts'
import { BumpError } from '../../util/errors.ts'
import { addTextModelFlags, openTextModel, type TextModelFlags } from './text-model.ts'

process.env.BUMP_CACHE = mkdtempSync(join(tmpdir(), 'bump-test-'))
const nano = fileURLToPath(new URL('../../../assets/nano', import.meta.url))
const server = 'http://127.0.0.1:9/v1'
const prompts = ['Name a topic.', 'What do you like?'].map((content) => [{ role: 'user' as const, content }])
const open = (flags: TextModelFlags) => openTextModel({ threads: 1, ...flags }, () => {})

let folder: string
let digest: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-text-model-'))
  const model = await openModel(nano, { threads: 1, trainable: { type: 'lora', rank: 4, alpha: 64 } })
  digest = model.info.digest
  const prompt = model.tokenizer.chat(prompts[0])
  const tokens = model.tokenizer.encode('sailing')
  const weights = new Float32Array(tokens.length).fill(1)
  for (let step = 0; step < 5; step++) {
    await model.forwardBackward([{ prompt, completions: [{ tokens, advantage: 0, weights }] }], {
      type: 'cross_entropy',
    })
    const adam = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 0 }
    await model.optimStep({ learningRate: 0.02, ...adam })
  }
  await model.savePolicy(join(folder, 'peft'))
  await model.close()
  for (const [run, base] of [
    ['run', digest],
    ['other-run', 'another digest'],
  ]) {
    cpSync(join(folder, 'peft'), join(folder, run, 'adapter'), { recursive: true })
    writeFileSync(
      join(folder, run, 'config.json'),
      JSON.stringify({ config: {}, package: { name: 'bump', version: '0' }, model: { digest: base }, data: {} }),
    )
  }
  mkdirSync(join(folder, 'unfinished', 'checkpoints'), { recursive: true })
  writeFileSync(join(folder, 'unfinished', 'config.json'), '{"config":{}}')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a backbone', () => {
  it('is an embedded model, answering with its base weights', async () => {
    const { model, close } = await open({ backbone: nano })
    expect(model).toMatchObject({ name: nano, identity: digest, contextLength: 1024 })
    expect(await model.answer(prompts, { maxTokens: 6 })).toHaveLength(2)
    await close()
  })

  it('answers with an adapter, from its folder as from its run, and has another identity', async () => {
    const plain = await open({ backbone: nano })
    const before = await plain.model.chooseLogprobs!(prompts, ['sailing'])
    await plain.close()
    const seen: string[] = []
    for (const adapter of ['peft', 'run']) {
      const { model, close } = await open({ backbone: nano, adapter: join(folder, adapter) })
      const after = await model.chooseLogprobs!(prompts, ['sailing'])
      expect(after[0][0]).toBeGreaterThan(before[0][0] + 0.5)
      expect(model.name).toContain(adapter)
      seen.push(model.identity)
      await close()
    }
    expect(seen[0]).toBe(seen[1])
    expect(seen[0]).not.toBe(digest)
  })

  it('is read in 8 bits where that is asked for: close to the exact one, and with an identity of its own', async () => {
    const read = async (flags: TextModelFlags) => {
      const { model, close } = await open({ backbone: nano, ...flags })
      const [[logprob]] = await model.chooseLogprobs!(prompts, ['sailing'])
      await close()
      return { logprob, identity: model.identity }
    }
    const exact = await read({})
    for (const adapter of [undefined, join(folder, 'peft')]) {
      const eight = await read({ adapter, quantize: 'int8' })
      const whole = await read({ adapter })
      expect(eight.identity).not.toBe(whole.identity)
      expect(eight.logprob).not.toBe(whole.logprob)
      expect(Math.abs(eight.logprob - whole.logprob)).toBeLessThan(0.5)
      if (adapter) expect(eight.logprob).toBeGreaterThan(exact.logprob + 0.5)
    }
  })

  it('is a server’s model', async () => {
    const { model, close } = await open({ server, serverModel: 'm', serverContext: 100 })
    expect(model).toMatchObject({ name: `m at ${server}`, contextLength: 100 })
    await close()
  })

  it.each<[string, () => Partial<TextModelFlags>, RegExp]>([
    ['a server without a model', () => ({ backbone: undefined, server }), /--server needs --server-model/],
    ['a server beside a folder', () => ({ server, serverModel: 'm' }), /either --backbone .* or --server/],
    ['neither', () => ({ backbone: undefined }), /either --backbone .* or --server/],
    [
      'a server with an adapter',
      () => ({ backbone: undefined, server, serverModel: 'm', adapter: 'a' }),
      /--adapter does not go/,
    ],
    [
      'an adapter that was trained in f32, in 8 bits',
      () => ({ adapter: join(folder, 'run'), quantize: 'int8' }),
      /run was trained with precision f32: answer with --quantize none, in all rows/,
    ],
    [
      'a server in 8 bits',
      () => ({ backbone: undefined, server, serverModel: 'm', quantize: 'int8' }),
      /--quantize is of models on this machine/,
    ],
    ['a folder with a server’s model', () => ({ serverModel: 'm' }), /--server-model belongs to --server/],
    ['a folder with a concurrency', () => ({ serverConcurrency: 2 }), /--server-concurrency belongs to --server/],
    ['an adapter that is none', () => ({ adapter: folder }), /neither a run folder of bump sft .* nor a PEFT adapter/],
    [
      'an unfinished run',
      () => ({ adapter: join(folder, 'unfinished') }),
      /no adapter: only a finished run .* --resume/,
    ],
    [
      'a run on another model',
      () => ({ adapter: join(folder, 'other-run') }),
      /trained on another model than --backbone/,
    ],
  ])('%s is refused', async (_, flags, message) => {
    const run = open({ backbone: nano, ...flags() })
    await expect(run).rejects.toThrow(message)
    await expect(run).rejects.toThrow(BumpError)
  })

  it('is named by flags', () => {
    const command = addTextModelFlags(new Command('x')).exitOverride()
    const args = ['--server', server, '--server-model', 'm', '--server-context', '512', '--adapter', 'a']
    expect(command.parse(args, { from: 'user' }).opts()).toEqual({
      server,
      serverModel: 'm',
      serverContext: 512,
      adapter: 'a',
    })
  })
})
