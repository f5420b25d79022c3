// Lines that say how far work on many bytes is: percentage, speed and time left, at most one a second, and one at the
// end.

/** Gets a line about the work; `passing`: the next one says more, so that a terminal may draw over it. */
export type OnLine = (line: string, passing?: boolean) => void

const EVERY_MS = 1000

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

export class ByteProgress {
  private readonly started = Date.now()
  private reported = this.started
  private first: number | undefined

  /** `what`: the work, such as 'preparing weights', on `total` bytes. */
  constructor(
    private readonly what: string,
    private readonly total: number,
    private readonly onLine: OnLine | undefined,
  ) {}

  /** `done` of all bytes are done; `detail`: which of them, if that is worth saying. */
  update(done: number, detail = ''): void {
    this.first ??= done
    const now = Date.now()
    if (now - this.reported < EVERY_MS && done < this.total) return
    this.reported = now
    const seconds = Math.max(0.001, (now - this.started) / 1000)
    const rate = (done - this.first) / seconds
    const left =
      rate > 0 && done < this.total
        ? `, ${(rate / 1e6).toFixed(1)} MB/s, ${clock((this.total - done) / rate)} left`
        : ''
    const percent = this.total > 0 ? Math.floor((100 * done) / this.total) : 100
    const line = `${this.what}: ${percent} % of ${Math.ceil(this.total / 1e6)} MB${detail}${left}`
    this.onLine?.(line, done < this.total)
  }
}
