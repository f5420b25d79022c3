// The table of targets. To add one: a file beside this one, and its line here.
import { encoders } from './encoders.ts'
import { expressions } from './expressions.ts'
import { lamp } from './lamp.ts'
import { logs } from './logs.ts'
import { adapters, config, gguf, safetensors } from './models.ts'
import { runs, yaml } from './runs.ts'
import type { Target } from './target.ts'
import { template, tokenizer } from './tokenizers.ts'

export const TARGETS: Record<string, Target> = {
  logs,
  expressions,
  lamp,
  gguf,
  safetensors,
  config,
  encoders,
  tokenizer,
  template,
  adapters,
  yaml,
  runs,
}
