import { styleText } from 'node:util'
import type { Outcome, Row } from './row.ts'

export interface RowPrinter {
  print(row: Row, outcome: Outcome): void
  end(): void
}

/** Prints each row as it is answered; as JSON, all of them at the end. */
export function createRowPrinter(
  rows: readonly Row[],
  output: 'json' | 'wide' | undefined,
): RowPrinter {
  if (output === 'json') return jsonPrinter()
  const requestWidth = Math.max(...rows.map(({ request }) => [...request].length))
  const answerWidth = 34
  const write = (cells: readonly [string, string, string, string, string], mark = ' ') => {
    const [layer, request, answered, time, how] = cells
    process.stdout.write(
      `${mark} ${layer.padEnd(10)}  ${request.padEnd(requestWidth)}  ${answered.padEnd(answerWidth)}  ${time.padStart(9)}  ${how}\n`,
    )
  }
  write(['LAYER', 'REQUEST', 'WHAT ANSWERED', 'TIME', 'HOW'])
  return {
    print({ layer, request }, { asPromised, answered, how, milliseconds }) {
      const mark = asPromised
        ? styleText('green', '✔', { stream: process.stdout })
        : styleText('red', '✘', { stream: process.stdout })
      write(
        [
          layer,
          request,
          answered,
          `${milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)} ms`,
          how,
        ],
        mark,
      )
    },
    end() {},
  }
}

function jsonPrinter(): RowPrinter {
  const all: object[] = []
  return {
    print: ({ layer, request }, outcome) => void all.push({ layer, request, ...outcome }),
    end: () => void process.stdout.write(`${JSON.stringify(all, null, 2)}\n`),
  }
}
