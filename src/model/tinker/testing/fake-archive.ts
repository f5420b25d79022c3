// The archive of an adapter, as a server sends it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A tar of the adapter with the folder itself first, and no word of the modules, as SkyRL packs it. */
export function adapterArchive(folder: string): Uint8Array {
  const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))
  const files: [string, Uint8Array][] = [
    ['/', new Uint8Array(0)],
    ['adapter_config.json', Buffer.from(JSON.stringify({ ...config, target_modules: null, task_type: null }))],
    ['adapter_model.safetensors', readFileSync(join(folder, 'adapter_model.safetensors'))],
  ]
  const blocks = files.flatMap(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(content.length.toString(8).padStart(11, '0'), 124)
    header.write(name === '/' ? '5' : '0', 156)
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}
