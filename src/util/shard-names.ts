// How llama.cpp names the parts of a GGUF model: of use to who opens them and to who downloads them.

const SHARD = /^(.*-)(\d{5})-of-(\d{5})(\.gguf)$/i

/** The files whose shard `path` is by its name, the first first; `path` alone where it is not named as a shard. */
export function shardNames(path: string): string[] {
  const match = SHARD.exec(path)
  if (match === null) return [path]
  const [, name, , count, extension] = match
  return Array.from({ length: Number(count) }, (_, i) => {
    return `${name}${String(i + 1).padStart(5, '0')}-of-${count}${extension}`
  })
}
