// Progress lines of a download: percentage, speed and time left, at most one a second.
import type { HubFile } from './client.ts'

const EVERY_MS = 1000

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

export class Progress {
  private readonly started = Date.now()
  private reported = 0
  private before = 0
  private firstBytes: number | undefined
  private readonly name: string
  private readonly total: number
  private readonly onProgress: ((line: string) => void) | undefined

  constructor(name: string, total: number, onProgress: ((line: string) => void) | undefined) {
    this.name = name
    this.total = total
    this.onProgress = onProgress
  }

  /** `bytes` of the current file are on the disk. */
  update(file: HubFile, bytes: number): void {
    const done = this.before + bytes
    this.firstBytes ??= done
    const now = Date.now()
    if (now - this.reported < EVERY_MS && done < this.total) return
    this.reported = now
    const seconds = Math.max(0.001, (now - this.started) / 1000)
    const rate = (done - this.firstBytes) / seconds
    const left =
      rate > 0 && done < this.total
        ? `, ${(rate / 1e6).toFixed(1)} MB/s, ${clock((this.total - done) / rate)} left`
        : ''
    const percent = this.total > 0 ? Math.floor((100 * done) / this.total) : 100
    this.onProgress?.(
      `downloading ${this.name}: ${percent} % of ${Math.ceil(this.total / 1e6)} MB (${file.path})${left}`,
    )
  }

  finished(file: HubFile): void {
    this.before += file.size
  }
}
