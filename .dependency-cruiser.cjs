// Imports go one way, along the flow of the data: logs -> generator -> judge -> reward -> train -> evaluate -> lamp ->
// report -> store -> serve -> cli. The contract of a language model lies on the ground floor, so that the engine and everything above it
// share it; only model/onnx knows the engine; nothing imports cli/. docs/architecture.md says why.
const contract = 'model/(contract|encoder|served|text-model|token-loss|trainable|cut|answers)\\.ts$'
const opening = 'model/(onnx/open(-encoder|-tokenizer)?|openai/served|tinker/open)\\.ts$'
const ground = ['util/', contract]
/** A text model over any language model, answers of one kept on disk, and its tokens by an estimate. */
const textModels = 'model/(answers|text-from-tokens|openai/estimate)\\.ts$'


/**
 * What each room may import besides itself; the longest matching name is a file's room. engine/ has rooms of its own: graphs
 * and their operators, models as graphs, weights on disk, tokenizers, downloads, and what runs it all.
 */
const rooms = {
  util: [],
  'model/onnx': [...ground, 'engine/'],
  'model/openai': [...ground],
  'model/tinker': [...ground],
  model: [...ground],
  'engine/graph': ['util/'],
  'engine/model': [...ground, 'engine/graph/'],
  'engine/weights': [...ground, 'engine/model/'],
  'engine/tokenizer': [...ground, 'engine/weights/'],
  'engine/hub': ['util/'],
  'engine/encoder': [...ground, 'engine/graph/', 'engine/weights/', 'engine/runtime/(onnx-runtime|tensors)\\.ts$'],
  'engine/runtime': [...ground, 'engine/graph/', 'engine/model/', 'engine/weights/'],
  engine: [...ground, 'engine/'],
  logs: ['util/'],
  run: ['util/'],
  safety: ['util/'],
  generator: [...ground, 'model/openai/estimate\\.ts$', 'logs/', 'run/', 'safety/'],
  judge: [...ground, 'logs/'],
  reward: [...ground, 'logs/', 'run/format', 'judge/'],
  'evaluate/measure': [...ground, 'logs/', 'generator/', 'judge/', 'reward/'],
  train: [...ground, 'logs/', 'run/', 'generator/', 'judge/', 'reward/', 'evaluate/measure/'],
  evaluate: [...ground, textModels, 'logs/', 'run/', 'safety/', 'generator/', 'judge/', 'reward/', 'train/'],
  lamp: [...ground, textModels, 'logs/', 'run/', 'generator/', 'judge/', 'reward/', 'train/', 'evaluate/'],
  report: ['util/', 'run/', 'evaluate/result'],
  store: ['util/', 'safety/'],
  'serve/worker': [...ground, 'safety/', 'generator/', 'judge/', 'reward/', 'evaluate/measure/', 'store/'],
  serve: [...ground, 'safety/', 'logs/', 'generator/prompt', 'model/openai/estimate\\.ts$', 'run/package-info', 'store/', 'client/', 'serve/worker/'],
  client: [],
  cli: ['util/', 'client/', 'model/', 'logs/', 'run/', 'generator/', 'judge/', 'reward/', 'train/', 'evaluate/', 'lamp/', 'report/', 'store/', 'serve/'],
}
/** Files that open a model by its name, for the front door. */
const opens = ['src/generator/open\\.ts$', 'src/train/models\\.ts$', 'src/evaluate/profiles/models\\.ts$', 'src/serve/worker/judge\\.ts$']

const inner = Object.keys(rooms)
const rule = (room, allowed) => {
  const deeper = inner.filter((other) => other.startsWith(`${room}/`))
  return {
    name: `${room}-imports-one-way`,
    severity: 'error',
    from: {
      path: `^src/${room}/`,
      pathNot: ['\\.test\\.ts$', '/testing/', ...deeper.map((other) => `^src/${other}/`), ...opens],
    },
    to: { path: '^src/', pathNot: `^src/(${[`${room}/`, ...allowed].join('|')})` },
  }
}

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(rooms).map(([room, allowed]) => rule(room, allowed)),
    ...opens.map((file) => ({
      name: 'opening-a-model-is-all-they-may-do-more',
      severity: 'error',
      from: { path: file },
      to: {
        path: '^src/',
        pathNot: `^src/(${[...ground, opening, 'logs/', 'run/', 'safety/', 'generator/', ...(file.includes('serve') ? ['judge/'] : []), ...(file.includes('train') ? ['judge/', 'reward/', 'evaluate/measure/', 'train/'] : [])].join('|')})`,
      },
    })),
    { name: 'src-knows-no-tools', severity: 'error', from: { path: '^src/', pathNot: '\\.test\\.ts$' }, to: { path: '^tools/' } },
    {
      name: 'only-the-provider-knows-the-engine',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/engine/', '^src/model/onnx/', '\\.test\\.ts$', '/testing/'] },
      to: { path: '^src/engine/' },
    },
  ],
  options: { doNotFollow: { path: 'node_modules' }, tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' } },
}
