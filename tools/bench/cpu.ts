// What the processor is, for the head of a table: its name and what it multiplies with.
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

const FEATURES = ['avx2', 'avx512f', 'avx_vnni', 'avx512_vnni', 'avx512_bf16', 'amx_int8', 'amx_bf16']

/** Its name, and on Linux which of FEATURES it has. */
export function describeCpu(): string {
  const name = cpus()[0].model.trim()
  let flags: string[]
  try {
    flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' ') ?? []
  } catch {
    return name
  }
  return `${name} (${FEATURES.filter((feature) => flags.includes(feature)).join(', ') || 'none of the features'})`
}
