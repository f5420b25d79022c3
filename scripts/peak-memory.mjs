// Runs a command and prints the peak of its memory, mapped files counted once (proportional set size). Linux only.
// node scripts/peak-memory.mjs <command> [arguments]
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const [command, ...args] = process.argv.slice(2)
if (!command) {
  console.error('usage: node scripts/peak-memory.mjs <command> [arguments]')
  process.exit(2)
}
const child = spawn(command, args, { stdio: 'inherit' })
let peak = 0
const timer = setInterval(() => {
  try {
    const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8'))?.[1])
    peak = Math.max(peak, kilobytes * 1024)
  } catch {
    // The process ended between two readings.
  }
}, 300)
child.on('exit', (code) => {
  clearInterval(timer)
  console.log(`peak memory: ${(peak / 1e9).toFixed(2)} GB`)
  process.exitCode = code ?? 1
})
