import { type ParseArgsConfig, parseArgs } from 'node:util'
import { isClusterName, type Layout, layoutOf } from '#cluster/layout.ts'
import { UsageError } from './usage-error.ts'

type Flags = NonNullable<ParseArgsConfig['options']>

/** Flags of the contract whose only value so far is the default: anything else is refused by name, never ignored. */
const single: Readonly<Record<string, string>> = {
  runtime: 'process',
  egress: 'none',
}

/** Parses flags and at most `operands` operands: `fairlead down c2` must not remove c1. @throws UsageError */
export function parseFlags<const T extends Flags>(
  verb: string,
  args: readonly string[],
  options: T,
  operands = 0,
) {
  const refuse = (why: string) =>
    new UsageError(`Cannot run \`fairlead ${verb}\`: ${why} (\`fairlead help\` shows the usage)`)
  const parsed = parse(args, options, refuse)
  const surplus = parsed.positionals[operands]
  if (surplus !== undefined) throw refuse(`nobody knows what ${surplus} is for`)
  return parsed
}

function parse<const T extends Flags>(
  args: readonly string[],
  options: T,
  refuse: (why: string) => UsageError,
) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, name: { type: 'string' } },
      allowPositionals: true,
      strict: true,
    })
  } catch (error) {
    const [message = ''] = error instanceof Error ? error.message.split('. ') : []
    throw refuse(message)
  }
}

export const singleValueFlags: Flags = Object.fromEntries(
  Object.keys(single).map((flag) => [flag, { type: 'string' as const }]),
)

/** @throws UsageError for a value that is not built yet */
export function refuseUnbuilt(values: Readonly<Record<string, unknown>>): void {
  for (const [flag, built] of Object.entries(single)) {
    const value = values[flag]
    if (value !== undefined && value !== built)
      throw new UsageError(
        `Cannot use --${flag} ${value}: it is not built yet (--${flag} ${built} is)`,
      )
  }
}

/** Splits at the first `--`: ours before, the command to run behind. */
export function splitCommand(args: readonly string[]): {
  readonly own: readonly string[]
  readonly command: readonly string[]
} {
  const at = args.indexOf('--')
  return at < 0
    ? { own: args, command: [] }
    : { own: args.slice(0, at), command: args.slice(at + 1) }
}

/** @throws UsageError where the name is none */
export function clusterNamed(name: string | undefined): Layout {
  const wanted = name ?? 'c1'
  if (!isClusterName(wanted))
    throw new UsageError(
      `Cannot use --name ${wanted}: a name is 1 to 32 lower-case letters, digits and dashes, with a letter or digit at both ends`,
    )
  return layoutOf(wanted)
}

/** A whole number. @throws UsageError */
export function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`Cannot use ${flag} ${text}: it is not a whole number`)
  return Number(text)
}

const UNIT_MS = { s: 1000, m: 60_000 } as const

/** `90s` or `5m`, in milliseconds. @throws UsageError */
export function duration(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return
  const [, number, unit] = /^([1-9]\d{0,4})(s|m)$/.exec(text) ?? []
  if (!number)
    throw new UsageError(`Cannot use ${flag} ${text}: it is no duration (like 90s or 5m)`)
  return Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS]
}

/** @throws UsageError where `value` is none of `allowed` */
export function oneOf<const T extends string>(
  flag: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined)
    throw new UsageError(`Cannot use ${flag} ${value}: it is one of ${allowed.join(', ')}`)
  return found
}
