import { styleText } from 'node:util'
import type { Outcome, Row } from './row.ts'

export interface RowPrinter {
  print(row: Row, outcome: Outcome): void
  end(): void
}

/** Where rows go: standard output, or a test's list of lines. */
export interface RowSink {
  write(text: string): unknown
  /** Absent where it is no terminal: lines may be as long as they are. */
  readonly columns?: number
}

const ANSWER_WIDTH = 34
const TIME_WIDTH = 7

/** Prints each row as it is answered; as JSON, all of them at the end. On a narrow terminal the evidence gets a line of its own. */
export function createRowPrinter(
  rows: readonly Row[],
  output: 'json' | 'wide' | undefined,
  sink: RowSink = process.stdout,
): RowPrinter {
  if (output === 'json') return jsonPrinter(sink)
  const requestWidth = Math.max(...rows.map(({ request }) => [...request].length))
  const start = (layer: string, request: string, time: string, answered: string) =>
    `${layer.padEnd(10)}  ${request.padEnd(requestWidth)}  ${time.padStart(TIME_WIDTH)}  ${answered.padEnd(ANSWER_WIDTH)}`
  sink.write(`  ${start('LAYER', 'REQUEST', 'MS', 'WHAT ANSWERED')}  HOW\n`)
  return {
    print({ layer, request }, { asPromised, answered, how, milliseconds }) {
      const mark = asPromised ? paint('green', '✔') : paint('red', '✘')
      const time = milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)
      const line = start(layer, request, time, answered)
      const isTooLong = sink.columns !== undefined && line.length + how.length + 4 > sink.columns
      sink.write(
        isTooLong
          ? `${mark} ${line.trimEnd()}\n${' '.repeat(14)}${paint('dim', how)}\n`
          : `${mark} ${line}  ${how}\n`,
      )
    },
    end() {},
  }
}

function paint(style: 'green' | 'red' | 'dim', text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

function jsonPrinter(sink: RowSink): RowPrinter {
  const all: object[] = []
  return {
    print: ({ layer, request }, outcome) => void all.push({ layer, request, ...outcome }),
    end: () => void sink.write(`${JSON.stringify(all, null, 2)}\n`),
  }
}
