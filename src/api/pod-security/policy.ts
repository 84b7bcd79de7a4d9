/** What a namespace's labels ask of its pods. Source: k8s.io/pod-security-admission v0.36 api/helpers.go. */
import { type FieldError, invalid } from '../field-error.ts'

const LEVELS = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof LEVELS)[number]

export interface LevelVersion {
  readonly level: Level
  /** Of the rules; Infinity for the latest. */
  readonly minor: number
}

/** Pods that break `enforce` are refused; of what breaks `warn` the client is told. Nobody audits here. */
export interface Policy {
  readonly enforce: LevelVersion
  readonly warn: LevelVersion
}

type Labels = Readonly<Record<string, string>>
type Mode = 'enforce' | 'audit' | 'warn'

const PREFIX = 'pod-security.kubernetes.io/'
const PRIVILEGED: LevelVersion = { level: 'privileged', minor: Infinity }

export const formatLevel = ({ level, minor }: LevelVersion): string =>
  `${level}:${minor === Infinity ? 'latest' : `v1.${minor}`}`

/** Positive where `a` is stricter. */
export const compareLevels = (a: Level, b: Level): number => LEVELS.indexOf(a) - LEVELS.indexOf(b)

/** With faults in the labels: `enforce` is as strict as can be, the others ask for nothing. */
export function readPolicy(labels: Labels = {}): {
  readonly policy: Policy
  readonly errors: readonly FieldError[]
} {
  const errors: FieldError[] = []
  const read = (mode: Mode, otherwise: Level) => ({
    level: readLevel(labels, mode, otherwise, errors),
    minor: readMinor(labels, mode, errors),
  })
  const enforce = read('enforce', 'restricted')
  read('audit', 'privileged')
  const given = read('warn', 'privileged')
  const isSaid = LEVELS.some((level) => level === labels[`${PREFIX}enforce`])
  const isSilent = labels[`${PREFIX}warn`] === undefined
  if (!isSilent || !isSaid) return { policy: { enforce, warn: given }, errors }
  // Who enforces a level wants to hear of templates that break it.
  const minor = labels[`${PREFIX}warn-version`] === undefined ? enforce.minor : given.minor
  const warn = enforce.level === 'privileged' ? given : { level: enforce.level, minor }
  return { policy: { enforce, warn }, errors }
}

function readLevel(labels: Labels, mode: Mode, otherwise: Level, errors: FieldError[]): Level {
  const label = `${PREFIX}${mode}`
  const value = labels[label]
  if (value === undefined) return PRIVILEGED.level
  const level = LEVELS.find((each) => each === value)
  if (level) return level
  errors.push(invalid(`metadata.labels[${label}]`, value, `must be one of ${LEVELS.join(', ')}`))
  return otherwise
}

function readMinor(labels: Labels, mode: Mode, errors: FieldError[]): number {
  const label = `${PREFIX}${mode}-version`
  const value = labels[label]
  if (value === undefined || value === 'latest') return PRIVILEGED.minor
  const [, minor] = /^v1\.(\d|[1-9]\d*)$/.exec(value) ?? []
  if (minor !== undefined) return Number(minor)
  errors.push(invalid(`metadata.labels[${label}]`, value, 'must be "latest" or "v1.x"'))
  return PRIVILEGED.minor
}
