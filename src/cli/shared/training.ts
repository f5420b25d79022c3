// What every command that trains a profile generator shows.
import type { TrainEvent } from '../../train/train.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { reportLines } from './log-flags.ts'
import { type Progress, trainProgress } from './progress.ts'
import { say } from './terminal.ts'

/** The view of a training run: lines while it is made ready, then its progress. */
export class TrainView {
  private progress: Progress | undefined

  constructor(private readonly write: OnLine = say) {}

  readonly onEvent = (event: TrainEvent): void => {
    switch (event.type) {
      case 'logs':
        for (const line of reportLines(event.report)) this.say(`${event.test ? 'test: ' : ''}${line}`)
        return
      case 'users':
        this.say(`${event.train} users to train on, ${event.validation} for validation, ${event.test} for the test`)
        return
      case 'start':
        this.progress = trainProgress(event.steps)
        return
      case 'note':
        this.say(event.text, event.passing)
        return
      default:
        this.progress?.onEvent(event)
    }
  }

  /** A line of its own. */
  readonly say: OnLine = (line, passing) => {
    if (this.progress) this.progress.say(line, passing)
    else this.write(line, passing)
  }

  /** Leaves the terminal as it should be. */
  done(): void {
    this.progress?.done()
    this.progress = undefined
  }
}
