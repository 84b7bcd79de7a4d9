import { spawn } from 'node:child_process'
import { inNetns, type Netns } from '#kernel/netns/netns.ts'

/** A command line of net-conf.json, taken apart; see {@link parseCommandLine}. */
export interface Command {
  readonly text: string
  readonly words: readonly (readonly WordPart[])[]
}

interface WordPart {
  readonly text: string
  /** In single quotes: `$` means itself. */
  readonly isLiteral: boolean
}

interface RunOptions {
  /** Beside our own. */
  readonly env: Readonly<Record<string, string>>
  readonly input: string
  readonly netns?: Netns
}

const TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 64 * 1024

/**
 * Words between blanks, with quotes as a shell has them. No shell runs it, as in flannel since other nodes' data reach commands: a
 * value is always a part of one word. @throws RangeError for a quote that is not closed
 */
export function parseCommandLine(text: string): Command {
  const words: WordPart[][] = []
  let word: WordPart[] | undefined
  for (const [, blank, single, double, plain] of text.matchAll(
    /(\s+)|'([^']*)'|"([^"]*)"|([^\s'"]+|['"])/g,
  )) {
    if (blank !== undefined) {
      word = undefined
      continue
    }
    if (plain === "'" || plain === '"') throw new RangeError('a quote is not closed')
    if (!word) {
      word = []
      words.push(word)
    }
    word.push({ text: single ?? double ?? plain ?? '', isLiteral: single !== undefined })
  }
  if (words.length === 0) throw new RangeError('it is empty')
  return { text, words }
}

/** `$NAME` and `${NAME}` in the words become values; what is not set becomes nothing. */
export function expandWords(
  { words }: Command,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const expand = ({ text, isLiteral }: WordPart) =>
    isLiteral
      ? text
      : text.replaceAll(
          /\$(?:\{(\w*)\}|(\w+))/g,
          (_, braced?: string, bare?: string) => env[braced ?? bare ?? ''] ?? '',
        )
  return words.map((parts) => parts.map(expand).join(''))
}

/** @returns what it printed, on both outputs, trimmed @throws Error in flannel's words */
export async function runCommandLine(
  command: Command,
  { env, input, netns }: RunOptions,
): Promise<string> {
  const all = { ...process.env, ...env }
  const [program = '', ...args] = expandWords(command, all)
  const start = () =>
    spawn(program, args, { env: all, timeout: TIMEOUT_MS, stdio: ['pipe', 'pipe', 'pipe'] })
  const child = netns ? inNetns(netns, start) : start()
  let output = ''
  const hear = (text: string) => {
    output = `${output}${text}`.slice(0, MAX_OUTPUT_BYTES)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  child.stdin.on('error', () => {}).end(`${input}\n`)
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  child.once('error', (error: NodeJS.ErrnoException) =>
    resolve(
      error.code === 'ENOENT'
        ? `exec: ${JSON.stringify(program)}: executable file not found in $PATH`
        : error.message,
    ),
  )
  child.once('close', (code, signal) =>
    resolve(code === 0 ? undefined : signal ? `signal: ${signal}` : `exit status ${code}`),
  )
  const failure = await promise
  if (failure === undefined) return output.trim()
  throw new Error(`failed to run command: ${command.text} Err: ${failure} Output: ${output.trim()}`)
}
