// Imports go one way. Data flows logs -> profiler -> judge -> reward -> train -> cli; every room may use the
// language-model contract (llm/contract.ts) and util/; only llm/onnx knows the engine; nothing imports cli/.
const rooms = {
  util: [],
  engine: ['util'],
  llm: ['util', 'engine'],
  logs: ['util'],
  profiler: ['util', 'llm', 'logs'],
  judge: ['util', 'llm', 'logs'],
  reward: ['util', 'llm', 'logs', 'judge'],
  train: ['util', 'llm', 'logs', 'profiler', 'judge', 'reward'],
  evaluate: ['util', 'llm', 'logs', 'profiler', 'judge', 'reward', 'train'],
  report: ['util', 'train', 'evaluate'],
  nano: ['util', 'llm', 'engine', 'logs', 'profiler', 'judge', 'train'],
  bench: ['util', 'llm', 'engine', 'profiler', 'judge', 'reward', 'train'],
  cli: ['util', 'llm', 'logs', 'profiler', 'judge', 'reward', 'train', 'evaluate', 'report'],
}

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `${room}-imports-one-way`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
    })),
    {
      name: 'only-the-provider-knows-the-engine',
      severity: 'error',
      from: { path: '^src/llm/', pathNot: '^src/llm/onnx/' },
      to: { path: '^src/engine/' },
    },
    {
      name: 'contract-only',
      severity: 'error',
      from: { path: '^src/(profiler|judge|reward|train|evaluate)/', pathNot: '\\.test\\.ts$|/testing/' },
      to: { path: '^src/llm/(?!contract\\.ts|text-model\\.ts)' },
    },
  ],
  options: { doNotFollow: { path: 'node_modules' }, tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' } },
}
