import { styleText } from 'node:util'

/** Disposing ends a line that is still being rewritten, so that an error stands on its own. */
export interface Progress extends Disposable {
  step(text: string): void
  done(text: string): void
}

/** Tells on standard error what is going on: one line rewritten on a terminal, one line a step elsewhere. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  let last = ''
  return {
    step(text) {
      if (text === last) return
      last = text
      stream.write(
        stream.isTTY
          ? `\r\x1b[K${styleText('dim', `… ${text}`, { stream })}`
          : `${seconds()}  ${text}\n`,
      )
    },
    done(text) {
      last = ''
      stream.write(
        stream.isTTY
          ? `\r\x1b[K${text} ${styleText('dim', `(${seconds()})`, { stream })}\n`
          : `${text} (${seconds()})\n`,
      )
    },
    [Symbol.dispose]() {
      if (last !== '' && stream.isTTY) stream.write('\r\x1b[K')
    },
  }
}
